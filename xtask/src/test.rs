//! `cargo xtask test`: everything that is checked, in one command and one closing line.

mod checks;
mod long;
mod show;
mod suites;
mod tally;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Result, bail};

use crate::step::seconds;
pub(crate) use tally::Tally;

/// A part of the whole, by the name that `--only` takes.
struct Part {
    name: &'static str,
    /// Whether it runs tests: then it must have run at least one.
    is_suite: bool,
    run: fn() -> Result<Tally>,
}

/// Quick ones first.
const PARTS: [Part; 8] = [
    Part { name: "fmt", is_suite: false, run: checks::format },
    Part { name: "tidy", is_suite: false, run: checks::tidy },
    Part { name: "deny", is_suite: false, run: checks::deny },
    Part { name: "clippy", is_suite: false, run: checks::clippy },
    Part { name: "doc", is_suite: false, run: checks::doc },
    Part { name: "page", is_suite: true, run: suites::page },
    Part { name: "unit", is_suite: true, run: suites::unit },
    Part { name: "e2e", is_suite: true, run: suites::e2e },
];

/// What takes too long for every change. Shortest first.
const LONG: [Part; 7] = [
    Part { name: "upgrade", is_suite: true, run: long::upgrade },
    Part { name: "software", is_suite: true, run: long::software },
    Part { name: "terminals", is_suite: true, run: long::terminals },
    Part { name: "vm", is_suite: true, run: long::vm },
    Part { name: "fuzz", is_suite: true, run: long::fuzz },
    Part { name: "faults", is_suite: true, run: long::faults },
    Part { name: "churn", is_suite: true, run: long::churn },
];

/// Runs the ordinary parts or the `long` ones: those named by `only`, separated by commas, or all of them when it is none.
/// One failing part does not keep the others from running.
///
/// # Errors
/// When `only` names something that is no part.
pub fn command(long: bool, only: Option<&str>) -> Result<ExitCode> {
    let (parts, option): (&[Part], _) = if long { (&LONG, "--long --only") } else { (&PARTS, "--only") };
    let chosen = choose(parts, only)?;
    let started = Instant::now();
    let mut sum = Tally::default();
    let mut broken = Vec::new();
    for part in chosen {
        let tally = (part.run)().unwrap_or_else(|error| {
            println!("\nerror: {error:#}\n");
            Tally::failed(1)
        });
        if tally.failed > 0 {
            broken.push(part.name);
        } else if part.is_suite && tally.passed == 0 {
            println!("\nerror: `{}` ran no test", part.name);
            broken.push(part.name);
        }
        sum += tally;
    }
    println!("\nin {}", seconds(started.elapsed()));
    if !broken.is_empty() {
        println!(
            "failed: {}. Once more with: cargo xtask test {option} {}",
            broken.join(", "),
            broken.join(",")
        );
    }
    println!("{sum}");
    Ok(if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn choose<'a>(parts: &'a [Part], only: Option<&str>) -> Result<Vec<&'a Part>> {
    let Some(only) = only else { return Ok(parts.iter().collect()) };
    let names: Vec<_> = only.split(',').collect();
    if let Some(unknown) = names.iter().find(|name| !parts.iter().any(|part| part.name == **name)) {
        let known: Vec<_> = parts.iter().map(|part| part.name).collect();
        bail!("there is no part `{unknown}`; there are {}", known.join(", "));
    }
    Ok(parts.iter().filter(|part| names.contains(&part.name)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_chosen_by_name_and_run_in_their_order() {
        let names =
            |only| choose(&PARTS, only).map(|parts| parts.iter().map(|part| part.name).collect::<Vec<_>>());
        assert_eq!(names(Some("unit,fmt")).unwrap(), ["fmt", "unit"]);
        assert_eq!(names(None).unwrap().len(), PARTS.len());
        assert!(names(Some("units")).unwrap_err().to_string().contains("no part `units`"));
    }
}

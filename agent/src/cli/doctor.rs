//! `doctor`: what this host can do, why it matters, and how to mend what it cannot.

use std::fmt::Write;
use std::path::Path;

use clap::Args;
use porthole_protocol::doctor::{Check, DoctorReport, Verdict};

use super::client::Client;
use super::failure::{Failure, warn};
use super::output::{print, print_json, style};
use crate::doctor;

/// Arguments of `doctor`.
#[derive(Clone, Debug, Args)]
pub struct DoctorArgs {
    /// Print the API's JSON.
    #[arg(long)]
    pub json: bool,
}

/// Asks the agent; gives 0 when nothing is missing, else 1.
///
/// # Errors
/// Any [`Failure`] of the agent or the way to it.
pub(super) async fn run(client: &Client, args: &DoctorArgs) -> Result<u8, Failure> {
    tell(&client.get("doctor").await?, args)
}

/// Looks for itself, for this user, as an agent that does not run yet would find things.
///
/// The launcher's examination forks: no other thread may be there.
///
/// # Errors
/// [`Failure::OutputClosed`] when nobody reads it.
pub(super) fn run_alone(args: &DoctorArgs) -> Result<u8, Failure> {
    if !args.json {
        warn("No agent answers; this is what one that you start would find.", "");
    }
    let state = porthole_launcher::state::default_path();
    let place = state.ancestors().find(|place| place.is_dir()).unwrap_or(Path::new("/"));
    let rootless = !rustix::process::geteuid().is_root();
    tell(&doctor::report(porthole_launcher::host::examine(place, rootless)), args)
}

fn tell(report: &DoctorReport, args: &DoctorArgs) -> Result<u8, Failure> {
    if args.json {
        print_json(report)?;
    } else {
        print(told(&report.checks))?;
    }
    Ok(u8::from(report.checks.iter().any(|check| check.verdict == Verdict::Missing)))
}

fn told(checks: &[Check]) -> String {
    let width = checks.iter().map(|check| check.name.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for check in checks {
        let mark = match check.verdict {
            Verdict::Works => style::good("✓"),
            Verdict::Degraded => style::fair("~"),
            Verdict::Missing => style::bad("✗"),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{mark} {:width$}  {}", check.name, check.found);
        let _ = writeln!(text, "    {}", style::dim(&check.why));
        if !check.fix.is_empty() {
            let _ = writeln!(text, "    → {}", check.fix);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_that_fails_says_how_to_mend_it() {
        let check = |name: &str, verdict, fix: &str| Check {
            name: name.into(),
            verdict,
            found: "found".into(),
            why: "It matters.".into(),
            fix: fix.into(),
        };
        let checks =
            [check("overlay", Verdict::Works, ""), check("kvm", Verdict::Missing, "Load the module.")];
        assert_eq!(
            anstream::adapter::strip_str(&told(&checks)).to_string(),
            "✓ overlay  found\n    It matters.\n✗ kvm      found\n    It matters.\n    → Load the module.\n"
        );
    }
}

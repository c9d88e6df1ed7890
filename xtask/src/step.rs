//! A step a person waits for: one line that says what happens and, when done, how long it took. What its commands
//! print is kept in a file and shown only when the step fails.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::workspace;

/// Lines of a failed command that are shown. Errors stand at the end; a tool in despair prints thousands before.
const SHOWN_LINES: usize = 200;

/// Says `  what … `, does it, and adds how long it took.
///
/// # Errors
/// Those of `work`, after the line was ended.
pub fn step<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let mut out = io::stdout();
    write!(out, "  {what} … ")?;
    out.flush()?;
    let started = Instant::now();
    let result = work();
    match &result {
        Ok(_) => writeln!(out, "{}", seconds(started.elapsed()))?,
        Err(_) => writeln!(out, "failed after {}", seconds(started.elapsed()))?,
    }
    result
}

/// Runs a command to its end, its output kept out of sight unless it fails.
///
/// # Errors
/// When it cannot be started, or ends with another status than 0; its output has then been printed.
pub fn quietly(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let log = log_path(&program)?;
    let file = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
    let status = command
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .status()
        .with_context(|| format!("cannot start {program}"))?;
    if status.success() {
        return Ok(());
    }
    println!("\n{}", last_lines(&String::from_utf8_lossy(&fs::read(&log)?), SHOWN_LINES));
    bail!("{}: {status}; all it printed is in {}", in_words(command), log.display())
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// The command as one would type it.
pub fn in_words(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy()];
    words.extend(command.get_args().map(|word| word.to_string_lossy()));
    words.join(" ")
}

/// `0.4 s`, `56 s`, `4 min 10 s`.
pub fn seconds(time: Duration) -> String {
    let whole = time.as_secs();
    match whole {
        0..10 => format!("{:.1} s", time.as_secs_f64()),
        10..120 => format!("{whole} s"),
        _ => format!("{} min {} s", whole / 60, whole % 60),
    }
}

fn log_path(program: &str) -> Result<PathBuf> {
    let dir = workspace::target().join("xtask");
    fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let name = program.rsplit('/').next().unwrap_or("command");
    Ok(dir.join(format!("{name}.log")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_like_a_person_says_them() {
        assert_eq!(seconds(Duration::from_millis(440)), "0.4 s");
        assert_eq!(seconds(Duration::from_millis(56_200)), "56 s");
        assert_eq!(seconds(Duration::from_secs(250)), "4 min 10 s");
    }

    #[test]
    fn a_long_output_is_shown_from_its_end() {
        assert_eq!(last_lines("one\ntwo\nthree\n", 2), "two\nthree");
        assert_eq!(last_lines("one\n", 2), "one");
    }

    #[test]
    fn a_failing_command_is_an_error_that_names_it() {
        let error = quietly(Command::new("ls").arg("/nowhere/at/all")).unwrap_err();
        assert!(error.to_string().starts_with("ls /nowhere/at/all: exit status"), "{error}");
    }
}

//! Runs a test runner: what it prints is shown as it comes, and kept to be counted.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::step::in_words;

/// What a runner printed, and whether it was content.
pub(super) struct Shown {
    pub(super) output: String,
    pub(super) success: bool,
}

/// Runs it to its end.
///
/// # Errors
/// When it cannot be started.
pub(super) fn show(mut command: Command) -> Result<Shown> {
    println!("\n  {}", in_words(&command));
    let (reader, writer) = io::pipe()?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn().with_context(|| format!("cannot start {}", in_words(&command)))?;
    // It holds writing ends of the pipe, which would keep the loop below from ending.
    drop(command);
    let mut output = Vec::new();
    let mut lines = BufReader::new(reader);
    loop {
        let start = output.len();
        if lines.read_until(b'\n', &mut output)? == 0 {
            break;
        }
        io::stdout().write_all(&output[start..])?;
    }
    let success = child.wait()?.success();
    Ok(Shown { output: String::from_utf8_lossy(&output).into_owned(), success })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_streams_are_kept_in_order() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo one; echo two >&2; exit 3"]);
        let shown = show(command).unwrap();
        assert_eq!(shown.output, "one\ntwo\n");
        assert!(!shown.success);
    }
}

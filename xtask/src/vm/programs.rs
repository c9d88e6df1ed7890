//! The test programs, built outside the machine, and the script that runs them inside.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};
use serde_json::Value;

use crate::workspace::{root, target};

/// What runs in the machine.
pub(super) struct Programs {
    tests: Vec<PathBuf>,
    probe: PathBuf,
}

/// Builds the launcher's test programs and the probe.
///
/// # Errors
/// When they do not build.
pub(super) fn build() -> Result<Programs> {
    let tests = cargo(&["test", "--no-run", "--package", "porthole-launcher"])?;
    let musl = "x86_64-unknown-linux-musl";
    cargo(&["build", "--package", "porthole-probe", "--target", musl])?;
    let probe = target().join(musl).join("debug/porthole-probe");
    Ok(Programs { tests, probe })
}

/// Runs cargo; returns the test programs that it made.
fn cargo(words: &[&str]) -> Result<Vec<PathBuf>> {
    let output =
        Command::new("cargo").args(words).arg("--message-format=json").current_dir(root()).output()?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr));
    }
    let messages = output.stdout.split(|byte| *byte == b'\n');
    let programs = messages
        .filter_map(|line| serde_json::from_slice::<Value>(line).ok())
        .filter(|message| message["profile"]["test"] == true)
        .filter_map(|message| message["executable"].as_str().map(PathBuf::from));
    Ok(programs.collect())
}

impl Programs {
    /// Runs each program; the status is that of the last one that failed.
    pub(super) fn script(&self, arguments: &[OsString]) -> String {
        let arguments: Vec<_> = arguments.iter().map(|word| quote(&word.to_string_lossy())).collect();
        let mut script = format!(
            "export PATH=/usr/sbin:/usr/bin:/sbin:/bin PORTHOLE_PROBE={} RUST_BACKTRACE=0 RUST_TEST_THREADS=1 NO_COLOR=1\n\
             cd {} || exit 1\nstatus=0\n",
            quote(&self.probe.to_string_lossy()),
            quote(&root().join("launcher").to_string_lossy()),
        );
        for test in &self.tests {
            let program = quote(&test.to_string_lossy());
            script += &format!("echo; echo {program}; {program} {} || status=$?\n", arguments.join(" "));
        }
        script + "exit $status\n"
    }
}

fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

//! The test programs, built outside the machine, and the script that runs them inside.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};
use serde_json::Value;

use crate::workspace::{root, target};

/// What runs in the machine.
pub(super) struct Programs {
    tests: Vec<Test>,
    probe: PathBuf,
}

/// One test program.
#[derive(Clone, Debug)]
pub(super) struct Test {
    pub(super) name: String,
    path: PathBuf,
}

/// Programs that ask nothing of the kernel: what is computed is the same everywhere.
const PURE: [&str; 2] = ["plan", "wire"];

/// Builds the launcher's test programs and the probe.
///
/// # Errors
/// When they do not build.
pub(super) fn build() -> Result<Programs> {
    let mut tests = cargo(&["test", "--no-run", "--package", "porthole-launcher"])?;
    tests.retain(|test| !PURE.contains(&test.name.as_str()));
    tests.sort_by(|one, other| one.name.cmp(&other.name));
    let musl = "x86_64-unknown-linux-musl";
    cargo(&["build", "--package", "porthole-probe", "--target", musl])?;
    let probe = target().join(musl).join("debug/porthole-probe");
    Ok(Programs { tests, probe })
}

/// Runs cargo; returns the test programs that it made.
fn cargo(words: &[&str]) -> Result<Vec<Test>> {
    let output =
        Command::new("cargo").args(words).arg("--message-format=json").current_dir(root()).output()?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr));
    }
    let messages = output.stdout.split(|byte| *byte == b'\n');
    let programs = messages
        .filter_map(|line| serde_json::from_slice::<Value>(line).ok())
        // Unit tests are a library's.
        .filter(|message| message["profile"]["test"] == true && message["target"]["kind"][0] == "test")
        .filter_map(|message| {
            let name = message["target"]["name"].as_str()?.to_owned();
            Some(Test { name, path: message["executable"].as_str()?.into() })
        });
    Ok(programs.collect())
}

impl Programs {
    /// Each of them.
    pub(super) fn tests(&self) -> &[Test] {
        &self.tests
    }

    /// Runs one of them; what it says is shown also where it succeeds: it may have skipped something.
    pub(super) fn script(&self, test: &Test, arguments: &[OsString]) -> String {
        let arguments: Vec<_> = arguments.iter().map(|word| quote(&word.to_string_lossy())).collect();
        format!(
            "export PATH=/usr/sbin:/usr/bin:/sbin:/bin PORTHOLE_PROBE={} RUST_BACKTRACE=0 RUST_TEST_THREADS=1 NO_COLOR=1 PORTHOLE_PATIENCE=240\n\
             cd {} || exit 1\nexec {} --nocapture {}\n",
            quote(&self.probe.to_string_lossy()),
            quote(&root().join("launcher").to_string_lossy()),
            quote(&test.path.to_string_lossy()),
            arguments.join(" "),
        )
    }
}

fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

//! Measures Porthole beside its peers, on one machine and in one run. Started by `cargo xtask bench`, which builds first.

mod keystroke;
mod machine;
mod neighbours;
mod ours;
mod pty;
mod pull;
mod rounds;
mod sample;
mod share;
mod start;
mod terminals;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use lexopt::prelude::*;

/// What a benchmark needs to know.
pub(crate) struct Setting {
    /// The program under test.
    pub(crate) porthole: PathBuf,
    /// The busybox root file system, a compressed archive; for `pull` and `share` the Debian image, an OCI layout.
    pub(crate) image: PathBuf,
    /// Where the JSON report goes.
    pub(crate) report: PathBuf,
    /// How often each contender runs; each benchmark has its own default.
    pub(crate) rounds: Option<usize>,
}

const NAMES: &str = "`start`, `terminals`, `pull`, `share` and `neighbours`";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let mut arguments = lexopt::Parser::from_env();
    let Some(Value(name)) = arguments.next()? else { bail!("which benchmark? There are {NAMES}") };
    let (mut porthole, mut image, mut report, mut rounds) = (None, None, None, None);
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("porthole") => porthole = Some(arguments.value()?.into()),
            Long("image") => image = Some(arguments.value()?.into()),
            Long("report") => report = Some(arguments.value()?.into()),
            Long("rounds") => rounds = Some(arguments.value()?.parse()?),
            other => bail!(other.unexpected()),
        }
    }
    let setting = Setting {
        porthole: porthole.context("--porthole is missing")?,
        image: image.context("--image is missing")?,
        report: report.context("--report is missing")?,
        rounds,
    };
    match name.to_str() {
        Some("start") => start::run(&setting),
        Some("terminals") => terminals::run(&setting),
        Some("pull") => pull::run(&setting),
        Some("neighbours") => neighbours::run(&setting),
        Some("share") => share::run(&setting),
        _ => bail!("there is no benchmark {name:?}; there are {NAMES}"),
    }
}

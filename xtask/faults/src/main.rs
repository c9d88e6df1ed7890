//! `cargo xtask faults`, see the library.

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use lexopt::prelude::*;
use porthole_faults::{Settings, run};

fn main() -> ExitCode {
    match faults() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn faults() -> Result<()> {
    let mut arguments = lexopt::Parser::from_env();
    let (mut porthole, mut rounds, mut seed, mut only, mut kills) = (None, 2_000, None, None, true);
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("porthole") => porthole = Some(arguments.value()?.into()),
            Long("rounds") => rounds = arguments.value()?.parse()?,
            Long("seed") => seed = Some(arguments.value()?.parse()?),
            Long("round") => only = Some(arguments.value()?.parse()?),
            Long("no-kills") => kills = false,
            other => bail!(other.unexpected()),
        }
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    run(&Settings {
        porthole: porthole.context("--porthole is missing")?,
        rounds,
        seed: seed.unwrap_or(u64::from(now.subsec_nanos())),
        only,
        kills,
    })
}

//! `cargo xtask churn`, see the library.

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use lexopt::prelude::*;
use porthole_churn::{Settings, room, run};

fn main() -> ExitCode {
    match churn() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn churn() -> Result<ExitCode> {
    if !room::is_inside() {
        let status = room::run(&mut room::again()?)?;
        return Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let mut arguments = lexopt::Parser::from_env();
    let (mut porthole, mut rounds, mut seed) = (None, 10_000, None);
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("porthole") => porthole = Some(arguments.value()?.into()),
            Long("seed") => seed = Some(arguments.value()?.parse()?),
            Value(number) => rounds = number.parse()?,
            other => bail!(other.unexpected()),
        }
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    run(&Settings {
        porthole: porthole.context("--porthole is missing")?,
        rounds,
        seed: seed.unwrap_or(u64::from(now.subsec_nanos())),
    })?;
    Ok(ExitCode::SUCCESS)
}

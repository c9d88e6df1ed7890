//! Tests that take from minutes to an hour.

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;

use super::tally::Tally;
use crate::{churn, vm};

/// Rounds of churn and of faults, and seconds for each target of the fuzzer.
const ROUNDS: &str = "10000";
const FAULTS: &str = "3000";
const SECONDS: u64 = 300;

/// The launcher's tests on a kernel whose cgroups are of version 2 alone.
pub(super) fn vm() -> Result<Tally> {
    let ran = vm::tests(&[])?;
    let mut tally = Tally::of_cargo_test(&ran.output);
    if !ran.whole && tally.failed == 0 {
        tally.failed = 1;
    }
    Ok(tally)
}

/// Every target of the fuzzer.
pub(super) fn fuzz() -> Result<Tally> {
    Ok(one(crate::fuzz::command(None, SECONDS)?))
}

/// Clients that go on whatever their connection suffers.
pub(super) fn faults() -> Result<Tally> {
    Ok(one(crate::faults::run(&["--rounds", FAULTS].map(OsString::from))?))
}

/// Containers that come and go while agent and launcher are killed.
pub(super) fn churn() -> Result<Tally> {
    Ok(one(churn::run(&[OsString::from(ROUNDS)])?))
}

fn one(code: ExitCode) -> Tally {
    if code == ExitCode::SUCCESS { Tally::passed(1) } else { Tally::failed(1) }
}

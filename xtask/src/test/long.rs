//! Tests that take from minutes to an hour.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use anyhow::Result;

use super::show::show;
use super::suites::counted;
use super::tally::Tally;
use crate::workspace::root;
use crate::{churn, image, setup, vm};

/// Rounds of churn and of faults, and seconds for each target of the fuzzer.
const ROUNDS: &str = "10000";
const FAULTS: &str = "3000";
const SECONDS: u64 = 300;

/// Debian's software, installed and used in a container.
pub(super) fn software() -> Result<Tally> {
    let archive = image::software()?;
    setup::busybox_image()?;
    crate::page::build()?;
    let mut test = Command::new("cargo");
    test.args(["test", "--package", "porthole", "--test", "software"])
        .env("PORTHOLE_SOFTWARE", archive)
        .current_dir(root());
    let shown = show(test)?;
    Ok(counted(Tally::of_cargo_test(&shown.output), &shown))
}

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

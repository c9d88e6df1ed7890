//! Tests that take from minutes to an hour. Built as the ordinary ones are, for the whole workspace: else features of what we
//! depend on would differ, and all of it would be built once more.

use std::ffi::{OsStr, OsString};
use std::process::{Command, ExitCode};

use anyhow::Result;

use super::show::show;
use super::suites::counted;
use super::tally::Tally;
use crate::fuzz::Wanted;
use crate::workspace::root;
use crate::{churn, image, run, setup, vm};

/// Rounds of churn and of faults, and seconds for each target of the fuzzer.
const ROUNDS: &str = "10000";
const FAULTS: &str = "3000";
const SECONDS: u64 = 300;

/// Debian's software, installed and used in a container.
pub(super) fn software() -> Result<Tally> {
    let archive = image::software()?;
    ready()?;
    cargo_test(&["--test", "software"], "PORTHOLE_SOFTWARE", archive.as_ref())
}

/// A gibibyte in a terminal, as many viewers as it takes, a recording that gets full.
pub(super) fn terminals() -> Result<Tally> {
    ready()?;
    let programs = ["--test", "stress", "--test", "recordings"];
    let tests = ["--", "--test-threads=1", "--nocapture", "gibibyte", "as_many_viewers", "that_is_full"];
    cargo_test(&[&programs[..], &tests].concat(), "PORTHOLE_LONG", "1".as_ref())
}

/// The build for releases takes over from that of the tests, and back.
pub(super) fn upgrade() -> Result<Tally> {
    ready()?;
    let other = run::build()?;
    cargo_test(&["--test", "upgrade"], "PORTHOLE_OTHER_BUILD", other.as_ref())
}

/// Runs tests of the agent, which `variable` tells what they need to know.
fn cargo_test(words: &[&str], variable: &str, value: &OsStr) -> Result<Tally> {
    let mut test = Command::new("cargo");
    test.args(["test", "--workspace"]).args(words).env(variable, value).current_dir(root());
    let shown = show(test)?;
    Ok(counted(Tally::of_cargo_test(&shown.output), &shown))
}

/// Makes what the tests of the agent need.
fn ready() -> Result<()> {
    setup::busybox_image()?;
    crate::page::build()
}

/// The launcher's tests on a kernel whose cgroups are of version 2 alone.
pub(super) fn vm() -> Result<Tally> {
    let ran = vm::tests(&[], &[])?;
    let mut tally = Tally::of_cargo_test(&ran.output);
    if !ran.whole && tally.failed == 0 {
        tally.failed = 1;
    }
    Ok(tally)
}

/// Every target of the fuzzer.
pub(super) fn fuzz() -> Result<Tally> {
    Ok(one(crate::fuzz::command(&Wanted { only: None, seconds: SECONDS, keep: false })?))
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

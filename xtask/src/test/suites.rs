//! The tests: in Rust against the real kernel, and in a real browser against the real program.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use super::show::{Shown, show};
use super::tally::Tally;
use crate::setup::{self, Package};
use crate::workspace::{find_program, root};
use crate::{page, run};

/// Unit, property and real-kernel tests of every crate, and the examples in its documentation.
pub(super) fn unit() -> Result<Tally> {
    setup::ensure_targets()?;
    page::build()?;
    setup::busybox_image()?;
    setup::ensure_peers();
    if find_program("cargo-nextest").is_none() {
        let shown = show(cargo(&["test", "--workspace", "--no-fail-fast"]))?;
        return Ok(counted(Tally::of_cargo_test(&shown.output), &shown));
    }
    let shown = show(cargo(&["nextest", "run", "--workspace", "--no-fail-fast"]))?;
    let mut tally = counted(Tally::of_nextest(&shown.output), &shown);
    let shown = show(cargo(&["test", "--quiet", "--workspace", "--doc"]))?;
    tally += counted(Tally::of_cargo_test(&shown.output), &shown);
    Ok(tally)
}

/// The page's modules in TypeScript that need no browser, and the types of all of them.
pub(super) fn page() -> Result<Tally> {
    setup::install_npm(".")?;
    let mut node = Command::new("node");
    node.arg("frontend/js/test.mjs").current_dir(root());
    let shown = show(node)?;
    Ok(counted(Tally::of_node(&shown.output), &shown))
}

/// What a person sees and does, in Chromium against the release build.
pub(super) fn e2e() -> Result<Tally> {
    setup::ensure_packages(&[Package {
        name: "chromium",
        purpose: "the browser that the specs drive",
        present: || find_program("chromium").is_some(),
    }])?;
    setup::install_npm("e2e")?;
    let porthole = run::build()?;
    let mut node = Command::new("node");
    node.args(["--test", "--test-reporter=spec", "--test-concurrency=1"])
        .args(specs()?)
        .env("PORTHOLE", porthole)
        .current_dir(root().join("e2e"));
    let shown = show(node)?;
    Ok(counted(Tally::of_node(&shown.output), &shown))
}

/// By name: Node.js 20 does not look into a folder for them.
fn specs() -> Result<Vec<PathBuf>> {
    let mut specs = Vec::new();
    for entry in fs::read_dir(root().join("e2e/specs"))? {
        let path = entry?.path();
        if path.to_string_lossy().ends_with(".spec.mjs") {
            specs.push(path);
        }
    }
    specs.sort();
    Ok(specs)
}

/// A runner that is not content without counting a failure has failed as a whole: it did not compile, or crashed.
pub(super) fn counted(mut tally: Tally, shown: &Shown) -> Tally {
    if !shown.success && tally.failed == 0 {
        tally.failed = 1;
    }
    tally
}

fn cargo(words: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(words).current_dir(root());
    command
}

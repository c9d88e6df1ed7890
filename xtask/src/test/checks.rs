//! Checks without tests: each one passes or fails as a whole.

use std::process::Command;

use anyhow::Result;

use super::tally::Tally;
use crate::step::{quietly, step};
use crate::workspace::{find_program, root};
use crate::{page, setup};

/// The page's own target.
const PAGE: [&str; 4] = ["--package", "porthole-web", "--target", "wasm32-unknown-unknown"];

pub(super) fn format() -> Result<Tally> {
    check("checking the format", cargo(&["fmt", "--all", "--check"]))
}

pub(super) fn tidy() -> Result<Tally> {
    let findings = step("checking the rules", || crate::tidy::findings(&root()))?;
    for finding in &findings {
        println!("{finding}");
    }
    Ok(if findings.is_empty() { Tally::passed(1) } else { Tally::failed(1) })
}

/// Licences, bans and sources; advisories would need the network.
pub(super) fn deny() -> Result<Tally> {
    if find_program("cargo-deny").is_none() {
        println!(
            "  SKIPPED: licences are not checked, cargo-deny is missing: cargo install --locked cargo-deny"
        );
        return Ok(Tally::skipped(1));
    }
    check(
        "checking licences and sources",
        cargo(&["deny", "--all-features", "check", "licenses", "bans", "sources"]),
    )
}

/// For this machine, tests included, and for the browser.
pub(super) fn clippy() -> Result<Tally> {
    setup::ensure_targets()?;
    page::build()?;
    setup::busybox_image()?;
    let mut native = cargo(&["clippy", "--workspace", "--all-targets"]);
    native.args(["--", "-D", "warnings"]);
    let mut tally = check("clippy", native)?;
    let mut wasm = cargo(&["clippy"]);
    wasm.args(PAGE).args(["--", "-D", "warnings"]);
    tally += check("clippy for the page", wasm)?;
    Ok(tally)
}

/// Links in documentation lead somewhere.
pub(super) fn doc() -> Result<Tally> {
    page::build()?;
    setup::busybox_image()?;
    let mut command = cargo(&["doc", "--workspace", "--no-deps", "--document-private-items"]);
    // Private items are documented here, so links to them lead somewhere.
    command.env("RUSTDOCFLAGS", "-D warnings -A rustdoc::private_intra_doc_links");
    check("checking the documentation", command)
}

fn check(what: &str, mut command: Command) -> Result<Tally> {
    step(what, || quietly(&mut command))?;
    Ok(Tally::passed(1))
}

fn cargo(words: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(words).current_dir(root());
    command
}

//! `cargo xtask churn`: containers come and go by the thousands while agent and launcher are killed, and nothing is left.

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;

use crate::setup::{Package, ensure_packages};
use crate::workspace::find_program;

/// Builds the agent and who wears it out, and runs it; `arguments` are its own: a number of rounds, `--seed N`.
///
/// # Errors
/// When something does not build or cannot be started.
pub fn run(arguments: &[OsString]) -> Result<ExitCode> {
    ensure_packages(&[Package {
        name: "nftables",
        purpose: "looking for firewall entries that are left",
        present: || find_program("nft").is_some(),
    }])?;
    crate::run::try_by("porthole-churn", "building who wears it out", arguments)
}

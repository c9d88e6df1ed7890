//! `cargo xtask tidy`: the rules of the code base that no compiler knows.

use std::process::ExitCode;

use anyhow::Result;

/// Prints what breaks a rule.
///
/// # Errors
/// When the repository cannot be read.
pub fn command() -> Result<ExitCode> {
    Ok(ExitCode::SUCCESS)
}

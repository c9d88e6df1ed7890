//! `cargo xtask tidy`: the rules of the code base that no compiler knows.

mod dependencies;
mod docs;
mod finding;
mod habits;
mod messages;
mod size;
mod source;
mod styles;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

pub use finding::Finding;
use source::Repository;

/// A rule: what it is about, and what breaks it.
type Rule = fn(&Repository) -> Vec<Finding>;

const RULES: [Rule; 10] = [
    size::no_file_is_too_long,
    dependencies::crates_keep_their_direction,
    habits::everything_has_its_place,
    messages::every_message_is_described,
    messages::every_close_code_is_described,
    docs::every_named_path_exists,
    docs::every_link_leads_somewhere,
    docs::every_decision_is_listed,
    docs::numbers_are_limits,
    styles::classes_are_defined_and_used,
];

/// Everything that breaks a rule, in the order of the rules.
///
/// # Errors
/// When the repository cannot be read.
pub fn findings(root: &Path) -> Result<Vec<Finding>> {
    let repository = Repository::read(root)?;
    Ok(RULES.iter().flat_map(|rule| rule(&repository)).collect())
}

/// Prints what breaks a rule.
///
/// # Errors
/// When the repository cannot be read.
pub fn command() -> Result<ExitCode> {
    let findings = findings(&crate::workspace::root())?;
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => println!("tidy"),
        1 => println!("\n1 finding"),
        many => println!("\n{many} findings"),
    }
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

//! Files stay small enough to be read in one go.

use super::finding::Finding;
use super::source::Repository;

/// Lines that no source file exceeds.
const CAP: usize = 600;

/// Rust, style sheets and scripts.
pub(super) fn no_file_is_too_long(repository: &Repository) -> Vec<Finding> {
    let is_source = |path: &str| ["rs", "css", "ts", "mjs"].iter().any(|e| path.ends_with(&format!(".{e}")));
    repository
        .files
        .iter()
        .filter(|file| is_source(&file.path))
        .map(|file| (file, file.text.lines().count()))
        .filter(|(_, lines)| *lines > CAP)
        .map(|(file, lines)| {
            Finding::new(
                &file.path,
                lines,
                format!(
                    "{lines} lines, more than {CAP}: find the second reason to change it, and split there"
                ),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_file_is_found() {
        let long = "\n".repeat(601);
        let repository =
            Repository::sample(&[("a/src/lib.rs", &long), ("docs/long.md", &long), ("b.rs", "\n")]);
        let findings = no_file_is_too_long(&repository);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].path, "a/src/lib.rs");
    }
}

//! What the documents say of the code is so.

use std::path::{Component, Path};

use super::finding::Finding;
use super::source::{Repository, Source};

/// Every Markdown file but the history, which may name what is gone.
fn documents(repository: &Repository) -> impl Iterator<Item = &Source> {
    repository.files.iter().filter(|file| file.path.ends_with(".md") && file.path != "CHANGELOG.md")
}

/// A path in backticks that starts with a folder of ours.
pub(super) fn every_named_path_exists(repository: &Repository) -> Vec<Finding> {
    let mut findings = Vec::new();
    for document in documents(repository) {
        for (line, word) in code_words(&document.text) {
            let path = word.trim_end_matches('/');
            let folder = path.split('/').next().unwrap_or_default();
            let is_ours = path.contains('/') && repository.paths.iter().any(|known| known == folder);
            let is_pattern = path.contains(['*', '…', '<', ' ', '{']);
            if is_ours && !is_pattern && !repository.paths.iter().any(|known| known == path) {
                findings.push(Finding::new(&document.path, line, format!("there is no `{path}`")));
            }
        }
    }
    findings
}

/// A Markdown link to a file.
pub(super) fn every_link_leads_somewhere(repository: &Repository) -> Vec<Finding> {
    let mut findings = Vec::new();
    for document in documents(repository) {
        for (index, line) in document.text.lines().enumerate() {
            for target in line.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
                let is_file = !target.is_empty() && !target.contains("://");
                if is_file && !repository.paths.contains(&resolve(&document.path, target)) {
                    findings.push(Finding::new(
                        &document.path,
                        index + 1,
                        format!("the link to {target} leads nowhere"),
                    ));
                }
            }
        }
    }
    findings
}

/// Every decision record is listed in their README.
pub(super) fn every_decision_is_listed(repository: &Repository) -> Vec<Finding> {
    let list = repository.file("docs/adr/README.md").map_or("", |list| &list.text);
    repository
        .under("docs/adr/", "md")
        .filter(|record| record.path != "docs/adr/README.md")
        .filter(|record| !record.path.rsplit('/').next().is_some_and(|name| list.contains(name)))
        .map(|record| Finding::new(&record.path, 1, "docs/adr/README.md does not list this decision"))
        .collect()
}

/// A large number in `docs/protocol.md`, written with commas, is the value of a constant.
pub(super) fn numbers_are_limits(repository: &Repository) -> Vec<Finding> {
    let (Some(limits), Some(document)) =
        (repository.file("shared/src/limits.rs"), repository.file("docs/protocol.md"))
    else {
        return Vec::new();
    };
    let mut values = constants(&limits.code());
    // What fits a frame beside its header, and the largest request number.
    values.extend(values.clone().iter().map(|value| value.saturating_sub(4)));
    values.push(u64::from(u32::MAX));
    let mut findings = Vec::new();
    for (index, line) in document.text.lines().enumerate() {
        let numbers =
            line.split(|c: char| !c.is_ascii_digit() && c != ',').map(|word| word.trim_matches(','));
        for number in numbers.filter(|number| is_grouped(number)) {
            if !number.replace(',', "").parse().is_ok_and(|value| values.contains(&value)) {
                findings.push(Finding::new(
                    &document.path,
                    index + 1,
                    format!("no limit in {} is {number}", limits.path),
                ));
            }
        }
    }
    findings
}

/// `65,536`: groups of three digits.
fn is_grouped(number: &str) -> bool {
    let mut groups = number.split(',');
    let first = groups.next().map_or(0, str::len);
    let rest: Vec<_> = groups.collect();
    (1..=3).contains(&first) && !rest.is_empty() && rest.iter().all(|group| group.len() == 3)
}

/// Values of `pub const NAME: TYPE = 64 * 1024;`.
fn constants(code: &str) -> Vec<u64> {
    code.lines()
        .filter_map(|line| line.strip_prefix("pub const ")?.split_once('=')?.1.trim().strip_suffix(';'))
        .filter_map(|product| {
            product.split('*').map(|factor| factor.trim().replace('_', "").parse::<u64>().ok()).product()
        })
        .collect()
}

/// Words in backticks, outside blocks of code, each with its line.
fn code_words(text: &str) -> Vec<(usize, &str)> {
    let mut in_block = false;
    let mut words = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        } else if !in_block {
            words.extend(line.split('`').skip(1).step_by(2).map(|word| (index + 1, word)));
        }
    }
    words
}

/// A link's target from the root of the repository.
fn resolve(document: &str, target: &str) -> String {
    let base = Path::new(document).parent().unwrap_or(Path::new(""));
    let mut parts = Vec::new();
    for component in base.join(target).components() {
        match component {
            Component::ParentDir => drop(parts.pop()),
            Component::Normal(part) => parts.push(part.to_string_lossy().into_owned()),
            _ => {}
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(findings: &[Finding]) -> Vec<(&str, usize)> {
        findings.iter().map(|finding| (finding.path.as_str(), finding.line)).collect()
    }

    #[test]
    fn a_path_that_is_gone_is_found() {
        let mut repository = Repository::sample(&[
            ("README.md", "`agent/src/lib.rs` `and/or`\n`agent/src/gone.rs`\n"),
            ("agent/src/lib.rs", ""),
        ]);
        repository.paths.push("agent".into());
        assert_eq!(lines(&every_named_path_exists(&repository)), [("README.md", 2)]);
    }

    #[test]
    fn a_dead_link_is_found() {
        let text = "[a](../README.md#x) [b](https://example.org/c)\n[d](gone.md)\n";
        let repository = Repository::sample(&[("docs/a.md", text), ("README.md", "")]);
        assert_eq!(lines(&every_link_leads_somewhere(&repository)), [("docs/a.md", 2)]);
    }

    #[test]
    fn an_unlisted_decision_is_found() {
        let repository = Repository::sample(&[
            ("docs/adr/0001-a.md", ""),
            ("docs/adr/0002-b.md", ""),
            ("docs/adr/README.md", "0001-a.md"),
        ]);
        assert_eq!(lines(&every_decision_is_listed(&repository)), [("docs/adr/0002-b.md", 1)]);
    }

    #[test]
    fn a_number_that_is_no_limit_is_found() {
        let repository = Repository::sample(&[
            ("shared/src/limits.rs", "pub const A: usize = 64 * 1024;\npub const B: u64 = 30_000;\n"),
            ("docs/protocol.md", "65,536 bytes, 30,000 ms, 65,532\n65,537 bytes\n"),
        ]);
        assert_eq!(lines(&numbers_are_limits(&repository)), [("docs/protocol.md", 2)]);
    }
}

//! The repository as the rules read it: every text that somebody wrote, and of Rust the code without comments,
//! the insides of strings, and tests.

mod rust;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use walkdir::{DirEntry, WalkDir};

use crate::workspace::is_generated;

/// Kinds of files that rules read.
const EXTENSIONS: [&str; 9] = ["rs", "md", "toml", "css", "html", "ts", "mjs", "js", "yml"];

/// One file.
pub(super) struct Source {
    /// From the root of the repository, with slashes.
    pub(super) path: String,
    /// As it was written.
    pub(super) text: String,
}

impl Source {
    /// Whether it is a Rust file that takes part in the product, tests inside it apart.
    pub(super) fn is_product(&self) -> bool {
        self.path.ends_with(".rs") && !is_test(&self.path)
    }

    /// Rust with comments and the insides of strings blanked; every line stays where it was.
    pub(super) fn code(&self) -> String {
        rust::code(&self.text)
    }

    /// As [`Source::code`], with `#[cfg(test)]` items blanked as well.
    pub(super) fn product_code(&self) -> String {
        rust::without_tests(&self.code())
    }

    /// The insides of the string literals outside tests, each with its line.
    pub(super) fn strings(&self) -> Vec<(usize, String)> {
        rust::strings(&self.text)
    }
}

/// A folder `tests`, and the probe, which is a test that runs inside containers.
fn is_test(path: &str) -> bool {
    path.split('/').any(|part| part == "tests")
        || path.ends_with("/tests.rs")
        || path.starts_with("launcher/probe/")
}

/// Every file that rules read, by path.
pub(super) struct Repository {
    /// The files.
    pub(super) files: Vec<Source>,
    /// Every file and folder, whatever its kind.
    pub(super) paths: Vec<String>,
}

impl Repository {
    /// Reads it from disk.
    ///
    /// # Errors
    /// When a file cannot be read or is not text.
    pub(super) fn read(root: &Path) -> Result<Self> {
        let mut repository = Self { files: Vec::new(), paths: Vec::new() };
        let written = |entry: &DirEntry| !entry.file_name().to_str().is_some_and(is_generated);
        for entry in WalkDir::new(root).min_depth(1).sort_by_file_name().into_iter().filter_entry(written) {
            let entry = entry?;
            let path = entry.path().strip_prefix(root)?.to_string_lossy().into_owned();
            let extension = entry.path().extension().and_then(|extension| extension.to_str());
            if entry.file_type().is_file() && extension.is_some_and(|e| EXTENSIONS.contains(&e)) {
                let text = fs::read_to_string(entry.path()).with_context(|| format!("cannot read {path}"))?;
                repository.files.push(Source { path: path.clone(), text });
            }
            repository.paths.push(path);
        }
        Ok(repository)
    }

    /// One file.
    pub(super) fn file(&self, path: &str) -> Option<&Source> {
        self.files.iter().find(|file| file.path == path)
    }

    /// The files of a folder, with this extension.
    pub(super) fn under<'a>(
        &'a self,
        folder: &'a str,
        extension: &'a str,
    ) -> impl Iterator<Item = &'a Source> {
        self.files.iter().filter(move |file| {
            file.path.starts_with(folder) && Path::new(&file.path).extension().is_some_and(|e| e == extension)
        })
    }

    /// A repository of a few files, for the tests of rules.
    #[cfg(test)]
    pub(super) fn sample(files: &[(&str, &str)]) -> Self {
        let source = |(path, text): &(&str, &str)| Source { path: (*path).into(), text: (*text).into() };
        Self {
            files: files.iter().map(source).collect(),
            paths: files.iter().map(|(path, _)| (*path).into()).collect(),
        }
    }
}

/// The line, counted from 1, of a byte of a text.
pub(super) fn line_of(text: &str, offset: usize) -> usize {
    text[..offset].matches('\n').count() + 1
}

/// Where `pattern` stands in `code` as whole words: not as a part of a longer name.
pub(super) fn find_words<'a>(code: &'a str, pattern: &'a str) -> impl Iterator<Item = usize> + 'a {
    let is_name = |character: char| character.is_alphanumeric() || character == '_';
    code.match_indices(pattern).map(|(at, _)| at).filter(move |at| {
        let before = code[..*at].chars().next_back();
        let after = code[at + pattern.len()..].chars().next();
        let joined_before = pattern.starts_with(is_name) && before.is_some_and(is_name);
        let joined_after = pattern.ends_with(is_name) && after.is_some_and(is_name);
        !joined_before && !joined_after
    })
}

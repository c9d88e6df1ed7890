//! Knows whether something was already made from what its inputs are now.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use walkdir::{DirEntry, WalkDir};

use crate::workspace;

/// A fingerprint of inputs, to be compared with the one of the last successful making.
pub struct Stamp {
    path: PathBuf,
    fingerprint: String,
}

impl Stamp {
    /// Fingerprints the names and contents of `inputs`: files and folders under the root, generated
    /// folders in them and missing ones left out; and `words`, for what else decides the outcome.
    ///
    /// # Errors
    /// When an input cannot be read.
    pub fn of(name: &str, inputs: &[&str], words: &[&str]) -> Result<Self> {
        Self::under(&workspace::root(), &workspace::target().join("xtask"), name, inputs, words)
    }

    fn under(root: &Path, dir: &Path, name: &str, inputs: &[&str], words: &[&str]) -> Result<Self> {
        let mut hash = Sha256::new();
        for word in words {
            add(&mut hash, word.as_bytes());
        }
        for input in inputs.iter().map(|input| root.join(input)).filter(|input| input.exists()) {
            let written = |entry: &DirEntry| !entry.file_name().to_str().is_some_and(workspace::is_generated);
            for entry in WalkDir::new(&input).sort_by_file_name().into_iter().filter_entry(written) {
                let entry = entry?;
                if entry.file_type().is_file() {
                    let path = entry.path();
                    add(&mut hash, path.as_os_str().as_encoded_bytes());
                    add(
                        &mut hash,
                        &fs::read(path).with_context(|| format!("cannot read {}", path.display()))?,
                    );
                }
            }
        }
        Ok(Self { path: dir.join(format!("{name}.stamp")), fingerprint: hex(&hash.finalize()) })
    }

    /// Whether the last making had these very inputs.
    pub fn is_current(&self) -> bool {
        fs::read_to_string(&self.path).is_ok_and(|last| last == self.fingerprint)
    }

    /// Says that it has been made from these inputs.
    ///
    /// # Errors
    /// When the stamp cannot be written.
    pub fn made(&self) -> Result<()> {
        let dir = self.path.parent().expect("a stamp lies in a folder");
        fs::create_dir_all(dir)?;
        fs::write(&self.path, &self.fingerprint)
            .with_context(|| format!("cannot write {}", self.path.display()))
    }
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
        text
    })
}

/// Length first, so that no two lists of parts look alike.
fn add(hash: &mut Sha256, part: &[u8]) {
    hash.update(part.len().to_be_bytes());
    hash.update(part);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_change_of_an_input_asks_for_a_new_making() {
        let dir = tempfile::tempdir().unwrap();
        let stamp = || Stamp::under(dir.path(), dir.path(), "page", &["src", "lock"], &["tool 1"]).unwrap();
        fs::create_dir(dir.path().join("src")).unwrap();
        fs::write(dir.path().join("src/a"), "one").unwrap();
        assert!(!stamp().is_current(), "never made");

        stamp().made().unwrap();
        assert!(stamp().is_current());

        fs::write(dir.path().join("src/a"), "two").unwrap();
        assert!(!stamp().is_current(), "a changed file");

        stamp().made().unwrap();
        fs::rename(dir.path().join("src/a"), dir.path().join("src/b")).unwrap();
        assert!(!stamp().is_current(), "a renamed file");
    }
}

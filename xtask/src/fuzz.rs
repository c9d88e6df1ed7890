//! `cargo xtask fuzz`: libFuzzer at every door that bytes of strangers come in by. What it finds worth keeping is kept
//! beside the build, and the next run begins with it; `--keep` puts the best of it into the corpora of the repository.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::setup;
use crate::step::{in_words, quietly, step};
use crate::workspace::{root, target};

/// Longest input, in bytes: above a tar archive of several members.
const LONGEST: &str = "-max_len=16384";

/// Longest that one input may take, in seconds.
const SLOWEST: &str = "-timeout=20";

/// Most memory, in MiB, that it may take.
const MOST: &str = "-rss_limit_mb=1024";

/// Inputs that `--keep` adds to one corpus at a time, and the longest of them, in bytes.
const KEPT: usize = 12;
const KEPT_BYTES: u64 = 2048;

/// The profile of releases would link the whole program anew by its intermediate code, and leave no name for a report.
const PROFILE: [(&str, &str); 4] = [
    ("CARGO_PROFILE_RELEASE_LTO", "off"),
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "2"),
    ("CARGO_PROFILE_RELEASE_DEBUG", "line-tables-only"),
    ("CARGO_PROFILE_RELEASE_STRIP", "false"),
];

/// What is asked for.
#[derive(Debug)]
pub struct Wanted {
    /// The one target; all of them where there is none.
    pub only: Option<String>,
    /// For each.
    pub seconds: u64,
    /// Whether the corpora of the repository get what is worth keeping.
    pub keep: bool,
}

/// Runs the target of this name, or each one, for so many seconds.
///
/// # Errors
/// When it does not build, or there is no such target. What a target does not bear is a failing status.
pub fn command(wanted: &Wanted) -> Result<ExitCode> {
    let names = names()?;
    let only = wanted.only.as_deref();
    if let Some(unknown) = only.filter(|only| !names.iter().any(|name| name == only)) {
        bail!("there is no target `{unknown}`; there are {}", names.join(", "));
    }
    let program = step("building the fuzzer", build)?;
    let mut broken = Vec::new();
    for name in names.iter().filter(|name| only.is_none_or(|only| only == *name)) {
        let target = Target { program: &program, name };
        if !target.run(wanted.seconds)? {
            broken.push(name.as_str());
        } else if wanted.keep {
            println!("    {} kept", target.keep()?);
        }
    }
    if broken.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    println!(
        "\nbroken: {}. Keep what broke it in fuzz/corpus/, mend it, and run it again",
        broken.join(", ")
    );
    Ok(ExitCode::FAILURE)
}

/// Builds the one program that holds every target.
fn build() -> Result<PathBuf> {
    setup::busybox_image()?;
    let (triple, to) = ("x86_64-unknown-linux-gnu", target().join("fuzzing"));
    let mut command = Command::new("cargo");
    command
        .args(["fuzz", "build", "--features", "libfuzzer", "--codegen-units", "16"])
        .args(["--target", triple, "--target-dir"])
        .arg(&to)
        .arg("door")
        .current_dir(root())
        .env("PATH", setup::cargo_fuzz()?)
        .envs(PROFILE)
        // Sanitizers and coverage are options of nightly compilers; ours knows them as well.
        .env("RUSTC_BOOTSTRAP", "1");
    quietly(&mut command)?;
    Ok(to.join(triple).join("release/door"))
}

/// Every target, by its corpus.
fn names() -> Result<Vec<String>> {
    let folders = fs::read_dir(root().join("fuzz/corpus")).context("fuzz/corpus")?;
    let names = folders.map(|folder| Ok(folder?.file_name().to_string_lossy().into_owned()));
    let mut names = names.collect::<Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}

/// One of them.
struct Target<'a> {
    program: &'a Path,
    name: &'a str,
}

impl Target<'_> {
    /// Runs it and prints what came of it: false when it does not bear something.
    fn run(&self, seconds: u64) -> Result<bool> {
        fs::create_dir_all(self.found())?;
        let broken = root().join("fuzz/artifacts").join(self.name);
        fs::create_dir_all(&broken)?;
        let mut command = self.fuzzer();
        command.args([self.found(), self.kept()]);
        command.arg(format!("-max_total_time={seconds}")).args([LONGEST, SLOWEST, MOST]);
        command.arg(format!("-artifact_prefix={}/", broken.display()));
        let log = target().join("xtask").join(format!("fuzz-{}.log", self.name));
        let output = File::create(&log)?;
        let ended = step(&format!("{}, {seconds} s", self.name), || {
            let status = command.stdout(output.try_clone()?).stderr(output).status()?;
            if status.success() { Ok(()) } else { bail!("{}", in_words(&command)) }
        });
        let text = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
        if ended.is_ok() {
            println!(
                "    {}",
                text.lines().rfind(|line| line.contains("\tDONE ")).unwrap_or("it ran nothing")
            );
        } else {
            let lines: Vec<_> = text.lines().rev().take(30).collect();
            lines.iter().rev().for_each(|line| println!("    {line}"));
        }
        Ok(ended.is_ok())
    }

    /// Adds to the corpus of the repository what reaches more than it does; answers how many.
    fn keep(&self) -> Result<usize> {
        let more = tempfile::tempdir()?;
        // What the first folder reaches already is not taken from the others.
        for kept in fs::read_dir(self.kept())? {
            let kept = kept?;
            fs::copy(kept.path(), more.path().join(kept.file_name()))?;
        }
        let mut merge = self.fuzzer();
        quietly(merge.args(["-merge=1", LONGEST]).args([more.path(), &self.found()]))?;
        let mut found = Vec::new();
        for entry in fs::read_dir(more.path())? {
            let entry = entry?;
            if !self.kept().join(entry.file_name()).exists() {
                found.push((entry.metadata()?.len(), entry.path()));
            }
        }
        found.retain(|(length, _)| *length <= KEPT_BYTES);
        found.sort();
        // Of all lengths: the shortest alone would be the shallowest.
        let count = found.len().min(KEPT);
        for n in 0..count {
            let (_, path) = &found[n * found.len() / count];
            fs::copy(path, self.kept().join(path.file_name().unwrap_or(OsStr::new("found"))))?;
        }
        Ok(count)
    }

    fn fuzzer(&self) -> Command {
        let mut command = Command::new(self.program);
        command.env("PORTHOLE_FUZZ_DOOR", self.name);
        command
    }

    /// What earlier runs have found, and this one adds to.
    fn found(&self) -> PathBuf {
        target().join("fuzz-corpus").join(self.name)
    }

    fn kept(&self) -> PathBuf {
        root().join("fuzz/corpus").join(self.name)
    }
}

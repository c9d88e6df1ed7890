//! `cargo xtask fuzz`: libFuzzer at every door that bytes of strangers come in by. What it finds worth keeping is kept
//! beside the build, and the next run begins with it.

use std::fs;
use std::path::Path;
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

/// Runs the target of this name, or each one, for so many seconds.
///
/// # Errors
/// When it does not build, or there is no such target. What a target does not bear is a failing status.
pub fn command(only: Option<&str>, seconds: u64) -> Result<ExitCode> {
    let names = names()?;
    if let Some(unknown) = only.filter(|only| !names.iter().any(|name| name == only)) {
        bail!("there is no target `{unknown}`; there are {}", names.join(", "));
    }
    setup::busybox_image()?;
    let path = setup::cargo_fuzz()?;
    let fuzz = |verb: &str| {
        let mut command = Command::new("cargo");
        command
            .args(["fuzz", verb, "--features", "libfuzzer", "--target-dir"])
            .arg(target().join("fuzzing"))
            .current_dir(root())
            .env("PATH", &path);
        // Sanitizers and coverage are options of nightly compilers; ours knows them as well.
        command.env("RUSTC_BOOTSTRAP", "1");
        command
    };
    step("building the targets", || quietly(&mut fuzz("build")))?;
    let mut broken = Vec::new();
    for name in names.iter().filter(|name| only.is_none_or(|only| only == *name)) {
        let found = target().join("fuzz-corpus").join(name);
        fs::create_dir_all(&found)?;
        let seconds = format!("-max_total_time={seconds}");
        let kept = root().join("fuzz/corpus").join(name);
        let mut command = fuzz("run");
        command.arg(name).args([&found, &kept]).args(["--", &seconds, LONGEST, SLOWEST, MOST]);
        let log = target().join("xtask").join(format!("fuzz-{name}.log"));
        let output = fs::File::create(&log)?;
        let told = format!("{name}, {}", &seconds["-max_total_time=".len()..]);
        let ended = step(&format!("{told} s"), || {
            let status = command.stdout(output.try_clone()?).stderr(output).status()?;
            if status.success() { Ok(()) } else { bail!("{}", in_words(&command)) }
        });
        let text = fs::read_to_string(&log).unwrap_or_default();
        match ended {
            Ok(()) => println!("    {}", text.lines().rfind(|line| line.starts_with("Done ")).unwrap_or("")),
            Err(_) => {
                let lines: Vec<_> = text.lines().rev().take(30).collect();
                lines.iter().rev().for_each(|line| println!("    {line}"));
                broken.push(name.as_str());
            }
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

/// Every target, by its file.
fn names() -> Result<Vec<String>> {
    let files = fs::read_dir(root().join("fuzz/targets")).context("fuzz/targets")?;
    let mut names = Vec::new();
    for file in files {
        let path = file?.path();
        let stem = path.file_stem().and_then(|stem| stem.to_str()).map(str::to_owned);
        names.extend(stem.filter(|_| Path::new(&path).extension().is_some_and(|kind| kind == "rs")));
    }
    names.sort();
    Ok(names)
}

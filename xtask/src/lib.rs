//! `cargo xtask`: everything a developer does with Porthole.

pub mod bench;
pub mod churn;
pub mod dist;
pub mod elf;
pub mod escapes;
pub mod faults;
pub mod fuzz;
pub mod image;
pub mod page;
pub mod run;
pub mod setup;
pub mod stamp;
pub mod step;
pub mod test;
pub mod tidy;
pub mod vm;
pub mod workspace;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use lexopt::prelude::*;

const HELP: &str = "\
Usage: cargo xtask COMMAND

  run [-- ARGUMENTS]    install what is missing, build, and start `porthole serve ARGUMENTS`
  test [--only PARTS]   run every check and test, or those named: fmt,tidy,deny,clippy,doc,unit,e2e
  test --long           instead, the tests that take long: upgrade,software,terminals,vm,fuzz,faults,churn
  tidy                  check the rules of the code base that no compiler knows
  vm [PROGRAM…] [-- ARGUMENTS]
                        run the launcher's tests on a kernel with cgroups of version 2 alone
  escapes [--engine builtin|runc|crun|runsc] [--write]
                        try to get out of containers in every known way; print the table, or publish it as well
  churn [ROUNDS] [--seed N]
                        launch, use and remove containers while agent and launcher are killed; nothing may be left
  faults [--rounds N] [--seed N [--round N]] [--no-kills]
                        type and read through a network that misbehaves while the agent is killed; no byte may be lost
  fuzz [TARGET] [--seconds N] [--keep]
                        give each parser of strangers' bytes what a fuzzer makes of its corpus; keep the best of it
  bench start [-- --rounds N]
                        measure request to first prompt byte, beside bwrap, crun and runc
  bench terminals       measure what a terminal carries, keystrokes, resuming, viewers, beside a raw PTY reader
  bench pull            measure pulling the Debian image, beside Docker, Podman, and skopeo with umoci
  bench share           measure the disk that 20 containers use, and a commit, beside Docker and Podman
  bench neighbours      measure keystroke to echo beside containers that use up whatever they are let
  image debian [--output FILE]
                        make a Debian image with Python, strace and vim; add it to the agent that runs, or write FILE
  dist                  make the one binary that runs alone on another machine
";

/// Does what the command line asks for.
///
/// # Errors
/// When the command line is not understood, or what it asks for cannot be done.
pub fn command() -> Result<ExitCode> {
    let mut arguments = lexopt::Parser::from_env();
    match arguments.next()? {
        Some(Value(name)) if name == "run" => run::run(&passed_on(&mut arguments)?),
        Some(Value(name)) if name == "test" => {
            let (long, only) = which_tests(&mut arguments)?;
            test::command(long, only.as_deref())
        }
        Some(Value(name)) if name == "churn" => churn::run(&arguments.raw_args()?.collect::<Vec<_>>()),
        Some(Value(name)) if name == "faults" => faults::run(&arguments.raw_args()?.collect::<Vec<_>>()),
        Some(Value(name)) if name == "fuzz" => fuzz::command(&what_to_fuzz(&mut arguments)?),
        Some(Value(name)) if name == "tidy" => nothing_more(&mut arguments).and_then(|()| tidy::command()),
        Some(Value(name)) if name == "escapes" => escapes(&mut arguments),
        Some(Value(name)) if name == "dist" => nothing_more(&mut arguments).and_then(|()| dist::command()),
        Some(Value(name)) if name == "bench" => {
            let benchmark = arguments.value()?.string()?;
            bench::command(&benchmark, &passed_on(&mut arguments)?)
        }
        Some(Value(name)) if name == "image" => {
            let image = arguments.value()?.string()?;
            image::command(&image, output(&mut arguments)?.as_deref())
        }
        Some(Value(name)) if name == "vm" => {
            let words = arguments.raw_args()?.collect::<Vec<_>>();
            let (only, rest) =
                words.split_at(words.iter().position(|word| word == "--").unwrap_or(words.len()));
            let only: Vec<_> = only.iter().map(|word| word.to_string_lossy().into_owned()).collect();
            vm::run(&only, rest.get(1..).unwrap_or_default())
        }
        None | Some(Short('h') | Long("help")) => {
            print!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        Some(other) => bail!("{}\n\n{HELP}", other.unexpected()),
    }
}

fn escapes(arguments: &mut lexopt::Parser) -> Result<ExitCode> {
    let (mut engine, mut write) = (None, false);
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("engine") => engine = Some(arguments.value()?.string()?),
            Long("write") => write = true,
            other => bail!(other.unexpected()),
        }
    }
    escapes::command(engine.as_deref(), write)
}

/// Whether the long ones, and the parts that are named.
fn which_tests(arguments: &mut lexopt::Parser) -> Result<(bool, Option<String>)> {
    let (mut long, mut only) = (false, None);
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("long") => long = true,
            Long("only") => only = Some(arguments.value()?.string()?),
            other => bail!(other.unexpected()),
        }
    }
    Ok((long, only))
}

/// The target that is named, for how many seconds each one is run, and whether what is found is kept.
fn what_to_fuzz(arguments: &mut lexopt::Parser) -> Result<fuzz::Wanted> {
    let mut wanted = fuzz::Wanted { only: None, seconds: 60, keep: false };
    while let Some(argument) = arguments.next()? {
        match argument {
            Value(name) if wanted.only.is_none() => wanted.only = Some(name.string()?),
            Long("seconds") => wanted.seconds = arguments.value()?.parse()?,
            Long("keep") => wanted.keep = true,
            other => bail!(other.unexpected()),
        }
    }
    Ok(wanted)
}

fn output(arguments: &mut lexopt::Parser) -> Result<Option<PathBuf>> {
    match arguments.next()? {
        None => Ok(None),
        Some(Short('o') | Long("output")) => {
            let file = arguments.value()?;
            nothing_more(arguments)?;
            Ok(Some(file.into()))
        }
        Some(other) => bail!(other.unexpected()),
    }
}

fn nothing_more(arguments: &mut lexopt::Parser) -> Result<()> {
    match arguments.next()? {
        None => Ok(()),
        Some(other) => bail!(other.unexpected()),
    }
}

/// What stands after `--`, for another program.
fn passed_on(arguments: &mut lexopt::Parser) -> Result<Vec<OsString>> {
    let mut rest = arguments.raw_args()?;
    match rest.next() {
        Some(separator) if separator == "--" => Ok(rest.collect()),
        None => Ok(Vec::new()),
        Some(other) => bail!("unexpected {other:?}; arguments for another program go after `--`"),
    }
}

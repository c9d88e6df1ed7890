//! `cargo xtask vm`: the launcher's real-kernel tests on a kernel whose cgroups are version 2 alone.
//!
//! A development machine may have its controllers on version 1, and they cannot be moved while it runs. So a virtual
//! machine boots Debian's kernel with this machine's own file system, read-only, and a disk of its own on /tmp; the tests
//! were built outside. QEMU emulates the processor (two or three seconds to boot), because nested virtualisation cannot
//! be counted on: functions are tested here, never speed.

mod kernel;
mod machine;
mod programs;

use std::ffi::OsString;
use std::fmt::Write;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Result, bail};

use crate::setup::{Package, ensure_packages};
use crate::step::{seconds, step};
use crate::test::Tally;
use crate::workspace::find_program;

/// What the tests printed, and whether each program came to its end and was content.
pub struct Ran {
    /// Of all programs.
    pub output: String,
    /// Whether all of them succeeded.
    pub whole: bool,
}

/// Runs [`tests`] for a person.
///
/// # Errors
/// As [`tests`]; failing tests are a failing status.
pub fn run(only: &[String], arguments: &[OsString]) -> Result<ExitCode> {
    Ok(if tests(only, arguments)?.whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs each test program, or those that are named, in a machine of its own: one that hangs takes no other with it, and each begins with an empty disk
/// and nothing running. `arguments` go to each program, such as a filter.
///
/// # Errors
/// When the machine cannot be made.
pub fn tests(only: &[String], arguments: &[OsString]) -> Result<Ran> {
    ensure_packages(&[
        package("qemu-system-x86", "the virtual machine", || find_program("qemu-system-x86_64").is_some()),
        package("busybox-static", "its first program", || find_program("busybox").is_some()),
        package("xz-utils", "unpacking its kernel", || find_program("xz").is_some()),
        package("cpio", "its first file system", || find_program("cpio").is_some()),
        package("e2fsprogs", "its disk", || find_program("mkfs.ext4").is_some()),
    ])?;
    let kernel = step("fetching and unpacking Debian's kernel", kernel::ensure)?;
    let programs = step("building the launcher's tests", programs::build)?;
    if let Some(unknown) = only.iter().find(|only| programs.tests().iter().all(|test| test.name != **only)) {
        bail!("the launcher has no test program `{unknown}` that asks something of the kernel");
    }
    let mut ran = Ran { output: String::new(), whole: true };
    let mut table = String::new();
    for test in programs.tests().iter().filter(|test| only.is_empty() || only.contains(&test.name)) {
        println!("\n  {}", test.name);
        let begun = Instant::now();
        let told = match machine::run(&kernel, &programs.script(test, arguments)) {
            Ok((status, output)) => {
                ran.whole &= status == 0;
                let told = format!(
                    "{}, {} skips told",
                    Tally::of_cargo_test(&output),
                    output.matches("SKIPPED:").count()
                );
                ran.output += &output;
                told
            }
            Err(error) => {
                println!("error: {}: {error:#}", test.name);
                ran.whole = false;
                "did not come to its end".to_owned()
            }
        };
        writeln!(table, "  {:<10} {told}, {}", test.name, seconds(begun.elapsed()))?;
    }
    println!("\n{table}");
    Ok(ran)
}

fn package(name: &'static str, purpose: &'static str, present: fn() -> bool) -> Package {
    Package { name, purpose, present }
}

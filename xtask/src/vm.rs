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
use std::process::ExitCode;

use anyhow::Result;

use crate::setup::{Package, ensure_packages};
use crate::step::step;
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
pub fn run(arguments: &[OsString]) -> Result<ExitCode> {
    Ok(if tests(arguments)?.whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs each test program in a machine of its own: one that hangs takes no other with it, and each begins with an empty disk
/// and nothing running. `arguments` go to each program, such as a filter.
///
/// # Errors
/// When the machine cannot be made.
pub fn tests(arguments: &[OsString]) -> Result<Ran> {
    ensure_packages(&[
        package("qemu-system-x86", "the virtual machine", || find_program("qemu-system-x86_64").is_some()),
        package("busybox-static", "its first program", || find_program("busybox").is_some()),
        package("xz-utils", "unpacking its kernel", || find_program("xz").is_some()),
        package("cpio", "its first file system", || find_program("cpio").is_some()),
        package("e2fsprogs", "its disk", || find_program("mkfs.ext4").is_some()),
    ])?;
    let kernel = step("fetching and unpacking Debian's kernel", kernel::ensure)?;
    let programs = step("building the launcher's tests", programs::build)?;
    let mut ran = Ran { output: String::new(), whole: true };
    for test in programs.tests() {
        println!("\n  {}", test.name);
        match machine::run(&kernel, &programs.script(test, arguments)) {
            Ok((status, output)) => {
                ran.output += &output;
                ran.whole &= status == 0;
            }
            Err(error) => {
                println!("error: {}: {error:#}", test.name);
                ran.whole = false;
            }
        }
    }
    Ok(ran)
}

fn package(name: &'static str, purpose: &'static str, present: fn() -> bool) -> Package {
    Package { name, purpose, present }
}

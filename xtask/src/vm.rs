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

/// Boots the machine and runs the tests in it; `arguments` go to each test program, such as a filter.
///
/// # Errors
/// When the machine cannot be made or does not boot; failing tests are a failing status.
pub fn run(arguments: &[OsString]) -> Result<ExitCode> {
    ensure_packages(&[
        package("qemu-system-x86", "the virtual machine", || find_program("qemu-system-x86_64").is_some()),
        package("busybox-static", "its first program", || find_program("busybox").is_some()),
        package("xz-utils", "unpacking its kernel", || find_program("xz").is_some()),
        package("cpio", "its first file system", || find_program("cpio").is_some()),
        package("e2fsprogs", "its disk", || find_program("mkfs.ext4").is_some()),
    ])?;
    let kernel = step("fetching and unpacking Debian's kernel", kernel::ensure)?;
    let programs = step("building the launcher's tests", programs::build)?;
    machine::run(&kernel, &programs.script(arguments))
}

fn package(name: &'static str, purpose: &'static str, present: fn() -> bool) -> Package {
    Package { name, purpose, present }
}

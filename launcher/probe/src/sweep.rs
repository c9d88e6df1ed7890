//! Every system call by number, each made with arguments that nothing accepts, in a child of its own. For containers only:
//! on a host, as root, some of them would do harm.

use nix::libc;
use nix::sys::wait::WaitStatus;

use crate::sys;

/// One past the highest number tried: some calls of the future as well.
pub const CALLS: i64 = 512;

/// Where the numbers of x32 begin.
const X32: i64 = 0x4000_0000;

/// Not made, because they would do what they say whatever their arguments: wait for all disks, and for ever.
const SKIPPED: [i64; 2] = [libc::SYS_sync, libc::SYS_pause];

/// Makes every call of the native table, of x32 and of the 32-bit one; one line each: table, number, and how it ended.
#[must_use]
pub fn sweep() -> String {
    let mut lines = String::new();
    for number in 0..CALLS {
        let native =
            if SKIPPED.contains(&number) { "skipped".to_owned() } else { outcome(|| native(number)) };
        lines.push_str(&format!(
            "native {number} {native}\nx32 {number} {}\n",
            outcome(|| native_x32(number))
        ));
        let number = i32::try_from(number).unwrap_or_default();
        lines.push_str(&format!("i386 {number} {}\n", outcome(|| sys::i386(number))));
    }
    lines
}

fn native(number: i64) -> i32 {
    sys::native(number, [-1; 6]).map_or(0, |errno| -(errno as i32))
}

fn native_x32(number: i64) -> i32 {
    native(X32 | number)
}

/// How a child that makes a call ends: the error's number, `done`, or the signal's name.
fn outcome(call: impl FnOnce() -> i32) -> String {
    let status = sys::in_child(|| {
        // Calls that wait do not wait for ever.
        nix::unistd::alarm::set(2);
        match call() {
            error if error < 0 => -error,
            _ => 0,
        }
    });
    match status {
        Some(WaitStatus::Exited(_, 0)) => "done".to_owned(),
        // What `exit(-1)` ends with.
        Some(WaitStatus::Exited(_, 255)) => "exit".to_owned(),
        Some(WaitStatus::Exited(_, error)) => format!("{:?}", nix::errno::Errno::from_raw(error)),
        Some(WaitStatus::Signaled(_, signal, _)) => signal.as_str().to_owned(),
        other => format!("{other:?}"),
    }
}

//! Settings of the network namespace that the caller is in, below `/proc/sys/net`.

use std::fs;
use std::io;
use std::path::Path;

/// The value of a setting.
///
/// # Errors
/// As `read(2)`; `NotFound` when the kernel has none by that name.
pub(super) fn read(name: &str) -> io::Result<String> {
    Ok(fs::read_to_string(Path::new("/proc/sys/net").join(name))?.trim().to_owned())
}

/// Changes a setting.
///
/// # Errors
/// As `write(2)`.
pub(super) fn write(name: &str, value: &str) -> io::Result<()> {
    fs::write(Path::new("/proc/sys/net").join(name), value)
}

/// The same; a kernel without that setting has nothing to change, such as one without IPv6.
///
/// # Errors
/// As `write(2)`.
pub(super) fn write_if_there(name: &str, value: &str) -> io::Result<()> {
    match write(name, value) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

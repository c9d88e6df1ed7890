//! Prints a [`porthole_probe::report::Report`] of this process as one line of JSON; with the argument `sweep`, how every
//! system call is answered.

use std::io::Write;

fn main() -> std::io::Result<()> {
    #[cfg(target_arch = "x86_64")]
    if std::env::args().nth(1).as_deref() == Some("sweep") {
        return std::io::stdout().write_all(porthole_probe::sweep::sweep().as_bytes());
    }
    // Before anything else is opened, so that only inherited descriptors are seen.
    let fds = porthole_probe::see::open_fds();
    let report = porthole_probe::report::Report::take(fds);
    let mut line = serde_json::to_vec(&report)?;
    line.push(b'\n');
    std::io::stdout().write_all(&line)
}

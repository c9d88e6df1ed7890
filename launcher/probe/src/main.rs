//! Prints a [`porthole_probe::report::Report`] of this process as one line of JSON; with the argument `sweep`, how every
//! system call is answered; with `attempt NAME`, makes that attempt to get out and says how it went.

use std::io::Write;

fn main() -> std::io::Result<()> {
    #[cfg(target_arch = "x86_64")]
    if std::env::args().nth(1).as_deref() == Some("sweep") {
        return std::io::stdout().write_all(porthole_probe::sweep::sweep().as_bytes());
    }
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some("attempt") {
        let name = arguments.next().unwrap_or_default();
        let outcome = porthole_probe::attempt::make(&name).ok_or(std::io::ErrorKind::InvalidInput)?;
        return writeln!(std::io::stdout(), "{outcome}");
    }
    // Before anything else is opened, so that only inherited descriptors are seen.
    let fds = porthole_probe::see::open_fds();
    let report = porthole_probe::report::Report::take(fds);
    let mut line = serde_json::to_vec(&report)?;
    line.push(b'\n');
    std::io::stdout().write_all(&line)
}

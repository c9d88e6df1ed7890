//! One key, and what comes back.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use porthole_driver::{Attached, Client, Incoming};

/// Types one key into a terminal that echoes: the time until it comes back.
pub(crate) fn keystroke(client: &mut Client, terminal: &Attached) -> Result<Duration> {
    let typed = Instant::now();
    client.input(terminal.channel(), b"x")?;
    loop {
        match client.receive()? {
            Incoming::Output { channel, bytes } if channel == terminal.channel() => {
                if bytes != b"x" {
                    bail!("it echoed {:?}", String::from_utf8_lossy(&bytes));
                }
                return Ok(typed.elapsed());
            }
            _ => {}
        }
    }
}

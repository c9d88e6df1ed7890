//! Containers that use up whatever they are let, with the limits of whoever asks for none.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Result;
use porthole_driver::{Client, Refused};
use porthole_protocol::control::ClientMessage;
use porthole_protocol::error::ErrorCode;
use porthole_protocol::ids::ContainerId;
use porthole_protocol::spec::{LaunchSpec, ProcessSpec};

use super::pause;

/// What the names of their containers begin with.
const NAME: &str = "bomb-";

/// One of them.
pub(super) struct Bomb {
    pub(super) name: &'static str,
    script: &'static str,
}

/// Each uses up one thing.
pub(super) const BOMBS: [Bomb; 7] = [
    // A shell ends when it cannot fork; awk goes on, and lights the next.
    Bomb {
        name: "fork bomb",
        script: "exec awk 'BEGIN { while (1) system(\"b() { b | b & }; b\") }' 2>/dev/null",
    },
    Bomb {
        name: "memory bomb",
        script: "while :; do awk 'BEGIN { a = \"0123456789abcdef\"; while (1) a = a a }'; done",
    },
    Bomb { name: "tmpfs bomb", script: "while :; do cat /dev/zero >/dev/shm/x; done 2>/dev/null" },
    Bomb {
        name: "inode bomb",
        script: "mkdir /d; cd /d; while :; do i=$((i+1)); : >$i || rm -rf /d/1*; done 2>/dev/null",
    },
    Bomb {
        name: "sync storm",
        script: "while :; do dd if=/dev/zero of=/f bs=64k count=32 conv=fsync; sync; done 2>/dev/null",
    },
    Bomb {
        name: "CPU burner",
        script: "for i in 1 2 3 4 5 6 7; do while :; do :; done & done; while :; do :; done",
    },
    Bomb { name: "log flood", script: "yes 'a line of a log that nobody reads, and that never ends'" },
];

impl Bomb {
    /// Launches it, and again whenever it dies of itself, until it is `over`. Nobody reads what it prints.
    pub(super) fn explode(&self, address: SocketAddr, over: &AtomicBool) -> Result<()> {
        let mut client = Client::connect(address)?;
        for n in 0.. {
            let words = ["sh", "-c", self.script].map(str::to_owned);
            let spec = LaunchSpec {
                image: "busybox".into(),
                name: Some(format!("{NAME}{}-{n}", self.name.replace(' ', "-"))),
                process: ProcessSpec { command: words.into(), ..ProcessSpec::default() },
                remove: true,
                ..LaunchSpec::default()
            };
            let launched = match client.launch(spec) {
                Ok((_, launched)) => launched,
                // Removed before it was told of, or there is no room for it now.
                Err(_) if over.load(Ordering::Relaxed) => return Ok(()),
                Err(error) => match error.downcast_ref::<Refused>().map(|refused| refused.0.code) {
                    Some(ErrorCode::Busy | ErrorCode::TooMany) => {
                        pause(Duration::from_millis(100));
                        continue;
                    }
                    _ => return Err(error),
                },
            };
            for channel in &launched.channels {
                client.send(&ClientMessage::Detach { channel: channel.channel })?;
            }
            while lives(address, &launched.container)? {
                if over.load(Ordering::Relaxed) {
                    return Ok(());
                }
                pause(Duration::from_millis(200));
            }
            if over.load(Ordering::Relaxed) {
                return Ok(());
            }
        }
        Ok(())
    }
}

fn lives(address: SocketAddr, container: &ContainerId) -> Result<bool> {
    Ok(porthole_driver::containers(address)?.iter().any(|(id, _)| id == container))
}

/// Removes all of them, and those that are launched meanwhile.
pub(super) fn clear(address: SocketAddr, client: &mut Client) -> Result<()> {
    loop {
        let all = porthole_driver::containers(address)?;
        let bombs: Vec<_> = all.into_iter().filter(|(_, name)| name.starts_with(NAME)).collect();
        if bombs.is_empty() {
            return Ok(());
        }
        for (bomb, _) in bombs {
            match client.remove(&bomb) {
                // It has removed itself.
                Err(error) if error.downcast_ref::<Refused>().is_some() => {}
                other => other?,
            }
        }
    }
}

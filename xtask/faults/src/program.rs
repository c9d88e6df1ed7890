//! What runs in the container of a round, and what it is to print.

use porthole_driver::Numbers;
use porthole_protocol::spec::{LaunchSpec, ProcessSpec, Size};
use sha2::{Digest, Sha256};

/// What the process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A terminal in raw mode that sends back what is typed.
    Echo,
    /// A terminal in raw mode that prints a stream, reads all the while, and tells the checksum of what it has read.
    Stream,
    /// A filter on pipes.
    Filter,
    /// A process on pipes that prints two streams, reads all the while, and tells the checksum of what it has read.
    Pipes,
}

pub(crate) const KINDS: [Kind; 4] = [Kind::Echo, Kind::Stream, Kind::Filter, Kind::Pipes];

/// What a terminal says when it is raw.
pub(crate) const READY: &[u8] = b"ready\n";

impl Kind {
    /// The process; `tag` marks it in lists.
    pub(crate) fn spec(self, tag: &str, typed: &[u8], lines: u64) -> LaunchSpec {
        let count = typed.len();
        let script = match self {
            Self::Echo => "stty raw -echo; echo ready; exec cat".to_owned(),
            Self::Stream => format!(
                "stty raw -echo; echo ready; exec 3<&0; head -c {count} <&3 | sha256sum >/sum & seq {lines}; wait; cat /sum"
            ),
            Self::Filter => "exec cat".to_owned(),
            Self::Pipes => {
                format!("exec 3<&0; sha256sum <&3 >/sum & seq {lines} >&2 & seq {lines}; wait; cat /sum")
            }
        };
        let process = ProcessSpec {
            command: ["sh".to_owned(), "-c".to_owned(), format!(": {tag}; {script}")].into(),
            terminal: self.has_terminal().then(Size::default),
            stdin: true,
            ..ProcessSpec::default()
        };
        LaunchSpec { image: "busybox".into(), process, ..LaunchSpec::default() }
    }

    /// Everything that it prints on its terminal, or on standard output.
    pub(crate) fn output(self, typed: &[u8], lines: u64) -> Vec<u8> {
        let sum = || {
            let hex: String = Sha256::digest(typed).iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{hex}  -\n").into_bytes()
        };
        match self {
            Self::Echo => [READY, typed].concat(),
            Self::Stream => [READY.to_vec(), numbered(lines), sum()].concat(),
            Self::Filter => typed.to_vec(),
            Self::Pipes => [numbered(lines), sum()].concat(),
        }
    }

    /// Everything that it prints on standard error.
    pub(crate) fn errors(self, lines: u64) -> Vec<u8> {
        if self == Self::Pipes { numbered(lines) } else { Vec::new() }
    }

    /// Whether it runs on a terminal.
    pub(crate) fn has_terminal(self) -> bool {
        matches!(self, Self::Echo | Self::Stream)
    }

    /// Whether it ends by itself when it has read everything. A terminal in raw mode knows no end of file.
    pub(crate) fn ends(self) -> bool {
        self != Self::Echo
    }
}

/// What `seq` prints: each place is like no other, so that nothing can be missing or come twice unnoticed.
fn numbered(lines: u64) -> Vec<u8> {
    (1..=lines).flat_map(|line| format!("{line}\n").into_bytes()).collect()
}

/// So many bytes of any value.
pub(crate) fn keys(numbers: &mut Numbers, count: u64) -> Vec<u8> {
    (0..count).map(|_| u8::try_from(numbers.below(256)).unwrap_or_default()).collect()
}

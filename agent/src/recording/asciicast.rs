//! Recordings as asciicast, which asciinema and its players read: one JSON value a line. Pure.
//!
//! Source: <https://docs.asciinema.org/manual/asciicast/v2/> and `/v3/`.

use porthole_protocol::spec::Size;
use serde::{Deserialize, Serialize};

use super::utf8::Decoder;

/// Which version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum Format {
    /// Each event with its time since the beginning.
    #[default]
    #[serde(rename = "asciicast-v2")]
    V2,
    /// Each event with its time since the one before.
    #[serde(rename = "asciicast-v3")]
    V3,
}

/// What the first line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// When it began, in milliseconds since 1970-01-01 UTC.
    pub(crate) started_ms: u64,
    /// The terminal's size then.
    pub(crate) size: Size,
    /// Command and arguments.
    pub(crate) command: Vec<String>,
    /// What it is of.
    pub(crate) title: String,
}

/// A recording being written.
#[derive(Debug)]
pub(crate) struct Cast {
    format: Format,
    started_ms: u64,
    /// Time of the last event that was written.
    last_ms: u64,
    size: Size,
    decoder: Decoder,
}

impl Cast {
    /// Begins one; the first line, with its end.
    pub(crate) fn begin(format: Format, head: &Head) -> (Self, String) {
        let Head { started_ms, size, command, title } = head;
        let (timestamp, command) = (started_ms / 1000, shown(command));
        let Size { rows, cols } = *size;
        let line = match format {
            Format::V2 => line(&V2 { version: 2, width: cols, height: rows, timestamp, command, title }),
            Format::V3 => line(&V3 { version: 3, term: Term { cols, rows }, timestamp, command, title }),
        };
        let (started_ms, size) = (*started_ms, *size);
        (Self { format, started_ms, last_ms: started_ms, size, decoder: Decoder::default() }, line)
    }

    /// The line of what was printed, at this time in milliseconds since 1970-01-01 UTC; none while all of it is the beginning of
    /// a character.
    pub(crate) fn output(&mut self, at_ms: u64, bytes: &[u8]) -> Option<String> {
        let text = self.decoder.feed(bytes);
        (!text.is_empty()).then(|| self.event(at_ms, "o", &text))
    }

    /// The line of a new size; none when it is the old one.
    pub(crate) fn resize(&mut self, at_ms: u64, size: Size) -> Option<String> {
        (size != self.size).then(|| {
            self.size = size;
            self.event(at_ms, "r", &format!("{}x{}", size.cols, size.rows))
        })
    }

    /// The last line: a character whose end never came.
    pub(crate) fn end(&mut self, at_ms: u64) -> Option<String> {
        let rest = self.decoder.finish();
        (!rest.is_empty()).then(|| self.event(at_ms, "o", &rest))
    }

    fn event(&mut self, at_ms: u64, code: &str, data: &str) -> String {
        // The clock of the wall may go back; a recording does not.
        let at_ms = at_ms.max(self.last_ms);
        let since = match self.format {
            Format::V2 => self.started_ms,
            Format::V3 => self.last_ms,
        };
        self.last_ms = at_ms;
        let ms = at_ms - since;
        let data = serde_json::to_string(data).expect("text is JSON");
        format!("[{}.{:03}, \"{code}\", {data}]\n", ms / 1000, ms % 1000)
    }
}

#[derive(Serialize)]
struct V2<'a> {
    version: u8,
    width: u16,
    height: u16,
    timestamp: u64,
    command: String,
    title: &'a str,
}

#[derive(Serialize)]
struct V3<'a> {
    version: u8,
    term: Term,
    timestamp: u64,
    command: String,
    title: &'a str,
}

#[derive(Serialize)]
struct Term {
    cols: u16,
    rows: u16,
}

fn line(head: &impl Serialize) -> String {
    let mut line = serde_json::to_string(head).expect("it has no map with other keys than text");
    line.push('\n');
    line
}

/// A command as a shell would take it.
fn shown(command: &[String]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    let words = command.iter().map(|word| match word.is_empty() || !word.chars().all(plain) {
        true => format!("'{}'", word.replace('\'', r"'\''")),
        false => word.clone(),
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size { rows: 24, cols: 80 };

    fn cast(format: Format) -> String {
        let head = Head {
            started_ms: 1_504_467_315_250,
            size: SIZE,
            command: vec!["sh".into(), "-c".into(), "echo 'a b'".into()],
            title: "calm_otter: busybox".into(),
        };
        let at = |ms: u64| head.started_ms + ms;
        let (mut cast, mut text) = Cast::begin(format, &head);
        let lines = [
            cast.resize(at(0), SIZE),
            cast.output(at(5), b"\x1b[1m$ \"\r\n"),
            cast.output(at(1010), &[0xe2, 0x82]),
            cast.output(at(1500), &[0xac, b'!', 0xff]),
            cast.resize(at(2000), Size { rows: 50, cols: 132 }),
            cast.output(at(1900), b"the clock went back"),
            cast.output(at(2100), &[0xc3]),
            cast.end(at(2200)),
        ];
        lines.into_iter().flatten().for_each(|line| text.push_str(&line));
        text
    }

    #[test]
    fn version_2_counts_from_the_beginning() {
        assert_eq!(
            cast(Format::V2),
            concat!(
                r#"{"version":2,"width":80,"height":24,"timestamp":1504467315,"command":"sh -c 'echo '\\''a b'\\'''","title":"calm_otter: busybox"}"#,
                "\n",
                r#"[0.005, "o", "\u001b[1m$ \"\r\n"]"#,
                "\n",
                "[1.500, \"o\", \"€!\u{fffd}\"]\n",
                "[2.000, \"r\", \"132x50\"]\n",
                "[2.000, \"o\", \"the clock went back\"]\n",
                "[2.200, \"o\", \"\u{fffd}\"]\n",
            )
        );
    }

    #[test]
    fn version_3_counts_from_the_event_before() {
        assert_eq!(
            cast(Format::V3),
            concat!(
                r#"{"version":3,"term":{"cols":80,"rows":24},"timestamp":1504467315,"command":"sh -c 'echo '\\''a b'\\'''","title":"calm_otter: busybox"}"#,
                "\n",
                r#"[0.005, "o", "\u001b[1m$ \"\r\n"]"#,
                "\n",
                "[1.495, \"o\", \"€!\u{fffd}\"]\n",
                "[0.500, \"r\", \"132x50\"]\n",
                "[0.000, \"o\", \"the clock went back\"]\n",
                "[0.200, \"o\", \"\u{fffd}\"]\n",
            )
        );
    }
}

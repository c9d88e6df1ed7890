//! The asciicast format, versions 2 and 3: a line of JSON that describes the terminal, then one for each event.

use std::time::Duration;

use serde::Deserialize;

/// A recording that is being read, line by line.
#[derive(Debug, PartialEq)]
pub(super) struct Cast {
    pub(super) cols: u16,
    pub(super) rows: u16,
    /// The longest pause that its author wants.
    pub(super) idle_limit: Option<Duration>,
    version: u8,
    /// Time of the last event that was passed on, and of the last one of any kind, in seconds.
    told: f64,
    now: f64,
}

#[derive(Deserialize)]
struct Header {
    version: u8,
    /// Version 2.
    #[serde(default)]
    width: u16,
    #[serde(default)]
    height: u16,
    /// Version 3.
    #[serde(default)]
    term: Term,
    idle_time_limit: Option<f64>,
}

#[derive(Default, Deserialize)]
struct Term {
    #[serde(default)]
    cols: u16,
    #[serde(default)]
    rows: u16,
}

impl Cast {
    /// Reads the first line.
    ///
    /// # Errors
    /// Why it is none.
    pub(super) fn begin(line: &str) -> Result<Self, String> {
        let header: Header = serde_json::from_str(line)
            .map_err(|_| "its first line is not that of an asciicast".to_owned())?;
        if !matches!(header.version, 2 | 3) {
            return Err(format!("its version is {}, and 2 and 3 are known", header.version));
        }
        Ok(Self {
            cols: header.width.max(header.term.cols),
            rows: header.height.max(header.term.rows),
            idle_limit: header.idle_time_limit.and_then(duration),
            version: header.version,
            told: 0.0,
            now: 0.0,
        })
    }

    /// Reads a further line: output, and how long after the output before it. None for any other event, and for a comment.
    ///
    /// # Errors
    /// Why it is no event.
    pub(super) fn event(&mut self, line: &str) -> Result<Option<(Duration, String)>, String> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return Ok(None);
        }
        let (time, code, data): (f64, String, String) =
            serde_json::from_str(line).map_err(|_| "a line is not an event".to_owned())?;
        // Version 2 counts from the beginning, version 3 from the event before.
        self.now = if self.version == 2 { time } else { self.now + time };
        if code != "o" {
            return Ok(None);
        }
        let pause = duration(self.now - self.told).unwrap_or_default();
        self.told = self.told.max(self.now);
        Ok(Some((pause, data)))
    }
}

/// None when it is no length of time.
fn duration(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(lines: &[&str]) -> Vec<(u128, String)> {
        let mut cast = Cast::begin(lines[0]).unwrap();
        let events = lines[1..].iter().filter_map(|line| cast.event(line).unwrap());
        events.map(|(pause, text)| (pause.as_millis(), text)).collect()
    }

    #[test]
    fn both_versions_tell_the_same_times() {
        let two = [
            r#"{"version": 2, "width": 80, "height": 24}"#,
            r#"[0.5, "o", "a"]"#,
            r#"[1.0, "i", "x"]"#,
            r#"[1.5, "o", "\u001b[0mb"]"#,
        ];
        let three = [
            r#"{"version": 3, "term": {"cols": 80, "rows": 24}}"#,
            "# a comment",
            r#"[0.5, "o", "a"]"#,
            r#"[0.5, "r", "90x20"]"#,
            r#"[0.5, "o", "\u001b[0mb"]"#,
        ];
        let wanted = [(500, "a".to_owned()), (1000, "\u{1b}[0mb".to_owned())];
        assert_eq!(events(&two), wanted);
        assert_eq!(events(&three), wanted);
        assert_eq!(Cast::begin(two[0]).unwrap().rows, Cast::begin(three[0]).unwrap().rows);
    }

    #[test]
    fn what_is_no_recording_is_refused_with_a_reason() {
        for (line, why) in
            [("", "first line"), ("#!/bin/sh", "first line"), (r#"{"version":1}"#, "version is 1")]
        {
            assert!(Cast::begin(line).unwrap_err().contains(why), "{line}");
        }
        let mut cast = Cast::begin(r#"{"version": 2}"#).unwrap();
        assert!(cast.event("[1]").is_err());
        assert_eq!(
            cast.event(r#"[-5, "o", "x"]"#),
            Ok(Some((Duration::ZERO, "x".into()))),
            "a clock that was set back"
        );
    }
}

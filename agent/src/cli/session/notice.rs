//! What we say between the process's own words: that the connection is lost, and that output is gone.

use std::io::{IsTerminal, stderr};

use bytes::Bytes;
use porthole_protocol::spec::Size;

use super::super::failure::warn;
use super::super::terminal;
use super::super::units::human_bytes;
use super::Session;

/// A line below the cursor, made by scrolling where there is none (IND, see ECMA-48), with the cursor's place kept.
const LINE_BELOW: &str = "\x1bD\x1b[A\x1b7\x1bD\r\x1b[2K";

/// That line is cleared, and the cursor is back.
const LINE_GONE: &str = "\r\x1b[2K\x1b8";

/// Out of the alternate screen, out of every mode that would spoil what follows.
const PLAIN: &str = "\x1b[?1049l\x1b[!p\x1b[0m";

impl Session<'_> {
    /// Says that there is no connection: on a terminal in a line that goes away again.
    pub(super) fn show_status(&mut self, reason: &str) {
        if !stderr().is_terminal() {
            return warn(&format!("{reason} Trying to connect again."), "");
        }
        let how = if self.raw.is_some() { "; Ctrl-C gives up" } else { "" };
        let columns = terminal::size().map_or(80, |size| usize::from(size.cols));
        let text: String = format!("porthole: connection lost, reconnecting{how}")
            .chars()
            .take(columns.saturating_sub(1))
            .collect();
        self.stderr.push_own(Bytes::from(format!("{LINE_BELOW}\x1b[7m{text}\x1b[27m")));
        self.status_shown = true;
    }

    /// Takes the line away.
    pub(super) fn hide_status(&mut self) {
        if std::mem::take(&mut self.status_shown) {
            self.stderr.push_own(Bytes::from_static(LINE_GONE.as_bytes()));
        }
    }

    /// Says that output is gone.
    pub(super) fn tell_missing(&mut self, bytes: u64) {
        if bytes == 0 {
            return;
        }
        let text =
            format!("{} of earlier output are no longer kept and are missing here.", human_bytes(bytes));
        if terminal::output_is_terminal() {
            self.stdout.push_own(Bytes::from(format!("{PLAIN}\r\nporthole: {text}\r\n")));
        } else {
            warn(&text, "");
        }
    }

    /// Draws a screen on an empty one; what was there scrolls away.
    pub(super) fn draw(&mut self, size: Size, screen: &str) {
        if !terminal::output_is_terminal() {
            return;
        }
        let rows = terminal::size().unwrap_or(size).rows;
        let away = "\n".repeat(usize::from(rows));
        self.stdout.push_own(Bytes::from(format!("{PLAIN}\x1b[{rows};1H{away}\x1b[H\x1b[2J{screen}")));
    }
}

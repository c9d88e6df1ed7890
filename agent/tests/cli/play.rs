//! `play`: what a recording shows, and what it must not do.

use crate::support::PORTHOLE;

/// Plays a recording whose lines these are; gives status, standard output and standard error.
fn play(lines: &[&str]) -> (Option<i32>, String, String) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), lines.join("\n")).unwrap();
    let mut command = std::process::Command::new(PORTHOLE);
    let outcome = command.args(["play", "--speed", "1000"]).arg(file.path()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (outcome.status.code(), text(outcome.stdout), text(outcome.stderr))
}

#[test]
fn a_replay_draws_and_neither_asks_the_terminal_nor_writes_to_its_clipboard() {
    for header in [
        r#"{"version": 2, "width": 80, "height": 24}"#,
        r#"{"version": 3, "term": {"cols": 80, "rows": 24}}"#,
    ] {
        let (status, shown, told) = play(&[
            header,
            r#"[0.1, "o", "\u001b[1mhello\u001b[0m\u001b[6n\u001b[c"]"#,
            r#"[0.2, "i", "typed"]"#,
            r#"[0.3, "o", "\u001b]52;c;aG"]"#,
            r#"[0.4, "o", "k=\u0007 world\r\n"]"#,
        ]);
        assert_eq!(
            (status, shown.as_str(), told.as_str()),
            (Some(0), "\u{1b}[1mhello\u{1b}[0m world\r\n", "")
        );
    }
}

#[test]
fn what_is_no_recording_is_told() {
    let (status, _, told) = play(&["#!/bin/sh", "echo hi"]);
    assert_eq!(status, Some(1));
    assert!(told.contains("is not a recording") && told.contains("asciicast"), "{told}");
    let missing = std::process::Command::new(PORTHOLE).args(["play", "/no/such/file"]).output().unwrap();
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("cannot be read"), "{missing:?}");
}

use proptest::prelude::*;

use super::*;
use crate::terminal::log::tests::support;

const SIZE: Size = Size { rows: 24, cols: 80 };

/// A screen that these bytes were written to, cut anywhere.
fn drawn(parts: &[&[u8]]) -> Snapshot {
    let mut drawing = Drawing::new(0, SIZE);
    parts.iter().for_each(|part| drawing.write(part));
    drawing.snapshot()
}

/// What a new terminal shows that was told a screen.
fn shown(snapshot: &Snapshot) -> (Vec<String>, avt::Position) {
    let (columns, rows) = columns_and_rows(snapshot.size);
    let mut terminal = avt::Terminal::new(columns, rows).unwrap();
    terminal.feed(snapshot.screen.as_str());
    (terminal.screen().text(), terminal.cursor_position())
}

#[test]
fn a_screen_is_drawn_again_with_its_modes() {
    let snapshot =
        drawn(&[b"\x1b[?2004h\x1b[?1006h$ vi\r\n\x1b[?1049h\x1b[H\x1b[31mred\x1b[0m and \xe7\x95", b"\x8c"]);
    let (lines, _) = shown(&snapshot);
    assert_eq!(lines[0], "red and \u{754c}");
    assert!(
        snapshot.screen.contains("\x1b[?2004h") && snapshot.screen.contains("\x1b[?1006h"),
        "{snapshot:?}"
    );
    // And when the program leaves the other screen, what was before is there.
    let mut terminal = avt::Terminal::new(80, 24).unwrap();
    terminal.feed(snapshot.screen.as_str());
    terminal.feed("\x1b[?1049l");
    assert_eq!(terminal.screen().text()[0], "$ vi");
}

#[test]
fn a_screen_is_told_without_repeats_and_is_the_same() {
    let mut drawing = Drawing::new(0, SIZE);
    drawing.write("aaaaaaaaaa \x1b[44mbbbbbbbbbbbb\x1b[0m\r\n\u{754c}\u{754c}\u{754c}\u{754c}\u{754c}\u{754c}\r\n========".as_bytes());
    let mut same = avt::Terminal::new(80, 24).unwrap();
    same.feed(drawing.terminal.dump());
    let snapshot = drawing.snapshot();
    assert!(!snapshot.screen.contains("\x1b[9b") && snapshot.screen.contains("========"), "{snapshot:?}");
    assert_eq!(shown(&snapshot), (same.screen().text(), same.cursor_position()));
    assert_eq!(without_repeats("x\x1b[3by\x1b[1;2Hz\x1b[b\x1b[5"), "xxxxy\x1b[1;2Hz\x1b[b\x1b[5");
}

#[test]
fn a_screen_that_is_too_large_for_a_message_loses_its_colours_first() {
    let mut drawing = Drawing::new(0, Size { rows: 500, cols: 1000 });
    for n in 0..200_000u32 {
        drawing.write(format!("\x1b[38;2;{};{};{}mx", n % 256, n / 256 % 256, n % 77).as_bytes());
    }
    let snapshot = drawing.snapshot();
    let message = serde_json::to_string(&snapshot.screen).unwrap();
    assert!(message.len() < MAX_CONTROL_BYTES && snapshot.screen.contains("xxxx"), "{}", message.len());
    assert!(!snapshot.screen.contains('\x1b'));
}

#[test]
fn a_size_of_nothing_or_of_everything_is_borne() {
    for (rows, cols) in [(0, 0), (1, 1), (u16::MAX, u16::MAX)] {
        let mut drawing = Drawing::new(0, SIZE);
        drawing.write(b"hello\r\nworld");
        drawing.resize(Size { rows, cols });
        drawing.write(b"\x1b[2J\x1b[5;5Hthere");
        drawing.snapshot();
    }
}

#[tokio::test]
async fn a_screen_is_drawn_from_what_is_kept_and_then_from_what_is_new() {
    let (log, _dir) = support::log();
    let screen = Arc::<Screen>::default();
    log.append(b"\x1b[?2004h");
    let chunk = b"0123456789\r\n".repeat(90_000);
    (0..20).for_each(|_| log.append(&chunk));
    log.append(b"\x1b[H\x1b[2Jfirst");
    let first = Arc::clone(&screen).draw(Arc::clone(&log)).await.expect("a screen");
    assert_eq!((first.offset, shown(&first).0[0].as_str()), (log.end(), "first"));
    assert!(
        log.range().start > 0 && first.screen.contains("\x1b[?2004h"),
        "modes outlast what is kept: {first:?}"
    );
    log.append(b" second");
    log.resize(Size { rows: 10, cols: 40 });
    log.append(b" third");
    let second = screen.draw(Arc::clone(&log)).await.expect("a screen");
    assert_eq!(shown(&second).0[0], "first second third");
    assert_eq!((second.offset, second.size), (log.end(), Size { rows: 10, cols: 40 }));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Nothing that a program can print brings the drawing down, and what is told draws the same text again.
    #[test]
    fn any_bytes_are_drawn(
        pieces in proptest::collection::vec(prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..40),
            "\u{1b}\\[[0-9;?!]{0,9}[@-~]".prop_map(String::into_bytes),
            "\u{1b}[()#78DEHMNOPXZ\\]^_c=>].{0,6}".prop_map(String::into_bytes),
            "[a-z\u{4e00}-\u{4e20}\u{1f600}\u{301}]{1,90}\r?\n?".prop_map(String::into_bytes),
        ], 0..40),
        sizes in proptest::collection::vec((0u16..30, 0u16..100), 0..4),
    ) {
        let mut drawing = Drawing::new(0, SIZE);
        for (at, piece) in pieces.iter().enumerate() {
            drawing.write(piece);
            if let Some((rows, cols)) = sizes.get(at) {
                drawing.resize(Size { rows: *rows, cols: *cols });
            }
        }
        let snapshot = drawing.snapshot();
        prop_assert!(fits(&snapshot.screen));
        prop_assert!(serde_json::to_string(&snapshot.screen).unwrap().len() <= MAX_CONTROL_BYTES);
    }
}

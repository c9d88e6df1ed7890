use futures_util::FutureExt;

use super::*;
use crate::terminal::log::tests::support;

const EXIT: Exit = Exit { code: 0, signal: None, out_of_memory: false };

/// A stream over a log of its own, and the directory that this is in.
fn fanout(stream: Stream) -> (Arc<Fanout>, tempfile::TempDir) {
    let (log, dir) = support::log();
    (Fanout::new(log, stream), dir)
}

fn view(fanout: &Arc<Fanout>, from: Option<u64>, credit: u32) -> Viewer {
    fanout.view(from, credit, true, Arc::new(Notify::new()))
}

fn flood(fanout: &Fanout, bytes: u64) {
    let chunk = vec![b'x'; 1 << 20];
    (0..bytes >> 20).for_each(|_| fanout.append(&chunk));
    fanout.append(&chunk[..usize::try_from(bytes & 0xf_ffff).unwrap()]);
}

#[test]
fn output_comes_as_far_as_credit_reaches_and_the_exit_after_the_last_byte() {
    let (fanout, _dir) = fanout(Stream::Terminal);
    let mut viewer = view(&fanout, None, 3);
    fanout.append(b"hello");
    fanout.finish(EXIT);
    let mut got = Vec::new();
    assert_eq!(viewer.take(99, &mut got), Taken::Bytes(3));
    assert_eq!(viewer.take(99, &mut got), Taken::Nothing);
    fanout.grant(viewer.id(), 9);
    assert_eq!(viewer.take(99, &mut got), Taken::Bytes(2));
    assert_eq!(viewer.take(99, &mut got), Taken::Ended(EXIT));
    assert_eq!(got, b"hello");
}

#[test]
fn the_slowest_who_may_type_paces_and_who_watches_does_not() {
    let (fanout, _dir) = fanout(Stream::Terminal);
    assert!(fanout.wants_output(), "with nobody there the program runs on");
    let watcher = fanout.view(None, 0, false, Arc::default());
    assert!(fanout.wants_output());
    let quick = view(&fanout, None, 9);
    assert!(fanout.wants_output());
    let slow = view(&fanout, None, 2);
    assert!(fanout.wants_output());
    fanout.append(b"ab");
    assert!(!fanout.wants_output());
    drop(slow);
    assert!(fanout.wants_output());
    drop((quick, watcher));
    assert!(fanout.wants_output());
}

#[test]
fn who_catches_up_with_old_output_holds_up_nobody_until_that_is_done() {
    let (fanout, _dir) = fanout(Stream::Terminal);
    flood(&fanout, AHEAD + 5);
    let mut viewer = view(&fanout, Some(0), MAX_CREDIT);
    assert!(fanout.wants_output());
    viewer.take(10, &mut Vec::new());
    flood(&fanout, AHEAD);
    assert!(!fanout.wants_output(), "it has caught up, and is behind now");
}

#[test]
fn no_more_is_read_than_the_socket_of_who_paces_keeps_up_with() {
    let (fanout, _dir) = fanout(Stream::Terminal);
    let mut viewer = view(&fanout, None, MAX_CREDIT);
    flood(&fanout, AHEAD);
    assert!(!fanout.wants_output());
    viewer.take(1, &mut Vec::new());
    assert!(fanout.wants_output());
}

#[test]
fn the_reader_is_woken_although_it_stopped_while_a_viewer_was_taking() {
    let (fanout, _dir) = fanout(Stream::Stdout);
    let viewer = view(&fanout, None, MAX_CREDIT);
    flood(&fanout, AHEAD - 1);
    // The viewer has looked where the output ends, and copies; meanwhile more of it comes.
    flood(&fanout, 10);
    assert!(!fanout.wants_output());
    while fanout.demand_changed().now_or_never().is_some() {}
    viewer.took(64 * 1024);
    assert!(fanout.wants_output() && fanout.demand_changed().now_or_never().is_some());
}

#[test]
fn a_run_that_falls_behind_is_skipped_to_what_is_kept_with_its_credit() {
    let (fanout, _dir) = fanout(Stream::Stdout);
    let mut viewer = view(&fanout, None, 5);
    flood(&fanout, LOG_BYTES + 10);
    let mut got = Vec::new();
    let start = fanout.log().range().start;
    assert!(start >= 10);
    assert_eq!(viewer.take(99, &mut got), Taken::Skipped(start));
    assert_eq!(viewer.take(99, &mut got), Taken::Bytes(5));
    assert_eq!(viewer.take(99, &mut got), Taken::Nothing);
}

#[tokio::test]
async fn who_watches_and_falls_behind_gets_the_screen_and_goes_on_from_there() {
    let (fanout, _dir) = fanout(Stream::Terminal);
    let mut watcher = fanout.view(None, 1000, false, Arc::default());
    flood(&fanout, BEHIND);
    fanout.append(b"\x1b[H\x1b[2J\x1b[?2004hlast words");
    assert_eq!(watcher.take(99, &mut Vec::new()), Taken::Lost);
    assert_eq!(watcher.take(99, &mut Vec::new()), Taken::Nothing, "not before it has the screen");
    let screen = watcher.screen().await.expect("a screen");
    assert_eq!(screen.offset, fanout.log().end());
    assert!(screen.screen.contains("last words") && screen.screen.contains("\x1b[?2004h"), "{screen:?}");
    assert_eq!(watcher.resume(Some(&screen)), (screen.offset, true));
    fanout.append(b"more");
    let mut got = Vec::new();
    assert_eq!((watcher.take(99, &mut got), &got[..]), (Taken::Bytes(4), &b"more"[..]));
}

#[test]
fn a_viewer_begins_where_it_asks_and_one_whose_output_is_gone_with_a_screen() {
    let (terminal, _dir) = fanout(Stream::Terminal);
    let (run, _other) = fanout(Stream::Stdout);
    for fanout in [&terminal, &run] {
        flood(fanout, LOG_BYTES + 7);
    }
    let kept = run.log().range();
    assert_eq!(terminal.log().range(), kept);
    assert!(kept.start > 0);
    let asked = [None, Some(kept.start), Some(kept.start + 100), Some(kept.end)];
    for (asked, given) in asked.into_iter().zip([kept.start, kept.start, kept.start + 100, kept.end]) {
        assert_eq!((view(&terminal, asked, 0).offset(), view(&run, asked, 0).offset()), (given, given));
    }
    for gone in [0, u64::MAX] {
        let mut viewer = view(&terminal, Some(gone), 9);
        assert_eq!((viewer.offset(), viewer.take(9, &mut Vec::new())), (kept.end, Taken::Lost));
    }
    assert_eq!(view(&run, Some(0), 0).offset(), kept.start);
}

#[test]
fn credit_in_advance_is_bounded() {
    let (fanout, _dir) = fanout(Stream::Stdout);
    let viewer = view(&fanout, None, u32::MAX);
    fanout.grant(viewer.id(), u32::MAX);
    flood(&fanout, MAX_CREDIT.into());
    assert!(!fanout.wants_output());
}

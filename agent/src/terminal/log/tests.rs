use std::io::Write;
use std::os::fd::OwnedFd;

use proptest::prelude::*;

use self::support::{bytes_on_disk, log, reopen};
use super::folder::Folder;
use super::*;

pub(crate) mod support;

/// Everything kept.
fn kept(log: &Log) -> (u64, Vec<u8>) {
    let range = log.range();
    let mut bytes = Vec::new();
    log.read(range.start, usize::MAX >> 1, &mut bytes).unwrap();
    assert_eq!(bytes.len() as u64, range.end - range.start);
    (range.start, bytes)
}

/// Everything kept by its events, with how often there was none.
fn told(log: &Log, from: u64) -> (Vec<u8>, Vec<Size>) {
    let (mut output, mut sizes, mut last) = (Vec::new(), Vec::new(), 0);
    for event in log.events(from) {
        let (at_ms, event) = event.unwrap();
        assert!(at_ms >= last, "time goes on");
        last = at_ms;
        match event {
            Event::Output(bytes) => output.extend(bytes),
            Event::Resize(size) => sizes.push(size),
        }
    }
    (output, sizes)
}

/// A pipe that holds these bytes.
fn pipe_with(bytes: &[u8]) -> OwnedFd {
    let (reader, mut writer) = std::io::pipe().unwrap();
    rustix::pipe::fcntl_setpipe_size(&writer, 1 << 20).unwrap();
    writer.write_all(bytes).unwrap();
    reader.into()
}

#[derive(Clone, Debug)]
enum Step {
    Say(Vec<u8>),
    Move(usize),
    Resize(u16),
    Restart,
    Flood,
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => proptest::collection::vec(any::<u8>(), 1..40).prop_map(Step::Say),
        4 => (1usize..150_000).prop_map(Step::Move),
        1 => (1u16..200).prop_map(Step::Resize),
        2 => Just(Step::Restart),
        1 => Just(Step::Flood),
    ]
}

/// Bytes that say where they are.
fn numbered(from: usize, count: usize) -> Vec<u8> {
    (from..from + count).map(|at| u8::try_from((at * 7 + at / 251) % 256).unwrap()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// The log against the simplest model of it: everything ever written. A new one over the same files may take its place at
    /// any moment, with nothing said to the one before.
    #[test]
    fn every_byte_is_there_once_and_in_order(
        steps in proptest::collection::vec(any_step(), 1..25),
        look in 0u64..1000,
    ) {
        let (mut log, dir) = log();
        let mut all: Vec<u8> = Vec::new();
        let mut size = Size::default();
        for step in steps {
            match step {
                Step::Say(bytes) => {
                    log.append(&bytes);
                    all.extend(bytes);
                }
                Step::Move(count) => {
                    let bytes = numbered(all.len(), count);
                    let pipe = pipe_with(&bytes);
                    let mut moved = 0;
                    while moved < count {
                        moved += log.append_from(&pipe, 64 * 1024).unwrap();
                    }
                    all.extend(bytes);
                }
                Step::Resize(cols) => {
                    size = Size { rows: 24, cols };
                    log.resize(size);
                }
                Step::Restart => {
                    let before = log.range();
                    // Nothing on the disk says a size before there is output.
                    if all.is_empty() {
                        size = Size::default();
                    }
                    log = reopen(&dir);
                    prop_assert_eq!(log.range(), before);
                }
                Step::Flood => {
                    let bytes = numbered(all.len(), 3 << 20);
                    log.append(&bytes);
                    all.extend(bytes);
                }
            }
            prop_assert_eq!(log.end(), all.len() as u64);
            prop_assert!(log.end() - log.range().start <= LOG_BYTES);
            prop_assert!(bytes_on_disk(&dir) <= LOG_BYTES + (LOG_BYTES >> 3));
        }
        let (start, bytes) = kept(&log);
        let first = usize::try_from(start).unwrap();
        prop_assert!(bytes == all[first..], "what is kept is what was written");
        prop_assert!(start == 0 || bytes.len() as u64 > LOG_BYTES - 2 * SEGMENT_BYTES);
        let from = start + bytes.len() as u64 * look / 1000;
        let (output, sizes) = told(&log, from);
        prop_assert!(output == all[usize::try_from(from).unwrap()..], "and what its events tell");
        prop_assert!(output.is_empty() || !sizes.is_empty());
        prop_assert_eq!(log.kept().segments.is_empty(), all.is_empty());
        if !all.is_empty() {
            prop_assert_eq!(log.size(), size);
        }
    }
}

#[test]
fn offsets_that_are_not_kept_have_no_bytes() {
    let (log, _dir) = log();
    assert_eq!(log.read(0, 9, &mut Vec::new()).unwrap(), 0);
    log.append(b"abcdef");
    for offset in [6, 7, u64::MAX >> 1] {
        assert_eq!(log.read(offset, 9, &mut Vec::new()).unwrap(), 0, "{offset}");
    }
}

#[test]
fn times_and_sizes_come_back() {
    let (log, dir) = log();
    log.append(b"before");
    log.resize(Size { rows: 5, cols: 6 });
    log.append(b"after");
    drop(log);
    let events: Vec<Event> = reopen(&dir).events(0).map(|event| event.unwrap().1).collect();
    let expected = [
        Event::Resize(Size::default()),
        Event::Output(b"before".to_vec()),
        Event::Resize(Size { rows: 5, cols: 6 }),
        Event::Output(b"after".to_vec()),
    ];
    assert_eq!(events, expected);
    // From the middle, the size that was in force there comes first.
    let events: Vec<Event> = reopen(&dir).events(8).map(|event| event.unwrap().1).collect();
    assert_eq!(events, [Event::Resize(Size { rows: 5, cols: 6 }), Event::Output(b"ter".to_vec())]);
}

#[test]
fn what_a_recording_holds_is_not_dropped_and_goes_when_it_lets_go() {
    let (log, dir) = log();
    log.append(b"begin");
    let hold = log.hold(2);
    assert_eq!(hold.from(), 2);
    let chunk = vec![b'x'; 1 << 20];
    (0..LOG_BYTES / SEGMENT_BYTES + 12).for_each(|_| log.append(&chunk));
    assert_eq!(log.range().start, 0);
    assert!(told(&log, 2).0.starts_with(b"ginx"));
    drop(hold);
    assert!(log.range().start > 0 && bytes_on_disk(&dir) < LOG_BYTES + SEGMENT_BYTES);
}

#[test]
fn output_that_comes_byte_by_byte_for_days_does_not_fill_the_disk_with_times() {
    let (log, dir) = log();
    for _ in 0..200_000 {
        log.append(b"x");
        log.settle();
    }
    assert_eq!(log.range().start, 0);
    assert!(bytes_on_disk(&dir) < 200_000 * 5, "{}", bytes_on_disk(&dir));
}

#[test]
fn a_segment_that_lost_its_index_keeps_its_output() {
    let (log, dir) = log();
    log.append(b"hello");
    drop(log);
    let index = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path());
    let index = index.into_iter().find(|path| path.extension().is_some_and(|end| end == "index")).unwrap();
    std::fs::remove_file(index).unwrap();
    let log = reopen(&dir);
    log.append(b" again");
    assert_eq!(kept(&log), (0, b"hello again".to_vec()));
    assert_eq!(told(&log, 0).0, b"hello again");
}

#[test]
fn what_is_lost_between_two_segments_takes_what_was_before_with_it() {
    let (log, dir) = log();
    log.append(&vec![b'x'; 3 << 20]);
    drop(log);
    let second = dir.path().join(format!("0-terminal-{:020}.log", 1 << 20));
    std::fs::File::options().write(true).open(second).unwrap().set_len(77).unwrap();
    assert_eq!(reopen(&dir).range(), 2 << 20..3 << 20);
}

#[test]
fn a_directory_that_cannot_be_made_does_not_stop_the_program() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, b"").unwrap();
    let place = Place { folder: Folder::new(file.join("below")), stem: "0-terminal".to_owned() };
    let log = Log::open(place, Size::default(), Weak::new());
    let bytes = numbered(0, 3 << 20);
    log.append(&bytes);
    let (start, kept) = kept(&log);
    assert!(kept.len() as u64 <= MEMORY_BYTES * MAX_IN_MEMORY as u64);
    assert!(kept == bytes[usize::try_from(start).unwrap()..]);
}

#[test]
fn a_container_keeps_so_much_and_drops_what_has_ended_first() {
    use porthole_protocol::control::Stream;
    use porthole_protocol::limits::CONTAINER_LOG_BYTES;
    let dir = tempfile::tempdir().unwrap();
    let id: porthole_protocol::ids::ContainerId = "0123456789ab".parse().unwrap();
    let logs = Logs::new(dir.path().to_owned()).container(&id);
    let open = |number| logs.open(number, Stream::Terminal, Size::default());
    let all: Vec<_> = (0..5).map(open).collect();
    logs.ended(1);
    let chunk = vec![b'x'; 1 << 20];
    for log in &all {
        (0..16).for_each(|_| log.append(&chunk));
    }
    let kept: Vec<u64> = all.iter().map(|log| log.bytes()).collect();
    assert!(kept.iter().sum::<u64>() <= CONTAINER_LOG_BYTES + SEGMENT_BYTES, "{kept:?}");
    assert!(kept[1] <= 2 << 20 && [0, 2, 3, 4].iter().all(|at| kept[*at] >= 14 << 20), "{kept:?}");
    // What is written down of one that ended is found again, and goes with it.
    let exit = porthole_protocol::http::Exit { code: 3, signal: None, out_of_memory: false };
    let record = ProcessRecord { command: vec!["sh".into()], terminal: true, tag: 9, exit };
    logs.record(1, &record);
    assert_eq!(logs.records(), [(1, record)].into());
    logs.forget(1);
    assert!(logs.records().is_empty());
    Logs::new(dir.path().to_owned()).sweep(|name| name != id.as_str());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn nothing_is_left_of_a_container_that_prints_while_its_logs_are_deleted() {
    use porthole_protocol::control::Stream;
    let dir = tempfile::tempdir().unwrap();
    let all = Logs::new(dir.path().to_owned());
    let exit = porthole_protocol::http::Exit { code: 0, signal: None, out_of_memory: false };
    let record = ProcessRecord { command: vec!["sh".into()], terminal: true, tag: 0, exit };
    for round in 0..300 {
        let logs = all.container(&"0123456789ab".parse().unwrap());
        let begun = std::sync::Barrier::new(3);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                begun.wait();
                (0..20).for_each(|process| logs.prepare(process, Stream::Terminal, Size::default()));
            });
            scope.spawn(|| {
                begun.wait();
                (20..40).for_each(|process| {
                    logs.open(process, Stream::Terminal, Size::default()).append(b"late");
                    logs.record(process, &record);
                });
            });
            begun.wait();
            // Sooner or later in what the others do.
            (0..round % 8).for_each(|_| std::thread::yield_now());
            logs.delete();
        });
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "round {round}");
    }
}

#[test]
fn what_is_printed_after_the_logs_were_deleted_is_still_seen() {
    use porthole_protocol::control::Stream;
    let dir = tempfile::tempdir().unwrap();
    let logs = Logs::new(dir.path().to_owned()).container(&"0123456789ab".parse().unwrap());
    let log = logs.open(0, Stream::Terminal, Size::default());
    log.append(b"before, ");
    logs.delete();
    let late = logs.open(1, Stream::Terminal, Size::default());
    log.append(b"after");
    late.append(b"too late");
    assert_eq!(kept(&log), (0, b"before, after".to_vec()));
    assert_eq!(kept(&late), (0, b"too late".to_vec()));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

use std::fs::File;
use std::io::Read;
use std::os::fd::AsRawFd;

use proptest::prelude::*;
use rustix::fs::{MemfdFlags, memfd_create};

use super::*;

/// The pipe and the table as the launcher keeps them.
struct Kept {
    pipe: OwnedFd,
    table: OwnedFd,
}

impl Kept {
    fn new() -> Self {
        let (end, _) = rustix::pipe::pipe().unwrap();
        let both = File::options().read(true).write(true).open(format!("/proc/self/fd/{}", end.as_raw_fd()));
        let pipe: OwnedFd = both.unwrap().into();
        rustix::io::ioctl_fionbio(&pipe, true).unwrap();
        Self { pipe, table: memfd_create("ledger", MemfdFlags::CLOEXEC).unwrap() }
    }

    /// What the next agent makes of it.
    fn open(&self) -> Ledger {
        Ledger::open(self.pipe.try_clone().unwrap(), self.table.try_clone().unwrap()).unwrap()
    }
}

/// A program's standard input.
struct Program {
    stdin: OwnedFd,
    read: std::io::PipeReader,
}

impl Program {
    fn new() -> Self {
        let (read, stdin) = std::io::pipe().unwrap();
        rustix::io::ioctl_fionbio(&stdin, true).unwrap();
        rustix::io::ioctl_fionbio(&read, true).unwrap();
        Self { stdin: stdin.into(), read }
    }

    fn take(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let _ = self.read.read_to_end(&mut bytes);
        bytes
    }
}

/// Where an agent dies.
#[derive(Clone, Copy, Debug)]
enum Death {
    Between,
    BeforeTheBytes,
    AmongTheBytes,
    AfterTheBytes,
}

fn any_death() -> impl Strategy<Value = Death> {
    let all = vec![Death::Between, Death::BeforeTheBytes, Death::AmongTheBytes, Death::AfterTheBytes];
    proptest::sample::select(all)
}

#[derive(Clone, Debug)]
enum Step {
    Type(u64, usize, u64),
    Deliver,
    Die(Death, u64, usize),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1u64..4, 1usize..9000, 0u64..3000).prop_map(|(typist, count, again)| Step::Type(typist, count, again)),
        3 => Just(Step::Deliver),
        3 => (any_death(), 1u64..4, 1usize..9000).prop_map(|(death, typist, count)| Step::Die(death, typist, count)),
    ]
}

/// What a typist types from a place on.
fn text(typist: u64, from: u64, count: usize) -> Vec<u8> {
    (from..)
        .take(count)
        .map(|at| u8::try_from((at * 3 + typist * 64) % 64 + typist * 64 % 256).unwrap_or(255))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whoever dies between any two steps, the program reads what each typist typed, once and in order.
    #[test]
    fn every_byte_is_applied_once(steps in proptest::collection::vec(any_step(), 1..40)) {
        let kept = Kept::new();
        let mut program = Program::new();
        let mut ledger = kept.open();
        // How much of each typist the client was told, and all that was put into the pipe, in order.
        let mut accepted = [0u64; 4];
        let mut sent: Vec<u8> = Vec::new();
        let mut read: Vec<u8> = Vec::new();
        for step in steps {
            match step {
                Step::Type(typist, count, again) => {
                    let from = ledger.accepted(typist);
                    prop_assert_eq!(from, accepted[usize::try_from(typist).unwrap()]);
                    // An old socket's bytes arrive late, some or all of them again.
                    let next = from.saturating_sub(again);
                    let bytes = text(typist, next, count);
                    let taken = ledger.accept(Some(Number { typist, next }), &bytes).unwrap();
                    let known = usize::try_from(from - next).unwrap().min(bytes.len());
                    prop_assert!(taken >= known);
                    sent.extend(&bytes[known..taken]);
                    accepted[usize::try_from(typist).unwrap()] += (taken - known) as u64;
                }
                Step::Deliver => {
                    let waiting = ledger.waiting();
                    match ledger.deliver(&program.stdin) {
                        Ok(count) => prop_assert!(count <= waiting),
                        Err(error) => prop_assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
                    }
                    read.extend(program.take());
                }
                Step::Die(death, typist, count) => {
                    let from = ledger.accepted(typist);
                    let room = ledger.capacity - ledger.waiting;
                    let bytes = text(typist, from, count.min(room));
                    if !bytes.is_empty() && !matches!(death, Death::Between) {
                        ledger.begin(typist, bytes.len() as u64).unwrap();
                        let many = match death {
                            Death::Between | Death::BeforeTheBytes => 0,
                            Death::AmongTheBytes => bytes.len() / 2,
                            Death::AfterTheBytes => bytes.len(),
                        };
                        let added = if many > 0 { ledger.add(&bytes[..many]).unwrap() } else { 0 };
                        sent.extend(&bytes[..added]);
                        accepted[usize::try_from(typist).unwrap()] += added as u64;
                    }
                    ledger = kept.open();
                    // And one that dies at once changes nothing.
                    ledger = { drop(ledger); kept.open() };
                }
            }
        }
        for typist in 1..4 {
            prop_assert_eq!(ledger.accepted(typist), accepted[usize::try_from(typist).unwrap()]);
        }
        while ledger.waiting() > 0 {
            ledger.deliver(&program.stdin).unwrap();
            read.extend(program.take());
        }
        read.extend(program.take());
        prop_assert!(read == sent, "the program reads what was accepted");
    }

    #[test]
    fn any_table_is_read(bytes in proptest::collection::vec(any::<u8>(), 0..6000)) {
        let kept = Kept::new();
        rustix::io::pwrite(&kept.table, &bytes, 0).unwrap();
        kept.open().accepted(7);
    }
}

/// The number of a typist's next byte.
fn at(typist: u64, next: u64) -> Option<Number> {
    Some(Number { typist, next })
}

#[test]
fn the_same_bytes_from_two_sockets_are_applied_once_whichever_comes_first() {
    let kept = Kept::new();
    let mut ledger = kept.open();
    assert_eq!(ledger.accept(at(5, 0), b"ab").unwrap(), 2);
    assert_eq!(ledger.accept(at(5, 0), b"abc").unwrap(), 3);
    assert_eq!(ledger.accept(at(5, 2), b"cd").unwrap(), 2);
    assert_eq!(ledger.accept(at(5, 1), b"bc").unwrap(), 2, "they count for the socket that they came by");
    ledger.skip(at(5, 3), 3).unwrap();
    let mut next = kept.open();
    assert_eq!((next.accepted(5), next.waiting()), (6, 4), "what was skipped went nowhere");
    let mut program = Program::new();
    next.deliver(&program.stdin).unwrap();
    assert_eq!(program.take(), b"abcd");
}

#[test]
fn the_last_who_typed_are_remembered() {
    let kept = Kept::new();
    let mut ledger = kept.open();
    let most = MAX_TYPISTS as u64;
    for typist in 1..=most + 10 {
        ledger.accept(at(typist, 0), b"x").unwrap();
    }
    let mut next = kept.open();
    assert_eq!((next.accepted(most + 10), next.accepted(11)), (1, 1));
    assert_eq!(next.accepted(10), 0, "its place went to another");
    // The agent itself forgets nobody who is there.
    assert_eq!(ledger.accepted(1), 1);
}

#[test]
fn the_end_is_remembered_and_comes_after_what_waits() {
    let kept = Kept::new();
    let mut ledger = kept.open();
    ledger.accept(at(1, 0), b"last").unwrap();
    assert!(!ledger.is_over());
    ledger.end();
    let mut next = kept.open();
    assert!(next.is_over() && next.waiting() == 4);
    let mut program = Program::new();
    next.deliver(&program.stdin).unwrap();
    assert_eq!(program.take(), b"last");
    next.discard();
    assert_eq!(next.waiting(), 0);
}

//! From a set of numbers to a classic BPF program, see `bpf(4)` of FreeBSD or the kernel's `networking/filter`.

use nix::libc::{
    BPF_ABS, BPF_JEQ, BPF_JGE, BPF_JMP, BPF_JSET, BPF_K, BPF_LD, BPF_RET, BPF_W, EPERM, SECCOMP_RET_ALLOW,
    SECCOMP_RET_ERRNO, sock_filter,
};

/// What happens to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Leaf {
    /// It is made.
    Allow,
    /// It is made when all conditions of one of the rows hold, each about the word at an offset; else it fails.
    When { rows: Vec<Vec<(u32, Condition)>>, otherwise: i32 },
    /// It fails with `EPERM`.
    Refuse,
    /// It is not made, and succeeds.
    Pretend,
}

/// A condition on one 32-bit word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    AnyOf(&'static [u32]),
    NoneOf(&'static [u32]),
    NoneOfBits(u32),
}

/// A binary search: every number belongs to the range with the largest start that is not above it.
pub(super) struct Tree {
    ranges: Vec<(u32, Leaf)>,
}

impl Tree {
    /// Ranges from single numbers; those not named, up to `newest`, are refused. Neighbours with the same leaf join.
    pub(super) fn new(leaves: Vec<(u32, Leaf)>, newest: u32) -> Self {
        let mut by_number = vec![Leaf::Refuse; newest as usize + 1];
        for (number, leaf) in leaves {
            by_number[number as usize] = leaf;
        }
        let mut ranges: Vec<(u32, Leaf)> = Vec::new();
        for (number, leaf) in (0..).zip(by_number) {
            if ranges.last().is_none_or(|(_, last)| *last != leaf) {
                ranges.push((number, leaf));
            }
        }
        Self { ranges }
    }

    /// The program; the number is in the accumulator when it begins, and every path through it returns.
    pub(super) fn assemble(&self) -> Vec<sock_filter> {
        search(&self.ranges)
    }
}

fn search(ranges: &[(u32, Leaf)]) -> Vec<sock_filter> {
    if let [(_, leaf)] = ranges {
        return end(leaf);
    }
    let (low, high) = ranges.split_at(ranges.len() / 2);
    let below = search(low);
    let mut program = vec![jump_if(BPF_JGE, high[0].0, distance(below.len()), 0)];
    program.extend(below);
    program.extend(search(high));
    program
}

fn end(leaf: &Leaf) -> Vec<sock_filter> {
    match leaf {
        Leaf::Allow => vec![allow()],
        Leaf::Refuse => vec![refuse(EPERM)],
        Leaf::Pretend => vec![refuse(0)],
        Leaf::When { rows, otherwise } => {
            let mut program: Vec<_> = rows.iter().flat_map(|row| when(row)).collect();
            program.push(refuse(*otherwise));
            program
        }
    }
}

/// Returns "allow" when every condition holds, else falls through.
fn when(conditions: &[(u32, Condition)]) -> Vec<sock_filter> {
    let mut rest = vec![allow()];
    for (offset, condition) in conditions.iter().rev() {
        let mut check = vec![load(*offset)];
        let past = distance(rest.len());
        match condition {
            Condition::NoneOfBits(bits) => check.push(jump_if(BPF_JSET, *bits, past, 0)),
            Condition::NoneOf(values) => {
                let mut left = distance(values.len());
                for value in *values {
                    left -= 1;
                    check.push(jump_if(BPF_JEQ, *value, left + past, 0));
                }
            }
            Condition::AnyOf(values) => {
                let mut left = distance(values.len());
                for value in *values {
                    left -= 1;
                    check.push(jump_if(BPF_JEQ, *value, left, if left == 0 { past } else { 0 }));
                }
            }
        }
        check.extend(rest);
        rest = check;
    }
    rest
}

fn distance(instructions: usize) -> u8 {
    u8::try_from(instructions).expect("no half of the tree is longer than a jump reaches")
}

pub(super) fn load(offset: u32) -> sock_filter {
    sock_filter { code: code(BPF_LD | BPF_W | BPF_ABS), jt: 0, jf: 0, k: offset }
}

pub(super) fn jump_if(test: u32, value: u32, then: u8, otherwise: u8) -> sock_filter {
    sock_filter { code: code(BPF_JMP | test | BPF_K), jt: then, jf: otherwise, k: value }
}

pub(super) fn refuse(errno: i32) -> sock_filter {
    ret(SECCOMP_RET_ERRNO | errno.unsigned_abs())
}

fn allow() -> sock_filter {
    ret(SECCOMP_RET_ALLOW)
}

fn ret(action: u32) -> sock_filter {
    sock_filter { code: code(BPF_RET | BPF_K), jt: 0, jf: 0, k: action }
}

fn code(bits: u32) -> u16 {
    u16::try_from(bits).expect("BPF codes have 16 bits")
}

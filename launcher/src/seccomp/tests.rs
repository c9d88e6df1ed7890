//! The filter interpreted: what it answers to each number and argument, without loading it.

use nix::libc::{
    self, BPF_ABS, BPF_JEQ, BPF_JGE, BPF_JGT, BPF_JMP, BPF_JSET, BPF_LD, BPF_RET, BPF_W, SECCOMP_RET_ALLOW,
    SECCOMP_RET_ERRNO,
};

use super::{NATIVE, NEWEST_CONSIDERED, allowed, filter, number};

const ALLOWED: Result<(), i32> = Ok(());

/// Runs the filter as the kernel would; also counts the instructions it took.
fn run(arch: u32, call: u32, args: [u64; 6]) -> (Result<(), i32>, usize) {
    let mut data = Vec::new();
    data.extend(call.to_ne_bytes());
    data.extend(arch.to_ne_bytes());
    data.extend(0u64.to_ne_bytes());
    args.iter().for_each(|arg| data.extend(arg.to_ne_bytes()));
    let program = filter();
    let (mut at, mut accumulator, mut steps) = (0, 0u32, 0);
    loop {
        let instruction = program[at];
        steps += 1;
        at += 1;
        let code = u32::from(instruction.code);
        if code == BPF_LD | BPF_W | BPF_ABS {
            let offset = instruction.k as usize;
            accumulator = u32::from_ne_bytes(data[offset..offset + 4].try_into().unwrap());
        } else if code & 7 == BPF_JMP {
            let holds = match code & 0xf0 {
                BPF_JEQ => accumulator == instruction.k,
                BPF_JGE => accumulator >= instruction.k,
                BPF_JGT => accumulator > instruction.k,
                BPF_JSET => accumulator & instruction.k != 0,
                other => panic!("unexpected jump {other:#x}"),
            };
            at += usize::from(if holds { instruction.jt } else { instruction.jf });
        } else {
            assert_eq!(code & 7, BPF_RET);
            let answer = if instruction.k == SECCOMP_RET_ALLOW {
                ALLOWED
            } else {
                assert_eq!(instruction.k & 0xffff_0000, SECCOMP_RET_ERRNO);
                Err((instruction.k & 0xffff).cast_signed())
            };
            return (answer, steps);
        }
    }
}

fn native(call: libc::c_long, args: [u64; 6]) -> Result<(), i32> {
    run(NATIVE, number(call), args).0
}

#[test]
fn exactly_the_listed_calls_are_allowed() {
    let conditional =
        [libc::SYS_clone, libc::SYS_ioctl, libc::SYS_socket, libc::SYS_socketpair, libc::SYS_personality];
    for call in 0..=libc::c_long::from(NEWEST_CONSIDERED) {
        let expected = if allowed::ALWAYS.iter().any(|(_, allowed)| *allowed == call) {
            ALLOWED
        } else if conditional.contains(&call) {
            continue;
        } else if call == libc::SYS_clone3 {
            Err(libc::ENOSYS)
        } else if call == libc::SYS_sync {
            Err(0)
        } else {
            Err(libc::EPERM)
        };
        assert_eq!(native(call, [u64::MAX; 6]), expected, "call {call}");
    }
}

#[test]
fn calls_of_the_future_and_of_other_tables_do_not_exist() {
    for call in [NEWEST_CONSIDERED + 1, 1000, 0x4000_0000, 0x4000_0000 | number(libc::SYS_read), u32::MAX] {
        assert_eq!(run(NATIVE, call, [0; 6]).0, Err(libc::ENOSYS), "call {call:#x}");
    }
    let i386 = 0x4000_0003;
    assert_eq!(run(i386, 4, [0; 6]).0, Err(libc::ENOSYS));
}

#[test]
fn clone_makes_threads_and_processes_but_no_namespace() {
    let fork = 17;
    let thread = 0x003d_0f00;
    assert_eq!(native(libc::SYS_clone, [fork, 0, 0, 0, 0, 0]), ALLOWED);
    assert_eq!(native(libc::SYS_clone, [thread, 0, 0, 0, 0, 0]), ALLOWED);
    for flag in [0x0002_0000, 0x0200_0000, 0x0400_0000, 0x0800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000] {
        assert_eq!(native(libc::SYS_clone, [fork | flag, 0, 0, 0, 0, 0]), Err(libc::EPERM), "{flag:#x}");
    }
}

#[test]
fn sockets_are_of_the_usual_families_and_protocols() {
    let socket = |family, protocol| native(libc::SYS_socket, [family, 1, protocol, 0, 0, 0]);
    for (family, protocol) in [(1, 0), (1, 5), (2, 0), (2, 6), (2, 17), (2, 1), (10, 58), (2, 262), (16, 0)] {
        assert_eq!(socket(family, protocol), ALLOWED, "{family} {protocol}");
    }
    for (family, protocol) in
        [(38, 0), (40, 0), (17, 0), (16, 12), (16, 9), (2, 132), (10, 33), (3, 0), (44, 0)]
    {
        assert_eq!(socket(family, protocol), Err(libc::EAFNOSUPPORT), "{family} {protocol}");
    }
    assert_eq!(native(libc::SYS_socketpair, [1, 1, 0, 0, 0, 0]), ALLOWED);
    assert_eq!(native(libc::SYS_socketpair, [30, 1, 0, 0, 0, 0]), Err(libc::EAFNOSUPPORT));
}

#[test]
fn the_kernel_reads_32_bits_and_so_does_the_filter() {
    let high = 0xdead_beef_0000_0000;
    for request in [0x5412, 0x541c, 0x5423] {
        assert_eq!(native(libc::SYS_ioctl, [0, request, 0, 0, 0, 0]), Err(libc::EPERM));
        assert_eq!(native(libc::SYS_ioctl, [0, high | request, 0, 0, 0, 0]), Err(libc::EPERM));
    }
    assert_eq!(native(libc::SYS_ioctl, [0, 0x5413, 0, 0, 0, 0]), ALLOWED);
    assert_eq!(native(libc::SYS_socket, [high | 38, 1, 0, 0, 0, 0]), Err(libc::EAFNOSUPPORT));
}

#[test]
fn no_call_takes_more_than_a_few_instructions() {
    let longest = (0..=NEWEST_CONSIDERED).map(|call| run(NATIVE, call, [u64::MAX; 6]).1).max().unwrap();
    assert!(longest <= 40, "{longest}");
}

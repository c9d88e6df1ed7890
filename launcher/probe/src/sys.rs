//! The probe's only unsafe code: system calls by number, with arguments that no kernel accepts.

#![allow(unsafe_code)]

use nix::errno::Errno;
use nix::libc;

/// Makes the native system call `number` with six arguments; returns the error, or none where it succeeded.
///
/// The caller's arguments must name no memory of this process: every pointer is null or -1, so that the kernel can at
/// most refuse.
#[must_use]
pub fn native(number: i64, args: [i64; 6]) -> Option<Errno> {
    let [a, b, c, d, e, f] = args;
    // SAFETY: no argument points into this process (see above), so the kernel reads and writes none of its memory; the
    // numbers tried (`try_out`) neither end it nor change how it runs.
    let result = unsafe { libc::syscall(number, a, b, c, d, e, f) };
    (result == -1).then(Errno::last)
}

/// Makes the system call `number` of the 32-bit x86 table through `int 0x80`; the raw result, negative for an error.
///
/// The process gets SIGSEGV where the kernel has no such entry: call it in a child.
#[cfg(target_arch = "x86_64")]
#[must_use]
pub fn i386(number: i32) -> i32 {
    let result: i32;
    // SAFETY: `int 0x80` clobbers what is declared here and nothing else (`arch/x86/entry/entry_64_compat.S` keeps
    // all other registers); the arguments are -1, which is no valid pointer of the 32-bit table. rbx is saved by hand, as
    // the compiler reserves it.
    unsafe {
        std::arch::asm!(
            "push rbx", "mov ebx, -1", "int 0x80", "pop rbx",
            inlateout("eax") number => result, in("ecx") -1, in("edx") -1,
            out("r8") _, out("r9") _, out("r10") _, out("r11") _,
        );
    }
    result
}

/// Forks; `child` runs in the child, which then exits with what it returns. The child's wait status comes back.
#[must_use]
pub fn in_child(child: impl FnOnce() -> i32) -> Option<nix::sys::wait::WaitStatus> {
    // SAFETY: the probe has one thread, so its child may run any code.
    match unsafe { nix::unistd::fork() } {
        Ok(nix::unistd::ForkResult::Parent { child }) => nix::sys::wait::waitpid(child, None).ok(),
        Ok(nix::unistd::ForkResult::Child) => {
            let code = child();
            // SAFETY: `_exit` takes a number and does not return; nothing of the parent's buffers is flushed twice.
            unsafe { libc::_exit(code) }
        }
        Err(_) => None,
    }
}

/// Forks and goes on in both; false where the kernel refuses.
#[must_use]
pub fn fork() -> bool {
    // SAFETY: the probe has one thread, so its child may run any code.
    unsafe { nix::unistd::fork() }.is_ok()
}

/// Makes a System V segment of so many bytes, writes to all of it and lets go of it without removing it; false where the kernel
/// refuses.
#[must_use]
pub fn leave_segment(bytes: usize) -> bool {
    // SAFETY: it takes numbers.
    let id = unsafe { libc::shmget(libc::IPC_PRIVATE, bytes, 0o600) };
    if id == -1 {
        return false;
    }
    // SAFETY: the kernel maps it where nothing is.
    let address = unsafe { libc::shmat(id, std::ptr::null(), 0) };
    if address as isize == -1 {
        return false;
    }
    // SAFETY: so many bytes are mapped there, for writing, and nobody else has a pointer to them.
    unsafe { std::ptr::write_bytes(address.cast::<u8>(), 1, bytes) };
    // SAFETY: nobody keeps a pointer into what is unmapped.
    unsafe { libc::shmdt(address) == 0 }
}

/// Crashes, for the kernel to say so: call it in a child.
pub fn crash() -> i32 {
    // SAFETY: nothing is mapped at this address in any process (`vm.mmap_min_addr`), so that the kernel ends this one. The read is
    // volatile, and so is made.
    i32::from(unsafe { std::ptr::read_volatile(16 as *const u8) })
}

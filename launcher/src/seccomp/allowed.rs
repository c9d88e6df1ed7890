//! Calls that every program may make, by what they are for.
//!
//! Left out on purpose, and so refused: whatever makes or enters namespaces and mounts (`mount`, `unshare`, `setns`,
//! `pivot_root`, the new mount calls), loads code into the kernel (`bpf`, `init_module`, `kexec_load`), has had more than
//! its share of holes (`io_uring_*`, `userfaultfd`, `perf_event_open`, `vmsplice`, `modify_ldt`), is not namespaced
//! (keys, clocks, swap, quotas, accounting, `syslog`, NUMA policy), reaches around the file system (`open_by_handle_at`,
//! `name_to_handle_at`, `fanotify_*`) or into other processes without need (`kcmp`, `pidfd_getfd`, `process_madvise`).

use nix::libc::{self, c_long};

/// Numbers since `pidfd_send_signal` are the same on every architecture; those that the libc crate does not name yet.
mod new {
    use super::c_long;
    pub(super) const CACHESTAT: c_long = 451;
    pub(super) const FCHMODAT2: c_long = 452;
    pub(super) const MAP_SHADOW_STACK: c_long = 453;
    pub(super) const FUTEX_WAKE: c_long = 454;
    pub(super) const FUTEX_WAIT: c_long = 455;
    pub(super) const FUTEX_REQUEUE: c_long = 456;
    pub(super) const MSEAL: c_long = 462;
    pub(super) const SETXATTRAT: c_long = 463;
    pub(super) const GETXATTRAT: c_long = 464;
    pub(super) const LISTXATTRAT: c_long = 465;
    pub(super) const REMOVEXATTRAT: c_long = 466;
}

/// A call by the name that the C library's headers give its number.
pub(super) type Call = (&'static str, c_long);

macro_rules! calls {
    ($($name:ident)*) => { &[$((stringify!($name), libc::$name)),*] };
}

/// The list, in parts for each purpose.
pub(super) static ALWAYS: std::sync::LazyLock<Vec<Call>> = std::sync::LazyLock::new(|| {
    [FILES, MEMORY, PROCESSES, SIGNALS, TIME, SOCKETS, EVENTS, IPC, IDENTITY, SYSTEM, NEWEST, LEGACY].concat()
});

const FILES: &[Call] = calls! {
    SYS_read SYS_write SYS_pread64 SYS_pwrite64 SYS_readv SYS_writev SYS_preadv SYS_pwritev SYS_preadv2 SYS_pwritev2
    SYS_openat SYS_openat2 SYS_close SYS_close_range SYS_lseek SYS_dup SYS_dup3 SYS_fcntl SYS_flock SYS_pipe2
    SYS_fstat SYS_newfstatat SYS_statx SYS_statfs SYS_fstatfs SYS_getdents64 SYS_getcwd SYS_chdir SYS_fchdir SYS_chroot
    SYS_faccessat SYS_faccessat2 SYS_fchmod SYS_fchmodat SYS_fchown SYS_fchownat SYS_umask SYS_utimensat
    SYS_linkat SYS_symlinkat SYS_readlinkat SYS_unlinkat SYS_renameat2 SYS_mkdirat SYS_mknodat
    SYS_truncate SYS_ftruncate SYS_fallocate SYS_fadvise64 SYS_readahead
    SYS_fsync SYS_fdatasync SYS_sync_file_range SYS_syncfs
    SYS_sendfile SYS_splice SYS_tee SYS_copy_file_range SYS_memfd_create
    SYS_setxattr SYS_lsetxattr SYS_fsetxattr SYS_getxattr SYS_lgetxattr SYS_fgetxattr
    SYS_listxattr SYS_llistxattr SYS_flistxattr SYS_removexattr SYS_lremovexattr SYS_fremovexattr
    SYS_io_setup SYS_io_destroy SYS_io_submit SYS_io_cancel SYS_io_getevents
};

const MEMORY: &[Call] = calls! {
    SYS_brk SYS_mmap SYS_munmap SYS_mremap SYS_mprotect SYS_madvise SYS_mincore SYS_msync SYS_membarrier
    SYS_mlock SYS_mlock2 SYS_munlock SYS_mlockall SYS_munlockall SYS_remap_file_pages
    SYS_pkey_alloc SYS_pkey_free SYS_pkey_mprotect
};

const PROCESSES: &[Call] = calls! {
    SYS_execve SYS_execveat SYS_exit SYS_exit_group SYS_wait4 SYS_waitid SYS_getpid SYS_getppid SYS_gettid
    SYS_getpgid SYS_setpgid SYS_getsid SYS_setsid SYS_getpriority SYS_setpriority SYS_prctl SYS_seccomp
    SYS_set_tid_address SYS_set_robust_list SYS_get_robust_list SYS_rseq SYS_futex SYS_ptrace
    SYS_process_vm_readv SYS_process_vm_writev SYS_pidfd_open SYS_pidfd_send_signal
    SYS_sched_yield SYS_sched_getparam SYS_sched_setparam SYS_sched_getscheduler SYS_sched_setscheduler
    SYS_sched_get_priority_max SYS_sched_get_priority_min SYS_sched_rr_get_interval
    SYS_sched_getaffinity SYS_sched_setaffinity SYS_sched_getattr SYS_sched_setattr
    SYS_getrlimit SYS_setrlimit SYS_prlimit64 SYS_getrusage SYS_times SYS_ioprio_get SYS_ioprio_set SYS_getcpu
    SYS_restart_syscall SYS_landlock_create_ruleset SYS_landlock_add_rule SYS_landlock_restrict_self
};

const SIGNALS: &[Call] = calls! {
    SYS_kill SYS_tkill SYS_tgkill SYS_rt_sigaction SYS_rt_sigprocmask SYS_rt_sigpending SYS_rt_sigqueueinfo
    SYS_rt_tgsigqueueinfo SYS_rt_sigreturn SYS_rt_sigsuspend SYS_rt_sigtimedwait SYS_sigaltstack SYS_signalfd4
};

const TIME: &[Call] = calls! {
    SYS_clock_gettime SYS_clock_getres SYS_clock_nanosleep SYS_gettimeofday SYS_nanosleep SYS_adjtimex SYS_clock_adjtime
    SYS_getitimer SYS_setitimer SYS_timer_create SYS_timer_delete SYS_timer_getoverrun SYS_timer_gettime
    SYS_timer_settime SYS_timerfd_create SYS_timerfd_gettime SYS_timerfd_settime
};

const SOCKETS: &[Call] = calls! {
    SYS_bind SYS_listen SYS_accept SYS_accept4 SYS_connect SYS_shutdown SYS_getsockname SYS_getpeername
    SYS_getsockopt SYS_setsockopt SYS_sendto SYS_recvfrom SYS_sendmsg SYS_recvmsg SYS_sendmmsg SYS_recvmmsg
};

const EVENTS: &[Call] = calls! {
    SYS_pselect6 SYS_ppoll SYS_epoll_create1 SYS_epoll_ctl SYS_epoll_pwait SYS_epoll_pwait2 SYS_eventfd2
    SYS_inotify_init1 SYS_inotify_add_watch SYS_inotify_rm_watch
};

const IPC: &[Call] = calls! {
    SYS_msgctl SYS_msgget SYS_msgrcv SYS_msgsnd SYS_semctl SYS_semget SYS_semop SYS_semtimedop
    SYS_shmat SYS_shmctl SYS_shmdt SYS_shmget
    SYS_mq_getsetattr SYS_mq_notify SYS_mq_open SYS_mq_timedreceive SYS_mq_timedsend SYS_mq_unlink
};

const IDENTITY: &[Call] = calls! {
    SYS_getuid SYS_geteuid SYS_getgid SYS_getegid SYS_getresuid SYS_getresgid SYS_getgroups
    SYS_setuid SYS_setgid SYS_setreuid SYS_setregid SYS_setresuid SYS_setresgid SYS_setgroups SYS_setfsuid SYS_setfsgid
    SYS_capget SYS_capset
};

const SYSTEM: &[Call] = calls! { SYS_uname SYS_sysinfo SYS_getrandom };

const NEWEST: &[Call] = &[
    ("SYS_cachestat", new::CACHESTAT),
    ("SYS_fchmodat2", new::FCHMODAT2),
    ("SYS_map_shadow_stack", new::MAP_SHADOW_STACK),
    ("SYS_futex_wake", new::FUTEX_WAKE),
    ("SYS_futex_wait", new::FUTEX_WAIT),
    ("SYS_futex_requeue", new::FUTEX_REQUEUE),
    ("SYS_mseal", new::MSEAL),
    ("SYS_setxattrat", new::SETXATTRAT),
    ("SYS_getxattrat", new::GETXATTRAT),
    ("SYS_listxattrat", new::LISTXATTRAT),
    ("SYS_removexattrat", new::REMOVEXATTRAT),
    ("SYS_futex_waitv", libc::SYS_futex_waitv),
];

/// Calls that only this architecture still has.
#[cfg(target_arch = "x86_64")]
const LEGACY: &[Call] = calls! {
    SYS_open SYS_creat SYS_stat SYS_lstat SYS_access SYS_poll SYS_select SYS_pipe SYS_dup2 SYS_alarm SYS_pause SYS_fork
    SYS_vfork SYS_getdents SYS_rename SYS_renameat SYS_mkdir SYS_rmdir SYS_link SYS_unlink SYS_symlink SYS_readlink SYS_chmod
    SYS_chown SYS_lchown SYS_mknod SYS_utime SYS_utimes SYS_futimesat SYS_time SYS_getpgrp SYS_arch_prctl
    SYS_epoll_create SYS_epoll_wait SYS_epoll_ctl_old SYS_epoll_wait_old SYS_eventfd SYS_signalfd SYS_inotify_init
};

#[cfg(target_arch = "aarch64")]
const LEGACY: &[Call] = calls! { SYS_renameat };

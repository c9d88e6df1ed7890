//! What the kernel itself would give to whoever asks.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};

use crate::case::{Case, Play, Verdict};
use crate::stage::Stage;

pub fn cases() -> Vec<Case> {
    vec![
        Case::script("CVE-2022-0492: cgroup release_agent", RELEASE_AGENT),
        Case::script("CVE-2022-24769: inheritable capabilities", INHERITABLE).succeeds_outside(),
        Case::course("CVE-2020-15257: abstract sockets of the host and of others", abstract_sockets),
        Case::probe("settings of the machine: sysctl, sysrq, uevent, irq", "knobs").succeeds_outside(),
        Case::probe("io_uring, bpf, perf, userfaultfd, modules, kexec, reboot, quotas", "calls")
            .succeeds_outside(),
        Case::probe("system calls by the x32 and i386 tables", "other-tables").succeeds_outside(),
        Case::probe("unshare, setns and clone3 into other namespaces", "namespaces").succeeds_outside(),
        Case::probe("CVE-2021-3493, CVE-2023-0386: mounts, overlays among them", "mounts").succeeds_outside(),
        Case::probe("keys that are not namespaced", "keys").succeeds_outside(),
        Case::probe("open_by_handle_at around the root", "handles").succeeds_outside(),
        Case::probe(
            "signals, pidfds and ptrace by number into other containers and the host",
            "outside-processes",
        ),
        Case::probe("setting the clock", "clock").succeeds_outside(),
        Case::probe("modules loaded by sockets' families", "families").succeeds_outside(),
        Case::probe("the kernel's log and memory", "kernel-log").succeeds_outside(),
        Case::script("device nodes of one's own", DEVICES).succeeds_outside(),
        Case::script("a crash that runs the host's core handler", CORE),
        Case::script("addresses of clouds' metadata, written in every way", METADATA),
    ]
}

const RELEASE_AGENT: &str = r#"
mkdir -p /tmp/cgroup
mount -t cgroup -o rdma x /tmp/cgroup 2>/dev/null && escaped a hierarchy can be mounted
mount -t cgroup2 x /tmp/cgroup 2>/dev/null && escaped version 2 can be mounted
for agent in $(find /sys/fs/cgroup -name release_agent -o -name notify_on_release -o -name 'memory.max' 2>/dev/null); do
    (: >>$agent) 2>/dev/null && escaped $agent opens for writing
done
contained no hierarchy can be mounted, nothing in one written
"#;

/// What is not of the default twelve may not come back by whatever is executed.
const INHERITABLE: &str = r#"
bounding=$(grep CapBnd /proc/self/status | cut -f2)
for set in CapInh CapAmb; do
    [ "$(grep $set /proc/self/status | cut -f2)" = 0000000000000000 ] || escaped "$set is not empty"
done
[ $((0x$bounding & ~0x800425fb)) = 0 ] || escaped "the bounding set is $bounding"
contained none inheritable, none ambient, bounded by $bounding
"#;

const DEVICES: &str = r#"
for node in "c 1 1" "b 8 0" "b 254 0" "c 10 229" "c 10 200"; do
    mknod /tmp/.escape-node $node 2>/dev/null && rm /tmp/.escape-node && escaped "mknod $node"
done
contained mknod of memory, disks, fuse and tun refused
"#;

/// What a handler would do shows in the canary; a file would be beside the process.
const CORE: &str = r#"
cd /tmp && ulimit -c unlimited 2>/dev/null
sh -c 'kill -SEGV $$' 2>/dev/null
sleep 1
ls /tmp/core* /core* 2>/dev/null | grep -q . && escaped a core file was written
case $(cat /proc/sys/kernel/core_pattern) in
    \|*) none "a crash would run $(cut -c2-40 /proc/sys/kernel/core_pattern) on the host: see doctor";;
esac
contained no core file, no program was run
"#;

const METADATA: &str = r#"
for to in 169.254.169.254 2852039166 0xa9fea9fe 0251.0376.0251.0376 [::ffff:169.254.169.254] [fd00:ec2::254] 100.100.100.200 metadata.google.internal; do
    wget -T 2 -q -O - http://$to/ >/dev/null 2>/tmp/why && escaped "$to answers"
    grep -q 'server returned error' /tmp/why && escaped "$to answers"
done
contained none of 8 answers
"#;

fn abstract_sockets(stage: &mut Stage) -> Play<'_> {
    Box::pin(async move {
        let name = SocketAddr::from_abstract_name("porthole-canary").unwrap();
        let host = UnixListener::bind_addr(&name).unwrap();
        let spec = stage.spec(&["probe", "attempt", "abstract"]);
        let verdict = stage.said(spec).await;
        drop(host);
        if !matches!(verdict, Verdict::Contained(_)) {
            return verdict;
        }
        // The counter-proof: the same probe beside a socket that it can reach.
        let host = UnixListener::bind_addr(&name).unwrap();
        let outside =
            std::process::Command::new(crate::stage::probe()).args(["attempt", "abstract"]).output().unwrap();
        drop(host);
        match Verdict::of(&String::from_utf8_lossy(&outside.stdout)) {
            Verdict::Escaped(_) => verdict,
            other => Verdict::Unclear(format!("on the host it says {other:?}")),
        }
    })
}

//! What must hold inside a container, each as a check of a report. None of them may hold on the bare host.

use std::collections::BTreeSet;

use porthole_probe::report::Report;

/// What the test knows of the host and of what it asked for.
pub(crate) struct Expected {
    pub(crate) host: Report,
    pub(crate) hostname: String,
    pub(crate) capabilities: u64,
    pub(crate) pids_visible: usize,
}

pub(crate) type Check = fn(&Report, &Expected) -> Result<(), String>;

/// Every check by name.
pub(crate) const CHECKS: [(&str, Check); 17] = [
    ("every namespace is its own", namespaces),
    ("ids map to a range that is nobody outside", id_maps),
    ("capabilities are the ones asked for and can never be more", capabilities),
    ("nothing can gain privilege", no_new_privs),
    ("a system call filter is in force", seccomp),
    ("calls a container has no business with are refused", refused_calls),
    ("the mount table shows the container's own file systems alone", mounts),
    ("file systems of the kernel are mounted without devices, setuid and programs", mount_flags),
    ("files that tell of the host cannot be read", secrets),
    ("files that change the host cannot be written", knobs),
    ("no descriptor of the host is open", descriptors),
    ("/dev holds the usual nodes and nothing else", devices),
    ("no other process can be seen", processes),
    ("the network is a loopback interface that works", network),
    ("limits of a process are set", rlimits),
    ("no signal is ignored or blocked", signals),
    ("the host name and its address are the container's own", host_name),
];

fn require(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

fn namespaces(report: &Report, expected: &Expected) -> Result<(), String> {
    require(report.namespaces.len() == 7, || format!("{:?}", report.namespaces))?;
    for (kind, id) in &report.namespaces {
        require(expected.host.namespaces[kind] != *id, || format!("the {kind} namespace is the host's"))?;
    }
    require(report.cgroup.lines().all(|line| line.ends_with(":/")), || report.cgroup.clone())
}

fn id_maps(report: &Report, _: &Expected) -> Result<(), String> {
    for map in [&report.uid_map, &report.gid_map] {
        let numbers: Vec<u64> = map.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        let [inside, outside, count] = numbers[..] else { return Err(map.clone()) };
        require(inside == 0 && count == 65_536, || map.clone())?;
        require(outside >= 524_288 + 65_536 && outside % 65_536 == 0, || map.clone())?;
    }
    require(report.ids == (0, 0, vec![]) || report.ids == (0, 0, vec![0]), || format!("{:?}", report.ids))
}

fn capabilities(report: &Report, expected: &Expected) -> Result<(), String> {
    let set = |name: &str| u64::from_str_radix(&report.status[name], 16).unwrap();
    for name in ["CapEff", "CapPrm", "CapBnd"] {
        require(set(name) == expected.capabilities, || format!("{name} is {:016x}", set(name)))?;
    }
    for name in ["CapInh", "CapAmb"] {
        require(set(name) == 0, || format!("{name} is {:016x}", set(name)))?;
    }
    Ok(())
}

fn no_new_privs(report: &Report, _: &Expected) -> Result<(), String> {
    require(report.status["NoNewPrivs"] == "1", || report.status["NoNewPrivs"].clone())
}

fn seccomp(report: &Report, _: &Expected) -> Result<(), String> {
    require(report.status["Seccomp"] == "2", || report.status["Seccomp"].clone())?;
    require(report.status["Seccomp_filters"] != "0", || "no filter".into())
}

fn refused_calls(report: &Report, _: &Expected) -> Result<(), String> {
    for (what, outcome) in &report.calls {
        let refused = match what.as_str() {
            "clone3" => outcome == "ENOSYS",
            "i386 getpid" => outcome != "ok",
            "mknod b 8 0" => outcome.starts_with("EPERM"),
            _ => matches!(outcome.as_str(), "EPERM" | "ENOSYS" | "EAFNOSUPPORT" | "EPROTONOSUPPORT"),
        };
        require(refused, || format!("{what}: {outcome}"))?;
    }
    Ok(())
}

fn mounts(report: &Report, _: &Expected) -> Result<(), String> {
    const OWN: [&str; 8] = ["overlay", "proc", "sysfs", "tmpfs", "devpts", "mqueue", "cgroup2", "cgroup"];
    let root: Vec<_> = report.mounts.iter().filter(|mount| mount.target == "/").collect();
    require(root.len() == 1 && root[0].fs_type == "overlay", || format!("{root:?}"))?;
    for mount in &report.mounts {
        let device = ["null", "zero", "full", "random", "urandom", "tty"]
            .iter()
            .any(|name| mount.target == format!("/dev/{name}") && mount.root.ends_with(&format!("/{name}")));
        let masked = mount.fs_type == "devtmpfs" && mount.root == "/null";
        require(OWN.contains(&mount.fs_type.as_str()) || device || masked, || format!("{mount:?}"))?;
    }
    Ok(())
}

fn mount_flags(report: &Report, _: &Expected) -> Result<(), String> {
    let wanted: [(&str, &[&str]); 7] = [
        ("/", &["nodev"]),
        ("/proc", &["nosuid", "nodev", "noexec"]),
        ("/proc/sys", &["ro"]),
        ("/sys", &["ro", "nosuid", "nodev", "noexec"]),
        ("/dev", &["nosuid", "noexec"]),
        ("/dev/shm", &["nosuid", "nodev", "noexec"]),
        ("/dev/pts", &["nosuid", "noexec"]),
    ];
    for (target, options) in wanted {
        let mount = report.mounts.iter().find(|mount| mount.target == target);
        let mount = mount.ok_or_else(|| format!("nothing is mounted on {target}"))?;
        let has: BTreeSet<&str> = mount.options.split(',').collect();
        for option in options {
            require(has.contains(option), || format!("{target} lacks {option}: {}", mount.options))?;
        }
    }
    for sized in ["/dev", "/dev/shm"] {
        let mount = report.mounts.iter().find(|mount| mount.target == sized).ok_or(sized)?;
        require(mount.super_options.contains("size="), || {
            format!("{sized} has no size: {}", mount.super_options)
        })?;
    }
    Ok(())
}

fn secrets(report: &Report, _: &Expected) -> Result<(), String> {
    let told: Vec<_> = report.reads.iter().filter(|(_, outcome)| *outcome == "ok").collect();
    require(told.is_empty(), || format!("{told:?}"))
}

fn knobs(report: &Report, _: &Expected) -> Result<(), String> {
    let open: Vec<_> = report.writes.iter().filter(|(_, outcome)| *outcome == "ok").collect();
    require(open.is_empty(), || format!("{open:?}"))
}

fn descriptors(report: &Report, _: &Expected) -> Result<(), String> {
    let own = |fd: &i32, target: &String| *fd <= 2 && (target.starts_with("pipe:") || target == "/dev/null");
    require(report.fds.len() == 3 && report.fds.iter().all(|(fd, target)| own(fd, target)), || {
        format!("{:?}", report.fds)
    })
}

fn devices(report: &Report, _: &Expected) -> Result<(), String> {
    let nodes = [
        ("null", "c 1:3"),
        ("zero", "c 1:5"),
        ("full", "c 1:7"),
        ("random", "c 1:8"),
        ("urandom", "c 1:9"),
        ("tty", "c 5:0"),
        ("fd", "l /proc/self/fd"),
        ("stdin", "l /proc/self/fd/0"),
        ("stdout", "l /proc/self/fd/1"),
        ("stderr", "l /proc/self/fd/2"),
        ("ptmx", "l pts/ptmx"),
        ("pts", "d"),
        ("shm", "d"),
    ];
    for (name, what) in nodes {
        require(report.dev.get(name).is_some_and(|is| is == what), || {
            format!("/dev/{name}: {:?}", report.dev.get(name))
        })?;
    }
    let known: BTreeSet<&str> =
        nodes.iter().map(|(name, _)| *name).chain(["mqueue", "console", "core"]).collect();
    let other: Vec<_> = report.dev.keys().filter(|name| !known.contains(name.as_str())).collect();
    require(other.is_empty(), || format!("{other:?}"))?;
    require(report.ptmx == "ok", || format!("/dev/ptmx: {}", report.ptmx))
}

fn processes(report: &Report, expected: &Expected) -> Result<(), String> {
    require(report.pids.len() == expected.pids_visible && report.pids[0] == 1, || {
        format!("{:?}", report.pids)
    })
}

fn network(report: &Report, _: &Expected) -> Result<(), String> {
    require(report.interfaces == ["lo"], || format!("{:?}", report.interfaces))?;
    require(report.abstract_sockets == 0, || "abstract sockets are visible".into())?;
    require(report.loopback == "ok", || report.loopback.clone())
}

fn rlimits(report: &Report, _: &Expected) -> Result<(), String> {
    let (_, core) = report.rlimits["core"];
    require(core == 0, || "core dumps are possible".into())?;
    let (_, nofile) = report.rlimits["nofile"];
    require(nofile <= 1_048_576, || format!("{nofile} descriptors"))?;
    require(report.oom_score_adj > 0, || format!("oom_score_adj is {}", report.oom_score_adj))
}

fn signals(report: &Report, _: &Expected) -> Result<(), String> {
    // Bit 12 is SIGPIPE, which the probe's own runtime ignores.
    let ignored = u64::from_str_radix(&report.status["SigIgn"], 16).unwrap() & !(1 << 12);
    let blocked = u64::from_str_radix(&report.status["SigBlk"], 16).unwrap();
    require(ignored == 0 && blocked == 0, || format!("ignored {ignored:x}, blocked {blocked:x}"))
}

fn host_name(report: &Report, expected: &Expected) -> Result<(), String> {
    require(report.hostname == expected.hostname, || report.hostname.clone())?;
    require(report.hosts.contains(&expected.hostname) && report.hosts.contains("127.0.0.1"), || {
        report.hosts.clone()
    })
}

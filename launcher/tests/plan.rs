//! The plan as text: every change of it is a change of this file, to be looked at.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fmt::Write;

use porthole_launcher::capabilities;
use porthole_launcher::plan::{Hierarchy, Host, Ids, Storage, plan};
use porthole_launcher::wire::{EngineKind, LaunchRequest, Limits, ProcessRequest, Stdio};

/// A host as most are: root, and version 2 of the control groups with all controllers.
fn host() -> Host {
    Host {
        rootless: false,
        idmapped: true,
        set_groups: true,
        hierarchies: vec![Hierarchy {
            name: "unified".into(),
            version: 2,
            controllers: ["cpu", "cpuset", "hugetlb", "io", "memory", "pids"].map(String::from).to_vec(),
            optional: ["hugetlb.2MB.max", "memory.oom.group", "memory.swap.max", "memory.zswap.max"]
                .map(String::from)
                .to_vec(),
        }],
        cgroup_parent: "/porthole/1234".into(),
        masked_files: vec!["proc/kcore".into()],
        masked_directories: vec!["proc/acpi".into(), "sys/firmware".into()],
        protected_directories: vec!["proc/sys".into()],
        storage: Storage::Image,
        max_open_files: 524_288,
        cpus: "0-3".into(),
        memory_nodes: "0".into(),
        disk: Some("254:0".into()),
    }
}

fn request() -> LaunchRequest {
    LaunchRequest {
        container: "0123456789ab".into(),
        hostname: "box".into(),
        layers: vec!["aa".repeat(32), "bb".repeat(32)],
        directories: Vec::new(),
        read_only: false,
        process: ProcessRequest {
            argv: vec!["sh".into()],
            env: vec!["PATH=/bin".into()],
            cwd: "/root".into(),
            uid: 0,
            gid: 0,
            groups: vec![],
            stdio: Stdio::Terminal { rows: 24, cols: 80 },
            tag: 0,
        },
        limits: Limits {
            memory_bytes: 256 << 20,
            cpu_millis: 500,
            pids: 128,
            disk_bytes: 64 << 20,
            disk_inodes: 4096,
            shm_bytes: 64 << 20,
            ..Limits::default()
        },
        networks: Vec::new(),
        engine: EngineKind::Builtin,
        new_privileges: false,
        capabilities: capabilities::DEFAULT,
        label: vec![],
    }
}

const IDS: Ids = Ids { base: 589_824, count: 65_536, store: 524_288 };

fn text(request: &LaunchRequest, host: &Host) -> String {
    plan(request, host, IDS, &[]).steps.iter().fold(String::new(), |mut text, step| {
        writeln!(text, "{:<8} {}", step.actor().to_string(), step.call()).unwrap();
        text
    })
}

#[test]
fn the_plan_of_a_shell_is_this_one() {
    assert_eq!(text(&request(), &host()), include_str!("plan/shell.txt"));
}

#[test]
fn the_same_request_on_the_same_host_gives_the_same_plan() {
    assert_eq!(plan(&request(), &host(), IDS, &[]), plan(&request(), &host(), IDS, &[]));
}

#[test]
fn what_a_host_lacks_is_told_and_not_planned() {
    let mut poor = host();
    poor.rootless = true;
    poor.hierarchies.clear();
    let plan = plan(&request(), &poor, IDS, &[]);
    assert_eq!(plan.lacks.len(), 4, "{:?}", plan.lacks);
    assert!(plan.lacks.iter().all(|lack| lack.ends_with('.')));
    assert!(!plan.steps.iter().any(|step| step.call().contains("cgroup/")));
}

#[test]
fn limits_of_version_1_never_allow_more_swap_than_memory_for_a_moment() {
    let mut old = host();
    let name = "memory".to_owned();
    let optional = vec!["memory.memsw.limit_in_bytes".to_owned()];
    old.hierarchies = vec![Hierarchy { name: name.clone(), version: 1, controllers: vec![name], optional }];
    let text = text(&request(), &old);
    let memory = text.find("memory.limit_in_bytes").unwrap();
    let both = text.find("memory.memsw.limit_in_bytes").unwrap();
    let joined = text.find("/tasks").unwrap();
    assert!(memory < both && both < joined, "{text}");
}

#[test]
fn privilege_is_given_up_in_the_only_order_that_works() {
    let text = text(&request(), &host());
    let of_process: Vec<&str> = text.lines().filter(|line| line.starts_with("process")).collect();
    let at = |what: &str| of_process.iter().position(|line| line.contains(what)).unwrap();
    let order = [
        at("setns"),
        at("CAPBSET_DROP"),
        at("setgroups"),
        at("keyctl"),
        at("capset"),
        at("NO_NEW_PRIVS"),
        at("seccomp"),
        at("execve"),
    ];
    assert!(order.is_sorted(), "{order:?}\n{text}");
}

#[test]
fn with_new_privileges_the_filter_comes_while_there_is_still_the_right_to_load_it() {
    let text = text(&LaunchRequest { new_privileges: true, ..request() }, &host());
    let of_process: Vec<&str> = text.lines().filter(|line| line.starts_with("process")).collect();
    let at = |what: &str| of_process.iter().position(|line| line.contains(what)).unwrap();
    let order = [
        at("setns"),
        at("keyctl"),
        at("seccomp"),
        at("CAPBSET_DROP"),
        at("setgroups"),
        at("capset"),
        at("execve"),
    ];
    assert!(order.is_sorted(), "{order:?}\n{text}");
    assert!(!of_process.iter().any(|line| line.contains("NO_NEW_PRIVS")), "{text}");
    assert!(text.lines().any(|line| line.starts_with("init") && line.contains("NO_NEW_PRIVS")), "{text}");
}

#[test]
fn every_step_says_why_in_one_sentence() {
    for step in plan(&request(), &host(), IDS, &[]).steps {
        let why = step.why();
        assert!(why.ends_with('.') && why.len() <= 110, "{}: {why}", step.call());
    }
}

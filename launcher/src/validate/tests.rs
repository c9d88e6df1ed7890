//! Whatever an agent sends, only what is within the limits comes through.

use proptest::prelude::*;

use super::{MAX_GROUPS, MAX_LAYERS, request};
use crate::capabilities;
use crate::wire::{EngineKind, FailureKind, LaunchRequest, Limits, ProcessRequest, RequestBody, Stdio};

fn process() -> impl Strategy<Value = ProcessRequest> {
    let stdio = prop_oneof![
        (0u16..500, 0u16..500).prop_map(|(rows, cols)| Stdio::Terminal { rows, cols }),
        any::<bool>().prop_map(|stdin| Stdio::Pipes { stdin }),
    ];
    (
        prop::collection::vec("[a-z\0/ ]{0,300}", 0..4),
        prop::collection::vec("[A-Z=\0]{0,12}", 0..4),
        "/?[a-z./\0]{0,300}",
        0u32..140_000,
        prop::collection::vec(0u32..140_000, 0..40),
        stdio,
    )
        .prop_map(|(argv, env, cwd, uid, groups, stdio)| ProcessRequest {
            argv,
            env,
            cwd,
            uid,
            gid: uid / 2,
            groups,
            stdio,
            tag: 0,
        })
}

fn launch() -> impl Strategy<Value = LaunchRequest> {
    (
        "[0-9a-fg./]{11,13}",
        "[a-z.-]{0,70}",
        prop::collection::vec("[0-9a-f/]{63,65}", 0..3),
        process(),
        (any::<u64>(), any::<u32>(), any::<u32>()),
        any::<u64>(),
    )
        .prop_map(|(container, hostname, layers, process, limits, capabilities)| LaunchRequest {
            container,
            hostname,
            layers,
            directories: Vec::new(),
            read_only: false,
            process,
            limits: Limits { memory_bytes: limits.0, cpu_millis: limits.1, pids: limits.2, ..good_limits() },
            networks: Vec::new(),
            engine: EngineKind::Builtin,
            new_privileges: false,
            capabilities,
            label: Vec::new(),
        })
}

/// A request that is accepted, to be spoilt in one place.
fn good_limits() -> Limits {
    Limits {
        memory_bytes: 4 << 20,
        cpu_millis: 10,
        pids: 2,
        disk_bytes: 1 << 20,
        disk_inodes: 64,
        shm_bytes: 4096,
        ..Limits::default()
    }
}

fn good() -> LaunchRequest {
    LaunchRequest {
        container: "0123456789ab".into(),
        hostname: "box-1.example".into(),
        layers: vec!["0f".repeat(32)],
        directories: vec!["/x".into(); 64],
        read_only: true,
        process: ProcessRequest {
            argv: vec!["sh".into()],
            env: vec!["A=".into(), "B=c=d".into()],
            cwd: "/".into(),
            uid: 65_535,
            gid: 0,
            groups: vec![0; MAX_GROUPS],
            stdio: Stdio::Terminal { rows: 1, cols: 1 },
            tag: 0,
        },
        limits: good_limits(),
        networks: Vec::new(),
        engine: EngineKind::Builtin,
        new_privileges: false,
        capabilities: capabilities::ALLOWED,
        label: vec![0; 64 * 1024],
    }
}

fn accepted(launch: LaunchRequest) -> bool {
    request(&RequestBody::Launch(Box::new(launch))).is_ok()
}

proptest! {
    #[test]
    fn what_is_accepted_names_nothing_but_itself(launch in launch()) {
        if request(&RequestBody::Launch(Box::new(launch.clone()))).is_ok() {
            prop_assert!(launch.container.len() == 12 && !launch.container.contains(['/', '.']));
            prop_assert!(launch.layers.iter().all(|layer| layer.len() == 64 && !layer.contains('/')));
            prop_assert!(launch.process.cwd.starts_with('/') && launch.process.cwd.len() < 256);
            prop_assert_eq!(launch.capabilities & !capabilities::ALLOWED, 0);
        }
    }

    #[test]
    fn a_process_that_is_accepted_can_be_handed_to_the_kernel_as_it_is(process in process()) {
        let body = RequestBody::Exec { container: "0123456789ab".into(), process: process.clone() };
        match request(&body) {
            Ok(()) => {
                prop_assert!(!process.argv[0].is_empty());
                let strings = process.argv.iter().chain(&process.env).chain([&process.cwd]);
                prop_assert!(strings.into_iter().all(|string| !string.contains('\0')));
                prop_assert!(process.uid < 65_536 && process.groups.len() <= MAX_GROUPS);
            }
            Err(failure) => prop_assert_eq!(failure.kind, FailureKind::BadRequest),
        }
    }
}

#[test]
fn a_request_at_every_limit_is_accepted_and_one_beyond_any_of_them_is_not() {
    assert!(accepted(good()));
    let spoil: [fn(&mut LaunchRequest); 16] = [
        |r| r.container = "0123456789AB".into(),
        |r| r.container = "../../../etc".into(),
        |r| r.hostname = "-x".into(),
        |r| r.hostname = "x".repeat(65),
        |r| r.layers.clear(),
        |r| r.layers = vec!["0f".repeat(32); MAX_LAYERS + 1],
        |r| r.directories.push("/x".into()),
        |r| r.directories[0] = "x".into(),
        |r| r.process.argv.clear(),
        |r| r.process.env.push("=x".into()),
        |r| r.process.uid = 65_536,
        |r| r.process.groups.push(0),
        |r| r.process.cwd = "relative".into(),
        |r| r.limits.pids = 1,
        |r| r.capabilities |= 1 << 21,
        |r| r.label.push(0),
    ];
    for (n, spoil) in spoil.iter().enumerate() {
        let mut request = good();
        spoil(&mut request);
        assert!(!accepted(request), "spoilt in place {n}");
    }
}

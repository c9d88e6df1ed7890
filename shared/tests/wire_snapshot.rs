//! The wire as it stands on paper: one example of every message, frozen in `schema/gen-1.json`.
//!
//! A changed line means a changed wire. New messages and new optional fields may be added within a generation; anything
//! else needs a new generation (`version.rs`) and a new file. Rewrite with `PORTHOLE_BLESS=1 cargo test -p porthole-protocol`.

use std::collections::BTreeSet;
use std::path::Path;

use porthole_protocol::control::{ClientMessage, OpenChannel, ServerMessage, Stream};
use porthole_protocol::doctor::{Check, DoctorReport, Verdict};
use porthole_protocol::error::{ErrorCode, WireError};
use porthole_protocol::files::{Change, ChangeKind, Changes, FileEntry, FileKind, FileTree, StackLayer};
use porthole_protocol::http::{
    Address, ContainerDetail, ContainerState, ContainerSummary, EndReason, ExecRequest, Exit, KillRequest,
    ListeningPort, Offer, Offers, PlanStep, Preview, ProcessSummary, Started, Stats, StopRequest, Version,
};
use porthole_protocol::ids::ContainerId;
use porthole_protocol::image::{
    CommitRequest, ContainerSize, Credentials, Direction, HistoryStep, ImageDetail, ImageSettings,
    ImageSummary, LayerState, LayerTransfer, PruneRequest, Pruned, Removed, Storage, StoredLayer, Transfer,
    TransferEvent, TransferRequest,
};
use porthole_protocol::kernel::{
    BirthStep, CgroupValue, IdMap, KernelView, Layer, Mount, NamespaceId, Process, Side,
};
use porthole_protocol::recording::Recording;
use porthole_protocol::session::{CreatedShare, May, Opened, Person, Session, Share, ShareRequest};
use porthole_protocol::spec::{Engine, LaunchSpec, Limits, Namespace, ProcessSpec, Publish, Size};
use porthole_protocol::version::{GENERATION, Generations};
use serde_json::{Value, json};

fn id() -> ContainerId {
    "0123456789ab".parse().expect("twelve hexadecimal digits")
}

fn process_spec() -> ProcessSpec {
    ProcessSpec {
        command: vec!["sh".into()],
        env: vec!["A=1".into()],
        workdir: Some("/root".into()),
        user: Some("root:0".into()),
        terminal: Some(Size { rows: 24, cols: 80 }),
        stdin: true,
    }
}

fn launch_spec() -> LaunchSpec {
    LaunchSpec {
        image: "busybox".into(),
        name: Some("calm_otter".into()),
        hostname: Some("box".into()),
        process: process_spec(),
        limits: limits(),
        read_only: false,
        cap_add: vec!["NET_RAW".into()],
        cap_drop: vec!["CHOWN".into()],
        remove: true,
        networks: vec!["nat".into(), "lab".into()],
        publish: vec![Publish { port: 80, host_port: Some(8080) }],
        engine: Engine::Crun,
        new_privileges: true,
    }
}

fn limits() -> Limits {
    Limits {
        memory_bytes: Some(268_435_456),
        cpu_millis: Some(500),
        pids: Some(128),
        cpuset: Some("0-1".into()),
        io_bytes_per_second: Some(16_777_216),
        disk_bytes: Some(1_073_741_824),
        disk_inodes: Some(65_536),
        shm_bytes: Some(67_108_864),
        lifetime_ms: Some(3_600_000),
        idle_ms: Some(0),
    }
}

fn exit() -> Exit {
    Exit { code: 137, signal: Some(9), out_of_memory: true }
}

fn summary() -> ContainerSummary {
    ContainerSummary {
        id: id(),
        name: "calm_otter".into(),
        image: "busybox:latest".into(),
        created_ms: 1_790_000_000_000,
        state: ContainerState::Exited(exit()),
        processes: vec![ProcessSummary {
            number: 0,
            command: vec!["sh".into()],
            terminal: true,
            exit: Some(exit()),
            recording: Some("0123456789abcdef".into()),
        }],
        start_micros: 3100,
        expires_ms: Some(1_790_003_600_000),
        session: Some("4f2a".into()),
        size: None,
        why: Some(EndReason::OutOfMemory),
        published: vec![Publish { port: 80, host_port: Some(8080) }],
    }
}

fn detail() -> ContainerDetail {
    ContainerDetail {
        summary: summary(),
        spec: launch_spec(),
        limits: limits(),
        hostname: "box".into(),
        init_pid: 4242,
        layers: vec!["sha256:00".into()],
        birth: vec![BirthStep {
            actor: "launcher".into(),
            call: "pivot_root(\".\", \".\")".into(),
            why: "Makes the image the root.".into(),
            start_ns: 1000,
            duration_ns: 75_000,
        }],
        lacks: vec!["Swap is not limited.".into()],
        addresses: vec![Address {
            network: "nat".into(),
            interface: "eth0".into(),
            address: "10.88.0.2/32".into(),
        }],
        published: vec![Publish { port: 80, host_port: Some(8080) }],
    }
}

fn image() -> ImageSummary {
    ImageSummary {
        id: "sha256:11".into(),
        names: vec!["busybox:latest".into()],
        created_ms: 0,
        bytes: 2_000_000,
        unique_bytes: 500_000,
        layers: vec!["sha256:00".into()],
        command: vec!["sh".into()],
        containers: 1,
    }
}

fn transfer() -> Transfer {
    let layer = LayerTransfer {
        digest: "sha256:22".into(),
        state: LayerState::Transferring,
        done_bytes: 1_000_000,
        total_bytes: 30_000_000,
    };
    Transfer { name: "debian:12".into(), direction: Direction::Pull, layers: vec![layer] }
}

fn tree() -> FileTree {
    let layer = |diff_id: Option<&str>, created_by: &str, bytes| StackLayer {
        diff_id: diff_id.map(Into::into),
        created_by: created_by.into(),
        bytes,
    };
    FileTree {
        path: "/etc".into(),
        layers: vec![layer(None, "", 4096), layer(Some("sha256:00"), "import", 2_000_000)],
        from: 0,
        entries: vec![FileEntry {
            name: "motd".into(),
            kind: FileKind::File,
            bytes: 6,
            mode: 0o644,
            uid: 0,
            gid: 0,
            modified_ms: 1000,
            target: None,
            layer: 0,
            change: Some(ChangeKind::Changed),
        }],
        truncated: false,
    }
}

fn image_detail() -> ImageDetail {
    ImageDetail {
        summary: image(),
        digest: "sha256:33".into(),
        os: "linux".into(),
        architecture: "amd64".into(),
        config: ImageSettings { cmd: vec!["sh".into()], ..ImageSettings::default() },
        history: vec![HistoryStep {
            created_by: "import".into(),
            comment: String::new(),
            created_ms: 0,
            layer: Some("sha256:00".into()),
            bytes: 2_000_000,
        }],
    }
}

fn storage() -> Storage {
    Storage {
        layers: vec![StoredLayer {
            diff_id: "sha256:00".into(),
            bytes: 2_000_000,
            created_by: "import".into(),
            images: vec!["sha256:11".into()],
            containers: vec![id()],
        }],
        containers: vec![size()],
        archive_bytes: 1_000_000,
        download_bytes: 0,
    }
}

fn size() -> ContainerSize {
    ContainerSize { container: id(), private_bytes: 4096, shared_bytes: 2_000_000 }
}

fn side() -> Side {
    Side {
        sysname: "Linux".into(),
        release: "6.18.0".into(),
        version: "#1 SMP".into(),
        machine: "x86_64".into(),
        hostname: "box".into(),
        namespaces: vec![NamespaceId { kind: Namespace::User, id: 4_026_531_837 }],
        uid_map: vec![IdMap { inside: 0, outside: 589_824, count: 65_536 }],
        gid_map: vec![IdMap { inside: 0, outside: 589_824, count: 65_536 }],
        cap_effective: vec!["CHOWN".into()],
        cap_bounding: vec!["CHOWN".into()],
        no_new_privs: true,
        seccomp_mode: 2,
        seccomp_filters: 1,
        mount_count: 20,
        process_count: 2,
    }
}

fn view() -> KernelView {
    KernelView {
        host: side(),
        container: side(),
        cgroup: vec![CgroupValue {
            resource: "memory".into(),
            version: 1,
            usage: 1_000_000,
            limit: Some(268_435_456),
            hits: 0,
        }],
        cgroup_path: "/porthole/x/0123456789ab".into(),
        mounts: vec![Mount { target: "/".into(), fs_type: "overlay".into(), options: "rw,nodev".into() }],
        layers: vec![Layer {
            diff_id: "sha256:00".into(),
            bytes: 2_000_000,
            shared_by: 3,
            created_by: "import".into(),
        }],
        writable_bytes: 4096,
        processes: vec![Process {
            host_pid: 4243,
            container_pid: 2,
            host_uid: 589_824,
            container_uid: 0,
            state: "S".into(),
            rss_bytes: 1_000_000,
            name: "sh".into(),
            command: "sh -l".into(),
        }],
        lacks: vec![],
        listening: vec![ListeningPort { port: 8000, loopback: true, preview: None }],
    }
}

fn error() -> WireError {
    WireError::new(ErrorCode::NoSuchImage, "There is no image 'x'.", "List images with 'porthole images'.")
}

fn session() -> Session {
    Session {
        id: "4f2a".into(),
        created_ms: 1_790_000_000_000,
        expires_ms: Some(1_790_003_600_000),
        extends_to_ms: Some(1_790_007_200_000),
        ends_by_ms: None,
        containers: 1,
        max_containers: Some(4),
        owner: false,
    }
}

fn opened() -> Opened {
    Opened {
        container: id(),
        name: "calm_otter".into(),
        process: 0,
        may: May::Watch,
        expires_ms: Some(1_790_003_600_000),
    }
}

fn share() -> Share {
    Share {
        id: "9c1d".into(),
        process: 0,
        may: May::Type,
        created_ms: 1_790_000_000_000,
        expires_ms: Some(1_790_003_600_000),
    }
}

fn recording() -> Recording {
    Recording {
        id: "0123456789abcdef".into(),
        container: id(),
        name: "calm_otter".into(),
        image: "busybox:latest".into(),
        process: 0,
        command: vec!["sh".into()],
        started_ms: 1_790_000_000_000,
        ended_ms: Some(1_790_000_060_000),
        bytes: 4096,
        size: Size { rows: 24, cols: 80 },
        full: false,
    }
}

fn client_messages() -> Vec<ClientMessage> {
    use ClientMessage as M;
    vec![
        M::Hello {
            generations: Generations::OURS,
            token: Some("t".into()),
            client: "page 0.1.0".into(),
            share: Some("s".into()),
            name: Some("Ada".into()),
        },
        M::Launch { request: 1, spec: launch_spec(), credit: 65_536, typist: Some(7) },
        M::Exec { request: 2, container: id(), process: process_spec(), credit: 65_536, typist: Some(7) },
        M::Attach {
            request: 3,
            container: id(),
            process: 0,
            from: Some(100),
            credit: 65_536,
            typist: Some(7),
        },
        M::Credit { channel: 1, bytes: 4096 },
        M::Resize { channel: 1, size: Size { rows: 50, cols: 132 } },
        M::CloseInput { channel: 1 },
        M::Detach { channel: 1 },
        M::Signal { request: 4, container: id(), process: 0, signal: "TERM".into() },
        M::CancelLaunch { launch: 1 },
        M::Update { request: 9, container: id(), limits: limits() },
        M::Keyboard { request: 10, container: id(), process: 0, holder: Some(2) },
        M::Record { request: 11, container: id(), process: 0, on: true },
        M::Stop { request: 5, container: id() },
        M::Remove { request: 6, container: id(), force: true },
        M::Inspect { request: 7, container: id() },
        M::Pull { request: 8, name: "debian:12".into() },
        M::CancelPull { pull: 8 },
        M::Watch { container: id() },
        M::Unwatch { container: id() },
        M::Ping { nonce: 9 },
        M::Pong { nonce: 9 },
    ]
}

fn server_messages() -> Vec<ServerMessage> {
    use ServerMessage as M;
    vec![
        M::Welcome {
            generation: GENERATION,
            version: "0.1.0".into(),
            kernel: "6.18.0".into(),
            rootless: false,
            lacks: vec!["Disk use is not limited.".into()],
            session: Some(session()),
            share: Some(opened()),
        },
        M::Error { request: Some(1), error: error() },
        M::Done { request: 5 },
        M::Launched { request: 1, container: Box::new(detail()) },
        M::Queued { request: 1, position: 2, reason: "Memory is short.".into() },
        M::Attached {
            request: 1,
            container: id(),
            process: 0,
            channels: vec![OpenChannel {
                channel: 1,
                stream: Stream::Terminal,
                offset: 0,
                input: Some(12),
                end: Some(300),
            }],
        },
        M::Skipped { channel: 1, offset: 1_000_000 },
        M::Screen { channel: 1, offset: 1_000_000, size: Size { rows: 24, cols: 80 }, screen: "$ ".into() },
        M::People {
            container: id(),
            process: 0,
            people: vec![Person { id: 2, name: "Ada".into(), may: May::Type, owner: true }],
            you: 2,
            keyboard: Some(2),
            size: Size { rows: 24, cols: 80 },
        },
        M::Session { session: session() },
        M::Credit { channel: 1, bytes: 4096 },
        M::Exited { container: id(), process: 0, exit: exit() },
        M::Detached { channel: 1 },
        M::Containers { containers: vec![summary()] },
        M::Images { images: vec![image()] },
        M::Transfers { transfers: vec![transfer()] },
        M::Detail { request: 7, container: Box::new(detail()) },
        M::Kernel { container: id(), view: Box::new(view()) },
        M::Ping { nonce: 9 },
        M::Pong { nonce: 9 },
    ]
}

fn bodies() -> Value {
    json!({
        "changes": Changes {
            changes: vec![Change { kind: ChangeKind::Added, path: "/new".into() }], bytes: 4096, truncated: false,
        },
        "commit": CommitRequest { name: Some("mine:1".into()), message: "tools".into(), author: "me".into(),
            changes: vec!["CMD [\"sh\"]".into()], no_pause: false },
        "container_size": size(),
        "image_detail": image_detail(),
        "prune": PruneRequest { all: true, dry_run: false },
        "pruned": Pruned { kind: "image".into(), name: "a:b".into(), freed_bytes: 1 },
        "storage": storage(),
        "transfer_done": TransferEvent::Done { image: image(), digest: "sha256:33".into() },
        "transfer_failed": TransferEvent::Failed { error: error() },
        "transfer_progress": TransferEvent::Progress { transfer: transfer() },
        "transfer_request": TransferRequest { name: "debian:12".into(), platform: Some("linux/arm64".into()),
            credentials: Some(Credentials::Basic { username: "u".into(), password: "p".into() }) },
        "tree": tree(),
        "doctor": DoctorReport { checks: vec![Check {
            name: "overlay".into(), verdict: Verdict::Works, found: "yes".into(), why: "layers".into(), fix: String::new(),
        }] },
        "exec": ExecRequest { process: process_spec() },
        "kill": KillRequest { signal: "KILL".into() },
        "plan": PlanStep { actor: "launcher".into(), call: "clone3(…)".into(), why: "…".into() },
        "created_share": CreatedShare { share: share(), secret: "s".into() },
        "recording": recording(),
        "session": session(),
        "share": share(),
        "share_request": ShareRequest { may: May::Watch, expires_in_ms: Some(3_600_000) },
        "removed": Removed { untagged: vec!["a:b".into()], deleted: vec!["sha256:00".into()], freed_bytes: 1 },
        "started": Started { container: id(), process: 0 },
        "stats": Stats { id: id(), name: "calm_otter".into(), cpu_micros: 1, memory_bytes: 2, memory_limit: Some(3),
            pids: 4, pids_limit: Some(5), cpu_limit: Some(500), disk_bytes: Some(7), disk_limit: Some(8), io_bytes: Some(9),
            io_limit: Some(10), taken_ms: 6 },
        "stop": StopRequest { grace_ms: Some(1000) },
        "ports": [ListeningPort { port: 8000, loopback: true, preview: None }],
        "preview": Preview { url: "http://p-0123.localhost:7070/".into() },
        "offers": Offers {
            engines: vec![Offer { name: "crun".into(), usable: false, note: "It is not installed.".into() }],
            networks: vec![Offer { name: "nat".into(), usable: true, note: String::new() }],
            disk: "image".into(),
            cpus: 2,
            defaults: limits(),
            most: limits(),
        },
        "version": Version { version: "0.1.0".into(), oldest_generation: 1, generation: 1, kernel: "6.18.0".into(), rootless: false },
    })
}

/// Every tag there is; a new variant does not compile until it stands here, and then must have an example above.
fn client_tag(message: &ClientMessage) -> &'static str {
    use ClientMessage as M;
    match message {
        M::Hello { .. } => "hello",
        M::Launch { .. } => "launch",
        M::Exec { .. } => "exec",
        M::Attach { .. } => "attach",
        M::Credit { .. } => "credit",
        M::Resize { .. } => "resize",
        M::CloseInput { .. } => "close_input",
        M::Detach { .. } => "detach",
        M::Signal { .. } => "signal",
        M::CancelLaunch { .. } => "cancel_launch",
        M::Update { .. } => "update",
        M::Keyboard { .. } => "keyboard",
        M::Record { .. } => "record",
        M::Stop { .. } => "stop",
        M::Remove { .. } => "remove",
        M::Inspect { .. } => "inspect",
        M::Pull { .. } => "pull",
        M::CancelPull { .. } => "cancel_pull",
        M::Watch { .. } => "watch",
        M::Unwatch { .. } => "unwatch",
        M::Ping { .. } => "ping",
        M::Pong { .. } => "pong",
        M::Unknown => "unknown",
    }
}

fn server_tag(message: &ServerMessage) -> &'static str {
    use ServerMessage as M;
    match message {
        M::Welcome { .. } => "welcome",
        M::Error { .. } => "error",
        M::Done { .. } => "done",
        M::Launched { .. } => "launched",
        M::Queued { .. } => "queued",
        M::Attached { .. } => "attached",
        M::Skipped { .. } => "skipped",
        M::Screen { .. } => "screen",
        M::People { .. } => "people",
        M::Session { .. } => "session",
        M::Credit { .. } => "credit",
        M::Exited { .. } => "exited",
        M::Detached { .. } => "detached",
        M::Containers { .. } => "containers",
        M::Images { .. } => "images",
        M::Transfers { .. } => "transfers",
        M::Detail { .. } => "detail",
        M::Kernel { .. } => "kernel",
        M::Ping { .. } => "ping",
        M::Pong { .. } => "pong",
        M::Unknown => "unknown",
    }
}

#[test]
fn the_wire_equals_its_frozen_picture() {
    let now = serde_json::to_string_pretty(&json!({
        "client": client_messages(), "server": server_messages(), "bodies": bodies(),
    }))
    .unwrap()
        + "\n";
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("schema/gen-{GENERATION}.json"));
    if std::env::var_os("PORTHOLE_BLESS").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, &now).unwrap();
    }
    let frozen = std::fs::read_to_string(&file).expect("the frozen wire exists");
    assert_eq!(now, frozen, "the wire has changed; see this file's header");
}

#[test]
fn every_message_has_an_example_that_survives_the_round_trip() {
    let mut tags = BTreeSet::new();
    for message in client_messages() {
        let text = serde_json::to_value(&message).unwrap();
        assert_eq!(text["type"], client_tag(&message));
        assert!(tags.insert(client_tag(&message)), "{} twice", client_tag(&message));
        assert_eq!(serde_json::from_value::<ClientMessage>(text).unwrap(), message);
    }
    assert_eq!(tags.len(), 22, "each variant of ClientMessage but Unknown has one example");
    tags.clear();
    for message in server_messages() {
        let text = serde_json::to_value(&message).unwrap();
        assert_eq!(text["type"], server_tag(&message));
        assert!(tags.insert(server_tag(&message)), "{} twice", server_tag(&message));
        let sent = serde_json::to_string(&message).unwrap();
        assert_eq!(serde_json::from_str::<ServerMessage>(&sent).unwrap(), message);
    }
    assert_eq!(tags.len(), 20, "each variant of ServerMessage but Unknown has one example");
}

#[test]
fn messages_and_fields_of_a_newer_peer_are_tolerated() {
    let newer: ClientMessage = serde_json::from_value(json!({"type": "teleport", "where": 1})).unwrap();
    assert_eq!(newer, ClientMessage::Unknown);
    let newer: ServerMessage = serde_json::from_str(r#"{"type": "weather", "rain": true}"#).unwrap();
    assert_eq!(newer, ServerMessage::Unknown);
    let more: ClientMessage =
        serde_json::from_value(json!({"type": "ping", "nonce": 1, "mood": "good"})).unwrap();
    assert_eq!(more, ClientMessage::Ping { nonce: 1 });
    let code: ErrorCode = serde_json::from_value(json!("a_code_of_tomorrow")).unwrap();
    assert_eq!(code, ErrorCode::Unknown);
    let state: ContainerState = serde_json::from_value(json!({"state": "dreaming"})).unwrap();
    assert_eq!(state, ContainerState::Unknown);
}

#[test]
fn optional_fields_may_be_left_out() {
    let launch: ClientMessage = serde_json::from_value(
        json!({"type": "launch", "request": 1, "spec": {"image": "busybox"}, "credit": 1}),
    )
    .unwrap();
    let expected = LaunchSpec { image: "busybox".into(), ..LaunchSpec::default() };
    assert_eq!(launch, ClientMessage::Launch { request: 1, spec: expected, credit: 1, typist: None });
}

//! Images over the API: what their configurations do to real containers, and what they take on disk.

mod support;

use porthole_protocol::http::{ContainerDetail, ContainerState, ContainerSummary, Exit, StopRequest};
use porthole_protocol::image::{ImageDetail, ImageSummary, PruneRequest, Pruned, Storage};
use porthole_protocol::spec::{LaunchSpec, ProcessSpec};
use serde_json::json;
use support::image::{load, members};
use support::{Agent, Client, possible, run};

const PASSWD: &[u8] = b"root:x:0:0::/root:/bin/sh\nweb:x:33:34::/srv:/bin/sh\n";
const GROUP: &[u8] = b"root:x:0:\nwww:x:34:\nlog:x:4:web\naudio:x:29:web\n";

/// A command in a container of the image `made:1`; none for the image's own.
fn made(command: &[&str]) -> LaunchSpec {
    LaunchSpec { image: "made:1".into(), ..run(command) }
}

fn script(text: &str) -> LaunchSpec {
    made(&["sh", "-c", text])
}

/// What a container's first process writes, and its status.
async fn output(client: &mut Client, spec: LaunchSpec) -> (String, Exit) {
    let process = client.launch(spec).await;
    let exit = client.exit(&process).await;
    (client.text(process.channel()), exit)
}

async fn says(client: &mut Client, spec: LaunchSpec, text: &str) {
    let (said, exit) = output(client, spec).await;
    assert_eq!((said.trim_end(), exit.code), (text, 0));
}

#[tokio::test]
async fn an_image_says_what_runs_and_with_which_environment() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let config = json!({ "Entrypoint": ["echo", "from the image:"], "Cmd": ["its", "command"] });
    load(&agent, "made:1", &config, &[]).await;
    let mut client = agent.connect().await;
    says(&mut client, made(&[]), "from the image: its command").await;
    says(&mut client, made(&["another"]), "from the image: another").await;

    let config = json!({ "Cmd": ["env"], "Env": ["PATH=/bin", "COLOR=blue", "HOME=/elsewhere", "EMPTY="] });
    load(&agent, "made:1", &config, &[]).await;
    let (said, _) = output(&mut client, made(&[])).await;
    for line in ["PATH=/bin", "COLOR=blue", "HOME=/elsewhere", "EMPTY="] {
        assert!(said.lines().any(|said| said == line), "{line} in {said}");
    }
    let mut spec = script("echo $COLOR");
    spec.process.env = vec!["COLOR=red".into()];
    says(&mut client, spec, "red").await;
}

#[tokio::test]
async fn a_working_directory_and_volumes_are_there_also_when_the_root_cannot_be_written() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let config = json!({
        "WorkingDir": "/made/for/it",
        "User": "7",
        "Volumes": { "/data/store": {}, "own": {}, "/link/below": {}, "/bin/sh": {}, "/../escape": {}, "/proc/x": {} },
    });
    let files: [(&str, &[u8]); 1] = [("own/", b"")];
    load(&agent, "made:1", &config, &files).await;
    let mut client = agent.connect().await;
    let look = "pwd; stat -c '%n %U:%u %a' . /data/store /escape; stat -c '%n %u' /own; test -f /bin/sh";
    let told = "/made/for/it\n. root:0 755\n/data/store root:0 755\n/escape root:0 755\n/own 7";
    says(&mut client, script(look), told).await;
    says(&mut client, LaunchSpec { read_only: true, ..script(look) }, told).await;
    let plan = agent.post("/plan", &script(look)).await;
    assert!(String::from_utf8_lossy(&plan.body).contains("mkdir -p"), "the plan says so");

    // One that is there belongs to whom the image says.
    load(&agent, "made:1", &json!({ "WorkingDir": "own/." }), &files).await;
    says(&mut client, script("pwd; stat -c %u:%g ."), "/own\n7:7").await;
    // A link in the image's way leads to where it leads inside.
    let config = json!({ "WorkingDir": "/srv/link/deep" });
    load(&agent, "made:1", &config, &[("srv/", b""), ("target/", b"")]).await;
    says(&mut client, script("pwd"), "/srv/link/deep").await;
}

#[tokio::test]
async fn the_user_is_looked_up_in_the_image() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let files = [("etc/passwd", PASSWD), ("etc/group", GROUP)];
    let mut client = agent.connect().await;
    for (user, told) in [
        ("web", "uid=33 gid=34 groups=34,4,29 /srv"),
        ("33", "uid=33 gid=34 groups=34,4,29 /srv"),
        ("web:log", "uid=33 gid=4 groups=4 /srv"),
        ("web:7", "uid=33 gid=7 groups=7 /srv"),
        ("1234:5", "uid=1234 gid=5 groups=5 /"),
        ("", "uid=0 gid=0 groups=0 /root"),
    ] {
        load(&agent, "made:1", &json!({ "User": user }), &files).await;
        let look = "echo uid=$(id -u) gid=$(id -g) groups=$(id -G | tr ' ' ,) $HOME";
        says(&mut client, script(look), told).await;
    }
    load(&agent, "made:1", &json!({ "User": "nobody-there" }), &files).await;
    let refused = agent.post("/containers", &script("id")).await;
    assert_eq!((refused.status, refused.code().as_str()), (400, "bad_request"));

    // In more groups than a request once had room for.
    let many: String = (100..180).map(|gid| format!("g{gid}:x:{gid}:web\n")).collect();
    load(&agent, "made:1", &json!({ "User": "web" }), &[files[0], ("etc/group", many.as_bytes())]).await;
    says(&mut client, script("id -G | wc -w"), "81").await;
}

#[tokio::test]
async fn stop_sends_the_signal_that_the_image_asks_for() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let mut client = agent.connect().await;
    for (stop_signal, trapped) in [("SIGUSR1", "USR1"), ("quit", "QUIT"), ("SIGRTMIN+3", "37"), ("40", "40")]
    {
        load(&agent, "made:1", &json!({ "StopSignal": stop_signal }), &[]).await;
        let waiting = format!("trap 'exit 42' {trapped}; echo rea''dy; while :; do sleep 0.1; done");
        let process = client.launch(script(&waiting)).await;
        client.expect(&process, "ready").await;
        let path = format!("/containers/{}/stop", process.container);
        let stopped = agent.post(&path, &StopRequest { grace_ms: Some(20_000) }).await;
        assert_eq!(stopped.status, 204, "{}", String::from_utf8_lossy(&stopped.body));
        assert_eq!(
            client.exit(&process).await,
            Exit { code: 42, signal: None, out_of_memory: false },
            "{stop_signal}"
        );
    }
}

#[tokio::test]
async fn what_is_only_shown_is_shown() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let config = json!({
        "ExposedPorts": { "80/tcp": {}, "53/udp": {} },
        "Labels": { "org.example.title": "tools\u{1b}[2J" },
        "Healthcheck": { "Test": ["CMD", "true"], "Interval": 30_000_000_000_u64 },
        "OnBuild": ["RUN x"],
    });
    load(&agent, "made:1", &config, &[("top", b"0123456789")]).await;
    let detail: ImageDetail = agent.get("/images/detail?name=made:1").await;
    assert_eq!(detail.config.exposed_ports, ["53/udp", "80/tcp"]);
    assert_eq!(detail.config.healthcheck, ["CMD", "true"]);
    assert_eq!(detail.config.labels["org.example.title"], "tools\u{fffd}[2J");
    assert_eq!((detail.history[0].bytes, detail.summary.unique_bytes), (10, 10));
    assert!(detail.history[1].created_by.starts_with("porthole import"), "{:?}", detail.history);
    assert_eq!(detail.digest.len(), 71);

    // The documents are what came, unknown fields and all.
    let saved = members(&agent.get_bytes("/images/save?name=made:1").await);
    let config_path = format!("blobs/sha256/{}", detail.summary.id.trim_start_matches("sha256:"));
    let document = &saved.iter().find(|(name, _)| *name == config_path).unwrap().1;
    assert!(String::from_utf8_lossy(document).contains(r#""OnBuild":["RUN x"]"#));

    let missing = agent.request("GET", "/api/v1/images/detail?name=none", &[], b"").await;
    assert_eq!((missing.status, missing.code().as_str()), (404, "no_such_image"));
    let nothing = agent.request("GET", "/api/v1/images/save", &[], b"").await;
    assert_eq!((nothing.status, nothing.code().as_str()), (400, "bad_request"));
}

#[tokio::test]
async fn what_is_saved_here_is_loaded_on_another_machine() {
    if !possible() {
        return;
    }
    let (here, there) = (Agent::start(), Agent::start());
    load(&here, "made:1", &json!({ "Cmd": ["echo", "travelled"] }), &[("top", b"x")]).await;
    let response = here.request("GET", "/api/v1/images/save?name=made:1&name=busybox", &[], b"").await;
    assert_eq!(response.header("content-length").unwrap(), response.body.len().to_string());
    assert_eq!(response.header("content-type"), Some("application/x-tar"));
    // Each machine made its own of the same name at its start; that one would stay without it.
    let removed = there.request("DELETE", "/api/v1/images?name=busybox", &[], b"").await;
    assert_eq!(removed.status, 200);
    let loaded = there.request("POST", "/api/v1/images/load", &[], &response.body).await;
    assert_eq!(loaded.status, 200, "{}", String::from_utf8_lossy(&loaded.body));
    says(&mut there.connect().await, made(&[]), "travelled").await;
    let ids = |images: Vec<ImageSummary>| {
        images.into_iter().map(|image| (image.id, image.names)).collect::<Vec<_>>()
    };
    assert_eq!(ids(there.get("/images").await), ids(here.get("/images").await));
}

#[tokio::test]
async fn storage_tells_who_shares_what_and_prune_takes_what_nobody_needs() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    load(&agent, "made:1", &json!({ "Cmd": ["sh"] }), &[("top", b"0123456789")]).await;
    let tagged = agent.request("POST", "/api/v1/images/tag?name=made:1&as=kept", &[], b"").await;
    assert_eq!(tagged.json::<ImageSummary>().names, ["kept:latest", "made:1"]);
    load(&agent, "made:1", &json!({ "Cmd": ["true"] }), &[("top", b"another")]).await;
    load(&agent, "made:1", &json!({ "Cmd": ["true"] }), &[("top", b"a third")]).await;

    let mut client = agent.connect().await;
    let write = "dd if=/dev/zero of=/written bs=1000 count=300 2>/dev/null; echo rea''dy";
    let mut spec = LaunchSpec {
        image: "kept".into(),
        name: Some("runs".into()),
        ..script(&format!("{write}; sleep 1000"))
    };
    spec.process = ProcessSpec { command: spec.process.command, ..ProcessSpec::default() };
    let runs = client.launch(spec).await;
    client.expect(&runs, "ready").await;
    let ends = client.launch(LaunchSpec { name: Some("ends".into()), ..script(write) }).await;
    client.exit(&ends).await;

    let storage: Storage = agent.get("/storage").await;
    let base = &storage.layers[0];
    assert_eq!((base.images.len(), base.containers.len()), (4, 2), "{storage:?}");
    assert!(storage.layers[1..].iter().all(|layer| layer.images.len() == 1 && layer.bytes < 11));
    assert!(storage.archive_bytes > 0);
    let sizes: Vec<ContainerSummary> = agent.get("/containers?size=true").await;
    for container in &sizes {
        let size = container.size.as_ref().expect("it was asked for");
        assert!((300_000..600_000).contains(&size.private_bytes), "{}: {size:?}", container.name);
        assert!(size.shared_bytes >= base.bytes, "{size:?}");
    }
    let without: Vec<ContainerSummary> = agent.get("/containers").await;
    assert!(without.iter().all(|container| container.size.is_none()));

    let prune = async |all, dry_run| {
        let response = agent.post("/prune", &PruneRequest { all, dry_run }).await;
        assert_eq!(response.status, 200, "{}", String::from_utf8_lossy(&response.body));
        response.json::<Vec<Pruned>>()
    };
    let told = |pruned: &[Pruned]| pruned.iter().map(|pruned| pruned.kind.clone()).collect::<Vec<_>>();
    let would = prune(false, true).await;
    assert_eq!((would[0].name.as_str(), told(&would).join(" ")), ("ends", "container image layer".into()));
    assert!((300_000..600_000).contains(&would[0].freed_bytes) && would[1].freed_bytes > 0, "{would:?}");
    assert_eq!(agent.get::<Vec<ContainerSummary>>("/containers").await.len(), 2, "only told");
    assert_eq!(prune(false, false).await, would, "what was told goes, byte for byte");
    let left: Vec<ContainerSummary> = agent.get("/containers").await;
    assert_eq!(left.iter().map(|container| container.name.as_str()).collect::<Vec<_>>(), ["runs"]);

    // Everything but what the container that runs stands on.
    let rest = prune(true, false).await;
    assert!(rest.iter().any(|pruned| pruned.name == "busybox:latest"), "{rest:?}");
    let images: Vec<ImageSummary> = agent.get("/images").await;
    assert_eq!((images.len(), &images[0].names[..]), (1, &["kept:latest".to_owned()][..]));
    let detail: ContainerDetail = agent.get("/containers/runs").await;
    assert_eq!(detail.summary.state, ContainerState::Running);
    let storage: Storage = agent.get("/storage").await;
    assert_eq!(storage.layers.len(), 2, "{storage:?}");
}

//! Files of real containers: what they changed, what is read from and put into them, and images made of them.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without ends it")]

mod support;

use std::io::Read;

use porthole_protocol::files::{ChangeKind, Changes, FileEntry, FileKind, FileTree};
use porthole_protocol::ids::ContainerId;
use porthole_protocol::image::{CommitRequest, ImageDetail, ImageSummary};
use porthole_protocol::spec::{LaunchSpec, ProcessSpec};
use support::{Agent, Client, Response, possible, run};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A container that stays, and what the test asks of it.
struct Fixture {
    agent: Agent,
    client: Client,
    id: ContainerId,
}

impl Fixture {
    async fn new() -> Self {
        let agent = Agent::start();
        let mut client = agent.connect().await;
        let id = client.launch(run(&["sleep", "10000"])).await.container;
        Self { agent, client, id }
    }

    /// Runs a script in the container to its end.
    async fn sh(&mut self, script: &str) {
        let command = ["sh", "-ec", script].map(String::from).to_vec();
        let spec = ProcessSpec { command, ..ProcessSpec::default() };
        let run = self.client.exec(&self.id, spec).await;
        let exit = self.client.exit(&run).await;
        assert_eq!(exit.code, 0, "{script}: {:?}", self.client);
    }

    fn path(&self, rest: &str) -> String {
        format!("/containers/{}/{rest}", self.id)
    }

    async fn diff(&self) -> Vec<String> {
        diff(&self.agent, self.id.as_str()).await
    }

    async fn request(&self, method: &str, rest: &str, body: &[u8]) -> Response {
        let path = format!("/api/v1{}", self.path(rest));
        self.agent.request(method, &path, &[], body).await
    }

    async fn commit(&self, request: &CommitRequest) -> ImageSummary {
        let answer = self.agent.post(&self.path("commit"), request).await;
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        answer.json()
    }

    /// What a command prints in a new container of an image.
    async fn output(&mut self, image: &str, command: &[&str]) -> String {
        let spec = LaunchSpec { image: image.into(), ..run(command) };
        let terminal = self.client.launch(spec).await;
        self.client.exit(&terminal).await;
        let logs = format!("/api/v1/containers/{}/logs", terminal.container);
        String::from_utf8(self.agent.request("GET", &logs, &[], b"").await.body).unwrap()
    }
}

async fn diff(agent: &Agent, id: &str) -> Vec<String> {
    let found: Changes = agent.get(&format!("/containers/{id}/changes")).await;
    assert!(!found.truncated);
    found.changes.iter().map(|change| format!("{} {}", change.kind.letter(), change.path)).collect()
}

fn refused(response: &Response, status: u16, code: &str) {
    assert_eq!((response.status, response.code().as_str()), (status, code));
}

/// Names of an archive's members, by the reader of a crate that is not ours.
fn listed(archive: &[u8]) -> Vec<String> {
    let mut archive = tar::Archive::new(archive);
    let entries = archive.entries().unwrap();
    entries.map(|entry| entry.unwrap().path().unwrap().display().to_string()).collect()
}

/// An archive of files by name, mode and text.
fn tarball(files: &[(&str, u32, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, mode, text) in files {
        let mut header = tar::Header::new_ustar();
        header.set_mode(*mode);
        header.set_size(text.len() as u64);
        header.set_mtime(1_000_000_000);
        builder.append_data(&mut header, name, text.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap()
}

#[tokio::test]
async fn diff_prints_what_docker_prints() {
    if !possible() {
        return;
    }
    let mut at = Fixture::new().await;
    assert_eq!(at.diff().await, [""; 0]);
    // What every container is given is of no image: Docker does not show it either.
    at.sh("echo 10.0.0.1 there >>/etc/hosts; cat /etc/passwd >/dev/null; touch -r /etc/passwd /etc/passwd")
        .await;
    assert_eq!(at.diff().await, [""; 0]);
    at.sh("echo x >/etc/motd; mkdir -p /site/a/b; rm /bin/ls; chmod 711 /root; echo y >>/etc/passwd").await;
    let first = [
        "C /bin",
        "D /bin/ls",
        "C /etc",
        "A /etc/motd",
        "C /etc/passwd",
        "C /root",
        "A /site",
        "A /site/a",
        "A /site/a/b",
    ];
    assert_eq!(at.diff().await, first);
    // Made and gone again; a directory in the place of another, and of a file.
    at.sh("rm -r /site; rm /etc/motd; rm -r /etc; mkdir /etc; echo z >/etc/new; rm /bin/cat; mkdir /bin/cat")
        .await;
    let second = at.diff().await;
    assert!(
        second.contains(&"D /etc/passwd".to_owned()) && second.contains(&"A /etc/new".to_owned()),
        "{second:?}"
    );
    assert!(
        second.contains(&"C /bin/cat".to_owned()) && !second.iter().any(|line| line.contains("/site")),
        "{second:?}"
    );
    // The same when it has ended.
    at.agent.post(&at.path("kill"), &serde_json::json!({})).await;
    at.client.until(|client| !client.exits.is_empty()).await;
    let found: Changes = at.agent.get(&at.path("changes")).await;
    assert_eq!(found.changes.len(), second.len());
    assert!(found.bytes > 0 && found.changes.iter().any(|change| change.kind == ChangeKind::Deleted));
}

#[tokio::test]
async fn files_go_in_and_come_out() {
    if !possible() {
        return;
    }
    let mut at = Fixture::new().await;
    at.sh("mkdir -p /site/dir; echo inside >/site/dir/f; ln -s /site/dir /site/link; mkfifo /site/dir/fifo")
        .await;
    let stat: FileEntry = at.agent.get(&at.path("stat?path=/site/link")).await;
    assert_eq!((stat.kind, stat.target.as_deref()), (FileKind::Symlink, Some("/site/dir")));
    let stat: FileEntry = at.agent.get(&at.path("stat?path=/site/link/")).await;
    assert_eq!(stat.kind, FileKind::Directory);
    let archive = at.request("GET", "archive?path=/site/dir", b"").await;
    assert_eq!(listed(&archive.body), ["dir/", "dir/f", "dir/fifo"]);
    let archive = at.request("GET", "archive?path=/site/link", b"").await;
    assert_eq!(listed(&archive.body), ["link"]);
    let archive = at.request("GET", "archive?path=/site/link/.", b"").await;
    assert_eq!(listed(&archive.body), ["./", "./f", "./fifo"]);
    let exported = listed(&at.request("GET", "export", b"").await.body);
    assert!(exported.contains(&"site/dir/f".to_owned()) && exported.contains(&"bin/busybox".to_owned()));
    assert!(
        !exported.iter().any(|name| name.starts_with("proc/") || name.starts_with("dev/")),
        "{exported:?}"
    );

    let archive = tarball(&[("f", 0o600, "new"), ("tool", 0o4755, "#!")]);
    assert_eq!(at.request("PUT", "archive?path=/site/link", &archive).await.status, 204);
    at.sh("test $(cat /site/dir/f) = new; test $(stat -c %a:%u /site/dir/tool) = 4755:0").await;
    let upload = at.request("PUT", "file?path=/site/dir/up%20%C3%A9&mode=751", b"uploaded").await;
    assert_eq!(upload.status, 204);
    at.sh("test \"$(cat '/site/dir/up é')\" = uploaded; test $(stat -c %a /site/dir/up*) = 751").await;
    let download = at.request("GET", "file?path=/site/dir/up%20%C3%A9", b"").await;
    assert_eq!((download.status, download.body.as_slice()), (200, &b"uploaded"[..]));
    assert_eq!(download.header("content-length"), Some("8"));
    assert_eq!(download.header("content-type"), Some("application/octet-stream"));
    assert_eq!(download.header("x-content-type-options"), Some("nosniff"));
    assert!(download.header("content-security-policy").unwrap().starts_with("sandbox"));
    assert_eq!(
        download.header("content-disposition"),
        Some("attachment; filename=\"up _\"; filename*=UTF-8''up%20%C3%A9")
    );

    for (method, rest, body, status, code) in [
        ("GET", "file?path=/site/dir", &b""[..], 404, "no_such_file"),
        ("GET", "file?path=/site/dir/fifo", b"", 404, "no_such_file"),
        ("GET", "file?path=/proc/version", b"", 404, "no_such_file"),
        ("GET", "file?path=srv", b"", 400, "bad_request"),
        ("GET", "stat?path=/nothing", b"", 404, "no_such_file"),
        ("GET", "archive?path=/nothing", b"", 404, "no_such_file"),
        ("PUT", "archive?path=/nothing", &tarball(&[]), 404, "no_such_file"),
        ("PUT", "archive?path=/site", &tarball(&[("dir", 0o644, "x")]), 400, "bad_request"),
        ("PUT", "archive?path=/site", &tarball(&[("link/x", 0o644, "x")]), 400, "bad_request"),
        ("PUT", "archive?path=/site", b"this is no archive", 422, "bad_image"),
        ("PUT", "file?path=/site/dir", b"x", 400, "bad_request"),
        ("PUT", "file?path=/site/nothing/x", b"x", 404, "no_such_file"),
        ("PUT", "file?path=/site/x&mode=9", b"x", 400, "bad_request"),
    ] {
        let answer = at.request(method, rest, body).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{method} {rest}");
    }
    at.sh("test -z \"$(find / -xdev -name '.porthole-*')\"").await;
}

#[tokio::test]
async fn an_ended_or_read_only_container_is_only_read() {
    if !possible() {
        return;
    }
    let mut at = Fixture::new().await;
    at.sh("echo kept >/site-file").await;
    let fixed = at.client.launch(LaunchSpec { read_only: true, ..run(&["sleep", "10000"]) }).await;
    at.agent.post(&at.path("stop"), &serde_json::json!({"grace_ms": 0})).await;
    assert_eq!(at.request("GET", "file?path=/site-file", b"").await.body, b"kept\n");
    assert_eq!(at.request("GET", "file?path=/site-file&from=0", b"").await.body, b"kept\n");
    assert!(listed(&at.request("GET", "export", b"").await.body).contains(&"site-file".to_owned()));
    refused(&at.request("PUT", "file?path=/x", b"x").await, 409, "not_running");
    refused(&at.request("PUT", "archive?path=/", &tarball(&[])).await, 409, "not_running");
    let path = format!("/api/v1/containers/{}/file?path=/x", fixed.container);
    refused(&at.agent.request("PUT", &path, &[], b"x").await, 400, "bad_request");
}

#[tokio::test]
async fn each_file_knows_its_layer() {
    if !possible() {
        return;
    }
    let mut at = Fixture::new().await;
    at.sh("mkdir /app; echo 1 >/app/one; echo changed >>/etc/passwd; rm /etc/profile; ln -s app /l").await;
    let tree: FileTree = at.agent.get(&at.path("tree?path=/etc")).await;
    assert_eq!(tree.layers.len(), 2);
    assert!(tree.layers[0].diff_id.is_none() && tree.layers[0].bytes > 0 && tree.layers[1].bytes > 0);
    assert_eq!(tree.layers[1].created_by, "porthole import busybox:latest");
    let mark = |tree: &FileTree, name: &str| {
        let entry = tree.entries.iter().find(|entry| entry.name == name).unwrap();
        (entry.layer, entry.change)
    };
    assert_eq!(mark(&tree, "passwd"), (0, Some(ChangeKind::Changed)));
    assert_eq!(mark(&tree, "profile"), (1, Some(ChangeKind::Deleted)));
    assert_eq!(mark(&tree, "group"), (1, None));
    let root: FileTree = at.agent.get(&at.path("tree?path=/")).await;
    assert_eq!(mark(&root, "app"), (0, Some(ChangeKind::Added)));
    assert_eq!(root.entries.iter().position(|entry| entry.kind != FileKind::Directory), {
        let directories = root.entries.iter().filter(|entry| entry.kind == FileKind::Directory);
        Some(directories.count())
    });
    let linked: FileTree = at.agent.get(&at.path("tree?path=/l")).await;
    assert_eq!((linked.path.as_str(), linked.entries[0].name.as_str()), ("/app", "one"));
    // Below the writable layer everything is as the image has it.
    let before: FileTree = at.agent.get(&at.path("tree?path=/etc&from=1")).await;
    assert_eq!((before.from, mark(&before, "profile")), (1, (1, Some(ChangeKind::Added))));
    let image: FileTree = at.agent.get("/images/tree?name=busybox&path=/etc").await;
    assert_eq!((image.layers.len(), mark(&image, "profile").0), (1, 0));
    let passwd = at.agent.request("GET", "/api/v1/images/file?name=busybox&path=/etc/passwd", &[], b"").await;
    assert!(passwd.body.starts_with(b"root:") && !String::from_utf8_lossy(&passwd.body).contains("changed"));
    assert_eq!(at.request("GET", "file?path=/etc/passwd&from=1", b"").await.body, passwd.body);
    refused(&at.request("GET", "tree?path=/app/one", b"").await, 404, "no_such_file");
    refused(&at.request("GET", "tree?path=/&from=2", b"").await, 400, "bad_request");
}

#[tokio::test]
async fn a_committed_container_runs_again_as_it_was() {
    if !possible() {
        return;
    }
    let mut at = Fixture::new().await;
    at.sh("echo 'web:x:1000:1000::/site:/bin/sh' >>/etc/passwd; mkdir /site; echo hi >/site/f; chown 1000:1000 /site/f").await;
    at.sh(
        "chmod 4755 /site/f; ln /site/f /site/g; rm /etc/profile; rm -r /root; mkdir /root; ln -s f /site/l",
    )
    .await;
    let request = CommitRequest {
        name: Some("made:1".into()),
        message: "by a test".into(),
        author: "me".into(),
        changes: vec!["CMD [\"cat\", \"/site/l\"]".into(), "ENV WHAT=ever".into()],
        no_pause: false,
    };
    let image = at.commit(&request).await;
    assert_eq!((image.layers.len(), image.command.join(" ").as_str()), (2, "cat /site/l"));
    let detail: ImageDetail = at.agent.get("/images/detail?name=made:1").await;
    assert_eq!(
        (detail.history[0].created_by.as_str(), detail.history[0].comment.as_str()),
        ("sleep 10000", "by a test")
    );
    assert_eq!(detail.history[0].layer.as_ref(), image.layers.first());

    let own = LaunchSpec { image: "made:1".into(), ..LaunchSpec::default() };
    let terminal = at.client.launch(own).await;
    assert_eq!(at.client.exit(&terminal).await.code, 0);
    assert_eq!(diff(&at.agent, terminal.container.as_str()).await, [""; 0], "nothing has changed since");
    let show =
        "stat -c '%a %u %h' /site/f; ls -A /root | wc -l; test -e /etc/profile || echo gone; echo $WHAT";
    assert_eq!(at.output("made:1", &["sh", "-c", show]).await, "4755 1000 2\n0\ngone\never\n");
    let spec = ProcessSpec { user: Some("web".into()), ..run(&["id", "-u"]).process };
    let web =
        at.client.launch(LaunchSpec { image: "made:1".into(), process: spec, ..LaunchSpec::default() }).await;
    assert_eq!(at.client.exit(&web).await.code, 0);
    // The processes run on after they stood still.
    at.sh("true").await;
}

#[tokio::test]
async fn committing_nothing_adds_a_step_and_no_layer() {
    if !possible() {
        return;
    }
    let mut at = Fixture::new().await;
    let image = at.commit(&CommitRequest { name: Some("same".into()), ..CommitRequest::default() }).await;
    let busybox: ImageDetail = at.agent.get("/images/detail?name=busybox").await;
    assert_eq!(image.layers, busybox.summary.layers);
    assert_ne!(image.id, busybox.summary.id);
    let detail: ImageDetail = at.agent.get("/images/detail?name=same").await;
    assert_eq!((detail.history.len(), &detail.history[0].layer), (busybox.history.len() + 1, &None));
    assert_eq!(at.output("same", &["echo", "runs"]).await, "runs\n");

    // An ended container, to an image without a name, which a second layer is put on.
    at.sh("echo 1 >/one").await;
    at.agent.post(&at.path("stop"), &serde_json::json!({"grace_ms": 0})).await;
    let unnamed = at.commit(&CommitRequest::default()).await;
    assert_eq!((unnamed.names.len(), unnamed.layers.len()), (0, 2));
    assert_eq!(at.output(&unnamed.id, &["cat", "/one"]).await, "1\n");
    for bad in [
        CommitRequest { name: Some("No Name!".into()), ..CommitRequest::default() },
        CommitRequest { changes: vec!["RUN true".into()], ..CommitRequest::default() },
    ] {
        refused(&at.agent.post(&at.path("commit"), &bad).await, 400, "bad_request");
    }
}

#[tokio::test]
async fn a_file_that_shrinks_on_its_way_is_not_taken_for_whole() {
    if !possible() {
        return;
    }
    let mut at = Fixture::new().await;
    at.sh("truncate -s 256M /big").await;
    let mut stream = TcpStream::connect(&at.agent.address).await.unwrap();
    let head =
        format!("GET /api/v1{} HTTP/1.1\r\nhost: {}\r\n\r\n", at.path("file?path=/big"), at.agent.address);
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut beginning = [0; 4096];
    let n = stream.read(&mut beginning).await.unwrap();
    assert!(String::from_utf8_lossy(&beginning[..n]).contains("content-length: 268435456"));
    at.sh("truncate -s 1M /big").await;
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    assert!(rest.len() < 256 << 20, "{} bytes", rest.len());
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_what_was_there() {
    if !possible() {
        return;
    }
    let mut at = Fixture::new().await;
    at.sh("mkdir /site; echo old >/site/f").await;
    let mut stream = TcpStream::connect(&at.agent.address).await.unwrap();
    let path = at.path("file?path=/site/f");
    let head = format!(
        "PUT /api/v1{path} HTTP/1.1\r\nhost: {}\r\ncontent-length: 1000\r\n\r\nbegin",
        at.agent.address
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    at.sh("while test -z \"$(ls -A /site | grep porthole)\"; do usleep 1000; done").await;
    drop(stream);
    at.sh(
        "while test -n \"$(ls -A /site | grep porthole)\"; do usleep 1000; done; test $(cat /site/f) = old",
    )
    .await;
}

#[tokio::test]
async fn a_container_that_flips_a_path_gets_nowhere() {
    if !possible() {
        return;
    }
    let mut at = Fixture::new().await;
    let host = tempfile::tempdir().unwrap();
    let canary = host.path().join("canary");
    std::fs::write(&canary, "of the host").unwrap();
    // The same path exists inside, so that following a link inside succeeds.
    let inside = host.path().display();
    at.sh(&format!("mkdir -p {inside} /site; echo inside >{inside}/canary")).await;
    let flip = "cd /site; while :; do mkdir d; rmdir d; ln -s / d; rm d; ln -s /proc/1/root d; rm d; done";
    let command = ["sh", "-c", flip].map(String::from).to_vec();
    at.client.exec(&at.id, ProcessSpec { command, ..ProcessSpec::default() }).await;
    let get = at.path(&format!("archive?path=/site/d{inside}/canary"));
    let put = at.path(&format!("archive?path=/site/d{inside}"));
    let archive = tarball(&[("canary", 0o644, "inside")]);
    let agent = &at.agent;
    let one = async |_: usize| {
        let got = agent.request("GET", &format!("/api/v1{get}"), &[], b"").await;
        let mut text = String::new();
        if got.status == 200 {
            let mut archive = tar::Archive::new(&got.body[..]);
            for entry in archive.entries().unwrap() {
                entry.unwrap().read_to_string(&mut text).unwrap();
            }
        }
        let put = agent.request("PUT", &format!("/api/v1{put}"), &[], &archive).await;
        (text, put.status)
    };
    let mut met = (0, 0);
    for _ in 0..250 {
        let results = futures_util::future::join_all((0..4).map(&one)).await;
        for (text, put) in results {
            assert!(text.is_empty() || text.starts_with("inside"), "{text}");
            met.0 += usize::from(!text.is_empty());
            met.1 += usize::from(put == 204);
        }
    }
    assert!(
        met.0 > 0 && met.1 > 0 && met.0 < 1000 && met.1 < 1000,
        "both sides of the flip were met: {met:?}"
    );
    assert_eq!(std::fs::read_to_string(&canary).unwrap(), "of the host");
    assert_eq!(std::fs::read_dir(host.path()).unwrap().count(), 1);
}

//! An agent that is killed at any moment leaves images that run, and nothing else.
//!
//! `PORTHOLE_CRASHES` is how many times it is killed, `PORTHOLE_CRASH_SEED` makes a run again.
#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use porthole_protocol::http::{ContainerDetail, ContainerState, Started};
use porthole_protocol::image::{CommitRequest, ImageSummary};
use porthole_protocol::spec::LaunchSpec;
use serde_json::json;
use support::image::{archive, documents, image, members};
use support::{Agent, Response, possible, run, try_request};
use tokio::task::JoinSet;

/// Kills in a run of all tests.
const CRASHES: u64 = 4;

/// The longest that an agent works before it is killed, in milliseconds: a few additions of each kind.
const LONGEST_MS: u64 = 600;

/// Looks at what the launcher still deletes, and the time between two.
const LOOKS: u32 = 500;
const POLL: Duration = Duration::from_millis(20);

/// Numbers that look random and come again with their seed (xorshift, Marsaglia 2003).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Whoever adds and removes images, until the agent is gone.
#[derive(Clone)]
struct Visitor {
    address: String,
    busybox: Vec<u8>,
    round: u64,
}

impl Visitor {
    async fn ask(&self, method: &str, path: &str, body: &[u8]) -> Option<Response> {
        try_request(&self.address, method, &format!("/api/v1{path}"), &[], body).await
    }

    async fn post(&self, path: &str, body: &impl serde::Serialize) -> Option<Response> {
        let json = [("content-type", "application/json")];
        let body = serde_json::to_vec(body).unwrap();
        try_request(&self.address, "POST", &format!("/api/v1{path}"), &json, &body).await
    }

    /// One image after the other; every second one goes again.
    async fn visit(self, kind: &'static str) {
        for n in 0.. {
            let name = format!("{kind}:{}-{n}", self.round);
            let added = match kind {
                "load" => {
                    let image = image(&self.busybox, &name, &json!({}), &files(&name));
                    self.ask("POST", "/images/load", &image).await
                }
                "import" => {
                    let root = [root(&self.busybox), files(&name)].concat();
                    self.ask("POST", &format!("/images/import?name={name}"), &root).await
                }
                _ => self.commit(&name).await,
            };
            let Some(added) = added else { return };
            assert_eq!(added.status, 200, "{name}: {}", String::from_utf8_lossy(&added.body));
            if n % 2 == 0 && self.ask("DELETE", &format!("/images?name={name}"), b"").await.is_none() {
                return;
            }
        }
    }

    async fn commit(&self, name: &str) -> Option<Response> {
        let script =
            format!("for n in $(seq 100); do echo {name} >/filling-$n; done; printf %s {name} >/marker");
        let started: Started = self.post("/containers", &run(&["sh", "-c", &script])).await?.json();
        let container = format!("/containers/{}", started.container);
        while self.ask("GET", &container, b"").await?.json::<ContainerDetail>().summary.state
            == ContainerState::Running
        {
            tokio::time::sleep(POLL).await;
        }
        let request = CommitRequest { name: Some(name.into()), ..CommitRequest::default() };
        let committed = self.post(&format!("{container}/commit"), &request).await?;
        self.ask("DELETE", &container, b"").await?;
        Some(committed)
    }
}

/// A layer that tells the name of its image, and takes a moment to be unpacked.
fn files(name: &str) -> Vec<u8> {
    let filling: Vec<_> =
        (0..200).map(|n| (format!("filling-{n}"), format!("{name} {n} ").repeat(500))).collect();
    let mut all: Vec<(&str, &[u8])> = vec![("marker", name.as_bytes())];
    all.extend(filling.iter().map(|(path, text)| (path.as_str(), text.as_bytes())));
    archive(&all)
}

/// The files of busybox, as an archive that another one can follow.
fn root(busybox: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(&documents(busybox).1[..]).read_to_end(&mut plain).unwrap();
    let end = plain.iter().rposition(|&byte| byte != 0).unwrap() + 1;
    plain.resize(end.next_multiple_of(512), 0);
    plain
}

fn names(dir: &Path) -> BTreeSet<String> {
    fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Waits for the launcher's last deletions, which nobody is told of.
async fn becomes(dir: &Path, expected: &BTreeSet<String>) {
    for _ in 0..LOOKS {
        if names(dir) == *expected {
            return;
        }
        tokio::time::sleep(POLL).await;
    }
    assert_eq!(names(dir), *expected, "{}", dir.display());
}

/// Every image is whole and runs, and there is nothing else.
async fn check(agent: &Agent) {
    let mut client = agent.connect().await;
    let (mut layers, mut blobs) = (BTreeSet::new(), BTreeSet::new());
    for image in agent.get::<Vec<ImageSummary>>("/images").await {
        layers.extend(image.layers.iter().map(|layer| layer.trim_start_matches("sha256:").to_owned()));
        let saved = members(&agent.get_bytes(&format!("/images/save?name={}", image.id)).await);
        let saved = saved.iter().filter_map(|(name, _)| name.strip_prefix("blobs/sha256/"));
        blobs.extend(saved.filter(|name| !name.is_empty()).map(str::to_owned));
        let [name] = &image.names[..] else { panic!("{image:?} has another number of names") };
        if name == "busybox:latest" {
            continue;
        }
        let spec = LaunchSpec { image: name.clone(), remove: true, ..run(&["cat", "/marker"]) };
        let container = client.launch(spec).await;
        client.exit(&container).await;
        assert_eq!(client.text(container.channel()), *name);
    }
    let images = agent.state().join("agent/images");
    becomes(&images.join("partial"), &BTreeSet::new()).await;
    becomes(&images.join("blobs/sha256"), &blobs).await;
    becomes(&agent.state().join("layers"), &layers).await;
}

#[tokio::test]
async fn an_agent_that_is_killed_leaves_images_that_run_and_nothing_else() {
    if !possible() {
        return;
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let seed = setting("PORTHOLE_CRASH_SEED").unwrap_or(u64::from(now.subsec_nanos())) | 1;
    eprintln!("PORTHOLE_CRASH_SEED={seed}");
    let mut numbers = Numbers(seed);
    let mut agent = Agent::start();
    let busybox = agent.get_bytes("/images/save?name=busybox").await;
    let mut kept = 0;
    for round in 0..setting("PORTHOLE_CRASHES").unwrap_or(CRASHES) {
        let visitor = Visitor { address: agent.address.clone(), busybox: busybox.clone(), round };
        let mut visits = JoinSet::new();
        for kind in ["load", "import", "commit"] {
            visits.spawn(visitor.clone().visit(kind));
        }
        tokio::time::sleep(Duration::from_millis(numbers.below(LONGEST_MS))).await;
        agent.kill_and_restart();
        while let Some(visit) = visits.join_next().await {
            visit.expect("what the agent answers is right");
        }
        check(&agent).await;
        let images: Vec<ImageSummary> = agent.get("/images").await;
        assert!(images.len() >= kept, "what was here before is here");
        kept = images.len();
    }
}

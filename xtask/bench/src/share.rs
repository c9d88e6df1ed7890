//! `bench share`: the disk that containers of one image use together, and how long a small commit takes.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use nix::unistd::sync;
use porthole_peers::{Docker, Podman, missing};
use serde_json::json;
use walkdir::WalkDir;

use crate::ours::Ours;
use crate::sample::Sample;
use crate::{Setting, machine};

const CONTAINERS: usize = 20;

/// What each container writes: 1 MiB.
const WRITE: [&str; 3] = ["sh", "-c", "head -c 1048576 /dev/urandom > /root/written"];

const IMAGE: &str = "debian:12";

/// Runs a command line to its end.
type Verb<'a> = Box<dyn Fn(&[&str]) -> Result<()> + 'a>;

/// An engine by its command line, and where it stores things.
struct Engine<'a> {
    name: &'static str,
    ok: Verb<'a>,
    /// Runs a container with these options, image and command.
    run: Verb<'a>,
    storage: &'a Path,
}

/// Bytes on disk, and times of a commit.
struct Outcome {
    empty: u64,
    image: u64,
    containers: u64,
    commit: Sample,
}

/// Runs it, prints the table, writes the report.
pub(crate) fn run(setting: &Setting) -> Result<()> {
    let archive = setting.image.to_str().context("the path of the image is text")?;
    let commits = setting.rounds.unwrap_or(10);
    let before = machine::facts();
    let ours = Ours::start(&setting.porthole)?;
    let docker = if missing(&Docker::PROGRAMS).is_empty() { Some(Docker::start()?) } else { None };
    let podman = if missing(&Podman::PROGRAMS).is_empty() { Some(Podman::new()?) } else { None };
    let mut engines = vec![Engine {
        name: "porthole",
        ok: Box::new(|words| ours.ok(words)),
        run: Box::new(|words| ours.ok(&[&["run"], words].concat())),
        storage: ours.agent.state(),
    }];
    for (name, peer) in [
        ("docker", docker.as_ref().map(|docker| (&docker.engine, docker.storage()))),
        ("podman", podman.as_ref().map(|podman| (&podman.engine, podman.storage()))),
    ] {
        let Some((engine, storage)) = peer else {
            println!("left out: {name}, not installed");
            continue;
        };
        engines.push(Engine {
            name,
            ok: Box::new(|words| engine.ok(words).map(drop)),
            run: Box::new(|words| engine.run(words).map(drop)),
            storage,
        });
    }
    println!(
        "{CONTAINERS} containers of the Debian image, each writes 1 MiB; then a commit of one ({commits} times)"
    );
    println!("{}\n", machine::told(&before));
    println!(
        "{:<12}{:>12}{:>16}{:>18}{:>14}{:>14}",
        "", "image MiB", "+ 20 written", "beyond 20 MiB", "commit p50", "p90 ms"
    );
    let mut rows = Vec::new();
    for engine in &engines {
        let outcome = engine.measure(archive, commits).context(engine.name)?;
        rows.push(outcome.tell(engine.name));
    }
    let report = json!({
        "benchmark": "share",
        "containers": CONTAINERS,
        "machine": { "before": before, "after": machine::facts() },
        "engines": rows,
    });
    fs::write(&setting.report, serde_json::to_string_pretty(&report)?)
        .with_context(|| format!("cannot write {}", setting.report.display()))?;
    println!("\n{}", setting.report.display());
    Ok(())
}

impl Engine<'_> {
    fn measure(&self, archive: &str, commits: usize) -> Result<Outcome> {
        let empty = bytes_on_disk(self.storage)?;
        (self.ok)(&["load", "-i", archive])?;
        let image = bytes_on_disk(self.storage)?;
        for number in 0..CONTAINERS {
            (self.run)(&[&["--name", &format!("writer{number}"), IMAGE], &WRITE[..]].concat())?;
        }
        let containers = bytes_on_disk(self.storage)?;
        let mut commit = Sample::default();
        for number in 0..commits {
            let started = Instant::now();
            (self.ok)(&["commit", "writer0", &format!("committed:{number}")])?;
            commit.add(started.elapsed());
        }
        Ok(Outcome { empty, image, containers, commit })
    }
}

impl Outcome {
    fn tell(&self, name: &str) -> serde_json::Value {
        #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
        let mebibytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let image = mebibytes(self.image - self.empty);
        let written = mebibytes(self.containers - self.image);
        #[expect(clippy::cast_precision_loss, reason = "twenty")]
        let beyond = written - CONTAINERS as f64;
        let [p50, p90] = [50, 90].map(|percent| self.commit.percentile(percent));
        println!("{name:<12}{image:>12.1}{written:>16.1}{beyond:>18.1}{p50:>14.0}{p90:>14.0}");
        json!({
            "name": name,
            "image_bytes": self.image - self.empty,
            "containers_bytes": self.containers - self.image,
            "commit": self.commit.json(),
        })
    }
}

/// What a directory takes on its disk, each file once however many names it has.
fn bytes_on_disk(dir: &Path) -> Result<u64> {
    // Blocks are counted when they are written.
    sync();
    let (mut seen, mut bytes) = (BTreeSet::new(), 0);
    for entry in WalkDir::new(dir).same_file_system(true) {
        let metadata = match entry {
            Ok(entry) => entry.metadata()?,
            // A daemon's own files come and go.
            Err(error) if error.io_error().is_some_and(|e| e.kind() == std::io::ErrorKind::NotFound) => {
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        if seen.insert((metadata.dev(), metadata.ino())) {
            // In units of 512 bytes, see stat(2).
            bytes += metadata.blocks() * 512;
        }
    }
    Ok(bytes)
}

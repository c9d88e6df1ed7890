//! `bench start`: from the request to the prompt, ours beside everyone else's, round by round.

pub(crate) mod ours;
mod peers;
mod report;
mod rootfs;

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use porthole_driver::{Agent, Client};
use serde_json::json;

use crate::rounds::order;
use crate::sample::Sample;
use crate::{Setting, machine};
use peers::Peer;
use rootfs::RootFs;

/// Our own row.
struct Ours {
    client: Client,
    prompt: Sample,
    /// From the request to the first process's execve, as the agent says.
    to_exec: Sample,
    /// The executed kernel steps of the last birth, without waiting in between.
    birth: serde_json::Value,
}

impl Ours {
    fn round(&mut self) -> Result<()> {
        let launch = ours::launch(&mut self.client)?;
        self.prompt.add(launch.prompt);
        self.to_exec.add(Duration::from_micros(launch.container.summary.start_micros));
        self.birth = json!(launch.container.birth);
        self.client.remove(&launch.container.summary.id)
    }
}

/// Runs it, prints the table, writes the report.
pub(crate) fn run(setting: &Setting) -> Result<()> {
    let before = machine::facts();
    let rounds = setting.rounds.unwrap_or(50);
    let rootfs = RootFs::unpack(&setting.image)?;
    let agent = Agent::start(&setting.porthole)?;
    let mut ours = Ours {
        client: Client::connect(agent.address)?,
        prompt: Sample::default(),
        to_exec: Sample::default(),
        birth: json!(null),
    };
    let mut peers = peers::all(&rootfs)?;
    ours.round().context("porthole")?;
    (ours.prompt, ours.to_exec) = Default::default();
    for peer in &mut peers {
        peer.warm_up();
    }
    for round in 0..rounds {
        for place in order(round, peers.len() + 1) {
            match peers.get_mut(place) {
                Some(peer) => peer.round(),
                None => ours.round().context("porthole")?,
            }
        }
    }
    report::print(&before, rounds, &ours.prompt, &ours.to_exec, &peers);
    let peers: Vec<_> = peers.iter().map(Peer::json).collect();
    let report = json!({
        "benchmark": "start",
        "measures": "request to prompt of a busybox shell",
        "rounds": rounds,
        "machine": { "before": before, "after": machine::facts() },
        "porthole": { "prompt": ours.prompt.json(), "to_exec": ours.to_exec.json(), "last_birth": ours.birth },
        "peers": peers,
    });
    fs::write(&setting.report, serde_json::to_string_pretty(&report)?)
        .with_context(|| format!("cannot write {}", setting.report.display()))?;
    println!("\n{}", setting.report.display());
    Ok(())
}

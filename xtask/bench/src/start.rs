//! `bench start`: from the request to the prompt, ours beside everyone else's, round by round.

mod peers;
mod report;
mod rootfs;

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;

use crate::agent::Agent;
use crate::client::Client;
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
        let launch = self.client.launch()?;
        self.prompt.add(launch.prompt);
        self.to_exec.add(Duration::from_micros(launch.container.summary.start_micros));
        self.birth = json!(launch.container.birth);
        self.client.remove(&launch.container)
    }
}

/// Runs it, prints the table, writes the report.
pub(crate) fn run(setting: &Setting) -> Result<()> {
    let before = machine::facts();
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
    for round in 0..setting.rounds {
        for place in order(round, peers.len() + 1) {
            match peers.get_mut(place) {
                Some(peer) => peer.round(),
                None => ours.round().context("porthole")?,
            }
        }
    }
    report::print(&before, setting.rounds, &ours.prompt, &ours.to_exec, &peers);
    let peers: Vec<_> = peers.iter().map(Peer::json).collect();
    let report = json!({
        "benchmark": "start",
        "measures": "request to prompt of a busybox shell",
        "rounds": setting.rounds,
        "machine": { "before": before, "after": machine::facts() },
        "porthole": { "prompt": ours.prompt.json(), "to_exec": ours.to_exec.json(), "last_birth": ours.birth },
        "peers": peers,
    });
    fs::write(&setting.report, serde_json::to_string_pretty(&report)?)
        .with_context(|| format!("cannot write {}", setting.report.display()))?;
    println!("\n{}", setting.report.display());
    Ok(())
}

/// A shuffled order for each round (Fisher and Yates), the same in every run: nobody always follows the same neighbour.
fn order(round: usize, count: usize) -> Vec<usize> {
    let mut order: Vec<_> = (0..count).collect();
    let mut state = round as u64 + 1;
    for left in (1..count).rev() {
        // Knuth's MMIX generator; its upper half is the better one.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let pick = usize::try_from(state >> 33).unwrap_or(0) % (left + 1);
        order.swap(left, pick);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_round_has_everyone_once_in_another_order() {
        let rounds: Vec<_> = (0..50).map(|round| order(round, 7)).collect();
        for round in &rounds {
            let mut sorted = round.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 1, 2, 3, 4, 5, 6]);
        }
        let firsts: std::collections::BTreeSet<_> = rounds.iter().map(|round| round[0]).collect();
        assert_eq!(firsts.len(), 7, "everyone goes first at some time");
    }
}

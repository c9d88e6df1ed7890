//! What agent and launcher hold for a terminal in which nothing happens.

use std::fs;

use anyhow::{Context, Result};
use porthole_driver::{Agent, Client};
use serde_json::{Value, json};

use super::crowd::Crowd;

/// Terminals.
const COUNT: usize = 128;

pub(super) fn run(agent: &Agent) -> Result<Value> {
    let client = &mut Client::connect(agent.address)?;
    // What is made once and kept is made by a few.
    let few = Crowd::gather(agent, client, COUNT / 4, "exec cat")?;
    let launcher = agent.launcher().context("there is no launcher")?;
    let before = held(agent.pid())? + held(launcher)?;
    let many = Crowd::gather(agent, client, COUNT, "exec cat")?;
    let after = held(agent.pid())? + held(launcher)?;
    let each = after.saturating_sub(before) as f64 / COUNT as f64;
    println!(
        "\nagent and launcher, for each idle terminal: {each:.1} KiB ({before} KiB before, {after} KiB with {COUNT} more)"
    );
    few.disperse(client)?;
    many.disperse(client)?;
    Ok(json!({ "terminals": COUNT, "before_kib": before, "after_kib": after, "each_kib": each }))
}

/// Memory of a process's own, in KiB: what it shares counts by its part (`Pss`, see proc_pid_smaps(5)).
fn held(pid: u32) -> Result<u64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:")).context("no Pss")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

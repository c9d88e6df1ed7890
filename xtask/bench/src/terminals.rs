//! `bench terminals`: what a terminal carries, how soon a key comes back, how soon a lost connection does, how many may look
//! on, and what an idle one costs. Beside a program that reads a PTY itself, and ttyd where it is
//! installed, on the same machine and in turns.

mod crowd;
mod echo;
mod fanout;
mod flood;
mod idle;
mod resume;
mod ttyd;

use std::fs;

use anyhow::{Context, Result};
use porthole_driver::Agent;
use porthole_protocol::spec::{LaunchSpec, ProcessSpec, Size};
use serde_json::json;

use crate::{Setting, machine};

/// Runs it, prints the tables, writes the report.
pub(crate) fn run(setting: &Setting) -> Result<()> {
    let before = machine::facts();
    println!("{}\n", machine::told(&before));
    let rounds = setting.rounds.unwrap_or(3);
    let agent = Agent::start(&setting.porthole)?;
    let flood = flood::run(&agent, rounds).context("throughput")?;
    let echo = echo::run(&agent, rounds).context("keystrokes")?;
    let resume = resume::run(&agent, rounds).context("going on")?;
    let fanout = fanout::run(&agent).context("viewers")?;
    let idle = idle::run(&agent).context("idle terminals")?;
    let report = json!({
        "benchmark": "terminals",
        "rounds": rounds,
        "machine": { "before": before, "after": machine::facts() },
        "throughput": flood,
        "keystroke": echo,
        "resume": resume,
        "fanout": fanout,
        "idle": idle,
    });
    fs::write(&setting.report, serde_json::to_string_pretty(&report)?)
        .with_context(|| format!("cannot write {}", setting.report.display()))?;
    println!("\n{}", setting.report.display());
    Ok(())
}

/// A script, on a terminal.
fn on_terminal(script: &str) -> ProcessSpec {
    ProcessSpec { terminal: Some(Size::default()), stdin: true, ..on_pipes(script) }
}

/// A script, on pipes.
fn on_pipes(script: &str) -> ProcessSpec {
    ProcessSpec { command: ["sh", "-c", script].map(str::to_owned).into(), ..ProcessSpec::default() }
}

/// The container of a process.
fn launch(process: ProcessSpec) -> LaunchSpec {
    LaunchSpec { image: "busybox".into(), process, ..LaunchSpec::default() }
}

//! A large output, from the request to its last byte.

use std::ffi::CString;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use porthole_driver::{Agent, Client, Incoming};
use porthole_protocol::control::ServerMessage;
use porthole_protocol::spec::ProcessSpec;
use serde_json::{Value, json};

use super::ttyd::Ttyd;
use super::{launch, on_pipes, on_terminal};
use crate::pty::Program;
use crate::rounds::order;
use crate::sample::Sample;

/// Bytes that are printed: some seconds of them.
const BYTES: u64 = 256 << 20;

/// Bytes that the program writes at a time, as `cat` does.
const PIECE: u64 = 64 << 10;

const NAMES: [&str; 4] = ["raw PTY reader", "porthole, terminal", "porthole, pipes", "ttyd"];

pub(super) fn run(agent: &Agent, rounds: usize) -> Result<Value> {
    // Busybox's `head` would print one byte after the other, and be what is measured.
    let script = format!("dd if=/dev/zero bs={PIECE} count={} 2>/dev/null", BYTES / PIECE);
    let mut samples: [Sample; 4] = Default::default();
    for round in 0..rounds {
        for place in order(round, samples.len()) {
            let took = match place {
                0 => Some(raw(&script)?),
                1 => Some(ours(agent, on_terminal(&script))?),
                2 => Some(ours(agent, on_pipes(&script))?),
                _ => ttyd(&script)?,
            };
            took.into_iter().for_each(|took| samples[place].add(took));
        }
    }
    let rate = |sample: &Sample| BYTES as f64 / 1e6 / (sample.percentile(50) / 1e3);
    println!("{} MiB printed by one program, medians of {rounds}", BYTES >> 20);
    println!("{:<22}{:>10}{:>9}", "", "MB/s", "of raw");
    let rows = || NAMES.iter().zip(&samples).filter(|(_, sample)| !sample.is_empty());
    for (name, sample) in rows() {
        println!("{name:<22}{:>10.1}{:>8.2}×", rate(sample), rate(sample) / rate(&samples[0]));
    }
    Ok(rows()
        .map(|(name, sample)| json!({ "name": name, "mb_per_s": rate(sample), "times": sample.json() }))
        .collect())
}

/// As a program reads a terminal that it has made itself.
fn raw(script: &str) -> Result<Duration> {
    let started = Instant::now();
    let words = [c"busybox".to_owned(), c"sh".to_owned(), c"-c".to_owned(), CString::new(script)?];
    let count = Program::start(Path::new("/bin/busybox"), &words)?.drain()?;
    check(count)?;
    Ok(started.elapsed())
}

/// The same in a page's terminal that isolates nothing; none where it is not installed.
fn ttyd(script: &str) -> Result<Option<Duration>> {
    let started = Instant::now();
    let Some(ttyd) = Ttyd::start(&format!("{script}; read forever"))? else { return Ok(None) };
    ttyd.drain(BYTES)?;
    Ok(Some(started.elapsed()))
}

fn ours(agent: &Agent, process: ProcessSpec) -> Result<Duration> {
    // A client that says nothing while the others are measured would be given up.
    let mut client = Client::connect(agent.address)?;
    let started = Instant::now();
    let (_, attached) = client.launch(launch(process))?;
    let mut count = 0;
    let took = loop {
        match client.receive()? {
            Incoming::Output { channel, bytes } if channel == attached.channel() => {
                count += bytes.len() as u64
            }
            Incoming::Control(ServerMessage::Skipped { .. }) => bail!("output was left out"),
            Incoming::Control(ServerMessage::Exited { container, .. }) if container == attached.container => {
                break started.elapsed();
            }
            _ => {}
        }
    };
    client.remove(&attached.container)?;
    check(count)?;
    Ok(took)
}

fn check(count: u64) -> Result<()> {
    if count != BYTES {
        bail!("{count} bytes came of {BYTES}");
    }
    Ok(())
}

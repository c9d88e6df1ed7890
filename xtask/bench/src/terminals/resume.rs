//! From the cut of a connection, in the middle of a flood, to the first byte that comes after it.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use porthole_driver::{Agent, Client, Event, Opening, Resuming};
use serde_json::{Value, json};

use super::{launch, on_terminal};
use crate::sample::Sample;

/// Cuts in a round.
const CUTS: usize = 30;

/// How long output flows before a cut: longer than the client waits between two attempts to connect.
const FLOWING: Duration = Duration::from_millis(50);

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn run(agent: &Agent, rounds: usize) -> Result<Value> {
    let mut resuming = Resuming::new(agent.address, Opening::Launch(launch(on_terminal("exec yes"))), 1);
    let mut sample = Sample::default();
    until_output(&mut resuming)?;
    for _ in 0..rounds * CUTS {
        let begun = Instant::now();
        while begun.elapsed() < FLOWING {
            until_output(&mut resuming)?;
        }
        let cut = Instant::now();
        resuming.cut();
        until_output(&mut resuming)?;
        sample.add(cut.elapsed());
    }
    if let Some((container, _)) = resuming.resume.place() {
        Client::connect(agent.address)?.remove(container)?;
    }
    let [p50, p99, max] = [50, 99, 100].map(|percent| sample.percentile(percent));
    println!("\nfrom a cut to the next byte, {} cuts in a flood, milliseconds", rounds * CUTS);
    println!("{:<34}{p50:>8.2}{p99:>8.2}{max:>8.2}", "p50, p99, max");
    Ok(json!({ "cuts": rounds * CUTS, "p50_ms": p50, "p99_ms": p99, "max_ms": max }))
}

fn until_output(client: &mut Resuming) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match client.next(deadline)? {
            Some(Event::Output(..)) => return Ok(()),
            Some(Event::Missing(bytes)) => bail!("{bytes} bytes are gone"),
            Some(Event::Refused(error)) => bail!("{error}"),
            None => bail!("nothing comes"),
            Some(_) => {}
        }
    }
}

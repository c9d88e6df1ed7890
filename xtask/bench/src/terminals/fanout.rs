//! One terminal's output to a hundred viewers, beside the same to one.

use std::sync::Barrier;
use std::thread::scope;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use porthole_driver::{Agent, Attached, Client, Event, Opening, Resuming};
use serde_json::{Value, json};

use super::{launch, on_terminal};

const VIEWERS: usize = 100;
const THREADS: usize = 4;

/// Bytes that are printed.
const BYTES: u64 = 16 << 20;

const PATIENCE: Duration = Duration::from_secs(120);

pub(super) fn run(agent: &Agent) -> Result<Value> {
    let alone = show(agent, 1)?;
    let together = show(agent, VIEWERS)?;
    let rate = |took: Duration, viewers: usize| BYTES as f64 / 1e6 * viewers as f64 / took.as_secs_f64();
    println!("\n{} MiB to every viewer, all bytes", BYTES >> 20);
    println!("{:<22}{:>10}{:>14}", "viewers", "seconds", "MB/s in all");
    for (viewers, took) in [(1, alone), (VIEWERS, together)] {
        println!("{viewers:<22}{:>10.2}{:>14.1}", took.as_secs_f64(), rate(took, viewers));
    }
    Ok(json!({
        "bytes": BYTES,
        "one": { "seconds": alone.as_secs_f64(), "mb_per_s": rate(alone, 1) },
        "hundred": { "seconds": together.as_secs_f64(), "mb_per_s": rate(together, VIEWERS) },
    }))
}

/// From the key that begins it until the last viewer has the last byte.
fn show(agent: &Agent, viewers: usize) -> Result<Duration> {
    let mut client = Client::connect(agent.address)?;
    let script = format!(
        "stty raw -echo; echo ready; head -c 1 >/dev/null; exec dd if=/dev/zero bs=64k count={} 2>/dev/null",
        BYTES >> 16
    );
    let (_, shown) = client.launch(launch(on_terminal(&script)))?;
    client.expect(shown.channel(), "ready\n")?;
    let threads = THREADS.min(viewers);
    let seated = Barrier::new(threads + 1);
    let took = scope(|scope| {
        let audience: Vec<_> = (0..threads)
            .map(|thread| {
                let (shown, seated) = (&shown, &seated);
                let count = viewers / threads;
                scope.spawn(move || look(agent, shown, thread * count, count, seated))
            })
            .collect();
        seated.wait();
        let started = Instant::now();
        client.input(shown.channel(), b"x")?;
        // The one who begins it leaves: who may type paces the program, and is not measured here.
        client.send(&porthole_protocol::control::ClientMessage::Detach { channel: shown.channel() })?;
        let looked = audience.into_iter().map(|thread| thread.join().expect("a viewer does not panic"));
        looked.fold(Ok(()), Result::and)?;
        anyhow::Ok(started.elapsed())
    })?;
    Client::connect(agent.address)?.remove(&shown.container)?;
    Ok(took)
}

fn look(agent: &Agent, shown: &Attached, first: usize, count: usize, seated: &Barrier) -> Result<()> {
    let ready = b"ready\n".len() as u64;
    let mut viewers: Vec<_> = (0..count)
        .map(|n| {
            let opening = Opening::Attach(shown.container.clone(), shown.process);
            let mut viewer = Resuming::new(agent.address, opening, (first + n) as u64 + 1);
            viewer.silence = PATIENCE;
            (viewer, 0)
        })
        .collect();
    let deadline = Instant::now() + PATIENCE;
    let arrived = viewers.iter_mut().try_for_each(|viewer| until(viewer, ready, deadline));
    seated.wait();
    arrived?;
    while viewers.iter().any(|(_, seen)| *seen < ready + BYTES) {
        if Instant::now() > deadline {
            bail!("not every viewer has everything");
        }
        for viewer in &mut viewers {
            step(viewer, Instant::now() + Duration::from_millis(1))?;
        }
    }
    Ok(())
}

fn until(viewer: &mut (Resuming, u64), bytes: u64, deadline: Instant) -> Result<()> {
    while viewer.1 < bytes {
        if Instant::now() > deadline {
            bail!("a viewer waits in vain");
        }
        step(viewer, deadline)?;
    }
    Ok(())
}

fn step((viewer, seen): &mut (Resuming, u64), wait: Instant) -> Result<()> {
    match viewer.next(wait)? {
        Some(Event::Output(_, bytes)) => *seen += bytes.len() as u64,
        Some(Event::Missing(bytes)) => bail!("{bytes} bytes were left out"),
        Some(Event::Refused(error)) => bail!("{error}"),
        Some(Event::Lost(why)) => bail!("lost: {why}"),
        _ => {}
    }
    Ok(())
}

//! `bench pull`: the Debian image from a registry on this machine until it is unpacked and named, ours beside everyone
//! else's: into an empty store, once more, and a second image that differs in its topmost layer.

mod contender;
mod images;

use std::fs;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use nix::unistd::sync;
use porthole_peers::{Registry, missing};
use serde_json::json;

use crate::rounds::order;
use crate::sample::Sample;
use crate::{Setting, machine};
use contender::{Contender, Engine};
use images::Images;

/// What is measured of each.
#[derive(Default)]
struct Row {
    cold: Sample,
    again: Sample,
    second: Sample,
}

/// Runs it, prints the table, writes the report.
pub(crate) fn run(setting: &Setting) -> Result<()> {
    let missing = missing(&[&Registry::PROGRAMS[..], &["umoci"]].concat());
    if !missing.is_empty() {
        bail!("not installed: {}", missing.join(", "));
    }
    let rounds = setting.rounds.unwrap_or(10);
    let registry = Registry::start()?;
    let images = Images::put(&registry, &setting.image, &setting.porthole)?;
    let mut contenders = contender::all(&setting.porthole)?;
    let mut rows: Vec<_> = contenders.iter().map(|_| Row::default()).collect();
    // The first round is not counted: after it, what is read lies in memory for all alike.
    for contender in &mut contenders {
        round(contender.engine.as_mut(), &images, &mut Row::default()).context(contender.name)?;
    }
    let before = machine::facts();
    for number in 0..rounds {
        for place in order(number, contenders.len()) {
            let contender: &mut Contender = &mut contenders[place];
            round(contender.engine.as_mut(), &images, &mut rows[place]).context(contender.name)?;
        }
    }
    println!("pull of {} (milliseconds, {rounds} interleaved rounds)", images.told);
    println!("{}\n", machine::told(&before));
    println!(
        "{:<16}{:>8}{:>8}{:>8}{:>8}{:>10}{:>10}",
        "", "min", "p50", "p90", "ratio", "again p50", "second p50"
    );
    let own = rows[0].cold.percentile(50);
    for (contender, row) in contenders.iter().zip(&rows) {
        let [min, p50, p90] = [0, 50, 90].map(|percent| row.cold.percentile(percent));
        let [again, second] = [&row.again, &row.second].map(|sample| sample.percentile(50));
        let ratio = p50 / own;
        println!(
            "{:<16}{min:>8.0}{p50:>8.0}{p90:>8.0}{ratio:>8.2}{again:>10.0}{second:>10.0}",
            contender.name
        );
    }
    let json: Vec<_> = contenders
        .iter()
        .zip(&rows)
        .map(|(contender, row)| {
            json!({
                "name": contender.name,
                "cold": row.cold.json(),
                "again": row.again.json(),
                "second": row.second.json(),
            })
        })
        .collect();
    let report = json!({
        "benchmark": "pull",
        "measures": "start to end of the command that pulls, from a registry on loopback",
        "rounds": rounds,
        "machine": { "before": before, "after": machine::facts() },
        "contenders": json,
    });
    fs::write(&setting.report, serde_json::to_string_pretty(&report)?)
        .with_context(|| format!("cannot write {}", setting.report.display()))?;
    println!("\n{}", setting.report.display());
    Ok(())
}

/// Three pulls, and back to an empty store. What others have written is on disk before the clock runs.
fn round(engine: &mut dyn Engine, images: &Images, row: &mut Row) -> Result<()> {
    let pulls =
        [(&images.first, &mut row.cold), (&images.first, &mut row.again), (&images.second, &mut row.second)];
    for (image, sample) in pulls {
        sync();
        let started = Instant::now();
        engine.pull(image)?;
        sample.add(started.elapsed());
    }
    engine.remove(&[&images.second, &images.first])
}

//! Where the time of a start goes: `cargo test --release -p porthole-launcher --test steps -- --ignored --nocapture`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use porthole_launcher::wire::{Reply, RequestBody};
use support::{Launcher, possible, read_until, shell};

const ROUNDS: usize = 60;

#[test]
#[ignore = "a measurement, for people to read"]
fn medians_of_each_step() {
    if !possible() {
        return;
    }
    let mut launcher = Launcher::start();
    let mut steps: BTreeMap<usize, (String, Vec<u64>, Vec<u64>)> = BTreeMap::new();
    let (mut replies, mut prompts) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let id = format!("{round:012x}");
        let begun = Instant::now();
        let (reply, fds) = launcher.ask(RequestBody::Launch(Box::new(shell(&id))));
        replies.push(begun.elapsed());
        let Reply::Launched { steps: executed, .. } = reply else { panic!("{reply:?}") };
        read_until(&fds[1], "# ");
        prompts.push(begun.elapsed());
        for (index, executed) in executed.iter().enumerate() {
            let name = format!("{:<8} {}", executed.step.actor(), executed.step.call());
            let (_, starts, durations) =
                steps.entry(index).or_insert_with(|| (name.chars().take(100).collect(), vec![], vec![]));
            starts.push(executed.start_ns);
            durations.push(executed.duration_ns);
        }
        launcher.ask(RequestBody::Kill { container: id.clone() });
        launcher.ended(&id);
        launcher.ask(RequestBody::Remove { container: id });
    }
    for (name, mut starts, mut durations) in steps.into_values() {
        println!("{:>6} µs, from {:>6}  {name}", median(&mut durations) / 1000, median(&mut starts) / 1000);
    }
    for (what, mut times) in [("the reply", replies), ("the first prompt", prompts)] {
        let median: Duration = median(&mut times);
        println!("{what}: p50 {median:?}, p10 {:?}, p90 {:?}", times[ROUNDS / 10], times[ROUNDS * 9 / 10]);
    }
}

fn median<T: Ord + Copy>(values: &mut [T]) -> T {
    values.sort_unstable();
    values[values.len() / 2]
}

//! The table that a person reads.

use serde_json::Value;

use super::peers::Peer;
use crate::machine;
use crate::sample::Sample;

/// Prints it: milliseconds, and how many times ours each one takes.
pub(super) fn print(facts: &Value, rounds: usize, ours: &Sample, to_exec: &Sample, peers: &[Peer]) {
    println!("request to prompt of a busybox shell, {rounds} interleaved rounds, milliseconds");
    println!("{}\n", machine::told(facts));
    println!("{:<15}{:>8}{:>8}{:>8}{:>8}", "", "min", "p50", "p90", "ratio");
    let own = ours.percentile(50);
    let row = |name: &str, sample: &Sample, what: &str| {
        let [min, p50, p90] = [0, 50, 90].map(|percent| sample.percentile(percent));
        println!("{name:<15}{min:>8.2}{p50:>8.2}{p90:>8.2}{:>8.2}  {what}", p50 / own);
    };
    row(
        "porthole",
        ours,
        "at a WebSocket client: agent, launcher, seven namespaces, overlay, limits, seccomp",
    );
    row("  to execve", to_exec, "of it, from the request to the shell's execve");
    for peer in peers {
        match peer.reason() {
            None if !peer.prompt.is_empty() => row(peer.name, &peer.prompt, peer.what),
            None => println!("{:<15}no round ran", peer.name),
            Some(reason) => println!("{:<15}left out: {reason}", peer.name),
        }
    }
}

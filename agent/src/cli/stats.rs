//! `stats`: what the containers use, second by second.

use std::io::{IsTerminal, stdout};
use std::time::Duration;

use clap::Args;
use porthole_protocol::http::Stats;
use tokio::time::sleep;

use super::client::{Client, container_path};
use super::failure::Failure;
use super::output::{print, print_json};
use super::table::Table;
use super::units::human_bytes;

/// Time between two samples.
const INTERVAL: Duration = Duration::from_secs(1);

/// Puts the cursor at the top left and clears what is below (ECMA-48 CUP and ED).
const REDRAW: &str = "\x1b[H\x1b[J";

/// Arguments of `stats`.
#[derive(Clone, Debug, Args)]
pub struct StatsArgs {
    /// Print once instead of every second.
    #[arg(long)]
    pub no_stream: bool,
    /// Print the API's JSON, once.
    #[arg(long)]
    pub json: bool,
    /// The containers; else all that run.
    pub containers: Vec<String>,
}

/// Runs the verb, until interrupted when it streams.
///
/// # Errors
/// Any [`Failure`] of the agent or the way to it.
pub(super) async fn run(client: &Client, args: &StatsArgs) -> Result<(), Failure> {
    let mut before = sample(client, &args.containers).await?;
    if args.json {
        return print_json(&before);
    }
    let redraw = !args.no_stream && stdout().is_terminal();
    loop {
        sleep(INTERVAL).await;
        let now = sample(client, &args.containers).await?;
        print(format_args!("{}{}", if redraw { REDRAW } else { "" }, table(&before, &now)))?;
        if args.no_stream {
            return Ok(());
        }
        before = now;
    }
}

async fn sample(client: &Client, containers: &[String]) -> Result<Vec<Stats>, Failure> {
    if containers.is_empty() {
        return client.get("stats").await;
    }
    let mut all = Vec::with_capacity(containers.len());
    for container in containers {
        all.push(client.get(&format!("{}/stats", container_path(container))).await?);
    }
    Ok(all)
}

fn table(before: &[Stats], now: &[Stats]) -> Table {
    let mut table = Table::new([
        "CONTAINER ID",
        "NAME",
        "CPU / LIMIT",
        "MEMORY / LIMIT",
        "MEMORY",
        "PIDS / LIMIT",
        "DISK / LIMIT",
        "I/O",
    ]);
    for stats in now {
        let earlier = before.iter().find(|earlier| earlier.id == stats.id);
        let limit = stats.memory_limit.map_or("none".into(), human_bytes);
        let cpu = earlier.and_then(|earlier| cpu_permille(earlier, stats)).map_or("-".into(), percent);
        let cpu_limit = stats.cpu_limit.map_or("none".into(), percent);
        let disk_limit = stats.disk_limit.map_or("none".into(), human_bytes);
        table.row([
            stats.id.to_string(),
            stats.name.clone(),
            format!("{cpu} / {cpu_limit}"),
            format!("{} / {limit}", human_bytes(stats.memory_bytes)),
            stats
                .memory_limit
                .and_then(|limit| permille(stats.memory_bytes, limit))
                .map_or("-".into(), percent),
            format!("{} / {}", stats.pids, stats.pids_limit.map_or("none".into(), |limit| limit.to_string())),
            stats.disk_bytes.map_or("-".into(), |bytes| format!("{} / {disk_limit}", human_bytes(bytes))),
            stats.io_bytes.map_or("-".into(), human_bytes),
        ]);
    }
    table
}

/// CPU time used between two samples, in thousandths of one CPU; none when no time has passed.
fn cpu_permille(before: &Stats, now: &Stats) -> Option<u64> {
    let elapsed_micros = now.taken_ms.saturating_sub(before.taken_ms) * 1000;
    permille(now.cpu_micros.saturating_sub(before.cpu_micros), elapsed_micros)
}

fn permille(part: u64, whole: u64) -> Option<u64> {
    part.saturating_mul(1000).checked_div(whole)
}

fn percent(permille: u64) -> String {
    format!("{}.{} %", permille / 10, permille % 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use porthole_protocol::ids::ContainerId;

    fn stats(cpu_micros: u64, taken_ms: u64) -> Stats {
        Stats {
            id: ContainerId::from_random([0; 6]),
            name: "calm_otter".into(),
            cpu_micros,
            memory_bytes: 64 << 20,
            memory_limit: Some(256 << 20),
            pids: 2,
            pids_limit: None,
            cpu_limit: Some(500),
            disk_bytes: Some(1 << 20),
            disk_limit: Some(1 << 30),
            io_bytes: None,
            io_limit: None,
            taken_ms,
        }
    }

    #[test]
    fn cpu_use_is_the_time_used_between_two_samples() {
        assert_eq!(cpu_permille(&stats(0, 0), &stats(505_000, 1010)), Some(500));
        assert_eq!(cpu_permille(&stats(0, 0), &stats(2_000_000, 1000)), Some(2000));
        assert_eq!(cpu_permille(&stats(0, 5), &stats(1, 5)), None);
    }

    #[test]
    fn a_container_without_an_earlier_sample_shows_no_cpu_use_yet() {
        let lines = table(&[], &[stats(0, 0)]).to_string();
        let cells: Vec<&str> = lines.lines().nth(1).unwrap().split("   ").map(str::trim).collect();
        let cells: Vec<&str> = cells.into_iter().filter(|cell| !cell.is_empty()).collect();
        assert_eq!(
            cells,
            [
                "000000000000",
                "calm_otter",
                "- / 50.0 %",
                "64 MiB / 256 MiB",
                "25.0 %",
                "2 / none",
                "1.0 MiB / 1.0 GiB",
                "-"
            ]
        );
    }
}

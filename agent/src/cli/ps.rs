//! `ps`: the containers.

use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use porthole_protocol::http::{ContainerState, ContainerSummary};
use porthole_protocol::image::ContainerSize;

use super::client::Client;
use super::failure::Failure;
use super::output::{print, print_json};
use super::table::Table;
use super::units::{human_age, human_bytes};

/// Longest command shown, in characters.
const COMMAND_CHARS: usize = 30;

/// Arguments of `ps`.
#[derive(Clone, Debug, Args)]
pub struct PsArgs {
    /// Show those that have ended as well.
    #[arg(short, long)]
    pub all: bool,
    /// Measure what each has on disk: its own bytes, and those of the layers that it shares.
    #[arg(short, long)]
    pub size: bool,
    /// Print ids only.
    #[arg(short, long)]
    pub quiet: bool,
    /// Print the API's JSON.
    #[arg(long)]
    pub json: bool,
}

/// Runs the verb.
///
/// # Errors
/// Any [`Failure`] of the agent or the way to it.
pub(super) async fn run(client: &Client, args: &PsArgs) -> Result<(), Failure> {
    let mut containers: Vec<ContainerSummary> =
        client.get(if args.size { "containers?size=true" } else { "containers" }).await?;
    containers.retain(|container| args.all || container.state == ContainerState::Running);
    if args.json {
        return print_json(&containers);
    }
    if args.quiet {
        return print(containers.iter().map(|container| format!("{}\n", container.id)).collect::<String>());
    }
    let now = now_ms();
    let mut heading = vec!["CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "NAME"];
    heading.extend(args.size.then_some("SIZE"));
    let mut table = Table::new(heading);
    for container in containers {
        let age = human_age(now.saturating_sub(container.created_ms));
        let command =
            container.processes.first().map(|process| process.command.join(" ")).unwrap_or_default();
        let mut cells = vec![
            container.id.to_string(),
            container.image,
            shortened(&command, COMMAND_CHARS),
            format!("{age} ago"),
            status(&container.state, &age, container.expires_ms.map(|at| at.saturating_sub(now))),
            container.name,
        ];
        cells.extend(args.size.then(|| size(container.size.as_ref())));
        table.row(cells);
    }
    print(table)
}

/// Milliseconds since 1970-01-01 UTC.
pub(super) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// The text, cut with a mark of it where it has more than this many characters.
pub(super) fn shortened(text: &str, chars: usize) -> String {
    let mut shown: String = text.chars().take(chars).collect();
    if shown.len() < text.len() {
        shown.pop();
        shown.push('…');
    }
    shown
}

fn size(size: Option<&ContainerSize>) -> String {
    size.map_or_else(
        || "-".into(),
        |size| format!("{} (shared {})", human_bytes(size.private_bytes), human_bytes(size.shared_bytes)),
    )
}

/// `left` is what is left of a lifetime that is limited, in milliseconds.
fn status(state: &ContainerState, age: &str, left: Option<u64>) -> String {
    match state {
        ContainerState::Running => match left {
            Some(left) => format!("Up {age}, {} left", human_age(left)),
            None => format!("Up {age}"),
        },
        ContainerState::Exited(exit) if exit.out_of_memory => {
            format!("Exited ({}), out of memory", exit.code)
        }
        ContainerState::Exited(exit) => format!("Exited ({})", exit.code),
        ContainerState::Unknown => "Unknown".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use porthole_protocol::http::Exit;

    #[test]
    fn a_status_tells_a_kill_for_memory_apart() {
        let exited =
            |out_of_memory| ContainerState::Exited(Exit { code: 137, signal: Some(9), out_of_memory });
        assert_eq!(status(&ContainerState::Running, "5 minutes", None), "Up 5 minutes");
        assert_eq!(status(&ContainerState::Running, "1 hour", Some(7_200_000)), "Up 1 hour, 2 hours left");
        assert_eq!(status(&exited(false), "", Some(0)), "Exited (137)");
        assert_eq!(status(&exited(true), "", None), "Exited (137), out of memory");
    }

    #[test]
    fn a_long_command_is_cut_between_characters() {
        assert_eq!(shortened("sh -c 'é'", 30), "sh -c 'é'");
        assert_eq!(shortened(&"é".repeat(40), 30), "é".repeat(29) + "…");
    }
}

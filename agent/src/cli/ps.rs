//! `ps`: the containers.

use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use porthole_protocol::http::{ContainerState, ContainerSummary, EndReason};
use porthole_protocol::image::ContainerSize;
use porthole_protocol::spec::Publish;

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
    let mut heading = vec!["CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAME"];
    heading.extend(args.size.then_some("SIZE"));
    let mut table = Table::new(heading);
    for container in containers {
        let age = human_age(now.saturating_sub(container.created_ms));
        let command =
            container.processes.first().map(|process| process.command.join(" ")).unwrap_or_default();
        let mut cells = vec![
            container.id.to_string(),
            container.image.clone(),
            shortened(&command, COMMAND_CHARS),
            format!("{age} ago"),
            status(&container, &age, container.expires_ms.map(|at| at.saturating_sub(now))),
            ports(&container),
            container.name.clone(),
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

/// The published ports of one that runs, as Docker writes them.
fn ports(container: &ContainerSummary) -> String {
    if container.state != ContainerState::Running {
        return String::new();
    }
    let port = |it: &Publish| {
        let outside = it.host_port.map(|port| format!("{port}->")).unwrap_or_default();
        format!("{outside}{}/tcp", it.port)
    };
    container.published.iter().map(port).collect::<Vec<_>>().join(", ")
}

/// `left` is what is left of a lifetime that is limited, in milliseconds.
fn status(container: &ContainerSummary, age: &str, left: Option<u64>) -> String {
    match container.state {
        ContainerState::Running => match left {
            Some(left) => format!("Up {age}, {} left", human_age(left)),
            None => format!("Up {age}"),
        },
        ContainerState::Exited(exit) => {
            let why = match container.why {
                // Of an older agent.
                None | Some(EndReason::Unknown) if exit.out_of_memory => ", out of memory",
                None | Some(EndReason::Unknown) => "",
                Some(EndReason::OutOfMemory) => ", out of memory",
                Some(EndReason::Lifetime) => ", lifetime over",
                Some(EndReason::Idle) => ", idle",
                Some(EndReason::Stopped) => ", stopped",
            };
            format!("Exited ({}){why}", exit.code)
        }
        ContainerState::Unknown => "Unknown".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use porthole_protocol::http::Exit;

    fn container(state: ContainerState, why: Option<EndReason>) -> ContainerSummary {
        ContainerSummary {
            id: "0123456789ab".parse().unwrap(),
            name: "web".into(),
            image: "busybox".into(),
            created_ms: 0,
            state,
            processes: Vec::new(),
            start_micros: 0,
            expires_ms: None,
            session: None,
            size: None,
            why,
            published: vec![
                Publish { port: 80, host_port: Some(8080) },
                Publish { port: 443, host_port: Some(40123) },
            ],
        }
    }

    #[test]
    fn a_status_tells_why_one_has_ended() {
        let running = container(ContainerState::Running, None);
        assert_eq!(status(&running, "5 minutes", None), "Up 5 minutes");
        assert_eq!(status(&running, "1 hour", Some(7_200_000)), "Up 1 hour, 2 hours left");
        let exited = |out_of_memory, why| {
            let exit = Exit { code: 137, signal: Some(9), out_of_memory };
            status(&container(ContainerState::Exited(exit), why), "", Some(0))
        };
        assert_eq!(exited(false, None), "Exited (137)");
        assert_eq!(exited(true, None), "Exited (137), out of memory", "as an older agent tells it");
        assert_eq!(exited(true, Some(EndReason::OutOfMemory)), "Exited (137), out of memory");
        assert_eq!(exited(false, Some(EndReason::Lifetime)), "Exited (137), lifetime over");
        assert_eq!(exited(false, Some(EndReason::Idle)), "Exited (137), idle");
        assert_eq!(exited(false, Some(EndReason::Stopped)), "Exited (137), stopped");
    }

    #[test]
    fn ports_are_told_while_they_are_open() {
        assert_eq!(ports(&container(ContainerState::Running, None)), "8080->80/tcp, 40123->443/tcp");
        let exit = Exit { code: 0, signal: None, out_of_memory: false };
        assert_eq!(ports(&container(ContainerState::Exited(exit), None)), "");
    }

    #[test]
    fn a_long_command_is_cut_between_characters() {
        assert_eq!(shortened("sh -c 'é'", 30), "sh -c 'é'");
        assert_eq!(shortened(&"é".repeat(40), 30), "é".repeat(29) + "…");
    }
}

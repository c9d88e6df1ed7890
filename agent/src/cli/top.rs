//! `top`: the processes of a container, as both sides see them.

use clap::Args;
use porthole_protocol::kernel::Process;

use super::client::{Client, container_path};
use super::failure::Failure;
use super::output::{print, print_json};
use super::table::Table;
use super::units::human_bytes;

/// Arguments of `top`.
#[derive(Clone, Debug, Args)]
pub struct TopArgs {
    /// Print the API's JSON.
    #[arg(long)]
    pub json: bool,
    /// The container: its id, a unique start of it, or its name.
    pub container: String,
}

/// Runs the verb.
///
/// # Errors
/// Any [`Failure`] of the agent or the way to it.
pub(super) async fn run(client: &Client, args: &TopArgs) -> Result<(), Failure> {
    let processes: Vec<Process> = client.get(&format!("{}/top", container_path(&args.container))).await?;
    if args.json {
        return print_json(&processes);
    }
    let mut table =
        Table::new(["PID INSIDE", "PID OUTSIDE", "UID INSIDE", "UID OUTSIDE", "STATE", "MEMORY", "COMMAND"]);
    for process in processes {
        let command =
            if process.command.is_empty() { format!("[{}]", process.name) } else { process.command };
        table.row([
            process.container_pid.to_string(),
            process.host_pid.to_string(),
            process.container_uid.to_string(),
            process.host_uid.to_string(),
            process.state,
            human_bytes(process.rss_bytes),
            command,
        ]);
    }
    print(table)
}

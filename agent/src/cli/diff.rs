//! `diff`: what a container wrote, beside the image it was made from.

use clap::Args;
use porthole_protocol::files::Changes;

use super::client::{Client, container_path};
use super::failure::{Failure, warn};
use super::output::{print, print_json};
use super::table::printable;

/// Arguments of `diff`.
#[derive(Clone, Debug, Args)]
pub struct DiffArgs {
    /// Print the API's JSON.
    #[arg(long)]
    pub json: bool,
    /// The container, by id, unique start of it, or name.
    pub container: String,
}

/// Runs the verb: `A` added, `C` changed, `D` deleted, as Docker prints them.
///
/// # Errors
/// Any [`Failure`] of the agent or the way to it.
pub(super) async fn run(client: &Client, args: &DiffArgs) -> Result<(), Failure> {
    let found: Changes = client.get(&format!("{}/changes", container_path(&args.container))).await?;
    if args.json {
        print_json(&found)?;
    } else {
        let lines = found.changes.iter();
        let lines = lines.map(|change| format!("{} {}\n", change.kind.letter(), printable(&change.path)));
        print(lines.collect::<String>())?;
    }
    if found.truncated {
        warn("There are more changes than are listed.", "`porthole export` has every file.");
    }
    Ok(())
}

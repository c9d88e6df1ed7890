//! `prune`: give back the disk that nothing needs any more.

use std::io::stdin;

use clap::Args;
use porthole_protocol::image::{PruneRequest, Pruned};

use super::client::Client;
use super::failure::Failure;
use super::output::{print, print_json};
use super::table::printable;
use super::terminal::input_is_terminal;
use super::units::human_bytes;

/// Arguments of `prune`.
#[derive(Clone, Debug, Args)]
pub struct PruneArgs {
    /// Remove every image that no container is made from, not only those without a name.
    #[arg(short, long)]
    pub all: bool,
    /// Only tell what would go.
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask first.
    #[arg(short, long)]
    pub force: bool,
    /// Print the API's JSON.
    #[arg(long)]
    pub json: bool,
}

/// Runs the verb: shows what would go, asks, and tells what went and what it freed.
///
/// # Errors
/// Any [`Failure`] of the agent or the way to it; [`Failure::Local`] when nobody can be asked.
pub(super) async fn run(client: &Client, args: &PruneArgs) -> Result<(), Failure> {
    if !args.dry_run && !args.force && !agreed(client, args).await? {
        return Ok(());
    }
    let pruned = prune(client, args, args.dry_run).await?;
    match args.json {
        true => print_json(&pruned),
        false => print(told(&pruned, if args.dry_run { "Would remove" } else { "Removed" })),
    }
}

async fn prune(client: &Client, args: &PruneArgs, dry_run: bool) -> Result<Vec<Pruned>, Failure> {
    client.post("prune", &PruneRequest { all: args.all, dry_run }).await
}

async fn agreed(client: &Client, args: &PruneArgs) -> Result<bool, Failure> {
    if !input_is_terminal() {
        return Err(Failure::local(
            "Nobody is here who could be asked whether to remove things.",
            "Look with --dry-run, and go on with --force.",
        ));
    }
    let planned = prune(client, args, true).await?;
    if planned.is_empty() {
        return Ok(true);
    }
    anstream::eprint!("{}Go on? [y/N] ", told(&planned, "Would remove"));
    let answer = tokio::task::spawn_blocking(|| {
        let mut answer = String::new();
        stdin().read_line(&mut answer).map(|_| answer)
    });
    let answer = answer.await.expect("reading a line does not panic")?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn told(pruned: &[Pruned], doing: &str) -> String {
    let freed = |bytes| if bytes > 0 { format!(" ({})", human_bytes(bytes)) } else { String::new() };
    let mut text = String::new();
    for Pruned { kind, name, freed_bytes } in pruned {
        text += &format!("{doing} {} {}{}\n", printable(kind), printable(name), freed(*freed_bytes));
    }
    let sum = pruned.iter().fold(0u64, |sum, one| sum.saturating_add(one.freed_bytes));
    text + &format!("Total: {}\n", human_bytes(sum))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_told_with_what_it_frees_and_the_sum() {
        let pruned = |kind: &str, name: &str, freed_bytes| Pruned {
            kind: kind.into(),
            name: name.into(),
            freed_bytes,
        };
        let things = [pruned("container", "calm_otter", 1024), pruned("image", "a\u{1b}:1", 0)];
        assert_eq!(
            told(&things, "Removed"),
            "Removed container calm_otter (1.0 KiB)\nRemoved image a\u{fffd}:1\nTotal: 1.0 KiB\n"
        );
        assert_eq!(told(&[], "Removed"), "Total: 0 B\n");
    }
}

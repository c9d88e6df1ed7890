//! `exec`: start a further process in a running container and stay with it.

use clap::Args;

use super::client::Client;
use super::detach::DetachArgs;
use super::failure::Failure;
use super::process::ProcessArgs;
use super::session::{self, Opening, Wishes};
use super::signals::Signals;

/// Arguments of `exec`.
#[derive(Clone, Debug, Args)]
pub struct ExecArgs {
    #[command(flatten)]
    pub process: ProcessArgs,
    #[command(flatten)]
    pub detach: DetachArgs,
    /// The container, by id, unique start of it, or name; then the command and its arguments.
    // One list, because all that follows the container belongs to the command, options included.
    #[arg(value_names = ["CONTAINER", "COMMAND"], required = true, num_args = 2.., trailing_var_arg = true)]
    pub words: Vec<String>,
}

/// Runs the verb; gives the status to exit with.
///
/// # Errors
/// Any [`Failure`] of the agent or the way to it.
pub(super) async fn run(client: &Client, args: &ExecArgs) -> Result<u8, Failure> {
    args.process.check_terminal()?;
    let (container, command) = args.words.split_first().expect("the command line demands a container");
    let container = client.container(container).await?.summary.id;
    let signals = Signals::catch()?;
    let wishes = Wishes {
        input: args.process.interactive,
        signals: Some(signals),
        detach_keys: args.detach.detach_keys.clone(),
        ours: true,
        ..Wishes::default()
    };
    session::status(client, Opening::Exec(container, args.process.spec(command)), wishes).await
}

//! `attach`: return to a process that was started before.

use clap::Args;
use porthole_protocol::ids::ProcessNumber;

use super::client::Client;
use super::detach::DetachArgs;
use super::failure::Failure;
use super::session::{self, Opening, Wishes};
use super::signals::Signals;

/// Arguments of `attach`.
#[derive(Clone, Debug, Args)]
pub struct AttachArgs {
    /// The process, by its number in the container; 0 is the first one.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub process: ProcessNumber,
    #[command(flatten)]
    pub detach: DetachArgs,
    /// The container: its id, a unique start of it, or its name.
    pub container: String,
}

/// Runs the verb; gives the status to exit with.
///
/// # Errors
/// Any [`Failure`] of the agent or the way to it.
pub(super) async fn run(client: &Client, args: &AttachArgs) -> Result<u8, Failure> {
    let container = client.container(&args.container).await?.summary.id;
    let wishes = Wishes {
        input: true,
        signals: Some(Signals::catch()?),
        detach_keys: args.detach.detach_keys.clone(),
        ..Wishes::default()
    };
    session::status(client, Opening::Attach(container, args.process), wishes).await
}

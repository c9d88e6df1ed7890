//! `run`: launch a container and, unless detached, stay with its first process.

use clap::Args;
use porthole_protocol::error::ErrorCode;

use super::client::Client;
use super::detach::DetachArgs;
use super::failure::{Failure, warn};
use super::output::print;
use super::process::LaunchArgs;
use super::pull::{self, PullPolicy};
use super::session::{self, Opening, Wishes};
use super::signals::Signals;

/// Arguments of `run`.
#[derive(Clone, Debug, Args)]
pub struct RunArgs {
    /// Start it, print its id, and leave it alone.
    #[arg(short, long)]
    pub detach: bool,
    /// Be refused where this machine has no room, rather than wait in the queue.
    #[arg(long)]
    pub no_wait: bool,
    /// Remove the container when its first process ends.
    #[arg(long)]
    pub rm: bool,
    /// When to pull the image from its registry.
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    pub pull: PullPolicy,
    #[command(flatten)]
    pub keys: DetachArgs,
    #[command(flatten)]
    pub launch: LaunchArgs,
}

/// Runs the verb; gives the status to exit with.
///
/// # Errors
/// Any [`Failure`] of the agent or the way to it.
pub(super) async fn run(client: &Client, args: &RunArgs) -> Result<u8, Failure> {
    args.launch.check()?;
    if !args.detach {
        args.launch.process.check_terminal()?;
    }
    let image = args.launch.image();
    if args.pull == PullPolicy::Always {
        pull::bring(client, image).await?;
    }
    match launch(client, args).await {
        Err(failure) if failure.is(ErrorCode::NoSuchImage) && args.pull == PullPolicy::Missing => {
            warn(&format!("The image '{image}' is not here; pulling it."), "");
            pull::bring(client, image).await?;
            launch(client, args).await
        }
        outcome => outcome,
    }
}

async fn launch(client: &Client, args: &RunArgs) -> Result<u8, Failure> {
    let spec = args.launch.spec(args.rm);
    let wishes = Wishes {
        input: args.launch.process.interactive && !args.detach,
        signals: Some(Signals::catch()?),
        detach_keys: args.keys.detach_keys.clone(),
        ours: true,
        removed: args.rm,
        no_wait: args.no_wait,
    };
    let opening = Opening::Launch(Box::new(spec));
    if args.detach {
        let container = session::launch(client, opening, wishes).await?;
        print(format_args!("{container}\n"))?;
        return Ok(0);
    }
    session::status(client, opening, wishes).await
}

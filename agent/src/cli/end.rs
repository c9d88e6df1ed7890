//! `stop`, `kill` and `rm`: each takes several containers and goes on after one that fails.

use clap::Args;
use porthole_protocol::http::{KillRequest, StopRequest};

use super::client::{Client, container_path};
use super::failure::Failure;
use super::output::print;

/// Arguments of `stop`.
#[derive(Clone, Debug, Args)]
pub struct StopArgs {
    /// Seconds between the stop signal and SIGKILL.
    #[arg(short, long, value_name = "SECONDS", default_value_t = 10)]
    pub time: u32,
    /// The containers: ids, unique starts of them, or names.
    #[arg(required = true)]
    pub containers: Vec<String>,
}

/// Arguments of `kill`.
#[derive(Clone, Debug, Args)]
pub struct KillArgs {
    /// The signal, by name or number.
    #[arg(short, long, default_value = "KILL")]
    pub signal: String,
    /// The containers: ids, unique starts of them, or names.
    #[arg(required = true)]
    pub containers: Vec<String>,
}

/// Arguments of `rm`.
#[derive(Clone, Debug, Args)]
pub struct RemoveArgs {
    /// End those that still run.
    #[arg(short, long)]
    pub force: bool,
    /// The containers: ids, unique starts of them, or names.
    #[arg(required = true)]
    pub containers: Vec<String>,
}

/// Runs `stop`.
///
/// # Errors
/// [`Failure::Told`] when some could not be stopped.
pub(super) async fn stop(client: &Client, args: &StopArgs) -> Result<(), Failure> {
    let request = StopRequest { grace_ms: Some(u64::from(args.time) * 1000) };
    each(&args.containers, async |name| {
        client.command(&format!("{}/stop", container_path(name)), &request).await
    })
    .await
}

/// Runs `kill`.
///
/// # Errors
/// [`Failure::Told`] when some could not be sent the signal.
pub(super) async fn kill(client: &Client, args: &KillArgs) -> Result<(), Failure> {
    let request = KillRequest { signal: args.signal.clone() };
    each(&args.containers, async |name| {
        client.command(&format!("{}/kill", container_path(name)), &request).await
    })
    .await
}

/// Runs `rm`.
///
/// # Errors
/// [`Failure::Told`] when some could not be removed.
pub(super) async fn remove(client: &Client, args: &RemoveArgs) -> Result<(), Failure> {
    let query = if args.force { "?force=true" } else { "" };
    each(&args.containers, async |name| client.remove(&format!("{}{query}", container_path(name))).await)
        .await
}

/// Does the same to each, printing the names of those it was done to and telling why for the others.
pub(super) async fn each(
    names: &[String],
    act: impl AsyncFn(&str) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut outcome = Ok(());
    for name in names {
        match act(name).await {
            Ok(()) => print(format_args!("{name}\n"))?,
            Err(failure @ Failure::NoAgent { .. }) => return Err(failure),
            Err(failure) => {
                failure.tell();
                outcome = Err(Failure::Told);
            }
        }
    }
    outcome
}

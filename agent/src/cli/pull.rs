//! `pull` and `push`: the agent speaks to the registry, we watch, and lend it the credentials that are kept here.

use clap::{Args, ValueEnum};
use porthole_protocol::image::TransferRequest;

use super::client::Client;
use super::credentials;
use super::failure::Failure;
use super::output::print;
use super::progress::Progress;
use super::signals::or_interrupted;
use super::table::printable;
use super::transfer::{Arrived, follow};

/// Arguments of `pull`.
#[derive(Clone, Debug, Args)]
pub struct PullArgs {
    /// Print the name only.
    #[arg(short, long)]
    pub quiet: bool,
    /// Choose another platform than this machine's, such as linux/arm64.
    #[arg(long, value_name = "OS/ARCHITECTURE[/VARIANT]")]
    pub platform: Option<String>,
    /// The image, `[REGISTRY/]REPOSITORY[:TAG][@DIGEST]`.
    pub name: String,
}

/// Arguments of `push`.
#[derive(Clone, Debug, Args)]
pub struct PushArgs {
    /// Print the name only.
    #[arg(short, long)]
    pub quiet: bool,
    /// The image, by the name that it is to have in the registry: `[REGISTRY/]REPOSITORY[:TAG]`.
    pub name: String,
}

/// When `run` pulls its image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum PullPolicy {
    /// Before each run.
    Always,
    /// When it is not here.
    #[default]
    Missing,
    /// Never.
    Never,
}

/// Runs `pull`: prints the manifest's digest and the name.
///
/// # Errors
/// Any [`Failure`] of the agent or the way to it, or [`Failure::Interrupted`].
pub(super) async fn pull(client: &Client, args: &PullArgs) -> Result<(), Failure> {
    let request = TransferRequest { platform: args.platform.clone(), ..request(client, &args.name).await };
    tell(&transfer(client, "images/pull", &request, args.quiet).await?, args.quiet)
}

/// Runs `push`: prints the manifest's digest and the name.
///
/// # Errors
/// Any [`Failure`] of the agent or the way to it, or [`Failure::Interrupted`].
pub(super) async fn push(client: &Client, args: &PushArgs) -> Result<(), Failure> {
    let request = request(client, &args.name).await;
    tell(&transfer(client, "images/push", &request, args.quiet).await?, args.quiet)
}

/// Pulls an image on the way to something else: nothing on standard output.
///
/// # Errors
/// Any [`Failure`] of the agent or the way to it, or [`Failure::Interrupted`].
pub(super) async fn bring(client: &Client, name: &str) -> Result<(), Failure> {
    let request = request(client, name).await;
    transfer(client, "images/pull", &request, false).await.map(drop)
}

async fn request(client: &Client, name: &str) -> TransferRequest {
    let credentials = credentials::lent(client.address(), name).await;
    TransferRequest { name: name.to_owned(), platform: None, credentials }
}

async fn transfer(
    client: &Client,
    path: &str,
    request: &TransferRequest,
    quiet: bool,
) -> Result<Arrived, Failure> {
    let hint = "What has arrived is kept; the same command goes on from there.";
    or_interrupted(hint, follow(client, path, request, Progress::new(quiet))).await
}

fn tell(arrived: &Arrived, quiet: bool) -> Result<(), Failure> {
    let name = printable(&arrived.name);
    match quiet {
        true => print(format_args!("{name}\n")),
        false => print(format_args!("Digest: {}\n{name}\n", printable(&arrived.digest))),
    }
}

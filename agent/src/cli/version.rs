//! `version`: this program's and the agent's.

use clap::Args;
use porthole_protocol::http::Version;

use super::client::Client;
use super::failure::Failure;
use super::output::{print, print_json};

/// Arguments of `version`.
#[derive(Clone, Debug, Args)]
pub struct VersionArgs {
    /// Print the API's JSON: the agent's version.
    #[arg(long)]
    pub json: bool,
}

/// Runs the verb; without an agent, this program's version is printed all the same.
///
/// # Errors
/// Any [`Failure`] of the agent or the way to it.
pub(super) async fn run(client: &Client, args: &VersionArgs) -> Result<(), Failure> {
    if args.json {
        return print_json(&client.get::<Version>("version").await?);
    }
    print(format_args!("Command line   {}\n", env!("CARGO_PKG_VERSION")))?;
    let agent: Version = client.get("version").await?;
    let Version { version, oldest_generation, generation, kernel, rootless } = agent;
    let root = if rootless { "without root" } else { "as root" };
    print(format_args!(
        "Agent          {version} ({root})\nProtocol       generations {oldest_generation} to {generation}\nKernel         {kernel}\n"
    ))
}

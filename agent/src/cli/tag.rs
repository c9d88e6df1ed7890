//! `tag`: a further name for an image.

use clap::Args;
use porthole_protocol::image::ImageSummary;

use super::client::{Client, encoded};
use super::failure::Failure;

/// Arguments of `tag`.
#[derive(Clone, Debug, Args)]
pub struct TagArgs {
    /// The image, by name or id.
    pub image: String,
    /// The further name, `[REGISTRY/]REPOSITORY[:TAG]`.
    pub name: String,
}

/// Runs the verb.
///
/// # Errors
/// Any [`Failure`] of the agent or the way to it.
pub(super) async fn run(client: &Client, args: &TagArgs) -> Result<(), Failure> {
    let path = format!("images/tag?name={}&as={}", encoded(&args.image), encoded(&args.name));
    client.ask::<ImageSummary>(&path).await.map(drop)
}

//! `inspect`: everything about containers and images, as JSON.

use clap::Args;
use porthole_protocol::error::{ErrorCode, WireError};
use porthole_protocol::http::ContainerDetail;
use porthole_protocol::image::ImageDetail;
use serde::Serialize;

use super::client::Client;
use super::failure::Failure;
use super::output::print_json;

/// Arguments of `inspect`.
#[derive(Clone, Debug, Args)]
pub struct InspectArgs {
    /// Containers (ids, unique starts of them, or names) and images (names or ids).
    #[arg(required = true)]
    pub names: Vec<String>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Thing {
    Container(Box<ContainerDetail>),
    Image(Box<ImageDetail>),
}

/// Runs the verb: prints a list of what was found, and tells what was not.
///
/// # Errors
/// [`Failure::Told`] when some were not found.
pub(super) async fn run(client: &Client, args: &InspectArgs) -> Result<(), Failure> {
    let mut found = Vec::new();
    let mut outcome = Ok(());
    for name in &args.names {
        match look_up(client, name).await {
            Ok(thing) => found.push(thing),
            Err(failure @ Failure::NoAgent { .. }) => return Err(failure),
            Err(failure) => {
                failure.tell();
                outcome = Err(Failure::Told);
            }
        }
    }
    print_json(&found)?;
    outcome
}

async fn look_up(client: &Client, name: &str) -> Result<Thing, Failure> {
    match client.container(name).await {
        Ok(container) => return Ok(Thing::Container(Box::new(container))),
        Err(failure) if failure.is(ErrorCode::NoSuchContainer) || failure.is(ErrorCode::BadRequest) => {}
        Err(failure) => return Err(failure),
    }
    match client.image(name).await {
        Ok(image) => Ok(Thing::Image(Box::new(image))),
        Err(failure) if failure.is(ErrorCode::NoSuchImage) || failure.is(ErrorCode::BadRequest) => {
            Err(Failure::Refused(WireError::new(
                ErrorCode::NoSuchContainer,
                format!("There is no container or image '{name}'."),
                "List them with `porthole ps -a` and `porthole images`.",
            )))
        }
        Err(failure) => Err(failure),
    }
}

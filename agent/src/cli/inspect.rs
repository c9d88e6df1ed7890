//! `inspect`: everything about containers and images, as JSON.

use clap::Args;
use porthole_protocol::error::{ErrorCode, WireError};
use porthole_protocol::http::ContainerDetail;
use porthole_protocol::image::ImageSummary;
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
    Image(ImageSummary),
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
    let images: Vec<ImageSummary> = client.get("images").await?;
    let image = images.into_iter().find(|image| is_called(image, name));
    image.map(Thing::Image).ok_or_else(|| {
        Failure::Refused(WireError::new(
            ErrorCode::NoSuchContainer,
            format!("There is no container or image '{name}'."),
            "List them with `porthole ps -a` and `porthole images`.",
        ))
    })
}

/// Whether the image goes by this name (`latest` when it has no tag) or this start of its id.
fn is_called(image: &ImageSummary, name: &str) -> bool {
    let digits = name.strip_prefix("sha256:").unwrap_or(name);
    let by_id = digits.len() >= 12 && image.id.trim_start_matches("sha256:").starts_with(digits);
    by_id || image.names.iter().any(|own| own == name || own.strip_suffix(":latest") == Some(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_goes_by_its_names_and_by_the_start_of_its_id() {
        let image = ImageSummary {
            id: "sha256:0123456789abcdef".into(),
            names: vec!["busybox:latest".into(), "tools:1".into()],
            created_ms: 0,
            bytes: 0,
            unique_bytes: 0,
            layers: vec![],
            command: vec![],
            containers: 0,
        };
        for name in ["busybox", "busybox:latest", "tools:1", "0123456789ab", "sha256:0123456789abcdef"] {
            assert!(is_called(&image, name), "{name}");
        }
        for name in ["tools", "busybox:1", "0123", "sha256:", ""] {
            assert!(!is_called(&image, name), "{name}");
        }
    }
}

//! `images` and `rmi`.

use clap::Args;
use porthole_protocol::image::{ImageSummary, Removed};

use super::client::{Client, encoded};
use super::failure::Failure;
use super::output::{print, print_json};
use super::ps::now_ms;
use super::table::Table;
use super::units::{human_bytes, human_date, short_digest};

/// Arguments of `images`.
#[derive(Clone, Debug, Args)]
pub struct ImagesArgs {
    /// Print ids only.
    #[arg(short, long)]
    pub quiet: bool,
    /// Print the API's JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `rmi`.
#[derive(Clone, Debug, Args)]
pub struct RemoveImageArgs {
    /// Remove an image that has further names or ended containers.
    #[arg(short, long)]
    pub force: bool,
    /// The images: names or ids.
    #[arg(required = true)]
    pub images: Vec<String>,
}

/// Runs `images`.
///
/// # Errors
/// Any [`Failure`] of the agent or the way to it.
pub(super) async fn list(client: &Client, args: &ImagesArgs) -> Result<(), Failure> {
    let images: Vec<ImageSummary> = client.get("images").await?;
    if args.json {
        return print_json(&images);
    }
    if args.quiet {
        return print(
            images.iter().map(|image| format!("{}\n", short_digest(&image.id))).collect::<String>(),
        );
    }
    let now = now_ms();
    let mut table = Table::new(["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE", "SHARED", "UNIQUE"]);
    for image in &images {
        let nameless = vec!["<none>:<none>".to_owned()];
        for name in if image.names.is_empty() { &nameless } else { &image.names } {
            let (repository, tag) = name.rsplit_once(':').unwrap_or((name, "<none>"));
            table.row([
                repository.to_owned(),
                tag.to_owned(),
                short_digest(&image.id).to_owned(),
                human_date(image.created_ms, now),
                human_bytes(image.bytes),
                human_bytes(image.bytes.saturating_sub(image.unique_bytes)),
                human_bytes(image.unique_bytes),
            ]);
        }
    }
    print(table)
}

/// Runs `rmi`: goes on after an image that cannot be removed.
///
/// # Errors
/// [`Failure::Told`] when some could not be removed.
pub(super) async fn remove(client: &Client, args: &RemoveImageArgs) -> Result<(), Failure> {
    let force = if args.force { "&force=true" } else { "" };
    let mut outcome = Ok(());
    for image in &args.images {
        match client.delete::<Removed>(&format!("images?name={}{force}", encoded(image))).await {
            Ok(removed) => print(told(&removed))?,
            Err(failure @ Failure::NoAgent { .. }) => return Err(failure),
            Err(failure) => {
                failure.tell();
                outcome = Err(Failure::Told);
            }
        }
    }
    outcome
}

fn told(removed: &Removed) -> String {
    let untagged = removed.untagged.iter().map(|name| format!("Untagged: {name}\n"));
    let deleted = removed.deleted.iter().map(|digest| format!("Deleted: {digest}\n"));
    let freed = (removed.freed_bytes > 0).then(|| format!("Freed: {}\n", human_bytes(removed.freed_bytes)));
    untagged.chain(deleted).chain(freed).collect()
}

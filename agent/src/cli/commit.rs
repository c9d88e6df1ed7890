//! `commit`: an image of what a container is now.

use clap::Args;
use porthole_protocol::image::{CommitRequest, ImageSummary};

use super::client::{Client, container_path};
use super::failure::Failure;
use super::output::print;

/// Arguments of `commit`.
#[derive(Clone, Debug, Args)]
pub struct CommitArgs {
    /// A remark for the image's history.
    #[arg(short, long, default_value = "")]
    pub message: String,
    /// Who made it, such as "Ada <ada@example.org>".
    #[arg(short, long, default_value = "")]
    pub author: String,
    /// Change the configuration by a Dockerfile instruction, such as 'CMD ["top"]': CMD, ENTRYPOINT, ENV, EXPOSE, LABEL,
    /// STOPSIGNAL, USER, VOLUME, WORKDIR.
    #[arg(short, long, value_name = "INSTRUCTION")]
    pub change: Vec<String>,
    /// Let the container's processes run meanwhile.
    #[arg(long)]
    pub no_pause: bool,
    /// The container, by id, unique start of it, or name.
    pub container: String,
    /// Name of the image, `REPOSITORY[:TAG]`; else it has none.
    pub name: Option<String>,
}

/// Runs the verb: prints the new image's id.
///
/// # Errors
/// Any [`Failure`] of the agent or the way to it.
pub(super) async fn run(client: &Client, args: &CommitArgs) -> Result<(), Failure> {
    let request = CommitRequest {
        name: args.name.clone(),
        message: args.message.clone(),
        author: args.author.clone(),
        changes: args.change.clone(),
        no_pause: args.no_pause,
    };
    let path = format!("{}/commit", container_path(&args.container));
    let image: ImageSummary = client.post(&path, &request).await?;
    print(format_args!("{}\n", image.id))
}

//! `update`: change limits of containers that run.

use clap::Args;
use porthole_protocol::http::ContainerDetail;
use porthole_protocol::spec::Limits;

use super::client::{Client, container_path};
use super::end::each;
use super::failure::Failure;
use super::limits::LimitArgs;

/// Arguments of `update`.
#[derive(Clone, Debug, Args)]
pub struct UpdateArgs {
    #[command(flatten)]
    pub limits: LimitArgs,
    /// The containers: ids, unique starts of them, or names.
    #[arg(required = true)]
    pub containers: Vec<String>,
}

/// Runs the verb; prints each container whose limits have been changed.
///
/// # Errors
/// [`Failure::Told`] when some could not be changed.
pub(super) async fn run(client: &Client, args: &UpdateArgs) -> Result<(), Failure> {
    let limits = args.limits.limits();
    if limits == Limits::default() {
        return Err(Failure::local("There is no limit to change.", "Name one, such as --memory 512m."));
    }
    each(&args.containers, async |name| {
        client.patch::<_, ContainerDetail>(&container_path(name), &limits).await.map(drop)
    })
    .await
}

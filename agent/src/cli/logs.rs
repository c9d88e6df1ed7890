//! `logs`: what a container's first process has written.

use clap::Args;
use http_body_util::BodyExt;
use porthole_protocol::ids::ProcessNumber;
use tokio::io::{AsyncWrite, AsyncWriteExt, stderr, stdout};

use super::client::{Client, container_path};
use super::failure::Failure;
use super::session::{self, Opening, Wishes};

/// Arguments of `logs`.
#[derive(Clone, Debug, Args)]
pub struct LogsArgs {
    /// Go on as more is written, until the process ends.
    #[arg(short, long)]
    pub follow: bool,
    /// The process, by its number in the container; 0 is the first one.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub process: ProcessNumber,
    /// The container: its id, a unique start of it, or its name.
    pub container: String,
}

/// Runs the verb: a terminal's output goes to standard output, that of pipes where it came from.
///
/// # Errors
/// Any [`Failure`] of the agent or the way to it.
pub(super) async fn run(client: &Client, args: &LogsArgs) -> Result<(), Failure> {
    let container = client.container(&args.container).await?.summary;
    if args.follow {
        let opening = Opening::Attach(container.id, args.process);
        return session::status(client, opening, Wishes::default()).await.map(drop);
    }
    let path = format!("{}/logs?process={}", container_path(container.id.as_str()), args.process);
    let has_terminal =
        container.processes.iter().any(|process| process.number == args.process && process.terminal);
    if has_terminal {
        return copy(client, &path, stdout()).await;
    }
    copy(client, &format!("{path}&stream=stdout"), stdout()).await?;
    copy(client, &format!("{path}&stream=stderr"), stderr()).await
}

async fn copy(client: &Client, path: &str, mut sink: impl AsyncWrite + Unpin) -> Result<(), Failure> {
    let mut body = client.stream(path).await?;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Failure::Lost(error.to_string()))?;
        if let Some(bytes) = frame.data_ref() {
            sink.write_all(bytes).await?;
        }
    }
    Ok(sink.flush().await?)
}

//! A pull or a push as the agent tells of it: newline-delimited JSON, the last line says how it ended.

use futures_util::{StreamExt, TryStreamExt};
use http_body_util::BodyExt;
use porthole_protocol::image::{LayerState, Transfer, TransferEvent, TransferRequest};
use tokio_util::codec::{FramedRead, LinesCodec};
use tokio_util::io::StreamReader;

use super::client::Client;
use super::failure::Failure;
use super::progress::Progress;

/// Longest line of the answer, in bytes: the state of the most layers that an image may have is far below.
const MAX_LINE_BYTES: usize = 4 * 1024 * 1024;

/// How a transfer ended well.
pub(super) struct Arrived {
    /// The image's name, normalised.
    pub(super) name: String,
    /// Digest of its manifest.
    pub(super) digest: String,
}

/// Has the agent pull or push, and shows how far it is. Dropping it gives the transfer up.
///
/// # Errors
/// What the agent says of its failure, or any [`Failure`] on the way to it.
pub(super) async fn follow(
    client: &Client,
    path: &str,
    request: &TransferRequest,
    mut progress: Progress,
) -> Result<Arrived, Failure> {
    let body = client.post_stream(path, request).await?;
    let bytes = StreamReader::new(body.into_data_stream().map_err(std::io::Error::other));
    let mut lines = FramedRead::new(bytes, LinesCodec::new_with_max_length(MAX_LINE_BYTES));
    let mut newest = None;
    while let Some(line) = lines.next().await {
        let line = line.map_err(|error| Failure::Lost(error.to_string()))?;
        let event: TransferEvent =
            serde_json::from_str(&line).map_err(|error| Failure::misunderstood(&error))?;
        match event {
            TransferEvent::Progress { transfer } => progress.show(newest.insert(transfer)),
            TransferEvent::Done { digest, .. } => {
                let name = newest.as_ref().map_or_else(|| request.name.clone(), |all| all.name.clone());
                newest.map(arrived).iter().for_each(|all| progress.show(all));
                return Ok(Arrived { name, digest });
            }
            TransferEvent::Failed { error } => return Err(error.into()),
            TransferEvent::Unknown => {}
        }
    }
    Err(Failure::Lost("the answer ends before the transfer".into()))
}

/// The state at the end, which the agent does not always tell of: it may send the news of the last layer as `done`.
fn arrived(mut transfer: Transfer) -> Transfer {
    for layer in &mut transfer.layers {
        if layer.state != LayerState::Present {
            layer.state = LayerState::Complete;
        }
        layer.done_bytes = layer.total_bytes;
    }
    transfer
}

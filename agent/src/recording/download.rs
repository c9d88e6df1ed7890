//! A recording as a stream of asciicast lines, made as they are asked for: never whole in memory, and no thread waits for a slow
//! client.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt, stream};
use porthole_protocol::limits::RECORDING_BYTES;
use porthole_protocol::recording::Recording;

use super::asciicast::{Cast, Format, Head};
use super::sealed;
use super::{Events, Source};
use crate::terminal::log::{Event, Hold};

/// Bytes of lines made at a time.
const CHUNK: usize = 64 * 1024;

/// A download under way.
struct Lines {
    events: Events,
    cast: Cast,
    /// Bytes of output that may still come.
    left: u64,
    last_ms: u64,
    made: String,
    over: bool,
    /// What keeps the output there meanwhile.
    _hold: Option<Arc<Hold>>,
}

/// The lines of a recording. A stream that fails was cut off.
pub(crate) fn lines(
    recording: &Recording,
    source: Source,
    format: Format,
) -> impl Stream<Item = io::Result<Bytes>> + Send + use<> {
    let head = Head {
        started_ms: recording.started_ms,
        size: recording.size,
        command: recording.command.clone(),
        title: format!("{}: {}", recording.name, recording.image),
    };
    let begin = move || {
        let (events, hold): (Events, _) = match source {
            Source::Live(events, hold) => (events, Some(hold)),
            Source::Sealed(path) => (Box::new(sealed::Events::open(&path)?), None),
        };
        let (cast, made) = Cast::begin(format, &head);
        let (left, last_ms) = (RECORDING_BYTES, head.started_ms);
        Ok(Lines { events, cast, left, last_ms, made, over: false, _hold: hold })
    };
    stream::once(blocking(begin))
        .map_ok(|lines| {
            stream::try_unfold(lines, |lines| async move {
                let (made, lines) = blocking(move || lines.make()).await?;
                Ok((!made.is_empty()).then_some((Bytes::from(made), lines)))
            })
        })
        .try_flatten()
}

impl Lines {
    /// The next lines; none when all were made.
    fn make(mut self) -> io::Result<(String, Self)> {
        while self.made.len() < CHUNK && !self.over {
            let line = match self.events.next().transpose()? {
                Some((at_ms, Event::Output(output))) => {
                    let count = output.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
                    self.left -= count as u64;
                    self.last_ms = at_ms;
                    self.over = self.left == 0;
                    self.cast.output(at_ms, &output[..count])
                }
                Some((at_ms, Event::Resize(size))) => {
                    self.last_ms = at_ms;
                    self.cast.resize(at_ms, size)
                }
                None => {
                    self.over = true;
                    None
                }
            };
            self.made.extend(line);
            if self.over {
                self.made.extend(self.cast.end(self.last_ms));
            }
        }
        Ok((std::mem::take(&mut self.made), self))
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}

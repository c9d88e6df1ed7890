//! The agent's side of a job: asks for it, feeds it, reads its answer. What comes out of a jail is hostile.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use porthole_launcher::wire::{Failure, FailureKind, Place};
use porthole_protocol::limits::{MAX_UPLOAD_BYTES, STALLED_AFTER_MS};
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::Job;
use super::refusal::refusal;
use crate::image::LayerStore;

/// Longest answer, in bytes; what streams comes after it.
const MAX_ANSWER_BYTES: u32 = 16 * 1024 * 1024;

/// What is read or written at a time, in bytes.
const CHUNK_BYTES: usize = 128 * 1024;

/// Chunks waiting for whoever reads a stream, before the job waits with them.
const CHUNKS: usize = 2;

/// A side that moves nothing for so long is given up: a job keeps one of few places.
const STALLED_AFTER: Duration = Duration::from_millis(STALLED_AFTER_MS);

type Result<T> = std::result::Result<T, Failure>;

/// Where jobs are asked for.
#[derive(Clone)]
pub(crate) struct Desk {
    layers: Arc<dyn LayerStore>,
    /// Joins the tasks of jobs under way.
    tasks: TaskTracker,
}

/// A job under way.
pub(crate) struct Running {
    output: OwnedFd,
    done: JoinHandle<Result<()>>,
}

/// Bytes that a job writes. They are all of it only when an end comes without an error.
pub(crate) type Stream = mpsc::Receiver<io::Result<Bytes>>;

impl Desk {
    pub(crate) fn new(layers: Arc<dyn LayerStore>, tasks: TaskTracker) -> Self {
        Self { layers, tasks }
    }

    /// Starts a job; with `pause`, the container's processes stand still meanwhile.
    pub(crate) fn start(&self, place: Place, pause: bool, job: &Job) -> Result<Running> {
        let nothing = File::open("/dev/null").map_err(|error| broken(&error))?;
        self.start_with(place, pause, job, nothing.into())
    }

    fn start_with(&self, place: Place, pause: bool, job: &Job, input: OwnedFd) -> Result<Running> {
        let (output, writer) = io::pipe().map_err(|error| broken(&error))?;
        let job = serde_json::to_vec(job).expect("a job is made of texts and numbers");
        let layers = Arc::clone(&self.layers);
        let done = async move { layers.work(place, pause, job, input, writer.into()).await };
        Ok(Running { output: output.into(), done: self.tasks.spawn(done) })
    }

    /// Does a job that answers and writes no more.
    pub(crate) async fn ask<T: DeserializeOwned>(&self, place: Place, job: &Job) -> Result<T> {
        let Running { output, mut done } = self.start(place, false, job)?;
        let mut output = receiver(output)?;
        let answer = head(&mut output, &mut done).await?;
        joined(&mut done).await?;
        Ok(answer)
    }

    /// Does a job that answers and then writes. Giving the stream up ends the job.
    pub(crate) async fn stream<T: DeserializeOwned>(&self, place: Place, job: &Job) -> Result<(T, Stream)> {
        let Running { output, mut done } = self.start(place, false, job)?;
        let mut output = receiver(output)?;
        let answer = head(&mut output, &mut done).await?;
        let (sender, stream) = mpsc::channel(CHUNKS);
        self.tasks.spawn(pass_on(output, done, sender));
        Ok((answer, stream))
    }

    /// Does a job that reads `body`.
    pub(crate) async fn feed(&self, place: Place, job: &Job, body: impl AsyncRead + Unpin) -> Result<()> {
        let (input, writer) = io::pipe().map_err(|error| broken(&error))?;
        let Running { output, mut done } = self.start_with(place, false, job, input.into())?;
        drop(output);
        let writer = nonblocking(writer.into())?;
        let writer = Sender::from_owned_fd(writer).map_err(|error| broken(&error))?;
        let fed = copy(body, writer).await;
        let done = joined(&mut done).await;
        // What the job says comes first: a body that it did not want to the end is no mistake.
        done.and(fed)
    }
}

impl Running {
    /// The job's output to read on a thread that may block, and its end to wait for.
    pub(crate) fn into_parts(self) -> (File, JoinHandle<Result<()>>) {
        (self.output.into(), self.done)
    }
}

/// Reads an answer that comes before a stream, on a thread that may block.
pub(crate) fn read_head<T: DeserializeOwned>(mut output: impl io::Read) -> io::Result<T> {
    let mut length = [0; 4];
    output.read_exact(&mut length)?;
    let mut bytes = vec![0; answer_length(length)?];
    output.read_exact(&mut bytes)?;
    Ok(serde_json::from_slice(&bytes)?)
}

async fn head<T: DeserializeOwned>(output: &mut Receiver, done: &mut JoinHandle<Result<()>>) -> Result<T> {
    let read = async {
        let mut length = [0; 4];
        output.read_exact(&mut length).await?;
        let mut bytes = vec![0; answer_length(length)?];
        output.read_exact(&mut bytes).await?;
        Ok::<_, io::Error>(serde_json::from_slice(&bytes)?)
    };
    match read.await {
        Ok(answer) => Ok(answer),
        // It ended without an answer; its failure says why.
        Err(error) => Err(joined(done).await.err().unwrap_or_else(|| broken(&error))),
    }
}

fn answer_length(bytes: [u8; 4]) -> io::Result<usize> {
    let length = u32::from_le_bytes(bytes);
    if length > MAX_ANSWER_BYTES {
        return Err(io::Error::other("an answer is too long"));
    }
    usize::try_from(length).map_err(io::Error::other)
}

/// Waits for a job's end.
pub(crate) async fn joined(done: &mut JoinHandle<Result<()>>) -> Result<()> {
    done.await.unwrap_or_else(|error| Err(broken(&io::Error::other(error))))
}

/// Passes a job's output on and, at its end, whether that was all.
async fn pass_on(
    mut output: Receiver,
    mut done: JoinHandle<Result<()>>,
    to: mpsc::Sender<io::Result<Bytes>>,
) {
    let mut buffer = BytesMut::new();
    loop {
        buffer.reserve(CHUNK_BYTES);
        let chunk = match output.read_buf(&mut buffer).await {
            Ok(0) => break,
            read => read.map(|_| buffer.split().freeze()),
        };
        // Whoever reads is gone, or does not read: the job finds nobody at the other end and ends.
        if to.send_timeout(chunk, STALLED_AFTER).await.is_err() {
            return;
        }
    }
    if let Err(Failure { message, .. }) = joined(&mut done).await {
        tracing::debug!(message, "a stream breaks off");
        let _ = to.send_timeout(Err(io::Error::other(message)), STALLED_AFTER).await;
    }
}

async fn copy(mut body: impl AsyncRead + Unpin, mut to: Sender) -> Result<()> {
    let mut buffer = BytesMut::new();
    let mut bytes = 0;
    loop {
        buffer.reserve(CHUNK_BYTES);
        let read = timeout(STALLED_AFTER, body.read_buf(&mut buffer)).await;
        let read = read.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        let read = read
            .map_err(|error| refusal(FailureKind::BadRequest, format!("The upload broke off: {error}.")))?;
        if read == 0 {
            return Ok(());
        }
        bytes += read as u64;
        if bytes > MAX_UPLOAD_BYTES {
            let sentence = format!("The upload is larger than {MAX_UPLOAD_BYTES} bytes.");
            return Err(refusal(FailureKind::TooLarge, sentence));
        }
        if to.write_all_buf(&mut buffer).await.is_err() {
            // The job has ended and says why itself.
            return Ok(());
        }
    }
}

fn receiver(output: OwnedFd) -> Result<Receiver> {
    Receiver::from_owned_fd(nonblocking(output)?).map_err(|error| broken(&error))
}

/// The two ends of a pipe have their flags each for itself: the job's end still blocks.
fn nonblocking(fd: OwnedFd) -> Result<OwnedFd> {
    rustix::io::ioctl_fionbio(fd.as_fd(), true).map_err(|errno| broken(&errno.into()))?;
    Ok(fd)
}

fn broken(error: &io::Error) -> Failure {
    refusal(FailureKind::Internal, format!("Files cannot be worked on: {error}."))
}

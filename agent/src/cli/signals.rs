//! Signals that this program gets and passes on.

use std::future::poll_fn;
use std::task::Poll;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::failure::Failure;

/// Does this until it is done or the person asks to end it, by Ctrl-C or SIGTERM; then it is dropped where it stands.
///
/// # Errors
/// Its own, or [`Failure::Interrupted`] with this to say.
pub(super) async fn or_interrupted<T>(
    hint: &str,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let mut interrupt = caught(SignalKind::interrupt())?;
    let mut terminate = caught(SignalKind::terminate())?;
    tokio::select! {
        outcome = work => outcome,
        _ = interrupt.recv() => Err(Failure::Interrupted { hint: hint.to_owned() }),
        _ = terminate.recv() => Err(Failure::Interrupted { hint: hint.to_owned() }),
    }
}

fn caught(kind: SignalKind) -> Result<Signal, Failure> {
    signal(kind).map_err(|error| Failure::local(format!("Signals cannot be caught: {error}."), ""))
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caught {
    /// The terminal has a new size.
    Resized,
    /// Send the signal of this name to the process inside.
    Forward(&'static str),
}

/// Catches, while it lives, the signals that belong to the process inside rather than to this program.
pub(super) struct Signals {
    window: Signal,
    forwarded: [(&'static str, Signal); 6],
}

impl Signals {
    /// Starts to catch them.
    ///
    /// # Errors
    /// [`Failure::Local`] when the system has no room for the handlers.
    pub(super) fn catch() -> Result<Self, Failure> {
        Ok(Self {
            window: caught(SignalKind::window_change())?,
            forwarded: [
                ("INT", caught(SignalKind::interrupt())?),
                ("TERM", caught(SignalKind::terminate())?),
                ("HUP", caught(SignalKind::hangup())?),
                ("QUIT", caught(SignalKind::quit())?),
                ("USR1", caught(SignalKind::user_defined1())?),
                ("USR2", caught(SignalKind::user_defined2())?),
            ],
        })
    }

    /// The next one. Cancel safe.
    pub(super) async fn next(&mut self) -> Caught {
        poll_fn(|context| {
            if self.window.poll_recv(context).is_ready() {
                return Poll::Ready(Caught::Resized);
            }
            let forwarded = self.forwarded.iter_mut();
            let mut ready =
                forwarded.filter_map(|(name, signal)| signal.poll_recv(context).is_ready().then_some(*name));
            ready.next().map_or(Poll::Pending, |name| Poll::Ready(Caught::Forward(name)))
        })
        .await
    }
}

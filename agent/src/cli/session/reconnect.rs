//! The time without a connection: what is typed is kept, what waits is written, and we try to come back.

use std::io;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use super::super::detach::Typed;
use super::super::failure::Failure;
use super::super::signals::Caught;
use super::super::socket::Socket;
use super::loss::{Pauses, is_loss};
use super::{Session, caught, read};

/// What is shorter is not worth a word.
const UNTOLD: Duration = Duration::from_millis(300);

/// Ctrl-C, as a terminal in raw mode sends it.
const CTRL_C: u8 = 3;

#[allow(clippy::large_enum_variant, reason = "there is one of it at a time")]
enum Event {
    Tried(Result<Socket, Failure>),
    Typed(usize),
    Written(io::Result<Option<u32>>),
    Caught(Caught),
    LateEnough,
}

impl Session<'_> {
    /// Connects again.
    ///
    /// # Errors
    /// The loss itself when it takes too long or the person gives up, or the agent's refusal.
    pub(super) async fn reconnect(&mut self, lost: Failure) -> Result<Socket, Failure> {
        let reason = lost.to_string();
        let ended = self.try_again(lost, &reason).await;
        self.hide_status();
        // Before what comes next. Where it cannot be written, that will tell.
        let _ = self.stderr.write_rest().await;
        ended
    }

    async fn try_again(&mut self, lost: Failure, reason: &str) -> Result<Socket, Failure> {
        let began = Instant::now();
        let deadline = began + self.client.patience();
        let mut pauses = Pauses::default();
        let client = self.client;
        let mut attempt = Box::pin(attempt(client, pauses.next(0)));
        let (mut told, mut writes) = (false, true);
        loop {
            let room = self.resume.input.room().min(self.buffer.len());
            let event = tokio::select! {
                tried = &mut attempt => Event::Tried(tried),
                () = sleep_until(deadline) => return Err(lost),
                () = sleep_until(began + UNTOLD), if !told && !self.stdout.is_waiting() => Event::LateEnough,
                read = read(&mut self.stdin, &mut self.buffer[..room]), if self.stdin.is_some() && room > 0 =>
                    Event::Typed(read?),
                written = self.stdout.write_some(), if writes && self.stdout.is_waiting() => Event::Written(written),
                written = self.stderr.write_some(), if writes && self.stderr.is_waiting() => Event::Written(written),
                caught = caught(&mut self.wishes.signals) => Event::Caught(caught),
            };
            match event {
                Event::Tried(Ok(socket)) => return Ok(socket),
                Event::Tried(Err(failure)) if is_loss(&failure) => {
                    let random = u32::from_ne_bytes(crate::random::bytes());
                    attempt = Box::pin(self::attempt(client, pauses.next(random)));
                }
                Event::Tried(Err(failure)) => return Err(failure),
                Event::Typed(0) => {
                    if self.end_of_input().is_some() {
                        return Err(lost);
                    }
                }
                Event::Typed(read) if self.gives_up(read) => return Err(lost),
                Event::Typed(_) => {}
                // Nobody reads it any more: the process is to hear of that, and so first there must be a connection.
                Event::Written(written) => writes = written.is_ok(),
                Event::Caught(Caught::Forward("INT" | "TERM" | "HUP" | "QUIT")) => return Err(lost),
                Event::Caught(Caught::Forward(signal)) => self.waiting.push(signal),
                Event::Caught(Caught::Resized) => {}
                Event::LateEnough => {
                    told = true;
                    self.show_status(reason);
                }
            }
        }
    }

    /// Keeps what was typed, unless it says that the person has waited long enough.
    fn gives_up(&mut self, read: usize) -> bool {
        let Some(keys) = &mut self.detach_keys else {
            return self.typed(read).is_some();
        };
        match keys.take(&self.buffer[..read]) {
            Typed::Detach(_) => true,
            Typed::Send(bytes) if bytes.contains(&CTRL_C) => true,
            Typed::Send(bytes) => {
                self.resume.input.push(&bytes);
                false
            }
        }
    }
}

async fn attempt(client: &super::Client, pause: Duration) -> Result<Socket, Failure> {
    sleep(pause).await;
    Socket::open(client).await
}

//! One process, one client, and what must be true of them.

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use porthole_driver::{Client, Event, Numbers, Opening, Resuming, http};
use porthole_protocol::control::Stream;
use porthole_protocol::http::ContainerSummary;
use porthole_protocol::ids::ContainerId;

use crate::program::{KINDS, Kind, READY, keys};
use crate::{World, command_line};

/// For anything to happen at all, far above what it takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The most that is typed, and that is printed, by their binary logarithms: few rounds are large.
const TYPED: u64 = 18;
const LINES: u64 = 18;

/// Between two looks at what nobody tells of.
const PAUSE: Duration = Duration::from_millis(20);

/// A round.
pub(crate) struct Round<'a> {
    world: &'a World<'a>,
    tag: String,
    proxy: SocketAddr,
    kind: Kind,
    /// Whether it is played by the command line.
    is_command_line: bool,
    typed: Vec<u8>,
    lines: u64,
}

impl fmt::Debug for Round<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = if self.is_command_line { " by the command line" } else { "" };
        write!(f, "{:?}{by} of {} typed bytes and {} lines", self.kind, self.typed.len(), self.lines)
    }
}

/// What came of it.
#[derive(Default)]
struct Seen {
    output: Vec<u8>,
    errors: Vec<u8>,
    lost: u64,
}

impl<'a> Round<'a> {
    /// What the numbers say.
    pub(crate) fn new(world: &'a World<'a>, number: u64, proxy: SocketAddr, numbers: &mut Numbers) -> Self {
        let kind = *numbers.pick(&KINDS);
        // A terminal's command line needs a terminal; `agent/tests/cli/reconnect.rs` gives it one.
        let is_command_line = !kind.has_terminal() && numbers.below(3) == 0;
        let mut size = |scales| {
            let scale = 1 << numbers.below(scales);
            scale + numbers.below(scale)
        };
        let (typed, lines) = (size(TYPED), size(LINES));
        let tag = format!("round-{}-{number}", world.settings.seed);
        Self { world, tag, proxy, kind, is_command_line, typed: keys(numbers, typed), lines }
    }

    /// Plays it.
    ///
    /// # Errors
    /// What was lost or came twice.
    pub(crate) fn play(&self, numbers: &mut Numbers) -> Result<()> {
        if self.is_command_line {
            self.by_command_line()?;
            return self.clean();
        }
        let spec = self.kind.spec(&self.tag, &self.typed, self.lines);
        let typist = numbers.below(1 << 32) << 20 | numbers.below(1 << 20);
        let mut client = Resuming::new(self.proxy, Opening::Launch(spec), typist);
        let mut seen = Seen::default();
        let carried = self.carry(&mut client, &mut seen, numbers);
        let outcome = carried.and_then(|()| self.judge(&seen)).with_context(|| {
            format!(
                "after {} lost connections; it has {} of {} bytes of output and {} of standard error",
                seen.lost,
                seen.output.len(),
                self.kind.output(&self.typed, self.lines).len(),
                seen.errors.len()
            )
        });
        // Where a round has failed, what it left is still there to be looked at.
        outcome?;
        drop(client);
        self.clean()
    }

    /// Types all of it while the output comes, until the process has ended or, where it does not, all was sent back.
    fn carry(&self, client: &mut Resuming, seen: &mut Seen, numbers: &mut Numbers) -> Result<()> {
        let expected = self.kind.output(&self.typed, self.lines).len();
        let has_terminal = self.kind.has_terminal();
        let mut left = &self.typed[..];
        let deadline = Instant::now() + PATIENCE;
        let mut next_key = Instant::now();
        while self.kind.ends() || seen.output.len() < expected {
            if self.world.failed.load(Ordering::Relaxed) {
                bail!("given up: another round has failed");
            }
            let is_raw = !has_terminal || seen.output.len() >= READY.len();
            if is_raw && Instant::now() >= next_key && !left.is_empty() && client.resume.input.room() > 0 {
                let scale = numbers.below(16);
                let most = 1 + numbers.below(1 << scale);
                let count = usize::try_from(most)?.min(left.len()).min(client.resume.input.room());
                let (now, later) = left.split_at(count);
                client.resume.input.push(now);
                left = later;
                if left.is_empty() && !has_terminal {
                    client.end_input();
                }
                next_key = Instant::now() + Duration::from_millis(numbers.below(8));
            }
            let now = Instant::now();
            if now > deadline {
                bail!(
                    "it does not go on; {} bytes were not typed, {} not accepted",
                    left.len(),
                    client.resume.input.len()
                );
            }
            let wait = if left.is_empty() || !is_raw {
                now + PAUSE
            } else {
                next_key.max(now + Duration::from_millis(1))
            };
            match client.next(wait)? {
                None | Some(Event::Attached) => {}
                Some(Event::Output(Stream::Stderr, bytes)) => seen.errors.extend(bytes),
                Some(Event::Output(_, bytes)) => seen.output.extend(bytes),
                Some(Event::Lost(_)) => seen.lost += 1,
                Some(Event::Missing(bytes)) => bail!("{bytes} bytes of output are said to be gone"),
                Some(Event::Screen(_)) => bail!("a screen came though nothing is gone"),
                Some(Event::Refused(error)) => bail!("refused: {error}"),
                Some(Event::Exited(exit)) if exit.code == 0 => return Ok(()),
                Some(Event::Exited(exit)) => bail!("it ended with {exit:?}"),
            }
        }
        Ok(())
    }

    fn by_command_line(&self) -> Result<()> {
        let process = self.kind.spec(&self.tag, &self.typed, self.lines).process;
        let porthole = &self.world.settings.porthole;
        let outcome = loop {
            let outcome = command_line::run(porthole, self.proxy, &process.command, &self.typed, PATIENCE)?;
            // It tries again only what it has begun: before that, a connection that fails is told at once.
            if outcome.status != Some(125) || !self.patiently(|| self.ours())?.1.is_empty() {
                break outcome;
            }
        };
        if outcome.status != Some(0) {
            bail!(
                "it ended with {:?} after {} bytes: {}",
                outcome.status,
                outcome.output.len(),
                outcome.told
            );
        }
        compare("output", &outcome.output, &self.kind.output(&self.typed, self.lines))
    }

    fn judge(&self, seen: &Seen) -> Result<()> {
        compare("output", &seen.output, &self.kind.output(&self.typed, self.lines))?;
        compare("standard error", &seen.errors, &self.kind.errors(self.lines))
    }

    /// There is one container for one launch; it is removed.
    fn clean(&self) -> Result<()> {
        let launched = self.patiently(|| {
            let (address, ours) = self.ours()?;
            if let [container] = &ours[..] {
                Client::connect(address)?.remove(container)?;
            }
            Ok(ours.len())
        });
        match launched.context("cleaning up")? {
            // None when it was removed, and the agent killed before it had said so.
            0 | 1 => Ok(()),
            times => bail!("launched {times} times"),
        }
    }

    /// Does it again while it fails: the agent may be killed under our hands.
    fn patiently<T>(&self, work: impl Fn() -> Result<T>) -> Result<T> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match work() {
                Err(_) if Instant::now() < deadline => {}
                outcome => return outcome,
            }
            #[expect(
                clippy::disallowed_methods,
                reason = "an agent that is not there tells nobody when it is"
            )]
            std::thread::sleep(PAUSE);
        }
    }

    /// The containers of this round, and where the agent is.
    fn ours(&self) -> Result<(SocketAddr, Vec<ContainerId>)> {
        let address = self.world.agent.get().context("there is no agent")?;
        let all: Vec<ContainerSummary> = serde_json::from_slice(&http(address, "GET", "/containers", b"")?)?;
        let is_ours = |container: &&ContainerSummary| {
            let words = container.processes.first().map(|process| process.command.join(" "));
            words.is_some_and(|words| words.contains(&format!(": {};", self.tag)))
        };
        let ours = all.iter().filter(is_ours).map(|container| container.id.clone()).collect();
        Ok((address, ours))
    }
}

/// Fails with the first place that differs.
fn compare(what: &str, seen: &[u8], wanted: &[u8]) -> Result<()> {
    if seen == wanted {
        return Ok(());
    }
    let at = seen.iter().zip(wanted).take_while(|(a, b)| a == b).count();
    let around = |bytes: &[u8]| {
        String::from_utf8_lossy(&bytes[at.saturating_sub(20).min(bytes.len())..(at + 40).min(bytes.len())])
            .into_owned()
    };
    bail!(
        "{what} of {} bytes in place of {} differs at {at}: {:?} in place of {:?}",
        seen.len(),
        wanted.len(),
        around(seen),
        around(wanted)
    )
}

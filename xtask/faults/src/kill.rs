//! The agent is killed, and another one takes over.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use porthole_driver::{Agent, Numbers};

use crate::World;

/// Between a start and the next kill, in milliseconds: some rounds, or the middle of one that has just been taken over.
const SHORTEST_MS: u64 = 50;
const LONGEST_MS: u64 = 3_000;

const LOOK: Duration = Duration::from_millis(10);

/// Kills it at any moment until all is over.
///
/// # Errors
/// When the next one does not start.
pub(crate) fn again_and_again(world: &World<'_>, agent: &mut Agent, over: &AtomicBool) -> Result<()> {
    let mut numbers = Numbers::new(world.settings.seed, u64::MAX);
    loop {
        let at =
            Instant::now() + Duration::from_millis(SHORTEST_MS + numbers.below(LONGEST_MS - SHORTEST_MS));
        while Instant::now() < at {
            if over.load(Ordering::Relaxed) || world.failed.load(Ordering::Relaxed) {
                return Ok(());
            }
            #[expect(clippy::disallowed_methods, reason = "a blow falls at any moment")]
            sleep(LOOK);
        }
        world.agent.set(None);
        kill(Pid::from_raw(i32::try_from(agent.pid())?), Signal::SIGKILL)?;
        agent.wait()?;
        agent.restart().context("the agent does not come back")?;
        world.agent.set(Some(agent.address));
        world.kills.fetch_add(1, Ordering::Relaxed);
    }
}

//! Whether agent and launcher grow from round to round.

use anyhow::{Result, bail};
use porthole_driver::Agent;

use crate::footprint::memory;

/// Growth that is let pass, in bytes: what an allocator keeps differs by some hundred KiB from one moment of quiet to the
/// next. Over a thousand rounds it is half a KiB a round.
const SLACK: u64 = 512 << 10;

/// Looks that are needed to say anything.
const FEWEST: usize = 8;

/// Their memory at moments of quiet, of the same two processes.
#[derive(Debug, Default)]
pub(crate) struct Growth {
    looks: Vec<Look>,
}

#[derive(Clone, Copy, Debug)]
struct Look {
    round: u64,
    agent: u64,
    launcher: u64,
}

impl Growth {
    /// Looks.
    pub(crate) fn add(&mut self, round: u64, agent: &Agent) {
        let launcher = agent.launcher().and_then(memory);
        if let (Some(agent), Some(launcher)) = (memory(agent.pid()), launcher) {
            self.looks.push(Look { round, agent, launcher });
        }
    }

    /// Compares the least of the second quarter with the least of the last one: the first one warms up.
    ///
    /// # Errors
    /// When one of them has grown.
    pub(crate) fn judge(&self) -> Result<()> {
        if self.looks.len() < FEWEST {
            println!("memory was not judged: too few rounds without a blow");
            return Ok(());
        }
        let quarter = self.looks.len() / 4;
        let early = &self.looks[quarter..2 * quarter];
        let late = &self.looks[self.looks.len() - quarter..];
        let rounds = late[0].round - early[0].round;
        type Kind = (&'static str, fn(&Look) -> u64);
        let kinds: [Kind; 2] = [("agent", |look| look.agent), ("launcher", |look| look.launcher)];
        for (name, of) in kinds {
            let least = |looks: &[Look]| looks.iter().map(of).min().unwrap_or_default();
            let grown = least(late).saturating_sub(least(early));
            println!("the {name} has grown by {} KiB in {rounds} rounds", grown >> 10);
            if grown > SLACK + rounds * 512 {
                bail!("the {name} grows: {:?}", self.looks);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks(agent: impl Fn(u64) -> u64) -> Growth {
        let look = |n| Look { round: n * 60, agent: agent(n), launcher: 1 << 20 };
        Growth { looks: (0..40).map(look).collect() }
    }

    #[test]
    fn what_grows_with_every_round_is_told_from_what_wavers() {
        assert!(looks(|n| (8 << 20) + (n % 5) * (1 << 20)).judge().is_ok());
        assert!(looks(|n| (8 << 20) + n * 60 * 2048).judge().is_err());
    }
}

//! Proves that no byte is lost and none comes twice, in either direction: clients that go on, through a network that
//! misbehaves, to an agent that is killed at any moment.
//!
//! A round is one process in a container of its own. It prints a stream that is known and tells what it has read; the
//! client types what the round's numbers say. Afterwards all output must be what was to be printed, all input what was
//! typed, and there must be one container for one launch. A seed and a round's number make it again, but for the moments,
//! which are the machine's.
#![allow(clippy::print_stdout, reason = "a program for a person who looks on")]

mod command_line;
mod fault;
mod kill;
mod program;
mod proxy;
mod round;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::scope;
use std::time::Instant;

use anyhow::{Context, Result};
use porthole_driver::{Agent, Numbers};

pub use fault::{Fault, Way};
pub use proxy::{Proxy, Target};
use round::Round;

/// Rounds at a time.
const WORKERS: u64 = 4;

/// Rounds between two lines that tell how far it is.
const TOLD_EVERY: u64 = 100;

/// What to do.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The program under test.
    pub porthole: PathBuf,
    /// How many rounds.
    pub rounds: u64,
    /// Chooses what happens in each round.
    pub seed: u64,
    /// Only this round.
    pub only: Option<u64>,
    /// Whether the agent is killed meanwhile.
    pub kills: bool,
}

/// What rounds share.
pub(crate) struct World<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) agent: Target,
    pub(crate) failed: AtomicBool,
    pub(crate) kills: AtomicU64,
    faults: Mutex<BTreeMap<&'static str, u64>>,
    done: AtomicU64,
}

/// Does it.
///
/// # Errors
/// What was lost, doubled or went wrong, with its round.
pub fn run(settings: &Settings) -> Result<()> {
    let rounds = settings.only.map_or(0..settings.rounds, |only| only..only + 1);
    println!("{} rounds, {WORKERS} at a time, seed {}", rounds.end - rounds.start, settings.seed);
    let mut agent = Agent::start(&settings.porthole)?;
    let world = World {
        settings,
        agent: Target::new(agent.address),
        failed: AtomicBool::new(false),
        kills: AtomicU64::new(0),
        faults: Mutex::default(),
        done: AtomicU64::new(0),
    };
    let started = Instant::now();
    let next = AtomicU64::new(rounds.start);
    let over = AtomicBool::new(false);
    let played = scope(|scope| {
        let killer = scope.spawn(|| {
            let killed =
                if settings.kills { kill::again_and_again(&world, &mut agent, &over) } else { Ok(()) };
            world.failed.fetch_or(killed.is_err(), Ordering::Relaxed);
            killed
        });
        let work = || -> Result<()> {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= rounds.end || world.failed.load(Ordering::Relaxed) {
                    return Ok(());
                }
                if let Err(error) = world.play(number) {
                    // The first one tells; those that are given up for its sake do not.
                    return if world.failed.swap(true, Ordering::Relaxed) { Ok(()) } else { Err(error) };
                }
                world.tell(rounds.end - rounds.start, started);
            }
        };
        let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(work)).collect();
        let worked = workers.into_iter().map(|worker| worker.join().expect("a worker does not panic"));
        let worked = worked.fold(Ok(()), Result::and);
        over.store(true, Ordering::Relaxed);
        killer.join().expect("the killer does not panic").and(worked)
    });
    played.with_context(|| format!("seed {}", settings.seed))?;
    let faults = world.faults.lock().expect("nobody panics while holding it");
    let told: Vec<_> = faults.iter().map(|(name, count)| format!("{count} {name}")).collect();
    println!(
        "nothing was lost, nothing came twice: {} rounds in {} s; connections: {}; the agent was killed {} times",
        rounds.end - rounds.start,
        started.elapsed().as_secs(),
        told.join(", "),
        world.kills.load(Ordering::Relaxed)
    );
    Ok(())
}

impl World<'_> {
    fn play(&self, number: u64) -> Result<()> {
        let mut numbers = Numbers::new(self.settings.seed, number);
        let misfortunes = numbers.below(8);
        let proxy = Proxy::new(&self.agent, &mut numbers, misfortunes)?;
        let played = scope(|scope| {
            let serving = scope.spawn(|| proxy.serve());
            let round = Round::new(self, number, proxy.address(), &mut numbers);
            let played = round.play(&mut numbers).with_context(|| format!("round {number}, {round:?}"));
            proxy.stop();
            let served = serving.join().expect("the proxy does not panic").context("the proxy");
            played.and(served)
        });
        let happened = proxy.happened();
        let mut faults = self.faults.lock().expect("nobody panics while holding it");
        for fault in &happened {
            *faults.entry(fault.name()).or_default() += 1;
        }
        played.with_context(|| format!("its connections: {happened:?}"))
    }

    fn tell(&self, rounds: u64, started: Instant) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        if done.is_multiple_of(TOLD_EVERY) {
            let kills = self.kills.load(Ordering::Relaxed);
            println!("{done} of {rounds} rounds, {} s, {kills} kills", started.elapsed().as_secs());
        }
    }
}

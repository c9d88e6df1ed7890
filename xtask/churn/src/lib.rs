//! Wears Porthole out: rounds of launch, exec and removal over the socket, several at a time, while agent and launcher are
//! killed at any moment; whenever all is quiet again, nothing may be left of it.
//!
//! A run is a row of legs. A leg plays its rounds, suffers its blows, removes what is left by the API, and waits until
//! agent, launcher, kernel and disk hold no more than before the first leg. The last legs have no blows: there, memory may
//! not grow from round to round.
#![allow(clippy::print_stdout, reason = "a program for a person who looks on")]

mod blow;
mod footprint;
mod growth;
pub mod room;
mod round;
mod world;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use porthole_driver::{Agent, Client, Numbers};

use blow::Blow;
use footprint::{Footprint, Subject};
use growth::Growth;

use round::{Kind, Round};
use world::World;

/// Rounds in a leg.
const LEG: u64 = 60;

/// Rounds at a time.
const WORKERS: u64 = 6;

/// Blows that a leg has at most.
const BLOWS: u64 = 3;

/// Longest delay of a blow after the round it falls into has begun, in milliseconds: some rounds.
const LATEST_MS: u64 = 150;

/// One in so many legs at the end has no blows.
const CALM: u64 = 4;

/// For everything to be gone, and the pause between two looks.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(20);

/// What to do.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The program under test.
    pub porthole: PathBuf,
    /// How many rounds, rounded up to whole legs.
    pub rounds: u64,
    /// Chooses what happens in each round, and the blows; the moments in which they meet are the machine's.
    pub seed: u64,
}

/// Does it; this process must be process 1 of a [`room`].
///
/// # Errors
/// What was left or went wrong, with its round.
pub fn run(settings: &Settings) -> Result<()> {
    room::furnish()?;
    let legs = settings.rounds.div_ceil(LEG);
    println!("{} rounds, {WORKERS} at a time, seed {}", legs * LEG, settings.seed);
    let mut churn = Churn::start(settings)?;
    println!("before: {}", churn.before.counts());
    let started = Instant::now();
    for leg in 0..legs {
        let is_calm = leg >= legs - legs / CALM;
        let blows = churn.leg(leg, is_calm).with_context(|| churn.last_words(leg))?;
        println!("{}", churn.told(legs * LEG, &blows, started.elapsed()));
    }
    churn.growth.judge()?;
    let missing = churn.world.missing.lock().expect("nobody panics while holding it").clone();
    if !missing.is_empty() {
        println!(
            "not offered here, and so not tried: {}",
            missing.into_iter().collect::<Vec<_>>().join(", ")
        );
    }
    churn.end().context("after the end")?;
    println!("nothing is left of {} rounds", legs * LEG);
    Ok(())
}

struct Churn {
    agent: Agent,
    world: World,
    seed: u64,
    cgroup: String,
    /// In our room, before there was an agent.
    nobody: Footprint,
    /// When it had come to rest for the first time.
    before: Footprint,
    growth: Growth,
}

impl Churn {
    /// Starts the agent and looks at what there is before the first round.
    fn start(settings: &Settings) -> Result<Self> {
        let nobody = Footprint::of_nobody();
        let agent = Agent::start(&settings.porthole)?;
        let mut client = Client::connect(agent.address)?;
        let spec = round::sleeper();
        let (detail, sleeper) = client.launch(spec)?;
        let cgroup = footprint::cgroup_above(detail.init_pid).context("a container has no cgroup")?;
        client.remove(&sleeper.container)?;
        drop(client);
        let world = World::new(agent.address);
        let mut churn = Self {
            agent,
            world,
            seed: settings.seed,
            cgroup,
            nobody,
            before: Footprint::default(),
            growth: Growth::default(),
        };
        // What is made once and kept, such as threads and spare directories, is made by a few rounds.
        churn.play(u64::MAX, &[])?;
        round::clean(churn.agent.address)?;
        churn.before = churn.resting()?;
        Ok(churn)
    }

    /// The rounds of a leg and its blows, until all is as before. Returns the blows.
    fn leg(&mut self, leg: u64, is_calm: bool) -> Result<Vec<Blow>> {
        let mut numbers = Numbers::new(self.seed, leg * (WORKERS + 1));
        let count = if is_calm { 0 } else { numbers.below(BLOWS + 1) };
        let mut blows: Vec<_> = (0..count)
            .map(|_| (numbers.below(LEG), Blow::pick(&mut numbers), numbers.below(LATEST_MS)))
            .collect();
        blows.sort_by_key(|(round, ..)| *round);
        self.play(leg, &blows)?;
        round::clean(self.agent.address).context("cleaning up")?;
        self.settle()?;
        if is_calm {
            self.growth.add(self.world.begun.load(Ordering::Relaxed), &self.agent);
        }
        Ok(blows.into_iter().map(|(_, blow, _)| blow).collect())
    }

    fn play(&mut self, leg: u64, blows: &[(u64, Blow, u64)]) -> Result<()> {
        let Self { world, agent, seed, .. } = self;
        let first = world.begun.load(Ordering::Relaxed);
        let left = AtomicU64::new(LEG);
        let failed = AtomicBool::new(false);
        scope(|scope| {
            let work = |worker: u64| {
                let mut numbers = Numbers::new(*seed, leg.wrapping_mul(WORKERS + 1) + 1 + worker);
                let worked = work(world, &mut numbers, &left, &failed);
                failed.fetch_or(worked.is_err(), Ordering::Relaxed);
                worked
            };
            let workers: Vec<_> = (0..WORKERS).map(|worker| scope.spawn(move || work(worker))).collect();
            let struck = strike_all(world, agent, first, blows, &failed);
            // Nobody may wait for an agent that does not come.
            if struck.is_err() {
                failed.store(true, Ordering::Relaxed);
                world.mended(agent.address);
            }
            let worked = workers.into_iter().map(|worker| worker.join().expect("a worker does not panic"));
            worked.fold(struck, Result::and)
        })
    }

    /// Waits until there is no more than before the first round.
    fn settle(&self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            blow::reap(self.agent.pid());
            let more = self.look().beyond(&self.before);
            if more.is_empty() {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("a leak:\n  {}", more.join("\n  "));
            }
            pause();
        }
    }

    /// What there is when nothing changes any more.
    fn resting(&self) -> Result<Footprint> {
        let deadline = Instant::now() + PATIENCE;
        let mut last = self.look();
        let mut same = 0;
        while same < 25 {
            if Instant::now() > deadline {
                bail!("it does not come to rest: {}", last.counts());
            }
            pause();
            blow::reap(self.agent.pid());
            let now = self.look();
            same = if now.counts() == last.counts() { same + 1 } else { 0 };
            last = now;
        }
        Ok(last)
    }

    fn look(&self) -> Footprint {
        Footprint::of(&Subject {
            state: self.agent.state(),
            agent: Some(self.agent.pid()),
            launcher: self.agent.launcher(),
            cgroup: &self.cgroup,
        })
    }

    /// Both are killed once more in the middle of it, the next ones asked to end: nothing is left at all.
    fn end(&mut self) -> Result<()> {
        self.play(u64::MAX - 1, &[(LEG / 2, Blow::Both, 0)])?;
        round::clean(self.agent.address)?;
        self.agent.stop()?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            blow::reap(self.agent.pid());
            let subject =
                Subject { state: self.agent.state(), agent: None, launcher: None, cgroup: &self.cgroup };
            let more = Footprint::of(&subject).beyond(&self.nobody);
            if more.is_empty() {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("left when agent and launcher have ended:\n  {}", more.join("\n  "));
            }
            pause();
        }
    }

    fn told(&self, rounds: u64, blows: &[Blow], took: Duration) -> String {
        let mib =
            |bytes: Option<u64>| bytes.map_or("?".into(), |bytes| format!("{:.1}", bytes as f64 / 1048576.0));
        format!(
            "{} of {rounds} rounds, {} cut off, {} s; agent {} MiB, launcher {} MiB{}",
            self.world.begun.load(Ordering::Relaxed) - LEG,
            self.world.cut.load(Ordering::Relaxed),
            took.as_secs(),
            mib(footprint::memory(self.agent.pid())),
            mib(self.agent.launcher().and_then(footprint::memory)),
            if blows.is_empty() { String::new() } else { format!("; killed: {blows:?}") },
        )
    }

    fn last_words(&self, leg: u64) -> String {
        let log = std::fs::read_to_string(self.agent.state().join("run/launcher.log")).unwrap_or_default();
        let lines: Vec<_> = log.lines().rev().take(20).collect();
        let log: Vec<_> = lines.into_iter().rev().collect();
        format!(
            "rounds {} to {}, seed {}; the launcher's last words:\n{}\n",
            leg * LEG + 1,
            (leg + 1) * LEG,
            self.seed,
            log.join("\n")
        )
    }
}

/// Plays rounds until none is left.
fn work(world: &World, numbers: &mut Numbers, left: &AtomicU64, failed: &AtomicBool) -> Result<()> {
    let mut connection: Option<(u64, Client)> = None;
    let one_less = |left: u64| left.checked_sub(1);
    while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok() {
        if failed.load(Ordering::Relaxed) {
            break;
        }
        let (epoch, address) = world.agent();
        let number = world.begin();
        let kind = Kind::pick(numbers);
        let played = (|| {
            let client = match connection.take().filter(|(of, _)| *of == epoch) {
                Some((_, client)) => client,
                None => Client::connect(address)?,
            };
            let (_, client) = connection.insert((epoch, client));
            Round { number, kind, world, address }.play(client, numbers)
        })();
        match played {
            Ok(()) => {}
            Err(_) if world.is_past(epoch) => {
                world.cut.fetch_add(1, Ordering::Relaxed);
                connection = None;
            }
            Err(error) => return Err(error.context(format!("round {number}, {kind:?}"))),
        }
    }
    Ok(())
}

/// Strikes each blow when its round has begun.
fn strike_all(
    world: &World,
    agent: &mut Agent,
    first: u64,
    blows: &[(u64, Blow, u64)],
    failed: &AtomicBool,
) -> Result<()> {
    for (round, blow, delay) in blows {
        while world.begun.load(Ordering::Relaxed) < first + round && !failed.load(Ordering::Relaxed) {
            pause();
        }
        #[expect(clippy::disallowed_methods, reason = "a blow falls at any moment")]
        sleep(Duration::from_millis(*delay));
        world.struck();
        let mut strike = || -> Result<()> {
            blow.strike(agent)?;
            blow::reap(agent.pid());
            agent.restart()?;
            let lives = porthole_driver::containers(agent.address)?.len();
            if *blow != Blow::Agent && lives > 0 {
                bail!("{lives} containers have outlived their launcher");
            }
            Ok(())
        };
        strike().with_context(|| format!("killing {blow:?} after round {}", first + round))?;
        world.mended(agent.address);
    }
    Ok(())
}

fn pause() {
    #[expect(clippy::disallowed_methods, reason = "one looks on from outside, without being told")]
    sleep(PAUSE);
}

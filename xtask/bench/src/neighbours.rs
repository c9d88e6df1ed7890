//! `bench neighbours`: how long a keystroke takes to come back from a container, alone and beside containers that use up
//! whatever they are let. Nothing but they themselves may die of it.

mod bombs;
mod witnesses;

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{scope, sleep};
use std::time::Duration;

use anyhow::{Context, Result};
use porthole_driver::{Agent, Attached, Client};
use porthole_protocol::spec::{LaunchSpec, ProcessSpec, Size};
use serde_json::{Value, json};

use crate::keystroke::keystroke;
use crate::sample::Sample;
use crate::{Setting, machine};
use bombs::{BOMBS, Bomb};
use witnesses::Witnesses;

/// Between two keystrokes: somebody who types very fast.
const TYPING: Duration = Duration::from_millis(20);

/// What a bomb is given to unfold.
const FUSE: Duration = Duration::from_secs(2);

/// What is measured, beside whom.
struct Scene {
    name: &'static str,
    bombs: Vec<&'static Bomb>,
    echo: Sample,
}

/// Runs it, prints the table, writes the report.
pub(crate) fn run(setting: &Setting) -> Result<()> {
    let before = machine::facts();
    let rounds = setting.rounds.unwrap_or(300);
    let agent = Agent::start(&setting.porthole)?;
    let mut client = Client::connect(agent.address)?;
    let terminal = listener(&mut client)?;
    let mut witnesses = Witnesses::gather(&agent, &mut client)?;
    let alone = BOMBS.iter().map(|bomb| (bomb.name, vec![bomb]));
    let all = [("all of them", BOMBS.iter().collect()), ("quiet again", Vec::new())];
    let scenes = std::iter::once(("quiet", Vec::new())).chain(alone).chain(all);
    let mut measured = Vec::new();
    println!("keystroke to echo at a WebSocket client, {rounds} keystrokes each, milliseconds");
    println!("{}\n", machine::told(&before));
    println!("{:<16}{:>9}{:>9}{:>9}{:>9}", "beside", "p50", "p99", "max", "p99/quiet");
    for (name, bombs) in scenes {
        let mut scene = Scene { name, bombs, echo: Sample::default() };
        scene.play(&agent, &mut client, &terminal, rounds).with_context(|| format!("beside {name}"))?;
        witnesses.check(&agent, &mut client).with_context(|| format!("beside {name}"))?;
        let quiet =
            measured.first().map_or(scene.echo.percentile(99), |first: &Scene| first.echo.percentile(99));
        scene.print(quiet);
        measured.push(scene);
    }
    println!("\nagent, launcher, the other containers and processes of the host live");
    let report = json!({
        "benchmark": "neighbours",
        "measures": "keystroke to echo beside noisy containers",
        "rounds": rounds,
        "machine": { "before": before, "after": machine::facts() },
        "scenes": measured.iter().map(Scene::json).collect::<Vec<_>>(),
    });
    fs::write(&setting.report, serde_json::to_string_pretty(&report)?)
        .with_context(|| format!("cannot write {}", setting.report.display()))?;
    println!("\n{}", setting.report.display());
    Ok(())
}

/// A process that sends each byte back: the keystroke goes to the container and returns from it.
fn listener(client: &mut Client) -> Result<Attached> {
    let script = "stty raw -echo; echo ready; exec cat";
    let process = ProcessSpec {
        command: ["sh", "-c", script].map(str::to_owned).into(),
        terminal: Some(Size::default()),
        stdin: true,
        ..ProcessSpec::default()
    };
    let (_, terminal) =
        client.launch(LaunchSpec { image: "busybox".into(), process, ..LaunchSpec::default() })?;
    client.expect(terminal.channel(), "ready")?;
    // What is left of that line comes before any echo.
    client.input(terminal.channel(), b"#")?;
    client.expect(terminal.channel(), "#")?;
    Ok(terminal)
}

impl Scene {
    fn play(&mut self, agent: &Agent, client: &mut Client, terminal: &Attached, rounds: usize) -> Result<()> {
        let over = AtomicBool::new(false);
        scope(|scope| {
            let noisy: Vec<_> =
                self.bombs.iter().map(|bomb| scope.spawn(|| bomb.explode(agent.address, &over))).collect();
            if !self.bombs.is_empty() {
                pause(FUSE);
            }
            let typed = (0..rounds).try_for_each(|_| {
                pause(TYPING);
                self.echo.add(keystroke(client, terminal)?);
                Ok(())
            });
            over.store(true, Ordering::Relaxed);
            let cleaned = bombs::clear(agent.address, client);
            let joined = noisy.into_iter().map(|bomb| bomb.join().expect("a bomb's thread does not panic"));
            joined.fold(typed.and(cleaned), Result::and)
        })
    }

    fn print(&self, quiet: f64) {
        let [p50, p99, max] = [50, 99, 100].map(|percent| self.echo.percentile(percent));
        println!("{:<16}{p50:>9.2}{p99:>9.2}{max:>9.2}{:>9.1}", self.name, p99 / quiet);
    }

    fn json(&self) -> Value {
        let [p50, p99, max] = [50, 99, 100].map(|percent| self.echo.percentile(percent));
        json!({ "beside": self.name, "p50_ms": p50, "p99_ms": p99, "max_ms": max, "echo": self.echo.json() })
    }
}

#[expect(clippy::disallowed_methods, reason = "a person's pace, and the bombs'")]
fn pause(time: Duration) {
    sleep(time);
}

//! From a key to what comes back: of a raw terminal that is read directly, of ours, and of ttyd's where it is installed; alone,
//! and beside a hundred busy ones of ours.

use std::ffi::CString;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use anyhow::Result;
use porthole_driver::{Agent, Attached, Client};
use serde_json::{Value, json};

use super::crowd::Crowd;
use super::ttyd::Ttyd;
use super::{launch, on_terminal};
use crate::keystroke::keystroke;
use crate::pty::Program;
use crate::sample::Sample;

/// Keys in a round, for each contender in turn.
const KEYS: usize = 200;

/// Between two keys.
const TYPING: Duration = Duration::from_millis(5);

/// Terminals that print a line ten times a second, each with somebody who looks on.
const BUSY: usize = 100;

/// Sends back what is typed.
const LISTENER: &str = "stty raw -echo; echo ready; exec cat";

/// Who echoes.
struct Contenders<'a> {
    raw: Program,
    client: &'a mut Client,
    ours: Attached,
    ttyd: Option<Ttyd>,
}

#[derive(Default)]
struct Times {
    raw: Sample,
    ours: Sample,
    ttyd: Sample,
}

pub(super) fn run(agent: &Agent, rounds: usize) -> Result<Value> {
    let client = &mut Client::connect(agent.address)?;
    let words = [c"busybox".to_owned(), c"sh".to_owned(), c"-c".to_owned(), CString::new(LISTENER)?];
    let mut raw = Program::start(Path::new("/bin/busybox"), &words)?;
    raw.expect("ready")?;
    let (_, ours) = client.launch(launch(on_terminal(LISTENER)))?;
    client.expect(ours.channel(), "ready")?;
    // What is left of that line comes before any echo.
    client.input(ours.channel(), b"#")?;
    client.expect(ours.channel(), "#")?;
    let mut ttyd = Ttyd::start(LISTENER)?;
    ttyd.as_mut().map_or(Ok(()), |ttyd| ttyd.expect("ready\n"))?;
    let mut contenders = Contenders { raw, client, ours, ttyd };
    let mut idle = Times::default();
    for _ in 0..rounds {
        contenders.round(&mut idle)?;
    }
    let busy = Crowd::gather(
        agent,
        contenders.client,
        BUSY,
        "while :; do echo a line of some length, as programs print them; read -t 0.1 x; done",
    )?;
    let mut beside = Times::default();
    busy.watched(agent, || (0..rounds).try_for_each(|_| contenders.round(&mut beside)))?;
    let Contenders { raw, client, ours, ttyd: _ } = contenders;
    busy.disperse(client)?;
    raw.kill()?;
    client.remove(&ours.container)?;
    println!("\na key and what comes back, {} keys each, milliseconds", rounds * KEYS);
    println!("{:<34}{:>8}{:>8}{:>8}", "", "p50", "p99", "max");
    let rows = [
        ("raw PTY reader", &idle.raw),
        ("porthole", &idle.ours),
        ("ttyd", &idle.ttyd),
        ("raw PTY reader, beside 100 busy", &beside.raw),
        ("porthole, beside 100 busy", &beside.ours),
        ("ttyd, beside 100 busy", &beside.ttyd),
    ];
    let rows = || rows.iter().filter(|(_, sample)| !sample.is_empty());
    for (name, sample) in rows() {
        let [p50, p99, max] = [50, 99, 100].map(|percent| sample.percentile(percent));
        println!("{name:<34}{p50:>8.3}{p99:>8.3}{max:>8.3}");
    }
    Ok(rows()
        .map(|(name, sample)| {
            let [p50, p99, max] = [50, 99, 100].map(|percent| sample.percentile(percent));
            json!({ "name": name, "p50_ms": p50, "p99_ms": p99, "max_ms": max })
        })
        .collect())
}

impl Contenders<'_> {
    fn round(&mut self, times: &mut Times) -> Result<()> {
        for _ in 0..KEYS {
            pause();
            times.raw.add(self.raw.keystroke()?);
            pause();
            times.ours.add(keystroke(self.client, &self.ours)?);
            if let Some(ttyd) = &mut self.ttyd {
                pause();
                times.ttyd.add(ttyd.keystroke()?);
            }
        }
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "a person's pace, somewhat hastened")]
fn pause() {
    sleep(TYPING);
}

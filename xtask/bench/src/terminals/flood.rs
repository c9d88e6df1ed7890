//! A large output, from the request to its last byte.

use std::ffi::CString;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use porthole_driver::{Agent, Client, Incoming};
use porthole_protocol::control::ServerMessage;
use porthole_protocol::ids::ContainerId;
use porthole_protocol::spec::ProcessSpec;
use serde_json::{Value, json};

use super::ttyd::Ttyd;
use super::{launch, on_pipes, on_terminal};
use crate::pty::Program;
use crate::rounds::order;
use crate::sample::Sample;

/// The text that is printed: lines of 80 bytes, as a log's or a source file's, and how many.
const LINE: &str = "The quick brown fox jumps over the lazy dog, and 0123456789 times it looks back.";
const LINES: usize = 800_000;

/// How often it is printed: some seconds of it, of a file that stays in memory.
const TIMES: usize = 4;

/// Bytes on pipes, and on a terminal, which puts a carriage return before each line's end (`ONLCR`, termios(3)).
const PLAIN: u64 = ((LINE.len() + 1) * LINES * TIMES) as u64;
const ON_TERMINAL: u64 = PLAIN + (LINES * TIMES) as u64;

const NAMES: [&str; 4] = ["raw PTY reader", "porthole, terminal", "porthole, pipes", "ttyd"];

pub(super) fn run(agent: &Agent, rounds: usize) -> Result<Value> {
    let text = tempfile::NamedTempFile::new()?;
    fs::write(&text, format!("{LINE}\n").repeat(LINES))?;
    let path = text.path().display().to_string();
    let script = print_all(&path);
    let inside = Inside::start(agent)?;
    let mut samples: [Sample; 4] = Default::default();
    for round in 0..rounds {
        for place in order(round, samples.len()) {
            let took = match place {
                0 => Some(raw(&script)?),
                1 => Some(inside.print(on_terminal(&print_all(FILE)), ON_TERMINAL)?),
                2 => Some(inside.print(on_pipes(&print_all(FILE)), PLAIN)?),
                _ => ttyd(&script)?,
            };
            took.into_iter().for_each(|took| samples[place].add(took));
        }
    }
    inside.end()?;
    let rate = |sample: &Sample| PLAIN as f64 / 1e6 / (sample.percentile(50) / 1e3);
    println!("{} MiB of text printed by `cat`, medians of {rounds}", PLAIN >> 20);
    println!("{:<22}{:>10}{:>9}", "", "MB/s", "of raw");
    let rows = || NAMES.iter().zip(&samples).filter(|(_, sample)| !sample.is_empty());
    for (name, sample) in rows() {
        println!("{name:<22}{:>10.1}{:>8.2}×", rate(sample), rate(sample) / rate(&samples[0]));
    }
    Ok(rows()
        .map(|(name, sample)| json!({ "name": name, "mb_per_s": rate(sample), "times": sample.json() }))
        .collect())
}

/// As a program reads a terminal that it has made itself.
fn raw(script: &str) -> Result<Duration> {
    let started = Instant::now();
    let words = [c"busybox".to_owned(), c"sh".to_owned(), c"-c".to_owned(), CString::new(script)?];
    let count = Program::start(Path::new("/bin/busybox"), &words)?.drain()?;
    check(count, ON_TERMINAL)?;
    Ok(started.elapsed())
}

/// The same in a page's terminal that isolates nothing; none where it is not installed.
fn ttyd(script: &str) -> Result<Option<Duration>> {
    let started = Instant::now();
    let Some(ttyd) = Ttyd::start(&format!("({script}); read forever"))? else { return Ok(None) };
    ttyd.drain(ON_TERMINAL)?;
    Ok(Some(started.elapsed()))
}

/// A container that has the text in a file of its own.
struct Inside<'a> {
    agent: &'a Agent,
    container: ContainerId,
}

/// The file.
const FILE: &str = "/text";

impl<'a> Inside<'a> {
    fn start(agent: &'a Agent) -> Result<Self> {
        let mut client = Client::connect(agent.address)?;
        let (_, shell) = client.launch(launch(on_terminal("cat")))?;
        let made = format!("yes '{LINE}' | dd bs={} count={LINES} of={FILE} iflag=fullblock", LINE.len() + 1);
        let making = client.exec(&shell.container, on_pipes(&made))?;
        let made = client.exit(&making)?;
        if made.code != 0 {
            bail!("the text cannot be made: {made:?}");
        }
        Ok(Self { agent, container: shell.container })
    }

    /// From the request to the last of so many bytes and the exit.
    fn print(&self, process: ProcessSpec, bytes: u64) -> Result<Duration> {
        // A client that says nothing while the others are measured would be given up.
        let mut client = Client::connect(self.agent.address)?;
        let started = Instant::now();
        let attached = client.exec(&self.container, process)?;
        let mut count = 0;
        loop {
            match client.receive()? {
                Incoming::Output { channel, bytes } if channel == attached.channel() => {
                    count += bytes.len() as u64;
                }
                Incoming::Control(ServerMessage::Skipped { .. }) => bail!("output was left out"),
                Incoming::Control(ServerMessage::Exited { process, .. }) if process == attached.process => {
                    break;
                }
                _ => {}
            }
        }
        check(count, bytes)?;
        Ok(started.elapsed())
    }

    fn end(self) -> Result<()> {
        Client::connect(self.agent.address)?.remove(&self.container)
    }
}

fn print_all(file: &str) -> String {
    format!("exec cat{}", format!(" {file}").repeat(TIMES))
}

fn check(count: u64, expected: u64) -> Result<()> {
    if count != expected {
        bail!("{count} bytes came of {expected}");
    }
    Ok(())
}

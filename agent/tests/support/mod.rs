//! A real agent with a real launcher for a test, and a client that folds what it hears.
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "each test is a crate of its own and uses its part"
)]
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without ends it")]

mod agent;
mod client;
mod http;
pub mod image;
pub mod visitor;

pub use agent::Agent;
pub use client::{Client, Terminal, a_typist};
pub use http::{Response, try_request};

use porthole_protocol::spec::{Engine, LaunchSpec, ProcessSpec, Size};

/// Whether real containers can be made; says loudly when not.
pub fn possible() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        eprintln!("SKIPPED: this test makes real containers and needs root");
    }
    root
}

/// Whether an engine is on this host; says loudly when not.
pub fn is_installed(engine: Engine) -> bool {
    let directories = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin"];
    let name = engine.name();
    let there = engine == Engine::Builtin
        || directories.iter().any(|directory| std::fs::exists(format!("{directory}/{name}")).unwrap());
    if !there {
        eprintln!("SKIPPED: {name} is not installed");
    }
    there
}

/// A command in a container of its own, on pipes.
pub fn run(command: &[&str]) -> LaunchSpec {
    let command = command.iter().map(ToString::to_string).collect();
    LaunchSpec {
        image: "busybox".into(),
        process: ProcessSpec { command, ..ProcessSpec::default() },
        ..LaunchSpec::default()
    }
}

/// A shell on a terminal.
pub fn shell() -> LaunchSpec {
    let mut spec = run(&["sh"]);
    spec.process = terminal(&["sh"]);
    spec
}

/// A command on a terminal.
pub fn terminal(command: &[&str]) -> ProcessSpec {
    ProcessSpec {
        command: command.iter().map(ToString::to_string).collect(),
        terminal: Some(Size { rows: 24, cols: 80 }),
        stdin: true,
        ..ProcessSpec::default()
    }
}

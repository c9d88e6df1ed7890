//! Containers that come and go while agent and launcher are killed leave nothing: some tens of rounds of `cargo xtask churn`.
//!
//! `PORTHOLE_CHURN_SEED` makes a run again.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without ends it")]

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use porthole_churn::{Settings, room, run};

/// Rounds, besides those that warm up and those of the end.
const ROUNDS: u64 = 60;

#[test]
fn nothing_is_left_of_containers_that_come_and_go_while_agent_and_launcher_are_killed() {
    if !rustix::process::geteuid().is_root() {
        return eprintln!("SKIPPED: this test makes real containers and needs root");
    }
    if !room::is_inside() {
        let test = "nothing_is_left_of_containers_that_come_and_go_while_agent_and_launcher_are_killed";
        let mut again = std::process::Command::new(std::env::current_exe().unwrap());
        let status = room::run(again.args(["--exact", test, "--nocapture"])).unwrap();
        assert!(status.success(), "see what it printed above");
        return;
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let seed = std::env::var("PORTHOLE_CHURN_SEED").ok().and_then(|seed| seed.parse().ok());
    let settings = Settings {
        porthole: PathBuf::from(env!("CARGO_BIN_EXE_porthole")),
        rounds: ROUNDS,
        seed: seed.unwrap_or(u64::from(now.subsec_nanos())),
    };
    if let Err(error) = run(&settings) {
        panic!("{error:#}");
    }
}

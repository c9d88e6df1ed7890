//! No byte is lost and none comes twice, through a network that misbehaves: some tens of rounds of `cargo xtask faults`, and
//! one of its worst cases by itself.
//!
//! `PORTHOLE_FAULTS_SEED` makes a run again.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without ends it")]

use std::path::PathBuf;
use std::thread::scope;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use porthole_driver::{Agent, Event, Opening, Resuming, containers};
use porthole_faults::{Fault, Proxy, Settings, Target, run};
use porthole_protocol::spec::{LaunchSpec, ProcessSpec, Size};

/// Rounds: some seconds.
const ROUNDS: u64 = 40;

/// For anything to happen, far above what it takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn possible() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        eprintln!("SKIPPED: this test makes real containers and needs root");
    }
    root
}

fn porthole() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_porthole"))
}

#[test]
fn every_byte_comes_once_through_a_network_that_misbehaves_to_an_agent_that_is_killed() {
    if !possible() {
        return;
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let seed = std::env::var("PORTHOLE_FAULTS_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or(u64::from(now.subsec_nanos()));
    let settings = Settings { porthole: porthole(), rounds: ROUNDS, seed, only: None, kills: true };
    if let Err(error) = run(&settings) {
        panic!("{error:#}");
    }
}

/// The first socket is cut while its launch is under way, which arrives when the second one is being typed on.
#[test]
fn a_request_that_arrives_late_takes_nothing_from_the_socket_that_came_after_it() {
    if !possible() {
        return;
    }
    let agent = Agent::start(&porthole()).unwrap();
    let target = Target::new(agent.address);
    // Some fall into the upgrade, some into the hello, most into the launch.
    let places: Vec<u64> = (200..1000).step_by(40).collect();
    for (count, after) in (1..).zip(&places) {
        let late = Fault::Late { after: *after, pause: Duration::from_millis(150) };
        let proxy = Proxy::with(&target, vec![late]).unwrap();
        scope(|scope| {
            let serving = scope.spawn(|| proxy.serve());
            let typed: Vec<u8> = (0..400u16).flat_map(u16::to_le_bytes).collect();
            let echoed = echoed(&proxy, count, &typed);
            proxy.stop();
            serving.join().unwrap().unwrap();
            assert_eq!(echoed, typed, "cut after {after} bytes");
        });
        let all = containers(agent.address).unwrap();
        assert_eq!(all.len(), usize::try_from(count).unwrap(), "one launch each, cut after {after} bytes");
    }
}

/// Types little by little, for longer than anything is late, and gives what comes back.
fn echoed(proxy: &Proxy<'_>, typist: u64, typed: &[u8]) -> Vec<u8> {
    let process = ProcessSpec {
        command: ["sh", "-c", "stty raw -echo; echo ready; exec cat"].map(str::to_owned).into(),
        terminal: Some(Size::default()),
        stdin: true,
        ..ProcessSpec::default()
    };
    let spec = LaunchSpec { image: "busybox".into(), process, ..LaunchSpec::default() };
    let mut client = Resuming::new(proxy.address(), Opening::Launch(spec), typist);
    let ready = b"ready\n".len();
    let (mut pieces, mut seen) = (typed.chunks(8), Vec::new());
    let deadline = Instant::now() + PATIENCE;
    while seen.len() < ready + typed.len() && Instant::now() < deadline {
        match client.next(Instant::now() + Duration::from_millis(4)).unwrap() {
            Some(Event::Output(_, bytes)) => seen.extend(bytes),
            Some(Event::Refused(error)) => panic!("{error}"),
            Some(_) => {}
            None if seen.len() >= ready => client.resume.input.push(pieces.next().unwrap_or_default()),
            None => {}
        }
    }
    seen.split_off(ready.min(seen.len()))
}

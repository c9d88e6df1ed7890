//! What a terminal bears: floods, a huge paste, a hundred viewers, clients that never read and clients that send garbage.
//!
//! `PORTHOLE_FLOOD_MIB` is how much the largest flood prints: a run of all tests is content with less than a gibibyte.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without ends it")]

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::scope;
use std::time::{Duration, Instant};

use porthole_driver::{Agent, Client, Event, Numbers, Opening, Resuming};
use porthole_protocol::control::{ClientMessage, Stream};
use porthole_protocol::http::Exit;
use porthole_protocol::spec::{LaunchSpec, ProcessSpec, Size};
use sha2::{Digest, Sha256};

/// For anything to happen, far above what it takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// What the agent may grow by, in KiB, whatever a terminal prints: its log's memory, a screen, and what is under way.
const MOST_KIB: u64 = 48 * 1024;

/// An agent; none, said loudly, where real containers cannot be made.
fn agent() -> Option<Agent> {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: this test makes real containers and needs root");
        return None;
    }
    Some(Agent::start(Path::new(env!("CARGO_BIN_EXE_porthole"))).unwrap())
}

fn resident_kib(agent: &Agent) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", agent.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn terminal(script: &str) -> LaunchSpec {
    let process = ProcessSpec {
        command: ["sh", "-c", script].map(str::to_owned).into(),
        terminal: Some(Size::default()),
        stdin: true,
        ..ProcessSpec::default()
    };
    LaunchSpec { image: "busybox".into(), process, ..LaunchSpec::default() }
}

/// A client, and what it has seen.
struct Person {
    client: Resuming,
    /// How much has come.
    count: u64,
    /// The newest of it.
    tail: Vec<u8>,
    exit: Option<Exit>,
}

impl Person {
    fn new(address: SocketAddr, opening: Opening, typist: u64) -> Self {
        let mut client = Resuming::new(address, opening, typist);
        client.silence = PATIENCE;
        Self { client, count: 0, tail: Vec::new(), exit: None }
    }

    fn launch(agent: &Agent, script: &str) -> Self {
        Self::new(agent.address, Opening::Launch(terminal(script)), 7)
    }

    /// Takes what comes next, for a moment.
    fn look(&mut self) {
        match self.client.next(Instant::now() + Duration::from_millis(5)).unwrap() {
            Some(Event::Output(Stream::Terminal, bytes)) => {
                self.count += bytes.len() as u64;
                self.tail.extend(bytes);
                let from = self.tail.len().saturating_sub(4096);
                self.tail.drain(..from);
            }
            Some(Event::Exited(exit)) => self.exit = Some(exit),
            Some(Event::Lost(why)) => panic!("the connection was lost: {why}"),
            Some(Event::Refused(error)) => panic!("{error}"),
            _ => {}
        }
    }

    fn until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !done(self) {
            assert!(Instant::now() < deadline, "{what}: {} bytes, {:?}", self.count, self.text());
            self.look();
        }
    }

    fn shows(&mut self, text: &str) {
        self.until(text, |person| person.text().contains(text));
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.tail).into_owned()
    }

    fn types(&mut self, keys: &[u8]) {
        self.client.resume.input.push(keys);
    }
}

#[test]
fn a_flood_of_anything_costs_no_memory_and_ends_at_ctrl_c() {
    let Some(agent) = agent() else { return };
    for flood in ["cat /dev/urandom", "yes"] {
        let mut person = Person::launch(&agent, "stty -echo; exec sh");
        person.shows("# ");
        let before = resident_kib(&agent);
        person.types(format!("{flood}\n").as_bytes());
        person.until("a flood", |person| person.count > 16 << 20);
        person.types(b"\x03");
        person.types(b"echo status=$?.\n");
        person.shows("status=130.");
        let after = resident_kib(&agent);
        assert!(after < before + MOST_KIB, "{flood}: {before} KiB became {after} KiB");
    }
}

#[test]
fn a_large_file_is_printed_whole_in_bounded_memory() {
    let Some(agent) = agent() else { return };
    let mib = std::env::var("PORTHOLE_FLOOD_MIB").map_or(64, |mib| mib.parse::<u64>().unwrap());
    let before = resident_kib(&agent);
    let script = format!("head -c {} /dev/zero", mib << 20);
    let mut person = Person::launch(&agent, &script);
    person.until("the end", |person| person.exit.is_some());
    assert_eq!(person.count, mib << 20);
    let after = resident_kib(&agent);
    assert!(after < before + MOST_KIB, "{before} KiB became {after} KiB");
}

#[test]
fn a_paste_of_ten_megabytes_arrives_whole() {
    let Some(agent) = agent() else { return };
    let mut numbers = Numbers::new(10, 0);
    let paste: Vec<u8> = (0..10 << 20).map(|_| u8::try_from(numbers.below(256)).unwrap()).collect();
    let script = format!("stty raw -echo; echo ready; head -c {} | sha256sum", paste.len());
    let mut person = Person::launch(&agent, &script);
    person.shows("ready");
    person.types(&paste);
    let sum: String = Sha256::digest(&paste).iter().map(|byte| format!("{byte:02x}")).collect();
    person.shows(&sum);
    person.until("the end", |person| person.exit.is_some_and(|exit| exit.code == 0));
}

#[test]
fn a_hundred_viewers_of_a_flood_leave_ctrl_c_immediate_and_see_the_end() {
    const THREADS: u64 = 10;
    const EACH: u64 = 10;
    let Some(agent) = agent() else { return };
    let mut owner = Person::launch(&agent, "stty -echo; exec sh");
    owner.shows("# ");
    let (container, process) = owner.client.resume.place().map(|(id, number)| (id.clone(), number)).unwrap();
    let before = resident_kib(&agent);
    let over = AtomicBool::new(false);
    scope(|scope| {
        let watch = |thread: u64| {
            let mut viewers: Vec<_> = (0..EACH)
                .map(|n| {
                    let opening = Opening::Attach(container.clone(), process);
                    Person::new(agent.address, opening, 100 + thread * EACH + n)
                })
                .collect();
            let deadline = Instant::now() + PATIENCE;
            while !viewers.iter().all(|viewer| viewer.text().contains("all-done")) {
                assert!(
                    Instant::now() < deadline && !over.load(Ordering::Relaxed),
                    "every viewer sees the end"
                );
                viewers.iter_mut().for_each(Person::look);
            }
        };
        let viewers: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || watch(thread))).collect();
        owner.types(b"yes flood\n");
        owner.until("a flood", |person| person.count > 4 << 20);
        owner.types(b"\x03");
        owner.types(b"echo status=$?. all-''done\n");
        owner.shows("status=130. all-done");
        // Whoever is behind still gets there.
        while !viewers.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            owner.look();
        }
        over.store(true, Ordering::Relaxed);
        viewers.into_iter().for_each(|viewer| viewer.join().unwrap());
    });
    let after = resident_kib(&agent);
    // Each connection's buffers, and what is on its way to it.
    let most = MOST_KIB + THREADS * EACH * 1024;
    assert!(after < before + most, "{before} KiB became {after} KiB");
}

#[test]
fn clients_that_never_read_cost_no_memory_and_hold_up_nobody() {
    let Some(agent) = agent() else { return };
    let mut person = Person::launch(&agent, "stty -echo; exec sh");
    person.shows("# ");
    let before = resident_kib(&agent);
    let mut silent = Vec::new();
    for _ in 0..20 {
        let mut client = Client::connect(agent.address).unwrap();
        let request = client.next_request();
        let spec = terminal("yes flood");
        client.send(&ClientMessage::Launch { request, spec, credit: u32::MAX, typist: None }).unwrap();
        // Lists and pongs pile up as well.
        for nonce in 0..1000 {
            client.send(&ClientMessage::Ping { nonce }).unwrap();
        }
        silent.push(client);
    }
    for turn in 0..50 {
        person.types(format!("echo turn-$(({turn} + 100)).\n").as_bytes());
        person.shows(&format!("turn-{}.", turn + 100));
    }
    let after = resident_kib(&agent);
    assert!(after < before + MOST_KIB + 20 * 2048, "{before} KiB became {after} KiB");
}

#[test]
fn garbage_ends_its_own_socket_and_no_other() {
    let Some(agent) = agent() else { return };
    let mut person = Person::launch(&agent, "stty -echo; exec sh");
    person.shows("# ");
    let before = resident_kib(&agent);
    for seed in 0..200 {
        let mut numbers = Numbers::new(seed, 1);
        let mut garbage = |most: u64| -> Vec<u8> {
            let length = 1 + numbers.below(most);
            (0..length).map(|_| u8::try_from(numbers.below(256)).unwrap()).collect()
        };
        if seed % 2 == 0 {
            // Before anything was agreed, and within WebSocket's frames.
            let mut stream = TcpStream::connect(agent.address).unwrap();
            let _ = stream.write_all(&garbage(4096));
        } else {
            let mut client = Client::connect(agent.address).unwrap();
            for _ in 0..10 {
                // It is closed by the first of them that is not understood.
                let channel = u32::from_ne_bytes(garbage(1).repeat(4).try_into().unwrap());
                let _ = client.input(channel, &garbage(2048));
            }
        }
        if seed % 20 == 0 {
            person.types(format!("echo turn-$(({seed} + 1000)).\n").as_bytes());
            person.shows(&format!("turn-{}.", seed + 1000));
        }
    }
    let after = resident_kib(&agent);
    assert!(after < before + MOST_KIB, "{before} KiB became {after} KiB");
}

//! What a terminal bears: floods, a huge paste, a hundred viewers, clients that never read and clients that send garbage.
//!
//! What takes minutes is `cargo xtask test --long --only terminals`.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without ends it")]

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::scope;
use std::time::{Duration, Instant};

use porthole_driver::{Agent, Client, Event, Numbers, Opening, Refused, Resuming};
use porthole_protocol::control::{ClientMessage, Stream};
use porthole_protocol::error::ErrorCode;
use porthole_protocol::http::Exit;
use porthole_protocol::limits::MAX_VIEWERS;
use porthole_protocol::spec::{LaunchSpec, ProcessSpec, Size};
use sha2::{Digest, Sha256};

/// For anything to happen, far above what it takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// What the agent may grow by at any time, in KiB, whatever a terminal prints: its log's memory, a screen, and what is under way.
const MOST_KIB: u64 = 48 * 1024;

/// An agent; none, said loudly, where real containers cannot be made.
fn agent() -> Option<Agent> {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: this test makes real containers and needs root");
        return None;
    }
    Some(Agent::start(Path::new(env!("CARGO_BIN_EXE_porthole"))).unwrap())
}

/// Whether what takes minutes is to be run; says loudly when not.
fn there_is_time() -> bool {
    let there_is = std::env::var_os("PORTHOLE_LONG").is_some();
    if !there_is {
        eprintln!("SKIPPED: this test takes a minute; `cargo xtask test --long --only terminals` runs it");
    }
    there_is
}

fn resident_kib(agent: &Agent) -> u64 {
    memory_kib(agent, "VmRSS:")
}

/// The most that it ever had.
fn peak_kib(agent: &Agent) -> u64 {
    memory_kib(agent, "VmHWM:")
}

fn memory_kib(agent: &Agent, which: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", agent.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(which)).unwrap();
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
    /// Of all that has come, where that is asked for.
    sum: Option<Sha256>,
    exit: Option<Exit>,
}

impl Person {
    fn new(address: SocketAddr, opening: Opening, typist: u64) -> Self {
        let mut client = Resuming::new(address, opening, typist);
        client.silence = PATIENCE;
        Self { client, count: 0, tail: Vec::new(), sum: None, exit: None }
    }

    fn launch(agent: &Agent, script: &str) -> Self {
        Self::launch_spec(agent, terminal(script))
    }

    fn launch_spec(agent: &Agent, spec: LaunchSpec) -> Self {
        Self::new(agent.address, Opening::Launch(spec), 7)
    }

    /// Takes what comes next, for a moment.
    fn look(&mut self) {
        match self.client.next(Instant::now() + Duration::from_millis(5)).unwrap() {
            Some(Event::Output(Stream::Terminal, bytes)) => {
                self.count += bytes.len() as u64;
                self.sum.iter_mut().for_each(|sum| sum.update(&bytes));
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
        let (mut deadline, mut count) = (Instant::now() + PATIENCE, self.count);
        while !done(self) {
            assert!(Instant::now() < deadline, "{what}: {} bytes, {:?}", self.count, self.text());
            self.look();
            // As long as much comes, it is on its way.
            if self.count > count + (1 << 20) {
                (deadline, count) = (Instant::now() + PATIENCE, self.count);
            }
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
    print_a_file(64);
}

#[test]
fn a_file_of_a_gibibyte_is_printed_whole_in_bounded_memory() {
    if there_is_time() {
        print_a_file(1024);
    }
}

/// `cat` of a file of which only the container knows what is in it: it tells the sum before.
fn print_a_file(mib: u64) {
    let Some(agent) = agent() else { return };
    let script = format!(
        "stty raw -echo; head -c {} /dev/urandom > /tmp/large; echo sum=$(sha256sum /tmp/large)=; \
         dd bs=1 count=1 of=/dev/null 2> /dev/null; exec cat /tmp/large",
        mib << 20
    );
    let mut spec = terminal(&script);
    spec.limits.disk_bytes = Some((mib + 64) << 20);
    let mut person = Person::launch_spec(&agent, spec);
    person.shows("/tmp/large=\n");
    let told = person.text();
    let before = resident_kib(&agent);
    (person.count, person.sum) = (0, Some(Sha256::new()));
    person.types(b"x");
    person.until("the end", |person| person.exit.is_some());
    assert_eq!((person.count, person.exit.map(|exit| exit.code)), (mib << 20, Some(0)));
    let sum = hex(&person.sum.take().unwrap().finalize());
    assert!(told.contains(&format!("sum={sum} ")), "{told}: {sum}");
    let most = peak_kib(&agent);
    println!("{mib} MiB: the agent had {before} KiB before, and {most} KiB at most");
    assert!(most < before + MOST_KIB, "{before} KiB became {most} KiB");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
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
    person.shows(&hex(&Sha256::digest(&paste)));
    person.until("the end", |person| person.exit.is_some_and(|exit| exit.code == 0));
}

#[test]
fn a_hundred_viewers_of_a_flood_leave_ctrl_c_immediate_and_see_the_end() {
    watch_a_flood(10, 10);
}

#[test]
fn as_many_viewers_as_a_terminal_takes_see_the_end_and_one_more_is_refused() {
    if there_is_time() {
        watch_a_flood(7, (MAX_VIEWERS as u64 - 1) / 7);
    }
}

/// So many threads, each with so many viewers, beside the owner.
fn watch_a_flood(threads: u64, each: u64) {
    let Some(agent) = agent() else { return };
    let mut owner = Person::launch(&agent, "stty -echo; exec sh");
    owner.shows("# ");
    let (container, process) = owner.client.resume.place().map(|(id, number)| (id.clone(), number)).unwrap();
    let before = resident_kib(&agent);
    let (over, ready) = (AtomicBool::new(false), AtomicU64::new(0));
    scope(|scope| {
        let watch = |thread: u64| {
            let mut viewers: Vec<_> = (0..each)
                .map(|n| {
                    let opening = Opening::Attach(container.clone(), process);
                    Person::new(agent.address, opening, 100 + thread * each + n)
                })
                .collect();
            for viewer in &mut viewers {
                viewer.shows("# ");
                ready.fetch_add(1, Ordering::Relaxed);
            }
            let deadline = Instant::now() + PATIENCE;
            while !viewers.iter().all(|viewer| viewer.text().contains("all-done")) {
                assert!(
                    Instant::now() < deadline && !over.load(Ordering::Relaxed),
                    "every viewer sees the end"
                );
                viewers.iter_mut().for_each(Person::look);
            }
        };
        let viewers: Vec<_> = (0..threads).map(|thread| scope.spawn(move || watch(thread))).collect();
        owner.until("every viewer", |_| ready.load(Ordering::Relaxed) == threads * each);
        if threads * each + 1 == MAX_VIEWERS as u64 {
            let mut late = Client::connect(agent.address).unwrap();
            let error = late.attach(&container, process).unwrap_err();
            let Some(Refused(error)) = error.downcast_ref() else { panic!("{error:#}") };
            assert_eq!(error.code, ErrorCode::TooMany, "{error}");
        }
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
    let most = peak_kib(&agent);
    println!("{} viewers: the agent had {before} KiB before, and {most} KiB at most", threads * each);
    // Each connection's buffers, and what is on its way to it.
    assert!(most < before + MOST_KIB + threads * each * 1024, "{before} KiB became {most} KiB");
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

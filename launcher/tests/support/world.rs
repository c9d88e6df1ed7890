//! A small world for a test of networks: the test's own thread is in a network namespace that plays the host, and another one
//! plays everything else there is.

use std::fs::{self, File};
use std::io::Write;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::process::{Child, Command};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, setns, unshare};
use rustix::net::{Shutdown, shutdown};

/// Longest wait for anything, far above what it takes on a busy machine; where the machine is an emulated one,
/// `PORTHOLE_PATIENCE` says for how many seconds.
pub fn patience() -> Duration {
    let seconds = std::env::var("PORTHOLE_PATIENCE").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(seconds.unwrap_or(30))
}

/// A web server out there.
pub const WEB: &str = "45.33.32.2";

/// The host's own address towards it, and one in its private network.
pub const HOST: &str = "45.33.32.1";
pub const HOST_LAN: &str = "192.168.77.1";

/// Addresses that something answers on out there and that no container may reach: a machine of the host's private network, one
/// of another, and metadata services of clouds.
pub const FORBIDDEN: [&str; 7] = [
    "192.168.77.2",
    "10.9.9.9",
    "172.20.1.1",
    "100.64.5.5",
    "169.254.169.254",
    "168.63.129.16",
    "198.18.7.7",
];

/// Everything outside the host. Ends when it is dropped.
pub struct World {
    everything: Child,
    outside: u32,
    servers: Vec<Server>,
}

/// A thread that serves until it is dropped.
struct Server {
    thread: Option<JoinHandle<()>>,
    /// What it waits at.
    socket: OwnedFd,
}

impl Server {
    /// `serve` returns when `socket` is shut down.
    fn start(socket: OwnedFd, serve: impl FnOnce() + Send + 'static) -> Self {
        Self { thread: Some(thread::Builder::new().spawn(serve).unwrap()), socket }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A UDP socket says that it is not connected, and wakes its reader all the same.
        let _ = shutdown(&self.socket, Shutdown::Both);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Waits for something that the kernel does in its own time.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < patience(), "not within {:?}: {what}", patience());
        // Containers share one weight of CPU time; a test that spins would take it from them.
        let _ = rustix::thread::nanosleep(&rustix::time::Timespec { tv_sec: 0, tv_nsec: 2_000_000 });
    }
}

/// Whether the programs are there; says loudly when not.
pub fn possible() -> bool {
    let there = super::possible() && ["/usr/sbin/nft", "/usr/sbin/ip"].iter().all(|p| fs::exists(p).unwrap());
    if !there {
        eprintln!("SKIPPED: this test needs root, nftables and iproute2");
    }
    there
}

impl World {
    /// Moves the calling thread, and what it starts from now on, into the host's namespace.
    pub fn new() -> Self {
        unshare(CloneFlags::CLONE_NEWNET).unwrap();
        let child = Command::new("unshare").args(["-n", "sleep", "600"]).spawn().unwrap();
        let outside = child.id();
        eventually("the namespace outside is there", || {
            fs::read_link(format!("/proc/{outside}/ns/net")).ok()
                != fs::read_link("/proc/thread-self/ns/net").ok()
        });
        let mut world = Self { everything: child, outside, servers: Vec::new() };
        // Nobody is there to object to an address: it is complete at once.
        here(
            "echo 0 > /proc/sys/net/ipv6/conf/all/accept_dad; echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad",
        );
        here(&format!(
            "ip link set lo up; ip link add eth0 type veth peer name eth0 netns {outside};
             ip addr add {HOST}/24 dev eth0; ip addr add {HOST_LAN}/24 dev eth0; ip link set eth0 up;
             ip route add default via {WEB}"
        ));
        world.outside(&format!(
            "ip link set lo up; ip addr add {WEB}/24 dev eth0; ip link set eth0 up; ip route add default via {HOST}"
        ));
        for address in FORBIDDEN {
            world.outside(&format!("ip addr add {address}/32 dev eth0"));
        }
        eventually("the host's own addresses are complete", || {
            here("ip -6 route show table local").contains("local fe80")
        });
        let there = File::open(format!("/proc/{outside}/ns/net")).unwrap();
        for port in [80, 25, 465, 587] {
            world.servers.push(serve(&there, port, "outside"));
        }
        let here = File::open("/proc/thread-self/ns/net").unwrap();
        world.servers.push(serve(&here, 7070, "host"));
        world
    }

    /// Runs a script out there.
    pub fn outside(&self, script: &str) -> String {
        beside(self.outside, script)
    }

    /// Answers what comes to a UDP port out there, for as long as there is this world.
    pub fn answer(&mut self, port: u16, answer: fn(&[u8]) -> Vec<u8>) {
        let socket = self.udp(port);
        self.servers.push(Server::start(socket.try_clone().unwrap().into(), move || {
            let mut bytes = [0; 512];
            // Nothing is received when the socket has been shut down.
            while let Ok((length @ 1.., peer)) = socket.recv_from(&mut bytes) {
                let _ = socket.send_to(&answer(&bytes[..length]), peer);
            }
        }));
    }

    /// A UDP socket out there.
    pub fn udp(&self, port: u16) -> UdpSocket {
        visiting(self.outside, move || UdpSocket::bind(("0.0.0.0", port)).unwrap())
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.everything.kill();
        let _ = self.everything.wait();
    }
}

/// Answers whoever connects to a port, on every address of the namespace `netns`, with a word and where it came from; and
/// keeps the connection until the other side has enough of it.
fn serve(netns: &File, port: u16, word: &'static str) -> Server {
    let listener = within(netns, || TcpListener::bind(("0.0.0.0", port)).unwrap());
    Server::start(listener.try_clone().unwrap().into(), move || {
        let mut open = Vec::new();
        thread::scope(|scope| {
            while let Ok((mut connection, peer)) = listener.accept() {
                let _ = writeln!(connection, "{word}:{port} {}", peer.ip());
                open.push(connection.try_clone().unwrap());
                scope.spawn(move || {
                    let _ = std::io::copy(&mut connection, &mut std::io::sink());
                    let _ = connection.shutdown(std::net::Shutdown::Both);
                });
            }
            // Those whose other side is gone with its namespace.
            open.iter().for_each(|connection| drop(connection.shutdown(std::net::Shutdown::Both)));
        });
    })
}

/// Runs a script in the network namespace of a process, with all privilege: more than anybody in a container has.
pub fn beside(pid: u32, script: &str) -> String {
    output(&["nsenter", "--net", "--target", &pid.to_string(), "sh", "-ec", script])
}

/// Calls `what` in the network namespace of a process.
pub fn visiting<T: Send>(pid: u32, what: impl FnOnce() -> T + Send) -> T {
    within(&File::open(format!("/proc/{pid}/ns/net")).unwrap(), what)
}

/// Calls `what` in the network namespace `netns`.
fn within<T: Send>(netns: &File, what: impl FnOnce() -> T + Send) -> T {
    let visit = move || {
        setns(netns, CloneFlags::CLONE_NEWNET).unwrap();
        what()
    };
    thread::scope(|scope| scope.spawn(visit).join().unwrap())
}

/// Runs a script on the host.
pub fn here(script: &str) -> String {
    output(&["sh", "-ec", script])
}

/// Runs a script in the router of a launcher.
pub fn router(launcher: u32, script: &str) -> String {
    let fds = fs::read_dir(format!("/proc/{launcher}/fd")).unwrap().map(|entry| entry.unwrap().path());
    let own = fs::read_link("/proc/thread-self/ns/net").unwrap();
    let netns = fds.into_iter().find(|fd| {
        fs::read_link(fd).is_ok_and(|link| link.to_string_lossy().starts_with("net:[") && link != own)
    });
    let netns = format!("--net={}", netns.expect("the launcher has a router").display());
    output(&["nsenter", &netns, "sh", "-ec", script])
}

/// Everything of the host's network that one could change: links, addresses, routes, rules and settings.
pub fn state_of_host() -> String {
    here(
        "ip -o link | sed 's/state [A-Z]*//'; ip -o -4 addr; ip route show table all; ip rule; ip neigh show nud permanent;
         nft list ruleset; grep -rs . /proc/sys/net/ipv4/conf /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf || true",
    )
}

/// What is there now and was not, or was and is not.
pub fn changes(before: &str) -> Vec<String> {
    let now = state_of_host();
    let missing = |from: &str, of: &str| {
        let lines: Vec<&str> = of.lines().collect();
        from.lines().filter(|line| !lines.contains(line)).map(str::to_owned).collect::<Vec<_>>()
    };
    [missing(&now, before), missing(before, &now)].concat()
}

fn output(argv: &[&str]) -> String {
    let output = Command::new(argv[0]).args(&argv[1..]).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{argv:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

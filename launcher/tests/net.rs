//! Networks, with a whole world of the test's own: see `support/world.rs`. Every rule is also taken out, and what it forbade
//! must work then.

mod support;

use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use porthole_launcher::capabilities;
use porthole_launcher::wire::{FailureKind, LaunchRequest, Reply, RequestBody};
use support::world::{
    self, FORBIDDEN, HOST, HOST_LAN, WEB, World, beside, changes, here, router, state_of_host, visiting,
};
use support::{Launcher, eventually, on_pipes, read_all, shell};

/// A running container, by its id and process 1.
struct Running {
    id: &'static str,
    pid: u32,
    addresses: Vec<Ipv4Addr>,
}

/// Raw sockets: the static busybox's ping needs them.
const NET_RAW: u64 = 1 << 13;

const A: &str = "aaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbb";
const C: &str = "cccccccccccc";

/// Starts a container in these networks, in which a server answers on port 5000.
fn launch(launcher: &mut Launcher, id: &'static str, networks: &[&str]) -> Running {
    match try_launch(launcher, id, networks) {
        Reply::Launched { init_pid, addresses, .. } => {
            Running { id, pid: init_pid, addresses: addresses.into_iter().map(|a| a.address).collect() }
        }
        other => panic!("{other:?}"),
    }
}

fn try_launch(launcher: &mut Launcher, id: &str, networks: &[&str]) -> Reply {
    let request = LaunchRequest {
        networks: networks.iter().map(|&name| name.to_owned()).collect(),
        process: on_pipes(&["/bin/nc", "-ll", "-p", "5000", "-e", "/bin/echo", "inside"]),
        capabilities: capabilities::DEFAULT | NET_RAW,
        ..shell(id)
    };
    launcher.ask(RequestBody::Launch(Box::new(request))).0
}

/// What a script in a container prints.
fn inside(launcher: &mut Launcher, container: &Running, script: &str) -> String {
    let process = on_pipes(&["/bin/sh", "-c", &format!("{{ {script}; }} 2>&1")]);
    let (reply, mut fds) = launcher.ask(RequestBody::Exec { container: container.id.to_owned(), process });
    assert!(matches!(reply, Reply::Started { .. }), "{reply:?}");
    read_all(fds.remove(1))
}

/// Whether a program in a container reaches a TCP port: what answers there says a word at once.
fn reaches(launcher: &mut Launcher, from: &Running, address: &str, port: u16) -> bool {
    let said = inside(launcher, from, &format!("timeout 2 nc -w 2 {address} {port} < /dev/null"));
    ["outside:", "host:", "inside"].iter().any(|word| said.starts_with(word))
}

fn end(launcher: &mut Launcher, container: &Running) {
    launcher.ask(RequestBody::Kill { container: container.id.to_owned() });
    launcher.ended(container.id);
    launcher.ask(RequestBody::Remove { container: container.id.to_owned() });
}

/// The table that the host has got.
fn table() -> String {
    let tables = here("nft list tables");
    tables.lines().find_map(|line| line.strip_prefix("table ")).expect("there is one").to_owned()
}

#[test]
fn what_is_offered_is_what_works_here() {
    if !world::possible() {
        return;
    }
    let mut launcher = Launcher::start();
    let Reply::Host(report) = launcher.ask(RequestBody::Host { tried: false }).0 else { panic!("no report") };
    let usable: Vec<_> = report.networks.iter().map(|(name, usable, _)| (name.as_str(), *usable)).collect();
    assert_eq!(usable, [("none", true), ("nat", true), ("lab", true)], "{:?}", report.networks);
}

#[test]
fn a_container_in_nat_reaches_what_is_outside_and_without_a_network_nothing() {
    if !world::possible() {
        return;
    }
    let _world = World::new();
    let mut launcher = Launcher::start();
    let before = state_of_host();
    let none = launch(&mut launcher, B, &[]);
    assert_eq!(state_of_host(), before, "a container without a network changes nothing");
    assert!(!reaches(&mut launcher, &none, WEB, 80));

    let nat = launch(&mut launcher, A, &["nat"]);
    assert_eq!(nat.addresses.len(), 1);
    assert!(reaches(&mut launcher, &nat, WEB, 80), "{}", inside(&mut launcher, &nat, "ip addr; ip route"));
    let pinged = inside(&mut launcher, &nat, &format!("ping -c 1 -W 2 {WEB}"));
    assert!(pinged.contains("1 packets received"), "{pinged}");
    let hosts = inside(&mut launcher, &nat, "cat /etc/hosts /etc/resolv.conf");
    assert!(hosts.contains(&format!("{}\t{A}\n", nat.addresses[0])), "{hosts}");
    assert!(hosts.contains("nameserver 10.213.0.1\n"), "{hosts}");
    // Nobody inside can change any of it.
    let changed = inside(&mut launcher, &nat, "ip addr add 10.213.128.9/32 dev eth0; ip link set eth0 down");
    assert_eq!(changed.matches("not permitted").count(), 2, "{changed}");
    assert!(inside(&mut launcher, &nat, "cat /proc/net/if_inet6").lines().all(|line| line.ends_with(" lo")));
}

#[test]
fn neither_the_host_nor_private_networks_nor_metadata_nor_mail_servers_are_reached_from_nat() {
    if !world::possible() {
        return;
    }
    let _world = World::new();
    let mut launcher = Launcher::start();
    let a = launch(&mut launcher, A, &["nat"]);
    let link = here("ip -o -4 addr | grep -o 'inet 169[^/]*' | cut -c 6-");
    let host = [HOST, HOST_LAN, link.trim()];
    let mail = [25, 465, 587];
    let open = |launcher: &mut Launcher| {
        let forbidden = FORBIDDEN.map(|address| reaches(launcher, &a, address, 80));
        let host = host.map(|address| reaches(launcher, &a, address, 7070));
        (forbidden, host, mail.map(|port| reaches(launcher, &a, WEB, port)))
    };
    assert_eq!(open(&mut launcher), ([false; 7], [false; 3], [false; 3]));

    // Without the router's rules the host's still hold, but for mail.
    router(
        launcher.process.id(),
        "nft flush chain inet porthole outward; nft add rule inet porthole outward accept",
    );
    assert_eq!(open(&mut launcher), ([false; 7], [false; 3], [true; 3]));
    let table = table();
    for chain in ["from_router", "input", "forward"] {
        here(&format!("nft flush chain {table} {chain}"));
    }
    assert_eq!(open(&mut launcher), ([true; 7], [true; 3], [true; 3]));
}

#[test]
fn a_port_that_the_host_passes_on_to_a_private_address_is_not_reached_either() {
    if !world::possible() {
        return;
    }
    let _world = World::new();
    // As an engine's published port: the host's own address becomes that of a machine behind it.
    here(
        "nft 'add table ip published; add chain ip published pre { type nat hook prerouting priority dstnat; };
              add rule ip published pre tcp dport 9000 dnat to 192.168.77.2:80'",
    );
    let mut launcher = Launcher::start();
    let a = launch(&mut launcher, A, &["nat"]);
    assert!(!reaches(&mut launcher, &a, HOST, 9000));
    let tables = here("nft list tables");
    let own = tables
        .lines()
        .find_map(|line| line.strip_prefix("table ").filter(|t| t.starts_with("inet")))
        .unwrap();
    here(&format!("nft flush chain {own} from_router"));
    assert!(!reaches(&mut launcher, &a, HOST, 9000), "the destination has changed, and is refused once more");
    here(&format!("nft flush chain {own} forward"));
    assert!(reaches(&mut launcher, &a, HOST, 9000));
}

#[test]
fn two_containers_in_nat_do_not_reach_each_other_and_nobody_outside_reaches_them() {
    if !world::possible() {
        return;
    }
    let world = World::new();
    let mut launcher = Launcher::start();
    let (a, b) = (launch(&mut launcher, A, &["nat"]), launch(&mut launcher, B, &["nat"]));
    let address = b.addresses[0].to_string();
    assert!(reaches(&mut launcher, &b, &address, 5000), "it does answer");
    assert!(!reaches(&mut launcher, &a, &address, 5000));
    let transit = here("ip -o -4 addr | grep -o 'inet 169[^/]*' | cut -c 6-");
    let transit: Ipv4Addr = transit.trim().parse().unwrap();
    let router_address = Ipv4Addr::from_bits(transit.to_bits() + 1);
    here(&format!("ip route add {address} via {router_address}"));
    world.outside(&format!("ip route add {address} via {HOST}"));
    let from_outside = format!("timeout 2 busybox nc -w 1 {address} 5000 < /dev/null || true");
    assert_eq!(world.outside(&from_outside), "");
    assert_eq!(here(&from_outside), "");

    let open = "nft flush chain inet porthole forward; nft add rule inet porthole forward accept";
    router(launcher.process.id(), open);
    assert!(reaches(&mut launcher, &a, &address, 5000));
    assert_eq!(here(&from_outside), "", "the host takes no answer from there");
    let table = table();
    for chain in ["from_router", "input", "forward"] {
        here(&format!("nft flush chain {table} {chain}"));
    }
    assert_eq!(here(&from_outside), "inside\n");
    assert_eq!(world.outside(&from_outside), "inside\n");
}

#[test]
fn members_of_a_lab_reach_each_other_and_nothing_else() {
    if !world::possible() {
        return;
    }
    let _world = World::new();
    let mut launcher = Launcher::start();
    let a = launch(&mut launcher, A, &["one"]);
    let b = launch(&mut launcher, B, &["one", "nat"]);
    let c = launch(&mut launcher, C, &["two"]);
    let [one, two] = [b.addresses[0].to_string(), c.addresses[0].to_string()];
    assert!(reaches(&mut launcher, &a, &one, 5000), "{}", inside(&mut launcher, &a, "ip addr; arp -a"));
    assert!(reaches(&mut launcher, &b, &a.addresses[0].to_string(), 5000));
    assert!(!reaches(&mut launcher, &a, WEB, 80), "a lab has no way out");
    assert!(reaches(&mut launcher, &b, WEB, 80), "but for who is in nat as well");
    assert!(!reaches(&mut launcher, &a, &two, 5000));
    assert!(!reaches(&mut launcher, &b, &two, 5000));
    assert!(!reaches(&mut launcher, &a, &b.addresses[1].to_string(), 5000));
    // Not even with a route, which nobody inside could make: another lab's members and bridge, and the way out.
    beside(a.pid, "ip route add default via 10.213.1.1");
    for address in [two.as_str(), WEB, HOST] {
        assert!(!reaches(&mut launcher, &a, address, 5000), "{address}");
    }
    let pinged = inside(&mut launcher, &a, "ping -c 1 -W 1 10.213.1.1; ping -c 1 -W 1 10.213.2.1");
    assert_eq!(pinged.matches("1 packets received").count(), 1, "{pinged}");
    assert_eq!(pinged.matches("0 packets received").count(), 1, "{pinged}");
    let open = "nft flush chain inet porthole forward; nft add rule inet porthole forward accept";
    router(launcher.process.id(), open);
    beside(c.pid, "ip route add default via 10.213.2.1");
    assert!(reaches(&mut launcher, &a, &two, 5000));

    let bridges =
        |launcher: &Launcher| router(launcher.process.id(), "ip -o link show type bridge").lines().count();
    assert_eq!(bridges(&launcher), 2);
    end(&mut launcher, &c);
    assert_eq!(bridges(&launcher), 1, "the last member's end is the lab's");
}

#[test]
fn a_source_address_that_is_not_its_own_does_not_get_out_of_a_container() {
    if !world::possible() {
        return;
    }
    let world = World::new();
    let mut launcher = Launcher::start();
    let (a, b) = (launch(&mut launcher, A, &["nat"]), launch(&mut launcher, B, &["nat"]));
    let (own, others) = (a.addresses[0], b.addresses[0]);
    let outside = world.udp(9999);
    outside.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    // With privilege that nobody inside has.
    beside(a.pid, &format!("ip addr add {others}/32 dev eth0"));
    let send = move |from: Ipv4Addr, word: &'static str| {
        visiting(a.pid, move || {
            let socket = UdpSocket::bind((from, 0)).unwrap();
            socket.send_to(word.as_bytes(), (WEB, 9999)).unwrap();
        });
    };
    let next = || {
        let mut bytes = [0; 16];
        let length = outside.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    };
    send(others, "spoofed");
    send(own, "honest");
    assert_eq!(next(), "honest");
    router(
        launcher.process.id(),
        "nft flush chain inet porthole from_container;
         for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 > $f; done",
    );
    send(others, "spoofed");
    assert_eq!(next(), "spoofed");
}

#[test]
fn forged_frames_and_arp_change_nothing_for_others_in_the_lab() {
    if !world::possible() {
        return;
    }
    let _world = World::new();
    let mut launcher = Launcher::start();
    let [a, b, c] = [A, B, C].map(|id| launch(&mut launcher, id, &["one"]));
    let victim = b.addresses[0];
    let known = |launcher: &mut Launcher| {
        let neighbours =
            inside(launcher, &c, &format!("ping -c 1 -W 1 {victim} > /dev/null; cat /proc/net/arp"));
        let line = neighbours.lines().find(|line| line.starts_with(&format!("{victim} "))).map(str::to_owned);
        line.and_then(|line| line.split_whitespace().nth(3).map(str::to_owned)).unwrap_or(neighbours)
    };
    let honest = known(&mut launcher);
    assert_eq!(honest, "02:70:0a:d5:01:03");
    // "That address is mine": by its own link-layer address, then by the victim's.
    let forge = format!("busybox arping -U -c 2 -w 2 -I eth0 {victim} > /dev/null || true");
    beside(a.pid, &format!("ip addr add {victim}/24 dev eth0"));
    beside(a.pid, &forge);
    assert_eq!(known(&mut launcher), honest);
    beside(a.pid, &format!("ip link set eth0 address {honest}; {forge}"));
    assert!(reaches(&mut launcher, &c, &victim.to_string(), 5000), "its frames still come to it");
    beside(a.pid, "ip link set eth0 address 02:70:0a:d5:01:02");

    router(
        launcher.process.id(),
        "nft flush chain bridge porthole port; nft add rule bridge porthole port accept",
    );
    beside(a.pid, &forge);
    eventually("the forged address is believed", || known(&mut launcher) == "02:70:0a:d5:01:02");
}

#[test]
fn one_container_cannot_open_more_connections_than_its_share_and_others_still_can() {
    if !world::possible() {
        return;
    }
    let _world = World::new();
    let mut launcher = Launcher::start();
    let (a, b) = (launch(&mut launcher, A, &["nat"]), launch(&mut launcher, B, &["nat"]));
    let target: SocketAddr = format!("{WEB}:80").parse().unwrap();
    let open = move |most: usize| {
        visiting(a.pid, move || {
            let connect = |_| TcpStream::connect_timeout(&target, Duration::from_secs(5)).ok();
            (0..most).map_while(connect).collect::<Vec<_>>()
        })
    };
    let held = open(300);
    assert_eq!(held.len(), 256);
    assert!(reaches(&mut launcher, &b, WEB, 80));
    router(
        launcher.process.id(),
        "nft flush chain inet porthole outward; nft add rule inet porthole outward accept",
    );
    assert_eq!(open(20).len(), 20);
}

#[test]
fn what_the_host_had_before_it_has_afterwards() {
    if !world::possible() {
        return;
    }
    let _world = World::new();
    here(
        "nft 'add table inet somebody; add chain inet somebody own { type filter hook forward priority 1; }'",
    );
    for forwarding in ["0", "1"] {
        here(&format!("echo {forwarding} > /proc/sys/net/ipv4/ip_forward"));
        let before = state_of_host();
        let mut launcher = Launcher::start();
        let a = launch(&mut launcher, A, &["nat", "one"]);
        assert!(reaches(&mut launcher, &a, WEB, 80));
        assert_ne!(state_of_host(), before);
        // A launcher that is killed leaves what the next one takes back.
        launcher.restart();
        support::eventually("the next one has swept", || changes(&before).is_empty());
        let b = launch(&mut launcher, B, &["nat"]);
        assert!(reaches(&mut launcher, &b, WEB, 80));
        end(&mut launcher, &b);
        drop(launcher);
        assert_eq!(changes(&before), Vec::<String>::new(), "after an orderly end, at once");
    }
}

#[test]
fn fifty_containers_leave_no_link_no_route_and_no_rule() {
    if !world::possible() {
        return;
    }
    let _world = World::new();
    let mut launcher = Launcher::start();
    let settled = "ip -o link | grep -v link-netns | cut -d: -f 2 | cut -d@ -f 1 | sort; ip route; nft list set bridge porthole ports";
    let first = launch(&mut launcher, A, &["nat", "one"]);
    end(&mut launcher, &first);
    let pid = launcher.process.id();
    let links = || router(pid, "ip -o link | wc -l; ip route | wc -l");
    eventually("only the loopback and the uplink are left", || links() == "2\n2\n");
    let before = router(pid, settled);
    let mut addresses = Vec::new();
    for _ in 0..50 {
        let container = launch(&mut launcher, A, &["nat", "one"]);
        addresses.extend(container.addresses.clone());
        end(&mut launcher, &container);
    }
    addresses.sort();
    addresses.dedup();
    assert_eq!(addresses.len(), 100, "none was another's before");
    eventually("all links are gone", || links() == "2\n2\n");
    assert_eq!(router(pid, settled), before);
}

#[test]
fn the_connections_of_a_container_end_with_it() {
    if !world::possible() {
        return;
    }
    let _world = World::new();
    let mut launcher = Launcher::start();
    let (a, b) = (launch(&mut launcher, A, &["nat"]), launch(&mut launcher, B, &["nat"]));
    assert!(reaches(&mut launcher, &a, WEB, 80) && reaches(&mut launcher, &a, WEB, 80));
    assert!(reaches(&mut launcher, &b, WEB, 80));
    let pid = launcher.process.id();
    let count = || router(pid, "cat /proc/sys/net/netfilter/nf_conntrack_count");
    // The kernel keeps each for two minutes after its last packet.
    assert_eq!(count(), "3\n");
    end(&mut launcher, &a);
    assert_eq!(count(), "1\n");
}

#[test]
fn without_the_program_that_loads_rules_a_launch_says_what_to_install() {
    if !world::possible() {
        return;
    }
    let _world = World::new();
    // In a mount namespace where it is not.
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS).unwrap();
    here("mount --make-rprivate /; mount -t tmpfs none /usr/sbin; mkdir -p /usr/sbin");
    let mut launcher = Launcher::start();
    match try_launch(&mut launcher, A, &["nat"]) {
        Reply::Failed(failure) => {
            assert_eq!(failure.kind, FailureKind::Unsupported);
            assert!(failure.message.contains("apt-get install nftables"), "{}", failure.message);
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(try_launch(&mut launcher, A, &[]), Reply::Launched { .. }));
}

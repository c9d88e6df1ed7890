//! The steps of process 1: it builds the root file system that every process of the container sees.

use std::ffi::CString;
use std::net::Ipv4Addr;

use rustix::mount::MountAttrFlags;

use super::network::name_server;
use super::{Action, Host, Join};
use crate::wire::{LaunchRequest, Stdio};

/// What is mounted on, and the directory of the files: in a layer above the image's, so that whatever an image has by these
/// names, a link above all, is covered.
const BASE_DIRECTORIES: [&str; 4] = ["dev", "etc", "proc", "sys"];

/// The only capability init keeps: to forward signals to processes of other users.
const CAP_KILL: u64 = 1 << 5;

/// Above the host's processes, below the container's others: with process 1 the whole container ends.
const OOM_SCORE: &str = "400";

pub(super) fn init_steps(request: &LaunchRequest, host: &Host, joins: &[Join]) -> Vec<Action> {
    let count = u16::try_from(request.layers.len()).expect("the number of layers is validated");
    let mut steps: Vec<Action> = host.join().into_iter().collect();
    steps.extend([
        Action::RaiseOomScore { score: OOM_SCORE.to_owned() },
        Action::BecomeRoot { set_groups: host.set_groups, hide: !host.rootless },
        Action::NewKeyring,
        Action::SetHostname { name: request.hostname.clone() },
        Action::RaiseLoopback,
        Action::MakeBaseLayer {
            directories: BASE_DIRECTORIES.map(String::from).to_vec(),
            files: files(request, joins),
        },
        Action::AttachLayers { count },
        Action::MountOverlay { options: overlay_options(count) },
    ]);
    steps.extend(proc_and_sys(host));
    steps.extend(devices(request));
    steps.push(Action::NewCgroupNamespace);
    if host.hierarchies.len() == 1 && host.hierarchies[0].version == 2 {
        let attributes = quiet() | MountAttrFlags::MOUNT_ATTR_RDONLY;
        steps.push(mount("cgroup2", "sys/fs/cgroup", &[], attributes));
    }
    if !request.directories.is_empty() {
        steps.push(Action::MakeDirectories { paths: request.directories.clone() });
    }
    if request.read_only {
        steps.push(Action::ProtectRoot);
    }
    steps.extend([
        Action::PivotRoot,
        Action::DetachHost,
        Action::BoundCapabilities { keep: CAP_KILL },
        Action::SetCapabilities { set: CAP_KILL },
        Action::NoNewPrivileges,
        Action::LoadSeccomp,
        Action::ExecuteInit,
    ]);
    steps
}

/// Files that tell a container who it is.
fn files(request: &LaunchRequest, joins: &[Join]) -> Vec<(String, String)> {
    // Others know it by this address, so that a server that binds to its own name can be reached.
    let own = joins.first().map_or(Ipv4Addr::new(127, 0, 1, 1), |join| join.address.address);
    let hosts = format!(
        "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n{own}\t{}\n",
        request.hostname
    );
    let resolver = match name_server(joins) {
        Some(address) => format!("nameserver {address}\noptions timeout:3\n"),
        // No network, no resolver: an empty list fails at once where a guessed one would time out.
        None => "# This container has no network.\n".to_owned(),
    };
    [("etc/hosts", hosts), ("etc/hostname", format!("{}\n", request.hostname)), ("etc/resolv.conf", resolver)]
        .map(|(path, contents)| (path.to_owned(), contents))
        .to_vec()
}

/// The base layer is attached at `base`, layer `n` at `n` and the writable one at `w`, relative to the staging directory.
fn overlay_options(count: u16) -> CString {
    let lower: Vec<String> = (0..count).map(|n| n.to_string()).collect();
    let options =
        format!("lowerdir=base:{},upperdir=w/upper,workdir=w/work,userxattr,volatile", lower.join(":"));
    CString::new(options).expect("made of digits and words")
}

fn proc_and_sys(host: &Host) -> Vec<Action> {
    let sysctl = |path: &str, value: &str| Action::WriteSysctl {
        path: format!("proc/sys/{path}"),
        value: value.to_owned(),
    };
    let mut steps = vec![mount("proc", "proc", &[], quiet())];
    if !host.rootless {
        // Every group may send echo requests, so that ping works for every user; see icmp(7).
        steps.push(sysctl("net/ipv4/ping_group_range", "0 65535"));
    }
    steps.extend([
        // The seccomp filter forbids new namespaces already; this holds even if it had a hole.
        sysctl("user/max_user_namespaces", "0"),
        mount("sysfs", "sys", &[], quiet() | MountAttrFlags::MOUNT_ATTR_RDONLY),
        Action::MaskFiles { paths: host.masked_files.clone() },
        Action::MaskDirectories { paths: host.masked_directories.clone() },
        Action::ProtectDirectories { paths: host.protected_directories.clone() },
    ]);
    steps
}

fn devices(request: &LaunchRequest) -> Vec<Action> {
    // Its pages count as the container's memory, and so do its files: one for each page is more than is ever needed.
    let shm_bytes = request.limits.shm_bytes;
    let (shm, shm_inodes) = (shm_bytes.to_string(), (shm_bytes / 4096).max(64).to_string());
    let no_exec = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    let links = [
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
        ("ptmx", "pts/ptmx"),
        ("core", "/proc/kcore"),
    ];
    let mut steps = vec![
        // Room for the nodes and links; what programs store here belongs into /dev/shm.
        mount("tmpfs", "dev", &[("size", "64k"), ("nr_inodes", "128"), ("mode", "755")], no_exec),
        Action::BindDevices { names: super::DEVICE_NODES.map(String::from).to_vec() },
        Action::MakeDeviceLinks {
            links: links.map(|(name, target)| (name.to_owned(), target.to_owned())).to_vec(),
        },
        Action::AttachDevpts,
    ];
    if matches!(request.process.stdio, Stdio::Terminal { .. }) {
        steps.push(Action::BindConsole);
    }
    steps.extend([
        mount("tmpfs", "dev/shm", &[("size", &shm), ("nr_inodes", &shm_inodes), ("mode", "1777")], quiet()),
        mount("mqueue", "dev/mqueue", &[], quiet()),
    ]);
    steps
}

/// Attributes of a file system that holds neither programs nor devices.
fn quiet() -> MountAttrFlags {
    MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV | MountAttrFlags::MOUNT_ATTR_NOEXEC
}

fn mount(fstype: &str, target: &str, options: &[(&str, &str)], attributes: MountAttrFlags) -> Action {
    Action::Mount {
        fstype: fstype.to_owned(),
        target: target.to_owned(),
        options: options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        attributes: u64::from(attributes.bits()),
    }
}

//! The words of each step: its call as one would type it, and one sentence on why it is taken.

use super::{Action, Storage, network};
use crate::wire::Address;

impl Action {
    pub(super) fn call(&self) -> String {
        match self {
            Self::MakeWritableLayer { container, storage, bytes, inodes } => {
                writable_layer(container, *storage, *bytes, *inodes)
            }
            Self::MakeCgroup { hierarchy, path } if hierarchy == "unified" => {
                format!("mkdir /sys/fs/cgroup{path}")
            }
            Self::MakeCgroup { hierarchy, path } => format!("mkdir /sys/fs/cgroup/{hierarchy}{path}"),
            Self::SetLimit { hierarchy, file, value } => format!("echo {value} > {hierarchy}:{file}"),
            Self::WatchMemory { hierarchy } => {
                format!("eventfd(), echo FD memory.oom_control > {hierarchy}:cgroup.event_control")
            }
            Self::AllowDevices { hierarchy, rules } => {
                format!("echo a > {hierarchy}:devices.deny; echo {{{}}} > devices.allow", rules.join(","))
            }
            Self::CloneLayers { layers, ids, idmapped: true } => format!(
                "open_tree(OPEN_TREE_CLONE), mount_setattr(MOUNT_ATTR_IDMAP, {} → {}) × {}",
                ids.store,
                ids.base,
                layers.len() + 1
            ),
            Self::CloneLayers { layers, idmapped: false, .. } => {
                format!("open_tree(OPEN_TREE_CLONE) × {}", layers.len() + 1)
            }
            Self::MakeDevpts { options } => format!("fsopen(\"devpts\", {})", pairs(options)),
            Self::CloneInit { namespaces, into_cgroup } => format!(
                "clone3(CLONE_{}{})",
                namespaces.join(" | CLONE_"),
                if *into_cgroup { " | CLONE_INTO_CGROUP" } else { "" }
            ),
            Self::MapIds { ids, .. } => format!("echo 0 {} {} > /proc/PID/uid_map", ids.base, ids.count),
            Self::OpenTerminal { rows, cols } => {
                format!("open(\"/dev/pts/ptmx\"), ioctl(TIOCGPTPEER), ioctl(TIOCSWINSZ, {rows}×{cols})")
            }
            Self::OpenPipes { stdin } => format!("pipe2() × {}", if *stdin { 3 } else { 2 }),
            Self::OpenNetwork => {
                "setns(CLONE_NEWNET), echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6".to_owned()
            }
            Self::MakeLink { join } => format!(
                "ip link add {}{} type veth peer name {} netns PID",
                join.link(),
                join.lab.map_or(String::new(), |lab| format!(" master {}", network::bridge(lab))),
                join.address.interface
            ),
            Self::RouteTo { join } => format!("ip route add {} dev {}", join.address.address, join.link()),
            Self::BindPort { join } => {
                format!(
                    "nft add element bridge porthole ports {{ {} . {} }}",
                    join.link(),
                    join.address.address
                )
            }
            Self::SetAddress { join } if join.lab.is_some() => {
                let Address { address, prefix, interface, .. } = &join.address;
                format!("ip addr add {address}/{prefix} dev {interface}; ip link set {interface} up")
            }
            Self::SetAddress { join } => {
                let Address { address, prefix, interface, .. } = &join.address;
                format!(
                    "ip addr add {address}/{prefix} dev {interface}; ip link set {interface} up; ip route add default via {} onlink",
                    join.router
                )
            }
            Self::CloneProcess => "setns(CLONE_NEWPID), clone3()".to_owned(),
            Self::JoinCgroups { hierarchies } => {
                format!("echo 0 > {{{}}}/tasks", hierarchies.join(","))
            }
            Self::RaiseOomScore { score } => format!("echo {score} > /proc/self/oom_score_adj"),
            Self::BecomeRoot { .. } => "setgroups(0), setresgid(0), setresuid(0)".to_owned(),
            Self::NewKeyring => "keyctl(KEYCTL_JOIN_SESSION_KEYRING)".to_owned(),
            Self::SetHostname { name } => format!("sethostname(\"{name}\")"),
            Self::RaiseLoopback => "ip link set lo up".to_owned(),
            Self::MakeBaseLayer { files, .. } => {
                let names: Vec<&str> = files.iter().map(|(path, _)| path.as_str()).collect();
                format!("mount(\"tmpfs\", \"base\"), write(/{{{}}})", names.join(","))
            }
            Self::AttachLayers { count } => format!("move_mount() × {}", u32::from(*count) + 1),
            Self::MountOverlay { options } => {
                format!("mount(\"overlay\", \"{}\", MS_NODEV)", options.to_string_lossy())
            }
            Self::Mount { fstype, target, options, .. } if options.is_empty() => {
                format!("mount(\"{fstype}\", \"/{target}\")")
            }
            Self::Mount { fstype, target, options, .. } => {
                format!("mount(\"{fstype}\", \"/{target}\", \"{}\")", pairs(options))
            }
            Self::WriteSysctl { path, value } => format!("echo {value} > /{path}"),
            Self::BindDevices { names } => format!("mount --bind /dev/{{{}}}", names.join(",")),
            Self::MakeDeviceLinks { links } => {
                let names: Vec<&str> = links.iter().map(|(name, _)| name.as_str()).collect();
                format!("symlink(/dev/{{{}}})", names.join(","))
            }
            Self::AttachDevpts => "move_mount(devpts, \"/dev/pts\")".to_owned(),
            Self::BindConsole => "mount --bind /dev/pts/0 /dev/console".to_owned(),
            Self::MaskFiles { paths } => format!("mount --bind /dev/null {}", rooted(paths)),
            Self::MaskDirectories { paths } => format!("mount --bind -o ro EMPTY {}", rooted(paths)),
            Self::ProtectDirectories { paths } => format!("mount --bind -o ro {}", rooted(paths)),
            Self::NewCgroupNamespace => "unshare(CLONE_NEWCGROUP)".to_owned(),
            Self::ProtectRoot => "mount_setattr(\"/\", MOUNT_ATTR_RDONLY)".to_owned(),
            Self::MakeDirectories { paths } => format!("mkdir -p {}", paths.join(" ")),
            Self::PivotRoot => "pivot_root(\".\", \".\")".to_owned(),
            Self::DetachHost => "umount2(\".\", MNT_DETACH)".to_owned(),
            Self::LimitResources { limits } => {
                let limits: Vec<String> =
                    limits.iter().map(|(name, soft, hard)| format!("{name}={soft}:{hard}")).collect();
                format!("prlimit(--{})", limits.join(" --"))
            }
            Self::JoinNamespaces { .. } => {
                "setns(CLONE_NEWUSER | NEWNS | NEWNET | NEWIPC | NEWUTS | NEWCGROUP), setresuid(0)".to_owned()
            }
            Self::ControlTerminal => "setsid(), ioctl(TIOCSCTTY), dup2(0, 1, 2)".to_owned(),
            Self::ConnectPipes { .. } => "setsid(), dup2(0, 1, 2)".to_owned(),
            Self::EnterDirectory { path } => format!("chdir(\"{path}\")"),
            Self::BecomeUser { uid, gid, groups, .. } => {
                format!("setgroups({groups:?}), setresgid({gid}), setresuid({uid})")
            }
            Self::BoundCapabilities { keep } => format!("prctl(PR_CAPBSET_DROP, all but {keep:#x})"),
            Self::SetCapabilities { set } => format!("capset({set:#x})"),
            Self::NoNewPrivileges => "prctl(PR_SET_NO_NEW_PRIVS)".to_owned(),
            Self::LoadSeccomp => "seccomp(SECCOMP_SET_MODE_FILTER)".to_owned(),
            Self::ExecuteInit => "execveat(memfd, AT_EMPTY_PATH)".to_owned(),
            Self::Execute { command } => format!("execve(\"{command}\")"),
            Self::WriteBundle { path } => format!("write({path}/config.json)"),
            Self::OpenConsole { path } => format!("socket(AF_UNIX), bind(\"{path}\"), listen()"),
            Self::CloneMounter => "clone3(CLONE_NEWUSER | CLONE_NEWNS)".to_owned(),
            Self::OfferRoot => "open_tree(\"root\", OPEN_TREE_CLONE)".to_owned(),
            Self::CloneRuntime => "clone3(CLONE_NEWNS)".to_owned(),
            Self::TakeRoot => "pidfd_getfd(mounter), move_mount(\"root\")".to_owned(),
            Self::MakeNetwork => "unshare(CLONE_NEWNET), ip link set lo up".to_owned(),
            Self::TakeNetwork => "open_tree(netns, OPEN_TREE_CLONE), move_mount(\"net\")".to_owned(),
            Self::TakeUsers => "open_tree(userns, OPEN_TREE_CLONE), move_mount(\"users\")".to_owned(),
            Self::HideCgroups { points } => format!("umount {}", points.join(" ")),
            Self::RunBundle { arguments } | Self::RunProcess { arguments } => arguments.join(" "),
        }
    }

    pub(super) fn why(&self) -> &'static str {
        match self {
            Self::MakeWritableLayer { storage: Storage::None, .. } => {
                "One directory for everything this container will write."
            }
            Self::MakeWritableLayer { .. } => "Room for everything this container will write, and no more.",
            Self::MakeCgroup { .. } => "A control group of its own, to limit and count what it uses.",
            Self::SetLimit { file, .. } if matches!(file.as_str(), "cpu.shares" | "cpu.weight") => {
                "Little weight where CPUs are short, until it has shown that it uses little of them."
            }
            Self::SetLimit { .. } => "The limit, set before anything runs in there.",
            Self::WatchMemory { .. } => {
                "Tells when memory has run out: the whole container ends then, not a part of it."
            }
            Self::AllowDevices { .. } => "Refuses every device but the harmless ones.",
            Self::CloneLayers { idmapped: true, .. } => {
                "The image's layers, shared by all containers, shown with this container's own user ids."
            }
            Self::CloneLayers { .. } => "The image's layers, shared by all containers.",
            Self::MakeDevpts { .. } => "A terminal device file system of its own, apart from the host's.",
            Self::CloneInit { .. } => "Process 1, in new namespaces: it sees none of what is outside them.",
            Self::MapIds { .. } => "Root inside is an ordinary user outside.",
            Self::OpenTerminal { .. } => {
                "The terminal of the first process; the launcher keeps its other end."
            }
            Self::OpenPipes { .. } => "The first process's standard streams.",
            Self::OpenNetwork => "Its network namespace, without IPv6 but on the loopback.",
            Self::MakeLink { .. } => {
                "A cable: one end in the container, the other in a router apart from the host."
            }
            Self::RouteTo { .. } => "The router finds it by its address, and takes no other address from it.",
            Self::BindPort { .. } => "The bridge takes nothing from it but what bears its own addresses.",
            Self::SetAddress { join } if join.lab.is_some() => "Its place in the lab network.",
            Self::SetAddress { .. } => "Its address, and the router as the way to everything else.",
            Self::CloneProcess => "The first process, in the container's process id namespace.",
            Self::JoinCgroups { .. } => "Under the limits, before anything else.",
            Self::RaiseOomScore { .. } => "When memory runs out, the kernel ends containers before the host.",
            Self::BecomeRoot { .. } => "Takes the user id that the map gives to root inside.",
            Self::NewKeyring => "Leaves the host's keyring, whose keys would else be shared.",
            Self::SetHostname { .. } => "The host name, private to its UTS namespace.",
            Self::RaiseLoopback => "The only interface of its network namespace.",
            Self::MakeBaseLayer { .. } => {
                "Its own names, and the places to mount on, in a small layer above the image."
            }
            Self::AttachLayers { .. } => "The layers become reachable for process 1, and for nobody else.",
            Self::MountOverlay { .. } => "One tree: read-only layers below, the writable layer above.",
            Self::Mount { fstype, .. } => match fstype.as_str() {
                "proc" => "The processes of its own process id namespace.",
                "sysfs" => "The kernel's devices, read-only.",
                "mqueue" => "The message queues of its own IPC namespace.",
                "cgroup2" => "Its own control group, read-only.",
                _ => "A file system in memory, of limited size.",
            },
            Self::WriteSysctl { .. } => "A kernel setting of its own namespaces.",
            Self::BindDevices { .. } => "The harmless devices every program expects; no others can be made.",
            Self::MakeDeviceLinks { .. } => "Links every program expects in /dev.",
            Self::AttachDevpts => "Its terminals appear inside.",
            Self::BindConsole => "The console is its own terminal.",
            Self::MaskFiles { .. } => "Files that tell about the host read as empty.",
            Self::MaskDirectories { .. } => "Directories that tell about the host look empty.",
            Self::ProtectDirectories { .. } => "Settings of the kernel can be read and not be changed.",
            Self::NewCgroupNamespace => "Its control group looks like the topmost one.",
            Self::MakeDirectories { .. } => "Directories the image says its programs need.",
            Self::ProtectRoot => "No file of the root can be changed.",
            Self::PivotRoot => "The new tree becomes the root.",
            Self::DetachHost => "The host's file systems are gone from here.",
            Self::LimitResources { .. } => "Limits each process inherits.",
            Self::JoinNamespaces { .. } => "Into the namespaces that process 1 has prepared.",
            Self::ControlTerminal => "Ctrl-C and window size reach this process through its terminal.",
            Self::ConnectPipes { .. } => "Input and output go through pipes.",
            Self::EnterDirectory { .. } => "The working directory, found without leaving the container.",
            Self::BecomeUser { .. } => "The user it runs as.",
            Self::BoundCapabilities { .. } => "Parts of root's power that can never be had again.",
            Self::SetCapabilities { .. } => "The parts of root's power that are left.",
            Self::NoNewPrivileges => "No program it starts can give it more.",
            Self::LoadSeccomp => "From here on the kernel refuses system calls that containers do not need.",
            Self::ExecuteInit => "A small program that reaps orphans, from memory that nobody can change.",
            Self::Execute { .. } => "Becomes the command.",
            Self::WriteBundle { .. } => "The same container in the words of the OCI runtime specification.",
            Self::OpenConsole { .. } => "Where the runtime sends the terminal it makes inside.",
            Self::CloneMounter => {
                "A helper with the container's own user ids: it puts the root together with no more power than those have."
            }
            Self::OfferRoot => "The finished tree, for the runtime to take.",
            Self::CloneRuntime => "The runtime's process, with a view of the mounts that nobody else shares.",
            Self::TakeRoot => "The tree becomes the bundle's root, for the runtime alone.",
            Self::MakeNetwork => {
                "A network namespace that is ready before its kernel starts, which takes over all that it finds there."
            }
            Self::TakeNetwork => "It gets a name, for the runtime alone.",
            Self::TakeUsers => {
                "Setuid programs count only in the user namespace that the root was mounted in."
            }
            Self::HideCgroups { .. } => {
                "What limits the container is set already: the runtime is to leave it alone."
            }
            Self::RunBundle { .. } => "The runtime makes the namespaces and starts process 1 in them.",
            Self::RunProcess { .. } => "The runtime starts the first process beside process 1.",
        }
    }
}

fn writable_layer(container: &str, storage: Storage, bytes: u64, inodes: u64) -> String {
    match storage {
        Storage::None => format!("mkdir containers/{container}/upper containers/{container}/work"),
        Storage::Quota => format!(
            "mkdir containers/{container}/upper containers/{container}/work; quotactl(Q_SETQUOTA, {bytes} bytes, {inodes} inodes)"
        ),
        Storage::Image => format!("mount(\"ext4\", LO_FLAGS_AUTOCLEAR, {bytes} bytes, {inodes} inodes)"),
    }
}

fn pairs(options: &[(String, String)]) -> String {
    options.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}

fn rooted(paths: &[String]) -> String {
    paths.iter().map(|path| format!("/{path}")).collect::<Vec<_>>().join(" ")
}

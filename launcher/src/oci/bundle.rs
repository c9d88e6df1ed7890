//! The plan in the words of the OCI runtime specification 1.0 (`config.json`).
//!
//! It is written from the steps that the engine of our own takes, one by one, so that both make the same container. A step
//! that has no word here is an error, and no container.

use std::path::Path;

use rustix::mount::MountAttrFlags;
use rustix::thread::CapabilitySet;

use super::json::Json;
use crate::plan::{Action, Actor, Ids, Step};
use crate::seccomp::{Argument, Rule, rules};
use crate::wire::{EngineKind, ProcessRequest, Stdio};

/// Where process 1 is inside.
pub(super) const INIT: &str = "/.porthole-init";

/// What a bundle is made of beside the plan.
#[derive(Debug)]
pub(super) struct Paths<'a> {
    /// The root file system.
    pub(super) root: &'a Path,
    /// The program that becomes process 1.
    pub(super) init: &'a Path,
    /// The network namespace, where the runtime is given one.
    pub(super) network: Option<&'a Path>,
    /// The user namespace, the same.
    pub(super) users: Option<&'a Path>,
    /// The container's directory in every hierarchy.
    pub(super) cgroup: &'a str,
}

/// The container of `plan`; the error is the step that cannot be said.
pub(super) fn config(plan: &[Step], engine: EngineKind, paths: &Paths<'_>) -> Result<Json, String> {
    let mut config = Config { engine, ..Config::default() };
    for step in plan {
        let told = match step.actor {
            Actor::Launcher => config.launcher(&step.action),
            Actor::Init => config.init(&step.action),
            Actor::Process | Actor::Mounter | Actor::Runtime => true,
        };
        if !told {
            return Err(step.call());
        }
    }
    let init = ProcessRequest {
        argv: vec![INIT.to_owned(), "uname".to_owned()],
        env: Vec::new(),
        cwd: "/".to_owned(),
        uid: 0,
        gid: 0,
        groups: Vec::new(),
        stdio: Stdio::Pipes { stdin: false },
        tag: 0,
    };
    let first = process(plan, Actor::Init, &init)?;
    let ids = config.ids.ok_or("no user ids")?;
    let mapping =
        Json::object([("containerID", 0u32.into()), ("hostID", ids.base.into()), ("size", ids.count.into())]);
    config.mounts.push(Json::object([
        ("destination", Json::text(INIT)),
        ("type", "bind".into()),
        ("source", paths.init.to_string_lossy().into_owned().into()),
        ("options", Json::list(["bind", "ro", "nosuid", "nodev"])),
    ]));
    let namespaces = ["user", "mount", "pid", "network", "ipc", "uts", "cgroup"].map(|kind| {
        let path = match kind {
            "network" => paths.network,
            "user" => paths.users,
            _ => None,
        };
        let path = path.map(|path| ("path", path.to_string_lossy().into_owned().into()));
        Json::object([("type", kind.into())].into_iter().chain(path))
    });
    let linux = Json::object([
        ("namespaces", Json::list(namespaces)),
        ("uidMappings", Json::list([mapping.clone()])),
        ("gidMappings", Json::list([mapping])),
        ("cgroupsPath", paths.cgroup.into()),
        ("resources", Json::object([("devices", Json::List(config.devices))])),
        ("sysctl", Json::Object(config.sysctl)),
        ("maskedPaths", Json::List(config.masked)),
        ("readonlyPaths", Json::List(config.read_only)),
        ("seccomp", seccomp()),
    ]);
    let root = Json::object([
        ("path", paths.root.to_string_lossy().into_owned().into()),
        ("readonly", config.root_read_only.into()),
    ]);
    Ok(Json::object([
        ("ociVersion", "1.0.2".into()),
        ("hostname", config.hostname.into()),
        ("process", first),
        ("root", root),
        ("mounts", Json::List(config.mounts)),
        ("linux", linux),
    ]))
}

#[derive(Default)]
struct Config {
    engine: EngineKind,
    hostname: String,
    ids: Option<Ids>,
    devpts: Vec<(String, String)>,
    mounts: Vec<Json>,
    masked: Vec<Json>,
    read_only: Vec<Json>,
    sysctl: Vec<(String, Json)>,
    devices: Vec<Json>,
    root_read_only: bool,
}

impl Config {
    fn launcher(&mut self, action: &Action) -> bool {
        match action {
            Action::AllowDevices { rules, .. } => {
                let all = Json::object([("allow", false.into()), ("access", "rwm".into())]);
                self.devices =
                    [all].into_iter().chain(rules.iter().filter_map(|rule| device(rule))).collect();
            }
            Action::CloneLayers { ids, .. } => self.ids = Some(*ids),
            Action::MakeDevpts { options } => self.devpts.clone_from(options),
            // The launcher's own, whoever runs the container.
            _ => {}
        }
        true
    }

    fn init(&mut self, action: &Action) -> bool {
        match action {
            Action::SetHostname { name } => self.hostname.clone_from(name),
            Action::Mount { fstype, target, options, attributes } => {
                // gVisor has its own.
                if self.engine != EngineKind::Runsc || !matches!(fstype.as_str(), "mqueue" | "cgroup2") {
                    self.mount(fstype, target, options.clone(), *attributes);
                }
            }
            Action::AttachDevpts => {
                let base = self.ids.map_or(0, |ids| ids.base);
                let inside = |(key, value): &(String, String)| match value.parse::<u32>() {
                    Ok(gid) if key == "gid" => (key.clone(), gid.saturating_sub(base).to_string()),
                    _ => (key.clone(), value.clone()),
                };
                let mut options: Vec<_> = self.devpts.iter().map(inside).collect();
                options.push(("newinstance".to_owned(), String::new()));
                let quiet = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NOEXEC;
                self.mount("devpts", "dev/pts", options, quiet.bits().into());
            }
            Action::WriteSysctl { path, value } => {
                let name = path.trim_start_matches("proc/sys/").replace('/', ".");
                // Runtimes set those of the network; the others guard what the filter forbids already. gVisor has none.
                if name.starts_with("net.") && self.engine != EngineKind::Runsc {
                    self.sysctl.push((name, value.clone().into()));
                }
            }
            Action::MaskFiles { paths } | Action::MaskDirectories { paths } => {
                self.masked.extend(paths.iter().map(|path| Json::text(format!("/{path}"))));
            }
            Action::ProtectDirectories { paths } => {
                self.read_only.extend(paths.iter().map(|path| Json::text(format!("/{path}"))));
            }
            Action::ProtectRoot => self.root_read_only = true,
            // Every runtime does these unasked, or the launcher and the mounter have.
            Action::JoinCgroups { .. }
            | Action::RaiseOomScore { .. }
            | Action::BecomeRoot { .. }
            | Action::NewKeyring
            | Action::RaiseLoopback
            | Action::MakeBaseLayer { .. }
            | Action::AttachLayers { .. }
            | Action::MountOverlay { .. }
            | Action::BindDevices { .. }
            | Action::MakeDeviceLinks { .. }
            | Action::BindConsole
            | Action::NewCgroupNamespace
            | Action::MakeDirectories { .. }
            | Action::PivotRoot
            | Action::DetachHost
            | Action::BoundCapabilities { .. }
            | Action::SetCapabilities { .. }
            | Action::NoNewPrivileges
            | Action::LoadSeccomp
            | Action::ExecuteInit => {}
            _ => return false,
        }
        true
    }

    fn mount(&mut self, fstype: &str, target: &str, options: Vec<(String, String)>, attributes: u64) {
        let flags = [
            (MountAttrFlags::MOUNT_ATTR_NOSUID, "nosuid"),
            (MountAttrFlags::MOUNT_ATTR_NODEV, "nodev"),
            (MountAttrFlags::MOUNT_ATTR_NOEXEC, "noexec"),
            (MountAttrFlags::MOUNT_ATTR_RDONLY, "ro"),
        ];
        let flags = flags.into_iter().filter(|(flag, _)| attributes & u64::from(flag.bits()) != 0);
        let options = options.into_iter().map(|(key, value)| match value.as_str() {
            "" => key,
            value => format!("{key}={value}"),
        });
        let options = flags.map(|(_, name)| name.to_owned()).chain(options);
        self.mounts.push(Json::object([
            ("destination", Json::text(format!("/{target}"))),
            ("type", if fstype == "cgroup2" { "cgroup" } else { fstype }.into()),
            ("source", fstype.into()),
            ("options", Json::list(options)),
        ]));
    }
}

/// The process that `request` asks for, with what the steps of `actor` give to it.
pub(super) fn process(plan: &[Step], actor: Actor, request: &ProcessRequest) -> Result<Json, String> {
    let mut fields: Vec<(&str, Json)> = vec![
        ("args", Json::list(request.argv.iter().cloned())),
        ("env", Json::list(request.env.iter().cloned())),
        ("cwd", request.cwd.as_str().into()),
        ("terminal", matches!(request.stdio, Stdio::Terminal { .. }).into()),
        (
            "user",
            Json::object([
                ("uid", request.uid.into()),
                ("gid", request.gid.into()),
                ("additionalGids", Json::list(request.groups.iter().copied())),
            ]),
        ),
    ];
    if let Stdio::Terminal { rows, cols } = request.stdio {
        let size = Json::object([("height", u32::from(rows).into()), ("width", u32::from(cols).into())]);
        fields.push(("consoleSize", size));
    }
    let (mut bounding, mut set, mut limited) = (0, 0, false);
    for action in plan.iter().filter(|step| step.actor == actor).map(|step| &step.action) {
        match action {
            Action::RaiseOomScore { score } => {
                fields.push(("oomScoreAdj", score.parse::<u32>().map_err(|_| action_name(action))?.into()));
            }
            Action::LimitResources { limits } => {
                limited = true;
                fields.push(("rlimits", Json::list(limits.iter().map(rlimit))));
            }
            Action::BoundCapabilities { keep } => bounding = *keep,
            Action::SetCapabilities { set: had } => set = *had,
            Action::NoNewPrivileges => fields.push(("noNewPrivileges", true.into())),
            // Process 1 does more than that; see `Config::init`.
            _ if actor == Actor::Init => {}
            Action::JoinCgroups { .. }
            | Action::JoinNamespaces { .. }
            | Action::ControlTerminal
            | Action::ConnectPipes { .. }
            | Action::EnterDirectory { .. }
            | Action::BecomeUser { .. }
            | Action::NewKeyring
            | Action::LoadSeccomp
            | Action::Execute { .. } => {}
            other => return Err(action_name(other)),
        }
    }
    if !limited {
        let none = ("core".to_owned(), 0, 0);
        fields.push(("rlimits", Json::list([rlimit(&none)])));
    }
    let sets = [("bounding", bounding), ("effective", set), ("permitted", set)];
    let sets = sets.map(|(name, set)| (name, capabilities(set)));
    let none = ["inheritable", "ambient"].map(|name| (name, Json::List(Vec::new())));
    fields.push(("capabilities", Json::object(sets.into_iter().chain(none))));
    Ok(Json::object(fields))
}

fn action_name(action: &Action) -> String {
    Step::process(action.clone()).call()
}

fn rlimit((name, soft, hard): &(String, u64, u64)) -> Json {
    Json::object([
        ("type", Json::text(format!("RLIMIT_{}", name.to_uppercase()))),
        ("soft", (*soft).into()),
        ("hard", (*hard).into()),
    ])
}

fn capabilities(set: u64) -> Json {
    let names = CapabilitySet::from_bits_truncate(set);
    Json::list(names.iter_names().map(|(name, _)| format!("CAP_{name}")))
}

/// A rule of the devices controller, such as `c 1:3 rw`.
fn device(rule: &str) -> Option<Json> {
    let mut words = rule.split(' ');
    let (kind, (major, minor), access) = (words.next()?, words.next()?.split_once(':')?, words.next()?);
    let mut fields = vec![("allow", true.into()), ("type", kind.into()), ("access", access.into())];
    for (name, number) in [("major", major), ("minor", minor)] {
        // A number that is left out stands for all.
        fields.extend(number.parse::<u32>().ok().map(|number| (name, number.into())));
    }
    Some(Json::object(fields))
}

fn seccomp() -> Json {
    let native = if cfg!(target_arch = "aarch64") { "SCMP_ARCH_AARCH64" } else { "SCMP_ARCH_X86_64" };
    Json::object([
        ("defaultAction", "SCMP_ACT_ERRNO".into()),
        ("defaultErrnoRet", errno(nix::libc::EPERM)),
        ("architectures", Json::list([native])),
        ("syscalls", Json::list(rules().iter().map(syscalls))),
    ])
}

fn syscalls(rule: &Rule) -> Json {
    let action = if rule.errno.is_some() { "SCMP_ACT_ERRNO" } else { "SCMP_ACT_ALLOW" };
    let mut fields = vec![("names", Json::list(rule.names.iter().copied())), ("action", action.into())];
    fields.extend(rule.errno.map(|number| ("errnoRet", errno(number))));
    if !rule.arguments.is_empty() {
        fields.push(("args", Json::list(rule.arguments.iter().map(argument))));
    }
    Json::object(fields)
}

fn argument(Argument { index, mask, value }: &Argument) -> Json {
    Json::object([
        ("index", (*index).into()),
        ("value", (*mask).into()),
        ("valueTwo", (*value).into()),
        ("op", "SCMP_CMP_MASKED_EQ".into()),
    ])
}

fn errno(number: i32) -> Json {
    number.unsigned_abs().into()
}

//! One step of a plan.

use std::ffi::CString;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Ids, Join, Storage};

/// One step: who does what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    pub(crate) actor: Actor,
    pub(crate) action: Action,
}

/// Who takes a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Actor {
    /// The launcher, with the host's privilege.
    Launcher,
    /// Process 1 of the container, before it becomes its init.
    Init,
    /// The started process, before it becomes its command.
    Process,
    /// A helper that assembles the root file system for a runtime, with no more privilege than the container's root.
    Mounter,
    /// A process that becomes an OCI runtime.
    Runtime,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Launcher => "launcher",
            Self::Init => "init",
            Self::Process => "process",
            Self::Mounter => "mounter",
            Self::Runtime => "runtime",
        })
    }
}

impl Step {
    pub(crate) fn launcher(action: Action) -> Self {
        Self { actor: Actor::Launcher, action }
    }

    pub(crate) fn init(action: Action) -> Self {
        Self { actor: Actor::Init, action }
    }

    pub(crate) fn process(action: Action) -> Self {
        Self { actor: Actor::Process, action }
    }

    pub(crate) fn mounter(action: Action) -> Self {
        Self { actor: Actor::Mounter, action }
    }

    pub(crate) fn runtime(action: Action) -> Self {
        Self { actor: Actor::Runtime, action }
    }

    /// Who takes it.
    #[must_use]
    pub fn actor(&self) -> Actor {
        self.actor
    }

    /// The system call or write, as one would type it.
    #[must_use]
    pub fn call(&self) -> String {
        self.action.call()
    }

    /// One sentence on what it does and why.
    #[must_use]
    pub fn why(&self) -> &'static str {
        self.action.why()
    }
}

/// What a step does. Strings that a child hands to the kernel are shorter than 256 bytes or C strings already, because
/// rustix converts those without allocating.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(
    missing_docs,
    reason = "each variant's call() and why() say what it is, its fields are the call's arguments"
)]
pub enum Action {
    MakeWritableLayer { container: String, storage: Storage, bytes: u64, inodes: u64 },
    MakeCgroup { hierarchy: String, path: String },
    SetLimit { hierarchy: String, file: String, value: String },
    WatchMemory { hierarchy: String },
    AllowDevices { hierarchy: String, rules: Vec<String> },
    CloneLayers { layers: Vec<String>, ids: Ids, idmapped: bool },
    MakeDevpts { options: Vec<(String, String)> },
    CloneInit { namespaces: Vec<String>, into_cgroup: bool },
    MapIds { ids: Ids, set_groups: bool },
    OpenTerminal { rows: u16, cols: u16 },
    OpenPipes { stdin: bool },
    OpenNetwork,
    MakeLink { join: Box<Join> },
    RouteTo { join: Box<Join> },
    BindPort { join: Box<Join> },
    SetAddress { join: Box<Join> },
    CloneProcess,
    JoinCgroups { hierarchies: Vec<String> },

    RaiseOomScore { score: String },
    BecomeRoot { set_groups: bool, hide: bool },
    NewKeyring,
    SetHostname { name: String },
    RaiseLoopback,
    MakeBaseLayer { directories: Vec<String>, files: Vec<(String, String)> },
    AttachLayers { count: u16 },
    MountOverlay { options: CString },
    Mount { fstype: String, target: String, options: Vec<(String, String)>, attributes: u64 },
    WriteSysctl { path: String, value: String },
    BindDevices { names: Vec<String> },
    MakeDeviceLinks { links: Vec<(String, String)> },
    AttachDevpts,
    BindConsole,
    MaskFiles { paths: Vec<String> },
    MaskDirectories { paths: Vec<String> },
    ProtectDirectories { paths: Vec<String> },
    NewCgroupNamespace,
    MakeDirectories { paths: Vec<String> },
    ProtectRoot,
    PivotRoot,
    DetachHost,

    LimitResources { limits: Vec<(String, u64, u64)> },
    JoinNamespaces { set_groups: bool },
    ControlTerminal,
    ConnectPipes { stdin: bool },
    EnterDirectory { path: String },
    BecomeUser { uid: u32, gid: u32, groups: Vec<u32>, set_groups: bool },
    BoundCapabilities { keep: u64 },
    SetCapabilities { set: u64 },
    NoNewPrivileges,
    LoadSeccomp,
    ExecuteInit,
    Execute { command: String },

    WriteBundle { path: String },
    OpenConsole { path: String },
    CloneMounter,
    OfferRoot,
    CloneRuntime,
    TakeRoot,
    HideCgroups { points: Vec<String> },
    RunBundle { arguments: Vec<String> },
    RunProcess { arguments: Vec<String> },
    MakeNetwork,
    TakeNetwork,
    TakeUsers,
}

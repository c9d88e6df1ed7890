//! What runs between `clone` and `execve` in a new process: its part of the plan, step by step.
//!
//! Nothing here allocates, locks or panics on purpose. Everything a step needs was prepared before the clone; the outcome
//! goes to the shared page.

mod identity;
mod root;
mod runtime;
mod streams;

use std::os::fd::{BorrowedFd, OwnedFd};

use nix::libc::sock_filter;
use rustix::io::Errno;
use rustix::process::{
    DumpableBehavior, Signal as Kill, set_dumpable_behavior, set_parent_process_death_signal,
};

use crate::page::{Page, Signal};
use crate::plan::{Action, Actor, Step};
use crate::program::Program;
use crate::sys;
pub(crate) use root::layer_name;
pub(crate) use runtime::{NETWORK, USERS};

/// What the steps of one child work with.
#[derive(Debug)]
pub(crate) struct Materials<'a> {
    /// Files that move who writes `0` into them into the container's cgroups.
    pub(crate) entrances: &'a [OwnedFd],
    /// Detached clones of the layers, topmost first, then of the writable one.
    pub(crate) layers: &'a [OwnedFd],
    /// The container's devpts.
    pub(crate) devpts: Option<BorrowedFd<'a>>,
    /// Standard streams; `None` is /dev/null.
    pub(crate) stdio: [Option<BorrowedFd<'a>>; 3],
    /// The pidfd of the container's process 1; for a runtime, of its mounter.
    pub(crate) init: Option<BorrowedFd<'a>>,
    /// The network namespace that a runtime is given; none where it makes that itself.
    pub(crate) network: Option<BorrowedFd<'a>>,
    /// The user namespace of the same.
    pub(crate) users: Option<BorrowedFd<'a>>,
    /// Reads as closed once process 1 has executed the container's init. Without root that cannot hide its memory and
    /// descriptors, which are the launcher's until then; so nothing of the container may run before.
    pub(crate) init_open: Option<BorrowedFd<'a>>,
    /// The compiled seccomp filter.
    pub(crate) filter: &'a [sock_filter],
    /// What to become.
    pub(crate) program: &'a Program,
}

/// Takes the steps of `actor` and never returns: it has become another program, or it exits with 125 after it has
/// recorded the failure.
pub(crate) fn run(actor: Actor, steps: &[Step], page: &Page, materials: &Materials<'_>) -> ! {
    let mut child = Child { page, materials, root: None };
    for (index, step) in steps.iter().enumerate().filter(|(_, step)| step.actor == actor) {
        if let Err(errno) = child.take(index, &step.action) {
            page.fail(index, errno);
            break;
        }
    }
    sys::exit(125)
}

struct Child<'a> {
    page: &'a Page,
    materials: &'a Materials<'a>,
    /// The container's root, from its mount on.
    root: Option<OwnedFd>,
}

impl Child<'_> {
    fn take(&mut self, index: usize, action: &Action) -> Result<(), Errno> {
        // Waiting is no step: it counts for those who are waited for.
        match action {
            Action::BecomeRoot { .. } => self.page.wait(Signal::Mapped)?,
            Action::JoinNamespaces { .. } => {
                self.page.wait(Signal::RootReady)?;
                if let Some(open) = self.materials.init_open {
                    rustix::io::read(open, &mut [0; 1])?;
                }
            }
            Action::TakeRoot => self.page.wait(Signal::RootReady)?,
            _ => {}
        }
        self.page.begin(index);
        self.perform(action)?;
        self.page.end(index);
        match action {
            Action::DetachHost => self.page.raise(Signal::RootReady),
            Action::OfferRoot => {
                self.page.raise(Signal::RootReady);
                // Until it is killed: the descriptor is open as long as it lives.
                loop {
                    nix::unistd::pause();
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn perform(&mut self, action: &Action) -> Result<(), Errno> {
        match action {
            Action::JoinCgroups { .. } => identity::join_cgroups(self.materials.entrances),
            Action::RaiseOomScore { score } => identity::raise_oom_score(score),
            Action::BecomeRoot { set_groups, hide } => {
                guard(*hide)?;
                identity::become_user(0, 0, &[], *set_groups)?;
                // Changing the user has cleared both.
                guard(*hide)
            }
            Action::NewKeyring => identity::new_keyring(),
            Action::SetHostname { name } => rustix::system::sethostname(name.as_bytes()),
            Action::RaiseLoopback => sys::raise_loopback().map_err(errno),
            Action::MakeBaseLayer { directories, files } => root::make_base(directories, files),
            Action::AttachLayers { .. } => root::attach_layers(self.materials.layers),
            Action::MountOverlay { options } => {
                self.root = Some(root::mount_overlay(options)?);
                Ok(())
            }
            Action::Mount { fstype, target, options, attributes } => {
                root::mount(self.root()?, fstype, target, options, *attributes)
            }
            Action::WriteSysctl { path, value } => root::write_sysctl(self.root()?, path, value),
            Action::BindDevices { names } => root::bind_devices(self.root()?, names),
            Action::MakeDeviceLinks { links } => root::make_links(self.root()?, links),
            Action::AttachDevpts => {
                root::attach(self.materials.devpts.ok_or(Errno::BADF)?, self.root()?, "dev/pts")
            }
            Action::BindConsole => {
                root::bind_console(self.root()?, self.materials.stdio[0].ok_or(Errno::BADF)?)
            }
            Action::MaskFiles { paths } => root::mask(self.root()?, paths, "dev/null"),
            Action::MaskDirectories { paths } => root::mask(self.root()?, paths, "empty"),
            Action::ProtectDirectories { paths } => root::protect(self.root()?, paths),
            Action::NewCgroupNamespace => {
                nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWCGROUP).map_err(from_nix)
            }
            Action::MakeDirectories { paths } => root::make_directories(self.root()?, paths),
            Action::ProtectRoot => root::protect_root(self.root()?),
            Action::PivotRoot => root::pivot(self.root()?),
            Action::DetachHost => root::detach_host(),
            Action::LimitResources { limits } => identity::limit_resources(limits),
            Action::JoinNamespaces { set_groups } => {
                guard_memory()?;
                identity::join_namespaces(self.materials.init.ok_or(Errno::BADF)?)?;
                // The host's root has no name in there and could create no file.
                identity::become_user(0, 0, &[], *set_groups)?;
                guard_memory()
            }
            Action::ControlTerminal => streams::control_terminal(self.materials.stdio[0].ok_or(Errno::BADF)?),
            Action::ConnectPipes { .. } => streams::connect(&self.materials.stdio),
            Action::EnterDirectory { path } => streams::enter_directory(path),
            Action::BecomeUser { uid, gid, groups, set_groups } => {
                identity::become_user(*uid, *gid, groups, *set_groups)?;
                guard_memory()
            }
            Action::BoundCapabilities { keep } => identity::bound_capabilities(*keep),
            Action::SetCapabilities { set } => identity::set_capabilities(*set),
            Action::NoNewPrivileges => rustix::thread::set_no_new_privs(true),
            Action::LoadSeccomp => {
                sys::default_signals().map_err(errno)?;
                sys::load_seccomp(self.materials.filter).map_err(errno)
            }
            Action::ExecuteInit => {
                streams::connect(&[None; 3])?;
                self.become_program()
            }
            Action::Execute { .. } => self.become_program(),
            Action::OfferRoot => runtime::offer_root(self.page),
            Action::TakeRoot => runtime::take_root(self.page, self.materials.init.ok_or(Errno::BADF)?),
            Action::TakeNetwork => {
                runtime::take_namespace(self.materials.network.ok_or(Errno::BADF)?, NETWORK)
            }
            Action::TakeUsers => runtime::take_namespace(self.materials.users.ok_or(Errno::BADF)?, USERS),
            Action::HideCgroups { points } => runtime::hide(points),
            Action::RunBundle { .. } | Action::RunProcess { .. } => {
                set_parent_process_death_signal(Some(Kill::KILL))?;
                sys::default_signals().map_err(errno)?;
                streams::connect(&self.materials.stdio)?;
                self.become_program()
            }
            Action::WriteBundle { .. }
            | Action::OpenConsole { .. }
            | Action::CloneMounter
            | Action::CloneRuntime
            | Action::MakeWritableLayer { .. }
            | Action::MakeCgroup { .. }
            | Action::SetLimit { .. }
            | Action::AllowDevices { .. }
            | Action::CloneLayers { .. }
            | Action::MakeDevpts { .. }
            | Action::CloneInit { .. }
            | Action::MapIds { .. }
            | Action::OpenTerminal { .. }
            | Action::OpenPipes { .. }
            | Action::WatchMemory { .. }
            | Action::OpenNetwork
            | Action::MakeNetwork
            | Action::MakeLink { .. }
            | Action::RouteTo { .. }
            | Action::BindPort { .. }
            | Action::SetAddress { .. }
            | Action::CloneProcess => Err(Errno::NOTSUP),
        }
    }

    fn root(&self) -> Result<BorrowedFd<'_>, Errno> {
        use std::os::fd::AsFd;
        self.root.as_ref().map(AsFd::as_fd).ok_or(Errno::BADF)
    }

    fn become_program(&self) -> Result<(), Errno> {
        sys::close_on_exec_from(3).map_err(errno)?;
        Err(self.materials.program.execute())
    }
}

/// Dies with the launcher, and hides its memory until exec; a launcher without root could not enter its namespaces then.
fn guard(hide: bool) -> Result<(), Errno> {
    set_parent_process_death_signal(Some(Kill::KILL))?;
    if hide { guard_memory() } else { set_dumpable_behavior(DumpableBehavior::Dumpable) }
}

/// Hides this process's memory and descriptors, which are still the launcher's, from processes of the container.
fn guard_memory() -> Result<(), Errno> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
}

fn errno(error: std::io::Error) -> Errno {
    Errno::from_io_error(&error).unwrap_or(Errno::IO)
}

fn from_nix(error: nix::Error) -> Errno {
    Errno::from_raw_os_error(error as i32)
}

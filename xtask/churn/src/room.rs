//! A room of one's own: process ids, mounts, network and IPC of nobody else, so that whatever is found there is ours.

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus};

use anyhow::{Context, Result, bail};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketType, recv, send, socket};

/// Tells a program that it is in there.
const INSIDE: &str = "PORTHOLE_CHURN_INSIDE";

/// Whether this process is in a room.
#[must_use]
pub fn is_inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// Runs a command as process 1 of a room; it must call [`furnish`]. The calling thread must start nothing else afterwards.
///
/// # Errors
/// When the kernel refuses a step; without root it does.
pub fn run(command: &mut Command) -> Result<ExitStatus> {
    let flags = CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWUTS;
    unshare(flags).context("cannot make namespaces")?;
    command.env(INSIDE, "1").status().with_context(|| format!("cannot start {:?}", command.get_program()))
}

/// What a process does first that is in a room.
///
/// # Errors
/// When the kernel refuses a step.
pub fn furnish() -> Result<()> {
    // As process 1 it gets no signal that it does not handle; it ends with whoever started it.
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
    mount(Some("proc"), "/proc", Some("proc"), MsFlags::empty(), none)?;
    // Launchers outside take blocks of user ids here; a long run would hold one of their few.
    fs::create_dir_all("/run/porthole")?;
    mount(Some("run"), "/run/porthole", Some("tmpfs"), MsFlags::empty(), Some("mode=700"))?;
    loopback_up().context("the loopback interface")
}

/// A netlink message that sets `IFF_UP` of link 1, see `rtnetlink(7)`.
fn loopback_up() -> Result<()> {
    const LENGTH: u32 = 32;
    const RTM_NEWLINK: u16 = 16;
    const REQUEST_AND_ACK: u16 = 1 | 4;
    const IFF_UP: u32 = 1;
    let mut message = Vec::new();
    message.extend(LENGTH.to_ne_bytes());
    message.extend(RTM_NEWLINK.to_ne_bytes());
    message.extend(REQUEST_AND_ACK.to_ne_bytes());
    // Sequence number and port; family, type; then the link, its flags, and which of them count.
    for word in [0, 0, 0, 1, IFF_UP, IFF_UP] {
        message.extend(u32::to_ne_bytes(word));
    }
    let socket = socket(AddressFamily::NETLINK, SocketType::RAW, None)?;
    send(&socket, &message, SendFlags::empty())?;
    let mut answer = [0u8; 64];
    let (length, _) = recv(&socket, &mut answer, RecvFlags::empty())?;
    let Some([0, 0, 0, 0]) = answer[..length].get(16..20) else { bail!("the kernel refuses") };
    // Nothing listens there; but whether it is reached is told by how it is refused.
    match std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, 1)) {
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => Ok(()),
        other => bail!("{other:?}"),
    }
}

/// The command that starts this program again with the same arguments.
///
/// # Errors
/// When it cannot be told where it is.
pub fn again() -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(std::env::args_os().skip(1)).arg0("porthole-churn");
    Ok(command)
}

//! Takes the probe's report, in a container and on the bare host.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::PathBuf;
use std::process::Command;

use porthole_launcher::wire::{LaunchRequest, Reply, RequestBody};
use porthole_probe::report::Report;

use crate::support::{BUSYBOX, Launcher, give_to_store, in_background, on_pipes, read_all, shell};

/// The static probe; built here unless `PORTHOLE_PROBE` names it (where nothing can be built).
pub(crate) fn program() -> PathBuf {
    if let Some(path) = std::env::var_os("PORTHOLE_PROBE") {
        return path.into();
    }
    let target = format!("{}-unknown-linux-musl", std::env::consts::ARCH);
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("probe");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--package", "porthole-probe", "--target", &target, "--target-dir"])
        .arg(&directory)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .unwrap();
    assert!(built.success(), "the probe cannot be built; is the target there? rustup target add {target}");
    directory.join(target).join("debug/porthole-probe")
}

/// Puts the probe into the launcher's busybox layer.
pub(crate) fn install(launcher: &Launcher) {
    let bin = launcher.state.path().join("layers").join(BUSYBOX).join("bin/probe");
    std::fs::copy(program(), &bin).unwrap();
    give_to_store(&bin);
}

/// The report of a container's first process.
pub(crate) fn inside(launcher: &mut Launcher, id: &str, change: impl FnOnce(&mut LaunchRequest)) -> Report {
    let mut request = LaunchRequest { process: on_pipes(&["probe"]), ..shell(id) };
    change(&mut request);
    let (reply, fds) = launcher.ask(RequestBody::Launch(Box::new(request)));
    assert!(matches!(reply, Reply::Launched { .. }), "{reply:?}");
    report(fds)
}

/// The report of a further process in a running container.
pub(crate) fn exec(launcher: &mut Launcher, id: &str) -> Report {
    let body = RequestBody::Exec { container: id.to_owned(), process: on_pipes(&["probe"]) };
    let (reply, fds) = launcher.ask(body);
    assert!(matches!(reply, Reply::Started { .. }), "{reply:?}");
    report(fds)
}

/// The report of a process that nothing isolates, on a host where others have a socket and left a descriptor open.
pub(crate) fn outside() -> Report {
    let name = SocketAddr::from_abstract_name(format!("porthole-test-{}", std::process::id())).unwrap();
    let _socket = UnixListener::bind_addr(&name);
    let leaked = std::fs::File::open("/").unwrap();
    rustix::io::fcntl_setfd(&leaked, rustix::io::FdFlags::empty()).unwrap();
    let program = program().into_os_string().into_string().unwrap();
    let output = in_background(&program).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn report(fds: Vec<std::os::fd::OwnedFd>) -> Report {
    let mut fds = fds.into_iter();
    let (_pidfd, stdout, stderr) = (fds.next().unwrap(), fds.next().unwrap(), fds.next().unwrap());
    let text = read_all(stdout);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text:?} {}", read_all(stderr)))
}

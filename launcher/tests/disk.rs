//! Limits of writable layers, asserted from inside the container and on the host.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::os::fd::OwnedFd;

use porthole_launcher::wire::{LaunchRequest, Reply, RequestBody, Resource, Usage};
use support::{Launcher, eventually, on_pipes, possible, read_all, read_until, shell};

const ID: &str = "0123456789ab";
const MIB: u64 = 1 << 20;

/// Images that are kept ready for the next containers.
const READY: usize = 4;

/// Starts a container with a script on pipes; standard error goes where the output goes.
fn start(launcher: &mut Launcher, disk: u64, script: &str) -> Vec<OwnedFd> {
    let mut request = shell(ID);
    request.limits.disk_bytes = disk;
    request.process = on_pipes(&["sh", "-c", &format!("exec 2>&1; {script}")]);
    launch(launcher, request)
}

fn launch(launcher: &mut Launcher, request: LaunchRequest) -> Vec<OwnedFd> {
    let (reply, fds) = launcher.ask(RequestBody::Launch(Box::new(request)));
    assert!(matches!(reply, Reply::Launched { .. }), "{reply:?}");
    fds
}

/// What a script has printed, once it has ended and the container is removed.
fn output(launcher: &mut Launcher, disk: u64, script: &str) -> String {
    let output = read_all(start(launcher, disk, script).remove(1));
    remove(launcher);
    output
}

fn remove(launcher: &mut Launcher) {
    launcher.ended(ID);
    assert_eq!(launcher.ask(RequestBody::Remove { container: ID.to_owned() }).0, Reply::Done);
}

fn usage(launcher: &mut Launcher, resource: Resource) -> Usage {
    let (reply, _) = launcher.ask(RequestBody::Usage { container: ID.to_owned() });
    let Reply::Usage(usage) = reply else { panic!("{reply:?}") };
    usage.iter().find(|usage| usage.resource == resource).cloned().unwrap_or_else(|| panic!("{usage:?}"))
}

/// The number that follows `name=` in a text.
fn number(text: &str, name: &str) -> u64 {
    let at = text.find(&format!("{name}=")).unwrap_or_else(|| panic!("no {name}: {text}"));
    let rest = &text[at + name.len() + 1..];
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next().unwrap();
    digits.parse().unwrap_or_else(|_| panic!("no number after {name}: {text}"))
}

/// How writable layers are limited here.
fn how(launcher: &mut Launcher) -> String {
    let (reply, _) = launcher.ask(RequestBody::Host { tried: false });
    let Reply::Host(report) = reply else { panic!("{reply:?}") };
    report.disk
}

/// Loop devices whose file is below this launcher's state directory.
fn devices(launcher: &Launcher) -> usize {
    let state = launcher.state.path().to_str().unwrap();
    let blocks = std::fs::read_dir("/sys/block").unwrap().flatten();
    let file = |block: &std::fs::DirEntry| std::fs::read_to_string(block.path().join("loop/backing_file"));
    blocks.filter(|block| file(block).is_ok_and(|file| file.contains(state))).count()
}

const FULL: [&str; 2] = ["No space left on device", "Disk quota exceeded"];

fn assert_full(output: &str) {
    assert!(FULL.iter().any(|full| output.contains(full)), "{output}");
}

#[test]
fn bytes_end_at_the_limit_however_they_are_written() {
    if !possible() {
        return;
    }
    let mut launcher = Launcher::start();
    for script in [
        "dd if=/dev/zero of=/x bs=64k; echo bytes=$(stat -c %s /x)",
        // Reserved, not written.
        "i=0; while fallocate -o ${i}m -l 1m /x; do i=$((i + 1)); done; echo bytes=$((i << 20))",
        // Deleted, but still open.
        "exec 3>/x; rm /x; dd if=/dev/zero bs=64k >&3; echo bytes=$(stat -L -c %s /proc/self/fd/3)",
        // In /tmp, by many files.
        "i=0; while dd if=/dev/zero of=/tmp/$i bs=1M count=1; do i=$((i + 1)); done; echo bytes=$((i << 20))",
    ] {
        let output = output(&mut launcher, 24 * MIB, script);
        assert_full(&output);
        let bytes = number(&output, "bytes");
        assert!((22 * MIB..=26 * MIB).contains(&bytes), "{script}: {output}");
    }
}

#[test]
fn files_end_at_the_limit() {
    if !possible() {
        return;
    }
    let mut launcher = Launcher::start();
    let script = "mkdir /d; i=0; while true > /d/$i; do i=$((i + 1)); done; echo files=$i; read wait";
    let mut request = shell(ID);
    request.limits.disk_inodes = 500;
    request.process = on_pipes(&["sh", "-c", &format!("exec 2>&1; {script}")]);
    request.process.stdio = porthole_launcher::wire::Stdio::Pipes { stdin: true };
    let fds = launch(&mut launcher, request);
    let output = read_until(&fds[1], "files=");
    assert_full(&output);
    let inodes = usage(&mut launcher, Resource::Inodes);
    assert_eq!(inodes.limit, Some(500));
    assert!((490..=520).contains(&inodes.usage), "{inodes:?}");
    if how(&mut launcher) == "image" {
        // All of them are in a file, which has not even a name.
        let containers = std::fs::read_dir(launcher.state.path().join("containers")).unwrap().flatten();
        let named: Vec<_> = containers.map(|entry| entry.file_name()).collect();
        assert!(named.iter().all(|name| name.to_str().unwrap().starts_with(".spare")), "{named:?}");
    }
}

#[test]
fn a_file_of_the_image_that_does_not_fit_is_not_copied_up() {
    if !possible() {
        return;
    }
    let mut launcher = Launcher::start();
    let large = launcher.state.path().join("layers").join(support::BUSYBOX).join("large");
    std::fs::write(&large, vec![1; 20 << 20]).unwrap();
    support::give_to_store(&large);
    let output =
        output(&mut launcher, 8 * MIB, "echo x >> /large; ls -l /large; echo bytes=$(stat -c %s /large)");
    assert_full(&output);
    assert_eq!(number(&output, "bytes"), 20 << 20, "{output}");
}

#[test]
fn use_is_told_and_what_is_deleted_can_be_written_again() {
    if !possible() {
        return;
    }
    let mut launcher = Launcher::start();
    let fill = "head -c 6m /dev/urandom > /x";
    let script = format!("{fill} && echo full; read a; rm /x; {fill} && {fill} && echo again; read a");
    let mut request = shell(ID);
    request.limits.disk_bytes = 8 * MIB;
    request.process = on_pipes(&["sh", "-c", &format!("exec 2>&1; {script}")]);
    request.process.stdio = porthole_launcher::wire::Stdio::Pipes { stdin: true };
    let fds = launch(&mut launcher, request);
    read_until(&fds[1], "full");
    let disk = usage(&mut launcher, Resource::Disk);
    assert_eq!((disk.version, disk.limit), (0, Some(8 * MIB)));
    assert!((6 * MIB..=6 * MIB + 65_536).contains(&disk.usage), "{disk:?}");
    rustix::io::write(fds.last().unwrap(), b"\n").unwrap();
    let said = read_until(&fds[1], "\n");
    assert!(said.contains("again"), "{said}");
}

#[test]
fn nothing_of_a_removed_container_is_left_for_the_next_one_of_its_name() {
    if !possible() {
        return;
    }
    let mut launcher = Launcher::start();
    for _ in 0..3 {
        let script = "ls -A /root | wc -l; head -c 7m /dev/zero > /root/x && echo written";
        assert_eq!(output(&mut launcher, 8 * MIB, script), "0\nwritten\n");
    }
}

#[test]
fn fifty_containers_after_one_another_leave_no_device_mount_or_file() {
    if !possible() {
        return;
    }
    let mut launcher = Launcher::start();
    let ready = if how(&mut launcher) == "image" { READY } else { 0 };
    eventually("those for the next containers are ready", || devices(&launcher) == ready);
    let mounts = format!("/proc/{}/mountinfo", launcher.process.id());
    let mounted = std::fs::read_to_string(&mounts).unwrap();
    for _ in 0..50 {
        assert_eq!(output(&mut launcher, 1 << 30, "echo x > /x; cat /x"), "x\n");
    }
    eventually("as many devices as before", || devices(&launcher) == ready);
    launcher.assert_settled();
    assert_eq!(std::fs::read_to_string(&mounts).unwrap(), mounted);
    let trash = launcher.state.path().join("trash");
    eventually("the trash is emptied", || std::fs::read_dir(&trash).unwrap().count() == 0);
}

#[test]
fn a_killed_launcher_leaves_no_loop_device() {
    if !possible() {
        return;
    }
    let mut launcher = Launcher::start();
    let _fds = start(&mut launcher, 64 * MIB, "echo x > /x; sleep 1000");
    launcher.process.kill().unwrap();
    launcher.process.wait().unwrap();
    eventually("the kernel has freed them", || devices(&launcher) == 0);
    launcher.restart();
    let output = output(&mut launcher, 64 * MIB, "ls -A /x");
    assert!(output.contains("No such file"), "{output}");
}

#[test]
fn the_size_of_dev_shm_is_the_one_asked_for() {
    if !possible() {
        return;
    }
    let mut launcher = Launcher::start();
    let mut request = shell(ID);
    request.limits.shm_bytes = 3 * MIB;
    let script = "exec 2>&1; dd if=/dev/zero of=/dev/shm/x bs=64k; echo bytes=$(stat -c %s /dev/shm/x); \
                  rm /dev/shm/x; i=0; while true > /dev/shm/$i; do i=$((i + 1)); done; echo files=$i";
    request.process = on_pipes(&["sh", "-c", script]);
    let output = read_all(launch(&mut launcher, request).remove(1));
    assert_full(&output);
    assert_eq!(number(&output, "bytes"), 3 * MIB, "{output}");
    assert!((700..=768).contains(&number(&output, "files")), "{output}");
}

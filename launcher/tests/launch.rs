//! Containers on the real kernel: started, talked to, ended.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::fs;

use porthole_launcher::wire::{Event, FailureKind, Reply, RequestBody, Resource, Stdio};
use support::{Launcher, on_pipes, on_terminal, possible, read_all, read_until, shell};

const ID: &str = "0123456789ab";

#[test]
fn a_shell_gives_a_prompt_and_ends_with_its_status() {
    if !possible() {
        return;
    }
    let mut launcher = Launcher::start();
    let (reply, fds) = launcher.ask(RequestBody::Launch(Box::new(shell(ID))));
    let Reply::Launched { init_pid, pid, steps, lacks, .. } = reply else { panic!("{reply:?}") };
    assert!(init_pid > 1 && pid > 1);
    assert_eq!(lacks, Vec::<String>::new());
    if std::env::var_os("PORTHOLE_STEPS").is_some() {
        for step in &steps {
            println!(
                "{:>9} {:>9} {:<8} {}",
                step.start_ns,
                step.duration_ns,
                step.step.actor(),
                step.step.call()
            );
        }
    }
    let [_pidfd, master, _transit, _input, _ledger] = &fds[..] else { panic!("{fds:?}") };
    read_until(master, "# ");
    rustix::io::write(master, b"exit 7\n").unwrap();
    let event = launcher.event(|event| matches!(event, Event::Exited { .. }));
    let Event::Exited { container, process: 0, ending } = event else { panic!("{event:?}") };
    assert_eq!((container.as_str(), ending.code, ending.signal), (ID, 7, None));
    launcher.ended(ID);
    launcher.assert_settled();
}

#[test]
fn further_processes_share_everything_and_end_with_the_container() {
    if !possible() {
        return;
    }
    let mut launcher = Launcher::start();
    let (reply, _first) = launcher.ask(RequestBody::Launch(Box::new(shell(ID))));
    assert!(matches!(reply, Reply::Launched { .. }), "{reply:?}");
    let exec = |process| RequestBody::Exec { container: ID.to_owned(), process };

    let script = "cat /proc/self/cgroup; readlink /proc/1/ns/mnt /proc/self/ns/mnt; pwd; id -u";
    let mut process = on_pipes(&["sh", "-c", script]);
    process.cwd = "/made/for/it".to_owned();
    let (reply, mut fds) = launcher.ask(exec(process));
    assert!(matches!(reply, Reply::Started { process: 1, .. }), "{reply:?}");
    let output = read_all(fds.remove(1));
    assert!(output.ends_with("/made/for/it\n0\n"), "{output}");
    assert!(
        output
            .lines()
            .filter(|line| line.contains(':') && line.contains('/'))
            .all(|line| line.ends_with(":/"))
    );
    let Event::Exited { process: 1, ending, .. } =
        launcher.event(|event| matches!(event, Event::Exited { process: 1, .. }))
    else {
        unreachable!()
    };
    assert_eq!(ending.code, 0);

    let (reply, _sleeper) = launcher.ask(exec(on_terminal(&["sleep", "1000"])));
    assert!(matches!(reply, Reply::Started { process: 2, .. }), "{reply:?}");
    launcher.ask(RequestBody::Kill { container: ID.to_owned() });
    launcher.ended(ID);
    for number in [0, 2] {
        launcher.event(|event| matches!(event, Event::Exited { process, ending, .. } if *process == number && ending.signal == Some(9)));
    }
    launcher.assert_settled();
}

#[test]
fn commands_that_do_not_exist_or_cannot_be_executed_are_told_apart() {
    if !possible() {
        return;
    }
    let mut launcher = Launcher::start();
    let mut outcome = |argv: &[&str]| {
        let mut request = shell(ID);
        request.process = on_terminal(argv);
        match launcher.ask(RequestBody::Launch(Box::new(request))).0 {
            Reply::Failed(failure) => failure.kind,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(outcome(&["nothing-of-that-name"]), FailureKind::CommandNotFound);
    assert_eq!(outcome(&["/bin/nothing-of-that-name"]), FailureKind::CommandNotFound);
    assert_eq!(outcome(&["/etc/passwd"]), FailureKind::CommandNotExecutable);
    assert_eq!(outcome(&["/etc"]), FailureKind::CommandNotExecutable);
    launcher.assert_settled();
    assert_eq!(containers(&launcher), Vec::<String>::new());
}

#[test]
fn a_process_that_takes_too_much_memory_is_killed_and_told_so() {
    if !possible() {
        return;
    }
    let mut launcher = Launcher::start();
    let mut request = shell(ID);
    request.limits.memory_bytes = 16 << 20;
    // tail keeps everything in memory that has no line end.
    request.process = on_pipes(&["sh", "-c", "tail /dev/zero; exit $?"]);
    let (reply, _fds) = launcher.ask(RequestBody::Launch(Box::new(request)));
    assert!(matches!(reply, Reply::Launched { .. }), "{reply:?}");
    let Event::Exited { ending, .. } = launcher.event(|event| matches!(event, Event::Exited { .. })) else {
        unreachable!()
    };
    assert!(ending.out_of_memory, "{ending:?}");
    assert_eq!(ending.code, 137);
    launcher.ended(ID);
}

#[test]
fn limits_and_their_use_are_told() {
    if !possible() {
        return;
    }
    let mut launcher = Launcher::start();
    let (reply, _fds) = launcher.ask(RequestBody::Launch(Box::new(shell(ID))));
    assert!(matches!(reply, Reply::Launched { .. }), "{reply:?}");
    let (reply, _) = launcher.ask(RequestBody::Usage { container: ID.to_owned() });
    let Reply::Usage(usage) = reply else { panic!("{reply:?}") };
    let limit = |resource| usage.iter().find(|usage| usage.resource == resource).unwrap().limit;
    assert_eq!(limit(Resource::Memory), Some(64 << 20));
    assert_eq!(limit(Resource::Swap), Some(0));
    assert_eq!(limit(Resource::Pids), Some(64));
    assert_eq!(limit(Resource::Cpu), Some(1000));
    let (reply, _) = launcher.ask(RequestBody::Inspect { container: ID.to_owned() });
    let Reply::Kernel(texts) = reply else { panic!("{reply:?}") };
    assert_eq!(texts.namespaces.len(), 7);
    for (name, inside) in &texts.namespaces {
        let own = std::fs::read_link(format!("/proc/self/ns/{name}")).unwrap();
        assert_ne!(own.to_str(), Some(&*format!("{name}:[{inside}]")));
    }
    assert_eq!(texts.pids.len(), 2, "{:?}", texts.command_lines);
    assert_eq!(texts.writable_bytes, 0, "nothing but what the container writes is in its layer");
}

#[test]
fn a_restarted_agent_gets_its_terminal_back_and_its_input_can_be_closed() {
    if !possible() {
        return;
    }
    let mut launcher = Launcher::start();
    let mut request = shell(ID);
    request.process = on_pipes(&["cat"]);
    request.process.stdio = Stdio::Pipes { stdin: true };
    let (reply, fds) = launcher.ask(RequestBody::Launch(Box::new(request)));
    assert!(matches!(reply, Reply::Launched { .. }), "{reply:?}");
    drop(fds);
    launcher.reconnect();
    let (reply, _) = launcher.ask(RequestBody::List { after: None });
    let Reply::Containers(known) = reply else { panic!("{reply:?}") };
    assert_eq!((known[0].container.as_str(), known[0].label.as_slice()), (ID, &b"label"[..]));
    assert!(!known[0].steps.is_empty());
    let (reply, mut fds) = launcher.ask(RequestBody::Adopt { container: ID.to_owned(), process: 0 });
    assert!(matches!(reply, Reply::Started { process: 0, .. }), "{reply:?}");
    let [_, stdout, _, _input, _ledger, stdin] = &fds[..] else { panic!("{fds:?}") };
    rustix::io::write(stdin, b"through\n").unwrap();
    read_until(stdout, "through\n");
    fds.truncate(3);
    launcher.ask(RequestBody::CloseInput { container: ID.to_owned(), process: 0 });
    launcher.ended(ID);
}

#[test]
fn the_last_words_of_a_process_are_kept_until_an_agent_has_them() {
    if !possible() {
        return;
    }
    let mut launcher = Launcher::start();
    let mut request = shell(ID);
    request.process = on_terminal(&["sh", "-c", "echo last words; exit 3"]);
    request.process.tag = 77;
    launcher.ask(RequestBody::Launch(Box::new(request)));
    launcher.event(|event| matches!(event, Event::Exited { process: 0, .. }));
    launcher.reconnect();
    let (reply, _) = launcher.ask(RequestBody::List { after: None });
    let Reply::Containers(known) = reply else { panic!("{reply:?}") };
    let (_, process, ending) = &known[0].processes[0];
    assert_eq!((process.tag, ending.map(|ending| ending.code)), (77, Some(3)));
    let adopt = || RequestBody::Adopt { container: ID.to_owned(), process: 0 };
    let (reply, fds) = launcher.ask(adopt());
    assert_eq!(reply, Reply::Started { process: 0, pid: 0 });
    assert_eq!(fds.len(), 4, "all but the pidfd");
    read_until(&fds[0], "last words\r\n");
    let release = || RequestBody::Release { container: ID.to_owned(), process: 0 };
    for _ in 0..2 {
        assert_eq!(launcher.ask(release()).0, Reply::Done);
        assert!(launcher.ask(adopt()).1.is_empty());
    }
}

#[test]
fn a_killed_launcher_leaves_nothing_once_the_next_one_has_started() {
    if !possible() {
        return;
    }
    let mut launcher = Launcher::start();
    let (reply, _fds) = launcher.ask(RequestBody::Launch(Box::new(shell(ID))));
    let Reply::Launched { init_pid, pid, .. } = reply else { panic!("{reply:?}") };
    let cgroups = cgroups_of(pid);
    assert!(cgroups.iter().all(|path| fs::metadata(path).is_ok()), "{cgroups:?}");
    launcher.restart();
    let (reply, _) = launcher.ask(RequestBody::List { after: None });
    assert_eq!(reply, Reply::Containers(Vec::new()));
    for path in cgroups {
        support::eventually("its cgroups are gone", || fs::metadata(&path).is_err());
    }
    for pid in [init_pid, pid] {
        support::eventually("its processes are gone", || fs::metadata(format!("/proc/{pid}")).is_err());
    }
    assert_eq!(containers(&launcher), Vec::<String>::new());
    // Its id is free again.
    let (reply, _fds) = launcher.ask(RequestBody::Launch(Box::new(shell(ID))));
    assert!(matches!(reply, Reply::Launched { .. }), "{reply:?}");
}

fn remove_busybox(launcher: &mut Launcher) -> Option<FailureKind> {
    match launcher.ask(RequestBody::RemoveLayer { layer: support::BUSYBOX.to_owned() }).0 {
        Reply::Failed(failure) => Some(failure.kind),
        Reply::Done => None,
        other => panic!("{other:?}"),
    }
}

/// Directories of containers; the one that is kept ready for the next is none.
fn containers(launcher: &Launcher) -> Vec<String> {
    let entries = fs::read_dir(launcher.state.path().join("containers")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| !name.starts_with(".spare")).collect()
}

/// Directories of the container's cgroups in every hierarchy.
fn cgroups_of(pid: u32) -> Vec<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let line = |line: &str| {
        let [_, names, path] = line.splitn(3, ':').collect::<Vec<_>>()[..] else { return None };
        let unified = if fs::metadata("/sys/fs/cgroup/unified").is_ok() { "unified" } else { "" };
        let hierarchy = if names.is_empty() { unified } else { names };
        path.contains("porthole").then(|| format!("/sys/fs/cgroup/{hierarchy}{path}"))
    };
    text.lines().filter_map(line).collect()
}

#[test]
fn a_launcher_that_is_asked_to_end_ends_its_containers_first() {
    if !possible() {
        return;
    }
    let mut launcher = Launcher::start();
    let (reply, _fds) = launcher.ask(RequestBody::Launch(Box::new(shell(ID))));
    let Reply::Launched { pid, .. } = reply else { panic!("{reply:?}") };
    let cgroups = cgroups_of(pid);
    rustix::process::kill_process(
        rustix::process::Pid::from_child(&launcher.process),
        rustix::process::Signal::TERM,
    )
    .unwrap();
    assert!(launcher.process.wait().unwrap().success());
    assert!(cgroups.iter().all(|path| fs::metadata(path).is_err()), "{cgroups:?}");
    assert_eq!(containers(&launcher), Vec::<String>::new());
}

#[test]
fn a_file_of_an_image_is_read_as_a_container_sees_it() {
    if !possible() {
        return;
    }
    let mut launcher = Launcher::start();
    let layers = launcher.state.path().join("layers");
    let top = layers.join("aa".repeat(32));
    fs::create_dir_all(top.join("etc")).unwrap();
    std::os::unix::fs::symlink("/etc/../../../../etc/passwd", top.join("etc/link")).unwrap();
    std::os::unix::fs::symlink("/proc/self/root/etc/hostname", top.join("etc/out")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        top.join("etc/pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o644),
        0,
    )
    .unwrap();
    let mut read = |path: &str| {
        let layers = vec!["aa".repeat(32), support::BUSYBOX.to_owned()];
        match launcher.ask(RequestBody::OpenFile { layers, path: path.to_owned() }) {
            (Reply::File, mut fds) => Ok(read_all(fds.remove(0))),
            (Reply::Failed(failure), _) => Err(failure.kind),
            (other, _) => panic!("{other:?}"),
        }
    };
    let passwd = "root:x:0:0:root:/root:/bin/sh\n".to_owned();
    assert_eq!(read("/etc/passwd"), Ok(passwd.clone()));
    assert_eq!(read("/etc/link"), Ok(passwd));
    for path in ["/etc/out", "/etc/pipe", "/etc", "/nothing"] {
        assert_eq!(read(path), Err(FailureKind::NoSuchFile), "{path}");
    }
}

#[test]
fn a_layer_in_use_stays_and_an_unused_one_goes() {
    if !possible() {
        return;
    }
    let mut launcher = Launcher::start();
    let (reply, _fds) = launcher.ask(RequestBody::Launch(Box::new(shell(ID))));
    assert!(matches!(reply, Reply::Launched { .. }), "{reply:?}");
    assert_eq!(remove_busybox(&mut launcher), Some(FailureKind::InUse));
    launcher.ask(RequestBody::Kill { container: ID.to_owned() });
    launcher.ended(ID);
    launcher.ask(RequestBody::Remove { container: ID.to_owned() });
    assert_eq!(remove_busybox(&mut launcher), None);
    assert_eq!(remove_busybox(&mut launcher), Some(FailureKind::NoSuchLayer));
    let trash = launcher.state.path().join("trash");
    support::eventually("the trash is emptied", || fs::read_dir(&trash).unwrap().count() == 0);
}

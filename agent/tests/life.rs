//! The agent's own life: without privilege, killed and come back, stopped with nothing left.

mod support;

use std::fs;

use porthole_protocol::http::ContainerSummary;
use support::{Agent, possible, run, shell, terminal};

/// A line of `/proc/PID/status`.
fn status(pid: u32, key: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process is there");
    let value = |line: &str| {
        line.split_once(':').filter(|(name, _)| *name == key).map(|(_, value)| value.trim().to_owned())
    };
    text.lines().find_map(value).expect("the kernel writes this line")
}

#[tokio::test]
async fn the_agent_has_no_privilege() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(status(agent.pid(), set), "0000000000000000", "{set}");
    }
    assert_eq!(status(agent.pid(), "NoNewPrivs"), "1");
    for ids in ["Uid", "Gid"] {
        let ids = status(agent.pid(), ids);
        assert!(ids.split_whitespace().all(|id| id != "0"), "{ids}");
    }
    assert_eq!(status(agent.pid(), "Groups"), "", "no group of root's");
}

#[tokio::test]
async fn an_agent_that_speaks_another_wire_than_the_living_launcher_leaves_it_alone() {
    if !possible() {
        return;
    }
    let mut agent = Agent::start();
    let mut client = agent.connect().await;
    let shell = client.launch(shell()).await;
    agent.kill_and_restart_after(|state| {
        let wire = state.join("run/launcher.wire");
        let ours = fs::read(&wire).unwrap();
        for other in ["0", "4294967295", "", "?"] {
            fs::write(&wire, other).unwrap();
            let refused = std::process::Command::new(env!("CARGO_BIN_EXE_porthole"))
                .args(["serve", "--listen", "127.0.0.1:0", "--state"])
                .arg(state)
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&refused.stderr);
            assert!(!refused.status.success() && said.contains("containers of another version"), "{said}");
        }
        fs::write(&wire, ours).unwrap();
    });
    let mut client = agent.connect().await;
    let again = client.try_attach(&shell.container, 0, None).await.unwrap();
    client.type_line(&again, "echo still-$((6*7))").await;
    client.expect(&again, "still-42").await;
}

#[tokio::test]
async fn an_agent_that_was_killed_comes_back_to_everything() {
    if !possible() {
        return;
    }
    let mut agent = Agent::start();
    let mut client = agent.connect().await;
    let mut spec = shell();
    spec.name = Some("survivor".into());
    let shell = client.launch(spec).await;
    client.type_line(&shell, "marker=kept; echo rea''dy").await;
    client.expect(&shell, "ready").await;
    let mut second = run(&["sh", "-c", "cat; exit 5"]);
    second.process.stdin = true;
    let pipes = client.launch(second).await;
    let ended = client.launch(run(&["sh", "-c", "exit 9"])).await;
    assert_eq!(client.exit(&ended).await.code, 9);
    let before: Vec<ContainerSummary> = agent.get("/containers").await;

    agent.kill_and_restart();

    let after: Vec<ContainerSummary> = agent.get("/containers").await;
    let facts = |list: &[ContainerSummary]| -> Vec<_> {
        list.iter()
            .map(|c| (c.id.clone(), c.name.clone(), c.image.clone(), c.created_ms, c.state.clone()))
            .collect()
    };
    assert_eq!(facts(&before), facts(&after));
    let mut client = agent.connect().await;
    let again = client.try_attach(&shell.container, 0, None).await.unwrap();
    client.type_line(&again, "echo $marker; exit 4").await;
    client.expect(&again, "kept").await;
    assert_eq!(client.exit(&again).await.code, 4);
    let again = client.try_attach(&pipes.container, 0, None).await.unwrap();
    client.type_line(&again, "still piped").await;
    client.send(&porthole_protocol::control::ClientMessage::CloseInput { channel: again.channel() }).await;
    assert_eq!(client.exit(&again).await.code, 5);
    assert_eq!(client.text(again.channel()), "still piped\n");
    let again = client.try_attach(&ended.container, 0, None).await.unwrap();
    assert_eq!(client.exit(&again).await.code, 9);
}

#[tokio::test]
async fn a_graceful_stop_says_goodbye_and_leaves_nothing() {
    if !possible() {
        return;
    }
    let mut agent = Agent::start();
    let mut client = agent.connect().await;
    let (detail, shell) = client.try_launch(shell()).await.unwrap();
    client.exec(&shell.container, terminal(&["sleep", "1000"])).await;
    let cgroup = fs::read_to_string(format!("/proc/{}/cgroup", detail.init_pid)).unwrap();
    let launcher = agent.launcher().expect("there is a launcher");
    assert!(agent.stop().success());
    assert_eq!(client.until_closed().await.0, 1012);
    let is_gone = |pid: u32| !fs::exists(format!("/proc/{pid}/root/")).unwrap_or(false);
    assert!(is_gone(detail.init_pid), "process 1 of the container");
    let launcher_gone = || agent.launcher().is_none_or(|pid| pid != launcher);
    for _ in 0..100 {
        if launcher_gone() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(launcher_gone(), "the launcher");
    for line in cgroup.lines() {
        let path = line.rsplit(':').next().unwrap();
        let own = path.contains(shell.container.as_str());
        for root in
            ["/sys/fs/cgroup", "/sys/fs/cgroup/memory", "/sys/fs/cgroup/pids", "/sys/fs/cgroup/unified"]
        {
            assert!(!own || !fs::exists(format!("{root}{path}")).unwrap(), "{root}{path}");
        }
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains(shell.container.as_str()), "{mounts}");
}

#[tokio::test]
async fn an_agent_whose_launcher_dies_says_so_and_ends() {
    if !possible() {
        return;
    }
    let mut agent = Agent::start();
    let client = agent.connect().await;
    let launcher = rustix::process::Pid::from_raw(agent.launcher().unwrap().try_into().unwrap()).unwrap();
    rustix::process::kill_process(launcher, rustix::process::Signal::KILL).unwrap();
    assert_eq!(client.until_closed().await.0, 1012);
    let status = agent.wait().expect("it ends");
    assert!(!status.success());
}

#[tokio::test]
async fn an_agent_that_cannot_begin_says_why_and_leaves_no_launcher() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let second = std::process::Command::new(env!("CARGO_BIN_EXE_porthole"))
        .args(["serve", "--listen", &agent.address, "--state"])
        .arg(&state)
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(1));
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(said.starts_with(&format!("porthole: cannot listen on {}", agent.address)), "{said}");
    assert!(!state.exists(), "nothing was begun");

    let second = std::process::Command::new(env!("CARGO_BIN_EXE_porthole"))
        .args(["serve", "--listen", "127.0.0.1:0", "--state"])
        .arg(agent.state())
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&second.stderr).contains("another `porthole serve`"), "{second:?}");
    let mut client = agent.connect().await;
    assert_eq!(client.launch(run(&["true"])).await.process, 0, "the first one goes on");
}

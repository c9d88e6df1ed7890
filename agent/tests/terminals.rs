//! Terminals and runs over the socket, in real containers.

mod support;

use porthole_protocol::control::{ClientMessage, ServerMessage};
use porthole_protocol::error::ErrorCode;
use porthole_protocol::http::ContainerState;
use porthole_protocol::spec::ProcessSpec;
use support::{Agent, possible, run, shell, terminal};

fn release() -> String {
    rustix::system::uname().release().to_string_lossy().into_owned()
}

#[tokio::test]
async fn a_shell_says_the_hosts_kernel_and_ends_with_its_own_status() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let mut client = agent.connect().await;
    let shell = client.launch(shell()).await;
    client.type_line(&shell, "uname -r").await;
    client.expect(&shell, &release()).await;
    client.type_line(&shell, "id -u; hostname").await;
    client.expect(&shell, &format!("0\r\n{}", shell.container)).await;
    client.type_line(&shell, "exit 7").await;
    assert_eq!(client.exit(&shell).await.code, 7);
    client
        .until(|client| {
            let state = client.containers.first().map(|container| &container.state);
            matches!(state, Some(ContainerState::Exited(exit)) if exit.code == 7)
        })
        .await;
}

#[tokio::test]
async fn a_second_terminal_shares_the_container_and_sees_the_first_ones_processes() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let mut client = agent.connect().await;
    let first = client.launch(shell()).await;
    let second = client.exec(&first.container, terminal(&["sh"])).await;
    assert_eq!(second.process, 1);
    client.type_line(&first, "sleep 4321 & echo hello > /tmp/note").await;
    client.type_line(&second, "until grep hello /tmp/note; do sleep 0.1; done").await;
    client.expect(&second, "\nhello\r\n").await;
    // A child is its parent's copy, name and all, until it has begun its program.
    client.type_line(&second, "until ps | grep 'sleep 4[3]21'; do sleep 0.1; done").await;
    client.expect(&second, "sleep 4321\r\n").await;
    client.type_line(&second, "exit 3").await;
    assert_eq!(client.exit(&second).await.code, 3);
    client.type_line(&first, "exit").await;
    assert_eq!(client.exit(&first).await.code, 0);
}

#[tokio::test]
async fn a_program_sees_the_size_and_every_new_one() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let mut client = agent.connect().await;
    let shell = client.launch(shell()).await;
    client.type_line(&shell, "stty size").await;
    client.expect(&shell, "24 80\r\n").await;
    client.resize(&shell, 50, 132).await;
    client.type_line(&shell, "until stty size | grep '50 132'; do sleep 0.1; done").await;
    client.expect(&shell, "\n50 132\r\n").await;
}

#[tokio::test]
async fn ctrl_c_reaches_the_program_inside() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let mut client = agent.connect().await;
    let shell = client.launch(shell()).await;
    client.type_line(&shell, "sleep 1000").await;
    // It must have begun.
    let second = client.exec(&shell.container, terminal(&["sh"])).await;
    client.type_line(&second, "until ps | grep 'sleep 1[0]00'; do sleep 0.1; done").await;
    client.expect(&second, "sleep 1000\r\n").await;
    client.type_bytes(&shell, &[3]).await;
    client.type_line(&shell, "echo status $?").await;
    client.expect(&shell, "status 130").await;
}

#[tokio::test]
async fn a_run_has_two_streams_and_reads_its_input_to_the_end() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let mut client = agent.connect().await;
    let mut spec = run(&["sh", "-c", "cat; echo oops >&2; exit 4"]);
    spec.process.stdin = true;
    let cat = client.launch(spec).await;
    client.type_line(&cat, "through the pipe").await;
    client.send(&ClientMessage::CloseInput { channel: cat.channel() }).await;
    assert_eq!(client.exit(&cat).await.code, 4);
    assert_eq!(client.text(cat.channel()), "through the pipe\n");
    assert_eq!(client.text(cat.stderr()), "oops\n");
}

#[tokio::test]
async fn the_last_byte_comes_before_the_exit() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let mut client = agent.connect().await;
    for spec in [run(&["seq", "200000"]), {
        let mut spec = shell();
        spec.process = terminal(&["seq", "200000"]);
        spec
    }] {
        let seq = client.launch(spec).await;
        assert_eq!(client.exit(&seq).await.code, 0);
        let text = client.text(seq.channel()).replace('\r', "");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!((lines.len(), lines.first(), lines.last()), (200_000, Some(&"1"), Some(&"200000")));
    }
}

#[tokio::test]
async fn commands_that_do_not_exist_or_are_no_programs_are_told_apart() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let mut client = agent.connect().await;
    let refused = client.try_launch(run(&["no-such-command"])).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::CommandNotFound, "{refused}");
    let refused = client.try_launch(run(&["/etc/passwd"])).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::CommandNotExecutable, "{refused}");
    let shell = client.launch(shell()).await;
    let refused = client.try_exec(&shell.container, terminal(&["/no/such"])).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::CommandNotFound, "{refused}");
    client.until(|client| client.containers.len() == 1).await;
}

#[tokio::test]
async fn a_program_that_takes_all_memory_is_killed_and_that_is_told() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let mut client = agent.connect().await;
    let mut spec = run(&["sh", "-c", "x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done"]);
    spec.limits.memory_bytes = Some(16 * 1024 * 1024);
    let hungry = client.launch(spec).await;
    let exit = client.exit(&hungry).await;
    assert_eq!((exit.code, exit.signal, exit.out_of_memory), (137, Some(9), true));
}

#[tokio::test]
async fn a_flood_that_a_slow_client_does_not_take_costs_no_memory_and_holds_up_nobody() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let mut client = agent.connect().await;
    let first = client.launch(shell()).await;
    let resident = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", agent.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap().to_owned();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    };
    let before = resident();
    let mut flooded = Vec::new();
    for _ in 0..8 {
        let mut slow = agent.connect().await;
        slow.grants = false;
        slow.exec(&first.container, terminal(&["yes", "flood"])).await;
        flooded.push(slow);
    }
    // Others are served all the while, and the program that has no credit left does not burn the host's time.
    for turn in 0..20 {
        client.type_line(&first, &format!("echo turn-$(({turn} + 100))")).await;
        client.expect(&first, &format!("turn-{}", turn + 100)).await;
    }
    assert!(resident() < before + 32 * 1024, "{before} KiB became {} KiB", resident());
}

#[tokio::test]
async fn a_program_runs_on_with_nobody_attached_and_a_new_viewer_gets_what_is_kept() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let mut client = agent.connect().await;
    let shell = client.launch(shell()).await;
    client.type_line(&shell, "seq 300000 > /dev/null; seq 200000; echo all-''done").await;
    // Its echo: what is typed in the moment in which a connection breaks may be lost.
    client.expect(&shell, "all-''done").await;
    client.send(&ClientMessage::Detach { channel: shell.channel() }).await;
    drop(client);
    let mut other = agent.connect().await;
    let again = other.try_attach(&shell.container, 0, None).await.unwrap();
    other.expect(&again, "all-done").await;
    let end = again.channels[0].offset + other.output[&again.channel()].len() as u64;
    let third = other.try_attach(&shell.container, 0, Some(end - 5)).await.unwrap();
    assert_eq!(third.channels[0].offset, end - 5, "an offset that is kept is where it goes on");
}

#[tokio::test]
async fn a_container_is_stopped_and_removed() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let mut client = agent.connect().await;
    let sleep = client.launch(run(&["sleep", "1000"])).await;
    let request = client.request();
    client.send(&ClientMessage::Remove { request, container: sleep.container.clone(), force: false }).await;
    assert_eq!(client.answer(request).await.unwrap_err().code, ErrorCode::StillRunning);
    let request = client.request();
    client.send(&ClientMessage::Stop { request, container: sleep.container.clone() }).await;
    assert_eq!(client.answer(request).await, Ok(ServerMessage::Done { request }));
    assert_eq!(client.exit(&sleep).await.code, 143);
    let refused =
        client.try_exec(&sleep.container, ProcessSpec { command: vec!["true".into()], ..Default::default() });
    assert_eq!(refused.await.unwrap_err().code, ErrorCode::NotRunning);
    let request = client.request();
    client.send(&ClientMessage::Remove { request, container: sleep.container.clone(), force: false }).await;
    assert_eq!(client.answer(request).await, Ok(ServerMessage::Done { request }));
    client.until(|client| client.containers.is_empty()).await;
}

#[tokio::test]
async fn a_kernel_view_comes_every_second_and_agrees_with_the_shell() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let mut client = agent.connect().await;
    let shell = client.launch(shell()).await;
    client.send(&ClientMessage::Watch { container: shell.container.clone() }).await;
    client.until(|client| client.views.len() >= 2).await;
    let view = client.views.pop().unwrap();
    assert_eq!((&view.host.release, &view.container.release), (&release(), &release()));
    assert_ne!(view.host.namespaces, view.container.namespaces);
    assert_eq!(view.container.hostname, shell.container.as_str());
    assert_eq!(view.container.uid_map[0].inside, 0);
    assert_eq!(view.layers.len(), 1);
    assert!(
        view.processes.iter().any(|process| process.name == "sh" && process.container_uid == 0),
        "{view:?}"
    );
    client.type_line(&shell, "readlink /proc/self/ns/uts").await;
    let uts = view.container.namespaces.iter().find(|namespace| namespace.kind.proc_name() == "uts").unwrap();
    client.expect(&shell, &format!("uts:[{}]", uts.id)).await;
    client.send(&ClientMessage::Unwatch { container: shell.container.clone() }).await;
}

//! Every engine through the whole product: whatever runs a container, who uses it sees the same. Where an engine is another one by
//! nature, the test says so.
#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod support;
#[path = "../../launcher/tests/support/world.rs"]
#[allow(dead_code, unreachable_pub, reason = "tests of the launcher use what these do not")]
mod world;

use porthole_protocol::control::ClientMessage;
use porthole_protocol::error::ErrorCode;
use porthole_protocol::ids::ContainerId;
use porthole_protocol::kernel::KernelView;
use porthole_protocol::spec::{Engine, LaunchSpec, Publish};
use support::{Agent, Client, Terminal, is_installed, possible, run, shell, terminal};
use world::{FORBIDDEN, World, eventually};

/// Ours, and the runtimes of this host; says loudly which are not there.
fn engines() -> Vec<Engine> {
    if !possible() {
        return Vec::new();
    }
    let only = std::env::var("PORTHOLE_ENGINE").ok();
    let wanted = |engine: &Engine| only.as_ref().is_none_or(|only| only == engine.name());
    Engine::ALL.into_iter().filter(|engine| wanted(engine) && is_installed(*engine)).collect()
}

/// An agent, a client and the engines to try; none where containers cannot be made.
async fn set() -> Option<(Agent, Client, Vec<Engine>)> {
    let engines = engines();
    if engines.is_empty() {
        return None;
    }
    let agent = Agent::start();
    let client = agent.connect().await;
    Some((agent, client, engines))
}

/// Whether a shell asks for the next line after this.
fn prompted_after(text: &str, what: &str) -> bool {
    text.rsplit_once(what).is_some_and(|(_, rest)| rest.contains("# "))
}

/// The same container by that engine.
fn by(engine: Engine, mut spec: LaunchSpec) -> LaunchSpec {
    spec.engine = engine;
    // A sandbox of gVisor is a program of some size, and its threads count as well.
    spec.limits.memory_bytes = Some(256 << 20);
    spec.limits.pids = Some(128);
    spec
}

/// What a process on pipes says and how it ends.
async fn said(client: &mut Client, process: &Terminal) -> (String, u8) {
    let exit = client.exit(process).await;
    (client.text(process.channel()), exit.code)
}

async fn exec(client: &mut Client, container: &ContainerId, script: &str) -> (String, u8) {
    let process = client.exec(container, run(&["sh", "-c", script]).process).await;
    said(client, &process).await
}

async fn stop(client: &mut Client, container: &ContainerId) {
    let request = client.request();
    client.send(&ClientMessage::Stop { request, container: container.clone() }).await;
    client.answer(request).await.expect("a container can be stopped");
}

#[tokio::test]
async fn a_run_and_a_further_process_give_what_they_say_and_their_status() {
    let Some((_agent, mut client, engines)) = set().await else { return };
    for engine in engines {
        let first = client.launch(by(engine, run(&["sh", "-c", "echo one; exit 3"]))).await;
        assert_eq!(said(&mut client, &first).await, ("one\n".into(), 3), "{engine:?}");
        let stays = client.launch(by(engine, run(&["sleep", "600"]))).await;
        let answer = exec(&mut client, &stays.container, "echo two; kill -9 $$").await;
        assert_eq!(answer, ("two\n".into(), 137), "{engine:?}");
        let missing = client.try_exec(&stays.container, run(&["nope"]).process).await.unwrap_err();
        assert_eq!(missing.code, ErrorCode::CommandNotFound, "{engine:?} {missing:?}");
        let missing = client.try_launch(by(engine, run(&["nope"]))).await.unwrap_err();
        assert_eq!(missing.code, ErrorCode::CommandNotFound, "{engine:?} {missing:?}");
    }
}

#[tokio::test]
async fn a_terminal_is_typed_into_resized_and_interrupted() {
    let Some((_agent, mut client, engines)) = set().await else { return };
    for engine in engines {
        let first = client.launch(by(engine, shell())).await;
        let further = client.exec(&first.container, terminal(&["sh"])).await;
        for shell in [&further, &first] {
            client.type_line(shell, "stty size; echo rea''dy").await;
            client.expect(shell, "24 80\r\nready").await;
            client.resize(shell, 30, 100).await;
            client.type_line(shell, "stty size; echo resi''zed").await;
            client.expect(shell, "30 100\r\nresized").await;
            // One process says it and sleeps: when it has been said, the terminal is its own and no longer the shell's.
            client.type_line(shell, "sh -c \"echo begu''n; exec sleep 600\"").await;
            client.expect(shell, "begun").await;
            client.type_bytes(shell, b"\x03").await;
            // What is typed before the shell has its terminal back may be thrown away with the rest of the line.
            client.until(|client| prompted_after(&client.text(shell.channel()), "^C")).await;
            client.type_line(shell, "echo interrup''ted; exit 5").await;
            client.expect(shell, "interrupted").await;
            assert_eq!(client.exit(shell).await.code, 5, "{engine:?}");
        }
    }
}

#[tokio::test]
async fn the_kernel_panel_shows_the_kernel_that_is_there_and_the_limits_that_bind() {
    let Some((agent, mut client, engines)) = set().await else { return };
    for engine in engines {
        let stays = client.launch(by(engine, run(&["sleep", "600"]))).await;
        let (release, _) = exec(&mut client, &stays.container, "uname -r").await;
        let view: KernelView = agent.get(&format!("/containers/{}/kernel", stays.container)).await;
        assert_eq!(view.container.release, release.trim(), "{engine:?}");
        assert_eq!(view.container.release == view.host.release, engine != Engine::Runsc, "{engine:?}");
        let memory = view.cgroup.iter().find(|value| value.resource == "memory").unwrap();
        assert_eq!(memory.limit, Some(256 << 20), "{engine:?}");
        let pids = view.cgroup.iter().find(|value| value.resource == "pids").unwrap();
        assert!(pids.usage >= 2 && pids.limit == Some(128), "{engine:?} {pids:?}");
        assert!(view.processes.len() >= 2, "{engine:?} {:?}", view.processes);
        // More than there is: with it ends the whole container, and nothing else.
        let greedy = "head -c 400m /dev/zero | tail -c 399m | wc -c";
        let greedy = client.exec(&stays.container, run(&["sh", "-c", greedy]).process).await;
        client.exit(&greedy).await;
        assert!(!client.text(greedy.channel()).contains("418381824"), "{engine:?} had more than it may");
    }
}

#[tokio::test]
async fn a_stop_is_heard_and_who_does_not_hear_is_killed() {
    let Some((agent, mut client, engines)) = set().await else { return };
    for engine in engines {
        let script = "trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.1; done";
        let polite = client.launch(by(engine, run(&["sh", "-c", script]))).await;
        client.expect(&polite, "ready").await;
        stop(&mut client, &polite.container).await;
        let (text, code) = said(&mut client, &polite).await;
        assert!(text.ends_with("bye\n") && code == 7, "{engine:?} {code} {text:?}");
        let deaf = client.launch(by(engine, run(&["sh", "-c", "trap '' TERM; echo ready; sleep 600"]))).await;
        client.expect(&deaf, "ready").await;
        let request = client.request();
        let remove = ClientMessage::Remove { request, container: deaf.container.clone(), force: true };
        client.send(&remove).await;
        client.answer(request).await.unwrap();
        let left: Vec<porthole_protocol::http::ContainerSummary> = agent.get("/containers").await;
        assert!(left.iter().all(|container| container.id != deaf.container), "{engine:?}");
    }
}

#[tokio::test]
async fn an_agent_that_was_killed_finds_every_container_and_its_terminals() {
    let Some((mut agent, mut client, engines)) = set().await else { return };
    let mut shells = Vec::new();
    for engine in engines {
        let first = client.launch(by(engine, shell())).await;
        let further = client.exec(&first.container, terminal(&["sh"])).await;
        for shell in [&first, &further] {
            client.type_line(shell, "kept=marked; echo rea''dy").await;
            client.expect(shell, "ready").await;
        }
        shells.push((engine, first, further));
    }
    agent.kill_and_restart();
    let mut client = agent.connect().await;
    for (engine, first, further) in shells {
        for (shell, code) in [(further, 4), (first, 6)] {
            let again = client.try_attach(&shell.container, shell.process, None).await.unwrap();
            client.type_line(&again, &format!("echo is-$kept; exit {code}")).await;
            client.expect(&again, "is-marked").await;
            assert_eq!(client.exit(&again).await.code, code, "{engine:?}");
        }
    }
}

#[tokio::test]
async fn networks_lead_outward_and_to_members_and_nowhere_else() {
    if !world::possible() {
        return;
    }
    let _world = World::new();
    let Some((mut agent, mut client, engines)) = set().await else { return };
    for engine in engines {
        let serve = "nc -ll -p 5000 -e echo from-inside";
        let name = engine.name();
        let join = |role: &str, networks: &[&str]| {
            let mut spec = by(engine, run(&["sh", "-c", serve]));
            spec.name = Some(format!("{name}-{role}"));
            spec.networks = networks.iter().map(ToString::to_string).collect();
            spec
        };
        let server = match client.try_launch(join("server", &["bench"])).await {
            // It knows the host's own namespace by a setting that newer kernels show in every one.
            Err(error) if engine == Engine::Runsc && error.message.contains("root network namespace") => {
                eprintln!("SKIPPED: this gVisor joins no network on this kernel: {}", error.message);
                continue;
            }
            launched => launched.unwrap().0,
        };
        let (both, first) = client.try_launch(join("both", &["bench", "nat"])).await.unwrap();
        assert_eq!(both.addresses.len(), 2, "{engine:?}");
        let address = server.addresses[0].address.split('/').next().unwrap().to_owned();
        let reach = |to: &str, port: u16| format!("timeout 5 nc -w 3 {to} {port} </dev/null 2>&1");
        let server_name = format!("{name}-server");
        for to in [address.as_str(), server_name.as_str()] {
            let (text, _) = exec(&mut client, &first.container, &reach(to, 5000)).await;
            assert!(text.contains("from-inside"), "{engine:?} to {to}: {text:?}");
        }
        let (text, _) = exec(&mut client, &first.container, &reach(world::WEB, 80)).await;
        assert!(text.contains("outside:80"), "{engine:?}: {text:?}");
        for forbidden in [FORBIDDEN[0], FORBIDDEN[4], world::HOST] {
            let port = if forbidden == world::HOST { 7070 } else { 80 };
            let (text, _) = exec(&mut client, &first.container, &reach(forbidden, port)).await;
            assert!(!text.contains(&format!(":{port} ")), "{engine:?} reaches {forbidden}: {text:?}");
        }
        // A member of the lab alone does not get out.
        let (text, _) = exec(&mut client, &server.summary.id, &reach(world::WEB, 80)).await;
        assert!(!text.contains("outside:80"), "{engine:?}: {text:?}");
    }
    agent.stop();
}

#[tokio::test]
async fn a_published_port_is_carried_inside_where_the_network_is_the_hosts_kernels() {
    let Some((_agent, mut client, engines)) = set().await else { return };
    for engine in engines {
        let mut spec = by(engine, run(&["nc", "-ll", "-p", "7000", "-e", "echo", "served"]));
        spec.publish = vec![Publish { port: 7000, host_port: None }];
        if engine == Engine::Runsc {
            // What listens there is in a kernel of its own.
            let refused = client.try_launch(spec).await.unwrap_err();
            assert_eq!(refused.code, ErrorCode::BadRequest, "{refused:?}");
            continue;
        }
        let (detail, _) = client.try_launch(spec).await.unwrap();
        let port = detail.published[0].host_port.unwrap();
        let fetch = move || {
            let mut text = String::new();
            let stream = std::net::TcpStream::connect(("127.0.0.1", port));
            let _ = stream.and_then(|mut stream| std::io::Read::read_to_string(&mut stream, &mut text));
            text
        };
        let served = tokio::task::spawn_blocking(move || {
            eventually("it is served", || fetch() == "served\n");
        });
        served.await.unwrap();
    }
}

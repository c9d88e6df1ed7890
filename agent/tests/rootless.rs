//! Porthole of an ordinary user: the same, and what it lacks is said.

mod support;

use std::fs;
use std::os::unix::fs::MetadataExt;

use porthole_protocol::doctor::{DoctorReport, Verdict};
use porthole_protocol::http::{ContainerDetail, Version};
use porthole_protocol::kernel::Process;
use porthole_protocol::spec::ProcessSpec;
use support::{Agent, possible, shell, terminal};

/// An id that nobody has, without a range in /etc/subuid.
const SOMEBODY: u32 = 54_321;

/// The first of 65,536 ids that nobody has either.
const RANGE: u32 = 3_000_000;

#[tokio::test]
async fn an_ordinary_user_gets_a_shell_that_is_isolated_all_the_same() {
    if !possible() {
        return;
    }
    let agent = Agent::start_as(SOMEBODY);
    assert!(agent.get::<Version>("/version").await.rootless);
    let mut client = agent.connect().await;
    let shell = client.launch(shell()).await;
    client
        .type_line(
            &shell,
            "id -u; hostname; echo $(ls /proc | grep -c '^[0-9]') pids; touch /tmp/x && echo wro''te",
        )
        .await;
    client.expect(&shell, "wrote").await;
    let said = client.text(shell.channel());
    assert!(said.contains("\n0\r"), "root inside: {said:?}");
    client
        .type_line(
            &shell,
            "grep -c . /proc/self/uid_map; grep NoNewPrivs /proc/self/status; mount -t tmpfs x /mnt",
        )
        .await;
    client.expect(&shell, "NoNewPrivs:\t1").await;
    client.expect(&shell, "denied").await;
    let second = client.exec(&shell.container, terminal(&["sh", "-c", "echo second; exit 4"])).await;
    assert_eq!(client.exit(&second).await.code, 4);

    let detail: ContainerDetail = agent.get(&format!("/containers/{}", shell.container)).await;
    let owner = fs::metadata(format!("/proc/{}", detail.init_pid)).map(|meta| meta.uid());
    assert!(owner.is_ok_and(|uid| uid != 0), "root of the container is an ordinary user of the host");
    assert!(
        detail.lacks.iter().any(|lack| lack.contains("share one range of user ids")),
        "{:?}",
        detail.lacks
    );
}

#[tokio::test]
async fn an_ordinary_user_with_a_range_of_ids_gets_all_users_of_an_image() {
    if !possible() {
        return;
    }
    if !["newuidmap", "newgidmap"].iter().all(|name| fs::exists(format!("/usr/bin/{name}")).unwrap()) {
        return eprintln!("SKIPPED: newuidmap and newgidmap are not installed (Debian: uidmap)");
    }
    let agent = Agent::start_as_with_range(SOMEBODY, RANGE);
    assert!(agent.get::<Version>("/version").await.rootless);
    let mut client = agent.connect().await;
    let shell = client.launch(shell()).await;
    client
        .type_line(&shell, "cat /proc/self/uid_map; touch /tmp/x; chown 1000:2000 /tmp/x && echo chow''ned")
        .await;
    client.expect(&shell, "chowned").await;
    let script = "id -u; id -g; echo mine >/tmp/mine && stat -c '%u %g' /tmp/x /tmp/mine; sleep 100";
    let user = ProcessSpec { user: Some("1000:1000".to_owned()), ..terminal(&["sh", "-c", script]) };
    let second = client.exec(&shell.container, user).await;
    client.expect(&second, "1000\r\n1000\r\n1000 2000\r\n1000 1000\r\n").await;

    let of_host = |pid: u32| fs::metadata(format!("/proc/{pid}")).map(|meta| meta.uid()).ok();
    let processes: Vec<Process> = agent.get(&format!("/containers/{}/top", shell.container)).await;
    let sleeps = processes.iter().find(|process| process.command.contains("sleep 100"));
    let sleeps = sleeps.unwrap_or_else(|| panic!("{processes:?}"));
    assert_eq!(of_host(sleeps.host_pid), Some(RANGE + 999), "{processes:?}");
    assert_eq!((sleeps.container_uid, sleeps.host_uid), (1000, RANGE + 999));
    let roots = processes.iter().filter(|process| process.container_uid == 0);
    assert!(roots.map(|process| process.host_uid).all(|uid| uid == SOMEBODY), "{processes:?}");
    let detail: ContainerDetail = agent.get(&format!("/containers/{}", shell.container)).await;
    assert_eq!(of_host(detail.init_pid), Some(SOMEBODY), "root inside is the user");
    let report: DoctorReport = agent.get("/doctor").await;
    let privilege = report.checks.iter().find(|check| check.name == "privilege").unwrap();
    assert!(privilege.found.contains("65,536"), "{privilege:?}");
}

#[tokio::test]
async fn doctor_tells_an_ordinary_user_what_is_missing_and_how_to_get_it() {
    if !possible() {
        return;
    }
    let agent = Agent::start_as(SOMEBODY);
    let report: DoctorReport = agent.get("/doctor").await;
    let check = |name: &str| report.checks.iter().find(|check| check.name == name).unwrap();
    assert_eq!(check("privilege").verdict, Verdict::Degraded);
    assert!(check("privilege").fix.contains("usermod --add-subuids"));
    assert_eq!(check("overlay").verdict, Verdict::Works);
    for check in &report.checks {
        assert_eq!(check.fix.is_empty(), check.verdict == Verdict::Works, "{check:?}");
    }
}

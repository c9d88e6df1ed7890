//! The verbs that list, tell and end.

use serde_json::Value;

use crate::support::Agent;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn ps_lists_what_runs_and_with_a_what_has_ended() {
    let agent = Agent::start();
    let id = agent.ok(&["run", "-d", "--name", "up", "busybox", "sleep", "60"]);
    agent.porthole(&["run", "--name", "ended", "busybox", "sh", "-c", "exit 7"]);

    let listed = agent.ok(&["ps"]);
    let lines: Vec<&str> = listed.lines().collect();
    assert!(lines[0].starts_with("CONTAINER ID   IMAGE"), "{listed}");
    assert_eq!(lines.len(), 2, "{listed}");
    assert!(
        lines[1].starts_with(id.trim()) && lines[1].contains("sleep 60") && lines[1].contains("Up "),
        "{listed}"
    );
    assert!(lines[1].ends_with("up"), "{listed}");
    assert!(agent.ok(&["ps", "-a"]).contains("Exited (7)"));
    assert_eq!(agent.ok(&["ps", "-q"]), id);

    let all = json(&agent.ok(&["ps", "-a", "--json"]));
    let states: Vec<&str> =
        all.as_array().unwrap().iter().map(|one| one["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["exited", "running"], "newest first");
}

#[test]
fn a_verb_goes_on_after_a_name_that_fails() {
    let agent = Agent::start();
    agent.ok(&["run", "-d", "--name", "a", "busybox", "sleep", "60"]);
    agent.ok(&["run", "-d", "--name", "b", "busybox", "sleep", "60"]);

    let outcome = agent.porthole(&["kill", "-s", "TERM", "a", "nobody", "b"]);
    assert_eq!((outcome.status, outcome.stdout.as_str()), (1, "a\nb\n"));
    assert!(outcome.stderr.contains("nobody"), "{}", outcome.stderr);
    assert_eq!(agent.ok(&["stop", "-t", "1", "a", "b"]), "a\nb\n", "stopping what has ended is no error");
    assert_eq!(agent.ok(&["ps", "-q"]), "");
    assert_eq!(agent.ok(&["rm", "a", "b"]), "a\nb\n");
    assert_eq!(agent.ok(&["ps", "-aq"]), "");
}

#[test]
fn a_running_container_is_removed_only_by_force() {
    let agent = Agent::start();
    agent.ok(&["run", "-d", "--name", "busy", "busybox", "sleep", "60"]);
    let refused = agent.porthole(&["rm", "busy"]);
    assert_eq!((refused.status, refused.stdout.as_str()), (1, ""));
    assert_eq!(agent.ok(&["rm", "-f", "busy"]), "busy\n");
}

#[test]
fn a_signal_that_does_not_exist_is_refused() {
    let agent = Agent::start();
    agent.ok(&["run", "-d", "--name", "busy", "busybox", "sleep", "60"]);
    assert_eq!(agent.porthole(&["kill", "-s", "NONSENSE", "busy"]).status, 1);
    assert_eq!(agent.ok(&["kill", "-s", "9", "busy"]), "busy\n");
}

#[test]
fn inspect_tells_everything_about_containers_and_images() {
    let agent = Agent::start();
    let id = agent.ok(&["run", "-d", "--name", "box", "busybox", "sleep", "60"]);
    let found = json(&agent.ok(&["inspect", "box", "busybox"]));
    assert_eq!(found[0]["summary"]["id"], id.trim());
    assert!(
        found[0]["birth"].as_array().is_some_and(|steps| steps.len() > 10),
        "its birth is told step by step"
    );
    assert_eq!(found[1]["summary"]["names"][0], "busybox:latest");
    assert_eq!(found[1]["os"], "linux");
    let outcome = agent.porthole(&["inspect", "nothing"]);
    assert_eq!((outcome.status, outcome.stdout.as_str()), (1, "[]\n"));
}

#[test]
fn stats_and_top_tell_what_a_container_does() {
    let agent = Agent::start();
    let script = "while :; do :; done";
    let id = agent.ok(&["run", "-d", "--name", "busy", "--memory", "64m", "busybox", "sh", "-c", script]);
    let stats = agent.ok(&["stats", "--no-stream"]);
    let line = stats.lines().nth(1).unwrap();
    assert!(line.starts_with(id.trim()) && line.contains("/ 64 MiB"), "{stats}");
    let cpu: f64 = line.split_whitespace().nth(2).unwrap().parse().unwrap();
    assert!(cpu > 5.0, "a busy loop uses the CPU: {stats}");

    let top = agent.ok(&["top", "busy"]);
    assert!(top.lines().any(|line| line.contains(script)), "{top}");
    let inside = json(&agent.ok(&["top", "--json", "busy"]));
    assert!(
        inside
            .as_array()
            .unwrap()
            .iter()
            .any(|process| process["container_uid"] == 0 && process["host_uid"] != 0)
    );
}

#[test]
fn plan_prints_the_steps_without_taking_them() {
    let agent = Agent::start();
    let plan = agent.ok(&["plan", "busybox", "true"]);
    assert!(plan.starts_with(" 1  launcher  "), "{plan}");
    assert!(plan.contains("clone3(") && plan.contains("pivot_root(") && plan.contains("execve"), "{plan}");
    let steps = json(&agent.ok(&["plan", "--json", "--read-only", "busybox"]));
    assert!(steps.as_array().unwrap().iter().all(|step| !step["why"].as_str().unwrap().is_empty()));
    assert_eq!(agent.ok(&["ps", "-aq"]), "");
}

#[test]
fn doctor_tells_of_each_thing_why_it_matters() {
    let agent = Agent::start();
    let outcome = agent.porthole(&["doctor", "--json"]);
    let report = json(&outcome.stdout);
    let checks = report["checks"].as_array().unwrap();
    assert!(checks.len() >= 8, "{report}");
    for check in checks {
        assert!(!check["why"].as_str().unwrap().is_empty(), "{check}");
        assert!(check["verdict"] == "works" || !check["fix"].as_str().unwrap().is_empty(), "{check}");
    }
    let told = agent.porthole(&["doctor"]).stdout;
    assert!(told.lines().filter(|line| line.starts_with(['✓', '~', '✗'])).count() == checks.len(), "{told}");
}

#[test]
fn version_tells_both_sides() {
    let agent = Agent::start();
    let told = agent.ok(&["version"]);
    assert!(told.contains(concat!("Agent          ", env!("CARGO_PKG_VERSION"))), "{told}");
}

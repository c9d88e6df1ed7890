//! Isolation, asserted from inside by a static probe; and the same assertions on the bare host, where each must fail.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod checks;
mod probe;
#[path = "../support/mod.rs"]
mod support;
#[cfg(target_arch = "x86_64")]
mod sweep;

use checks::{CHECKS, Expected};
use porthole_launcher::capabilities;
use porthole_probe::report::Report;
use support::{Launcher, possible};

const ID: &str = "0123456789ab";

fn expected(pids_visible: usize) -> Expected {
    Expected {
        host: probe::outside(),
        hostname: ID.to_owned(),
        capabilities: capabilities::DEFAULT,
        pids_visible,
    }
}

/// Names of the checks that do not hold, with the reason.
fn violations(report: &Report, expected: &Expected) -> Vec<String> {
    let failed =
        |(name, check): &(&str, checks::Check)| Some(format!("{name}: {}", check(report, expected).err()?));
    CHECKS.iter().filter_map(failed).collect()
}

#[test]
fn the_first_process_of_a_container_is_isolated() {
    if !possible() {
        return;
    }
    let mut launcher = Launcher::start();
    probe::install(&launcher);
    let report = probe::inside(&mut launcher, ID, |_| {});
    assert_eq!(violations(&report, &expected(2)), [""; 0]);
    assert_eq!(report.pid, (2, 0));
}

#[test]
fn a_further_process_is_isolated_just_the_same() {
    if !possible() {
        return;
    }
    let mut launcher = Launcher::start();
    probe::install(&launcher);
    let (reply, fds) =
        launcher.ask(porthole_launcher::wire::RequestBody::Launch(Box::new(support::shell(ID))));
    assert!(matches!(reply, porthole_launcher::wire::Reply::Launched { .. }), "{reply:?}");
    let report = probe::exec(&mut launcher, ID);
    assert_eq!(violations(&report, &expected(3)), [""; 0]);
    drop(fds);
}

#[test]
fn every_assertion_fails_on_the_bare_host() {
    if !possible() {
        return;
    }
    let host = probe::outside();
    let failed = violations(&host, &expected(1));
    let passed: Vec<_> = CHECKS
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| !failed.iter().any(|f| f.starts_with(name)))
        .collect();
    assert_eq!(passed, [""; 0], "these assertions show nothing, as they hold without any isolation");
}

#[test]
fn capabilities_asked_for_are_the_ones_that_are_had() {
    if !possible() {
        return;
    }
    let mut launcher = Launcher::start();
    probe::install(&launcher);
    let report = probe::inside(&mut launcher, ID, |request| request.capabilities = 0);
    for set in ["CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb"] {
        assert_eq!(report.status[set], "0000000000000000", "{set}");
    }
}

#[test]
fn an_ordinary_user_inside_has_no_capability() {
    if !possible() {
        return;
    }
    let mut launcher = Launcher::start();
    probe::install(&launcher);
    let report = probe::inside(&mut launcher, ID, |request| {
        request.process.uid = 1000;
        request.process.gid = 1000;
        request.process.groups = vec![1000, 2000];
    });
    assert_eq!(report.ids, (1000, 1000, vec![1000, 2000]));
    assert_eq!(report.status["CapEff"], "0000000000000000");
    assert_eq!(report.status["CapPrm"], "0000000000000000");
}

#[test]
fn two_containers_share_no_id_and_no_namespace() {
    if !possible() {
        return;
    }
    let mut launcher = Launcher::start();
    probe::install(&launcher);
    let one = probe::inside(&mut launcher, "00000000000a", |_| {});
    let two = probe::inside(&mut launcher, "00000000000b", |_| {});
    assert_ne!(one.uid_map, two.uid_map);
    assert_ne!(one.gid_map, two.gid_map);
}

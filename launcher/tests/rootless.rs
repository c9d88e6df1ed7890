//! The same launcher, started by an ordinary user.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use porthole_launcher::wire::{Event, Reply, RequestBody};
use support::{Launcher, on_pipes, possible, read_all, read_until, shell};

const ID: &str = "0123456789ab";

#[test]
fn an_ordinary_user_gets_a_shell_and_is_told_what_it_lacks() {
    if !possible() {
        return;
    }
    let mut launcher = Launcher::start_without_root();
    let (reply, fds) = launcher.ask(RequestBody::Launch(Box::new(shell(ID))));
    let Reply::Launched { lacks, .. } = reply else { panic!("{reply:?}") };
    assert!(lacks.iter().any(|lack| lack.contains("user ids")), "{lacks:?}");
    assert!(lacks.iter().any(|lack| lack.contains("memory")), "{lacks:?}");
    read_until(&fds[1], "# ");

    let process =
        on_pipes(&["sh", "-c", "id -u; hostname; touch /root/x && ls /root; cat /proc/self/uid_map"]);
    let (reply, mut fds) = launcher.ask(RequestBody::Exec { container: ID.to_owned(), process });
    assert!(matches!(reply, Reply::Started { .. }), "{reply:?}");
    let output = read_all(fds.remove(1));
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(lines[..3], ["0", ID, "x"], "{output}");
    assert_eq!(lines[3].split_whitespace().collect::<Vec<_>>(), ["0", "0", "1"], "{output}");

    launcher.ask(RequestBody::Kill { container: ID.to_owned() });
    launcher.event(|event| matches!(event, Event::Exited { process: 0, .. }));
    launcher.ended(ID);
    launcher.assert_settled();
}

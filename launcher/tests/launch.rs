//! Containers on the real kernel: started, talked to, ended.

mod support;

use porthole_launcher::wire::{Event, Reply, RequestBody};
use support::{Launcher, possible, read_until, shell};

const ID: &str = "0123456789ab";

#[test]
fn a_shell_gives_a_prompt_and_ends_with_its_status() {
    if !possible() {
        return;
    }
    let mut launcher = Launcher::start();
    let (reply, fds) = launcher.ask(RequestBody::Launch(Box::new(shell(ID))));
    let Reply::Launched { init_pid, pid, steps, lacks } = reply else { panic!("{reply:?}") };
    assert!(init_pid > 1 && pid > 1);
    for step in &steps {
        println!(
            "{:>9} {:>9} {:<8} {}",
            step.start_ns,
            step.duration_ns,
            step.step.actor(),
            step.step.call()
        );
    }
    println!("{lacks:?}");
    let [_pidfd, master] = &fds[..] else { panic!("{fds:?}") };
    read_until(master, "# ");
    rustix::io::write(master, b"echo $((6*7)); id; cat /proc/self/uid_map; mount; ps; ls -l /dev; ls -ld /root /; echo hi > /root/x; ls -l /root; grep -E 'Cap|Secc' /proc/self/status; cat /proc/1/status | head -3; exit 7\n").unwrap();
    let event = launcher.event(|event| matches!(event, Event::Exited { .. }));
    print!("{}", read_until(master, "Seccomp"));
    let Event::Exited { container, process: 0, ending } = event else { panic!("{event:?}") };
    assert_eq!((container.as_str(), ending.code, ending.signal), (ID, 7, None));
    launcher.ended(ID);
    assert_eq!(launcher.descendants(), []);
}

//! `run -it` on a real terminal: keys, sizes, the way back.

use rustix::event::{Timespec, poll};
use rustix::process::Signal;

use crate::screen::Screen;
use crate::support::{Agent, send};

#[test]
fn a_shell_is_a_full_terminal() {
    let agent = Agent::start();
    let mut screen = Screen::open(&agent, &["run", "-it", "--rm", "busybox", "sh"]);
    screen.shows("# ");
    screen.asks("stty size", "30 100");
    screen.resizes(50, 132);
    screen.asks("stty size", "50 132");
    // One process says it and sleeps: when it has been said, the terminal is its own and no longer the shell's.
    screen.types("sh -c \"echo a''sleep; exec sleep 1000\"\r");
    screen.shows("asleep\r\n");
    screen.types("\x03");
    // What is typed before the shell has its terminal back may be thrown away with the rest of the line.
    screen.shows("^C");
    screen.shows("# ");
    screen.types("echo status''=$?\r");
    screen.shows("status=130\r\n");
    screen.types("exit 5\r");
    assert_eq!(screen.ends(), Some(5));
    assert_eq!(agent.ok(&["ps", "-aq"]), "");
}

#[test]
fn detaching_leaves_the_shell_as_it_is_and_attaching_returns_to_it() {
    let agent = Agent::start();
    let mut screen = Screen::open(&agent, &["run", "-it", "--name", "kept", "busybox", "sh"]);
    screen.shows("# ");
    screen.asks("X=remembered; echo set", "set");
    screen.types("\x10\x11");
    screen.shows("porthole attach");
    assert_eq!(screen.ends(), Some(0));
    assert_eq!(agent.ok(&["ps", "-q"]).lines().count(), 1);

    let mut screen = Screen::open(&agent, &["attach", "kept"]);
    screen.asks("echo $X", "remembered");
    screen.types("exit\r");
    assert_eq!(screen.ends(), Some(0));
}

#[test]
fn exec_opens_a_second_terminal() {
    let agent = Agent::start();
    agent.ok(&["run", "-d", "--name", "host", "busybox", "sleep", "60"]);
    let mut screen = Screen::open(&agent, &["exec", "-it", "host", "sh"]);
    screen.shows("# ");
    screen.asks("test -t 0 && echo terminal", "terminal");
    screen.types("exit 3\r");
    assert_eq!(screen.ends(), Some(3));
}

#[test]
fn a_signal_that_is_insisted_on_leaves_the_terminal_as_it_was() {
    let agent = Agent::start();
    let mut screen = Screen::open(&agent, &["run", "-it", "busybox", "sh"]);
    screen.shows("# ");
    let between = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
    while screen.child.try_wait().unwrap().is_none() {
        send(&screen.child, Signal::TERM);
        poll(&mut [], Some(&between)).unwrap();
    }
    screen.shows("porthole attach");
    assert_eq!(screen.ends(), Some(0), "it is detached from");
}

#[test]
fn keys_that_come_from_no_terminal_are_refused() {
    let agent = Agent::start();
    let outcome = agent.porthole(&["run", "-it", "busybox", "sh"]);
    assert_eq!(outcome.status, 125);
    assert!(outcome.stderr.contains("not a terminal"), "{}", outcome.stderr);
}

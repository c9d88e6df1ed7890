//! A connection that is lost on the way, an agent that is killed: the command line goes on where it was.

use std::io::{Read, Write};
use std::process::Child;
use std::thread::scope;

use porthole_faults::{Fault, Proxy, Target, Way};

use crate::screen::Screen;
use crate::support::{Agent, read_until};

/// The first connections are reset: one in the answer to the launch, the others in the middle of the output.
fn resets() -> Vec<Fault> {
    [1_500, 100_000, 300_000].map(|after| Fault::Cut { way: Way::Down, after, abrupt: true }).into()
}

/// Does this while a proxy carries what is sent to `target`.
pub(crate) fn through<T>(target: &Target, faults: Vec<Fault>, work: impl FnOnce(&Proxy<'_>) -> T) -> T {
    let proxy = Proxy::with(target, faults).unwrap();
    scope(|scope| {
        let serving = scope.spawn(|| proxy.serve());
        // Whatever becomes of it, the proxy ends: a test that fails must not wait for it.
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(&proxy)));
        proxy.stop();
        serving.join().unwrap().unwrap();
        done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

pub(crate) fn url(proxy: &Proxy<'_>) -> String {
    format!("http://{}", proxy.address())
}

#[test]
fn a_run_prints_everything_once_though_its_connection_is_reset_again_and_again() {
    let agent = Agent::start();
    let target = Target::new(agent.address());
    through(&target, resets(), |proxy| {
        let outcome =
            agent.porthole(&["--agent", &url(proxy), "run", "busybox", "sh", "-c", "seq 100000; exit 3"]);
        let wanted: String = (1..=100_000).map(|line| format!("{line}\n")).collect();
        assert_eq!(outcome.status, 3, "{}", outcome.stderr);
        assert!(outcome.stdout == wanted, "{} bytes in place of {}", outcome.stdout.len(), wanted.len());
        assert_eq!(proxy.happened()[..3], resets());
    });
    assert_eq!(agent.ok(&["ps", "-aq"]).lines().count(), 1, "one launch for one run");
}

#[test]
fn who_gives_up_gets_125() {
    let mut agent = Agent::start();
    let spawn = |agent: &Agent, time: &str| -> Child {
        let mut child =
            agent.spawn(&["--reconnect", time, "run", "-i", "busybox", "sh", "-c", "echo ready; cat"]);
        read_until(child.stdout.as_mut().unwrap(), "ready\n");
        child
    };
    let (brief, none) = (spawn(&agent, "1s"), spawn(&agent, "0"));
    let mut screen = Screen::open(&agent, &["run", "-it", "busybox", "sh"]);
    screen.shows("# ");
    agent.kill();
    for child in [brief, none] {
        let outcome = child.wait_with_output().unwrap();
        assert_eq!(outcome.status.code(), Some(125));
        let told = String::from_utf8_lossy(&outcome.stderr).into_owned();
        assert!(told.contains("was lost") && told.contains("porthole attach"), "{told}");
    }
    screen.shows("connection lost, reconnecting; Ctrl-C gives up");
    screen.types("\x03");
    screen.shows("was lost");
    assert_eq!(screen.ends(), Some(125));
    agent.restart();
}

#[test]
fn other_detach_keys_may_be_named() {
    let agent = Agent::start();
    let mut screen = Screen::open(&agent, &["run", "-it", "--detach-keys", "ctrl-x,d", "busybox", "sh"]);
    screen.shows("# ");
    screen.types("\x18d");
    screen.shows("porthole attach");
    assert_eq!(screen.ends(), Some(0));
}

#[test]
fn what_is_typed_while_nobody_is_there_arrives_when_the_agent_is_back() {
    let mut agent = Agent::start();
    let target = Target::new(agent.address());
    through(&target, Vec::new(), |proxy| {
        let script = "echo ready; while read -r line; do echo got $line; done";
        let mut child = agent.spawn(&["--agent", &url(proxy), "run", "-i", "busybox", "sh", "-c", script]);
        let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        read_until(&mut stdout, "ready\n");
        stdin.write_all(b"one\n").unwrap();
        assert_eq!(read_until(&mut stdout, "\n"), "got one\n");
        target.set(None);
        agent.kill();
        stdin.write_all(b"two\n").unwrap();
        agent.restart();
        target.set(Some(agent.address()));
        stdin.write_all(b"three\n").unwrap();
        drop(stdin);
        let mut rest = String::new();
        stdout.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "got two\ngot three\n");
        assert_eq!(child.wait().unwrap().code(), Some(0));
    });
}

#[test]
fn a_terminal_goes_on_after_the_agent_was_killed_and_the_line_that_told_of_it_goes_away() {
    let mut agent = Agent::start();
    let target = Target::new(agent.address());
    through(&target, Vec::new(), |proxy| {
        let mut screen = Screen::open(&agent, &["--agent", &url(proxy), "run", "-it", "busybox", "sh"]);
        screen.shows("# ");
        screen.asks("X=kept; echo set", "set");
        target.set(None);
        agent.kill();
        screen.shows("connection lost, reconnecting");
        screen.types("echo $X-and-ty''ped\r");
        agent.restart();
        target.set(Some(agent.address()));
        // The line is cleared, and the cursor is where it was.
        screen.shows("\x1b[2K\x1b8");
        screen.shows("kept-and-typed\r\n");
        screen.types("exit 6\r");
        assert_eq!(screen.ends(), Some(6));
    });
}

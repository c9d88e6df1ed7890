//! Who comes back too late: what was printed meanwhile is no longer kept, or the container has ended with its agent.

use std::io::BufReader;
use std::process::Child;
use std::thread::scope;

use porthole_faults::Target;

use crate::reconnect::{through, url};
use crate::screen::Screen;
use crate::support::{Agent, read_until};

/// Prints more than is kept of a terminal, but not before it is told to.
const FLOOD: &str = "echo ready; until [ -e /go ]; do sleep 0.1; done; busybox seq 3000000; printf 'last\\nwords'; \
                     : > /done; exec sleep 1000";

/// The lines that a person sees, those that are empty left out.
fn seen(screen: &Screen) -> Vec<String> {
    let lines = screen.picture().into_iter().map(|line| line.trim_end().to_owned());
    lines.filter(|line| !line.is_empty()).collect()
}

#[test]
fn who_comes_back_when_more_was_printed_than_is_kept_sees_the_screen_and_is_told() {
    let mut agent = Agent::start();
    let target = Target::new(agent.address());
    through(&target, Vec::new(), |proxy| {
        let way = ["--agent", &url(proxy)];
        let run = ["run", "-it", "--name", "talks", "busybox", "sh", "-c", FLOOD];
        let mut screen = Screen::open(&agent, &[&way[..], &run].concat());
        screen.shows("ready");
        let mut follower: Child = agent.spawn(&[&way[..], &["logs", "-f", "talks"]].concat());
        read_until(follower.stdout.as_mut().unwrap(), "ready");
        target.set(None);
        agent.kill();
        screen.shows("connection lost");
        agent.restart();
        agent.ok(&["exec", "talks", "sh", "-c", ": > /go"]);
        agent.ok(&["exec", "talks", "sh", "-c", "until [ -e /done ]; do sleep 0.1; done"]);
        target.set(Some(agent.address()));

        screen.shows("of earlier output are no longer kept and are missing here");
        screen.shows("words");
        let lines = seen(&screen);
        assert_eq!(lines[lines.len() - 4..], ["2999999", "3000000", "last", "words"], "{lines:?}");
        // And it goes on from there.
        scope(|scope| {
            let followed = scope.spawn(|| follower.wait_with_output().unwrap());
            screen.types("\x03");
            assert_eq!(screen.ends(), Some(130));
            let followed = followed.join().unwrap();
            let told = String::from_utf8(followed.stderr).unwrap();
            assert!(told.contains("no longer kept"), "{told}");
            let text = String::from_utf8(followed.stdout).unwrap().replace('\r', "");
            let tail = &text[text.len().saturating_sub(200)..];
            let (numbers, rest) = text.split_once("last\n").unwrap_or_else(|| panic!("{tail:?} {told}"));
            assert_eq!(rest, "words^C");
            // The first line may lack its beginning.
            let numbers: Vec<u64> = numbers.lines().skip(2).map(|line| line.parse().unwrap()).collect();
            assert!(numbers.is_sorted_by(|one, next| one + 1 == *next), "without a gap from there on");
            assert!(numbers.len() > 1_000_000 && numbers.last() == Some(&3_000_000), "{}", numbers.len());
        });
    });
}

#[test]
fn who_comes_for_the_first_time_sees_what_is_kept_and_goes_on_from_there() {
    let agent = Agent::start();
    agent.ok(&["run", "-dt", "--name", "talks", "busybox", "sh", "-c", FLOOD]);
    agent.ok(&["exec", "talks", "sh", "-c", ": > /go; until [ -e /done ]; do sleep 0.1; done"]);
    let mut attached = agent.spawn(&["attach", "talks"]);
    let text = read_until(&mut BufReader::new(attached.stdout.as_mut().unwrap()), "words").replace('\r', "");
    let numbers = text.strip_suffix("last\nwords").unwrap();
    // The first line may lack its beginning.
    let numbers: Vec<u64> = numbers.lines().skip(1).map(|line| line.parse().unwrap()).collect();
    assert!(numbers.is_sorted_by(|one, next| one + 1 == *next), "without a gap");
    assert!(numbers.len() > 1_000_000 && numbers.last() == Some(&3_000_000), "{}", numbers.len());
    agent.ok(&["exec", "talks", "sh", "-c", "kill -KILL -1"]);
    assert_eq!(attached.wait().unwrap().code(), Some(137));
}

#[test]
fn an_agent_that_is_stopped_ends_its_containers_and_whoever_waited_for_it_is_told() {
    let mut agent = Agent::start();
    let target = Target::new(agent.address());
    through(&target, Vec::new(), |proxy| {
        let mut waits = Screen::open(&agent, &["--agent", &url(proxy), "run", "-it", "busybox", "sh"]);
        waits.shows("# ");
        let mut leaves =
            agent.spawn(&["--reconnect", "0", "run", "-i", "busybox", "sh", "-c", "echo ready; cat"]);
        read_until(leaves.stdout.as_mut().unwrap(), "ready\n");
        target.set(None);
        agent.stop();
        let left = leaves.wait_with_output().unwrap();
        let told = String::from_utf8(left.stderr).unwrap();
        assert_eq!(left.status.code(), Some(125), "{told}");
        assert!(told.contains("The agent is being stopped, and its containers with it."), "{told}");
        waits.shows("connection lost, reconnecting");
        agent.restart();
        target.set(Some(agent.address()));
        waits.shows("There is no container");
        assert_eq!(waits.ends(), Some(125));
    });
    assert_eq!(agent.ok(&["ps", "-aq"]), "");
}

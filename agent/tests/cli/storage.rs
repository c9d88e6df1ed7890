//! `tag`, `save`, `ps -s`, `df` and `prune`: what is stored, and by how many it is shared.

use serde_json::Value;

use crate::screen::Screen;
use crate::support::Agent;

fn json(agent: &Agent, arguments: &[&str]) -> Value {
    serde_json::from_str(&agent.ok(arguments)).unwrap()
}

#[test]
fn an_image_has_several_names_and_goes_with_the_last() {
    let agent = Agent::start();
    assert_eq!(agent.ok(&["tag", "busybox", "tools:1"]), "");
    let images = json(&agent, &["images", "--json"]);
    assert_eq!(images[0]["names"], serde_json::json!(["busybox:latest", "tools:1"]));
    assert_eq!(images[0]["unique_bytes"], images[0]["bytes"], "no other image shares its layer");
    assert_eq!(agent.ok(&["rmi", "busybox"]), "Untagged: busybox:latest\n");
    assert_eq!(agent.ok(&["run", "--rm", "tools:1", "echo", "here"]), "here\n");
    assert_eq!(agent.porthole(&["tag", "nothing", "x"]).status, 1);
    assert_eq!(agent.porthole(&["tag", "tools:1", "NO NAME"]).status, 1);
}

#[test]
fn saved_images_load_on_another_machine() {
    let (here, there) = (Agent::start(), Agent::start());
    here.ok(&["tag", "busybox", "tools:1"]);
    let file = here.directory().join("images.tar");
    here.ok(&["save", "-o", file.to_str().unwrap(), "busybox", "tools:1"]);
    there.ok(&["rmi", "busybox"]);
    let loaded = there.ok(&["load", "-i", file.to_str().unwrap()]);
    assert!(loaded.contains("Loaded image: tools:1\n"), "{loaded}");
    assert_eq!(there.ok(&["run", "--rm", "busybox", "echo", "here"]), "here\n");
    let id = |agent: &Agent| json(agent, &["images", "--json"])[0]["id"].clone();
    assert_eq!(id(&here), id(&there));

    let refused = here.porthole(&["save", "-o", file.to_str().unwrap(), "nothing"]);
    assert_eq!(refused.status, 1);
    assert!(std::fs::metadata(&file).unwrap().len() > 1_000_000, "what was saved before stays");
    let mut screen = Screen::open(&here, &["save", "busybox"]);
    screen.shows("nothing for a terminal");
    assert_eq!(screen.ends(), Some(1));
}

#[test]
fn layers_are_stored_once_and_what_each_wrote_is_its_own() {
    let agent = Agent::start();
    for name in ["a", "b", "c"] {
        agent.ok(&["run", "-d", "--name", name, "busybox", "sleep", "1000"]);
    }
    agent.ok(&["exec", "b", "dd", "if=/dev/zero", "of=/root/file", "bs=1M", "count=2"]);
    let listed = agent.ok(&["ps", "-s"]);
    assert!(listed.lines().next().unwrap().ends_with("SIZE"), "{listed}");
    assert_eq!(listed.matches("(shared ").count(), 3, "{listed}");
    let containers = json(&agent, &["ps", "-s", "--json"]);
    let wrote = containers.as_array().unwrap().iter().find(|one| one["name"] == "b").unwrap();
    assert!(wrote["size"]["private_bytes"].as_u64().unwrap() >= 2 << 20, "{wrote}");

    let storage = json(&agent, &["df", "--json"]);
    assert_eq!(storage["layers"].as_array().unwrap().len(), 1);
    assert_eq!(storage["layers"][0]["containers"].as_array().unwrap().len(), 3);
    let told = agent.ok(&["df"]);
    assert!(told.starts_with("LAYER ") && told.contains("WITHOUT SHARING"), "{told}");
}

#[test]
fn prune_asks_and_tells_what_each_thing_freed() {
    let agent = Agent::start();
    agent.porthole(&["run", "--name", "ended", "busybox", "true"]);
    let planned = agent.ok(&["prune", "--dry-run"]);
    assert!(planned.contains("Would remove container ended"), "{planned}");
    let refused = agent.porthole(&["prune"]);
    assert_eq!(refused.status, 1, "nobody is there to be asked");
    assert!(refused.stderr.contains("--force"), "{}", refused.stderr);

    let mut screen = Screen::open(&agent, &["prune"]);
    screen.shows("Would remove container ended");
    screen.shows("[y/N] ");
    screen.types("n\r");
    assert_eq!(screen.ends(), Some(0));
    assert!(agent.ok(&["ps", "-a"]).contains("ended"), "no is no");
    let mut screen = Screen::open(&agent, &["prune"]);
    screen.shows("[y/N] ");
    screen.types("y\r");
    screen.shows("Removed container ended");
    screen.shows("Total: ");
    assert_eq!(screen.ends(), Some(0));
    assert_eq!(agent.ok(&["ps", "-aq"]), "");

    assert!(agent.ok(&["images"]).contains("busybox"), "an image with a name stays");
    let freed = agent.ok(&["prune", "-af"]);
    assert!(freed.contains("Removed image busybox:latest"), "{freed}");
    assert_eq!(agent.ok(&["images", "-q"]), "");
    assert_eq!(agent.ok(&["prune", "-f", "--json"]), "[]\n");
}

//! Arguments that `run`, `exec` and `plan` share: what to start, and for a container, in what.

use clap::Args;
use porthole_protocol::spec::{Engine, LaunchSpec, ProcessSpec, Publish};

use super::failure::Failure;
use super::limits::LaunchLimitArgs;
use super::terminal;

/// A process to start.
#[derive(Clone, Debug, Default, Args)]
pub struct ProcessArgs {
    /// Keep standard input open and send ours to the process.
    #[arg(short, long)]
    pub interactive: bool,
    /// Give the process a terminal.
    #[arg(short, long)]
    pub tty: bool,
    /// Add a variable to the environment; a bare NAME takes its value from here.
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    pub env: Vec<String>,
    /// Start in this directory.
    #[arg(short, long, value_name = "DIR")]
    pub workdir: Option<String>,
    /// Run as this user, by name or number.
    #[arg(short, long, value_name = "USER[:GROUP]")]
    pub user: Option<String>,
}

impl ProcessArgs {
    /// The process as the agent is asked for it.
    pub(super) fn spec(&self, command: &[String]) -> ProcessSpec {
        ProcessSpec {
            command: command.to_vec(),
            env: self
                .env
                .iter()
                .filter_map(|entry| variable(entry, |name| std::env::var(name).ok()))
                .collect(),
            workdir: self.workdir.clone(),
            user: self.user.clone(),
            terminal: self.tty.then(|| terminal::size().unwrap_or_default()),
            stdin: self.interactive,
        }
    }

    /// Refuses what cannot work: a terminal inside whose keys come from no terminal here.
    ///
    /// # Errors
    /// [`Failure::Local`]
    pub(super) fn check_terminal(&self) -> Result<(), Failure> {
        if self.tty && self.interactive && !terminal::input_is_terminal() {
            return Err(Failure::local(
                "Standard input is not a terminal, so its keys cannot go to one.",
                "Leave -t out to pipe data into the process.",
            ));
        }
        Ok(())
    }
}

/// An entry of `-e` as `NAME=value`: a bare name takes the value that `lookup` knows, and is left out when it knows
/// none, as Docker does.
fn variable(entry: &str, lookup: impl Fn(&str) -> Option<String>) -> Option<String> {
    if entry.contains('=') {
        return Some(entry.to_owned());
    }
    lookup(entry).map(|value| format!("{entry}={value}"))
}

/// No network but loopback, as `--network` takes it.
const NO_NETWORK: &str = "none";

/// Reads `[HOST:]PORT`, as Docker's `-p` takes it.
fn parse_publish(text: &str) -> Result<Publish, String> {
    let port = |text: &str| {
        text.bytes()
            .all(|b| b.is_ascii_digit())
            .then(|| text.parse::<u16>().ok())
            .flatten()
            .filter(|&port| port > 0)
    };
    let (host, inside) = match text.split_once(':') {
        Some((host, inside)) => (Some(host), inside),
        None => (None, text),
    };
    match (host.map(port), port(inside)) {
        (None, Some(inside)) => Ok(Publish { port: inside, host_port: None }),
        (Some(Some(host)), Some(inside)) => Ok(Publish { port: inside, host_port: Some(host) }),
        _ => {
            Err("write a port from 1 to 65535, such as 80, or one outside and one inside, such as 8080:80"
                .into())
        }
    }
}

fn parse_engine(text: &str) -> Result<Engine, String> {
    let found = Engine::ALL.into_iter().find(|engine| engine.name() == text);
    found.ok_or_else(|| format!("there are {}", Engine::ALL.map(Engine::name).join(", ")))
}

/// Reads a network's name; whether there is one by it, the agent knows.
fn parse_network(text: &str) -> Result<String, String> {
    let fits = (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    match text {
        "host" => Err("a container never gets the host's own network; nat leads outward".into()),
        text if fits => Ok(text.to_owned()),
        _ => Err(
            "write none, nat, or a name of 1 to 32 letters, digits and '-' for a network of your containers"
                .into(),
        ),
    }
}

/// A container to launch.
#[derive(Clone, Debug, Default, Args)]
pub struct LaunchArgs {
    #[command(flatten)]
    pub process: ProcessArgs,
    /// Name the container; else a name is made up.
    #[arg(long)]
    pub name: Option<String>,
    /// Host name inside; else the container's id.
    #[arg(long, value_name = "NAME")]
    pub hostname: Option<String>,
    #[command(flatten)]
    pub limits: LaunchLimitArgs,
    /// Join a network: nat leads outward, any other name is that of a network of your containers; none unless given.
    #[arg(long, value_name = "NAME", value_parser = parse_network)]
    pub network: Vec<String>,
    /// Offer a TCP port of the container outside; without HOST, at any free one.
    #[arg(short, long, value_name = "[HOST:]PORT", value_parser = parse_publish)]
    pub publish: Vec<Publish>,
    /// What runs the container: builtin, runc, crun or runsc.
    #[arg(long, value_name = "NAME", value_parser = parse_engine, default_value = "builtin")]
    pub engine: Engine,
    /// Let sudo and su work inside (no no_new_privs).
    #[arg(long)]
    pub new_privileges: bool,
    /// Make the root file system read-only.
    #[arg(long)]
    pub read_only: bool,
    /// Add a capability to the default ones, such as SYS_NICE.
    #[arg(long, value_name = "CAPABILITY")]
    pub cap_add: Vec<String>,
    /// Leave out a default capability; ALL leaves none.
    #[arg(long, value_name = "CAPABILITY")]
    pub cap_drop: Vec<String>,
    /// The image, `REPOSITORY[:TAG]` or its id; then the command and its arguments, else the image's own command.
    // One list, because all that follows the image belongs to the command, options included.
    #[arg(value_names = ["IMAGE", "COMMAND"], num_args = 1.., required = true, trailing_var_arg = true)]
    pub words: Vec<String>,
}

impl LaunchArgs {
    /// The image, as it was written.
    pub(super) fn image(&self) -> &str {
        self.words.first().expect("the command line demands an image")
    }

    /// The container as the agent is asked for it; `remove` it when its first process ends.
    pub(super) fn spec(&self, remove: bool) -> LaunchSpec {
        let (image, command) = self.words.split_first().expect("the command line demands an image");
        LaunchSpec {
            image: image.clone(),
            name: self.name.clone(),
            hostname: self.hostname.clone(),
            process: self.process.spec(command),
            limits: self.limits.limits(),
            read_only: self.read_only,
            cap_add: self.cap_add.clone(),
            cap_drop: self.cap_drop.clone(),
            remove,
            networks: self.network.iter().filter(|name| *name != NO_NETWORK).cloned().collect(),
            publish: self.publish.clone(),
            engine: self.engine,
            new_privileges: self.new_privileges,
        }
    }

    /// Refuses what contradicts itself, or could not work whatever the agent is.
    ///
    /// # Errors
    /// [`Failure::Local`]
    pub(super) fn check(&self) -> Result<(), Failure> {
        if self.network.len() > 1 && self.network.iter().any(|name| name == NO_NETWORK) {
            return Err(Failure::local(
                "--network none and another network contradict each other.",
                "Leave none out.",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_published_port_is_written_as_docker_writes_it() {
        assert_eq!(parse_publish("80"), Ok(Publish { port: 80, host_port: None }));
        assert_eq!(parse_publish("8080:80"), Ok(Publish { port: 80, host_port: Some(8080) }));
        for bad in ["", "0", "65536", "80:", ":80", "1:2:3", "0.0.0.0:80:80", "80/udp", "+80"] {
            assert!(parse_publish(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_bare_name_takes_its_value_from_here_or_is_left_out() {
        let here = |name: &str| (name == "HOME").then(|| "/root".to_owned());
        assert_eq!(variable("A=1=2", here).as_deref(), Some("A=1=2"));
        assert_eq!(variable("A=", here).as_deref(), Some("A="));
        assert_eq!(variable("HOME", here).as_deref(), Some("HOME=/root"));
        assert_eq!(variable("NOWHERE", here), None);
    }
}

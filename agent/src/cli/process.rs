//! Arguments that `run`, `exec` and `plan` share: what to start, and for a container, in what.

use clap::{Args, ValueEnum};
use porthole_protocol::spec::{LaunchSpec, Limits, ProcessSpec};

use super::failure::Failure;
use super::{terminal, units};

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

/// The networks there are.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Network {
    /// Loopback only.
    None,
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
    /// Limit memory, swap included, such as 256m or 1.5g.
    #[arg(long, value_name = "SIZE", value_parser = units::parse_bytes)]
    pub memory: Option<u64>,
    /// Limit CPU time, in CPUs, such as 0.5.
    #[arg(long, value_name = "CPUS", value_parser = units::parse_cpus)]
    pub cpus: Option<u32>,
    /// Limit the number of processes and threads.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    pub pids: Option<u32>,
    /// Choose the network.
    #[arg(long, value_enum, default_value = "none")]
    pub network: Option<Network>,
    /// Make the root file system read-only.
    #[arg(long)]
    pub read_only: bool,
    /// Add a capability to the default ones, such as NET_RAW.
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
            limits: Limits {
                memory_bytes: self.memory,
                cpu_millis: self.cpus,
                pids: self.pids,
                ..Limits::default()
            },
            read_only: self.read_only,
            cap_add: self.cap_add.clone(),
            cap_drop: self.cap_drop.clone(),
            remove,
            ..LaunchSpec::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_name_takes_its_value_from_here_or_is_left_out() {
        let here = |name: &str| (name == "HOME").then(|| "/root".to_owned());
        assert_eq!(variable("A=1=2", here).as_deref(), Some("A=1=2"));
        assert_eq!(variable("A=", here).as_deref(), Some("A="));
        assert_eq!(variable("HOME", here).as_deref(), Some("HOME=/root"));
        assert_eq!(variable("NOWHERE", here), None);
    }
}

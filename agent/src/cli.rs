//! The command line: Docker-shaped verbs, each a client of the agent's HTTP API and socket.

mod address;
mod attach;
mod client;
mod commit;
mod cp;
mod credentials;
mod credit;
mod detach;
mod df;
mod diff;
mod doctor;
mod download;
mod end;
mod exec;
mod failure;
mod history;
mod images;
mod inspect;
mod limits;
mod logs;
mod meter;
mod output;
mod plan;
mod play;
mod ports;
mod process;
mod progress;
mod prune;
mod ps;
mod pull;
mod recordings;
mod run;
mod serve;
mod session;
mod signals;
mod sink;
mod socket;
mod stats;
mod table;
mod tag;
mod terminal;
mod top;
mod transfer;
pub(crate) mod units;
mod update;
mod upload;
mod version;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

pub use serve::{LogFormat, ServeArgs};

use address::Address;
use client::Client;
use failure::Failure;

/// A window into containers.
#[derive(Clone, Debug, Parser)]
#[command(name = "porthole", version, arg_required_else_help = true, after_help = AFTER_HELP)]
pub struct Cli {
    /// Where the agent is.
    #[command(flatten)]
    pub reach: Reach,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const AFTER_HELP: &str = "\
Start with:
  porthole serve                       the agent, and the page at http://127.0.0.1:7070
  porthole run -it --rm busybox sh     a shell in a container of its own";

/// Where the agent is.
#[derive(Clone, Debug, Args)]
pub struct Reach {
    /// Address of the agent, or its start-up link.
    #[arg(long, value_name = "URL", env = "PORTHOLE_HOST", default_value = "http://127.0.0.1:7070")]
    pub agent: String,
    /// Token that the agent demands.
    #[arg(long, value_name = "TOKEN", env = "PORTHOLE_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// How long to try to get a lost connection back, such as 30s or 2h; 0 gives up at once.
    #[arg(long, value_name = "TIME", env = "PORTHOLE_RECONNECT", default_value = "5m", value_parser = units::parse_duration, hide_env_values = true)]
    pub reconnect: u64,
}

/// What to do.
#[derive(Clone, Debug, Subcommand)]
#[allow(clippy::large_enum_variant, reason = "there is one of it in a process")]
pub enum Command {
    /// Start the agent: containers, API and page.
    #[command(after_long_help = SERVE_EXAMPLES)]
    Serve(ServeArgs),
    /// Ask an agent that runs.
    #[command(flatten)]
    Verb(Verb),
}

/// The verbs of the client.
#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// Tell what this host can do, and how to mend what it cannot.
    Doctor(doctor::DoctorArgs),
    /// Print the kernel steps that would make a container.
    #[command(override_usage = "porthole plan [OPTIONS] IMAGE [COMMAND]...")]
    Plan(plan::PlanArgs),
    /// Launch a container and stay with its first process.
    #[command(after_long_help = RUN_EXAMPLES, override_usage = "porthole run [OPTIONS] IMAGE [COMMAND]...")]
    Run(run::RunArgs),
    /// Start a further process in a running container and stay with it.
    #[command(override_usage = "porthole exec [OPTIONS] CONTAINER COMMAND...")]
    Exec(exec::ExecArgs),
    /// Return to a process; Ctrl-P Ctrl-Q leaves it again.
    Attach(attach::AttachArgs),
    /// List containers.
    Ps(ps::PsArgs),
    /// Print what a container has written.
    Logs(logs::LogsArgs),
    /// Record what a process prints, with its times.
    Record(recordings::RecordArgs),
    /// List recordings; download or delete one.
    Recordings(recordings::RecordingsArgs),
    /// Play a recording in this terminal.
    Play(play::PlayArgs),
    /// Stop containers, gently first.
    Stop(end::StopArgs),
    /// Send containers a signal.
    Kill(end::KillArgs),
    /// Remove containers and what was written in them.
    Rm(end::RemoveArgs),
    /// Change limits of running containers.
    Update(update::UpdateArgs),
    /// Print everything about containers and images as JSON.
    Inspect(inspect::InspectArgs),
    /// Show what containers use, every second.
    Stats(stats::StatsArgs),
    /// List the processes of a container, as seen inside and outside.
    Top(top::TopArgs),
    /// List the ports that a container listens on and publishes.
    Ports(ports::PortsArgs),
    /// Open a port of a container in the browser, and print where.
    Preview(ports::PreviewArgs),
    /// List what a container added, changed and deleted.
    Diff(diff::DiffArgs),
    /// Copy files into and out of a container.
    #[command(after_long_help = CP_EXAMPLES)]
    Cp(cp::CpArgs),
    /// Make an image of what a container is now.
    Commit(commit::CommitArgs),
    /// Write a container's root file system as a tar archive.
    Export(download::ExportArgs),
    /// Get an image from its registry.
    Pull(pull::PullArgs),
    /// Send an image to its registry.
    Push(pull::PushArgs),
    /// List images.
    Images(images::ImagesArgs),
    /// Show how an image was made.
    History(history::HistoryArgs),
    /// Give an image a further name.
    Tag(tag::TagArgs),
    /// Write images to an archive that Porthole, Docker and Podman load.
    Save(download::SaveArgs),
    /// Make an image from the archive of a root file system.
    Import(upload::ImportArgs),
    /// Bring in images from an archive of 'docker save' or an OCI layout.
    Load(upload::LoadArgs),
    /// Remove images.
    Rmi(images::RemoveImageArgs),
    /// Remove ended containers, unused images and broken-off downloads.
    Prune(prune::PruneArgs),
    /// Show what is stored, and by how many it is shared.
    Df(df::DfArgs),
    /// Print the versions of command line and agent.
    Version(version::VersionArgs),
}

const SERVE_EXAMPLES: &str = "\
Examples:
  porthole serve
  porthole serve --listen 0.0.0.0:7070 --host lab.example.org
  porthole serve --state ~/porthole --log-format json";

const RUN_EXAMPLES: &str = "\
Examples:
  porthole run -it --rm busybox sh              a shell; Ctrl-P Ctrl-Q leaves it running
  porthole run --rm busybox uname -r            the host's kernel, because there is only one
  echo hi | porthole run -i --rm busybox cat    data through a container
  porthole run -d --name web --memory 64m busybox httpd -f

The exit status is the command's own; 125 when Porthole failed, 126 when the command cannot be executed, 127 when it
does not exist.";

const CP_EXAMPLES: &str = "\
Examples:
  porthole cp notes.txt box:/root             into a directory that is there
  porthole cp box:/etc/. copy                 what is in the directory, not the directory
  porthole cp box:/var/log - | tar -t         as a tar archive
  tar -c src | porthole cp - box:/root        from a tar archive

Links are copied as links; -L follows the source itself. Files belong to root inside and to you outside, unless -a keeps
their owners.";

/// Reads the command line.
///
/// # Errors
/// The status to end with when it is a wrong one, or asks for help, which has been told then. Where the status of a command
/// in a container would follow, a wrong use is 125, as Docker has it; elsewhere 2.
pub fn parse() -> Result<Cli, ExitCode> {
    Cli::try_parse().map_err(|error| {
        // Where it cannot be told, the status tells.
        let _ = error.print();
        status_of(&error, std::env::args().skip(1))
    })
}

fn status_of(error: &clap::Error, words: impl Iterator<Item = String>) -> ExitCode {
    if !error.use_stderr() {
        return ExitCode::SUCCESS;
    }
    let mut words = words.skip_while(|word| word.starts_with('-') || word.contains("://"));
    match words.next().as_deref() {
        Some("run" | "exec") => ExitCode::from(failure::AGENT_FAILED),
        _ => ExitCode::from(2),
    }
}

/// Runs a verb from start to end, on a runtime of its own.
#[must_use]
pub fn run(reach: Reach, verb: &Verb) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            Failure::local(format!("The program cannot start: {error}."), "").tell();
            return ExitCode::FAILURE;
        }
    };
    let mut outcome = runtime.block_on(dispatch(reach, verb));
    // A read of standard input that is still under way must not hold up the end.
    runtime.shutdown_background();
    if let (Verb::Doctor(args), Err(Failure::NoAgent { .. })) = (verb, &outcome) {
        outcome = doctor::run_alone(args);
    }
    match outcome {
        Ok(status) => ExitCode::from(status),
        Err(failure) => {
            failure.tell();
            ExitCode::from(match verb {
                Verb::Run(_) | Verb::Exec(_) | Verb::Attach(_) => failure.command_status(),
                _ => failure.verb_status(),
            })
        }
    }
}

async fn dispatch(reach: Reach, verb: &Verb) -> Result<u8, Failure> {
    let client =
        Client::new(Address::parse(&reach.agent, reach.token)?, Duration::from_millis(reach.reconnect));
    let client = &client;
    match verb {
        Verb::Run(args) => return run::run(client, args).await,
        Verb::Exec(args) => return exec::run(client, args).await,
        Verb::Attach(args) => return attach::run(client, args).await,
        Verb::Doctor(args) => return doctor::run(client, args).await,
        Verb::Plan(args) => plan::run(client, args).await,
        Verb::Ps(args) => ps::run(client, args).await,
        Verb::Logs(args) => logs::run(client, args).await,
        Verb::Record(args) => recordings::record(client, args).await,
        Verb::Recordings(args) => recordings::list(client, args).await,
        Verb::Play(args) => play::run(client, args).await,
        Verb::Stop(args) => end::stop(client, args).await,
        Verb::Kill(args) => end::kill(client, args).await,
        Verb::Rm(args) => end::remove(client, args).await,
        Verb::Update(args) => update::run(client, args).await,
        Verb::Inspect(args) => inspect::run(client, args).await,
        Verb::Stats(args) => stats::run(client, args).await,
        Verb::Top(args) => top::run(client, args).await,
        Verb::Ports(args) => ports::list(client, args).await,
        Verb::Preview(args) => ports::preview(client, args).await,
        Verb::Diff(args) => diff::run(client, args).await,
        Verb::Cp(args) => cp::run(client, args).await,
        Verb::Commit(args) => commit::run(client, args).await,
        Verb::Export(args) => download::export(client, args).await,
        Verb::Pull(args) => pull::pull(client, args).await,
        Verb::Push(args) => pull::push(client, args).await,
        Verb::History(args) => history::run(client, args).await,
        Verb::Tag(args) => tag::run(client, args).await,
        Verb::Save(args) => download::save(client, args).await,
        Verb::Prune(args) => prune::run(client, args).await,
        Verb::Df(args) => df::run(client, args).await,
        Verb::Images(args) => images::list(client, args).await,
        Verb::Import(args) => upload::import(client, args).await,
        Verb::Load(args) => upload::load(client, args).await,
        Verb::Rmi(args) => images::remove(client, args).await,
        Verb::Version(args) => version::run(client, args).await,
    }?;
    Ok(0)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    use super::*;

    fn parsed(line: &str) -> Result<Cli, ErrorKind> {
        Cli::try_parse_from(line.split(' ')).map_err(|error| error.kind())
    }

    fn run_args(line: &str) -> run::RunArgs {
        match parsed(line).unwrap().command {
            Command::Verb(Verb::Run(args)) => args,
            other => panic!("{line} is a run, not {other:?}"),
        }
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_verb_of_the_contract_is_there() {
        for line in [
            "porthole serve --listen 127.0.0.1:0 --state /tmp/x --config f --host a --host b --log-format json",
            "porthole doctor --json",
            "porthole plan --json busybox sh -c true",
            "porthole run -itd --rm --name n -e A=1 -e HOME -w / -u root:0 --hostname h busybox",
            "porthole run --memory 256m --cpus 0.5 --pids 128 --network none --read-only busybox",
            "porthole run --disk 1g --disk-files 1000 --shm-size 64m --io 20m --cpuset-cpus 0-1 busybox",
            "porthole run --lifetime 2h --idle 30m --network nat --network lab -p 80 -p 8080:80 busybox",
            "porthole run --engine crun --new-privileges busybox",
            "porthole plan --disk 1g --network nat --engine runc busybox",
            "porthole run --cap-add NET_RAW --cap-drop ALL busybox",
            "porthole exec -it -u 1 -w /tmp -e A=1 c sh -l",
            "porthole attach --detach-keys ctrl-],q c",
            "porthole --reconnect 0 attach c",
            "porthole ps -aq --json",
            "porthole logs -f c",
            "porthole record c",
            "porthole record --stop -o f --format asciicast-v3 c 1",
            "porthole recordings --json",
            "porthole recordings --rm 0123456789abcdef",
            "porthole recordings -o - 0123456789abcdef",
            "porthole play --speed 2 --idle-limit 1s f.cast",
            "porthole stop -t 1 a b",
            "porthole kill -s HUP a b",
            "porthole rm -f a b",
            "porthole update --memory 1g --cpus 2 --pids 9 --cpuset-cpus 0 --io 1m --lifetime 0 --idle 1h a b",
            "porthole serve --default-lifetime 8h --default-idle 30m",
            "porthole inspect a b",
            "porthole stats --no-stream a",
            "porthole top c",
            "porthole ports --json c",
            "porthole preview c 8000",
            "porthole preview --close c 8000",
            "porthole images -q --json",
            "porthole import - name:tag",
            "porthole load -i f",
            "porthole rmi -f a b",
            "porthole run --pull always busybox",
            "porthole pull -q --platform linux/arm64 registry.example.org/a/b:1",
            "porthole push -q a:1",
            "porthole tag a b:1",
            "porthole history --no-trunc --json a",
            "porthole save -o f a b",
            "porthole export -o f c",
            "porthole diff --json c",
            "porthole cp -aL c:/etc/. .",
            "porthole cp - c:/tmp",
            "porthole commit -m m -a me -c ENV=A=1 -c CMD=a --no-pause c name:tag",
            "porthole prune -a --dry-run -f --json",
            "porthole df --json",
            "porthole ps -as",
            "porthole version",
            "porthole --agent http://a:1 --token t ps",
        ] {
            assert!(parsed(line).is_ok(), "{line}: {:?}", parsed(line).err());
        }
    }

    #[test]
    fn what_follows_the_image_belongs_to_the_command() {
        assert_eq!(run_args("porthole run --rm busybox uname -r").launch.words, ["busybox", "uname", "-r"]);
        let args = run_args("porthole run busybox -it --rm -- x");
        assert_eq!(args.launch.words, ["busybox", "-it", "--rm", "--", "x"]);
        assert!(!args.rm && !args.launch.process.tty);
    }

    #[test]
    fn an_option_whose_feature_is_not_there_is_refused() {
        for option in ["--without user", "--privileged", "-v /:/x"] {
            assert_eq!(
                parsed(&format!("porthole run {option} busybox")).err(),
                Some(ErrorKind::UnknownArgument),
                "{option}"
            );
        }
        for value in [
            "--network host",
            "--memory lots",
            "--cpus 0",
            "--pids 0",
            "--disk 0",
            "--lifetime soon",
            "--engine docker",
            "-p 80/udp",
        ] {
            assert!(parsed(&format!("porthole run {value} busybox")).is_err(), "{value}");
        }
    }
}

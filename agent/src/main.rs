//! The one program: agent, command line, and (hidden) launcher.

use std::process::ExitCode;

use porthole::cli::{self, Cli, Command, LogFormat, ServeArgs};
use porthole::config::Config;
use porthole_launcher::boot::{self, Booted};
use porthole_launcher::worker::Programs;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing_subscriber::EnvFilter;

/// What the launcher calls in jails.
const PROGRAMS: Programs = Programs { unpack: porthole::image::unpack::apply, work: porthole::work::run };

fn main() -> ExitCode {
    // Before anything else: the launcher, and the agent's way down from privilege, need a process of one thread.
    if let Some(code) = boot::entry(std::env::args_os(), PROGRAMS) {
        return code;
    }
    let Cli { reach, command } = match cli::parse() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    match command {
        Command::Serve(args) => serve(args),
        Command::Verb(verb) => cli::run(reach, &verb),
    }
}

/// The agent. It is told apart by what it prints when it cannot go on: one sentence, and status 1.
fn serve(args: ServeArgs) -> ExitCode {
    match try_serve(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("porthole: {error}");
            ExitCode::FAILURE
        }
    }
}

fn try_serve(args: ServeArgs) -> Result<(), Box<dyn std::error::Error>> {
    let config = Config::load(args)?;
    log(config.log_format);
    // A descriptor for each connection, and several for each container: as many as this host lets it have.
    let most = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most })?;
    // Before there is a launcher that would be left behind, and while a port below 1024 may be had.
    let listener = porthole::listen(config.listen)?;
    let Booted { socket, state: _state, found_alive } = boot::boot(&config.state)?;
    if found_alive {
        tracing::info!("found the launcher of an earlier agent alive");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(porthole::serve(&config, listener, socket))?;
    Ok(())
}

fn log(format: LogFormat) {
    let filter = EnvFilter::try_from_env("PORTHOLE_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
}

//! `exec`: start a further process in a running container and stay with it.

use clap::Args;
use porthole_protocol::control::ClientMessage;

use super::client::Client;
use super::credit::OUTPUT_WINDOW;
use super::failure::Failure;
use super::process::ProcessArgs;
use super::session::{self, Attached, Wishes};
use super::signals::Signals;
use super::socket::Socket;

/// Arguments of `exec`.
#[derive(Clone, Debug, Args)]
pub struct ExecArgs {
    #[command(flatten)]
    pub process: ProcessArgs,
    /// The container, by id, unique start of it, or name; then the command and its arguments.
    // One list, because all that follows the container belongs to the command, options included.
    #[arg(value_names = ["CONTAINER", "COMMAND"], required = true, num_args = 2.., trailing_var_arg = true)]
    pub words: Vec<String>,
}

/// Runs the verb; gives the status to exit with.
///
/// # Errors
/// Any [`Failure`] of the agent or the way to it.
pub(super) async fn run(client: &Client, args: &ExecArgs) -> Result<u8, Failure> {
    args.process.check_terminal()?;
    let (container, command) = args.words.split_first().expect("the command line demands a container");
    let container = client.container(container).await?.summary.id;
    let signals = Signals::catch()?;
    let mut socket = Socket::open(client).await?;
    let request = socket.next_request();
    let process = args.process.spec(command);
    socket.send(&ClientMessage::Exec { request, container, process, credit: OUTPUT_WINDOW, typist: None });
    let attached = Attached::wait(&mut socket, request).await?;
    let wishes =
        Wishes { input: args.process.interactive, signals: Some(signals), ours: true, removed: false };
    session::status(socket, attached, wishes).await
}

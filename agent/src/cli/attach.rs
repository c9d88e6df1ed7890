//! `attach` and `logs -f`: follow a process that was started before.

use clap::Args;
use porthole_protocol::control::ClientMessage;
use porthole_protocol::ids::{ContainerId, ProcessNumber};

use super::client::Client;
use super::credit::OUTPUT_WINDOW;
use super::failure::Failure;
use super::session::{self, Attached, Wishes};
use super::signals::Signals;
use super::socket::Socket;

/// Arguments of `attach`.
#[derive(Clone, Debug, Args)]
pub struct AttachArgs {
    /// The process, by its number in the container; 0 is the first one.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub process: ProcessNumber,
    /// The container: its id, a unique start of it, or its name.
    pub container: String,
}

/// Runs the verb; gives the status to exit with.
///
/// # Errors
/// Any [`Failure`] of the agent or the way to it.
pub(super) async fn run(client: &Client, args: &AttachArgs) -> Result<u8, Failure> {
    let container = client.container(&args.container).await?.summary.id;
    let wishes = Wishes { input: true, signals: Some(Signals::catch()?), ours: false, removed: false };
    follow(client, container, args.process, wishes).await
}

/// Attaches to a process, kept output first, and stays until it ends; gives its status.
///
/// # Errors
/// Any [`Failure`] of the agent or the way to it.
pub(super) async fn follow(
    client: &Client,
    container: ContainerId,
    process: ProcessNumber,
    wishes: Wishes,
) -> Result<u8, Failure> {
    let mut socket = Socket::open(client).await?;
    let request = socket.next_request();
    socket.send(&ClientMessage::Attach {
        request,
        container,
        process,
        from: None,
        credit: OUTPUT_WINDOW,
        typist: None,
    });
    let attached = Attached::wait(&mut socket, request).await?;
    session::status(socket, attached, wishes).await
}

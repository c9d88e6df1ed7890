//! `cp`: files into and out of a container, by Docker's rules. Source: `docker-cp(1)`.
//!
//! Archives are made and read on this side. What comes out of a container was written by a stranger: [`extract`] lets it
//! name nothing outside the destination.

mod extract;
mod inward;
mod outward;
mod pack;
mod pipe;
mod place;
mod remote;

use clap::Args;
use tokio::io::stdin;
use tokio_util::io::ReaderStream;

use super::client::Client;
use super::download::to_stdout;
use super::failure::Failure;
use super::terminal::input_is_terminal;
use super::{meter, signals};
use place::Place;
use remote::Remote;

/// How much of standard input is read at a time, in bytes.
const CHUNK_BYTES: usize = 256 * 1024;

/// Arguments of `cp`.
#[derive(Clone, Debug, Args)]
pub struct CpArgs {
    /// Keep owners, and on the way out set-id bits.
    #[arg(short, long)]
    pub archive: bool,
    /// Copy what the source leads to when it is a symbolic link.
    #[arg(short = 'L', long)]
    pub follow_link: bool,
    /// What to copy: CONTAINER:PATH, a local path, or - for a tar archive on standard input. A path that ends in /. is
    /// what is in the directory.
    #[arg(value_name = "SOURCE")]
    pub source: String,
    /// Where to: a local path, CONTAINER:PATH, or - for a tar archive on standard output.
    #[arg(value_name = "DESTINATION")]
    pub destination: String,
}

/// What of a file is copied beside its content.
#[derive(Clone, Copy, Debug)]
struct Keeping {
    /// Owner, and set-id bits.
    owner: bool,
    /// Not the symbolic link that the source is, but what it leads to.
    follow: bool,
}

/// Runs the verb.
///
/// # Errors
/// Any [`Failure`] of the agent, of the way to it, or of files on this side.
pub(super) async fn run(client: &Client, args: &CpArgs) -> Result<(), Failure> {
    let keeping = Keeping { owner: args.archive, follow: args.follow_link };
    let work = async {
        match (&args.source.as_str().into(), &args.destination.as_str().into()) {
            (Place::Inside { container, spot }, Place::Stream) => {
                to_stdout(client, &Remote::new(client, container).archive_path(&spot.clean())).await
            }
            (Place::Stream, Place::Inside { container, spot }) => {
                if input_is_terminal() {
                    return Err(Failure::local(
                        "Standard input is a terminal, not an archive.",
                        "Send a tar archive through a pipe.",
                    ));
                }
                let archive = meter::of("Sending", None).wrap_async_read(stdin());
                let archive = ReaderStream::with_capacity(archive, CHUNK_BYTES);
                Remote::new(client, container).put(&spot.clean(), archive).await
            }
            (Place::Inside { container, spot }, Place::Here(to)) => {
                outward::copy(&Remote::new(client, container), spot, to, keeping).await
            }
            (Place::Here(from), Place::Inside { container, spot }) => {
                inward::copy(from, &Remote::new(client, container), spot, keeping).await
            }
            (Place::Inside { .. }, Place::Inside { .. }) => Err(Failure::local(
                "Files are not copied from one container to another.",
                "Copy with - on both sides: porthole cp A:PATH - | porthole cp - B:DIRECTORY.",
            )),
            _ => Err(Failure::local(
                "Neither of the two is in a container.",
                "Write one of them as CONTAINER:PATH.",
            )),
        }
    };
    signals::or_interrupted("What was copied until then stays.", work).await
}

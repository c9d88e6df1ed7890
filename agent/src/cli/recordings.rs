//! `record` and `recordings`: what terminals print, kept with its times.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use porthole_protocol::control::{ClientMessage, ServerMessage};
use porthole_protocol::ids::ProcessNumber;
use porthole_protocol::recording::Recording;

use super::client::{Client, encoded};
use super::download::fetch;
use super::failure::Failure;
use super::output::{print, print_json};
use super::ps::now_ms;
use super::socket::{Received, Socket};
use super::table::Table;
use super::units::{human_age, human_bytes};

/// Arguments of `record`.
#[derive(Clone, Debug, Args)]
pub struct RecordArgs {
    /// End the recording that is under way.
    #[arg(long)]
    pub stop: bool,
    /// Write the recording, once it has ended, to a file; - for standard output.
    #[arg(short, long, value_name = "FILE", requires = "stop")]
    pub output: Option<PathBuf>,
    /// Format of that file.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// The container: its id, a unique start of it, or its name.
    pub container: String,
    /// The process, by its number in the container; 0 is the first one.
    #[arg(default_value_t = 0)]
    pub process: ProcessNumber,
}

/// Arguments of `recordings`.
#[derive(Clone, Debug, Args)]
pub struct RecordingsArgs {
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Write the recording to a file; - for standard output.
    #[arg(short, long, value_name = "FILE", requires = "id")]
    pub output: Option<PathBuf>,
    /// Format of that file.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// Delete the recording.
    #[arg(long, requires = "id", conflicts_with = "output")]
    pub rm: bool,
    /// One recording, by its id.
    pub id: Option<String>,
}

/// A format of recordings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// What every player reads.
    #[default]
    AsciicastV2,
    /// Its successor: times from event to event.
    AsciicastV3,
}

impl Format {
    fn name(self) -> &'static str {
        match self {
            Self::AsciicastV2 => "asciicast-v2",
            Self::AsciicastV3 => "asciicast-v3",
        }
    }
}

/// Runs `record`: prints the recording's id.
///
/// # Errors
/// Any [`Failure`] of the agent or the way to it.
pub(super) async fn record(client: &Client, args: &RecordArgs) -> Result<(), Failure> {
    let before = client.container(&args.container).await?.summary;
    let process = before.processes.iter().find(|process| process.number == args.process);
    let under_way = process.and_then(|process| process.recording.clone());
    let mut socket = Socket::open(client).await?;
    let request = socket.next_request();
    let (container, process) = (before.id.clone(), args.process);
    socket.send(&ClientMessage::Record { request, container, process, on: !args.stop });
    loop {
        match socket.receive().await? {
            Received::Control(ServerMessage::Done { request: done }) if done == request => break,
            Received::Control(ServerMessage::Error { request: Some(failed), error }) if failed == request => {
                return Err(error.into());
            }
            _ => {}
        }
    }
    socket.close().await;
    let id = match under_way {
        Some(id) => Some(id),
        None => {
            let now = client.container(before.id.as_str()).await?.summary;
            let process = now.processes.into_iter().find(|process| process.number == args.process);
            process.and_then(|process| process.recording)
        }
    };
    let Some(id) = id else {
        return Err(Failure::local("Nothing is recorded there.", "Begin with `porthole record CONTAINER`."));
    };
    match &args.output {
        Some(file) => save(client, &id, args.format, file).await,
        None => print(format_args!("{id}\n")),
    }
}

/// Runs `recordings`.
///
/// # Errors
/// Any [`Failure`] of the agent or the way to it.
pub(super) async fn list(client: &Client, args: &RecordingsArgs) -> Result<(), Failure> {
    if let Some(id) = &args.id {
        if args.rm {
            return client.remove(&format!("recordings/{}", encoded(id))).await;
        }
        if let Some(file) = &args.output {
            return save(client, id, args.format, file).await;
        }
    }
    let mut all: Vec<Recording> = client.get("recordings").await?;
    if let Some(id) = &args.id {
        all.retain(|recording| recording.id == *id);
        if all.is_empty() {
            return Err(Failure::local(
                format!("There is no recording '{id}'."),
                "List them with `porthole recordings`.",
            ));
        }
    }
    if args.json {
        return print_json(&all);
    }
    let mut table = Table::new(["RECORDING", "CONTAINER", "PROCESS", "IMAGE", "BEGAN", "LASTED", "SIZE"]);
    let now = now_ms();
    for recording in all {
        let end = recording.ended_ms.unwrap_or(now);
        let mut lasted = human_age(end.saturating_sub(recording.started_ms));
        if recording.ended_ms.is_none() {
            lasted += " so far";
        }
        table.row([
            recording.id,
            recording.name,
            recording.process.to_string(),
            recording.image,
            format!("{} ago", human_age(now.saturating_sub(recording.started_ms))),
            lasted,
            human_bytes(recording.bytes),
        ]);
    }
    print(table)
}

async fn save(client: &Client, id: &str, format: Format, file: &Path) -> Result<(), Failure> {
    let file = (file != Path::new("-")).then_some(file);
    fetch(client, &download_path(id, format.name()), file).await
}

/// Whether a text may be a recording's id: sixteen lower-case hexadecimal digits.
pub(super) fn is_id(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'))
}

/// Where a recording is downloaded.
pub(super) fn download_path(id: &str, format: &str) -> String {
    format!("recordings/{}?format={format}", encoded(id))
}

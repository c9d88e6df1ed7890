//! `play`: a recording, at its own pace, on this terminal.

mod cast;
mod filter;

use std::fs::File;
use std::io::{BufRead, BufReader, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use http_body_util::BodyExt;
use tokio::time::sleep;

use super::client::Client;
use super::failure::{Failure, reason, warn};
use super::recordings::{download_path, is_id};
use super::signals::or_interrupted;
use super::terminal;
use super::units::parse_duration;

use cast::Cast;
use filter::Filter;

/// What a recording may have set is set back: alternate screen, margins, colours, the hidden cursor.
const AS_IT_WAS: &str = "\x1b[?1049l\x1b[!p\x1b[0m\x1b[?7h\x1b[?25h\x1b]8;;\x1b\\\r\n";

/// Arguments of `play`.
#[derive(Clone, Debug, Args)]
pub struct PlayArgs {
    /// How many times as fast.
    #[arg(long, value_name = "FACTOR", default_value = "1", value_parser = parse_speed)]
    pub speed: f64,
    /// Wait no longer than this at any place, such as 2s; else as long as the recording says.
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub idle_limit: Option<u64>,
    /// A file in asciicast format, version 2 or 3, or the id of a recording that the agent keeps.
    #[arg(value_name = "FILE|ID")]
    pub recording: String,
}

fn parse_speed(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|speed| (0.01..=1000.0).contains(speed))
        .ok_or_else(|| "write a number from 0.01 to 1000".to_owned())
}

/// Runs the verb.
///
/// # Errors
/// When there is no such recording, it is not one, or any [`Failure`] of the agent or the way to it.
pub(super) async fn run(client: &Client, args: &PlayArgs) -> Result<(), Failure> {
    let path = PathBuf::from(&args.recording);
    let file = match path.exists() || !is_id(&args.recording) {
        true => File::open(&path).map_err(|error| unreadable(&path, &error))?,
        false => fetch(client, &args.recording).await?,
    };
    let played = or_interrupted("", play(BufReader::new(file), args)).await;
    if terminal::output_is_terminal() {
        let mut stdout = std::io::stdout().lock();
        stdout.write_all(AS_IT_WAS.as_bytes())?;
        stdout.flush()?;
    }
    played
}

/// Brings it here whole: where the network pauses, the replay does not.
async fn fetch(client: &Client, id: &str) -> Result<File, Failure> {
    let path = Path::new("a temporary file");
    let mut file = tempfile::tempfile().map_err(|error| unreadable(path, &error))?;
    let mut body = client.stream(&download_path(id, "asciicast-v2")).await?;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Failure::Lost(error.to_string()))?;
        if let Some(bytes) = frame.data_ref() {
            file.write_all(bytes).map_err(|error| unreadable(path, &error))?;
        }
    }
    file.rewind().map_err(|error| unreadable(path, &error))?;
    Ok(file)
}

async fn play(mut lines: impl BufRead, args: &PlayArgs) -> Result<(), Failure> {
    let path = Path::new(&args.recording);
    let mut line = String::new();
    lines.read_line(&mut line).map_err(|error| unreadable(path, &error))?;
    let broken = |why: String| {
        Failure::local(
            format!("'{}' is not a recording: {why}.", args.recording),
            "Recordings are in asciicast format, version 2 or 3; see `porthole recordings`.",
        )
    };
    let mut cast = Cast::begin(&line).map_err(broken)?;
    if let Some(size) = terminal::size()
        && terminal::output_is_terminal()
        && (size.cols < cast.cols || size.rows < cast.rows)
    {
        warn(
            &format!(
                "It was recorded on {} × {}; this terminal has {} × {}.",
                cast.cols, cast.rows, size.cols, size.rows
            ),
            "",
        );
    }
    let limit = args.idle_limit.map(Duration::from_millis).or(cast.idle_limit);
    let mut filter = Filter::default();
    loop {
        line.clear();
        if lines.read_line(&mut line).map_err(|error| unreadable(path, &error))? == 0 {
            return Ok(());
        }
        let Some((pause, output)) = cast.event(&line).map_err(broken)? else { continue };
        let pause = limit.map_or(pause, |limit| pause.min(limit));
        if !pause.is_zero() {
            sleep(pause.div_f64(args.speed)).await;
        }
        // Nothing in it may make this terminal answer, or write to the clipboard.
        let text = filter.pass(&output);
        let mut stdout = std::io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        stdout.flush()?;
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::local(format!("{} cannot be read: {}.", path.display(), reason(error)), "")
}

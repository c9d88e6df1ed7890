//! `history`: how an image was made.

use clap::Args;
use porthole_protocol::image::HistoryStep;

use super::client::Client;
use super::failure::Failure;
use super::output::{print, print_json};
use super::ps::{now_ms, shortened};
use super::table::Table;
use super::units::{human_bytes, human_date, short_digest};

/// Longest instruction shown, in characters.
const INSTRUCTION_CHARS: usize = 60;

/// Arguments of `history`.
#[derive(Clone, Debug, Args)]
pub struct HistoryArgs {
    /// Do not shorten digests and instructions.
    #[arg(long)]
    pub no_trunc: bool,
    /// Print the API's JSON.
    #[arg(long)]
    pub json: bool,
    /// The image, by name or id.
    pub image: String,
}

/// Runs the verb: newest step first.
///
/// # Errors
/// Any [`Failure`] of the agent or the way to it.
pub(super) async fn run(client: &Client, args: &HistoryArgs) -> Result<(), Failure> {
    let history = client.image(&args.image).await?.history;
    if args.json {
        return print_json(&history);
    }
    print(table(&history, args.no_trunc, now_ms()))
}

fn table(history: &[HistoryStep], whole: bool, now: u64) -> Table {
    let mut table = Table::new(["LAYER", "CREATED", "CREATED BY", "SIZE", "COMMENT"]);
    for step in history {
        let layer = step.layer.as_deref().unwrap_or("-");
        let by = if step.created_by.is_empty() { "-" } else { &step.created_by };
        table.row([
            if whole { layer } else { short_digest(layer) }.to_owned(),
            human_date(step.created_ms, now),
            if whole { by.to_owned() } else { shortened(by, INSTRUCTION_CHARS) },
            human_bytes(step.bytes),
            step.comment.clone(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_without_a_layer_and_a_date_shows_neither() {
        let step = |created_by: &str, layer: Option<&str>| HistoryStep {
            created_by: created_by.into(),
            comment: String::new(),
            created_ms: 0,
            layer: layer.map(str::to_owned),
            bytes: 2048,
        };
        let history = [step("", None), step("COPY . /", Some("sha256:0123456789abcdef"))];
        assert_eq!(
            table(&history, false, 0).to_string(),
            "LAYER          CREATED   CREATED BY   SIZE      COMMENT\n\
             -              -         -            2.0 KiB\n\
             0123456789ab   -         COPY . /     2.0 KiB\n"
        );
        assert!(table(&history, true, 0).to_string().contains("sha256:0123456789abcdef"));
    }
}

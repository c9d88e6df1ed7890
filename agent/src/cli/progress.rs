//! How far a transfer is, on standard error: a bar for each layer on a terminal, a line for each change elsewhere.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write, stderr};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use porthole_protocol::image::{Direction, LayerState, Transfer};

use super::table::printable;
use super::units::short_digest;

/// What is under way: digest, state, bar, bytes, rate.
const MOVING: &str =
    "{prefix}: {msg:11} [{bar:24}] {binary_bytes:>11} / {binary_total_bytes:11} {binary_bytes_per_sec}";

/// What is at rest.
const RESTING: &str = "{prefix}: {msg}";

/// The way a transfer is shown.
pub(super) enum Progress {
    /// Not at all.
    Quiet,
    /// By bars that move.
    Bars(Bars),
    /// By lines that stay.
    Lines(Lines),
}

impl Progress {
    /// The way that fits standard error.
    pub(super) fn new(quiet: bool) -> Self {
        match quiet {
            true => Self::Quiet,
            false if stderr().is_terminal() => Self::Bars(Bars::default()),
            false => Self::Lines(Lines::default()),
        }
    }

    /// Shows the newest state.
    pub(super) fn show(&mut self, transfer: &Transfer) {
        match self {
            Self::Quiet => {}
            Self::Bars(bars) => bars.show(transfer),
            Self::Lines(lines) => {
                // A closed standard error is nobody's loss.
                let _ = stderr().write_all(lines.news(transfer).as_bytes());
            }
        }
    }
}

/// A bar for each layer.
#[derive(Default)]
pub(super) struct Bars {
    screen: MultiProgress,
    layers: BTreeMap<String, (LayerState, ProgressBar)>,
}

impl Bars {
    fn show(&mut self, transfer: &Transfer) {
        for layer in &transfer.layers {
            let (state, bar) = self.layers.entry(layer.digest.clone()).or_insert_with(|| {
                let bar = self.screen.add(ProgressBar::new(layer.total_bytes));
                (LayerState::Unknown, bar.with_prefix(short(&layer.digest)))
            });
            if *state != layer.state {
                bar.set_style(style(layer.state));
                bar.set_message(words(layer.state, transfer.direction));
                *state = layer.state;
            }
            bar.set_length(layer.total_bytes);
            bar.set_position(layer.done_bytes);
            // Redraws what has no number that moves, too.
            bar.tick();
        }
    }
}

impl Drop for Bars {
    /// Leaves on the screen what was reached.
    fn drop(&mut self) {
        for (_, bar) in self.layers.values() {
            bar.abandon();
        }
    }
}

fn style(state: LayerState) -> ProgressStyle {
    let template = match state {
        LayerState::Transferring | LayerState::Retrying | LayerState::Unpacking => MOVING,
        _ => RESTING,
    };
    ProgressStyle::with_template(template).expect("the template is well formed").progress_chars("=> ")
}

/// A line for each change of a layer's state.
#[derive(Default)]
pub(super) struct Lines {
    layers: BTreeMap<String, LayerState>,
}

impl Lines {
    fn news(&mut self, transfer: &Transfer) -> String {
        let mut text = String::new();
        for layer in &transfer.layers {
            if self.layers.insert(layer.digest.clone(), layer.state) != Some(layer.state) {
                text += &format!("{}: {}\n", short(&layer.digest), words(layer.state, transfer.direction));
            }
        }
        text
    }
}

fn words(state: LayerState, direction: Direction) -> &'static str {
    let push = direction == Direction::Push;
    match state {
        LayerState::Waiting => "Waiting",
        LayerState::Transferring if push => "Pushing",
        LayerState::Transferring => "Downloading",
        LayerState::Retrying => "Retrying",
        LayerState::Unpacking => "Unpacking",
        LayerState::Present if push => "Layer already exists",
        LayerState::Present => "Already exists",
        LayerState::Complete if push => "Pushed",
        LayerState::Complete => "Pull complete",
        LayerState::Unknown => "Under way",
    }
}

fn short(digest: &str) -> String {
    printable(short_digest(digest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use porthole_protocol::image::LayerTransfer;

    fn transfer(direction: Direction, states: &[LayerState]) -> Transfer {
        let layers = states.iter().zip(["sha256:0123456789abcdef", "sha256:fedcba9876543210"]);
        let layers = layers.map(|(&state, digest)| LayerTransfer {
            digest: digest.into(),
            state,
            done_bytes: 5,
            total_bytes: 10,
        });
        Transfer { name: "busybox:latest".into(), direction, layers: layers.collect() }
    }

    #[test]
    fn a_line_is_printed_when_a_layer_changes_and_not_otherwise() {
        use LayerState::{Complete, Present, Transferring, Waiting};
        let mut lines = Lines::default();
        let mut news = |states: &[LayerState]| lines.news(&transfer(Direction::Pull, states));
        assert_eq!(news(&[]), "");
        assert_eq!(news(&[Present, Waiting]), "0123456789ab: Already exists\nfedcba987654: Waiting\n");
        assert_eq!(news(&[Present, Transferring]), "fedcba987654: Downloading\n");
        assert_eq!(news(&[Present, Transferring]), "");
        assert_eq!(news(&[Present, Complete]), "fedcba987654: Pull complete\n");
        let pushed = Lines::default().news(&transfer(Direction::Push, &[Present, Complete]));
        assert_eq!(pushed, "0123456789ab: Layer already exists\nfedcba987654: Pushed\n");
    }

    #[test]
    fn every_state_has_a_bar() {
        use LayerState::{Complete, Present, Retrying, Transferring, Unknown, Unpacking, Waiting};
        let mut bars = Bars::default();
        for state in [Waiting, Transferring, Retrying, Unpacking, Complete, Present, Unknown] {
            bars.show(&transfer(Direction::Pull, &[state]));
        }
        assert_eq!(bars.layers.len(), 1);
    }
}

//! How much of an archive has gone over the line: one bar on standard error while it moves, nothing when it is over or when
//! standard error is no terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};

/// How often it moves without news.
const TICK: Duration = Duration::from_millis(200);

/// A bar for these bytes, of which the whole may be unknown.
pub(super) fn of(doing: &'static str, total_bytes: Option<u64>) -> ProgressBar {
    let (bar, template) = match total_bytes {
        Some(total) => (
            ProgressBar::new(total),
            "{msg} [{bar:24}] {binary_bytes} / {binary_total_bytes} {binary_bytes_per_sec}",
        ),
        None => (ProgressBar::new_spinner(), "{msg} {spinner} {binary_bytes} {binary_bytes_per_sec}"),
    };
    let style = ProgressStyle::with_template(template).expect("the template is well formed");
    bar.enable_steady_tick(TICK);
    bar.with_style(style.progress_chars("=> ")).with_message(doing).with_finish(ProgressFinish::AndClear)
}

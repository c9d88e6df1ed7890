//! `cargo xtask escapes`: the catalogue of escapes, played on every engine there is; the table of what came of it.

mod table;

use std::fs;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};

use crate::setup;
use crate::step::{quietly, step};
use crate::workspace::{find_program, root, target};
use table::Column;

/// The engines that may be asked for; ours is always there.
const ENGINES: [&str; 4] = ["builtin", "runc", "crun", "runsc"];

/// Where the table is published.
const DOCUMENT: &str = "docs/threat-model.md";

/// Plays the catalogue on `engine`, or on each that is installed, and prints the table; `write` publishes it as well.
///
/// # Errors
/// When the suite does not build, or there is no such engine. A case that is not contained by our own engine is a failing
/// status; what others do is shown and not judged.
pub fn command(engine: Option<&str>, write: bool) -> Result<ExitCode> {
    if let Some(unknown) = engine.filter(|engine| !ENGINES.contains(engine)) {
        bail!("there is no engine `{unknown}`; there are {}", ENGINES.join(", "));
    }
    let installed = |name: &str| name == "builtin" || find_program(name).is_some();
    let chosen: Vec<_> = match engine {
        Some(engine) => vec![engine],
        None => ENGINES.into_iter().filter(|name| installed(name)).collect(),
    };
    if write && chosen[0] != "builtin" {
        bail!("the published table begins with our own engine: leave --engine out");
    }
    setup::ensure_targets()?;
    crate::page::build()?;
    setup::busybox_image()?;
    step("building the catalogue", || quietly(suite().args(["--no-run", "--quiet"])))?;
    let columns = chosen.iter().map(|engine| play(engine)).collect::<Result<Vec<_>>>()?;
    println!("\n{}", table::for_terminal(&columns));
    if write {
        let path = root().join(DOCUMENT);
        let text = fs::read_to_string(&path)?;
        fs::write(&path, table::publish(&text, &columns)?)?;
        println!("written to {DOCUMENT}");
    }
    let ours = columns.iter().find(|column| column.engine == "builtin");
    let good = ours.is_none_or(Column::is_contained);
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn suite() -> Command {
    let mut command = Command::new("cargo");
    command.args(["test", "--workspace", "--test", "escapes"]).current_dir(root());
    command
}

/// All cases on one engine, as the suite reports them.
fn play(engine: &str) -> Result<Column> {
    let report = target().join("xtask").join(format!("escapes-{engine}.tsv"));
    // One of an earlier run would be added to.
    if report.exists() {
        fs::remove_file(&report)?;
    }
    step(&format!("playing it on {engine}"), || {
        // Its status is that of our own engine's cases, which the table shows one by one.
        suite()
            .args(["--", "--test-threads=1", "stays_in", "may_have"])
            .env("PORTHOLE_ESCAPES_ENGINE", engine)
            .env("PORTHOLE_ESCAPES_REPORT", &report)
            .stdin(Stdio::null())
            .stdout(fs::File::create(report.with_extension("log"))?)
            .stderr(fs::File::create(report.with_extension("errors"))?)
            .status()
            .context("cannot start cargo")
    })?;
    let text = fs::read_to_string(&report).with_context(|| {
        format!(
            "the suite reported nothing; what it said is in {}",
            report.with_extension("errors").display()
        )
    })?;
    Column::read(engine, &text)
}

//! A round by the command line: `porthole run -i`, with pipes on all sides.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Between two looks at whether it has ended.
const LOOK: Duration = Duration::from_millis(10);

/// How it ended.
pub(crate) struct Outcome {
    pub(crate) status: Option<i32>,
    pub(crate) output: Vec<u8>,
    /// What it said on standard error, the process's own included.
    pub(crate) told: String,
}

/// Runs a command in a container, with this on standard input.
///
/// # Errors
/// When it cannot be started, or does not end in time.
pub(crate) fn run(
    porthole: &Path,
    agent: SocketAddr,
    command: &[String],
    input: &[u8],
    patience: Duration,
) -> Result<Outcome> {
    let mut child = Command::new(porthole)
        .args(["--agent", &format!("http://{agent}"), "run", "-i", "busybox"])
        .args(command)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", porthole.display()))?;
    let mut stdin = child.stdin.take().context("it is piped")?;
    let mut stdout = child.stdout.take().context("it is piped")?;
    let mut stderr = child.stderr.take().context("it is piped")?;
    scope(|scope| {
        // One that ends early closes it; how it ended tells.
        scope.spawn(move || stdin.write_all(input));
        let output = scope.spawn(move || {
            let mut bytes = Vec::new();
            stdout.read_to_end(&mut bytes).map(|_| bytes)
        });
        let told = scope.spawn(move || {
            let mut bytes = Vec::new();
            stderr.read_to_end(&mut bytes).map(|_| bytes)
        });
        let status = wait(&mut child, patience);
        let output = output.join().expect("a reader does not panic")?;
        let told = String::from_utf8_lossy(&told.join().expect("a reader does not panic")?).into_owned();
        Ok(Outcome { status: status.with_context(|| format!("after {} bytes", output.len()))?, output, told })
    })
}

fn wait(child: &mut Child, patience: Duration) -> Result<Option<i32>> {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status.code());
        }
        if Instant::now() > deadline {
            child.kill()?;
            child.wait()?;
            bail!("it does not end");
        }
        #[expect(clippy::disallowed_methods, reason = "one may wait for another program here")]
        sleep(LOOK);
    }
}

//! Our own row: a launch as a client of the socket sees it.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use porthole_driver::{Client, Incoming};
use porthole_protocol::control::{ClientMessage, ServerMessage};
use porthole_protocol::http::ContainerDetail;
use porthole_protocol::spec::{LaunchSpec, ProcessSpec, Size};

use crate::pty::has_prompt;

/// How long a launch took.
pub(super) struct Launch {
    /// From before the request was written to the frame with the prompt.
    pub(super) prompt: Duration,
    /// What the agent says of it: birth timeline, time to execve.
    pub(super) container: Box<ContainerDetail>,
}

/// A busybox shell on a terminal.
pub(crate) fn shell() -> LaunchSpec {
    let terminal = Some(Size::default());
    let process = ProcessSpec { command: vec!["sh".into()], terminal, stdin: true, ..ProcessSpec::default() };
    LaunchSpec { image: "busybox".into(), process, ..LaunchSpec::default() }
}

/// Launches a shell and waits for its prompt.
pub(super) fn launch(client: &mut Client) -> Result<Launch> {
    let request = client.next_request();
    let message = ClientMessage::Launch { request, spec: shell(), credit: 1 << 20, typist: None };
    let (mut container, mut prompt) = (None, None);
    let mut output = Vec::new();
    let started = Instant::now();
    client.send(&message)?;
    loop {
        match client.receive()? {
            Incoming::Control(ServerMessage::Launched { container: launched, .. }) => {
                container = Some(launched)
            }
            Incoming::Control(ServerMessage::Error { error, .. }) => bail!("the launch failed: {error:?}"),
            // Of the round before, perhaps: its end may be told after its removal.
            Incoming::Control(ServerMessage::Exited { container: ended, exit, .. })
                if container.as_ref().is_some_and(|launched| launched.summary.id == ended) =>
            {
                bail!("the shell ended: {exit:?}")
            }
            Incoming::Control(_) => {}
            Incoming::Output { bytes, .. } => output.extend(bytes),
        }
        if prompt.is_none() && has_prompt(&output) {
            prompt = Some(started.elapsed());
        }
        if let (Some(prompt), Some(container)) = (prompt, container.take_if(|_| prompt.is_some())) {
            return Ok(Launch { prompt, container });
        }
    }
}

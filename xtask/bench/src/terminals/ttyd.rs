//! ttyd, the best known of the programs that put a terminal into a web page, where it is installed: it isolates nothing, so
//! what it starts is the same busybox on the host.
//!
//! It is spoken to as its own page does (`html/src/components/terminal/xterm/index.ts` and `src/protocol.c` of ttyd 1.7): the
//! first message says the size, and each one after it begins with a byte that says what it is.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tungstenite::client::IntoClientRequest;
use tungstenite::http::HeaderValue;
use tungstenite::{Error, Message, WebSocket};

/// First byte of a message with output, and of one with input.
const BYTES: u8 = b'0';

const PATIENCE: Duration = Duration::from_secs(40);

/// A program on a terminal of ttyd's, and the socket that leads to it.
pub(super) struct Ttyd {
    process: Child,
    socket: WebSocket<TcpStream>,
    output: Vec<u8>,
}

impl Ttyd {
    /// Starts it for this script; none where it is not installed.
    pub(super) fn start(script: &str) -> Result<Option<Self>> {
        let mut command = Command::new("ttyd");
        command.args([
            "--port",
            "0",
            "--interface",
            "127.0.0.1",
            "--writable",
            "--once",
            "busybox",
            "sh",
            "-c",
        ]);
        command.arg(script).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut process = match command.spawn() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            process => process.context("ttyd")?,
        };
        match connect(&mut process) {
            Ok(socket) => Ok(Some(Self { process, socket, output: Vec::new() })),
            Err(error) => {
                let _ = process.kill();
                let _ = process.wait();
                Err(error.context("ttyd"))
            }
        }
    }

    /// Waits until the program has printed this.
    pub(super) fn expect(&mut self, text: &str) -> Result<()> {
        while !self.output.windows(text.len()).any(|window| window == text.as_bytes()) {
            if !self.read()? {
                bail!("it ended before {text:?}: {}", String::from_utf8_lossy(&self.output));
            }
        }
        Ok(())
    }

    /// Types a key and waits for anything to come back; returns how long it took.
    pub(super) fn keystroke(&mut self) -> Result<Duration> {
        self.output.clear();
        let typed = Instant::now();
        self.socket.send(Message::binary(vec![BYTES, b'x']))?;
        while self.output.is_empty() {
            if !self.read()? {
                bail!("it has ended");
            }
        }
        Ok(typed.elapsed())
    }

    /// Waits until it has printed so many bytes, which are thrown away. It loses some of the last ones when the program ends, so
    /// that one must not end before.
    pub(super) fn drain(mut self, bytes: u64) -> Result<()> {
        let mut count = 0;
        while count < bytes {
            if !self.read()? {
                bail!("it ended after {count} bytes of {bytes}");
            }
            count += self.output.len() as u64;
            self.output.clear();
        }
        Ok(())
    }

    /// Takes in the next message; false at the end.
    fn read(&mut self) -> Result<bool> {
        match self.socket.read() {
            Ok(Message::Binary(bytes)) => {
                if let Some((&BYTES, output)) = bytes.split_first() {
                    self.output.extend_from_slice(output);
                }
                Ok(true)
            }
            Ok(Message::Close(_)) | Err(Error::ConnectionClosed) => Ok(false),
            Ok(_) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }
}

impl Drop for Ttyd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Waits for it to say where it listens, and opens its socket.
fn connect(process: &mut Child) -> Result<WebSocket<TcpStream>> {
    // The pipe stays open, and has room for the few lines that come later.
    let log = process.stderr.as_mut().expect("it was asked for");
    let mut log = BufReader::new(log);
    let mut said = String::new();
    let port: u16 = loop {
        if log.read_line(&mut said)? == 0 {
            bail!("it does not listen: {said}");
        }
        let last = said.lines().next_back().unwrap_or_default();
        if let Some((_, port)) = last.rsplit_once("Listening on port: ") {
            break port.trim().parse()?;
        }
    };
    let stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut request = format!("ws://127.0.0.1:{port}/ws").into_client_request()?;
    request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("tty"));
    let (mut socket, _) = tungstenite::client(request, stream)?;
    socket.send(Message::binary(br#"{"AuthToken":"","columns":80,"rows":24}"#.to_vec()))?;
    Ok(socket)
}

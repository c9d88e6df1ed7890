//! The API, where the socket has no message for it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Result, bail};
use porthole_protocol::ids::ContainerId;
use serde_json::Value;

/// Longest silence.
const PATIENCE: Duration = Duration::from_secs(40);

/// Id and name of every container.
///
/// # Errors
/// As [`http`].
pub fn containers(address: SocketAddr) -> Result<Vec<(ContainerId, String)>> {
    let all: Vec<Value> = serde_json::from_slice(&http(address, "GET", "/containers", b"")?)?;
    let text = |container: &Value, key: &str| container[key].as_str().unwrap_or_default().to_owned();
    all.iter().map(|container| Ok((text(container, "id").parse()?, text(container, "name")))).collect()
}

/// One request and the body of its answer.
///
/// # Errors
/// When there is no answer, or one that says that it failed.
pub fn http(address: SocketAddr, method: &str, path: &str, body: &[u8]) -> Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "{method} /api/v1{path} HTTP/1.0\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )?;
    stream.write_all(body)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n");
    let Some(end) = end else { bail!("{method} {path}: no answer") };
    let (head, body) = (String::from_utf8_lossy(&answer[..end]), &answer[end + 4..]);
    if head.split(' ').nth(1).is_none_or(|status| !status.starts_with('2')) {
        bail!("{method} {path}: {}", String::from_utf8_lossy(body));
    }
    Ok(body.to_vec())
}

//! Previews: what a program in a container serves, seen through the agent under a name of its own.
#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod support;

use std::time::Duration;

use porthole_protocol::http::{ListeningPort, Preview, Started};
use porthole_protocol::limits::{MAX_PORT_CONNECTIONS, MAX_PREVIEWS};
use serde_json::json;
use support::{Agent, Response, possible, run};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Between two looks at something that is about to happen.
const POLL: Duration = Duration::from_millis(20);

/// The port inside that tests look at.
const PORT: u16 = 8000;

/// An open preview.
struct Opened<'a> {
    agent: &'a Agent,
    container: String,
    host: String,
}

/// Starts a container in which `script` is run for each connection to [`PORT`], and opens its preview.
async fn served<'a>(agent: &'a Agent, script: &str) -> Opened<'a> {
    let file = format!("cat > /bin/serve <<'END'\n#!/bin/sh\n{script}\nEND\nchmod +x /bin/serve\n");
    opened(agent, &format!("{file}exec nc -ll -p {PORT} -e /bin/serve")).await
}

/// Starts a container that runs `command`, and opens its preview once something listens.
async fn opened<'a>(agent: &'a Agent, command: &str) -> Opened<'a> {
    let response = agent.post("/containers", &run(&["sh", "-c", command])).await;
    assert_eq!(response.status, 201, "{}", String::from_utf8_lossy(&response.body));
    let container = response.json::<Started>().container.to_string();
    while agent.get::<Vec<ListeningPort>>(&format!("/containers/{container}/ports")).await.is_empty() {
        tokio::time::sleep(POLL).await;
    }
    let host = open(agent, &container, PORT).await;
    Opened { agent, container, host }
}

async fn open(agent: &Agent, container: &str, port: u16) -> String {
    let response = agent.post(&format!("/containers/{container}/ports/{port}/preview"), &json!({})).await;
    assert_eq!(response.status, 200, "{}", String::from_utf8_lossy(&response.body));
    let url = response.json::<Preview>().url;
    url.strip_prefix("http://").unwrap().strip_suffix('/').unwrap().to_owned()
}

/// Where the list of ports says that the preview of [`PORT`] opens.
async fn listed(agent: &Agent, container: &str) -> Option<String> {
    let ports: Vec<ListeningPort> = agent.get(&format!("/containers/{container}/ports")).await;
    ports.into_iter().find(|one| one.port == PORT)?.preview
}

impl Opened<'_> {
    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Response {
        self.ask("GET", path, headers, b"").await
    }

    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        let headers = [&[("host", self.host.as_str())], headers].concat();
        self.agent.request(method, path, &headers, body).await
    }

    /// A connection on which these words have been sent, behind a line and `Host`.
    async fn say(&self, line: &str, words: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.agent.address).await.unwrap();
        let head = format!("{line}\r\nHost: {}\r\n{words}", self.host);
        stream.write_all(head.as_bytes()).await.unwrap();
        stream
    }

    async fn run(&self, script: &str) {
        let exec = json!({"process": {"command": ["sh", "-c", script]}});
        assert_eq!(self.agent.post(&format!("/containers/{}/exec", self.container), &exec).await.status, 201);
    }
}

/// Reads until `wanted` has come, and answers all that has.
async fn until(stream: &mut TcpStream, wanted: &str) -> String {
    let mut heard = Vec::new();
    while !String::from_utf8_lossy(&heard).contains(wanted) {
        let count = stream.read_buf(&mut heard).await.unwrap();
        assert!(count > 0, "closed before {wanted:?}: {}", String::from_utf8_lossy(&heard));
    }
    String::from_utf8_lossy(&heard).into_owned()
}

async fn rest(mut stream: TcpStream) -> String {
    let mut heard = Vec::new();
    // One that is reset has said what it had to say.
    let _ = stream.read_to_end(&mut heard).await;
    String::from_utf8_lossy(&heard).into_owned()
}

fn text(response: &Response) -> String {
    String::from_utf8_lossy(&response.body).into_owned()
}

/// Reads a request's head and says it back, in lower case and in order.
const MIRROR: &str = r#"while read -r line; do line=$(echo "$line" | tr -d '\r'); [ -z "$line" ] && break; head="$head$line
"; done
printf 'HTTP/1.1 200 OK\r\nConnection: close\r\nStrict-Transport-Security: max-age=9\r\nSet-Cookie: a=1; Domain=localhost; Path=/\r\n\r\n'
echo "$head" | tr 'A-Z' 'a-z'"#;

#[tokio::test]
async fn a_page_inside_is_seen_under_a_name_of_its_own_and_nothing_else_is() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let web =
        opened(&agent, "mkdir /www; echo hello > /www/x.html; exec httpd -f -p 127.0.0.1:8000 -h /www").await;
    let page = web.get("/x.html", &[]).await;
    assert_eq!((page.status, text(&page).as_str()), (200, "hello\n"));
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    assert!(page.head.contains("frame-ancestors 'self'"), "{}", page.head);
    assert_eq!(open(&agent, &web.container, PORT).await, web.host, "the same one while it is open");
    let listed = listed(&agent, &web.container).await;
    assert_eq!(listed, Some(format!("http://{}/", web.host)), "whoever comes later finds it");

    let api = web.get("/api/v1/version", &[]).await;
    assert_eq!(api.status, 404);
    assert!(!text(&api).contains("generation"), "the agent's API answered under a preview's name");
    let path = format!("/api/v1/containers/{}?force=true", web.container);
    assert_eq!(web.ask("DELETE", &path, &[], b"").await.status, 501, "httpd's own answer");

    let secret = web.host.strip_prefix("p-").unwrap().split('.').next().unwrap();
    assert!(secret.len() == 32 && secret.bytes().all(|b| b.is_ascii_hexdigit()), "128 bits: {secret}");
    let other = web.host.replace(secret, &"0".repeat(32));
    for (host, status) in [
        (other.as_str(), 404),
        ("p-.localhost", 404),
        (agent.address.as_str(), 404),
        (&format!("{secret}.localhost"), 403),
        ("localhost", 404),
    ] {
        let answer = agent.request("GET", "/x.html", &[("host", host)], b"").await;
        assert_eq!(answer.status, status, "{host}");
        assert!(!text(&answer).contains("hello"), "{host}");
    }
}

#[tokio::test]
async fn a_page_inside_cannot_drive_the_agent() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let web = served(&agent, MIRROR).await;
    let origin = format!("http://{}", web.host);
    let from_there = [("origin", origin.as_str()), ("content-type", "application/json")];
    let spec = serde_json::to_vec(&run(&["true"])).unwrap();
    let answer = agent.request("POST", "/api/v1/containers", &from_there, &spec).await;
    assert_eq!((answer.status, answer.code().as_str()), (403, "forbidden_origin"));
    let (status, _) = agent.upgrade(&[("origin", &origin)]).await.unwrap_err();
    assert_eq!(status, 403);
    let page = agent.request("GET", "/api/v1/containers", &[], b"").await;
    assert_eq!(
        page.header("cross-origin-resource-policy"),
        Some("same-origin"),
        "what has no Origin is not read"
    );
    assert_eq!(page.header("x-frame-options"), Some("DENY"));
}

#[tokio::test]
async fn nothing_of_ours_arrives_inside_and_nothing_of_theirs_binds_others() {
    if !possible() {
        return;
    }
    let agent = Agent::start_with(&["--listen", "0.0.0.0:0"]);
    let token = agent.link.split_once("/#token=").unwrap().1.to_owned();
    let bearer = format!("Bearer {token}");
    let authorized = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let port = agent.address.rsplit_once(':').unwrap().1;
    let local = format!("localhost:{port}");
    let command = format!(
        "cat > /bin/serve <<'END'\n#!/bin/sh\n{MIRROR}\nEND\nchmod +x /bin/serve; exec nc -ll -p 8000 -e /bin/serve"
    );
    let spec = serde_json::to_vec(&run(&["sh", "-c", &command])).unwrap();
    let started = agent.request("POST", "/api/v1/containers", &authorized, &spec).await.json::<Started>();
    let path = format!("/api/v1/containers/{}/ports/{PORT}/preview", started.container);
    assert_eq!(agent.request("POST", &path, &[], b"").await.status, 401);
    let elsewhere =
        agent.request("POST", &path, &[&authorized[..], &[("host", "192.0.2.7")]].concat(), b"").await;
    assert_eq!(
        (elsewhere.status, elsewhere.code().as_str()),
        (501, "unsupported"),
        "there is no name for it"
    );
    let opened = agent.request("POST", &path, &[&authorized[..], &[("host", &local)]].concat(), b"").await;
    let host = opened.json::<Preview>().url.replace("http://", "").replace('/', "");
    assert!(host.ends_with(&format!(".localhost:{port}")), "{host}");

    let own = format!("http://{host}");
    let headers = [
        ("host", host.as_str()),
        ("origin", own.as_str()),
        ("authorization", bearer.as_str()),
        ("cookie", "porthole=secret; theirs=1"),
        ("x-forwarded-for", "192.0.2.9"),
        ("connection", "x-private"),
        ("x-private", "1"),
    ];
    let told = loop {
        let told = agent.request("GET", "/a?b=c", &headers, b"").await;
        if told.status != 502 {
            break told;
        }
        tokio::time::sleep(POLL).await;
    };
    let inside = text(&told);
    assert_eq!(inside.lines().next(), Some("get /a?b=c http/1.1"));
    let mut lines: Vec<_> = inside.lines().skip(1).filter(|line| !line.is_empty()).collect();
    lines.sort_unstable();
    assert_eq!(lines, ["cookie: theirs=1", "host: localhost:8000", "origin: http://localhost:8000"]);
    assert_eq!(told.header("strict-transport-security"), None);
    assert_eq!(told.header("set-cookie"), Some("a=1; Path=/"));
}

#[tokio::test]
async fn a_name_of_the_owners_own_is_used_where_the_agent_was_told_one() {
    if !possible() {
        return;
    }
    let agent =
        Agent::start_with(&["--listen", "127.0.0.1:0", "--preview-host", "https://*.preview.example.org"]);
    let response = agent.post("/containers", &run(&["httpd", "-f", "-p", "8000"])).await;
    let container = response.json::<Started>().container;
    let response = agent.post(&format!("/containers/{container}/ports/8000/preview"), &json!({})).await;
    let url = response.json::<Preview>().url;
    let host = url.strip_prefix("https://").unwrap().strip_suffix('/').unwrap();
    assert!(host.ends_with(".preview.example.org"), "{host}");
    while agent.request("GET", "/", &[("host", host)], b"").await.status != 404 {
        tokio::time::sleep(POLL).await;
    }
    let bare = agent.request("GET", "/", &[("host", "preview.example.org")], b"").await;
    assert_eq!(bare.status, 403, "the name above them is nobody's");
}

#[tokio::test]
async fn a_body_passes_both_ways() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let script = "mkdir -p /www/cgi-bin; printf '#!/bin/sh\\nprintf \"content-type: x/y\\r\\n\\r\\n\"; wc -c; echo $CONTENT_LENGTH' \
                  > /www/cgi-bin/count; chmod +x /www/cgi-bin/count; exec httpd -f -p 8000 -h /www";
    let web = opened(&agent, script).await;
    let counted = web.ask("POST", "/cgi-bin/count", &[], &vec![7; 300_000]).await;
    assert_eq!((counted.status, text(&counted).as_str()), (200, "300000\n300000\n"));
    let head = web.ask("HEAD", "/cgi-bin/count", &[], b"").await;
    assert!(head.body.is_empty());
}

#[tokio::test]
async fn what_a_program_says_arrives_as_it_is_said() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let events = r"while read -r line; do [ ${#line} -le 1 ] && break; done
printf 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n'
printf '8\r\ndata: 1\n\r\n'
until [ -e /go ]; do sleep 0.05; done
printf '8\r\ndata: 2\n\r\n0\r\n\r\n'";
    let web = served(&agent, events).await;
    let mut stream = web.say("GET / HTTP/1.1", "\r\n").await;
    let head = until(&mut stream, "data: 1").await;
    assert!(head.to_lowercase().contains("transfer-encoding: chunked"), "{head}");
    web.run("touch /go").await;
    until(&mut stream, "data: 2").await;
}

#[tokio::test]
async fn a_websocket_passes_every_byte() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let echo = r"while read -r line; do line=$(echo $line | tr -d '\r'); [ -z $line ] && break
case $line in [Ss]ec-[Ww]eb[Ss]ocket-[Kk]ey:*) key=${line#*: };; esac; done 2>/dev/null
accept=$(printf '%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11' $key | sha1sum | cut -c1-40 | xxd -r -p | base64)
printf 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n' $accept
exec cat";
    let web = served(&agent, echo).await;
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let mut stream = web.say("GET /chat HTTP/1.1", upgrade).await;
    let head = until(&mut stream, "\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    // The example of RFC 6455, section 1.3.
    assert!(head.to_lowercase().contains("s3pplmbitxaq9kygzzhzrbk+xoo="), "{head}");
    let sent: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
    let (mut reader, mut writer) = stream.into_split();
    let mut received = vec![0; sent.len()];
    let (read, written) = tokio::join!(reader.read_exact(&mut received), writer.write_all(&sent));
    read.and(written.map(|()| 0)).unwrap();
    assert!(received == sent);
    close(&web).await;
    assert!(reader.read_u8().await.is_err(), "it ends with the preview");
}

async fn close(web: &Opened<'_>) {
    let path = format!("/api/v1/containers/{}/ports/{PORT}/preview", web.container);
    assert_eq!(web.agent.request("DELETE", &path, &[], b"").await.status, 204);
}

#[tokio::test]
async fn a_preview_is_closed_by_its_owner_and_by_the_end_of_its_container() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let web = served(&agent, MIRROR).await;
    assert_eq!(web.get("/", &[]).await.status, 200);
    close(&web).await;
    assert_eq!(listed(&agent, &web.container).await, None);
    assert_eq!(web.get("/", &[]).await.status, 404);
    let again = open(&agent, &web.container, PORT).await;
    assert_ne!(again, web.host, "a name is not given twice");
    for port in 1..u16::try_from(MAX_PREVIEWS).unwrap() {
        open(&agent, &web.container, port).await;
    }
    let path = format!("/containers/{}/ports/9000/preview", web.container);
    let refused = agent.post(&path, &json!({})).await;
    assert_eq!((refused.status, refused.code().as_str()), (429, "too_many"));
    let stop = json!({"grace_ms": 0});
    assert_eq!(agent.post(&format!("/containers/{}/stop", web.container), &stop).await.status, 204);
    assert_eq!(agent.request("GET", "/", &[("host", &again)], b"").await.status, 404);
    assert_eq!(agent.post(&path, &json!({})).await.status, 409);
}

#[tokio::test]
async fn where_nothing_listens_a_page_says_so_and_tries_again() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let web = served(&agent, MIRROR).await;
    let nowhere = open(&agent, &web.container, 9999).await;
    let headers = [("host", nowhere.as_str()), ("accept", "text/html")];
    let page = agent.request("GET", "/", &headers, b"").await;
    assert_eq!(page.status, 502);
    assert!(text(&page).contains("Nothing listens on port 9999") && text(&page).contains("refresh"));
    assert!(page.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
    let line = agent.request("GET", "/", &headers[..1], b"").await;
    assert_eq!(text(&line), "Nothing listens on port 9999 of the container.\n");
}

#[tokio::test]
async fn a_hostile_program_is_bounded_and_disturbs_nobody() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    for (what, script) in [
        ("no HTTP", "echo hello"),
        ("nothing", "exit"),
        ("endless headers", "printf 'HTTP/1.1 200 OK\\r\\n'; yes 'x: y'"),
        ("an endless header", "printf 'HTTP/1.1 200 OK\\r\\nx: '; cat /dev/zero | tr '\\0' 'y'"),
        ("a flood of 1xx", "yes \"$(printf 'HTTP/1.1 103 Early\\r\\n\\r')\""),
        (
            "two lengths",
            "printf 'HTTP/1.1 200 OK\\r\\nContent-Length: 1\\r\\nContent-Length: 2\\r\\n\\r\\nab'",
        ),
        (
            "two codings",
            "printf 'HTTP/1.1 200 OK\\r\\nTransfer-Encoding: gzip, chunked\\r\\n\\r\\n0\\r\\n\\r\\n'",
        ),
        (
            "an upgrade nobody asked for",
            "printf 'HTTP/1.1 101 x\\r\\nConnection: upgrade\\r\\nUpgrade: websocket\\r\\n\\r\\n'",
        ),
    ] {
        let web = served(&agent, script).await;
        let answer = web.get("/", &[]).await;
        assert_eq!(answer.status, 502, "{what}: {} {}", answer.head, text(&answer));
        close(&web).await;
    }
    // An answer before the question would be none.
    let endless = served(&agent, "read question; printf 'HTTP/1.1 200 OK\\r\\n\\r\\n'; cat /dev/zero").await;
    let mut reader = endless.say("GET / HTTP/1.1", "\r\n").await;
    until(&mut reader, "\0\0\0\0").await;
    // It reads no further, and that holds up nobody.
    let web = served(&agent, MIRROR).await;
    assert_eq!(web.get("/", &[]).await.status, 200);
    close(&endless).await;
    rest(reader).await;
}

#[tokio::test]
async fn one_request_is_one_request_inside() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let log = format!("echo x >> /requests; {MIRROR}");
    let web = served(&agent, &log).await;
    let smuggled = "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
    for (what, words) in [
        ("two lengths", "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"),
        ("two codings", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n"),
        ("a coding that is none", "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
        ("a length that is none", "Content-Length: +3\r\n\r\nabc"),
        ("a space before the colon", "Content-Length : 3\r\n\r\nabc"),
        ("two hosts", "Host: x\r\n\r\n"),
    ] {
        let answer = rest(web.say("POST / HTTP/1.1", words).await).await;
        let status = answer.split(' ').nth(1).unwrap_or_default().to_owned();
        assert!(["400", "403"].contains(&status.as_str()), "{what}: {answer}");
    }
    let both = format!(
        "Connection: close\r\nContent-Length: {}\r\nTransfer-Encoding: chunked\r\n\r\n{smuggled}",
        smuggled.len()
    );
    let answer = rest(web.say("POST /both HTTP/1.1", &both).await).await;
    assert!(!answer.contains("get /smuggled"), "{answer}");
    let count = web.get("/", &[]).await;
    assert_eq!(count.status, 200);
}

#[tokio::test]
async fn connections_to_one_preview_are_bounded() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let silent = served(&agent, "exec sleep 1000").await;
    let web = served(&agent, MIRROR).await;
    let mut open = Vec::new();
    for _ in 0..MAX_PORT_CONNECTIONS {
        open.push(silent.say("GET / HTTP/1.1", "\r\n").await);
    }
    let refused = loop {
        let late = silent.say("GET / HTTP/1.1", "Connection: close\r\n\r\n").await;
        open.push(late);
        let mut last = open.pop().unwrap();
        let mut first = [0; 12];
        // While the others are still on their way, it may have come before one of them: then it waits, as they do.
        match tokio::time::timeout(Duration::from_secs(2), last.read_exact(&mut first)).await {
            Ok(_) => break String::from_utf8_lossy(&first).into_owned(),
            Err(_) => open.push(last),
        }
    };
    assert_eq!(refused, "HTTP/1.1 503");
    assert_eq!(web.get("/", &[]).await.status, 200, "nobody else is held up");
    close(&silent).await;
    for stream in open {
        assert!(!rest(stream).await.contains("200 OK"));
    }
}

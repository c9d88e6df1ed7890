//! Clients that ask for what they may not have, in ways that have got past others' checks.

use std::time::Duration;

use porthole_protocol::spec::LaunchSpec;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::case::{Case, Play, Verdict, verdict};
use crate::stage::Stage;
use crate::support::Agent;

pub fn cases() -> Vec<Case> {
    vec![
        Case::course("CVE-2024-41110: requests without a body, chunked, or with headers twice", framing),
        Case::course("CVE-2024-23653: privilege asked for at launch", privilege),
    ]
}

/// What an agent that demands a token answers to these bytes: a status for each response.
async fn statuses(address: &str, bytes: &str) -> Vec<String> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes.replace('\n', "\r\n").as_bytes()).await.unwrap();
    let mut said = Vec::new();
    // One that the agent still waits for the rest of says no more.
    let _ = tokio::time::timeout(Duration::from_secs(2), stream.read_to_end(&mut said)).await;
    let text = String::from_utf8_lossy(&said).into_owned();
    text.lines().filter_map(|line| Some(line.strip_prefix("HTTP/1.")?.get(2..5)?.to_owned())).collect()
}

fn framing(_: &mut Stage) -> Play<'_> {
    Box::pin(async move {
        let agent = Agent::start_with(&["--listen", "0.0.0.0:0"]);
        let address = agent.address.replace("0.0.0.0", "127.0.0.1");
        let path = "/api/v1/containers";
        let host = format!("host: {address}");
        let hidden = format!("GET {path} HTTP/1.1\n{host}\nconnection: close\n\n");
        let length = hidden.len() + hidden.matches('\n').count();
        let requests = [
            format!("GET {path} HTTP/1.1\n{host}\ncontent-length: 0\nconnection: close\n\n"),
            format!(
                "POST /api/v1/images/import?name=x HTTP/1.1\n{host}\ncontent-length: 0\nconnection: close\n\n"
            ),
            format!("GET {path} HTTP/1.1\n{host}\ntransfer-encoding: chunked\nconnection: close\n\n0\n\n"),
            format!(
                "GET {path} HTTP/1.1\n{host}\ntransfer-encoding: chunked\ncontent-length: {length}\nconnection: close\n\n0\n\n{hidden}"
            ),
            format!(
                "GET {path} HTTP/1.1\n{host}\ncontent-length: 0\ncontent-length: {length}\nconnection: close\n\n{hidden}"
            ),
            format!("GET {path} HTTP/1.1\n{host}\n{host}\nconnection: close\n\n"),
            format!("GET {path} HTTP/1.1\n{host}\nhost: evil.example\nconnection: close\n\n"),
            format!(
                "GET {path} HTTP/1.1\n{host}\nauthorization: Bearer x\nauthorization: Bearer y\nconnection: close\n\n"
            ),
            format!("GET http://{address}{path} HTTP/1.1\n{host}\nconnection: close\n\n"),
            format!("GET /api/v1//containers HTTP/1.1\n{host}\nconnection: close\n\n"),
            format!("GET /%61pi/v1/containers HTTP/1.1\n{host}\nconnection: close\n\n"),
            format!("GET /api/v1/../v1/containers HTTP/1.1\n{host}\nconnection: close\n\n"),
            format!("HEAD {path} HTTP/1.1\n{host}\nconnection: close\n\n"),
            format!("OPTIONS {path} HTTP/1.1\n{host}\nconnection: close\n\n"),
            format!("GET {path} HTTP/1.0\n\n"),
            format!(
                "GET {path} HTTP/1.1\n{host}\nx-forwarded-for: 127.0.0.1\nx-original-url: /\nconnection: close\n\n"
            ),
            format!("DELETE {path}/0123456789ab HTTP/1.1\n{host}\ncontent-length: 0\nconnection: close\n\n"),
        ];
        let (mut answered, mut let_in) = (0, Vec::new());
        for request in &requests {
            for status in statuses(&address, request).await {
                answered += 1;
                // The page itself asks for the token and is for everybody: paths outside the API lead to it.
                let is_page = request.contains("/%61pi") || request.contains("/../");
                if status.starts_with('2') && !is_page {
                    let_in.push(format!("{status} to {:?}", request.lines().next()));
                }
            }
        }
        let evidence = format!("{answered} answers to {} requests, none of them lets in", requests.len());
        verdict(
            let_in.is_empty() && answered >= 15,
            evidence,
            format!("{answered} answers, let in: {let_in:?}"),
        )
    })
}

fn privilege(stage: &mut Stage) -> Play<'_> {
    Box::pin(async move {
        type Edit = (&'static str, fn(&mut LaunchSpec));
        let edits: [Edit; 6] = [
            ("SYS_ADMIN", |spec| spec.cap_add = vec!["SYS_ADMIN".into()]),
            ("ALL", |spec| spec.cap_add = vec!["ALL".into()]),
            ("CAP_SYS_PTRACE", |spec| spec.cap_add = vec!["CAP_SYS_PTRACE".into()]),
            ("SYS_MODULE", |spec| spec.cap_add = vec!["sys_module".into()]),
            ("a network of the host", |spec| spec.networks = vec!["host".into(), "../host".into()]),
            ("a name that is a path", |spec| spec.name = Some("../../etc".into())),
        ];
        let mut granted = Vec::new();
        for (what, edit) in edits {
            let mut spec = stage.spec(&["true"]);
            edit(&mut spec);
            if stage.run(spec).await.is_ok() {
                granted.push(what);
            }
        }
        // A field that there is not is no way around either.
        let body = serde_json::json!({ "image": "hostile", "privileged": true, "host_config": { "Privileged": true },
            "process": { "command": ["sh", "-c", "grep CapEff /proc/self/status"] } });
        let spec: LaunchSpec = serde_json::from_value(body).unwrap();
        match stage.run(spec).await {
            Ok(ended) if ended.said.trim().ends_with("1ffffffffff") => granted.push("privileged"),
            _ => {}
        }
        match granted[..] {
            [] => Verdict::Contained("6 refused, a field that is unknown is without effect".into()),
            _ => Verdict::Escaped(format!("{granted:?} granted")),
        }
    })
}

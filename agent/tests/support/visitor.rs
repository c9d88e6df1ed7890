//! Somebody who comes without the token, as a browser does.

use porthole_protocol::control::ClientMessage;
use porthole_protocol::error::WireError;
use porthole_protocol::session::Session;
use porthole_protocol::version::Generations;

use super::{Agent, Client, Response};

/// A visitor's cookie, and the agent it is for.
pub struct Visitor<'a> {
    agent: &'a Agent,
    pub cookie: String,
    /// The session as it began.
    pub session: Session,
}

impl<'a> Visitor<'a> {
    /// Comes, from this address as a proxy tells it.
    pub async fn comes_from(agent: &'a Agent, address: &str) -> Result<Self, Response> {
        let headers = [("x-forwarded-for", address)];
        let response = agent.request("GET", "/api/v1/session", &headers, b"").await;
        if response.status != 200 {
            return Err(response);
        }
        let cookie = response.header("set-cookie").expect("a cookie").split(';').next().unwrap().to_owned();
        Ok(Self { agent, cookie, session: response.json() })
    }

    /// Comes.
    pub async fn comes(agent: &'a Agent) -> Self {
        Self::comes_from(agent, "203.0.113.1").await.unwrap_or_else(|response| panic!("{}", response.head))
    }

    /// Sends a request with the cookie.
    pub async fn request(&self, method: &str, path: &str, body: &[u8]) -> Response {
        let headers = [("cookie", self.cookie.as_str()), ("content-type", "application/json")];
        self.agent.request(method, &format!("/api/v1{path}"), &headers, body).await
    }

    /// Posts a JSON body.
    pub async fn post(&self, path: &str, body: &impl serde::Serialize) -> Response {
        self.request("POST", path, &serde_json::to_vec(body).unwrap()).await
    }

    /// Opens the socket with the cookie.
    pub async fn try_connect(&self) -> Result<Client, (Option<u16>, Option<WireError>)> {
        Client::connect_as(&self.agent.address, &[("cookie", &self.cookie)], &hello()).await
    }

    /// The same, where it is welcome.
    pub async fn connect(&self) -> Client {
        self.try_connect().await.expect("a visitor is welcome")
    }
}

/// A hello without token or share.
pub fn hello() -> ClientMessage {
    ClientMessage::Hello {
        generations: Generations::OURS,
        token: None,
        client: "test 1.0".into(),
        share: None,
        name: None,
    }
}

/// A hello with a share's secret and a name.
pub fn hello_by(secret: &str, name: Option<&str>) -> ClientMessage {
    ClientMessage::Hello {
        generations: Generations::OURS,
        token: None,
        client: "test 1.0".into(),
        share: Some(secret.to_owned()),
        name: name.map(str::to_owned),
    }
}

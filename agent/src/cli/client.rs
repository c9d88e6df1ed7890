//! The client of the HTTP API.

use std::error::Error;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, Full, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::{Method, Request, Response};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client as Http, Error as HttpError};
use hyper_util::rt::TokioExecutor;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use porthole_protocol::error::{ErrorCode, WireError};
use porthole_protocol::http::ContainerDetail;
use porthole_protocol::image::ImageDetail;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::AsyncRead;
use tokio_util::io::ReaderStream;

use super::address::Address;
use super::failure::{Failure, reason};

/// Largest answer taken into memory, in bytes: a list of a thousand containers is below a megabyte.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// How much of an upload is read at a time, in bytes.
const UPLOAD_CHUNK_BYTES: usize = 256 * 1024;

type Body = BoxBody<Bytes, io::Error>;

/// Asks and commands one agent.
pub(super) struct Client {
    address: Address,
    patience: Duration,
    http: Http<HttpConnector, Body>,
}

impl Client {
    /// A client of the agent at this address, which tries for so long to get a lost connection back. Nothing is sent yet.
    pub(super) fn new(address: Address, patience: Duration) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self { address, patience, http: Http::builder(TokioExecutor::new()).build(connector) }
    }

    /// Where the agent is.
    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    /// How long to try to get a lost connection back.
    pub(super) fn patience(&self) -> Duration {
        self.patience
    }

    /// Asks for a value.
    ///
    /// # Errors
    /// Any [`Failure`] of the agent or the way to it.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let answer = self.send(Method::GET, path, empty(), None).await?;
        json(answer).await
    }

    /// Asks for a stream of bytes.
    ///
    /// # Errors
    /// Any [`Failure`] of the agent or the way to it.
    pub(super) async fn stream(&self, path: &str) -> Result<Incoming, Failure> {
        Ok(self.send(Method::GET, path, empty(), None).await?.into_body())
    }

    /// Sends a JSON body and reads a JSON answer.
    ///
    /// # Errors
    /// Any [`Failure`] of the agent or the way to it.
    pub(super) async fn post<B: Serialize, T: DeserializeOwned>(
        &self,
        path: &str,
        body: &B,
    ) -> Result<T, Failure> {
        json(self.post_body(path, body).await?).await
    }

    /// Sends a JSON body; the answer comes bit by bit.
    ///
    /// # Errors
    /// Any [`Failure`] of the agent or the way to it.
    pub(super) async fn post_stream<B: Serialize>(&self, path: &str, body: &B) -> Result<Incoming, Failure> {
        Ok(self.post_body(path, body).await?.into_body())
    }

    /// Asks for what needs no body and reads a JSON answer.
    ///
    /// # Errors
    /// Any [`Failure`] of the agent or the way to it.
    pub(super) async fn ask<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        json(self.send(Method::POST, path, empty(), None).await?).await
    }

    /// Sends a JSON body; the answer is that it was done.
    ///
    /// # Errors
    /// Any [`Failure`] of the agent or the way to it.
    pub(super) async fn command<B: Serialize>(&self, path: &str, body: &B) -> Result<(), Failure> {
        self.post_body(path, body).await.map(drop)
    }

    /// Changes what the body names and reads a JSON answer.
    ///
    /// # Errors
    /// Any [`Failure`] of the agent or the way to it.
    pub(super) async fn patch<B: Serialize, T: DeserializeOwned>(
        &self,
        path: &str,
        body: &B,
    ) -> Result<T, Failure> {
        json(self.send_json(Method::PATCH, path, body).await?).await
    }

    async fn post_body<B: Serialize>(&self, path: &str, body: &B) -> Result<Response<Incoming>, Failure> {
        self.send_json(Method::POST, path, body).await
    }

    async fn send_json<B: Serialize>(
        &self,
        method: Method,
        path: &str,
        body: &B,
    ) -> Result<Response<Incoming>, Failure> {
        let body = serde_json::to_vec(body).expect("the protocol's types are JSON");
        let body = Full::new(Bytes::from(body)).map_err(|never| match never {}).boxed();
        self.send(method, path, body, Some("application/json")).await
    }

    /// Sends an archive as it is read, holding no more than a chunk of it in memory.
    ///
    /// # Errors
    /// Any [`Failure`] of the agent or the way to it.
    pub(super) async fn upload<T, R>(&self, path: &str, archive: R) -> Result<T, Failure>
    where
        T: DeserializeOwned,
        R: AsyncRead + Send + Sync + 'static,
    {
        let chunks = ReaderStream::with_capacity(archive, UPLOAD_CHUNK_BYTES).map_ok(Frame::data);
        let body = BodyExt::boxed(StreamBody::new(chunks));
        json(self.send(Method::POST, path, body, Some("application/x-tar")).await?).await
    }

    /// Puts an archive somewhere, as it comes. An error of the stream breaks the request off, so that the agent never takes
    /// a part for the whole.
    ///
    /// # Errors
    /// Any [`Failure`] of the agent or the way to it.
    pub(super) async fn put<S>(&self, path: &str, archive: S) -> Result<(), Failure>
    where
        S: Stream<Item = io::Result<Bytes>> + Send + Sync + 'static,
    {
        let body = BodyExt::boxed(StreamBody::new(archive.map_ok(Frame::data)));
        self.send(Method::PUT, path, body, Some("application/x-tar")).await.map(drop)
    }

    /// Deletes and gives what the agent says about it.
    ///
    /// # Errors
    /// Any [`Failure`] of the agent or the way to it.
    pub(super) async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        json(self.send(Method::DELETE, path, empty(), None).await?).await
    }

    /// Deletes what leaves nothing to say.
    ///
    /// # Errors
    /// Any [`Failure`] of the agent or the way to it.
    pub(super) async fn remove(&self, path: &str) -> Result<(), Failure> {
        self.send(Method::DELETE, path, empty(), None).await.map(drop)
    }

    /// Everything about the container that goes by this id, unique start of an id, or name.
    ///
    /// # Errors
    /// Any [`Failure`] of the agent or the way to it.
    pub(super) async fn container(&self, reference: &str) -> Result<ContainerDetail, Failure> {
        self.get(&container_path(reference)).await
    }

    /// Everything about the image that goes by this name or start of its id.
    ///
    /// # Errors
    /// Any [`Failure`] of the agent or the way to it.
    pub(super) async fn image(&self, name: &str) -> Result<ImageDetail, Failure> {
        self.get(&format!("images/detail?name={}", encoded(name))).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Body,
        content_type: Option<&str>,
    ) -> Result<Response<Incoming>, Failure> {
        let mut request = Request::builder().method(method).uri(self.address.url("http", path));
        if let Some(token) = &self.address.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        if let Some(content_type) = content_type {
            request = request.header(CONTENT_TYPE, content_type);
        }
        let request = request
            .body(body)
            .map_err(|error| Failure::local(format!("The request cannot be made: {error}."), ""))?;
        let answer = self.http.request(request).await.map_err(|error| self.unanswered(&error))?;
        if answer.status().is_success() { Ok(answer) } else { Err(refusal(answer).await) }
    }

    fn unanswered(&self, error: &HttpError) -> Failure {
        let cause = root_cause(error);
        if error.is_connect() {
            Failure::NoAgent { address: self.address.authority.clone(), cause }
        } else {
            Failure::Lost(cause)
        }
    }
}

/// The innermost reason, which is the one a person can act on.
fn root_cause(error: &HttpError) -> String {
    let mut cause: &(dyn Error + 'static) = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.downcast_ref().map_or_else(|| cause.to_string(), reason)
}

fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed()
}

async fn body(answer: Response<Incoming>) -> Result<Bytes, Failure> {
    let collected = Limited::new(answer.into_body(), MAX_ANSWER_BYTES).collect().await;
    collected.map(|body| body.to_bytes()).map_err(|error| Failure::Lost(error.to_string()))
}

async fn json<T: DeserializeOwned>(answer: Response<Incoming>) -> Result<T, Failure> {
    let bytes = body(answer).await?;
    serde_json::from_slice(&bytes).map_err(|error| Failure::misunderstood(&error))
}

/// Reads a refusal; whoever answered without the API's JSON was no agent.
async fn refusal(answer: Response<Incoming>) -> Failure {
    let status = answer.status();
    match body(answer).await {
        Ok(bytes) => refusal_of(status.as_u16(), &bytes),
        Err(failure) => failure,
    }
}

/// The refusal in the body of an answer that was not a success.
pub(super) fn refusal_of(status: u16, body: &[u8]) -> Failure {
    serde_json::from_slice::<WireError>(body).map_or_else(
        |_| {
            Failure::Refused(WireError::new(
                ErrorCode::Unknown,
                format!("Whoever listens there answered {status} and is not a Porthole agent."),
                "Say where the agent is with --agent or PORTHOLE_HOST.",
            ))
        },
        Failure::Refused,
    )
}

/// The text as one segment of a path or one value of a query.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// The path of the container that goes by this id, unique start of an id, or name.
pub(super) fn container_path(reference: &str) -> String {
    format!("containers/{}", encoded(reference))
}

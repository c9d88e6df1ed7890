//! A registry in memory that does what a test tells it: honest where nothing else is said.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use porthole::image::Digest;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::archives::Made;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// A request that came.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: Method,
    /// With the query.
    pub path: String,
    pub range: Option<String>,
    pub authorization: Option<String>,
}

/// Answers instead of the honest registry, where it answers at all.
pub type Lie = Arc<dyn Fn(&Asked, &Contents) -> Option<Response> + Send + Sync>;

/// What is in the registry: documents and layers by digest or tag, each with its media type.
#[derive(Clone, Default)]
pub struct Contents(HashMap<String, (String, Bytes)>);

impl Contents {
    /// An image by a tag.
    pub fn image(mut self, made: &Made, tag: &str) -> Self {
        for blob in made.layers.iter().chain([&made.config_bytes()]) {
            self = self.put(Digest::of(blob).as_str(), "application/octet-stream", blob);
        }
        self.document(&serde_json::to_vec(&made.manifest()).unwrap(), MANIFEST, tag)
    }

    /// A manifest or index by a tag.
    pub fn document(self, bytes: &[u8], media_type: &str, tag: &str) -> Self {
        self.put(Digest::of(bytes).as_str(), media_type, bytes).put(tag, media_type, bytes)
    }

    pub fn put(mut self, name: &str, media_type: &str, bytes: &[u8]) -> Self {
        self.0.insert(name.to_owned(), (media_type.to_owned(), Bytes::copy_from_slice(bytes)));
        self
    }

    /// The bytes by a name.
    pub fn get(&self, name: &str) -> Bytes {
        self.0[name].1.clone()
    }

    fn answer(&self, asked: &Asked) -> Response {
        let path = asked.path.split('?').next().unwrap();
        let Some((media_type, bytes)) = self.0.get(path.rsplit('/').next().unwrap()) else {
            return (StatusCode::NOT_FOUND, r#"{"errors":[{"code":"UNKNOWN","message":"not here"}]}"#)
                .into_response();
        };
        let from: Option<usize> = asked
            .range
            .as_ref()
            .and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
        let headers = [("content-type", media_type.clone())];
        match from {
            Some(from) => {
                let range = format!("bytes {from}-{}/{}", bytes.len() - 1, bytes.len());
                let range = [("content-range", range)];
                (StatusCode::PARTIAL_CONTENT, headers, range, bytes.slice(from..)).into_response()
            }
            None => (headers, bytes.clone()).into_response(),
        }
    }
}

/// The registry, on loopback.
pub struct Liar {
    pub host: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    /// Ends the server when it is dropped.
    _server: JoinSet<()>,
}

struct Shared {
    contents: Contents,
    lie: Lie,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Liar {
    /// One that is honest.
    pub async fn honest(contents: Contents) -> Self {
        Self::start(contents, Arc::new(|_, _| None)).await
    }

    pub async fn start(contents: Contents, lie: Lie) -> Self {
        Self::start_at("127.0.0.1:0", contents, lie).await
    }

    pub async fn start_at(address: &str, contents: Contents, lie: Lie) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::new(Shared { contents, lie, asked: Arc::clone(&asked) });
        let app = Router::new().fallback(answer).with_state(shared);
        let mut server = JoinSet::new();
        server.spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { host, asked, _server: server }
    }

    /// Every request so far whose path holds the text.
    pub fn asked(&self, text: &str) -> Vec<Asked> {
        self.asked.lock().unwrap().iter().filter(|asked| asked.path.contains(text)).cloned().collect()
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let header = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let asked = Asked {
        method: request.method().clone(),
        path: request.uri().to_string(),
        range: header("range"),
        authorization: header("authorization"),
    };
    shared.asked.lock().unwrap().push(asked.clone());
    let lie = (shared.lie)(&asked, &shared.contents);
    lie.unwrap_or_else(|| shared.contents.answer(&asked))
}

/// A body of these pieces that then breaks.
pub fn broken(pieces: Vec<Bytes>) -> Body {
    let pieces = pieces.into_iter().map(Ok).chain([Err(std::io::Error::other("the line broke"))]);
    Body::from_stream(futures_util::stream::iter(pieces))
}

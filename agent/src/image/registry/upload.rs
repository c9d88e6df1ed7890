//! Pushing: blobs, then the manifest that names them. Source: OCI distribution spec, "Push".

use std::sync::atomic::{AtomicU64, Ordering};

use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, LOCATION};
use reqwest::{Body, Method, Response, StatusCode, Url};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{Attempts, Registry, Trouble};
use crate::image::ImageError;
use crate::image::add::cancelled;
use crate::image::digest::Digest;

impl Registry {
    /// Whether the repository has a blob.
    pub(in crate::image) async fn has_blob(
        &self,
        digest: &Digest,
        cancel: &CancellationToken,
    ) -> Result<bool, ImageError> {
        let mut attempts = Attempts::new(&self.patience);
        loop {
            let url = self.url(&format!("blobs/{digest}"));
            let trouble = match self.send(Method::HEAD, url, |request| request).await {
                Ok(response) => match response.status() {
                    StatusCode::OK => return Ok(true),
                    StatusCode::NOT_FOUND => return Ok(false),
                    _ => self.refused(response, "it").await,
                },
                Err(trouble) => trouble,
            };
            attempts.pause(trouble, cancel).await?;
        }
    }

    /// Asks the registry to take a blob over from another of its repositories; whether it did.
    pub(in crate::image) async fn mount(&self, digest: &Digest, from: &str) -> bool {
        let mut url = self.url("blobs/uploads/");
        url.query_pairs_mut().append_pair("mount", digest.as_str()).append_pair("from", from);
        let response = self.send(Method::POST, url, |request| request.header(CONTENT_LENGTH, 0)).await;
        // What it does not take over is sent; an upload that it began instead, it forgets.
        response.is_ok_and(|response| response.status() == StatusCode::CREATED)
    }

    /// Sends a blob of `size` bytes; `body` makes it and counts in `sent` what has gone out.
    pub(in crate::image) async fn upload(
        &self,
        digest: &Digest,
        size: u64,
        body: impl FnOnce() -> Body,
        sent: &AtomicU64,
    ) -> Result<(), Trouble> {
        let url = self.url("blobs/uploads/");
        let begun = self.send(Method::POST, url.clone(), |request| request.header(CONTENT_LENGTH, 0)).await?;
        if begun.status() != StatusCode::ACCEPTED {
            return Err(self.refused(begun, "it").await);
        }
        let mut place = self.place(&url, begun.headers())?;
        place.query_pairs_mut().append_pair("digest", digest.as_str());
        let mut request = self
            .http
            .put(place.clone())
            .header(CONTENT_TYPE, "application/octet-stream")
            .header(CONTENT_LENGTH, size)
            .body(body());
        if self.is_own(&place)
            && let Some(pass) = self.pass.lock().await.as_ref()
        {
            request = pass.show(request);
        }
        let response = self.taken(request, sent).await?;
        match response.status() {
            StatusCode::CREATED => Ok(()),
            StatusCode::UNAUTHORIZED => {
                // What let us in may have expired while the blob went out.
                *self.pass.lock().await = None;
                Err(self.passing("it does not let us in any more"))
            }
            _ => Err(self.refused(response, "it").await),
        }
    }

    /// Waits for an answer for as long as the body goes out.
    async fn taken(&self, request: reqwest::RequestBuilder, sent: &AtomicU64) -> Result<Response, Trouble> {
        let mut sending = Box::pin(request.send());
        let mut last = 0;
        loop {
            match timeout(self.patience.document, &mut sending).await {
                Ok(answered) => return answered.map_err(|error| self.unreachable(&error)),
                Err(_) if sent.load(Ordering::Relaxed) == last => {
                    return Err(self.passing("it takes nothing more"));
                }
                Err(_) => last = sent.load(Ordering::Relaxed),
            }
        }
    }

    /// Where an upload goes. From TLS to plain HTTP none does.
    fn place(&self, from: &Url, headers: &HeaderMap) -> Result<Url, ImageError> {
        let location = headers.get(LOCATION).and_then(|location| location.to_str().ok());
        let place = location.and_then(|location| from.join(location).ok());
        let is_safe =
            |place: &Url| place.scheme() == "https" || (place.scheme() == "http" && from.scheme() == "http");
        place.filter(is_safe).ok_or_else(|| self.failed("it names no place for a layer".into()))
    }

    /// Puts a manifest under a tag.
    pub(in crate::image) async fn put_manifest(
        &self,
        tag: &str,
        media_type: &str,
        bytes: &[u8],
        cancel: &CancellationToken,
    ) -> Result<(), ImageError> {
        let mut attempts = Attempts::new(&self.patience);
        loop {
            let url = self.url(&format!("manifests/{tag}"));
            let dress = |request: reqwest::RequestBuilder| {
                request.header(CONTENT_TYPE, media_type).body(bytes.to_vec())
            };
            let trouble = match self.send(Method::PUT, url, dress).await {
                Ok(response) if response.status() == StatusCode::CREATED => return Ok(()),
                Ok(response) => self.refused(response, "it").await,
                Err(trouble) => trouble,
            };
            if cancel.is_cancelled() {
                return Err(cancelled());
            }
            attempts.pause(trouble, cancel).await?;
        }
    }
}

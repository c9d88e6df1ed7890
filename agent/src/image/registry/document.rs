//! Manifests, and reading what is small.

use futures_util::StreamExt;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap};
use reqwest::{Method, Response, StatusCode};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{Attempts, Registry, Trouble};
use crate::image::ImageError;
use crate::image::digest::Digest;
use crate::image::manifest::MAX_DOCUMENT_BYTES;

/// Media types of what a name may stand for: images, then lists of them.
pub(in crate::image) const MANIFESTS: [&str; 4] = [
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
];

/// The digest of what is answered, as the registry sees it.
const CONTENT_DIGEST: &str = "docker-content-digest";

/// A manifest or index as it came.
#[derive(Clone, Debug)]
pub(in crate::image) struct Document {
    pub(in crate::image) bytes: Vec<u8>,
    pub(in crate::image) digest: Digest,
    /// As the registry says; it may be anything.
    pub(in crate::image) media_type: String,
}

impl Registry {
    /// The manifest or index by a tag, or by its digest, which it then has.
    pub(in crate::image) async fn manifest(
        &self,
        tag: Result<&str, &Digest>,
        cancel: &CancellationToken,
    ) -> Result<Document, ImageError> {
        let mut attempts = Attempts::new(&self.patience);
        loop {
            let tried = tokio::select! {
                tried = self.try_manifest(tag) => tried,
                () = cancel.cancelled() => return Err(crate::image::add::cancelled()),
            };
            match tried {
                Ok(document) => return Ok(document),
                Err(trouble) => attempts.pause(trouble, cancel).await?,
            }
        }
    }

    async fn try_manifest(&self, tag: Result<&str, &Digest>) -> Result<Document, Trouble> {
        let name = tag.unwrap_or_else(|digest| digest.as_str());
        let url = self.url(&format!("manifests/{name}"));
        let accepted = MANIFESTS.join(", ");
        let response = self.send(Method::GET, url, |request| request.header(ACCEPT, &accepted)).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        if status == StatusCode::NOT_FOUND {
            return Err(self.missing(name).into());
        }
        if status != StatusCode::OK {
            return Err(self.refused(response, "it").await);
        }
        let media_type = text_of(&headers, CONTENT_TYPE.as_str()).to_ascii_lowercase();
        let media_type = media_type.split(';').next().unwrap_or_default().trim().to_owned();
        if media_type == "text/html" {
            return Err(self.failed("it answers with a web page".into()).into());
        }
        let bytes = self.read(response, MAX_DOCUMENT_BYTES, "a manifest").await?;
        let digest = Digest::of(&bytes);
        let told = text_of(&headers, CONTENT_DIGEST).parse::<Digest>().ok();
        if tag.is_err_and(|wanted| *wanted != digest) || told.is_some_and(|told| told != digest) {
            return Err(self.failed("it sends another manifest than it says".into()).into());
        }
        Ok(Document { bytes, digest, media_type })
    }

    /// A small blob, which has that digest and length.
    pub(in crate::image) async fn small_blob(
        &self,
        digest: &Digest,
        size: u64,
        cancel: &CancellationToken,
    ) -> Result<Vec<u8>, ImageError> {
        if size > MAX_DOCUMENT_BYTES {
            return Err(ImageError::TooLarge(format!(
                "its configuration is larger than {MAX_DOCUMENT_BYTES} bytes"
            )));
        }
        let mut attempts = Attempts::new(&self.patience);
        loop {
            let tried = async {
                let (response, _) = self.blob(digest, 0, size).await?;
                self.read(response, size, "a configuration").await
            };
            let tried = tokio::select! {
                tried = tried => tried,
                () = cancel.cancelled() => return Err(crate::image::add::cancelled()),
            };
            match tried {
                Ok(bytes) if Digest::of(&bytes) == *digest => return Ok(bytes),
                Ok(_) => {
                    return Err(self.failed("it sends another configuration than its manifest names".into()));
                }
                Err(trouble) => attempts.pause(trouble, cancel).await?,
            }
        }
    }

    pub(super) fn missing(&self, name: &str) -> ImageError {
        let separator = if name.contains(':') { '@' } else { ':' };
        let name = format!("{}{separator}{name}", self.repository);
        ImageError::NotInRegistry { registry: self.host(), name }
    }

    /// The whole of an answer of at most `limit` bytes; `what` it is, for people.
    pub(super) async fn read(&self, response: Response, limit: u64, what: &str) -> Result<Vec<u8>, Trouble> {
        let too_large = || ImageError::TooLarge(format!("{what} has more than {limit} bytes"));
        if response.content_length().is_some_and(|length| length > limit) {
            return Err(too_large().into());
        }
        let reading = async {
            let (mut bytes, mut stream) = (Vec::new(), response.bytes_stream());
            while let Some(chunk) = stream.next().await {
                let chunk = chunk.map_err(|error| self.unreachable(&error))?;
                if (bytes.len() + chunk.len()) as u64 > limit {
                    return Err(too_large().into());
                }
                bytes.extend_from_slice(&chunk);
            }
            Ok(bytes)
        };
        timeout(self.patience.document, reading).await.unwrap_or_else(|_| Err(self.passing("it is too slow")))
    }
}

fn text_of<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

//! Blobs: from the registry, and there.

use reqwest::header::{CONTENT_RANGE, RANGE};
use reqwest::{Method, Response, StatusCode};

use super::{Registry, Trouble};
use crate::image::digest::Digest;

impl Registry {
    /// Begins to fetch a blob of `size` bytes, from an offset on where the registry can; answers the offset it sends from,
    /// which is the one asked for or 0.
    pub(in crate::image) async fn blob(
        &self,
        digest: &Digest,
        from: u64,
        size: u64,
    ) -> Result<(Response, u64), Trouble> {
        let url = self.url(&format!("blobs/{digest}"));
        let range = format!("bytes={from}-");
        let response = self
            .send(Method::GET, url, |request| if from > 0 { request.header(RANGE, &range) } else { request })
            .await?;
        let wrong_length = || self.failed("a layer has another length than its manifest says".into());
        match response.status() {
            StatusCode::OK => {
                if response.content_length().is_some_and(|length| length != size) {
                    return Err(wrong_length().into());
                }
                Ok((response, 0))
            }
            StatusCode::PARTIAL_CONTENT if from > 0 => {
                let range = response.headers().get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
                match range.and_then(start_of) {
                    Some((start, total)) if start == from && total.is_none_or(|total| total == size) => {
                        Ok((response, from))
                    }
                    Some((start, _)) if start == from => Err(wrong_length().into()),
                    _ => {
                        Err(self.failed("it sends another part of a layer than was asked for".into()).into())
                    }
                }
            }
            StatusCode::NOT_FOUND => Err(self.missing(digest.as_str()).into()),
            _ => Err(self.refused(response, "it").await),
        }
    }
}

/// First byte and total of `bytes START-END/TOTAL`. RFC 9110, section 14.4.
pub(super) fn start_of(range: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = range.strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = range.split_once('-')?;
    Some((start.trim().parse().ok()?, total.trim().parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read() {
        assert_eq!(start_of("bytes 5-9/10"), Some((5, Some(10))));
        assert_eq!(start_of("bytes 5-9/*"), Some((5, None)));
        for bad in ["", "bytes */10", "items 5-9/10", "bytes 5", "bytes x-9/10"] {
            assert_eq!(start_of(bad), None, "{bad}");
        }
    }
}

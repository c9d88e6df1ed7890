//! See [`crate::fuzzing`].

use reqwest::header::HeaderMap;

use super::blob::start_of;
use super::challenge::Challenge;

/// What a registry demands.
pub(in crate::image) fn challenge(headers: &HeaderMap) {
    let _ = Challenge::of(headers);
}

/// Which part of a blob it sends.
pub(in crate::image) fn content_range(text: &str) {
    let _ = start_of(text);
}

//! Files that the browser saves.

use porthole_protocol::error::WireError;

use super::http;
use crate::interop::{browser, files};

/// Has the browser save what is at a path of the API.
///
/// Without a token the browser fetches it by itself and writes it to disk as it comes. With one it has to pass through the
/// page, because an ordinary download shows no token.
///
/// # Errors
/// What the agent says, where it passes through the page.
pub async fn save(path: &str, name: &str) -> Result<(), WireError> {
    if browser::token().is_none() {
        files::save(&http::url(path), name);
    } else {
        files::save_blob(&http::blob(path).await?, name);
    }
    Ok(())
}

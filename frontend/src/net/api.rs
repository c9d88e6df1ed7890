//! The API's paths about images and files, one function each.

use js_sys::encode_uri_component;
use porthole_protocol::error::WireError;
use porthole_protocol::files::{Changes, FileTree};
use porthole_protocol::http::{ListeningPort, Offers, Preview};
use porthole_protocol::ids::ContainerId;
use porthole_protocol::image::{CommitRequest, ImageDetail, ImageSummary, Removed, Storage};
use porthole_protocol::recording::Recording;
use porthole_protocol::session::Share;

use super::{http, json};
use crate::state::files;
use crate::state::tabs::Place;

fn escape(text: &str) -> String {
    encode_uri_component(text).into()
}

/// Everything about one image.
///
/// # Errors
/// What the agent says, or that it says nothing.
pub async fn image(name: &str) -> Result<ImageDetail, WireError> {
    http::json("GET", &format!("/images/detail?name={}", escape(name)), None).await
}

/// Takes a name off an image, and deletes it with its last one.
///
/// # Errors
/// As [`image`].
pub async fn delete_image(name: &str, force: bool) -> Result<Removed, WireError> {
    http::json("DELETE", &format!("/images?name={}&force={force}", escape(name)), None).await
}

/// Gives an image a further name.
///
/// # Errors
/// As [`image`].
pub async fn tag_image(name: &str, new: &str) -> Result<ImageSummary, WireError> {
    http::json("POST", &format!("/images/tag?name={}&as={}", escape(name), escape(new)), None).await
}

/// What is stored, and by how many it is shared.
///
/// # Errors
/// As [`image`].
pub async fn storage() -> Result<Storage, WireError> {
    http::json("GET", "/storage", None).await
}

/// What a container's writable layer holds.
///
/// # Errors
/// As [`image`].
pub async fn changes(container: &ContainerId) -> Result<Changes, WireError> {
    http::json("GET", &format!("/containers/{container}/changes"), None).await
}

/// A directory, seen through the layers from the `from`th on.
///
/// # Errors
/// As [`image`].
pub async fn tree(place: &files::Place, path: &str, from: usize) -> Result<FileTree, WireError> {
    http::json("GET", &located(place, "tree", path, from), None).await
}

/// Where the bytes of a file are.
#[must_use]
pub fn file(place: &files::Place, path: &str, from: usize) -> String {
    located(place, "file", path, from)
}

fn located(place: &files::Place, what: &str, path: &str, from: usize) -> String {
    let path = escape(path);
    match place {
        files::Place::Image(name) => format!("/images/{what}?name={}&path={path}&from={from}", escape(name)),
        files::Place::Container(id) => format!("/containers/{id}/{what}?path={path}&from={from}"),
    }
}

/// Makes an image of what a container is now.
///
/// # Errors
/// As [`image`].
pub async fn commit(container: &ContainerId, request: &CommitRequest) -> Result<ImageSummary, WireError> {
    let body = json::write(request);
    http::json("POST", &format!("/containers/{container}/commit"), Some(body)).await
}

/// What a launch may ask for.
///
/// # Errors
/// As [`image`].
pub async fn offers() -> Result<Offers, WireError> {
    http::json("GET", "/offers", None).await
}

/// What listens in a container, and where previews of it open.
///
/// # Errors
/// As [`image`].
pub async fn ports(container: &ContainerId) -> Result<Vec<ListeningPort>, WireError> {
    http::json("GET", &format!("/containers/{container}/ports"), None).await
}

/// Opens a preview of a port, or tells where the open one is.
///
/// # Errors
/// As [`image`].
pub async fn open_preview(container: &ContainerId, port: u16) -> Result<Preview, WireError> {
    http::json("POST", &preview(container, port), None).await
}

/// Closes a preview.
///
/// # Errors
/// As [`image`].
pub async fn close_preview(container: &ContainerId, port: u16) -> Result<(), WireError> {
    http::done("DELETE", &preview(container, port)).await
}

fn preview(container: &ContainerId, port: u16) -> String {
    format!("/containers/{container}/ports/{port}/preview")
}

/// The links that open terminals of a container.
///
/// # Errors
/// As [`image`].
pub async fn shares(container: &ContainerId) -> Result<Vec<Share>, WireError> {
    http::json("GET", &format!("/containers/{container}/shares"), None).await
}

/// Makes a link to a terminal: what it lets others do, and for how many milliseconds it opens, as long as the container lives when
/// empty. Answers with its secret.
///
/// # Errors
/// As [`image`].
pub async fn share(place: &Place, may: &str, lasts: &str) -> Result<String, WireError> {
    let Place { container, process } = place;
    let expires = if lasts.is_empty() { String::new() } else { format!(r#","expires_in_ms":{lasts}"#) };
    let body = format!(r#"{{"may":"{may}"{expires}}}"#);
    http::field("POST", &format!("/containers/{container}/processes/{process}/shares"), Some(body), "secret")
        .await
}

/// Extends the visitor's session (`POST`, `/extend`), or ends it (`DELETE`).
///
/// # Errors
/// As [`image`].
pub async fn session(method: &str, path: &str) -> Result<(), WireError> {
    http::done(method, &format!("/session{path}")).await
}

/// What was recorded, newest first.
///
/// # Errors
/// As [`image`].
pub async fn recordings() -> Result<Vec<Recording>, WireError> {
    http::json("GET", "/recordings", None).await
}

/// Where a recording is, as an asciicast of this version.
#[must_use]
pub fn recording(id: &str, version: u8) -> String {
    format!("/recordings/{}?format=asciicast-v{version}", escape(id))
}

/// A recording, whole.
///
/// # Errors
/// As [`image`].
pub async fn recording_text(id: &str) -> Result<String, WireError> {
    http::text("GET", &recording(id, 2)).await
}

/// Deletes a recording.
///
/// # Errors
/// As [`image`].
pub async fn delete_recording(id: &str) -> Result<(), WireError> {
    http::done("DELETE", &format!("/recordings/{id}")).await
}

/// Takes a link back: whoever came by it is out.
///
/// # Errors
/// As [`image`].
pub async fn revoke_share(container: &ContainerId, share: &str) -> Result<(), WireError> {
    http::done("DELETE", &format!("/containers/{container}/shares/{share}")).await
}

/// Where an image's archive is.
#[must_use]
pub fn archive(name: &str) -> String {
    format!("/images/save?name={}", escape(name))
}

/// Where an archive made by `docker save`, or an OCI image layout, is to be sent.
#[must_use]
pub fn load() -> String {
    "/images/load".into()
}

/// Where the archive of a root file system is to be sent.
#[must_use]
pub fn import(name: &str) -> String {
    format!("/images/import?name={}", escape(name))
}

/// Where a file is to be sent to be in a container.
#[must_use]
pub fn put(container: &ContainerId, path: &str) -> String {
    format!("/containers/{container}/file?path={}", escape(path))
}

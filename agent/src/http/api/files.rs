//! Files of containers and images: lists as JSON, contents and archives as they are.
//!
//! A body that breaks off was cut: its last chunk, or some of the bytes it had promised, never come.

use axum::Json;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream::poll_fn;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use porthole_protocol::error::{ErrorCode, WireError};
use porthole_protocol::files::{Changes, FileEntry, FileTree};
use porthole_protocol::image::{CommitRequest, ImageSummary};
use porthole_protocol::limits::{MAX_PATH_BYTES, MAX_UPLOAD_BYTES};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::images::{heard_out, reader};
use crate::container::ContainerError;
use crate::files::Files;
use crate::http::App;
use crate::http::app::Caller;
use crate::http::error::{Answer, Refusal};
use crate::http::extract::{self, Path, Query};
use crate::work::asking::Stream;

/// A file that comes without permissions gets these.
const DEFAULT_MODE: u32 = 0o644;

/// Bytes of a file name that stay as they are in `filename*` (RFC 8187, `attr-char`).
const ATTR_CHAR: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(changes))
        .routes(routes!(stat))
        .routes(routes!(tree))
        .routes(routes!(export))
        .routes(routes!(commit))
        .routes(routes!(image_tree))
        .routes(routes!(image_file))
}

/// Routes whose bodies are files or archives.
pub(super) fn uploads() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(file, put_file)).routes(routes!(archive, put_archive))
}

#[derive(Deserialize, IntoParams)]
struct At {
    /// Absolute path inside.
    path: String,
}

#[derive(Deserialize, IntoParams)]
struct Through {
    /// Absolute path inside.
    path: String,
    /// The topmost layer to look at: 0 is the writable layer of a container, the topmost one of an image.
    #[serde(default)]
    from: Option<usize>,
}

#[derive(Deserialize, IntoParams)]
struct ImageThrough {
    /// The image's name or id.
    name: String,
    /// Absolute path inside.
    path: String,
    /// The topmost layer to look at; 0 is the topmost.
    #[serde(default)]
    from: usize,
}

#[derive(Deserialize, IntoParams)]
struct Upload {
    /// Absolute path of the file; its directory must exist.
    path: String,
    /// Its permissions, in octal digits.
    #[serde(default)]
    mode: Option<String>,
}

/// What a container has changed, as `docker diff`.
#[utoipa::path(get, path = "/containers/{id}/changes", tag = "files", params(("id" = String, Path)),
    responses((status = 200, body = Changes), (status = "default", body = WireError)))]
async fn changes(caller: Caller, Path(id): Path<String>) -> Answer<Json<Changes>> {
    Ok(Json(caller.files(&id)?.changes().await?))
}

/// What is at a path of a container; a symbolic link there is told and not followed.
#[utoipa::path(get, path = "/containers/{id}/stat", tag = "files", params(("id" = String, Path), At),
    responses((status = 200, body = FileEntry), (status = "default", body = WireError)))]
async fn stat(
    caller: Caller,
    Path(id): Path<String>,
    Query(At { path }): Query<At>,
) -> Answer<Json<FileEntry>> {
    Ok(Json(caller.files(&id)?.stat(checked(path)?).await?))
}

/// A directory of a container, with the layer each entry comes from.
#[utoipa::path(get, path = "/containers/{id}/tree", tag = "files", params(("id" = String, Path), Through),
    responses((status = 200, body = FileTree), (status = "default", body = WireError)))]
async fn tree(
    caller: Caller,
    Path(id): Path<String>,
    Query(Through { path, from }): Query<Through>,
) -> Answer<Json<FileTree>> {
    Ok(Json(caller.files(&id)?.tree(checked(path)?, from.unwrap_or(0)).await?))
}

/// A file of a container: as the container sees it, or through its layers from `from` on.
#[utoipa::path(get, path = "/containers/{id}/file", tag = "files", params(("id" = String, Path), Through),
    responses((status = 200, content_type = "application/octet-stream"), (status = "default", body = WireError)))]
async fn file(
    caller: Caller,
    Path(id): Path<String>,
    Query(Through { path, from }): Query<Through>,
) -> Answer<Response> {
    let (entry, stream) = caller.files(&id)?.read(checked(path)?, from).await?;
    Ok(download(&entry, stream))
}

/// Write a file of a running container: whole, or not at all.
#[utoipa::path(put, path = "/containers/{id}/file", tag = "files", params(("id" = String, Path), Upload),
    request_body(content_type = "application/octet-stream"),
    responses((status = 204), (status = "default", body = WireError)))]
async fn put_file(
    caller: Caller,
    Path(id): Path<String>,
    Query(Upload { path, mode }): Query<Upload>,
    headers: HeaderMap,
    body: Body,
) -> Answer<StatusCode> {
    let mut upload = reader(body);
    let outcome = async {
        let files = writable(&caller, &id)?;
        let bytes = length(&headers)?;
        let mode = mode.map_or(Ok(DEFAULT_MODE), |text| permissions(&text))?;
        Ok::<_, Refusal>(files.write(checked(path)?, mode, bytes, &mut upload).await?)
    };
    let outcome = outcome.await;
    heard_out(upload, outcome).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A tar archive of a file of a container, or of a directory with all below it.
#[utoipa::path(get, path = "/containers/{id}/archive", tag = "files", params(("id" = String, Path), At),
    responses((status = 200, content_type = "application/x-tar"), (status = "default", body = WireError)))]
async fn archive(caller: Caller, Path(id): Path<String>, Query(At { path }): Query<At>) -> Answer<Response> {
    let (entry, stream) = caller.files(&id)?.archive(checked(path)?).await?;
    Ok(tarball(&entry.name, stream))
}

/// Write the members of a tar archive below a directory of a running container.
#[utoipa::path(put, path = "/containers/{id}/archive", tag = "files", params(("id" = String, Path), At),
    request_body(content_type = "application/x-tar"),
    responses((status = 204), (status = "default", body = WireError)))]
async fn put_archive(
    caller: Caller,
    Path(id): Path<String>,
    Query(At { path }): Query<At>,
    body: Body,
) -> Answer<StatusCode> {
    let mut upload = reader(body);
    let outcome = async {
        let files = writable(&caller, &id)?;
        Ok::<_, Refusal>(files.extract(checked(path)?, &mut upload).await?)
    };
    let outcome = outcome.await;
    heard_out(upload, outcome).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A tar archive of everything that a container sees, but what is mounted.
#[utoipa::path(get, path = "/containers/{id}/export", tag = "files", params(("id" = String, Path)),
    responses((status = 200, content_type = "application/x-tar"), (status = "default", body = WireError)))]
async fn export(caller: Caller, Path(id): Path<String>) -> Answer<Response> {
    let container = caller.find(&id)?;
    let name = container.view().detail.summary.name.clone();
    Ok(tarball(&name, caller.files(&id)?.export().await?))
}

/// Make an image of what a container wrote. Its processes stand still meanwhile, where the host can freeze them.
#[utoipa::path(post, path = "/containers/{id}/commit", tag = "files", params(("id" = String, Path)), request_body = CommitRequest,
    responses((status = 200, body = ImageSummary), (status = "default", body = WireError)))]
async fn commit(
    caller: Caller,
    Path(id): Path<String>,
    extract::Json(request): extract::Json<CommitRequest>,
) -> Answer<Json<ImageSummary>> {
    let registry = caller.owner()?;
    let image = registry.commit(&caller.find(&id)?, &request).await?;
    Ok(Json(caller.app().image_summary(&image)))
}

/// A directory of an image, with the layer each entry comes from.
#[utoipa::path(get, path = "/images/tree", tag = "files", params(ImageThrough),
    responses((status = 200, body = FileTree), (status = "default", body = WireError)))]
async fn image_tree(
    caller: Caller,
    Query(ImageThrough { name, path, from }): Query<ImageThrough>,
) -> Answer<Json<FileTree>> {
    Ok(Json(caller.image_files(&name)?.tree(checked(path)?, from).await?))
}

/// A file of an image.
#[utoipa::path(get, path = "/images/file", tag = "files", params(ImageThrough),
    responses((status = 200, content_type = "application/octet-stream"), (status = "default", body = WireError)))]
async fn image_file(
    caller: Caller,
    Query(ImageThrough { name, path, from }): Query<ImageThrough>,
) -> Answer<Response> {
    let (entry, stream) = caller.image_files(&name)?.read(checked(path)?, Some(from)).await?;
    Ok(download(&entry, stream))
}

/// The files of a container that runs: what an ended one has written is only read.
fn writable(caller: &Caller, id: &str) -> Answer<Files> {
    let container = caller.find(id)?;
    if !container.view().is_running() {
        return Err(ContainerError::NotRunning(container.id().clone()).into());
    }
    caller.files(id)
}

fn checked(path: String) -> Answer<String> {
    if !path.starts_with('/') || path.len() >= MAX_PATH_BYTES || path.contains('\0') {
        let sentence = format!("A path begins with a slash and has less than {MAX_PATH_BYTES} bytes.");
        return Err(bad_request(sentence));
    }
    Ok(path)
}

/// The body's length: only with it can a file be told from a part of one.
fn length(headers: &HeaderMap) -> Answer<u64> {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|text| text.to_str().ok()?.parse().ok());
    let length = length.ok_or_else(|| bad_request("An uploaded file needs a Content-Length.".into()))?;
    if length > MAX_UPLOAD_BYTES {
        let sentence = format!("The upload is larger than {MAX_UPLOAD_BYTES} bytes.");
        return Err(Refusal(WireError::new(ErrorCode::TooLarge, sentence, "Send it in parts.")));
    }
    Ok(length)
}

fn permissions(text: &str) -> Answer<u32> {
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o7777);
    mode.ok_or_else(|| bad_request("Permissions are up to four octal digits.".into()))
}

fn bad_request(sentence: String) -> Refusal {
    Refusal(WireError::new(ErrorCode::BadRequest, sentence, "Correct the request and send it again."))
}

/// A file, to be saved and never shown: a stranger may have written it.
fn download(entry: &FileEntry, stream: Stream) -> Response {
    let mut response = attachment("application/octet-stream", &entry.name, stream);
    response.headers_mut().insert(header::CONTENT_LENGTH, entry.bytes.into());
    response
}

fn tarball(name: &str, stream: Stream) -> Response {
    let name = match name {
        "" | "." => "root.tar".to_owned(),
        name => format!("{name}.tar"),
    };
    attachment("application/x-tar", &name, stream)
}

fn attachment(kind: &'static str, name: &str, mut stream: Stream) -> Response {
    let body = Body::from_stream(poll_fn(move |context| stream.poll_recv(context)));
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CONTENT_DISPOSITION, disposition(name)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        // Should a browser show it all the same, it is of no origin and runs nothing.
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'")),
    ];
    (headers, body).into_response()
}

/// `attachment` with the name twice, plain and exact. Source: RFC 6266, appendix D.
fn disposition(name: &str) -> HeaderValue {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | ' ');
    let plain: String = name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    let exact = utf8_percent_encode(name, ATTR_CHAR);
    HeaderValue::from_str(&format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{exact}"))
        .unwrap_or(HeaderValue::from_static("attachment"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_end_the_header_it_is_in() {
        let shown = |name: &str| disposition(name).to_str().unwrap().to_owned();
        assert_eq!(shown("notes.txt"), "attachment; filename=\"notes.txt\"; filename*=UTF-8''notes.txt");
        assert_eq!(
            shown("a\"; filename=\"b\r\nx: y"),
            "attachment; filename=\"a__ filename__b__x_ y\"; filename*=UTF-8''a%22%3B%20filename%3D%22b%0D%0Ax%3A%20y"
        );
        assert_eq!(shown("über"), "attachment; filename=\"_ber\"; filename*=UTF-8''%C3%BCber");
    }

    #[test]
    fn permissions_and_paths_are_checked() {
        assert_eq!(permissions("4755").unwrap(), 0o4755);
        assert!(permissions("888").is_err() && permissions("77777").is_err() && permissions("").is_err());
        assert!(checked("etc".into()).is_err() && checked("/a\0b".into()).is_err());
        assert!(checked(format!("/{}", "a".repeat(4096))).is_err());
    }
}

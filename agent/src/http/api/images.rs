//! `/images`.

use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::http::header;
use axum::response::IntoResponse;
use futures_util::TryStreamExt;
use porthole_protocol::error::{ErrorCode, WireError};
use porthole_protocol::image::{ImageDetail, ImageSummary, Removed};
use serde::Deserialize;
use tokio::io::AsyncRead;
use tokio::time::timeout;
use tokio_util::io::StreamReader;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::App;
use crate::http::app::Caller;
use crate::http::error::{Answer, Refusal};
use crate::http::extract::Query;

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, remove))
        .routes(routes!(detail))
        .routes(routes!(tag))
        .routes(routes!(save))
}

/// Routes whose bodies are archives.
pub(super) fn uploads() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(import)).routes(routes!(load))
}

/// All images.
#[utoipa::path(get, path = "/images", tag = "images", responses((status = 200, body = [ImageSummary]), (status = "default", body = WireError)))]
async fn list(caller: Caller) -> Answer<Json<Vec<ImageSummary>>> {
    caller.images()?;
    Ok(Json(caller.app().image_summaries()))
}

#[derive(Deserialize, IntoParams)]
struct Name {
    /// `repository[:tag]`
    name: String,
}

/// Add an image of one layer from a root file system.
#[utoipa::path(post, path = "/images/import", tag = "images", params(Name),
    request_body(content_type = "application/x-tar", description = "a tar archive, plain or compressed with gzip or zstd"),
    responses((status = 200, body = ImageSummary), (status = "default", body = WireError)))]
async fn import(caller: Caller, Query(Name { name }): Query<Name>, body: Body) -> Answer<Json<ImageSummary>> {
    let mut upload = reader(body);
    let outcome =
        async { Ok::<_, Refusal>(caller.owner()?.images().import(&name, &mut upload).await?) }.await;
    let image = heard_out(upload, outcome).await?;
    Ok(Json(caller.app().image_summary(&image)))
}

/// Add the images of an archive made by `docker save`, or of an OCI image layout.
#[utoipa::path(post, path = "/images/load", tag = "images",
    request_body(content_type = "application/x-tar", description = "a tar archive, plain or compressed with gzip or zstd"),
    responses((status = 200, body = [ImageSummary]), (status = "default", body = WireError)))]
async fn load(caller: Caller, body: Body) -> Answer<Json<Vec<ImageSummary>>> {
    let mut upload = reader(body);
    let outcome = async { Ok::<_, Refusal>(caller.owner()?.images().load(&mut upload).await?) }.await;
    let images = heard_out(upload, outcome).await?;
    Ok(Json(images.iter().map(|image| caller.app().image_summary(image)).collect()))
}

#[derive(Deserialize, IntoParams)]
struct Which {
    /// A name, or an id.
    name: String,
}

/// Everything about one image.
#[utoipa::path(get, path = "/images/detail", tag = "images", params(Which),
    responses((status = 200, body = ImageDetail), (status = "default", body = WireError)))]
async fn detail(caller: Caller, Query(Which { name }): Query<Which>) -> Answer<Json<ImageDetail>> {
    Ok(Json(caller.images()?.detail(&name, |image| caller.app().containers_of(image)).await?))
}

/// Several images in one archive: an OCI image layout that is a `docker save` archive as well.
#[utoipa::path(get, path = "/images/save", tag = "images",
    params(("name" = Vec<String>, Query, description = "names, or ids: those have no name in the archive")),
    responses((status = 200, content_type = "application/x-tar"), (status = "default", body = WireError)))]
async fn save(caller: Caller, Query(query): Query<Vec<(String, String)>>) -> Answer<impl IntoResponse> {
    let names: Vec<_> = query.into_iter().filter(|(key, _)| key == "name").map(|(_, name)| name).collect();
    if names.is_empty() {
        let hint = "Give each image as name=….";
        return Err(WireError::new(ErrorCode::BadRequest, "No image is named.", hint).into());
    }
    let saved = caller.owner()?.images().save(&names).await?;
    let head = [
        (header::CONTENT_TYPE, "application/x-tar".to_owned()),
        (header::CONTENT_LENGTH, saved.length().to_string()),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"images.tar\"".to_owned()),
    ];
    Ok((head, Body::from_stream(saved.into_stream())))
}

#[derive(Deserialize, IntoParams)]
struct Tag {
    /// A name, or an id.
    name: String,
    /// `repository[:tag]`
    r#as: String,
}

/// Give an image a further name; the image that had it loses it.
#[utoipa::path(post, path = "/images/tag", tag = "images", params(Tag),
    responses((status = 200, body = ImageSummary), (status = "default", body = WireError)))]
async fn tag(caller: Caller, Query(Tag { name, r#as }): Query<Tag>) -> Answer<Json<ImageSummary>> {
    let image = caller.owner()?.images().tag(&name, &r#as).await?;
    Ok(Json(caller.app().image_summary(&image)))
}

#[derive(Deserialize, IntoParams)]
struct Removal {
    /// A name, or an id.
    name: String,
    /// Take every name off, also while containers use it.
    #[serde(default)]
    force: bool,
}

/// Take a name off an image; delete it with the last one.
#[utoipa::path(delete, path = "/images", tag = "images", params(Removal),
    responses((status = 200, body = Removed), (status = "default", body = WireError)))]
async fn remove(caller: Caller, Query(Removal { name, force }): Query<Removal>) -> Answer<Json<Removed>> {
    let in_use = |image: &crate::image::Image| caller.app().containers_of(image);
    Ok(Json(caller.owner()?.images().remove(&name, force, in_use).await?))
}

/// Longest time to hear a refused client out.
const HEAR_OUT: Duration = Duration::from_secs(2);

/// Takes the rest of a refused upload, for a while: a connection that is closed on a client that still sends is reset, and
/// the client never reads why (RFC 9112, section 9.6).
pub(super) async fn heard_out<T, E>(mut rest: impl AsyncRead + Unpin, outcome: Result<T, E>) -> Result<T, E> {
    if outcome.is_err() {
        let _ = timeout(HEAR_OUT, tokio::io::copy(&mut rest, &mut tokio::io::sink())).await;
    }
    outcome
}

pub(super) fn reader(body: Body) -> impl AsyncRead + Send + Unpin {
    StreamReader::new(body.into_data_stream().map_err(std::io::Error::other))
}

//! The HTTP API under `/api/v1`: for everything the command line does.
//!
//! Handlers carry their own description; the router and `/api/v1/openapi.json` are made of the same list.

use axum::extract::{DefaultBodyLimit, State};
use axum::{Json, Router};
use porthole_protocol::doctor::DoctorReport;
use porthole_protocol::error::WireError;
use porthole_protocol::http::{Offers, PlanStep, Version};
use porthole_protocol::limits::MAX_CONTROL_BYTES;
use porthole_protocol::spec::LaunchSpec;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::app::Caller;
use super::error::Answer;
use super::{App, extract, socket};
use crate::container::plan_step;

mod containers;
mod files;
mod images;
mod ports;
mod recordings;
mod session;
mod shares;
mod storage;
mod transfers;

/// Every path below `/api/v1`, and the document that describes them.
pub(super) fn router() -> Router<App> {
    let (router, document) = described().split_for_parts();
    let text = document.to_json().expect("the document is made of plain data");
    router.route(
        "/api/v1/openapi.json",
        axum::routing::get(async || ([("content-type", "application/json")], text)),
    )
}

fn described() -> OpenApiRouter<App> {
    let api = OpenApiRouter::new()
        .routes(routes!(version))
        .routes(routes!(doctor))
        .routes(routes!(plan))
        .routes(routes!(offers))
        .routes(routes!(socket::upgrade))
        .merge(containers::router())
        .merge(recordings::router())
        .merge(session::router())
        .merge(shares::router())
        .merge(ports::router())
        .merge(images::router())
        .merge(storage::router())
        .merge(files::router())
        .merge(transfers::router())
        .layer(DefaultBodyLimit::max(MAX_CONTROL_BYTES))
        // Uploads have limits of their own, counted while they are read.
        .merge(images::uploads().merge(files::uploads()).layer(DefaultBodyLimit::disable()));
    OpenApiRouter::with_openapi(about()).nest("/api/v1", api)
}

fn about() -> OpenApi {
    let info = utoipa::openapi::InfoBuilder::new()
        .title("Porthole")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "A window into containers. Errors are `WireError` with a fitting status; see docs/protocol.md.",
        ))
        .build();
    OpenApi::new(info, utoipa::openapi::Paths::new())
}

/// Who answers.
#[utoipa::path(get, path = "/version", tag = "agent", responses((status = 200, body = Version)))]
async fn version(State(app): State<App>) -> Json<Version> {
    Json(app.version.clone())
}

/// What this host can do.
#[utoipa::path(get, path = "/doctor", tag = "agent",
    responses((status = 200, body = DoctorReport), (status = "default", body = WireError)))]
async fn doctor(caller: Caller) -> Answer<Json<DoctorReport>> {
    Ok(Json(crate::doctor::report(caller.owner()?.engine().host(true).await?)))
}

/// What a launch may ask for.
#[utoipa::path(get, path = "/offers", tag = "agent", responses((status = 200, body = Offers)))]
async fn offers(caller: Caller) -> Json<Offers> {
    Json(caller.offers())
}

/// The steps a launch would take.
#[utoipa::path(post, path = "/plan", tag = "agent", request_body = LaunchSpec,
    responses((status = 200, body = [PlanStep]), (status = "default", body = WireError)))]
async fn plan(caller: Caller, extract::Json(spec): extract::Json<LaunchSpec>) -> Answer<Json<Vec<PlanStep>>> {
    Ok(Json(caller.plan(&spec).await?.iter().map(plan_step).collect()))
}

#[cfg(test)]
mod tests {
    use super::described;

    /// What the design and the command line rely on.
    const PATHS: &[(&str, &[&str])] = &[
        ("/version", &["get"]),
        ("/doctor", &["get"]),
        ("/plan", &["post"]),
        ("/offers", &["get"]),
        ("/session", &["get", "delete"]),
        ("/session/extend", &["post"]),
        ("/recordings", &["get"]),
        ("/recordings/{id}", &["get", "delete"]),
        ("/containers/{id}/processes/{number}/shares", &["post"]),
        ("/containers/{id}/shares", &["get"]),
        ("/containers/{id}/shares/{share}", &["delete"]),
        ("/socket", &["get"]),
        ("/stats", &["get"]),
        ("/containers", &["get", "post"]),
        ("/containers/{id}", &["get", "patch", "delete"]),
        ("/containers/{id}/exec", &["post"]),
        ("/containers/{id}/stop", &["post"]),
        ("/containers/{id}/kill", &["post"]),
        ("/containers/{id}/logs", &["get"]),
        ("/containers/{id}/kernel", &["get"]),
        ("/containers/{id}/stats", &["get"]),
        ("/containers/{id}/top", &["get"]),
        ("/containers/{id}/ports", &["get"]),
        ("/containers/{id}/ports/{port}/preview", &["post", "delete"]),
        ("/storage", &["get"]),
        ("/prune", &["post"]),
        ("/containers/{id}/changes", &["get"]),
        ("/containers/{id}/stat", &["get"]),
        ("/containers/{id}/tree", &["get"]),
        ("/containers/{id}/file", &["get", "put"]),
        ("/containers/{id}/archive", &["get", "put"]),
        ("/containers/{id}/export", &["get"]),
        ("/containers/{id}/commit", &["post"]),
        ("/images", &["get", "delete"]),
        ("/images/detail", &["get"]),
        ("/images/save", &["get"]),
        ("/images/tag", &["post"]),
        ("/images/tree", &["get"]),
        ("/images/file", &["get"]),
        ("/images/import", &["post"]),
        ("/images/load", &["post"]),
        ("/images/pull", &["post"]),
        ("/images/push", &["post"]),
    ];

    #[test]
    fn every_path_is_described() {
        let (_, document) = described().split_for_parts();
        let document = serde_json::to_value(document).unwrap();
        let described = document["paths"].as_object().unwrap();
        for (path, methods) in PATHS {
            for method in *methods {
                let operation = &described[&format!("/api/v1{path}")][method];
                assert!(operation["responses"].is_object(), "{method} {path}");
            }
        }
        assert_eq!(described.len(), PATHS.len(), "{:?}", described.keys());
    }

    #[test]
    fn every_type_that_is_referred_to_is_described() {
        let (_, document) = described().split_for_parts();
        let text = serde_json::to_string(&document).unwrap();
        let document = serde_json::to_value(document).unwrap();
        for reference in text.split("\"#/components/schemas/").skip(1) {
            let name = reference.split('"').next().unwrap();
            assert!(document["components"]["schemas"][name].is_object(), "{name}");
        }
    }
}

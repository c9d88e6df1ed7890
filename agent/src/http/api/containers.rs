//! `/containers`: an id in a path may be an id, the beginning of one, or a name.

use std::time::Duration;

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use futures_util::future::join_all;
use porthole_protocol::control::Stream;
use porthole_protocol::error::{ErrorCode, WireError};
use porthole_protocol::http::{
    ContainerDetail, ContainerSummary, ExecRequest, KillRequest, Started, Stats, StopRequest,
};
use porthole_protocol::ids::ProcessNumber;
use porthole_protocol::kernel::{KernelView, Process};
use porthole_protocol::limits::{QUEUE_WAIT_MS, STOP_GRACE_MS};
use porthole_protocol::spec::{LaunchSpec, Limits};
use serde::Deserialize;
use tokio::time::timeout;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::admission::Place;
use crate::container::{ContainerError, signal};
use crate::http::App;
use crate::http::app::Caller;
use crate::http::error::{Answer, Refusal};
use crate::http::extract::{self, Path, Query};
use crate::{inspect, storage};

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, launch))
        .routes(routes!(detail, update, remove))
        .routes(routes!(exec))
        .routes(routes!(stop))
        .routes(routes!(kill))
        .routes(routes!(logs))
        .routes(routes!(kernel))
        .routes(routes!(stats))
        .routes(routes!(all_stats))
        .routes(routes!(top))
}

#[derive(Default, Deserialize, IntoParams)]
#[serde(default)]
struct Sizes {
    /// Measure how many bytes each of them takes on disk.
    size: bool,
}

/// All containers, newest first.
#[utoipa::path(get, path = "/containers", tag = "containers", params(Sizes),
    responses((status = 200, body = [ContainerSummary]), (status = "default", body = WireError)))]
async fn list(caller: Caller, Query(Sizes { size }): Query<Sizes>) -> Answer<Json<Vec<ContainerSummary>>> {
    let mut summaries = caller.summaries();
    if size {
        let mut sizes = storage::sizes(caller.machine(), caller.list()).await;
        for summary in &mut summaries {
            let at = sizes.iter().position(|size| size.container == summary.id);
            summary.size = at.map(|at| sizes.swap_remove(at));
        }
    }
    Ok(Json(summaries))
}

/// Launch a container; it runs on with nobody attached. Where this machine has no room it waits, for at most 20 s.
#[utoipa::path(post, path = "/containers", tag = "containers", request_body = LaunchSpec,
    responses((status = 201, body = Started), (status = "default", body = WireError)))]
async fn launch(
    caller: Caller,
    extract::Json(spec): extract::Json<LaunchSpec>,
) -> Answer<(StatusCode, Json<Started>)> {
    let prepared = caller.prepare(spec)?;
    let mut last = Place::default();
    let waiting = caller.machine().admit(|place| last = place.clone());
    let admitted = tokio::select! {
        admitted = timeout(Duration::from_millis(QUEUE_WAIT_MS), waiting) => admitted,
        () = caller.app().stopping.cancelled() => return Err(ContainerError::ShuttingDown.into()),
    };
    let permit = admitted.map_err(|_| ContainerError::StillWaiting(last))??;
    let (container, _) = caller.machine().launch(prepared, permit).await?;
    Ok((StatusCode::CREATED, Json(Started { container: container.id().clone(), process: 0 })))
}

/// Everything about one container.
#[utoipa::path(get, path = "/containers/{id}", tag = "containers", params(("id" = String, Path)),
    responses((status = 200, body = ContainerDetail), (status = "default", body = WireError)))]
async fn detail(caller: Caller, Path(id): Path<String>) -> Answer<Json<ContainerDetail>> {
    Ok(Json(caller.find(&id)?.view().detail.clone()))
}

/// Change limits of a container that runs; those that are missing stay what they are.
#[utoipa::path(patch, path = "/containers/{id}", tag = "containers", params(("id" = String, Path)), request_body = Limits,
    responses((status = 200, body = ContainerDetail), (status = "default", body = WireError)))]
async fn update(
    caller: Caller,
    Path(id): Path<String>,
    extract::Json(limits): extract::Json<Limits>,
) -> Answer<Json<ContainerDetail>> {
    Ok(Json(caller.find(&id)?.update(limits).await?))
}

#[derive(Deserialize, IntoParams)]
#[serde(default)]
#[derive(Default)]
struct Force {
    /// End it when it still runs.
    force: bool,
}

/// Remove a container and its writable layer.
#[utoipa::path(delete, path = "/containers/{id}", tag = "containers", params(("id" = String, Path), Force),
    responses((status = 204), (status = "default", body = WireError)))]
async fn remove(
    caller: Caller,
    Path(id): Path<String>,
    Query(Force { force }): Query<Force>,
) -> Answer<StatusCode> {
    caller.find(&id)?.remove(force).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Start a further process; it runs on with nobody attached.
#[utoipa::path(post, path = "/containers/{id}/exec", tag = "containers", params(("id" = String, Path)), request_body = ExecRequest,
    responses((status = 201, body = Started), (status = "default", body = WireError)))]
async fn exec(
    caller: Caller,
    Path(id): Path<String>,
    extract::Json(ExecRequest { process }): extract::Json<ExecRequest>,
) -> Answer<(StatusCode, Json<Started>)> {
    let container = caller.find(&id)?;
    let (process, _) = container.exec(&process, None).await?;
    Ok((StatusCode::CREATED, Json(Started { container: container.id().clone(), process })))
}

/// Stop a container: its stop signal, then SIGKILL. Answered when it has ended.
#[utoipa::path(post, path = "/containers/{id}/stop", tag = "containers", params(("id" = String, Path)), request_body = Option<StopRequest>,
    responses((status = 204), (status = "default", body = WireError)))]
async fn stop(
    caller: Caller,
    Path(id): Path<String>,
    request: Option<Json<StopRequest>>,
) -> Answer<StatusCode> {
    let Json(StopRequest { grace_ms }) = request.unwrap_or_default();
    let grace = Duration::from_millis(grace_ms.unwrap_or(STOP_GRACE_MS));
    caller.find(&id)?.stop(grace).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Send a signal to the first process.
#[utoipa::path(post, path = "/containers/{id}/kill", tag = "containers", params(("id" = String, Path)), request_body = KillRequest,
    responses((status = 204), (status = "default", body = WireError)))]
async fn kill(
    caller: Caller,
    Path(id): Path<String>,
    extract::Json(KillRequest { signal: name }): extract::Json<KillRequest>,
) -> Answer<StatusCode> {
    caller.find(&id)?.signal(0, signal::parse(&name)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Default, Deserialize, IntoParams)]
#[serde(default)]
struct Which {
    /// The process's number; the first one when missing.
    process: ProcessNumber,
    /// `stdout` or `stderr`, of a process on pipes; both, one after the other, when missing.
    stream: Option<String>,
}

/// The output of a process, as far as it is kept.
#[utoipa::path(get, path = "/containers/{id}/logs", tag = "containers", params(("id" = String, Path), Which),
    responses((status = 200, content_type = "application/octet-stream"), (status = "default", body = WireError)))]
async fn logs(
    caller: Caller,
    Path(id): Path<String>,
    Query(Which { process, stream }): Query<Which>,
) -> Answer<impl IntoResponse> {
    let terminal = caller.find(&id)?.terminal(process)?;
    let wanted = match stream.as_deref() {
        None => None,
        Some("stdout") => Some(Stream::Stdout),
        Some("stderr") => Some(Stream::Stderr),
        Some(_) => {
            let hint = "Ask for stdout, stderr, or neither for both.";
            return Err(Refusal(WireError::new(ErrorCode::BadRequest, "There is no such stream.", hint)));
        }
    };
    // A terminal has one stream, whatever was asked for.
    let streams = terminal
        .streams()
        .iter()
        .filter(|(stream, _)| *stream == Stream::Terminal || wanted.is_none_or(|wanted| wanted == *stream));
    let kept: Vec<u8> = streams.flat_map(|(_, fanout)| fanout.kept()).collect();
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], kept))
}

/// What the kernel says about a container.
#[utoipa::path(get, path = "/containers/{id}/kernel", tag = "containers", params(("id" = String, Path)),
    responses((status = 200, body = KernelView), (status = "default", body = WireError)))]
async fn kernel(caller: Caller, Path(id): Path<String>) -> Answer<Json<KernelView>> {
    Ok(Json(inspect::view(&caller.find(&id)?, caller.machine()).await?))
}

/// A container's use of its limits.
#[utoipa::path(get, path = "/containers/{id}/stats", tag = "containers", params(("id" = String, Path)),
    responses((status = 200, body = Stats), (status = "default", body = WireError)))]
async fn stats(caller: Caller, Path(id): Path<String>) -> Answer<Json<Stats>> {
    Ok(Json(inspect::stats(&caller.find(&id)?).await?))
}

/// The same of all that run.
#[utoipa::path(get, path = "/stats", tag = "containers", responses((status = 200, body = [Stats])))]
async fn all_stats(caller: Caller) -> Json<Vec<Stats>> {
    let containers = caller.list();
    // One that ends meanwhile has no line.
    let stats = join_all(containers.iter().map(inspect::stats)).await;
    Json(stats.into_iter().flatten().collect())
}

/// A container's processes.
#[utoipa::path(get, path = "/containers/{id}/top", tag = "containers", params(("id" = String, Path)),
    responses((status = 200, body = [Process]), (status = "default", body = WireError)))]
async fn top(caller: Caller, Path(id): Path<String>) -> Answer<Json<Vec<Process>>> {
    Ok(Json(inspect::top(&caller.find(&id)?).await?))
}

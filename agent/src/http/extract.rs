//! Extractors whose refusals are the API's own.

use axum::extract::{FromRequest, FromRequestParts};

use super::error::Refusal;

/// A JSON body.
#[derive(FromRequest)]
#[from_request(via(axum::Json), rejection(Refusal))]
pub(super) struct Json<T>(pub(super) T);

/// The query.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(Refusal))]
pub(super) struct Query<T>(pub(super) T);

/// A part of the path.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(Refusal))]
pub(super) struct Path<T>(pub(super) T);

//! The module for browsers.

use axum::http::header;
use axum::response::IntoResponse;

/// A cached copy is asked about each time: it belongs to this version of the server.
const CACHED: (header::HeaderName, &str) = (header::CACHE_CONTROL, "no-cache");

pub(super) async fn module() -> impl IntoResponse {
    let kind = (header::CONTENT_TYPE, "text/javascript; charset=utf-8");
    ([kind, CACHED], include_str!("../../web/calls.js"))
}

pub(super) async fn types() -> impl IntoResponse {
    let kind = (header::CONTENT_TYPE, "text/plain; charset=utf-8");
    ([kind, CACHED], include_str!("../../web/calls.d.ts"))
}

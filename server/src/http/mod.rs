//! Routes, and their shared layers.

mod assets;
pub(crate) mod attend;
mod body;
mod caller;
mod channels;
mod cookie;
mod events;
mod members;
mod origin;
mod parts;
mod sdp;
mod session;
mod shape;
mod tracks;
mod visit;
mod whip;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderValue, Request, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, patch, post, put};
use tracing::Instrument;

use crate::refusal::Refused;
use crate::server::Shared;

/// Returns all routes. The arrows of the sequence diagram that go from the agent to the backend are
/// those below `sessions`.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    let calls = Router::new()
        .route("/sessions/new", post(session::new))
        .route("/sessions/{session}", get(session::state))
        .route("/sessions/{session}/tracks/new", post(tracks::new))
        .route("/sessions/{session}/renegotiate", put(tracks::renegotiate))
        .route("/sessions/{session}/tracks/update", put(tracks::update))
        .route("/sessions/{session}/tracks/close", put(tracks::close))
        .route("/sessions/{session}/datachannels/establish", post(channels::establish))
        .route("/sessions/{session}/datachannels/new", post(channels::new))
        .route("/sessions/{session}/datachannels/update", put(channels::update))
        .route("/sessions/{session}/datachannels/close", put(channels::close))
        .route("/generate-ice-servers", get(session::ice_servers).post(session::new_ice_servers));
    let room = Router::new()
        .route("/members", post(members::join))
        .route("/members/{member}", patch(members::change).delete(members::leave))
        .route("/members/{member}/heartbeat", post(members::heartbeat))
        .route("/events", get(events::connect))
        .route("/whip", post(whip::publish).options(whip::options))
        .route("/whip/{session}", delete(whip::end).patch(whip::trickle))
        .route("/whep", post(whip::play).options(whip::options))
        .route("/whep/{session}", delete(whip::end).patch(whip::trickle))
        .merge(calls);
    Router::new()
        .route("/{file}", get(assets::file))
        .route("/rooms/{room}", get(members::room).delete(members::end))
        .nest("/rooms/{room}", room)
        .fallback(async || Refused::NotFound)
        .method_not_allowed_fallback(async || Refused::Method)
        .layer(DefaultBodyLimit::max(shared.limits.body))
        .layer(middleware::from_fn(to_the_end))
        .layer(middleware::from_fn(private))
        .with_state(shared)
}

/// Completes a change even if its agent hangs up: half of it would leave sessions without a member,
/// or tracks of members that have left. A request that only reads ends with its connection.
async fn to_the_end(request: Request<axum::body::Body>, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    match tokio::spawn(next.run(request).in_current_span()).await {
        Ok(response) => response,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime ends.
            Err(_) => Refused::Draining.into_response(),
        },
    }
}

/// Marks replies as private, unless they say otherwise.
async fn private(request: Request<axum::body::Body>, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert_with(|| HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

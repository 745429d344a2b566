//! The HTTP side: the API, the credentials of TURN, and the inspection.

mod api;
mod inspect;
mod recent;
mod serve;
mod turn;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use axum::Router;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use serde_json::{Value, json};
use tower_http::cors::CorsLayer;

pub(crate) use self::serve::serve;
use crate::App;
use crate::engine::Engine;
use crate::faults::{Faults, Network};

use recent::Recent;

/// What all handlers share.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Inner>);

struct Inner {
    engine: Engine,
    apps: Vec<App>,
    turn_keys: Vec<App>,
    media: String,
    start: Instant,
    changing: Mutex<Changing>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

/// What the handlers change.
#[derive(Default)]
pub(crate) struct Changing {
    pub(crate) faults: Faults,
    pub(crate) network: Network,
    pub(crate) recent: Recent,
}

impl Shared {
    pub(crate) fn new(engine: Engine, apps: Vec<App>, turn_keys: Vec<App>, media: String) -> Self {
        let (start, changing) = (Instant::now(), Mutex::default());
        Self(Arc::new(Inner { engine, apps, turn_keys, media, start, changing }))
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.0.engine
    }

    pub(crate) fn apps(&self) -> &[App] {
        &self.0.apps
    }

    pub(crate) fn turn_keys(&self) -> &[App] {
        &self.0.turn_keys
    }

    pub(crate) fn changing(&self) -> MutexGuard<'_, Changing> {
        // Nothing in there is left half changed.
        self.0.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What happens to packets from now on.
    pub(crate) async fn set_network(&self, network: Network) -> Result<(), &'static str> {
        network.check()?;
        self.changing().network = network;
        // If the engine has ended there are no packets.
        self.engine().with(move |state| state.set_network(network)).await;
        Ok(())
    }

    /// Milliseconds since the start.
    fn now_ms(&self) -> u64 {
        u64::try_from(self.0.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// All that is served.
pub(crate) fn router(shared: Shared) -> Router {
    Router::new()
        .route("/", get(inspect::page))
        .route("/__emulator/state", get(inspect::state))
        .route(
            "/__emulator/faults",
            post(inspect::add_fault).get(inspect::faults).delete(inspect::clear_faults),
        )
        .route("/__emulator/network", any(inspect::network))
        .route("/v1/turn/keys/{key}/credentials/generate-ice-servers", post(turn::generate))
        .route("/v1/turn/keys/{key}/credentials/{username}/revoke", post(turn::revoke))
        .fallback(api::call)
        // Demos in a browser call the emulator directly.
        .layer(CorsLayer::very_permissive())
        .with_state(shared)
}

/// An error in the API's shape.
fn refuse(status: StatusCode, code: &str, description: &str) -> Response {
    reply(status, &json!({ "errorCode": code, "errorDescription": description }))
}

fn reply(status: StatusCode, body: &Value) -> Response {
    match body {
        Value::Null => status.into_response(),
        body => (status, axum::Json(body)).into_response(),
    }
}

/// Refuses who does not have the secret of what has this id. `what` says what
/// that is, and what its secret is called.
fn authorize(
    known: &[App],
    id: &str,
    headers: &HeaderMap,
    what: (&str, &str),
) -> Result<(), Box<Response>> {
    let (name, secret) = what;
    let Some(app) = known.iter().find(|app| app.id() == id) else {
        let description = format!("no such {name}");
        return Err(Box::new(refuse(StatusCode::NOT_FOUND, "not_found", &description)));
    };
    match bearer(headers) {
        Some(token) if app.is_secret(token) => Ok(()),
        _ => {
            let description = format!("the {secret} is not that of the {name}");
            Err(Box::new(refuse(StatusCode::UNAUTHORIZED, "unauthorized", &description)))
        }
    }
}

/// The bearer token of a request.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

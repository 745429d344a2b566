//! The HTTP side: the API, the credentials of TURN, the account API, and the inspection.

pub(crate) mod account;
mod api;
mod apt;
mod carry;
mod guard;
mod inspect;
mod items;
mod page;
mod recent;
mod route;
mod serve;
mod turn;
mod turns;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Router, middleware};
use serde_json::{Value, json};
use tokio::sync::watch;
use tower_http::cors::{AllowHeaders, Any, CorsLayer};
use tower_http::timeout::RequestBodyTimeoutLayer;

pub(crate) use self::serve::serve;
use crate::account::Items;
use crate::app::App;
use crate::engine::Engine;
use crate::faults::{BadRule, Call, Fault, Faults, Holds, Network, Watch};

use recent::Recent;
use turns::Turns;

/// The state that all handlers share.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Inner>);

struct Inner {
    engine: Engine,
    account: App,
    apps: Items,
    turn_keys: Items,
    media: String,
    calls: AtomicU64,
    /// Number of calls that are being carried out.
    active: watch::Sender<usize>,
    holds: Holds,
    turns: Turns,
    changing: Mutex<Changing>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

/// The state that the handlers change.
#[derive(Default)]
pub(crate) struct Changing {
    pub(crate) faults: Faults,
    pub(crate) watch: Option<Watch>,
    pub(crate) network: Network,
    pub(crate) recent: Recent,
}

impl Shared {
    pub(crate) fn new(
        engine: Engine,
        account: App,
        apps: Vec<App>,
        turn_keys: Vec<App>,
        media: &[SocketAddr],
    ) -> Self {
        let media: Vec<String> = media.iter().map(SocketAddr::to_string).collect();
        let media = media.join(", ");
        Self(Arc::new(Inner {
            engine,
            account,
            apps: Items::new(apps),
            turn_keys: Items::new(turn_keys),
            media,
            calls: AtomicU64::new(0),
            active: watch::Sender::new(0),
            holds: Holds::default(),
            turns: Turns::default(),
            changing: Mutex::default(),
        }))
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.0.engine
    }

    /// The account with its API token.
    fn account(&self) -> &App {
        &self.0.account
    }

    fn apps(&self) -> &Items {
        &self.0.apps
    }

    fn turn_keys(&self) -> &Items {
        &self.0.turn_keys
    }

    pub(crate) fn changing(&self) -> MutexGuard<'_, Changing> {
        // No panic can happen in the middle of a change, so the state stays whole.
        self.0.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn holds(&self) -> &Holds {
        &self.0.holds
    }

    fn turns(&self) -> &Turns {
        &self.0.turns
    }

    /// Returns the number of the next call, from 1.
    fn count(&self) -> u64 {
        self.0.calls.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Returns once no call is being carried out.
    pub(crate) async fn idle(&self) {
        // This fails only without a sender, and `self` owns the sender.
        let _ = self.0.active.subscribe().wait_for(|active| *active == 0).await;
    }

    /// Counts a call until the guard is dropped.
    fn begin(&self) -> Active {
        self.0.active.send_modify(|active| *active += 1);
        Active(self.clone())
    }

    /// Returns the faults that a call meets.
    fn meet(&self, call: &Call) -> Vec<Fault> {
        let (mut faults, watch) = {
            let mut changing = self.changing();
            (changing.faults.meet(call), changing.watch.clone())
        };
        // The lock is not held here: the watching function may use the emulator.
        faults.extend(watch.iter().flat_map(|watch| watch.tell(call)));
        faults
    }

    /// Takes all faults back. Calls that they hold continue.
    pub(crate) fn clear_faults(&self) {
        self.changing().faults.clear();
        self.holds().release();
    }

    /// Sets the network conditions from now on.
    pub(crate) async fn set_network(&self, network: Network) -> Result<(), BadRule> {
        network.check()?;
        self.changing().network = network;
        // An engine that has ended sends no packets.
        self.engine().with(move |state| state.set_network(network)).await;
        Ok(())
    }

    /// Returns milliseconds since the start of the rules.
    fn now_ms(&self) -> u64 {
        u64::try_from(self.engine().now().as_millis()).unwrap_or(u64::MAX)
    }
}

/// A call that is being carried out.
struct Active(Shared);

impl Drop for Active {
    fn drop(&mut self) {
        self.0.0.active.send_modify(|active| *active -= 1);
    }
}

/// The longest order of a fault, in bytes.
const MAX_ORDER: usize = 64 * 1024;

/// Longest wait for the next part of a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Returns the router of all paths.
pub(crate) fn router(shared: Shared) -> Router {
    inspection()
        .merge(account::router(shared.clone()))
        .merge(api())
        .layer(RequestBodyTimeoutLayer::new(BODY_TIMEOUT))
        .layer(middleware::from_fn(guard::own_host))
        .with_state(shared)
}

/// Routes of the page and of its data.
fn inspection() -> Router<Shared> {
    page::router()
        .route("/__emulator/state", get(inspect::state))
        .route("/__emulator/sessions/{id}", get(inspect::session))
        .route(
            "/__emulator/faults",
            post(inspect::add_fault).get(inspect::faults).delete(inspect::clear_faults),
        )
        .route("/__emulator/release", post(inspect::release))
        .route("/__emulator/violations", get(inspect::violations))
        .route("/__emulator/network", any(inspect::network))
        .layer(DefaultBodyLimit::max(MAX_ORDER))
        .layer(middleware::from_fn(guard::own_origin))
}

/// Routes of the API. Demos in a browser call it directly, with the app's secret: any page may,
/// without cookies.
fn api() -> Router<Shared> {
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods(Any)
        // The wildcard would leave `Authorization` out.
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(Any);
    Router::new()
        .route("/v1/turn/keys/{key}/credentials/generate-ice-servers", post(turn::generate))
        .route("/v1/turn/keys/{key}/credentials/generate", post(turn::generate_one))
        .route("/v1/turn/keys/{key}/credentials/{username}/revoke", post(turn::revoke))
        .fallback(api::call)
        .layer(middleware::from_fn(with_ray))
        .layer(cors)
}

/// Returns an error in the API's shape.
fn refuse(status: StatusCode, code: &str, description: &str) -> Response {
    reply(status, &json!({ "errorCode": code, "errorDescription": description }))
}

fn reply(status: StatusCode, body: &Value) -> Response {
    match body {
        Value::Null => status.into_response(),
        body => (status, axum::Json(body)).into_response(),
    }
}

/// Refuses a request without the secret of the app or key with this id. `name` is the noun for
/// messages.
fn authorize(
    known: &Items,
    id: &str,
    headers: &HeaderMap,
    name: &str,
) -> Result<(), Box<Response>> {
    let Some(item) = known.find(id) else {
        let description = format!("no such {name}");
        return Err(Box::new(refuse(StatusCode::NOT_FOUND, "not_found", &description)));
    };
    match bearer(headers) {
        Some(token) if item.app.is_secret(token) => Ok(()),
        _ => {
            let description =
                "Invalid bearer token, please ensure the token is current and not expired";
            Err(Box::new(refuse(StatusCode::UNAUTHORIZED, "unauthorized", description)))
        }
    }
}

/// Gives each reply an id in the form of Cloudflare's: 16 hexadecimal digits, and the code of a
/// data centre.
async fn with_ray(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let ray = format!("{:016x}-EMU", fastrand::u64(..));
    if let Ok(ray) = ray.try_into() {
        // A fault may have set another id.
        response.headers_mut().entry("cf-ray").or_insert(ray);
    }
    response
}

/// Returns the bearer token of a request.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

//! Account API: apps and TURN keys are listed, created, read, renamed and deleted.
//!
//! Paths, statuses of success and shapes are those of the document. The document says
//! no more of refusals than their shape, so these are choices, but for the first:
//!
//! | what | reply |
//! |---|---|
//! | the token is not that of the account | 403, code 10000, as seen of other parts of the account API |
//! | the account is another one | the same, so that a caller without the right learns nothing |
//! | no such app or TURN key, or no such path | 404, code 1000 |
//! | a body that is no JSON of the documented shape | 400, code 1000 |
//! | more than 1,000 apps or TURN keys | 409, code 1000 |
//!
//! Requests for a deleted app are refused as those for an unknown one. The fate of its
//! connections is not documented: here they go on until their agents end them.

use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;
use axum::routing::{any, get};
use axum::{Router, middleware};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Shared, bearer, reply, with_ray};
use crate::account::{Item, Items};

/// Code of a token that has no right.
const AUTHENTICATION: u32 = 10_000;

/// Code of all other refusals: the lowest that the document allows.
const OTHER: u32 = 1_000;

/// Path of the account API, beside `/v1` of the Calls API.
pub(crate) const PATH: &str = "/client/v4";

pub(super) fn router(shared: Shared) -> Router<Shared> {
    let items = format!("{PATH}/accounts/{{account}}/calls/{{kind}}");
    Router::new()
        .route(&items, get(list).post(create))
        .route(&format!("{items}/{{id}}"), get(read).put(rename).delete(delete))
        .route(&format!("{PATH}/{{*other}}"), any(async || no_such()))
        .layer(middleware::from_fn_with_state(shared, authorized))
        .layer(middleware::from_fn(with_ray))
}

/// Kind of item, by the segment of its paths.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Apps,
    TurnKeys,
}

impl Kind {
    fn items(self, shared: &Shared) -> &Items {
        match self {
            Self::Apps => shared.apps(),
            Self::TurnKeys => shared.turn_keys(),
        }
    }

    /// Returns the name of the secret in the reply to a creation.
    fn secret(self) -> &'static str {
        match self {
            Self::Apps => "secret",
            Self::TurnKeys => "key",
        }
    }
}

/// Path of a collection.
#[derive(Deserialize)]
struct Collection {
    kind: Kind,
}

/// Path of an item.
#[derive(Deserialize)]
struct One {
    kind: Kind,
    id: String,
}

/// Path that is refused in the shape of this API if it names no kind.
type Named<T> = Result<Path<T>, PathRejection>;

/// Part of an item that can be set.
#[derive(Deserialize)]
struct Settings {
    name: Option<String>,
}

/// Refuses requests without the token of the account.
async fn authorized(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let account = shared.account();
    let begin = format!("{PATH}/accounts/{}/", account.id());
    let is_allowed = request.uri().path().starts_with(&begin)
        && bearer(request.headers()).is_some_and(|token| account.is_secret(token));
    let method = request.method().clone();
    let response = match is_allowed {
        true => next.run(request).await,
        false => refuse(StatusCode::FORBIDDEN, AUTHENTICATION, "Authentication error"),
    };
    tracing::info!(%method, status = response.status().as_u16(), "request to the account API");
    response
}

async fn list(State(shared): State<Shared>, path: Named<Collection>) -> Response {
    let Ok(Path(Collection { kind })) = path else { return no_such() };
    let items: Vec<Value> = kind.items(&shared).all().iter().map(details).collect();
    success(StatusCode::OK, json!(items))
}

async fn create(State(shared): State<Shared>, path: Named<Collection>, body: Bytes) -> Response {
    let Ok(Path(Collection { kind })) = path else { return no_such() };
    let Ok(Settings { name }) = serde_json::from_slice(&body) else { return not_decoded() };
    let Some(item) = kind.items(&shared).create(name.unwrap_or_default()) else {
        return refuse(StatusCode::CONFLICT, OTHER, "there are too many");
    };
    let mut created = details(&item);
    created[kind.secret()] = item.app.expose_secret().into();
    success(StatusCode::CREATED, created)
}

async fn read(State(shared): State<Shared>, path: Named<One>) -> Response {
    known(path, |One { kind, id }| kind.items(&shared).find(&id))
}

async fn rename(State(shared): State<Shared>, path: Named<One>, body: Bytes) -> Response {
    let Ok(Settings { name }) = serde_json::from_slice(&body) else { return not_decoded() };
    known(path, |One { kind, id }| kind.items(&shared).rename(&id, name))
}

async fn delete(State(shared): State<Shared>, path: Named<One>) -> Response {
    known(path, |One { kind, id }| kind.items(&shared).remove(&id))
}

/// Replies with the item of a path, or 404 if there is none.
fn known(path: Named<One>, item: impl FnOnce(One) -> Option<Item>) -> Response {
    match path.ok().and_then(|Path(one)| item(one)) {
        Some(item) => success(StatusCode::OK, details(&item)),
        None => no_such(),
    }
}

fn details(item: &Item) -> Value {
    let Item { app, name, created, modified } = item;
    let time = |time: &jiff::Timestamp| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    json!({ "uid": app.id(), "name": name, "created": time(created), "modified": time(modified) })
}

fn no_such() -> Response {
    refuse(StatusCode::NOT_FOUND, OTHER, "there is nothing here")
}

fn not_decoded() -> Response {
    refuse(StatusCode::BAD_REQUEST, OTHER, "the body is not of the documented shape")
}

fn success(status: StatusCode, result: Value) -> Response {
    let body = json!({ "success": true, "errors": [], "messages": [], "result": result });
    reply(status, &body)
}

fn refuse(status: StatusCode, code: u32, message: &str) -> Response {
    let errors = json!([{ "code": code, "message": message }]);
    let body = json!({ "success": false, "errors": errors, "messages": [], "result": null });
    reply(status, &body)
}

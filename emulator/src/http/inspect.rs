//! What there is and what went on, as JSON and as a page; and faults to order.

use axum::Json;
use axum::extract::State;
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::{Shared, refuse, reply};
use crate::faults::{BadRule, Network, Rule};

/// `GET /`
pub(super) async fn page() -> Response {
    let head = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
    (head, include_str!("../page.html")).into_response()
}

/// `GET /__emulator/state`
pub(super) async fn state(State(shared): State<Shared>) -> Response {
    let snapshot = shared.engine().with(|state| state.snapshot()).await;
    let Some(snapshot) = snapshot else { return StatusCode::SERVICE_UNAVAILABLE.into_response() };
    let apps: Vec<&str> = shared.apps().iter().map(crate::App::id).collect();
    let (requests, network) = {
        let changing = shared.changing();
        (json!(changing.recent), changing.network)
    };
    let state = json!({
        "nowMs": shared.now_ms(),
        "apps": apps,
        "media": shared.0.media,
        "sessions": snapshot.sessions,
        "subscriptions": snapshot.subscriptions,
        "adapters": snapshot.adapters,
        "requests": requests,
        "network": network,
    });
    reply(StatusCode::OK, &state)
}

/// `POST /__emulator/faults`
pub(super) async fn add_fault(State(shared): State<Shared>, body: String) -> Response {
    let rule: Rule = match serde_json::from_str(&body) {
        Ok(rule) => rule,
        Err(error) => return invalid(&error.to_string()),
    };
    match shared.changing().faults.add(rule) {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(problem) => refused(problem),
    }
}

/// `GET /__emulator/faults`
pub(super) async fn faults(State(shared): State<Shared>) -> Response {
    let changing = shared.changing();
    let rule = |(rule, happened): (&Rule, u64)| json!({ "rule": rule, "happened": happened });
    let rules: Vec<Value> = changing.faults.rules().map(rule).collect();
    Json(rules).into_response()
}

/// `DELETE /__emulator/faults`
pub(super) async fn clear_faults(State(shared): State<Shared>) -> StatusCode {
    shared.clear_faults();
    StatusCode::NO_CONTENT
}

/// `POST /__emulator/release`
pub(super) async fn release(State(shared): State<Shared>) -> Response {
    Json(json!({ "released": shared.holds().release() })).into_response()
}

/// `GET /__emulator/violations`
pub(super) async fn violations(State(shared): State<Shared>) -> Response {
    match shared.engine().with(|state| state.rules.violations().collect::<Vec<_>>()).await {
        Some(violations) => Json(violations).into_response(),
        None => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

/// `GET`, `PUT` and `DELETE /__emulator/network`
pub(super) async fn network(
    State(shared): State<Shared>,
    method: Method,
    body: String,
) -> Response {
    let network = match method {
        Method::GET => return Json(shared.changing().network).into_response(),
        Method::DELETE => Network::default(),
        Method::PUT => match serde_json::from_str::<Network>(&body) {
            Ok(network) => network,
            Err(error) => return invalid(&error.to_string()),
        },
        _ => return StatusCode::METHOD_NOT_ALLOWED.into_response(),
    };
    match shared.set_network(network).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(problem) => refused(problem),
    }
}

fn refused(problem: BadRule) -> Response {
    invalid(&problem.to_string())
}

fn invalid(problem: &str) -> Response {
    refuse(StatusCode::BAD_REQUEST, "invalid_fault", problem)
}

//! The state and the recent requests as JSON, and the orders of faults.

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::{Shared, refuse, reply};
use crate::faults::{BadRule, Network, Rule};
use crate::rules::Cursor;

/// The most sessions of one page of the state.
const MOST_SESSIONS: usize = 200;

/// Sessions of one page of the state if the query has no limit.
const SESSIONS: usize = 50;

/// The requested part of the state.
struct Part {
    after: Option<Cursor>,
    limit: usize,
}

/// `GET /__emulator/state`: some of the sessions and, on the first page, the rest.
pub(super) async fn state(State(shared): State<Shared>, RawQuery(query): RawQuery) -> Response {
    let Part { after, limit } = match part(&query.unwrap_or_default()) {
        Ok(part) => part,
        Err(problem) => return refuse(StatusCode::BAD_REQUEST, "invalid_page", problem),
    };
    let looked = shared.engine().with(move |state| state.look(after, limit)).await;
    let Some((page, summary, adapters)) = looked else { return stopped() };
    let mut state = json!({
        "nowMs": shared.now_ms(),
        "summary": summary,
        "sessions": page.sessions,
        "next": page.next,
    });
    if after.is_none() {
        let apps = shared.apps().all();
        let apps: Vec<&str> = apps.iter().map(|item| item.app.id()).collect();
        let changing = shared.changing();
        state["apps"] = json!(apps);
        state["media"] = json!(shared.0.media);
        state["adapters"] = json!(adapters);
        state["requests"] = json!(changing.recent.all());
        state["network"] = json!(changing.network);
    }
    reply(StatusCode::OK, &state)
}

/// `GET /__emulator/sessions/{id}`: one session, its history and its requests.
pub(super) async fn session(State(shared): State<Shared>, Path(id): Path<String>) -> Response {
    let wanted = id.clone();
    let looked = shared.engine().with(move |state| state.details(&wanted)).await;
    let Some(found) = looked else { return stopped() };
    let Some((session, history)) = found else {
        return refuse(StatusCode::NOT_FOUND, "not_found", "no session of that id is remembered");
    };
    let requests = json!(shared.changing().recent.of(&id));
    let state = json!({
        "nowMs": shared.now_ms(),
        "session": session,
        "history": history,
        "requests": requests,
    });
    reply(StatusCode::OK, &state)
}

/// Reads `limit` and `after` of a query. Other parameters are ignored.
fn part(query: &str) -> Result<Part, &'static str> {
    let mut part = Part { after: None, limit: SESSIONS };
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "limit" => {
                let limit = value.parse().ok().filter(|limit| (1..=MOST_SESSIONS).contains(limit));
                part.limit = limit.ok_or("limit is not from 1 to 200")?;
            }
            "after" => {
                let after = value.parse().map_err(|_| "after is not the next of another page")?;
                part.after = Some(after);
            }
            _ => {}
        }
    }
    Ok(part)
}

fn stopped() -> Response {
    StatusCode::SERVICE_UNAVAILABLE.into_response()
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
        None => stopped(),
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

//! Carries out a call with its faults.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::apt::break_apt;
use super::items::{self, Failing};
use super::recent::Created;
use super::route::Route;
use super::serve::Break;
use super::turns::Turn;
use super::{Shared, reply};
use crate::faults::{Call, Fault, pause};
use crate::rules::{Operation, Query, Reply, UnderWay};

/// Time between the arrival of a change during another one of its session and the check that the
/// other sender is still there. It is long enough to notice that a sender has hung up.
const HANG_UP: Duration = Duration::from_millis(50);

/// The response, and its line in the list of requests.
pub(super) type Sent = (Response, Option<String>);

/// Carries out a call, even if its sender hangs up meanwhile.
pub(super) async fn carry_out(
    shared: &Shared,
    route: Route,
    query: Query,
    call: Call,
    faults: &[Fault],
) -> Sent {
    let _turn = match take_turn(shared, &route, &call) {
        Ok(turn) => turn,
        Err(other) => return overlap(shared, route, query, call, other).await,
    };
    let delay = pause(faults, |fault| match fault {
        Fault::Delay { ms } => Some(*ms),
        _ => None,
    });
    shared.holds().pause(delay).await;
    if faults.contains(&Fault::Hold) {
        shared.holds().hold().await;
    }
    let sent = answer(shared, route, query, call.body, faults).await;
    let delay = pause(faults, |fault| match fault {
        Fault::DelayReply { ms } => Some(*ms),
        _ => None,
    });
    shared.holds().pause(delay).await;
    if faults.contains(&Fault::HoldReply) {
        shared.holds().hold().await;
    }
    sent
}

/// Returns the response to a call: that of a fault, or the reply of the rules.
async fn answer(
    shared: &Shared,
    route: Route,
    query: Query,
    body: Vec<u8>,
    faults: &[Fault],
) -> Sent {
    for fault in faults {
        if let Some(instead) = before(shared, fault, route.session.as_deref()).await {
            return instead;
        }
    }
    ask(shared, route, query, body, faults)
        .await
        .map_or_else(stopping, |reply| finish(reply, faults))
}

/// Returns the response once the engine has ended.
fn stopping() -> Sent {
    (StatusCode::SERVICE_UNAVAILABLE.into_response(), Some("stopping".to_owned()))
}

/// Takes the turn of a session for a change. None for other calls, which need no turn.
fn take_turn(shared: &Shared, route: &Route, call: &Call) -> Result<Option<Turn>, u64> {
    match &route.session {
        Some(session) if route.operation != Operation::GetSession => {
            shared.turns().take(&route.app, session, call.number).map(Some)
        }
        _ => Ok(None),
    }
}

/// Returns the response to a change that came during another one.
async fn overlap(shared: &Shared, route: Route, query: Query, call: Call, other: u64) -> Sent {
    tokio::time::sleep(HANG_UP).await;
    let other = match shared.turns().is_abandoned(other) {
        true => UnderWay::Abandoned,
        false => UnderWay::Awaited,
    };
    let request = route.request(query, call.body);
    let reply = shared.engine().with(move |state| state.overlap(request, other)).await;
    reply.map_or_else(stopping, |reply| finish(reply, &[]))
}

/// Asks the rules about all entries that no fault lets fail. None if the emulator stops.
async fn ask(
    shared: &Shared,
    route: Route,
    query: Query,
    body: Vec<u8>,
    faults: &[Fault],
) -> Option<Reply> {
    let failing = Failing::new(route.operation, &body, faults);
    let body = match &failing {
        Some(failing) if failing.is_all() => return Some(failing.all()),
        Some(failing) => failing.rest(),
        None => body,
    };
    let reply = shared.engine().request(route.request(query, body)).await?;
    Some(match failing {
        Some(failing) if items::entries(&reply.body).is_some() => failing.put_back(reply),
        _ => reply,
    })
}

/// Carries out a fault that comes before the rules. Returns its response if the rules are not
/// asked.
async fn before(shared: &Shared, fault: &Fault, session: Option<&str>) -> Option<Sent> {
    let said = |what: &str| Some(format!("fault: {what}"));
    match fault {
        Fault::DropRequest => Some((broken(Break::Close), said("request dropped"))),
        Fault::Reset => Some((broken(Break::Reset), said("reset"))),
        Fault::Html { status } => {
            let page = "<!doctype html><html><head><title>Error</title></head>\
                <body><h1>Error</h1><p>This page is a fault of the emulator.</p></body></html>";
            let head = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
            Some(((status_of(*status), head, page).into_response(), said("html")))
        }
        Fault::Reply { status, headers, body } => {
            Some((response(*status, body, headers), said("reply")))
        }
        Fault::ExpireSession => {
            let session = session.map(str::to_owned)?;
            shared.engine().with(move |state| state.expire(&session)).await;
            None
        }
        Fault::Glare => {
            let session = session.map(str::to_owned)?;
            shared.engine().with(move |state| state.rules.glare(&session)).await;
            None
        }
        Fault::Disconnect => {
            let session = session.map(str::to_owned)?;
            shared.engine().with(move |state| state.disconnect(&session)).await;
            None
        }
        _ => None,
    }
}

/// Returns the response of a reply of the rules, marked with the session that it made.
fn finish(reply: Reply, faults: &[Fault]) -> Sent {
    let session = reply.body.get("sessionId").and_then(Value::as_str);
    let created = session.map(|session| Created(session.to_owned()));
    let (mut response, outcome) = spoil(reply, faults);
    if let Some(created) = created {
        response.extensions_mut().insert(created);
    }
    (response, outcome)
}

/// Applies the faults to a reply of the rules.
fn spoil(mut reply: Reply, faults: &[Fault]) -> Sent {
    let code = reply.body.get("errorCode").and_then(Value::as_str).map(str::to_owned);
    let mut outcome = code.or_else(|| items::failed(&reply.body));
    let mut added = BTreeMap::new();
    for fault in faults {
        let what = match fault {
            Fault::OmitItems { indices } => {
                items::omit(&mut reply.body, indices);
                "entries omitted"
            }
            Fault::EditReply { status, headers, patch } => {
                match json_patch::patch(&mut reply.body, patch) {
                    Ok(()) => {
                        reply.status = status.unwrap_or(reply.status);
                        added.extend(headers.clone());
                        "reply edited"
                    }
                    Err(_) => "the edit does not fit the reply",
                }
            }
            Fault::BreakApt => {
                let sdp = description(&mut reply.body);
                match sdp.and_then(|sdp| break_apt(sdp).map(|broken| *sdp = broken)) {
                    Some(()) => "apt points nowhere",
                    None => "no apt in the reply",
                }
            }
            _ => continue,
        };
        outcome = Some(format!("fault: {what}"));
    }
    let is = |wanted: &Fault| faults.contains(wanted);
    if is(&Fault::DropReply) {
        return (broken(Break::Close), Some("fault: reply dropped".to_owned()));
    }
    if is(&Fault::Truncate) {
        let mut text = reply.body.to_string().into_bytes();
        text.truncate(text.len() / 2);
        let head = [(header::CONTENT_TYPE, "application/json")];
        let response = (status_of(reply.status), head, text).into_response();
        return (response, Some("fault: truncated".to_owned()));
    }
    (response(reply.status, &reply.body, &added), outcome)
}

/// Returns the text of the session description in a reply.
fn description(body: &mut Value) -> Option<&mut String> {
    match body.pointer_mut("/sessionDescription/sdp")? {
        Value::String(sdp) => Some(sdp),
        _ => None,
    }
}

/// Returns a response with a body as JSON, or a string as it is.
fn response(status: u16, body: &Value, headers: &BTreeMap<String, String>) -> Response {
    let mut response = match body {
        Value::String(text) => (status_of(status), text.clone()).into_response(),
        body => reply(status_of(status), body),
    };
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn broken(how: Break) -> Response {
    let mut response = Response::default();
    response.extensions_mut().insert(how);
    response
}

fn status_of(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

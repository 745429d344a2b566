//! Operations of the API: their paths, their apps, and a record of each call.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::carry::carry_out;
use super::recent::{Created, Entry};
use super::route::{Route, query, route};
use super::serve::Break;
use super::turns::Turns;
use super::{Shared, authorize, refuse};
use crate::faults::Call;
use crate::rules::Query;

/// The largest body that is read, in bytes. It is above the limit of the rules, so that the rules
/// refuse the body.
const MAX_BODY: usize = 4 << 20;

/// Answers every request without a route of its own.
pub(super) async fn call(State(shared): State<Shared>, request: Request) -> Response {
    let at_ms = shared.now_ms();
    let (head, body) = request.into_parts();
    let route = match route(&head.method, head.uri.path()) {
        Ok(route) => route,
        Err(response) => return *response,
    };
    if let Err(response) = authorize(shared.apps(), &route.app, &head.headers, "app") {
        return *response;
    }
    let mut entry = Entry {
        number: 0,
        at_ms,
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        operation: route.operation.as_str(),
        session: route.session.clone(),
        created: None,
        status: None,
        duration_ms: 0,
        outcome: None,
    };
    let response = match axum::body::to_bytes(body, MAX_BODY).await {
        Ok(body) => {
            let query = query(head.uri.query().unwrap_or_default());
            let (operation, session) = (route.operation, route.session.clone());
            let call = Call { number: shared.count(), operation, session, body: body.into() };
            let (response, outcome) = detached(&shared, route, query, call).await;
            entry.outcome = outcome;
            response
        }
        Err(_) => {
            let code = "payload_too_large";
            entry.outcome = Some(code.to_owned());
            refuse(StatusCode::PAYLOAD_TOO_LARGE, code, "the body is too large")
        }
    };
    entry.created = response.extensions().get::<Created>().map(|Created(id)| id.clone());
    let is_broken = response.extensions().get::<Break>().is_some();
    entry.status = (!is_broken).then(|| response.status().as_u16());
    entry.duration_ms = shared.now_ms() - at_ms;
    tracing::info!(
        operation = entry.operation,
        session = entry.session,
        status = entry.status,
        outcome = entry.outcome,
        duration_ms = entry.duration_ms,
        "request"
    );
    shared.changing().recent.push(entry);
    response
}

/// Carries out a call in a task of its own, so that a call that has arrived is done even if its
/// sender hangs up.
async fn detached(
    shared: &Shared,
    route: Route,
    query: Query,
    call: Call,
) -> (Response, Option<String>) {
    let mut sender = Sender { turns: shared.turns(), number: call.number, is_served: false };
    let faults = shared.meet(&call);
    let task = tokio::spawn({
        let (shared, active) = (shared.clone(), shared.begin());
        async move {
            let _active = active;
            carry_out(&shared, route, query, call, &faults).await
        }
    });
    let sent = task.await;
    sender.is_served = true;
    sent.unwrap_or_else(|_| (StatusCode::INTERNAL_SERVER_ERROR.into_response(), None))
}

/// The sender that waits for the reply to a call.
struct Sender<'s> {
    turns: &'s Turns,
    number: u64,
    is_served: bool,
}

impl Drop for Sender<'_> {
    fn drop(&mut self) {
        if !self.is_served {
            self.turns.abandon(self.number);
        }
    }
}

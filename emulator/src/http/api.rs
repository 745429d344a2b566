//! The operations of the API.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::recent::Entry;
use super::serve::Break;
use super::{Shared, authorize, refuse, reply};
use crate::faults::{self, Fault};
use crate::rules::{self, Operation, Query, Reply};

/// The largest body that is read, in bytes: more than the rules allow, so that
/// they can say so.
const MAX_BODY: usize = 4 << 20;

/// What a path says.
struct Route {
    app: String,
    operation: Operation,
    session: Option<String>,
}

/// Every request that is nothing else.
pub(super) async fn call(State(shared): State<Shared>, request: Request) -> Response {
    let at_ms = shared.now_ms();
    let method = request.method().clone();
    let route = match route(&method, request.uri().path()) {
        Ok(route) => route,
        Err(response) => return *response,
    };
    if let Err(response) = authorize(shared.apps(), &route.app, request.headers(), "app") {
        return *response;
    }
    let (name, session) = (route.operation.as_str(), route.session.clone());
    let path = request.uri().path().to_owned();
    let faults = shared.changing().faults.meet(name, session.as_deref());
    let mut created = None;
    let (response, outcome) = match carry_out(&shared, route, request, &faults).await {
        Ok(reply) => {
            created = created_session(&reply, session.as_deref());
            finish(reply, &faults)
        }
        Err((response, outcome)) => (response, outcome),
    };
    let is_broken = response.extensions().get::<Break>().is_some();
    let entry = Entry {
        number: 0,
        at_ms,
        method: method.to_string(),
        path,
        operation: name,
        session,
        created,
        status: (!is_broken).then(|| response.status().as_u16()),
        duration_ms: shared.now_ms() - at_ms,
        outcome,
    };
    tracing::info!(
        operation = name,
        session = entry.session,
        status = entry.status,
        outcome = entry.outcome,
        duration_ms = entry.duration_ms,
        "request"
    );
    shared.changing().recent.push(entry);
    response
}

fn route(method: &Method, path: &str) -> Result<Route, Box<Response>> {
    let unknown = || Box::new(refuse(StatusCode::NOT_FOUND, "not_found", "no such path"));
    let path = path.strip_prefix("/v1/apps/").ok_or_else(unknown)?;
    let parts: Vec<&str> = path.split('/').collect();
    let (app, rest) = parts.split_first().ok_or_else(unknown)?;
    use Operation::*;
    let (expected, operation, session) = match rest {
        ["sessions", "new"] => (Method::POST, NewSession, None),
        ["sessions", id] => (Method::GET, GetSession, Some(*id)),
        ["sessions", id, "tracks", "new"] => (Method::POST, NewTracks, Some(*id)),
        ["sessions", id, "renegotiate"] => (Method::PUT, Renegotiate, Some(*id)),
        ["sessions", id, "tracks", "close"] => (Method::PUT, CloseTracks, Some(*id)),
        ["sessions", id, "tracks", "update"] => (Method::PUT, UpdateTracks, Some(*id)),
        ["sessions", id, "datachannels", "establish"] => {
            (Method::POST, EstablishDataChannels, Some(*id))
        }
        ["sessions", id, "datachannels", "new"] => (Method::POST, NewDataChannels, Some(*id)),
        ["sessions", id, "datachannels", "update"] => (Method::PUT, UpdateDataChannels, Some(*id)),
        ["sessions", id, "datachannels", "close"] => (Method::PUT, CloseDataChannels, Some(*id)),
        ["adapters", "websocket", "new"] => (Method::POST, NewWebsocketAdapters, None),
        ["adapters", "websocket", "close"] => (Method::POST, CloseWebsocketAdapters, None),
        // A path that the API does not know is 405 as well.
        _ => return Err(Box::new(StatusCode::METHOD_NOT_ALLOWED.into_response())),
    };
    if *method != expected {
        let allow = [(header::ALLOW, expected.as_str())];
        return Err(Box::new((StatusCode::METHOD_NOT_ALLOWED, allow).into_response()));
    }
    let session = session.map(str::to_owned);
    Ok(Route { app: (*app).to_owned(), operation, session })
}

/// A response that stands for a reply of the rules, and what the list of
/// requests says of it.
type Instead = (Response, Option<String>);

/// Asks the rules, unless a fault says otherwise.
async fn carry_out(
    shared: &Shared,
    route: Route,
    request: Request<Body>,
    faults: &[Fault],
) -> Result<Reply, Instead> {
    let query = query(request.uri().query().unwrap_or_default());
    let body = axum::body::to_bytes(request.into_body(), MAX_BODY).await.map_err(|_| {
        let status = StatusCode::PAYLOAD_TOO_LARGE;
        let code = "payload_too_large";
        (refuse(status, code, "the body is too large"), Some(code.to_owned()))
    })?;
    tokio::time::sleep(faults::delay(faults)).await;
    for fault in faults {
        if let Some(instead) = before(shared, fault, route.session.as_deref()).await {
            return Err(instead);
        }
    }
    let failing = Failing::new(route.operation, &body, faults);
    let body = match &failing {
        Some(failing) if failing.is_all() => return Ok(failing.all()),
        Some(failing) => failing.rest(),
        None => body.to_vec(),
    };
    let Route { app, operation, session, .. } = route;
    let request = rules::Request { app, operation, session, query, body };
    let stopped = || (StatusCode::SERVICE_UNAVAILABLE.into_response(), Some("stopping".to_owned()));
    let reply = shared.engine().request(request).await.ok_or_else(stopped)?;
    Ok(match failing {
        Some(failing) if items(&reply.body).is_some() => failing.put_back(reply),
        _ => reply,
    })
}

/// What a fault does before the rules are asked, and the response if they are
/// not to be.
async fn before(shared: &Shared, fault: &Fault, session: Option<&str>) -> Option<Instead> {
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
            let mut response = match body {
                Value::String(text) => (status_of(*status), text.clone()).into_response(),
                body => reply(status_of(*status), body),
            };
            for (name, value) in headers {
                if let (Ok(name), Ok(value)) =
                    (header::HeaderName::try_from(name), header::HeaderValue::try_from(value))
                {
                    response.headers_mut().insert(name, value);
                }
            }
            Some((response, said("reply")))
        }
        Fault::ExpireSession => {
            let session = session.map(str::to_owned)?;
            shared.engine().with(move |state| state.expire(&session)).await;
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

/// The session that a request on none has made.
fn created_session(reply: &Reply, session: Option<&str>) -> Option<String> {
    match session {
        Some(_) => None,
        None => reply.body.get("sessionId").and_then(Value::as_str).map(str::to_owned),
    }
}

/// What faults do to a reply of the rules.
fn finish(reply: Reply, faults: &[Fault]) -> Instead {
    let code = reply.body.get("errorCode").and_then(Value::as_str).map(str::to_owned);
    let mut response = super::reply(status_of(reply.status), &reply.body);
    let mut outcome = code.or_else(|| failed_items(&reply.body));
    for fault in faults {
        match fault {
            Fault::DropReply => {
                response = broken(Break::Close);
                outcome = Some("fault: reply dropped".to_owned());
            }
            Fault::Truncate => {
                let mut text = reply.body.to_string();
                text.truncate(text.floor_char_boundary(text.len() / 2));
                let head = [(header::CONTENT_TYPE, "application/json")];
                response = (status_of(reply.status), head, text).into_response();
                outcome = Some("fault: truncated".to_owned());
            }
            _ => {}
        }
    }
    (response, outcome)
}

/// How many entries of a reply have failed and the code of the first, for the list
/// of requests.
fn failed_items(body: &Value) -> Option<String> {
    let entries = items(body)?;
    let codes = entries.iter().filter_map(|entry| entry.get("errorCode")?.as_str());
    let code = codes.clone().next()?;
    Some(format!("{} of {} failed: {code}", codes.count(), entries.len()))
}

fn items(body: &Value) -> Option<&Vec<Value>> {
    body.get("tracks").or_else(|| body.get("dataChannels"))?.as_array()
}

/// Entries that are to fail: the rules do not see them.
struct Failing {
    operation: Operation,
    body: Value,
    list: &'static str,
    code: String,
    /// In rising order, each within the list.
    indices: Vec<usize>,
}

impl Failing {
    /// None if no entry of this body is to fail.
    fn new(operation: Operation, body: &[u8], faults: &[Fault]) -> Option<Self> {
        let (code, wanted) = faults.iter().find_map(|fault| match fault {
            Fault::FailItems { code, indices } => Some((code.clone(), indices)),
            _ => None,
        })?;
        let body: Value = serde_json::from_slice(body).ok()?;
        let list = if body.get("tracks").is_some() { "tracks" } else { "dataChannels" };
        let length = body.get(list)?.as_array()?.len();
        let mut indices: Vec<usize> =
            wanted.iter().copied().filter(|index| *index < length).collect();
        indices.sort_unstable();
        indices.dedup();
        (!indices.is_empty()).then_some(Self { operation, body, list, code, indices })
    }

    fn entries(&self) -> &[Value] {
        self.body.get(self.list).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    fn is_all(&self) -> bool {
        self.indices.len() == self.entries().len()
    }

    /// The body without them.
    fn rest(&self) -> Vec<u8> {
        let entries = self.entries().iter().enumerate();
        let rest = entries.filter(|(index, _)| !self.indices.contains(index));
        let mut body = self.body.clone();
        body[self.list] = rest.map(|(_, entry)| entry.clone()).collect();
        body.to_string().into_bytes()
    }

    /// The reply if nothing is left.
    fn all(&self) -> Reply {
        use Operation::*;
        let (status, body) = match self.operation {
            NewWebsocketAdapters | CloseWebsocketAdapters => (503, json!({})),
            NewTracks | CloseTracks | UpdateTracks => {
                (200, json!({ "requiresImmediateRenegotiation": false }))
            }
            _ => (200, json!({})),
        };
        self.put_back(Reply { status, body })
    }

    /// The reply with them, in their places.
    fn put_back(&self, reply: Reply) -> Reply {
        use Operation::{NewTracks, UpdateTracks};
        let mut body = match reply.body {
            Value::Object(body) => body,
            _ => serde_json::Map::new(),
        };
        let mut results = match body.remove(self.list) {
            Some(Value::Array(results)) => results,
            _ => Vec::new(),
        };
        for &index in &self.indices {
            let mut entry = self.entries().get(index).cloned().unwrap_or_default();
            if let Some(entry) = entry.as_object_mut() {
                // In others it says what was to be closed.
                if matches!(self.operation, NewTracks | UpdateTracks) {
                    entry.insert("mid".to_owned(), "".into());
                }
                entry.insert("errorCode".to_owned(), self.code.clone().into());
                entry.insert("errorDescription".to_owned(), "a fault of the emulator".into());
            }
            results.insert(index.min(results.len()), entry);
        }
        body.insert(self.list.to_owned(), results.into());
        Reply { status: reply.status, body: body.into() }
    }
}

fn broken(how: Break) -> Response {
    let mut response = Response::new(Body::empty());
    response.extensions_mut().insert(how);
    response
}

fn status_of(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// What of the query the API knows; it is small, so it is read by hand.
fn query(text: &str) -> Query {
    let mut query = Query::default();
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
        match &*name {
            "thirdparty" => query.third_party = value == "true",
            "correlationId" => query.correlation_id = Some(value.into_owned()),
            _ => {}
        }
    }
    query
}

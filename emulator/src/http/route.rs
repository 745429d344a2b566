//! Paths and queries of requests.

use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::refuse;
use crate::rules::{Operation, Query, Request};

/// A known path.
pub(super) struct Route {
    pub(super) app: String,
    pub(super) operation: Operation,
    pub(super) session: Option<String>,
}

impl Route {
    /// Returns the request to the rules.
    pub(super) fn request(self, query: Query, body: Vec<u8>) -> Request {
        let Self { app, operation, session } = self;
        Request { app, operation, session, query, body }
    }
}

/// Returns the operation of a path, or the refusal of an unknown one.
pub(super) fn route(method: &Method, path: &str) -> Result<Route, Box<Response>> {
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
        // The API answers unknown paths with 405 as well.
        _ => return Err(Box::new(StatusCode::METHOD_NOT_ALLOWED.into_response())),
    };
    if *method != expected {
        let allow = [(header::ALLOW, expected.as_str())];
        return Err(Box::new((StatusCode::METHOD_NOT_ALLOWED, allow).into_response()));
    }
    let session = session.map(str::to_owned);
    Ok(Route { app: (*app).to_owned(), operation, session })
}

/// Reads the known parameters of a query, which are few enough to read by hand.
pub(super) fn query(text: &str) -> Query {
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

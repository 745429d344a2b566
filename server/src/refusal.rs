//! Refusals, as the API would write them.

use std::fmt;
use std::time::Duration;

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use cloudflare_calls::error::{Error, Invalid, Remedy, Unusable};
use cloudflare_calls::store::StoreError;
use serde::Serialize;

/// Reasons for which a request is refused.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The token is missing or not good for this room.
    Unauthorized,
    /// The member does not have the permission.
    Forbidden,
    NotFound,
    /// The path has no such method.
    Method,
    /// The SFU does not have this operation.
    Unsupported,
    /// The room or the member has reached its limit.
    Full,
    /// The body or the query cannot be read. The message has nothing of the request.
    Undecodable(String),
    /// A value is not valid. The message has nothing of the request.
    Invalid(String),
    /// A session description is invalid, or not of the type that is needed. The message has nothing
    /// of the request.
    Unreadable(String),
    WrongType(String),
    TooLarge,
    TooMany {
        retry_after: Duration,
    },
    /// The media type is not the one that is needed.
    MediaType,
    /// The session has ended.
    Gone,
    /// No offer waits for this answer.
    NoExchange,
    /// The client of the Calls API failed.
    Calls(Box<Error>),
    /// The store of rooms or of sessions failed.
    Store(StoreError),
    /// The process takes no more requests.
    Draining,
}

/// Body of a refusal.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    error_code: &'a str,
    error_description: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<Remedy>,
}

impl Refused {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Unsupported => StatusCode::NOT_IMPLEMENTED,
            Self::Full | Self::NoExchange => StatusCode::CONFLICT,
            Self::Undecodable(_) | Self::Unreadable(_) => StatusCode::BAD_REQUEST,
            // 406 is the API's own status for it.
            Self::Invalid(_) | Self::WrongType(_) => StatusCode::NOT_ACCEPTABLE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Gone => StatusCode::GONE,
            Self::Calls(error) => status_of(error),
            Self::Store(_) | Self::Draining => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn code(&self) -> &str {
        match self {
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::Method => "method_not_allowed",
            Self::Unsupported => "not_implemented",
            Self::Full => "room_full",
            Self::Undecodable(_) => "decoding_error",
            Self::Invalid(_) => "invalid_params",
            Self::Unreadable(_) | Self::WrongType(_) => "invalid_session_description",
            Self::TooLarge => "payload_too_large",
            Self::TooMany { .. } => "too_many_requests",
            Self::MediaType => "unsupported_media_type",
            Self::Gone => "session_error",
            Self::NoExchange => "signaling_state_not_stable",
            Self::Calls(error) => code_of(error),
            Self::Store(_) | Self::Draining => "temporarily_unavailable_error",
        }
    }

    fn description(&self) -> &str {
        match self {
            Self::Unauthorized => "a token for this room is needed",
            Self::Forbidden => "this is not permitted",
            Self::NotFound => "the path, member or track does not exist",
            Self::Method => "the path has no such method",
            Self::Unsupported => "neither trickle ICE nor ICE restarts are possible",
            Self::Full => "the room or the member has reached its limit",
            Self::Undecodable(what)
            | Self::Invalid(what)
            | Self::Unreadable(what)
            | Self::WrongType(what) => what,
            Self::TooLarge => "the body is too large",
            Self::TooMany { .. } => "too many requests",
            Self::MediaType => "the body has to be application/sdp",
            Self::Gone => "the session has ended, a new one is needed",
            Self::NoExchange => "no offer waits for this answer",
            // The API's words are about the agent's request. Failures of the backend's own are not
            // for the agent.
            Self::Calls(error) if status_of(error).is_client_error() => {
                error.description().unwrap_or_else(|| words_of(error))
            }
            Self::Calls(error) => words_of(error),
            Self::Store(_) => "the store does not reply",
            Self::Draining => "this process is about to end",
        }
    }

    fn remedy(&self) -> Option<Remedy> {
        match self {
            Self::Calls(error) => Some(error.remedy()),
            Self::Gone => Some(Remedy::Rejoin),
            Self::Store(_) | Self::Draining | Self::TooMany { .. } => Some(Remedy::Wait),
            _ => None,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::TooMany { retry_after } => Some(*retry_after),
            Self::Calls(error) => error.retry_after(),
            _ => None,
        }
    }
}

/// Returns the API's status for errors that the agent can correct, and that of
/// [`Error::http_status`] for all others.
fn status_of(error: &Error) -> StatusCode {
    match error {
        Error::Invalid { .. } => StatusCode::NOT_ACCEPTABLE,
        Error::Unusable { reason: Unusable::NoDataTransport, .. } => StatusCode::NOT_ACCEPTABLE,
        Error::Request { .. } => match error.status() {
            Some(status) if is_the_agents(status) => status,
            _ => error.http_status(),
        },
        _ => error.http_status(),
    }
}

/// Returns whether the agent gets this status of the API unchanged. 401 and 404 are about the
/// backend's secret and app.
fn is_the_agents(status: StatusCode) -> bool {
    matches!(status.as_u16(), 400 | 406 | 409 | 410 | 413 | 425)
}

fn code_of(error: &Error) -> &str {
    match error {
        Error::Denied { .. } => "forbidden",
        Error::Invalid { .. } => "invalid_params",
        Error::Unusable { reason: Unusable::NoDataTransport, .. } => "invalid_params",
        Error::Unusable { reason: Unusable::NoSuchExchange, .. } => "signaling_state_not_stable",
        Error::Unusable { .. } => "session_error",
        Error::Store { .. } => "temporarily_unavailable_error",
        _ if error.status().is_some_and(|status| matches!(status.as_u16(), 401 | 404)) => {
            "backend_error"
        }
        _ => error.code().map_or("backend_error", |code| code.as_str()),
    }
}

fn words_of(error: &Error) -> &'static str {
    match error {
        Error::Denied { .. } => "this is not permitted",
        Error::Invalid { .. } => "a field of the request is not valid",
        Error::Unusable { reason: Unusable::NoDataTransport, .. } => {
            "the transport of data channels is not established"
        }
        Error::Unusable { reason: Unusable::NoSuchExchange, .. } => {
            "no offer waits for this answer"
        }
        Error::Unusable { .. } => "the session has ended, a new one is needed",
        Error::Store { .. } => "the store does not reply",
        Error::Items { .. } => "the Calls API refused every item",
        _ => "the Calls API failed",
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (status, code) = (self.status(), self.code());
        match &self {
            Self::Calls(error) => tracing::debug!(%status, code, %error, "refused"),
            Self::Store(error) => tracing::warn!(%status, code, %error, "refused"),
            _ => tracing::debug!(%status, code, "refused"),
        }
        let body =
            Body { error_code: code, error_description: self.description(), remedy: self.remedy() };
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
        if let Some(wait) = self.retry_after() {
            // The time is rounded up: a second too late is better than one more refusal.
            headers.insert(header::RETRY_AFTER, (wait.as_millis().div_ceil(1000) as u64).into());
        }
        if status == StatusCode::UNAUTHORIZED {
            let scheme = header::HeaderValue::from_static("Bearer");
            headers.insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.description())
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Calls(Box::new(error))
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Invalid> for Refused {
    fn from(invalid: Invalid) -> Self {
        let what = invalid.to_string();
        match &*invalid.field {
            "sessionDescription.sdp" => Self::Unreadable(what),
            "sessionDescription.type" => Self::WrongType(what),
            _ => Self::Invalid(what),
        }
    }
}

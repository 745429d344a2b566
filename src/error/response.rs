//! Errors as replies of axum's handlers.

use axum_core::body::Body;
use axum_core::response::{IntoResponse, Response};
use reqwest::StatusCode;

use super::{Error, Invalid};
use crate::session::registry::NotInserted;

/// The response has the status of [`Error::http_status`], and the error as JSON.
impl IntoResponse for Error {
    fn into_response(self) -> Response {
        // The error has three fields of text, so it always serializes.
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.http_status();
        let headers = response.headers_mut();
        let json = reqwest::header::HeaderValue::from_static("application/json");
        headers.insert(reqwest::header::CONTENT_TYPE, json);
        if let Some(wait) = self.retry_after() {
            headers.insert(reqwest::header::RETRY_AFTER, wait.as_secs().into());
        }
        response
    }
}

/// The response is 400, with the field and its problem as text.
impl IntoResponse for Invalid {
    fn into_response(self) -> Response {
        (StatusCode::BAD_REQUEST, self.to_string()).into_response()
    }
}

/// The response is 503: the registry has no room for the session.
impl IntoResponse for Box<NotInserted> {
    fn into_response(self) -> Response {
        StatusCode::SERVICE_UNAVAILABLE.into_response()
    }
}

//! Errors as replies of axum's handlers.

use axum_core::body::Body;
use axum_core::response::{IntoResponse, Response};
use reqwest::StatusCode;

use super::{Error, Invalid};
use crate::session::registry::NotInserted;

/// The status of [`Error::http_status`], and the error as JSON.
impl IntoResponse for Error {
    fn into_response(self) -> Response {
        // It has three fields of text, so it can always be written.
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

/// 400: the field and what is wrong with it, as text.
impl IntoResponse for Invalid {
    fn into_response(self) -> Response {
        (StatusCode::BAD_REQUEST, self.to_string()).into_response()
    }
}

/// 503: there is no room for the session.
impl IntoResponse for Box<NotInserted> {
    fn into_response(self) -> Response {
        StatusCode::SERVICE_UNAVAILABLE.into_response()
    }
}

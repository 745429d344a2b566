//! An error as the reply of an axum handler.

use axum_core::body::Body;
use axum_core::response::{IntoResponse, Response};

use super::Error;

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

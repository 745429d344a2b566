//! Bodies other than JSON.

use super::exchange::{Reply, Request};

impl Request<'_> {
    /// Sets the `Content-Type`.
    pub(crate) fn media(&mut self, media: &'static str) {
        if let Ok(media) = reqwest::header::HeaderValue::from_str(media) {
            self.inner.headers_mut().insert(reqwest::header::CONTENT_TYPE, media);
        }
    }

    /// Sets the `Accept`.
    pub(crate) fn accept(&mut self, media: &'static str) {
        if let Ok(media) = reqwest::header::HeaderValue::from_str(media) {
            self.inner.headers_mut().insert(reqwest::header::ACCEPT, media);
        }
    }

    /// Sets a body that is sent as it is.
    pub(crate) fn bytes(&mut self, body: Vec<u8>, media: &'static str) {
        *self.inner.body_mut() = Some(body.into());
        self.media(media);
    }
}

impl Reply {
    /// Returns the body of a success as it was received.
    pub(crate) fn bytes(self) -> Vec<u8> {
        self.body
    }

    /// Returns the body of a success as text. Bytes that are not UTF-8 are replaced.
    pub(crate) fn text(self) -> String {
        match String::from_utf8(self.body) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        }
    }
}

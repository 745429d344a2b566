//! Origins whose pages may use the server.

use axum::http::{HeaderMap, header};

/// Origin of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The request has no origin: it is not from a browser's page.
    None,
    /// The origin is the server's own host, or one that was named.
    Allowed,
    /// The origin is another one.
    Other,
}

impl Origin {
    pub(super) fn of(headers: &HeaderMap, allowed: &[String]) -> Self {
        let Some(origin) = headers.get(header::ORIGIN) else { return Self::None };
        let Ok(origin) = origin.to_str() else { return Self::Other };
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let own = origin.split_once("://").map(|(_, host)| host);
        let is_own = own.is_some() && own == host;
        match is_own || allowed.iter().any(|other| other == origin) {
            true => Self::Allowed,
            false => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn pages_of_the_own_host_and_of_named_origins_are_allowed() {
        let mut headers = HeaderMap::new();
        let named = ["https://app.example".to_owned()];
        assert_eq!(Origin::of(&headers, &named), Origin::None);
        headers.insert(header::HOST, HeaderValue::from_static("calls.example"));
        for (origin, expected) in [
            ("https://calls.example", Origin::Allowed),
            ("https://app.example", Origin::Allowed),
            ("http://app.example", Origin::Other),
            ("https://app.example.org", Origin::Other),
            ("https://calls.example:8443", Origin::Other),
            ("null", Origin::Other),
        ] {
            headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
            assert_eq!(Origin::of(&headers, &named), expected, "{origin}");
        }
    }
}

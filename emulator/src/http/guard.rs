//! Guard against web pages of other origins.
//!
//! Any page in the developer's browser can send requests to this machine. The API itself is guarded
//! by its secret. The other paths accept requests of the emulator's own page and of programs only.
//! Nothing is served under a foreign name that a page could resolve to this machine (DNS
//! rebinding).

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use super::{page, refuse};

/// Refuses requests whose `Host` is a foreign name with 421 (RFC 9110 section 15.5.20). An address,
/// `localhost` and names below it are this machine's own.
pub(super) async fn own_host(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    if host.is_none_or(is_own) {
        return next.run(request).await;
    }
    let status = StatusCode::MISDIRECTED_REQUEST;
    refuse(status, "misdirected_request", "the host of the request is not this machine")
}

/// Refuses requests that a browser makes for a page of another origin, with 403. Adds the page's
/// policy to responses, and forbids other pages to embed them.
pub(super) async fn own_origin(request: Request, next: Next) -> Response {
    if is_of_another_origin(request.headers()) {
        let description = "the request comes from a page of another origin";
        return refuse(StatusCode::FORBIDDEN, "forbidden", description);
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, page::POLICY);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// Returns true if the browser says so (`Sec-Fetch-Site`, W3C Fetch Metadata), or if the origin is
/// not that of the host. Programs send neither header.
fn is_of_another_origin(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    if text("sec-fetch-site").is_some_and(|site| !matches!(site, "same-origin" | "none")) {
        return true;
    }
    let host = text("host").unwrap_or_default();
    text("origin").is_some_and(|origin| {
        origin.strip_prefix("http://").or(origin.strip_prefix("https://")) != Some(host)
    })
}

/// Returns whether a `Host` is an address, or a name that always is this machine.
fn is_own(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _port)| name),
    };
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name.parse::<IpAddr>().is_ok() || name == "localhost" || name.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_localhost_are_this_machine() {
        for own in [
            "127.0.0.1:8787",
            "127.0.0.1",
            "192.168.1.7:8787",
            "[::1]:8787",
            "[fe80::1]",
            "localhost:8787",
            "LOCALHOST.",
            "calls.localhost:1",
        ] {
            assert!(is_own(own), "{own}");
        }
        for other in ["evil.example:8787", "localhost.evil.example", "127.0.0.1.nip.io", "", "[x]"]
        {
            assert!(!is_own(other), "{other}");
        }
    }
}

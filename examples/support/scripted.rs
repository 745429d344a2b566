//! A server that says yes to every request of the lifecycle.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=ice-lite\r\n";

/// Starts on a free port of this machine; stops when it is dropped.
pub(crate) async fn start() -> MockServer {
    let server = MockServer::start().await;
    let next = AtomicUsize::new(1);
    let answer = move |request: &Request| {
        let (status, body) = reply(request, next.fetch_add(1, Ordering::Relaxed));
        ResponseTemplate::new(status).set_body_json(body)
    };
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

/// The reply to a request; `number` is its place among all.
fn reply(request: &Request, number: usize) -> (u16, Value) {
    let path: Vec<&str> = request.url.path().split('/').skip(4).collect();
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    match (request.method.as_str(), path.as_slice()) {
        ("POST", ["sessions", "new"]) => (201, json!({ "sessionId": format!("{number:032x}") })),
        ("POST", ["sessions", _, "tracks", "new"]) => (200, new_tracks(&body, number)),
        ("PUT", ["sessions", _, "renegotiate"]) => (200, json!({})),
        ("PUT", ["sessions", _, "tracks", "close"]) => (200, json!({ "tracks": body["tracks"] })),
        _ => (404, json!({ "errorCode": "not_found", "errorDescription": "not scripted" })),
    }
}

/// With an offer its answer, without one an offer and new mids.
fn new_tracks(body: &Value, number: usize) -> Value {
    let mut tracks = body["tracks"].as_array().cloned().unwrap_or_default();
    let is_local = body.get("sessionDescription").is_some();
    if !is_local {
        for (index, track) in tracks.iter_mut().enumerate() {
            track["mid"] = json!(format!("{}", 10 * number + index));
        }
    }
    json!({
        "requiresImmediateRenegotiation": !is_local,
        "sessionDescription": { "type": if is_local { "answer" } else { "offer" }, "sdp": SDP },
        "tracks": tracks,
    })
}

//! A server that answers each operation with an example of the document.

use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

/// The examples, as `openapi.json` has them.
const DOCUMENT: &str = include_str!("../../openapi.json");

/// Starts on a free port of this machine; stops when it is dropped.
pub(crate) async fn start() -> Result<MockServer, serde_json::Error> {
    let document: Value = serde_json::from_str(DOCUMENT)?;
    let server = MockServer::start().await;
    let answer = move |request: &Request| {
        let (status, body) = reply(&document, request);
        ResponseTemplate::new(status).set_body_json(body)
    };
    Mock::given(any()).respond_with(answer).mount(&server).await;
    Ok(server)
}

/// The example for a request.
fn reply(document: &Value, request: &Request) -> (u16, Value) {
    let method = request.method.as_str();
    let parts: Vec<&str> = request.url.path().trim_start_matches("/v1/apps/").split('/').collect();
    let sent: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let media = |path: &str, status: &str| -> &Value {
        let operation = &document["paths"][format!("/apps/{{appId}}{path}")][method.to_lowercase()];
        &operation["responses"][status]["content"]["application/json"]
    };
    let of_session = |path: &str| media(&format!("/sessions/{{sessionId}}{path}"), "200");
    match (method, &parts[1..]) {
        ("POST", ["sessions", "new"]) => {
            (201, media("/sessions/new", "201")["schema"]["allOf"][1]["example"].clone())
        }
        ("POST", ["sessions", _, "tracks", "new"]) => {
            let is_offer = sent.get("sessionDescription").is_some();
            let name = if is_offer { "local_tracks" } else { "remote_tracks" };
            (200, of_session("/tracks/new")["examples"][name]["value"].clone())
        }
        ("PUT", ["sessions", _, "renegotiate"]) => {
            (200, of_session("/renegotiate")["example"].clone())
        }
        ("PUT", ["sessions", _, "tracks", "close"]) => {
            // The example with the mids that were asked for.
            let mut reply = of_session("/tracks/close")["examples"]["forced"]["value"].clone();
            reply["tracks"] = sent["tracks"].clone();
            (200, reply)
        }
        ("GET", ["sessions", _]) => (200, of_session("")["example"].clone()),
        _ => (404, json!({ "errorCode": "not_found", "errorDescription": "not scripted" })),
    }
}

//! Privacy: neither the secret nor a session description reaches logs, messages or `Debug` output.

use cloudflare_calls::error::OperationError;
use cloudflare_calls::types::*;
use serde_json::json;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::logs::{self, assert_clean};
use super::{SECRET, SESSION, client, session};

const SDP: &str = "v=0\r\na=ice-ufrag:uFr4g\r\na=ice-pwd:1cePassw0rd\r\n";

/// Runs one exchange and returns the error, if there was one.
async fn publish(reply: ResponseTemplate) -> Result<TracksResponse, OperationError<ApiError>> {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(reply).mount(&server).await;
    let body = TracksRequest::new().session_description(SessionDescription::offer(SDP));
    assert_clean("Debug of a request", &format!("{body:?} {body:#?}"));
    let client = client(&server.uri());
    let session = session();
    let request = client.new_tracks(&session, &body);
    assert_clean("Debug of an operation", &format!("{client:?} {request:?}"));
    request.send().await
}

#[tokio::test]
async fn nothing_private_is_logged_or_shown_whatever_the_server_does() {
    logs::capture();
    let echo = format!("Bearer {SECRET} sent {SDP}");
    let good = json!({ "sessionDescription": { "type": "answer", "sdp": SDP } });
    let replies = [
        ResponseTemplate::new(200).set_body_json(&good),
        ResponseTemplate::new(200).set_body_json(json!({ "sessionDescription": SDP })),
        ResponseTemplate::new(200).set_body_json(json!({ "tracks": [{ "mid": { "sdp": SDP } }] })),
        ResponseTemplate::new(200).set_body_string(&good.to_string()[..40]),
        ResponseTemplate::new(400)
            .set_body_json(json!({ "errorCode": SDP, "errorDescription": echo })),
        ResponseTemplate::new(400).set_body_json(&good),
        ResponseTemplate::new(502).set_body_string(&echo),
        ResponseTemplate::new(502).set_body_string(SECRET.repeat(100)),
    ];
    for reply in replies {
        match publish(reply).await {
            Ok(reply) => assert_clean("Debug of a reply", &format!("{reply:?}")),
            Err(error) => assert_clean("an error", &format!("{error} {error:?} {error:#?}")),
        }
    }
    let unreachable = client("http://127.0.0.1:1").new_session().send().await.unwrap_err();
    assert_clean("an error", &format!("{unreachable} {unreachable:?}"));
    assert!(!format!("{unreachable:?}").contains("/apps/"), "errors have no URL: {unreachable:?}");

    let log = logs::checked();
    assert!(log.contains("calls_operation") && log.contains("operation=\"new_tracks\""), "{log}");
    assert!(
        log.contains("method=POST") && log.contains("status=200") && log.contains("duration_ms="),
        "{log}"
    );
    assert!(!log.is_empty());
    for line in log.lines() {
        assert!(!line.contains(SESSION) && !line.contains("/apps/"), "ids are not logged: {line}");
    }
}

#[tokio::test]
async fn an_error_source_shows_no_url() {
    let error = client("http://127.0.0.1:1").get_session(&session()).send().await.unwrap_err();
    let mut source: Option<&dyn std::error::Error> = Some(&error);
    let mut depth = 0;
    while let Some(current) = source {
        assert!(!current.to_string().contains(SESSION), "{current}");
        source = current.source();
        depth += 1;
    }
    assert!(depth >= 2, "the cause is kept");
}

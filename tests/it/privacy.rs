//! Neither the secret nor a session description reaches logs, messages or
//! `Debug` output.

use std::io::Write;
use std::sync::{Arc, Mutex};

use cloudflare_calls::OperationError;
use cloudflare_calls::types::*;
use serde_json::json;
use tracing_subscriber::fmt::format::FmtSpan;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::{SECRET, SESSION, client, session};

const SDP: &str = "v=0\r\na=ice-ufrag:uFr4g\r\na=ice-pwd:1cePassw0rd\r\n";

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn assert_clean(what: &str, text: &str) {
    for private in [SECRET, "ice-pwd", "1cePassw0rd", "uFr4g", "v=0"] {
        assert!(!text.contains(private), "{what} shows {private}: {text}");
    }
}

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

/// Logs of all tests in this process: a subscriber of one thread would miss
/// spans whose call site another thread has met before.
#[tokio::test]
async fn nothing_private_is_logged_or_shown_whatever_the_server_does() {
    let captured = Captured::default();
    let writer = captured.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_span_events(FmtSpan::FULL)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).expect("no other test sets one");
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
    for (index, reply) in replies.into_iter().enumerate() {
        match publish(reply).await {
            Ok(reply) => assert_clean("Debug of a reply", &format!("{reply:?}")),
            Err(error) if index == 4 => {
                // The code is data and kept; only what is shown is cut.
                assert_clean("a message", &error.to_string());
            }
            Err(error) => assert_clean("an error", &format!("{error} {error:?} {error:#?}")),
        }
    }
    let unreachable = client("http://127.0.0.1:1").new_session().send().await.unwrap_err();
    assert_clean("an error", &format!("{unreachable} {unreachable:?}"));
    assert!(!format!("{unreachable:?}").contains("/apps/"), "errors have no URL: {unreachable:?}");

    let log = captured.text();
    assert_clean("the log", &log);
    assert!(log.contains("calls_operation") && log.contains("operation=\"new_tracks\""), "{log}");
    assert!(
        log.contains("method=POST") && log.contains("status=200") && log.contains("duration_ms="),
        "{log}"
    );
    let own: Vec<&str> = log.lines().filter(|line| line.contains("cloudflare_calls")).collect();
    assert!(!own.is_empty());
    for line in own {
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

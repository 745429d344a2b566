//! Failures of operations, each with an error of its own kind.

use std::time::Duration;

use cloudflare_calls::error::{ConfigError, ErrorBody, OperationError};
use cloudflare_calls::types::*;
use cloudflare_calls::{Client, SecretString};
use serde_json::json;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::{APP, SECRET, client, raw_server, session};

async fn get(reply: ResponseTemplate) -> OperationError<ApiError> {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(reply).mount(&server).await;
    client(&server.uri()).get_session(&session()).send().await.expect_err("an error")
}

fn one_adapter() -> NewAdapterRequest {
    NewAdapterRequest::new([NewAdapter::new("wss://e.example", TrackLocation::Local, "t")])
}

async fn new_adapter(reply: ResponseTemplate) -> OperationError<NewWebsocketAdaptersError> {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(reply).mount(&server).await;
    client(&server.uri()).new_websocket_adapters(&one_adapter()).send().await.expect_err("an error")
}

#[tokio::test]
async fn an_api_error_is_typed_on_every_operation() {
    let body =
        json!({ "errorCode": "session_error", "errorDescription": "Session is not ready yet" });
    let error = get(ResponseTemplate::new(425).set_body_json(body)).await;
    assert_eq!(error.status().map(|status| status.as_u16()), Some(425));
    assert_eq!(error.operation(), "get_session");
    let body = error.body().expect("the API's error");
    assert_eq!(body.error_code, ErrorCode::SessionError);
    assert_eq!(body.description(), Some("Session is not ready yet"));
    assert_eq!(
        error.to_string(),
        "get_session: refused with 425: session_error: Session is not ready yet"
    );
}

#[tokio::test]
async fn an_api_error_without_description_is_typed() {
    let error =
        get(ResponseTemplate::new(500).set_body_json(json!({ "errorCode": "internal_error" })))
            .await;
    assert_eq!(error.body().map(|body| &body.error_code), Some(&ErrorCode::InternalError));
}

#[tokio::test]
async fn the_adapters_tell_their_errors_apart() {
    let failed =
        json!({ "tracks": [{ "trackName": "t", "errorCode": "websocket_handshake_failed" }] });
    let error = new_adapter(ResponseTemplate::new(503).set_body_json(failed)).await;
    match error.body() {
        Some(NewWebsocketAdaptersError::NewAdapterResponse(body)) => {
            assert_eq!(body.tracks[0].error_code, Some(ErrorCode::WebsocketHandshakeFailed));
        }
        other => panic!("{other:?}"),
    }
    for status in [400, 401, 406, 500] {
        let body =
            json!({ "errorCode": "invalid_params", "errorDescription": "Expecting at most 4" });
        let error = new_adapter(ResponseTemplate::new(status).set_body_json(body)).await;
        assert!(matches!(error.body(), Some(NewWebsocketAdaptersError::ApiError(_))), "{error:?}");
        assert_eq!(error.status().map(|status| status.as_u16()), Some(status));
    }
}

#[tokio::test]
async fn an_html_page_is_an_error_with_status_excerpt_and_its_title_as_message() {
    let page = format!("<html>\n<title>502 Bad gateway</title>{}</html>", "x".repeat(10_000));
    let error = get(ResponseTemplate::new(502).set_body_raw(page.clone(), "text/html")).await;
    let OperationError::Unexpected { reply, excerpt, .. } = &error else { panic!("{error:?}") };
    assert_eq!(reply.status.as_u16(), 502);
    assert!(excerpt.starts_with("<html> <title>502 Bad gateway"), "{excerpt}");
    assert!(excerpt.chars().count() <= 513, "{}", excerpt.chars().count());
    let message = "get_session: unexpected reply with 502: HTML page \"502 Bad gateway\"";
    assert_eq!(error.to_string(), message);
    let error = new_adapter(ResponseTemplate::new(503).set_body_raw(page, "text/html")).await;
    assert!(matches!(error, OperationError::Unexpected { .. }), "{error:?}");
}

#[tokio::test]
async fn an_empty_body_json_of_another_kind_and_bytes_are_unexpected() {
    for body in
        [&b""[..], b"{}", b"null", b"[1]", b"\"text\"", b"{\"errorCode\":", b"\xff\xfe\x00\x80"]
    {
        let error = get(ResponseTemplate::new(500).set_body_bytes(body)).await;
        assert!(matches!(error, OperationError::Unexpected { .. }), "{body:?}: {error:?}");
        assert_eq!(error.status().map(|status| status.as_u16()), Some(500));
    }
}

#[tokio::test]
async fn a_redirection_is_not_followed() {
    let elsewhere = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(200)).expect(0).mount(&elsewhere).await;
    let error = get(ResponseTemplate::new(307).insert_header("location", elsewhere.uri())).await;
    assert!(matches!(error, OperationError::Unexpected { .. }), "{error:?}");
}

#[tokio::test]
async fn a_success_that_is_not_as_documented_says_where() {
    for (body, problem) in [
        (
            json!({ "tracks": [{ "mid": "0" }, { "mid": 7 }] }).to_string(),
            "tracks[1].mid: expected a string",
        ),
        (json!({ "tracks": { "a": 1 } }).to_string(), "tracks: expected a list"),
        (
            json!({ "dataChannels": [{ "sessionId": "../x" }] }).to_string(),
            "dataChannels[0].sessionId: invalid value",
        ),
        ("{\"tracks\": [".to_owned(), "not JSON"),
        ("<html>".to_owned(), "not JSON"),
        (String::new(), "not JSON"),
        ("{} {}".to_owned(), "more follows"),
    ] {
        let error = get(ResponseTemplate::new(200).set_body_string(body.as_str())).await;
        let OperationError::Undecodable { problem: found, .. } = &error else {
            panic!("{body}: {error:?}")
        };
        assert!(found.contains(problem), "{body}: {found}");
    }
}

#[tokio::test]
async fn a_missing_required_field_is_named() {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(201).set_body_json(json!({})))
        .mount(&server)
        .await;
    let error = client(&server.uri()).new_session().send().await.unwrap_err();
    assert!(error.to_string().contains("missing field `sessionId`"), "{error}");
}

#[tokio::test]
async fn retry_after_is_read() {
    let error = get(ResponseTemplate::new(429).insert_header("retry-after", "7")).await;
    assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
    let error = get(ResponseTemplate::new(429).insert_header("retry-after", "soon")).await;
    assert_eq!(error.retry_after(), None);
}

#[tokio::test]
async fn no_connection_and_a_time_out_are_told_apart() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let slow = Client::builder(AppId::new(APP).unwrap(), SecretString::from(SECRET))
        .base_url(format!("http://{address}"))
        .timeout(Duration::from_millis(50))
        .build()
        .unwrap();
    let error = slow.new_session().send().await.unwrap_err();
    assert_eq!(error.to_string(), "new_session: no complete reply in time");
    drop(listener);
    let error = slow.new_session().send().await.unwrap_err();
    assert_eq!(error.to_string(), "new_session: no connection");
    assert!(matches!(&error, OperationError::Transport { source, .. } if source.is_connect()));
}

#[tokio::test]
async fn a_reply_that_breaks_off_is_a_transport_error() {
    let reply = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"tracks\":";
    let base = raw_server(reply).await;
    let error = client(&base).get_session(&session()).send().await.unwrap_err();
    assert!(matches!(error, OperationError::Transport { .. }), "{error:?}");
    let base = raw_server("").await;
    let error = client(&base).get_session(&session()).send().await.unwrap_err();
    assert!(matches!(error, OperationError::Transport { .. }), "{error:?}");
}

#[tokio::test]
async fn a_reply_without_end_is_cut_off() {
    let mut reply = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    reply.resize(17 * 1024 * 1024, b' ');
    let base = raw_server(reply).await;
    let error = client(&base).get_session(&session()).send().await.unwrap_err();
    assert!(matches!(error, OperationError::TooLarge { .. }), "{error:?}");
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let build = |base: &str, secret: &str| {
        Client::builder(AppId::new(APP).unwrap(), SecretString::from(secret))
            .base_url(base)
            .build()
            .map(drop)
    };
    for base in [
        "",
        "/v1",
        "ftp://x/v1",
        "http://",
        "http://x/?a",
        "http://x/#a",
        "http://u:p@x/",
        "mailto:x",
    ] {
        assert_eq!(build(base, SECRET), Err(ConfigError::BaseUrl), "{base}");
    }
    for secret in ["", "a\nb", "a\0"] {
        assert_eq!(build("https://x", secret), Err(ConfigError::Secret), "{secret:?}");
    }
    assert_eq!(build("https://x/v1/", SECRET), Ok(()));
    assert!(Client::new(AppId::new(APP).unwrap(), SecretString::from(SECRET)).is_ok());
}

#[tokio::test]
async fn a_base_url_may_end_in_a_slash_and_have_a_path() {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({})))
        .mount(&server)
        .await;
    for (base, prefix) in [("", ""), ("/", ""), ("/a/v1", "/a/v1"), ("/a/v1/", "/a/v1")] {
        let client = client(&format!("{}{base}", server.uri()));
        client.get_session(&session()).send().await.unwrap();
        let requests = server.received_requests().await.unwrap();
        let path = requests.last().unwrap().url.path();
        assert_eq!(path, format!("{prefix}/apps/{APP}/sessions/{}", super::SESSION));
    }
}

#[tokio::test]
async fn a_client_of_ones_own_is_used() {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({})))
        .mount(&server)
        .await;
    let http = cloudflare_calls::reqwest::Client::builder().user_agent("mine").build().unwrap();
    let client = Client::builder(AppId::new(APP).unwrap(), SecretString::from(SECRET))
        .base_url(server.uri())
        .http_client(http)
        .build()
        .unwrap();
    client.get_session(&session()).send().await.unwrap();
    assert_eq!(server.received_requests().await.unwrap()[0].headers["user-agent"], "mine");
}

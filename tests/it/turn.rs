//! TURN credentials: requests, replies and refusals.

use std::time::Duration;

use cloudflare_calls::SecretString;
use cloudflare_calls::error::{ConfigError, InvalidId, OperationError, Problem};
use cloudflare_calls::ice::{IceServer, IceServers, MAX_TTL, TurnClient, TurnError, TurnKeyId};
use cloudflare_calls::types::ErrorCode;
use serde_json::{Value, json};
use wiremock::matchers::{any, body_json, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::logs::{self, assert_clean};
use super::{SECRET, TURN_CREDENTIAL, TURN_USERNAME};

const KEY: &str = "2a95132c15732412d22c1476fa83f27a";
const HOUR: Duration = Duration::from_secs(60 * 60);

fn turn(base_url: &str) -> TurnClient {
    TurnClient::builder(TurnKeyId::new(KEY).unwrap(), SecretString::from(SECRET))
        .base_url(base_url)
        .build()
        .unwrap()
}

/// Returns two servers, as Cloudflare's documentation shows them.
fn ice_servers() -> Value {
    json!({ "iceServers": [
        { "urls": ["stun:stun.cloudflare.com:3478", "stun:stun.cloudflare.com:53"] },
        {
            "urls": [
                "turn:turn.cloudflare.com:3478?transport=udp",
                "turn:turn.cloudflare.com:53?transport=udp",
                "turns:turn.cloudflare.com:443?transport=tcp",
            ],
            "username": TURN_USERNAME,
            "credential": TURN_CREDENTIAL,
        },
    ] })
}

/// Starts a server with one reply to all requests.
async fn server(reply: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(reply).mount(&server).await;
    server
}

async fn generate(reply: ResponseTemplate) -> Result<IceServers, TurnError> {
    turn(&server(reply).await.uri()).generate(HOUR).send().await
}

async fn revoke(reply: ResponseTemplate) -> Result<(), TurnError> {
    turn(&server(reply).await.uri()).revoke(TURN_USERNAME).send().await
}

#[tokio::test]
async fn generate_asks_for_a_lifetime_in_seconds() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path(format!("/turn/keys/{KEY}/credentials/generate-ice-servers")))
        .and(header("authorization", format!("Bearer {SECRET}")))
        .and(header("content-type", "application/json"))
        .and(body_json(json!({ "ttl": 3600 })))
        .respond_with(ResponseTemplate::new(201).set_body_json(ice_servers()))
        .expect(1)
        .mount(&server)
        .await;
    let servers = turn(&server.uri()).generate(HOUR).send().await.unwrap();
    assert_eq!(serde_json::to_value(&servers).unwrap(), ice_servers()["iceServers"]);
    assert_eq!(servers.iter().find_map(IceServer::username), Some(TURN_USERNAME));
    assert_eq!(servers.for_browsers().iter().flat_map(IceServer::urls).count(), 3);
}

#[tokio::test]
async fn generate_sends_an_identifier_only_where_one_is_set() {
    let server = server(ResponseTemplate::new(201).set_body_json(ice_servers())).await;
    turn(&server.uri()).generate(HOUR).custom_identifier("room 7").send().await.unwrap();
    let requests = server.received_requests().await.unwrap();
    let body: Value = requests[0].body_json().unwrap();
    assert_eq!(body, json!({ "ttl": 3600, "customIdentifier": "room 7" }));
}

#[tokio::test]
async fn a_lifetime_out_of_range_is_refused_before_anything_is_sent() {
    let server = server(ResponseTemplate::new(201).set_body_json(ice_servers())).await;
    let turn = turn(&server.uri());
    for ttl in [
        Duration::ZERO,
        Duration::from_millis(999),
        MAX_TTL + Duration::from_secs(1),
        Duration::MAX,
    ] {
        let error = turn.generate(ttl).send().await.unwrap_err();
        let TurnError::Invalid(invalid) = &error else { panic!("{ttl:?}: {error:?}") };
        assert_eq!(invalid.field, "ttl");
        assert_eq!(invalid.problem, Problem::OutOfRange { min: 1, max: 172_800 });
        assert_eq!(error.to_string(), "ttl: is not from 1 to 172800");
        assert_eq!(error.status(), None);
    }
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn fractions_of_a_second_are_left_out() {
    let server = server(ResponseTemplate::new(201).set_body_json(ice_servers())).await;
    for (ttl, seconds) in [
        (Duration::from_secs(1), 1),
        (Duration::from_millis(1999), 1),
        (MAX_TTL, 172_800),
        (MAX_TTL + Duration::from_millis(1), 172_800),
    ] {
        turn(&server.uri()).generate(ttl).send().await.unwrap();
        let requests = server.received_requests().await.unwrap();
        let body: Value = requests.last().unwrap().body_json().unwrap();
        assert_eq!(body, json!({ "ttl": seconds }), "{ttl:?}");
    }
}

#[tokio::test]
async fn revoke_names_the_credentials_in_the_path() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path(format!("/turn/keys/{KEY}/credentials/{TURN_USERNAME}/revoke")))
        .and(header("authorization", format!("Bearer {SECRET}")))
        .respond_with(ResponseTemplate::new(204))
        .expect(1)
        .mount(&server)
        .await;
    turn(&server.uri()).revoke(TURN_USERNAME).send().await.unwrap();
    assert!(server.received_requests().await.unwrap()[0].body.is_empty());
}

#[tokio::test]
async fn a_username_stays_one_segment_of_the_path() {
    let server = server(ResponseTemplate::new(204)).await;
    let turn = turn(&server.uri());
    turn.revoke("1700000000:user@example.com;<>\"").send().await.unwrap();
    let requests = server.received_requests().await.unwrap();
    let segments: Vec<_> = requests[0].url.path_segments().unwrap().collect();
    assert_eq!(segments.len(), 6, "{segments:?}");
    assert_eq!(segments[4], "1700000000:user@example.com;%3C%3E%22");
    assert_eq!(segments[5], "revoke");
}

#[tokio::test]
async fn a_username_that_leads_elsewhere_is_refused_before_anything_is_sent() {
    let server = server(ResponseTemplate::new(204)).await;
    let turn = turn(&server.uri());
    for (username, problem) in [
        ("", Problem::Empty),
        (".", Problem::Malformed),
        ("..", Problem::Malformed),
        ("a/../../b", Problem::Malformed),
        ("a/b", Problem::Malformed),
        ("a\\b", Problem::Malformed),
        ("a?b", Problem::Malformed),
        ("a#b", Problem::Malformed),
        ("%2e%2e", Problem::Malformed),
        ("a b", Problem::Malformed),
        ("a\r\nb", Problem::Malformed),
        (&"a".repeat(257), Problem::Malformed),
    ] {
        let error = turn.revoke(username).send().await.unwrap_err();
        let TurnError::Invalid(invalid) = &error else { panic!("{username:?}: {error:?}") };
        assert_eq!((invalid.field.as_ref(), invalid.problem), ("username", problem));
    }
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn credentials_that_are_unknown_are_an_error() {
    let error = revoke(ResponseTemplate::new(404).set_body_string("not found")).await.unwrap_err();
    assert_eq!(error.status().map(|status| status.as_u16()), Some(404));
    assert!(matches!(error, TurnError::Request(OperationError::Unexpected { .. })), "{error:?}");
    assert_eq!(error.to_string(), "turn_revoke: unexpected reply with 404: \"not found\"");
}

#[tokio::test]
async fn an_error_of_the_api_is_typed() {
    let body = json!({ "errorCode": "unauthorized", "errorDescription": "wrong token" });
    let error = generate(ResponseTemplate::new(401).set_body_json(body)).await.unwrap_err();
    let TurnError::Request(request) = &error else { panic!("{error:?}") };
    assert_eq!(request.body().map(|body| &body.error_code), Some(&ErrorCode::Unauthorized));
    assert_eq!(error.to_string(), "turn_generate: refused with 401: unauthorized: wrong token");
}

#[tokio::test]
async fn a_reply_of_another_shape_says_where() {
    for (body, problem) in [
        (json!({}), "missing field `iceServers`"),
        (json!({ "iceServers": { "urls": "stun:a" } }), "expected a sequence"),
        (json!({ "iceServers": [{ "username": "u" }] }), "missing field `urls`"),
        (json!({ "iceServers": [{ "urls": 1 }] }), "expected a URL or a list of URLs"),
    ] {
        let error = generate(ResponseTemplate::new(201).set_body_json(&body)).await.unwrap_err();
        assert!(error.to_string().contains(problem), "{body}: {error}");
    }
}

#[tokio::test]
async fn no_connection_has_its_cause() {
    let error = turn("http://127.0.0.1:1").generate(HOUR).send().await.unwrap_err();
    assert_eq!(error.to_string(), "turn_generate: no connection: connection refused");
    assert!(std::error::Error::source(&error).is_some());
    assert_eq!(error.status(), None);
}

#[tokio::test]
async fn credentials_are_shown_neither_in_results_nor_in_errors_nor_in_logs() {
    logs::capture();
    let client = turn("http://127.0.0.1:1");
    let requests = (client.generate(HOUR), client.revoke(TURN_USERNAME));
    assert_clean("Debug of requests", &format!("{client:?} {requests:?}"));
    for (status, body) in [
        (201, ice_servers()),
        (201, json!({ "iceServers": [{ "urls": 1, "credential": TURN_CREDENTIAL }] })),
        (201, json!({ "iceServers": TURN_CREDENTIAL })),
        (500, ice_servers()),
        (500, ice_servers()["iceServers"][1].clone()),
    ] {
        let result = generate(ResponseTemplate::new(status).set_body_json(body)).await;
        assert_clean("a result of generate", &format!("{result:?}"));
    }
    let said = format!("{SECRET} does not know {TURN_USERNAME}");
    let error = json!({ "errorCode": "not_found", "errorDescription": said });
    for reply in [
        ResponseTemplate::new(204),
        ResponseTemplate::new(404).set_body_json(error),
        ResponseTemplate::new(404).set_body_string(said),
    ] {
        let result = revoke(reply).await;
        assert_clean("a result of revoke", &format!("{result:?}"));
    }
    let unreachable = client.revoke(TURN_USERNAME).send().await.unwrap_err();
    assert_clean("an error", &format!("{unreachable} {unreachable:?}"));

    let error =
        generate(ResponseTemplate::new(500).set_body_json(ice_servers())).await.unwrap_err();
    assert!(error.to_string().contains("[credentials removed]"), "{error}");
    let said = format!("no {TURN_USERNAME} here");
    let error = revoke(ResponseTemplate::new(404).set_body_string(said)).await.unwrap_err();
    assert!(error.to_string().contains("no [username] here"), "{error}");
    assert!(logs::checked().contains("operation=\"turn_revoke\""));
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let build = |base: &str, token: &str| {
        TurnClient::builder(TurnKeyId::new(KEY).unwrap(), SecretString::from(token))
            .base_url(base)
            .timeout(HOUR)
            .http_client(cloudflare_calls::reqwest::Client::new())
            .build()
            .map(drop)
    };
    assert_eq!(build("not a URL", SECRET), Err(ConfigError::BaseUrl));
    assert_eq!(build("https://x", ""), Err(ConfigError::Secret));
    assert_eq!(build("https://x", SECRET), Ok(()));
    let client = TurnClient::new(TurnKeyId::new(KEY).unwrap(), SecretString::from(SECRET)).unwrap();
    assert_eq!(client.base_url(), cloudflare_calls::DEFAULT_BASE_URL);
    assert_eq!(client.clone().key_id().as_str(), KEY);
}

#[test]
fn a_key_id_is_held_to_the_rule_of_all_ids() {
    assert_eq!(TurnKeyId::new("../x"), Err(InvalidId::LeadingDot));
    assert_eq!("a/b".parse::<TurnKeyId>(), Err(InvalidId::Character));
    assert_eq!(TurnKeyId::try_from(String::new()), Err(InvalidId::Empty));
    assert!(serde_json::from_value::<TurnKeyId>(json!("a?b")).is_err());
    assert_eq!(serde_json::to_value(TurnKeyId::new(KEY).unwrap()).unwrap(), json!(KEY));
}

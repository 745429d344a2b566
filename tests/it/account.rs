//! The account API: what is asked for, what comes back, what is refused and repeated.

use std::time::Duration;

use cloudflare_calls::account::{Account, AccountError, AccountId, api};
use cloudflare_calls::error::{ConfigError, OperationError};
use cloudflare_calls::ice::TurnKeyId;
use cloudflare_calls::types::AppId;
use cloudflare_calls::{RetryPolicy, SecretString, prelude::*};
use cloudflare_calls_emulator::{App, Emulator};
use serde_json::{Value, json};
use wiremock::matchers::{any, body_json, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::logs::{self, assert_clean, assert_clean_error};
use super::{SECRET, TURN_CREDENTIAL, quick, raw_server};

const ACCOUNT: &str = "023e105f4ecef8ad9ca31a8372d0c353";
const UID: &str = "2a95132c15732412d22c1476fa83f27a";

/// The API token is the secret of all tests.
fn account(base_url: &str) -> Account {
    Account::builder(AccountId::new(ACCOUNT).unwrap(), SecretString::from(SECRET))
        .base_url(base_url)
        .retry(quick())
        .build()
        .unwrap()
}

fn app_id() -> AppId {
    AppId::new(UID).unwrap()
}

fn key_id() -> TurnKeyId {
    TurnKeyId::new(UID).unwrap()
}

/// The envelope of a reply of success.
fn success(result: Value) -> Value {
    json!({ "success": true, "errors": [], "messages": [], "result": result })
}

fn details(name: &str) -> Value {
    let time = "2014-01-02T02:20:00Z";
    json!({ "uid": UID, "name": name, "created": time, "modified": time })
}

/// Details with a secret, which no output may show, in this field.
fn with_secret(field: &str) -> Value {
    let mut details = details("rooms");
    details[field] = TURN_CREDENTIAL.into();
    details
}

fn refused(code: u32) -> Value {
    json!({ "success": false, "errors": [{ "code": code, "message": "no" }], "result": null })
}

/// A server that gives these replies one after the other, the last one for ever.
async fn server(replies: impl IntoIterator<Item = ResponseTemplate>) -> MockServer {
    let server = MockServer::start().await;
    let replies: Vec<ResponseTemplate> = replies.into_iter().collect();
    let last = replies.len() - 1;
    for (index, reply) in replies.into_iter().enumerate() {
        let mock = Mock::given(any()).respond_with(reply);
        match index == last {
            true => mock.mount(&server).await,
            false => mock.up_to_n_times(1).mount(&server).await,
        }
    }
    server
}

async fn count(server: &MockServer) -> usize {
    server.received_requests().await.unwrap().len()
}

fn reply(status: u16, body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(body)
}

#[tokio::test]
async fn each_operation_asks_for_what_the_document_says() {
    let server = MockServer::start().await;
    let base = format!("/client/v4/accounts/{ACCOUNT}/calls");
    for (verb, at, sent, status, result) in [
        ("GET", "apps", None, 200, json!([details("a")])),
        ("POST", "apps", Some("a"), 201, with_secret("secret")),
        ("GET", "apps/ID", None, 200, details("a")),
        ("PUT", "apps/ID", Some("b"), 200, details("b")),
        ("DELETE", "apps/ID", None, 200, details("b")),
        ("GET", "turn_keys", None, 200, json!([details("a")])),
        ("POST", "turn_keys", Some("a"), 201, with_secret("key")),
        ("GET", "turn_keys/ID", None, 200, details("a")),
        ("PUT", "turn_keys/ID", Some("b"), 200, details("b")),
        ("DELETE", "turn_keys/ID", None, 200, details("b")),
    ] {
        let mut mock = Mock::given(method(verb))
            .and(path(format!("{base}/{}", at.replace("ID", UID))))
            .and(header("authorization", format!("Bearer {SECRET}")));
        if let Some(name) = sent {
            mock = mock.and(body_json(json!({ "name": name })));
        }
        mock.respond_with(reply(status, &success(result))).expect(1).mount(&server).await;
    }
    let account = account(&format!("{}/client/v4", server.uri()));
    let apps = account.apps().await.unwrap();
    assert_eq!((apps.len(), apps[0].id.as_str(), &*apps[0].name), (1, UID, "a"));
    let time = apps[0].created.as_ref().unwrap().value().unwrap();
    assert_eq!(time.as_second(), 1_388_629_200);
    let created = account.create_app("a").await.unwrap();
    assert_eq!((created.details.id, &*created.details.name), (app_id(), "rooms"));
    assert_eq!(account.app(&app_id()).await.unwrap(), apps[0]);
    assert_eq!(account.rename_app(&app_id(), "b").await.unwrap().name, "b");
    account.delete_app(&app_id()).await.unwrap();

    let keys = account.turn_keys().await.unwrap();
    assert_eq!((keys.len(), keys[0].id.as_str()), (1, UID));
    let created = account.create_turn_key("a").await.unwrap();
    assert_eq!(created.details.id, key_id());
    assert_eq!(account.turn_key(&key_id()).await.unwrap(), keys[0]);
    assert_eq!(account.rename_turn_key(&key_id(), "b").await.unwrap().name, "b");
    account.delete_turn_key(&key_id()).await.unwrap();
    server.verify().await;
}

#[tokio::test]
async fn a_refusal_is_an_error_whatever_its_status() {
    // As seen: without `messages` and `result`.
    let bare = json!({ "success": false, "errors": [{ "code": 10000, "message": "Authentication error" }] });
    for (status, body) in
        [(403, &bare), (200, &bare), (200, &refused(10000)), (404, &refused(1000))]
    {
        let server = server([reply(status, body).insert_header("cf-ray", "8f00")]).await;
        let account = account(&server.uri());
        let mut failed: Vec<AccountError> = vec![
            account.app(&app_id()).await.unwrap_err(),
            account.create_app("a").await.unwrap_err(),
            account.delete_app(&app_id()).await.unwrap_err(),
            account.create_turn_key("a").await.unwrap_err(),
        ];
        failed.push(account.apps().await.unwrap_err());
        for error in &failed {
            assert_eq!(error.status().map(|status| status.as_u16()), Some(status), "{error:?}");
            assert_eq!(error.code(), body["errors"][0]["code"].as_u64());
            assert_eq!(error.ray(), Some("8f00"));
            assert!(!error.is_retryable());
            assert!(matches!(error, AccountError::Request { source, .. }
                if matches!(**source, OperationError::Refused { .. })));
        }
        let [read, create, delete, ..] = &failed[..] else { panic!("five errors") };
        assert!(!read.outcome_unknown());
        assert_eq!(create.outcome_unknown(), status == 200);
        assert_eq!(delete.outcome_unknown(), status == 200);
        assert_eq!(count(&server).await, failed.len(), "nothing is repeated");
    }
    let server = server([reply(403, &bare)]).await;
    let error = account(&server.uri()).create_app("a").await.unwrap_err();
    assert_eq!(error.to_string(), "create_app: refused with 403: 10000: Authentication error");
    assert_eq!(error.reasons().len(), 1);
    assert_eq!(error.operation(), "create_app");
}

#[tokio::test]
async fn the_generated_client_takes_no_refusal_for_a_success() {
    let server = server([reply(200, &refused(1000))]).await;
    let client = api::Client::builder(AccountId::new(ACCOUNT).unwrap(), SecretString::from(SECRET));
    let client = client.base_url(server.uri()).build().unwrap();
    let error = client.list_apps().send().await.unwrap_err();
    assert_eq!(error.body().unwrap().errors[0].code, 1000);
}

#[tokio::test]
async fn reading_renaming_and_deleting_are_repeated_as_reads_and_closes_are() {
    let page = || ResponseTemplate::new(502).set_body_string("<html>bad gateway</html>");
    let limited = || reply(429, &refused(971)).insert_header("retry-after", "0");
    let server = server([page(), limited(), reply(200, &success(json!([])))]).await;
    assert_eq!(account(&server.uri()).apps().await.unwrap(), []);
    assert_eq!(count(&server).await, 3);

    let server = self::server([page(), reply(200, &success(details("b")))]).await;
    assert_eq!(account(&server.uri()).rename_app(&app_id(), "b").await.unwrap().name, "b");
    assert_eq!(count(&server).await, 2);

    // The key is deleted already, by an earlier try.
    let server = self::server([page(), reply(404, &refused(1000))]).await;
    account(&server.uri()).delete_turn_key(&key_id()).await.unwrap();
    let server = self::server([reply(404, &refused(1000))]).await;
    let error = account(&server.uri()).delete_turn_key(&key_id()).await.unwrap_err();
    assert_eq!((error.code(), count(&server).await), (Some(1000), 1));
}

#[tokio::test]
async fn a_creation_is_never_repeated_blindly() {
    let page = ResponseTemplate::new(502).set_body_string("<html>bad gateway</html>");
    let gateway = server([page]).await;
    let error = account(&gateway.uri()).create_app("a").await.unwrap_err();
    assert!(error.outcome_unknown() && !error.is_retryable());
    let end = "; whether it took effect is unknown";
    assert!(error.to_string().ends_with(end), "{error}");
    assert_eq!(count(&gateway).await, 1);

    let broken = raw_server("HTTP/1.1 201 Created\r\ncontent-length: 99\r\n\r\n{").await;
    let error = account(&broken).create_turn_key("a").await.unwrap_err();
    assert!(error.outcome_unknown() && error.status().is_none());

    // The request was not carried out, so it is repeated.
    let limited = reply(429, &refused(971));
    let limiting = server([limited, reply(201, &success(with_secret("secret")))]).await;
    account(&limiting.uri()).create_app("a").await.unwrap();
    assert_eq!(count(&limiting).await, 2);
    let never = Account::builder(AccountId::new(ACCOUNT).unwrap(), SecretString::from(SECRET))
        .base_url("http://127.0.0.1:1")
        .retry(RetryPolicy::never())
        .build()
        .unwrap();
    let error = never.create_app("a").await.unwrap_err();
    assert!(error.is_retryable() && !error.outcome_unknown());
}

#[tokio::test]
async fn a_reply_that_lacks_what_it_has_to_have_is_an_error() {
    let unnamed = json!({ "secret": TURN_CREDENTIAL });
    for (result, missing) in [
        (Value::Null, "result"),
        (details("a"), "secret"),
        (json!({ "uid": UID, "secret": "" }), "secret"),
        (unnamed, "uid"),
    ] {
        let server = server([reply(201, &success(result))]).await;
        let error = account(&server.uri()).create_app("a").await.unwrap_err();
        assert_eq!(error.to_string(), format!("create_app: a reply of success without {missing}"));
        assert!(error.outcome_unknown() && error.reasons().is_empty());
        assert_clean_error(&error);
    }
    let unnamed = server([reply(200, &success(json!([{ "name": "a" }])))]).await;
    let error = account(&unnamed.uri()).apps().await.unwrap_err();
    assert_eq!(error.to_string(), "list_apps: a reply of success without uid");
    assert!(!error.outcome_unknown());
    // A list that is missing is no empty list.
    let missing = server([reply(200, &json!({ "success": true }))]).await;
    let error = account(&missing.uri()).turn_keys().await.unwrap_err();
    assert!(error.to_string().contains("undecodable reply with 200"), "{error}");
}

#[tokio::test]
async fn no_output_shows_a_secret() {
    logs::capture();
    let server = server([reply(201, &success(with_secret("secret")))]).await;
    let account = account(&server.uri());
    let created = account.create_app("a").await.unwrap();
    assert_clean("Debug output", &format!("{account:?} {created:?} {:?}", created.builder()));
    let body = api::types::AppSettings::new().name("a".to_owned());
    let generated = account.api().create_app(&body).send().await.unwrap();
    assert_clean("Debug of a reply", &format!("{generated:?} {generated:#?}"));

    let server = self::server([reply(201, &success(with_secret("key")))]).await;
    let account = self::account(&server.uri());
    let created = account.create_turn_key("a").await.unwrap();
    assert_clean("Debug output", &format!("{created:?} {:?}", created.builder()));
    let body = api::types::TurnKeySettings::new();
    let generated = account.api().create_turn_key(&body).send().await.unwrap();
    assert_clean("Debug of a reply", &format!("{generated:?}"));

    // A reply of success that cannot be read, and refusals that echo.
    let odd = json!({ "success": true, "result": { "uid": 7, "secret": TURN_CREDENTIAL } });
    let echo = json!({ "success": false, "errors": [{ "code": 1000, "message": SECRET }] });
    for reply in [
        reply(201, &odd),
        reply(400, &echo),
        ResponseTemplate::new(500).set_body_string(format!("Bearer {SECRET}")),
    ] {
        let server = self::server([reply]).await;
        assert_clean_error(&self::account(&server.uri()).create_app("a").await.unwrap_err());
    }
    logs::checked();
}

#[tokio::test]
async fn plain_text_goes_to_this_machine_only() {
    let builder = || Account::builder(AccountId::new(ACCOUNT).unwrap(), SecretString::from(SECRET));
    let elsewhere = builder().base_url("http://api.example/client/v4");
    assert_eq!(elsewhere.clone().build().unwrap_err(), ConfigError::Plaintext);
    assert!(elsewhere.allow_plaintext().build().is_ok());
    let server = server([reply(200, &success(json!([])))]).await;
    let builder = builder().base_url(server.uri()).user_agent("mine/1");
    builder.timeout(Duration::from_secs(5)).build().unwrap().apps().await.unwrap();
    assert_eq!(server.received_requests().await.unwrap()[0].headers["user-agent"], "mine/1");
}

#[test]
fn the_overlay_documents_the_client_throughout() {
    let text = include_str!("../../generated/account.rs");
    for undocumented in ["/// The API's `", "/// The operation `"] {
        let line = text.lines().find(|line| line.contains(undocumented));
        assert_eq!(line, None);
    }
}

/// The emulator with this account, and nothing else that a test names.
async fn emulator() -> (Emulator, Account) {
    let builder = Emulator::builder().canned().account(App::new(ACCOUNT, SECRET));
    let emulator = builder.start().await.unwrap();
    let account = account(emulator.account_url());
    (emulator, account)
}

#[tokio::test]
async fn an_app_is_created_used_and_deleted() {
    let (emulator, account) = emulator().await;
    let app = account.create_app("rooms").await.unwrap();
    let client = app.builder().base_url(emulator.base_url()).build().unwrap();
    let session = client.join().retry(quick()).send().await.unwrap();
    super::publish(&session, &["mic"]).await;
    assert!(account.apps().await.unwrap().contains(&app.details));

    account.delete_app(&app.details.id).await.unwrap();
    let track = cloudflare_calls::tracks::LocalTrack::new(super::mid("1"), "camera");
    let error = session.publish(super::offer(&["0", "1"]), [track]).await.unwrap_err();
    assert_eq!(error.status().map(|status| status.as_u16()), Some(404));
    let error = account.app(&app.details.id).await.unwrap_err();
    assert_eq!(error.status().map(|status| status.as_u16()), Some(404));
}

#[tokio::test]
async fn a_rotation_loses_neither_key() {
    const TTL: Duration = Duration::from_secs(60);
    let (emulator, account) = emulator().await;
    let old = account.create_turn_key("relay").await.unwrap();
    let turn = old.builder().base_url(emulator.base_url()).build().unwrap();
    turn.generate(TTL).send().await.unwrap();

    let rotation = account.rotate_turn_key(&old.details.id).await.unwrap();
    assert_eq!(rotation.key().details.name, "relay");
    assert_eq!(rotation.old(), &old.details.id);
    let new = rotation.key().builder().base_url(emulator.base_url()).build().unwrap();
    turn.generate(TTL).send().await.unwrap();
    new.generate(TTL).send().await.unwrap();

    rotation.delete_old().await.unwrap();
    assert!(turn.generate(TTL).send().await.is_err());
    new.generate(TTL).send().await.unwrap();
    let error = rotation.delete_old().await.unwrap_err();
    assert_eq!(error.status().map(|status| status.as_u16()), Some(404));

    // A rotation of what is not there creates nothing.
    let before = account.turn_keys().await.unwrap();
    account.rotate_turn_key(&old.details.id).await.unwrap_err();
    assert_eq!(account.turn_keys().await.unwrap(), before);
}

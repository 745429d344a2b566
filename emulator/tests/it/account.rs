//! The account API: apps and TURN keys come, work and go.

use std::ops::Deref;

use cloudflare_calls::reqwest::{Client as Http, Method, StatusCode};
use cloudflare_calls_emulator::{App, Emulator};
use serde_json::{Value, json};

const ACCOUNT: &str = "023e105f4ecef8ad9ca31a8372d0c353";
const TOKEN: &str = "t0ken";

/// An emulator, and an HTTP client for its tests.
struct Running {
    emulator: Emulator,
    http: Http,
}

impl Deref for Running {
    type Target = Emulator;

    fn deref(&self) -> &Emulator {
        &self.emulator
    }
}

async fn start() -> Running {
    let account = App::new(ACCOUNT, TOKEN);
    let builder = Emulator::builder().canned().account(account).app(App::new("first", "s3cret"));
    let emulator = builder.turn_key(App::new("key", "s3cret")).start().await.unwrap();
    Running { emulator, http: Http::new() }
}

/// A call of the account API with the right token, and what came back.
async fn call(
    emulator: &Running,
    method: Method,
    path: &str,
    body: impl ToString,
) -> (StatusCode, Value) {
    call_as(emulator, Some(TOKEN), method, &format!("/accounts/{ACCOUNT}/calls/{path}"), body).await
}

async fn call_as(
    emulator: &Running,
    token: Option<&str>,
    method: Method,
    path: &str,
    body: impl ToString,
) -> (StatusCode, Value) {
    let url = format!("{}{path}", emulator.account_url());
    let mut request = emulator.http.request(method, url).body(body.to_string());
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let reply = request.send().await.unwrap();
    assert!(reply.headers().contains_key("cf-ray"));
    let status = reply.status();
    (status, serde_json::from_str(&reply.text().await.unwrap()).unwrap())
}

/// The status of `POST sessions/new` of an app.
async fn join(emulator: &Running, app: &str, secret: &str) -> StatusCode {
    let url = format!("{}/apps/{app}/sessions/new", emulator.base_url());
    emulator.http.post(url).bearer_auth(secret).send().await.unwrap().status()
}

/// The status of a request for TURN credentials.
async fn generate(emulator: &Running, key: &str, token: &str) -> StatusCode {
    let base = emulator.base_url();
    let url = format!("{base}/turn/keys/{key}/credentials/generate-ice-servers");
    emulator.http.post(url).bearer_auth(token).body(r#"{"ttl":60}"#).send().await.unwrap().status()
}

fn ids(list: &Value) -> Vec<&str> {
    list["result"].as_array().unwrap().iter().map(|one| one["uid"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn an_app_that_is_created_works_until_it_is_deleted() {
    let emulator = start().await;
    let (status, created) = call(&emulator, Method::POST, "apps", json!({ "name": "rooms" })).await;
    assert_eq!(status, StatusCode::CREATED);
    assert_eq!((&created["success"], &created["errors"]), (&json!(true), &json!([])));
    let app = &created["result"];
    let (id, secret) = (app["uid"].as_str().unwrap(), app["secret"].as_str().unwrap());
    assert_eq!((id.len(), secret.len()), (32, 64));
    assert_eq!((&app["name"], &app["created"]), (&json!("rooms"), &app["modified"]));
    assert_eq!(join(&emulator, id, secret).await, StatusCode::CREATED);
    assert_eq!(join(&emulator, id, "another").await, StatusCode::UNAUTHORIZED);

    let (_, list) = call(&emulator, Method::GET, "apps", "").await;
    assert_eq!(ids(&list), ["first", id]);
    assert!(!list.to_string().contains(secret) && !list.to_string().contains("s3cret"));
    let one = format!("apps/{id}");
    let (status, renamed) = call(&emulator, Method::PUT, &one, json!({ "name": "halls" })).await;
    assert_eq!((status, &renamed["result"]["name"]), (StatusCode::OK, &json!("halls")));
    let (_, kept) = call(&emulator, Method::PUT, &one, "{}").await;
    assert_eq!(kept["result"], renamed["result"], "an unset name stays");
    let (status, read) = call(&emulator, Method::GET, &one, "").await;
    assert_eq!((status, &read), (StatusCode::OK, &kept));
    assert_eq!(join(&emulator, id, secret).await, StatusCode::CREATED, "the secret stays");

    let (status, deleted) = call(&emulator, Method::DELETE, &one, "").await;
    assert_eq!((status, &deleted["result"]["uid"]), (StatusCode::OK, &json!(id)));
    assert_eq!(join(&emulator, id, secret).await, StatusCode::NOT_FOUND);
    for method in [Method::GET, Method::DELETE] {
        let (status, gone) = call(&emulator, method, &one, "").await;
        assert_eq!((status, &gone["success"]), (StatusCode::NOT_FOUND, &json!(false)));
        assert_eq!(gone["result"], Value::Null);
    }
    assert_eq!(join(&emulator, "first", "s3cret").await, StatusCode::CREATED);
}

#[tokio::test]
async fn a_turn_key_that_is_created_works_until_it_is_deleted() {
    let emulator = start().await;
    let (status, created) = call(&emulator, Method::POST, "turn_keys", "{}").await;
    assert_eq!((status, &created["result"]["name"]), (StatusCode::CREATED, &json!("")));
    let key = &created["result"];
    let (id, token) = (key["uid"].as_str().unwrap(), key["key"].as_str().unwrap());
    assert_eq!((id.len(), token.len()), (32, 64));
    assert_eq!(generate(&emulator, id, token).await, StatusCode::CREATED);
    let (_, list) = call(&emulator, Method::GET, "turn_keys", "").await;
    assert_eq!(ids(&list), ["key", id]);
    let (status, _) = call(&emulator, Method::DELETE, &format!("turn_keys/{id}"), "").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(generate(&emulator, id, token).await, StatusCode::NOT_FOUND);
    assert_eq!(generate(&emulator, "key", "s3cret").await, StatusCode::CREATED);
    // An app is no TURN key.
    let (status, _) = call(&emulator, Method::GET, "turn_keys/first", "").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn who_does_not_have_the_token_of_the_account_learns_nothing() {
    let emulator = start().await;
    let own = format!("/accounts/{ACCOUNT}/calls/apps");
    for (token, path) in [
        (None, &*own),
        (Some("another"), &*own),
        (Some("s3cret"), &*own),
        (Some(TOKEN), "/accounts/another/calls/apps"),
        (Some(TOKEN), "/zones"),
    ] {
        for method in [Method::GET, Method::POST, Method::DELETE] {
            let (status, refused) = call_as(&emulator, token, method, path, "{}").await;
            assert_eq!(status, StatusCode::FORBIDDEN, "{path}");
            let error = json!([{ "code": 10000, "message": "Authentication error" }]);
            assert_eq!(refused["errors"], error);
        }
    }
    let (_, list) = call(&emulator, Method::GET, "apps", "").await;
    assert_eq!(ids(&list), ["first"], "nothing was created");
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_in_the_documented_shape() {
    let emulator = start().await;
    for (method, path, body, status) in [
        (Method::GET, "rooms", "", StatusCode::NOT_FOUND),
        (Method::GET, "apps/none", "", StatusCode::NOT_FOUND),
        (Method::GET, "apps/first/more", "", StatusCode::NOT_FOUND),
        (Method::PUT, "apps/none", "{}", StatusCode::NOT_FOUND),
        (Method::POST, "apps", "", StatusCode::BAD_REQUEST),
        (Method::POST, "apps", "[1]", StatusCode::BAD_REQUEST),
        (Method::PUT, "apps/first", r#"{"name":7}"#, StatusCode::BAD_REQUEST),
    ] {
        let (got, refused) = call(&emulator, method.clone(), path, body).await;
        assert_eq!(got, status, "{method} {path}: {refused}");
        assert_eq!((&refused["success"], &refused["result"]), (&json!(false), &Value::Null));
        assert!(refused["errors"][0]["code"].as_u64().unwrap() >= 1000);
    }
}

#[tokio::test]
async fn there_are_at_most_1000_apps() {
    let emulator = start().await;
    for _ in 1..1000 {
        let (status, _) = call(&emulator, Method::POST, "apps", "{}").await;
        assert_eq!(status, StatusCode::CREATED);
    }
    let (status, _) = call(&emulator, Method::POST, "apps", "{}").await;
    assert_eq!(status, StatusCode::CONFLICT);
    let (status, _) = call(&emulator, Method::POST, "turn_keys", "{}").await;
    assert_eq!(status, StatusCode::CREATED);
}

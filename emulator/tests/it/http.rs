//! HTTP side: permissions, faults, inspection.

use std::time::{Duration, Instant};

use cloudflare_calls::ice::{TurnClient, TurnKeyId};
use cloudflare_calls::reqwest::{Client as Http, Method, RequestBuilder, StatusCode};
use cloudflare_calls::types::{AppId, ErrorCode};
use cloudflare_calls::{Client, Error, RetryPolicy, SecretString, Session, prelude::*};
use cloudflare_calls_emulator::faults::{BadRule, Fault, Network, Rule};
use cloudflare_calls_emulator::rules::Operation;
use cloudflare_calls_emulator::{App, Emulator};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const APP: &str = "a1b2c3";
const SECRET: &str = "s3cret";

async fn start() -> Emulator {
    Emulator::builder().app(App::new(APP, SECRET)).start().await.unwrap()
}

fn client(emulator: &Emulator) -> Client {
    Client::builder(AppId::new(APP).unwrap(), SecretString::from(SECRET))
        .base_url(emulator.base_url())
        .build()
        .unwrap()
}

async fn join(emulator: &Emulator) -> Session {
    client(emulator).join().retry(RetryPolicy::never()).send().await.unwrap()
}

fn request(emulator: &Emulator, method: Method, path: &str) -> RequestBuilder {
    Http::new().request(method, format!("{}{path}", emulator.base_url()))
}

/// Returns a request to the emulator's own paths.
fn own(emulator: &Emulator, method: Method, path: &str) -> RequestBuilder {
    let base = emulator.base_url().trim_end_matches("/v1");
    Http::new().request(method, format!("{base}{path}"))
}

async fn json_of(request: RequestBuilder) -> Value {
    let reply = request.send().await.unwrap();
    serde_json::from_str(&reply.text().await.unwrap()).unwrap()
}

async fn code(request: RequestBuilder) -> (StatusCode, String) {
    let reply = request.send().await.unwrap();
    let status = reply.status();
    let body = serde_json::from_str(&reply.text().await.unwrap()).unwrap_or(Value::Null);
    (status, body["errorCode"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn requests_without_the_secret_are_refused() {
    let emulator = start().await;
    let new = |app: &str| request(&emulator, Method::POST, &format!("/apps/{app}/sessions/new"));
    let refused = (StatusCode::UNAUTHORIZED, "unauthorized".to_owned());
    assert_eq!(code(new(APP)).await, refused);
    assert_eq!(code(new(APP).bearer_auth("another")).await, refused);
    assert_eq!(code(new(APP).basic_auth("a", Some(SECRET))).await, refused);
    let unknown = (StatusCode::NOT_FOUND, "not_found".to_owned());
    assert_eq!(code(new("another").bearer_auth(SECRET)).await, unknown);
    let created = new(APP).bearer_auth(SECRET).send().await.unwrap();
    assert_eq!(created.status(), StatusCode::CREATED);
    assert_eq!(emulator.snapshot().await.unwrap().sessions.len(), 1);
}

#[tokio::test]
async fn paths_and_methods_that_are_not_there_are_refused() {
    let emulator = start().await;
    let (status, code) = code(request(&emulator, Method::POST, "/apps")).await;
    assert_eq!((status, &*code), (StatusCode::NOT_FOUND, "not_found"));
    // Observed of the original: an unknown path below an app is 405.
    for path in ["/apps/a1b2c3", "/apps/a1b2c3/sessions", "/apps/a1b2c3/sessions/1/x"] {
        let reply = request(&emulator, Method::POST, path).send().await.unwrap();
        assert_eq!(reply.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
    }
    let path = format!("/apps/{APP}/sessions/new");
    let reply = request(&emulator, Method::GET, &path).send().await.unwrap();
    assert_eq!(reply.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(reply.headers()["allow"], "POST");
}

#[tokio::test]
async fn a_body_needs_no_content_type_and_has_a_limit() {
    let emulator = start().await;
    let session = join(&emulator).await;
    let path = format!("/apps/{APP}/sessions/{}/tracks/close", session.id());
    let put = |body: String| request(&emulator, Method::PUT, &path).bearer_auth(SECRET).body(body);
    assert_eq!(code(put("no json".into())).await.1, "decoding_error");
    let huge = format!("{{\"x\":\"{}\"}}", "y".repeat(5 << 20));
    let refused = code(put(huge)).await;
    assert_eq!(refused, (StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large".to_owned()));
}

#[tokio::test]
async fn a_browser_may_call_from_anywhere() {
    let emulator = start().await;
    let path = format!("/apps/{APP}/sessions/new");
    let preflight = request(&emulator, Method::OPTIONS, &path)
        .header("origin", "http://demo.example")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization")
        .send()
        .await
        .unwrap();
    assert_eq!(preflight.headers()["access-control-allow-origin"], "*");
    assert!(!preflight.headers().contains_key("access-control-allow-credentials"));
    assert!(preflight.headers()["access-control-allow-headers"].to_str().unwrap().contains("auth"));
}

/// Returns the client's result of reading the state with a fault.
async fn read_with(fault: Fault) -> (Emulator, Result<(), Error>) {
    let emulator = start().await;
    let session = join(&emulator).await;
    emulator.fault(Rule::new(fault).operation(Operation::GetSession)).unwrap();
    let result = session.state().await.map(drop);
    (emulator, result)
}

#[tokio::test]
async fn broken_connections_are_what_the_client_sees() {
    for fault in [Fault::DropRequest, Fault::DropReply, Fault::Reset] {
        let (_emulator, result) = read_with(fault.clone()).await;
        let error = result.unwrap_err();
        assert_eq!(error.status(), None, "{fault:?}: {error}");
        assert_eq!(error.stage(), cloudflare_calls::error::Stage::Request, "{fault:?}");
    }
}

#[tokio::test]
async fn a_dropped_request_does_nothing_and_a_dropped_reply_comes_too_late() {
    for (fault, sessions) in [(Fault::DropRequest, 0), (Fault::DropReply, 1)] {
        let emulator = start().await;
        emulator.fault(Rule::new(fault).operation(Operation::NewSession)).unwrap();
        let error = client(&emulator).join().send().await.unwrap_err();
        assert!(error.outcome_unknown());
        assert_eq!(emulator.snapshot().await.unwrap().sessions.len(), sessions);
    }
}

#[tokio::test]
async fn replies_of_faults_are_as_ordered() {
    let body = json!({ "errorCode": "internal_error" });
    let headers = [("retry-after".to_owned(), "7".to_owned())].into();
    let (_emulator, result) = read_with(Fault::Reply { status: 503, headers, body }).await;
    let error = result.unwrap_err();
    assert_eq!(error.code(), Some(&ErrorCode::InternalError));
    assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));

    let (_emulator, result) = read_with(Fault::Html { status: 502 }).await;
    let error = result.unwrap_err();
    assert_eq!((error.status().unwrap().as_u16(), error.code()), (502, None));

    let (_emulator, result) = read_with(Fault::Truncate).await;
    assert!(result.unwrap_err().to_string().contains("undecodable"));

    let started = Instant::now();
    let (_emulator, result) = read_with(Fault::Delay { ms: 200 }).await;
    result.unwrap();
    assert!(started.elapsed() >= Duration::from_millis(200));

    let (_emulator, result) = read_with(Fault::ExpireSession).await;
    assert!(result.unwrap_err().is_session_gone());
}

#[tokio::test]
async fn items_of_a_fault_fail_in_their_places() {
    let emulator = start().await;
    let session = join(&emulator).await;
    let fault = Fault::FailItems { code: "internal_error".into(), indices: vec![1, 9] };
    emulator.fault(Rule::new(fault).operation(Operation::CloseTracks).times(1)).unwrap();
    let path = format!("/apps/{APP}/sessions/{}/tracks/close", session.id());
    let body = json!({ "force": true, "tracks": [{ "mid": "7" }, { "mid": "8" }, { "mid": "9" }] });
    let put = || request(&emulator, Method::PUT, &path).bearer_auth(SECRET).body(body.to_string());
    let reply = json_of(put()).await;
    let codes: Vec<&str> = reply["tracks"]
        .as_array()
        .unwrap_or_else(|| panic!("{reply}"))
        .iter()
        .map(|track| track["errorCode"].as_str().unwrap())
        .collect();
    assert_eq!(codes, ["close_track_error", "internal_error", "close_track_error"]);
}

#[tokio::test]
async fn rules_count_and_choose() {
    let emulator = start().await;
    let (one, other) = (join(&emulator).await, join(&emulator).await);
    let html = || Rule::new(Fault::Html { status: 500 }).operation(Operation::GetSession);
    emulator.fault(html().session(one.id().as_str()).nth(2)).unwrap();
    let mut failed = Vec::new();
    for index in 0..4 {
        assert!(other.state().await.is_ok(), "of another session");
        failed.extend(one.state().await.is_err().then_some(index));
    }
    assert_eq!(failed, [1]);
    emulator.clear_faults();

    emulator.fault(html().times(2)).unwrap();
    for is_ok in [false, false, true] {
        assert_eq!(one.state().await.is_ok(), is_ok);
    }
    emulator.clear_faults();

    let mut runs = Vec::new();
    for _ in 0..2 {
        emulator.clear_faults();
        emulator.fault(html().probability(0.5, 42)).unwrap();
        let mut run = Vec::new();
        for _ in 0..20 {
            // The pause keeps below the API's limit in a second.
            run.push(one.state().await.is_ok());
        }
        runs.push(run);
    }
    assert_eq!(runs[0], runs[1], "the seed decides");
    assert!(runs[0].contains(&true) && runs[0].contains(&false));
}

#[tokio::test]
async fn faults_can_be_ordered_over_http() {
    let emulator = start().await;
    let post = |body: &str| {
        own(&emulator, Method::POST, "/__emulator/faults").body(body.to_owned()).send()
    };
    let ordered =
        post(r#"{"operation":"new_session","times":1,"fault":{"kind":"html","status":503}}"#);
    assert_eq!(ordered.await.unwrap().status(), StatusCode::NO_CONTENT);
    for wrong in [
        "",
        "{}",
        r#"{"fault":{"kind":"unknown"}}"#,
        r#"{"fault":{"kind":"html","status":99}}"#,
        r#"{"probability":2,"fault":{"kind":"reset"}}"#,
        r#"{"nth":0,"fault":{"kind":"reset"}}"#,
        r#"{"operations":"new_session","fault":{"kind":"reset"}}"#,
        r#"{"operation":"sessions/new","fault":{"kind":"reset"}}"#,
        r#"{"operation":"new_session","session":"s","fault":{"kind":"reset"}}"#,
    ] {
        assert_eq!(post(wrong).await.unwrap().status(), StatusCode::BAD_REQUEST, "{wrong}");
    }
    let error = client(&emulator).join().send().await.unwrap_err();
    assert_eq!(error.status().unwrap().as_u16(), 503);
    client(&emulator).join().send().await.expect("once only");
    let list = json_of(own(&emulator, Method::GET, "/__emulator/faults")).await;
    assert_eq!((list.as_array().unwrap().len(), &list[0]["happened"]), (1, &json!(1)));
    own(&emulator, Method::DELETE, "/__emulator/faults").send().await.unwrap();
    assert_eq!(json_of(own(&emulator, Method::GET, "/__emulator/faults")).await, json!([]));
}

#[tokio::test]
async fn each_reply_has_a_ray_of_its_own() {
    let emulator = start().await;
    let mut rays = std::collections::BTreeSet::new();
    for path in ["/apps/a1b2c3/sessions/new", "/apps/nobody/sessions/new", "/nowhere"] {
        for _ in 0..20 {
            let reply = request(&emulator, Method::POST, path).send().await.unwrap();
            let ray = reply.headers()["cf-ray"].to_str().unwrap().to_owned();
            assert!(ray.len() == 20 && ray.ends_with("-EMU"), "{ray}");
            rays.insert(ray);
        }
    }
    assert_eq!(rays.len(), 60);
}

#[tokio::test]
async fn faults_do_not_fill_the_memory() {
    let emulator = start().await;
    let rule = || Rule::new(Fault::Delay { ms: 60_000 }).nth(1_000_000);
    for _ in 0..1_000 {
        emulator.fault(rule()).unwrap();
    }
    assert_eq!(emulator.fault(rule()), Err(BadRule::TooMany));
    let long =
        format!(r#"{{"fault":{{"kind":"reply","status":200,"body":"{}"}}}}"#, "x".repeat(70_000));
    let refused = own(&emulator, Method::POST, "/__emulator/faults").body(long).send().await;
    assert_eq!(refused.unwrap().status(), StatusCode::PAYLOAD_TOO_LARGE);
    emulator.clear_faults();
    emulator.fault(rule()).expect("there is room again");
}

/// Sends a request by hand, with any `Host`. Returns the status.
async fn status_with(emulator: &Emulator, method: &str, path: &str, headers: &[&str]) -> u16 {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let address = emulator.base_url();
    let address = address.trim_start_matches("http://").trim_end_matches("/v1");
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let body = r#"{"fault":{"kind":"reset"}}"#;
    let length =
        if method == "GET" { String::new() } else { format!("content-length: {}\r\n", body.len()) };
    let lines: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    let body = if method == "GET" { "" } else { body };
    let head =
        format!("{method} {path} HTTP/1.1\r\n{lines}{length}connection: close\r\n\r\n{body}");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    assert!(!reply.contains("access-control-allow-credentials"), "{reply}");
    reply.split(' ').nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn pages_of_others_read_and_order_nothing() {
    let emulator = start().await;
    let own = "host: 127.0.0.1:8787";
    let foreign: [&[&str]; 5] = [
        &[own, "origin: http://evil.example"],
        &[own, "origin: null"],
        &[own, "origin: http://127.0.0.1:9999"],
        &[own, "sec-fetch-site: cross-site"],
        &[own, "sec-fetch-site: same-site"],
    ];
    for headers in foreign {
        for (method, path) in [
            ("GET", "/page/main.js"),
            ("GET", "/__emulator/state"),
            ("GET", "/__emulator/sessions/1"),
            ("GET", "/__emulator/faults"),
            ("POST", "/__emulator/faults"),
            ("DELETE", "/__emulator/faults"),
            ("POST", "/__emulator/release"),
            ("GET", "/__emulator/violations"),
            ("PUT", "/__emulator/network"),
        ] {
            let status = status_with(&emulator, method, path, headers).await;
            assert_eq!(status, 403, "{method} {path} {headers:?}");
        }
    }
    // A foreign name that resolves to this machine.
    for path in ["/", "/__emulator/state", "/v1/apps/app/sessions/new"] {
        let status = status_with(&emulator, "GET", path, &["host: evil.example:8787"]).await;
        assert_eq!(status, 421, "{path}");
    }
    let faults = status_with(&emulator, "GET", "/__emulator/faults", &[own]).await;
    assert_eq!(faults, 200, "a program may");
    let page = [own, "origin: http://127.0.0.1:8787", "sec-fetch-site: same-origin"];
    assert_eq!(status_with(&emulator, "POST", "/__emulator/faults", &page).await, 204);
    let typed = [own, "sec-fetch-site: none"];
    assert_eq!(status_with(&emulator, "GET", "/", &typed).await, 200, "typed by hand");
}

#[tokio::test]
async fn the_network_can_be_made_worse_and_better() {
    let emulator = start().await;
    emulator.set_network(Network { loss: 0.5, ..Network::default() }).await.unwrap();
    let network = || json_of(own(&emulator, Method::GET, "/__emulator/network"));
    assert_eq!(network().await["loss"], 0.5);
    assert!(emulator.set_network(Network { loss: 1.5, ..Network::default() }).await.is_err());
    let put = own(&emulator, Method::PUT, "/__emulator/network").body(r#"{"delayMs":90000}"#);
    assert_eq!(put.send().await.unwrap().status(), StatusCode::BAD_REQUEST);
    own(&emulator, Method::DELETE, "/__emulator/network").send().await.unwrap();
    assert_eq!(network().await["loss"], 0.0);
}

#[tokio::test]
async fn the_state_shows_sessions_and_requests_and_no_secret() {
    let emulator = start().await;
    let session = join(&emulator).await;
    let closed = session.close([cloudflare_calls::Mid::new("9").unwrap()]).await.unwrap();
    assert_eq!(closed.failed, [], "what is not there is as good as closed");
    let text = own(&emulator, Method::GET, "/__emulator/state").send().await.unwrap();
    let text = text.text().await.unwrap();
    assert!(!text.contains(SECRET));
    let state: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(state["apps"], json!([APP]));
    assert_eq!(state["sessions"][0]["id"], json!(session.id()));
    let operations: Vec<&str> = state["requests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|request| request["operation"].as_str().unwrap())
        .collect();
    assert_eq!(operations, ["new_session", "close_tracks"]);
}

#[tokio::test]
async fn turn_credentials_have_the_documented_shape() {
    let key = App::new("turn-key", "turn-token");
    let emulator = Emulator::builder().turn_key(key).start().await.unwrap();
    let turn = |token: &str| {
        let key = TurnKeyId::new("turn-key").unwrap();
        TurnClient::builder(key, SecretString::from(token)).base_url(emulator.base_url()).build()
    };
    let servers = turn("turn-token").unwrap().generate(Duration::from_secs(60)).send().await;
    let servers = servers.unwrap();
    let username = servers.iter().find_map(|server| server.username()).unwrap().to_owned();
    assert!(servers.clone().for_browsers().iter().all(|server| {
        server.urls().iter().all(|url| !url.contains(":53?") && !url.ends_with(":53"))
    }));
    turn("turn-token").unwrap().revoke(username).send().await.unwrap();
    let refused = turn("wrong").unwrap().generate(Duration::from_secs(60)).send().await;
    assert_eq!(refused.unwrap_err().status(), Some(StatusCode::UNAUTHORIZED));
}

#[tokio::test]
async fn the_older_form_of_turn_credentials_is_one_server_with_the_same_urls() {
    let key = App::new("turn-key", "turn-token");
    let emulator = Emulator::builder().turn_key(key).start().await.unwrap();
    let ask = |form: &str, token: &str, body: &'static str| {
        let path = format!("/turn/keys/turn-key/credentials/{form}");
        request(&emulator, Method::POST, &path).bearer_auth(token).body(body)
    };
    let ttl = r#"{"ttl":60}"#;
    let list = json_of(ask("generate-ice-servers", "turn-token", ttl)).await;
    let one = json_of(ask("generate", "turn-token", ttl)).await;
    let urls = |servers: &[&serde_json::Value]| -> Vec<serde_json::Value> {
        servers.iter().flat_map(|server| server["urls"].as_array().unwrap().clone()).collect()
    };
    let (list, one) = (&list["iceServers"], &one["iceServers"]);
    assert_eq!(urls(&[one]), urls(&[&list[0], &list[1]]));
    assert_eq!(urls(&[one]).len(), 9, "as many as the original's");
    assert!(one["username"].is_string() && one["credential"].is_string());
    for (token, body, status) in [("wrong", ttl, 401), ("turn-token", "{}", 400)] {
        let reply = ask("generate", token, body).send().await.unwrap();
        assert_eq!(reply.status().as_u16(), status);
    }
}

#[tokio::test]
async fn after_shutting_down_nothing_listens() {
    let emulator = start().await;
    let (base, media) = (emulator.base_url().to_owned(), emulator.media_addresses().to_vec());
    join(&emulator).await;
    emulator.shutdown().await;
    assert!(Http::new().get(&base).send().await.unwrap_err().is_connect());
    for media in media {
        tokio::net::UdpSocket::bind(media).await.expect("the port is free again");
    }
}

#[tokio::test]
async fn a_dropped_emulator_lets_go_of_connections_and_ports() {
    let emulator = start().await;
    let media = emulator.media_addresses()[0];
    let address = emulator.base_url().trim_start_matches("http://").trim_end_matches("/v1");
    let mut kept = TcpStream::connect(address).await.unwrap();
    let path = format!("/v1/apps/{APP}/sessions/new");
    let request = format!("POST {path} HTTP/1.1\r\nauthorization: Bearer {SECRET}\r\n\r\n");
    emulator.fault(Rule::new(Fault::Delay { ms: 60_000 })).unwrap();
    kept.write_all(request.as_bytes()).await.unwrap();
    while json_of(own(&emulator, Method::GET, "/__emulator/faults")).await[0]["happened"] == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }

    drop(emulator);
    let all = async {
        // The connection is closed or reset, though its request is not answered.
        let _ = kept.read_to_end(&mut Vec::new()).await;
        while tokio::net::UdpSocket::bind(media).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), all).await.expect("everything is let go");
}

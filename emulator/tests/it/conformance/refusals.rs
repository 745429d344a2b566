//! Refusals that any operation can meet.

use cloudflare_calls_emulator::rules::Config;
use serde_json::json;

use super::api::{APP, Api, SECRET, offered};
use super::contract::{ALL, NEW_SESSION, NEW_TRACKS, Operation, RENEGOTIATE};

fn on_session() -> impl Iterator<Item = &'static Operation> {
    ALL.iter().filter(|operation| operation.is_on_session())
}

#[tokio::test]
async fn every_operation_refuses_who_has_no_right() {
    let api = Api::start(Config::default()).await;
    let session = api.session().await;
    for operation in ALL {
        for secret in [None, Some("another")] {
            let reply = api.call_as(APP, secret, operation, &session, "").await;
            reply.fails(401, "unauthorized");
        }
        let reply = api.call_as("another", Some(SECRET), operation, &session, "").await;
        reply.fails(404, "not_found");
    }
    for operation in on_session() {
        api.call(operation, "unknown", "{}").await.fails(404, "not_found");
    }
    api.finish("refused without right");
}

#[tokio::test]
async fn every_operation_refuses_what_it_cannot_decode() {
    let api = Api::start(Config::default()).await;
    let session = api.session().await;
    for operation in ALL.iter().filter(|operation| operation.has_body()) {
        // The turn is checked before the body.
        if *operation == RENEGOTIATE {
            continue;
        }
        for body in ["{", "[]", r#"{"tracks":1,"dataChannels":1,"sessionDescription":1}"#] {
            api.call(operation, &session, body).await.fails(400, "decoding_error");
        }
    }
    api.call(&NEW_SESSION, "", "{}").await.fails(400, "decoding_error");
    let body = NEW_TRACKS.example("push_track_without_an_offer");
    api.call(&NEW_TRACKS, &session, body).await.is(200);
    let body = json!({ "sessionDescription": [] });
    api.call(&RENEGOTIATE, &session, body).await.fails(400, "decoding_error");
    api.finish("undecodable");
}

#[tokio::test]
async fn every_operation_on_an_expired_session_says_that_it_is_gone() {
    let api = Api::start(Config::default()).await;
    let session = api.session().await;
    assert!(api.emulator.expire(&session).await);
    for operation in on_session() {
        api.call(operation, &session, "{}").await.fails(410, "session_error");
    }
    api.finish("expired");
}

#[tokio::test]
async fn every_operation_on_a_busy_session_is_one_request_too_many() {
    let api = Api::start(Config { requests_per_second: 1, ..Config::default() }).await;
    for operation in on_session() {
        let session = api.session().await;
        let mut statuses = Vec::new();
        for _ in 0..2 {
            statuses.push(api.call(operation, &session, "").await.status);
        }
        assert_ne!(statuses[0], 429);
        assert_eq!(statuses[1], 429, "{operation:?}");
    }
    api.finish("busy");
}

#[tokio::test]
async fn descriptions_that_are_too_large_are_refused() {
    let api = Api::start(Config { max_body: 1000, ..Config::default() }).await;
    let session = api.session().await;
    let body = json!({ "sessionDescription": offered(&"v".repeat(1000)) });
    api.call(&NEW_TRACKS, &session, &body).await.fails(413, "payload_too_large");
    let small = NEW_TRACKS.example("push_track_without_an_offer");
    api.call(&NEW_TRACKS, &session, small).await.is(200);
    api.call(&RENEGOTIATE, &session, &body).await.fails(413, "payload_too_large");
    api.finish("too large");
}

//! Malformed requests, and requests out of turn.

use cloudflare_calls_emulator::rules::Operation::*;
use cloudflare_calls_emulator::rules::{Config, Operation, Response};
use serde_json::{Value, json};

use super::world::*;

#[test]
fn malformed_requests_get_the_codes_of_the_api() {
    let description = "invalid_session_description";
    let local = json!({ "location": "local", "trackName": "x", "mid": "0", "kind": "audio" });
    let remote = json!({ "location": "remote", "trackName": "x", "sessionId": "y" });
    let with = |kind: &str, sdp: &str| json!({ "tracks": [local], "sessionDescription": { "type": kind, "sdp": sdp } });
    let cases: Vec<(Operation, Value, u16, &str)> = vec![
        (NewTracks, Value::Null, 400, "decoding_error"),
        (NewTracks, json!([]), 400, "decoding_error"),
        (NewTracks, json!({ "tracks": 5 }), 400, "decoding_error"),
        (NewTracks, json!({ "tracks": [["local"]] }), 400, "decoding_error"),
        (NewTracks, json!({ "tracks": [null] }), 400, "decoding_error"),
        (
            NewTracks,
            json!({ "sessionDescription": ["offer", "v=0\n"], "tracks": [local] }),
            400,
            "decoding_error",
        ),
        (NewTracks, json!({ "tracks": [{ "location": "sideways" }] }), 400, "decoding_error"),
        (NewTracks, json!({ "tracks": [] }), 406, "invalid_params"),
        (NewTracks, json!({}), 406, "invalid_params"),
        (NewTracks, json!({ "tracks": [local, remote] }), 406, "invalid_params"),
        (NewTracks, json!({ "tracks": [{ "trackName": "x" }] }), 406, "invalid_params"),
        (NewTracks, json!({ "tracks": vec![&remote; 65] }), 406, "invalid_params"),
        (NewTracks, json!({ "autoDiscover": true }), 406, "invalid_params"),
        (
            NewTracks,
            json!({ "tracks": [{ "location": "local", "trackName": "x" }] }),
            406,
            "invalid_params",
        ),
        (
            NewTracks,
            json!({ "tracks": [{ "location": "local", "trackName": "x", "kind": "smell" }] }),
            406,
            "invalid_params",
        ),
        (
            NewTracks,
            json!({ "tracks": [remote], "sessionDescription": offer(&[]), "autoDiscover": true }),
            406,
            "invalid_params",
        ),
        (
            NewTracks,
            json!({ "tracks": [{ "location": "remote", "trackName": "x" }] }),
            406,
            "invalid_params",
        ),
        (
            NewTracks,
            json!({ "tracks": [{ "location": "remote", "trackName": "x", "sessionId": "y", "mid": "3" }] }),
            406,
            "invalid_params",
        ),
        (NewTracks, with("answer", "v=0\r\n"), 406, description),
        (NewTracks, with("offer", "v=0"), 400, description),
        (NewTracks, with("offer", "o=\n"), 400, description),
        (NewTracks, with("offer", "v=0 bad\r\n"), 406, description),
        (Renegotiate, with("answer", "v=0\r\n"), 406, description),
        (CloseTracks, json!({ "tracks": [{ "mid": "0" }] }), 400, "decoding_error"),
        (CloseTracks, json!({ "tracks": [{}], "force": true }), 406, "invalid_params"),
        (CloseTracks, json!({ "tracks": [], "force": true }), 406, "invalid_params"),
        (CloseTracks, json!({ "tracks": [{ "mid": "0" }], "force": false }), 406, "invalid_params"),
        (CloseTracks, json!({ "tracks": [{ "mid": "0" }], "force": 1 }), 400, "decoding_error"),
        (UpdateTracks, json!({ "tracks": [remote] }), 406, "invalid_params"),
        (UpdateTracks, json!({ "tracks": [local] }), 406, "invalid_params"),
        (EstablishDataChannels, json!({}), 406, "invalid_params"),
        (
            EstablishDataChannels,
            json!({ "dataChannel": server_events(), "sessionDescription": offer(&["0 audio send"]) }),
            406,
            description,
        ),
        (
            NewDataChannels,
            json!({ "dataChannels": [{ "location": "local", "dataChannelName": "x" }] }),
            406,
            "invalid_params",
        ),
        (UpdateDataChannels, json!({ "dataChannels": [] }), 406, "invalid_params"),
        (
            UpdateDataChannels,
            json!({ "dataChannels": [{ "location": "local", "dataChannelName": "x" }] }),
            406,
            "invalid_params",
        ),
        (CloseDataChannels, json!({ "dataChannels": [{}] }), 406, "invalid_params"),
        (CloseDataChannels, json!({ "dataChannels": [{ "id": "1" }] }), 400, "decoding_error"),
        (NewWebsocketAdapters, json!({}), 406, "invalid_params"),
        (NewWebsocketAdapters, json!(5), 400, "decoding_error"),
        (CloseWebsocketAdapters, json!({ "tracks": [{}] }), 406, "invalid_params"),
        (CloseWebsocketAdapters, json!({ "tracks": vec![json!({}); 5] }), 406, "invalid_params"),
        (NewSession, json!({}), 400, "decoding_error"),
        (NewSession, json!([]), 400, "decoding_error"),
        (NewSession, json!({ "sessionDescription": offer(&["bad"]) }), 406, description),
    ];
    let mut world = World::with(Config { requests_per_second: 1000, ..Config::default() });
    let session = world.up();
    for (operation, body, status, expected) in cases {
        let reply = world.call(operation, &session, body.clone());
        assert_eq!(code(&reply), (status, expected), "{operation:?} {body} {}", reply.body);
    }
    assert_eq!(world.statuses(&session), [""; 0]);
    assert_eq!(world.snapshot().sessions.len(), 1);
}

#[test]
fn descriptions_of_errors_name_the_entry_and_quote_nothing() {
    let mut world = World::new();
    let session = world.up();
    let body = json!({ "sessionDescription": offer(&[]), "tracks": [{ "location": "local", "trackName": "x" }] });
    let reply = world.call(NewTracks, &session, body);
    assert_eq!(reply.body["errorDescription"], "tracks[0]: Missing mid in track");
    let body = json!({ "tracks": [{ "location": "remote", "kind": { "secret": 1 } }] });
    let reply = world.call(NewTracks, &session, body);
    let text = reply.body["errorDescription"].as_str().unwrap();
    assert!(text.contains("tracks[0].kind") && !text.contains("secret"), "{text}");
    let body = force_close(&["0"]).to_string();
    assert!(!format!("{:?}", request(CloseTracks, None, body.into())).contains("force"));
}

#[test]
fn an_unanswered_offer_keeps_out_every_change_but_its_answer() {
    let mut world = World::with(Config { requests_per_second: 1000, ..Config::default() });
    let publisher = world.publisher("mic");
    let session = world.up();
    let pull = pulling(&publisher, &["mic"]);
    world.call(NewTracks, &session, pull.clone());
    for (operation, body) in [
        (NewTracks, pull),
        (CloseTracks, force_close(&["s0"])),
        (UpdateTracks, json!({})),
        (EstablishDataChannels, json!({})),
        (NewDataChannels, json!({})),
        (UpdateDataChannels, json!({})),
        (CloseDataChannels, json!({})),
    ] {
        let reply = world.call(operation, &session, body);
        assert_eq!(code(&reply), (406, "invalid_session_description"), "{operation:?}");
    }
    assert_eq!(world.statuses(&session), ["s0 active"]);
    let bad = json!({ "sessionDescription": { "type": "answer", "sdp": "v=0 bad\r\n" } });
    for body in [bad, json!({})] {
        let reply = world.call(Renegotiate, &session, body);
        assert_eq!(code(&reply), (406, "invalid_session_description"));
    }
    world.pass(600_000);
    assert_eq!(code(&world.call(CloseTracks, &session, force_close(&["s0"]))).0, 406);
    world.answer(&session);
    assert_eq!(world.call(CloseTracks, &session, force_close(&["s0"])).status, 200);
}

#[test]
fn more_than_50_requests_in_a_second_get_429() {
    let mut world = World::new();
    let (session, other) = (world.session(), world.session());
    for _ in 0..50 {
        assert_eq!(world.call(GetSession, &session, Value::Null).status, 200);
    }
    let reply = world.call(GetSession, &session, Value::Null);
    assert_eq!((reply.status, &reply.body), (429, &Value::Null));
    assert_eq!(world.call(GetSession, &other, Value::Null).status, 200);
    world.pass(999);
    assert_eq!(world.call(GetSession, &session, Value::Null).status, 429);
    world.pass(1);
    assert_eq!(world.call(GetSession, &session, Value::Null).status, 200);
}

#[test]
fn large_bodies_get_413() {
    let mut world = World::with(Config { max_body: 10, ..Config::default() });
    let session = world.session();
    let reply = world.call(NewTracks, &session, pulling("x", &["y"]));
    assert_eq!(code(&reply), (413, "payload_too_large"));
}

#[test]
fn an_offer_that_cannot_be_made_changes_nothing() {
    let mut world = World::new();
    let (publisher, session) = (world.publisher("mic"), world.up());
    world.media.is_broken = true;
    let reply = world.call(NewTracks, &session, pulling(&publisher, &["mic"]));
    assert_eq!(code(&reply), (500, "backend_error"));
    world.media.is_broken = false;
    world.pull(&session, &publisher, "mic");
}

#[test]
fn without_a_session_in_the_path_nothing_is_found() {
    let mut world = World::new();
    let Response::Now(reply) = world.send(request(GetSession, None, Vec::new())) else { panic!() };
    assert_eq!(code(&reply), (404, "not_found"));
}

//! Adapters: success, entries that fail, and 503 if none worked.

use std::time::Duration;

use cloudflare_calls_emulator::agent::Source;
use cloudflare_calls_emulator::faults::{Fault, Rule};
use cloudflare_calls_emulator::rules::Config;
use futures_util::StreamExt;
use serde_json::json;
use tokio::net::TcpListener;

use super::api::{Api, codes};
use super::contract::{CLOSE_ADAPTERS, NEW_ADAPTERS};

/// Returns an endpoint that accepts all messages.
async fn endpoint() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
                while let Some(Ok(_)) = socket.next().await {}
            });
        }
    });
    format!("ws://{address}")
}

#[tokio::test]
async fn adapters_are_created_and_closed() {
    let api = Api::start(Config::default()).await;
    let (_agent, session, _) = api.join(&[(Source::Audio, "mic")]).await;
    let endpoint = endpoint().await;
    let mut ids = Vec::new();
    for (name, track) in [("local_ingest", "speech"), ("remote_stream_audio", "mic")] {
        let mut body = NEW_ADAPTERS.example(name);
        let entry = &mut body["tracks"][0];
        entry["endpoint"] = endpoint.clone().into();
        entry["trackName"] = track.into();
        let is_ingest = entry["location"] == "local";
        if !is_ingest {
            entry["sessionId"] = session.clone().into();
        }
        let mut other = entry.clone();
        // The port has no listener.
        other["endpoint"] = "ws://127.0.0.1:1".into();
        body["tracks"].as_array_mut().unwrap().push(other);
        let reply = api.call(&NEW_ADAPTERS, "", body).await.is(200);
        assert_eq!(codes(&reply["tracks"]), ["", "websocket_handshake_failed"], "{name}");
        assert_eq!(reply["tracks"][0]["sessionId"].is_string(), is_ingest);
        ids.push(reply["tracks"][0]["adapterId"].clone());
    }
    let mut close = CLOSE_ADAPTERS.example("");
    close["tracks"] =
        json!([{ "adapterId": ids[0] }, { "adapterId": ids[1] }, { "adapterId": "unknown" }]);
    // Adapters that are closed already are no failure.
    for _ in 0..2 {
        let reply = api.call(&CLOSE_ADAPTERS, "", &close).await.is(200);
        assert_eq!(codes(&reply["tracks"]), ["", "", "adapter_not_found"]);
    }
    api.finish("adapters");
}

#[tokio::test]
async fn adapters_of_which_none_could_be_used_are_a_503() {
    let adapter_wait = Duration::from_millis(500);
    let api = Api::start(Config { adapter_wait, ..Config::default() }).await;
    for name in ["remote_stream_audio", "remote_stream_video"] {
        // The session of the example does not exist.
        let reply = api.call(&NEW_ADAPTERS, "", NEW_ADAPTERS.example(name)).await.is(503);
        assert_eq!(codes(&reply["tracks"]), ["not_found_track_error"]);
    }
    // Documented, but the emulator makes pictures of VP8 only.
    let (_agent, session, _) = api.join(&[(Source::H265, "camera")]).await;
    let mut body = NEW_ADAPTERS.example("remote_stream_video");
    let entry = &mut body["tracks"][0];
    entry["endpoint"] = endpoint().await.into();
    entry["sessionId"] = session.into();
    entry["trackName"] = "camera".into();
    let reply = api.call(&NEW_ADAPTERS, "", body).await.is(503);
    assert_eq!(codes(&reply["tracks"]), ["backend_error"]);

    // An endpoint that takes connections but never answers.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut body = NEW_ADAPTERS.example("local_ingest");
    let url = format!("ws://{}/ingest", silent.local_addr().unwrap());
    body["tracks"][0]["endpoint"] = url.into();
    let reply = api.call(&NEW_ADAPTERS, "", body).await.is(503);
    assert_eq!(codes(&reply["tracks"]), ["websocket_connection_timeout"]);

    let reply = api.call(&CLOSE_ADAPTERS, "", CLOSE_ADAPTERS.example("")).await.is(503);
    assert_eq!(codes(&reply["tracks"]), ["adapter_not_found"]);
    api.finish("no adapter");
}

#[tokio::test]
async fn adapters_that_are_made_to_fail_are_a_503_too() {
    let api = Api::start(Config::default()).await;
    let fault = Fault::FailItems { code: "internal_error".to_owned(), indices: vec![0, 1] };
    api.emulator.fault(Rule::new(fault)).unwrap();
    let mut close = CLOSE_ADAPTERS.example("");
    close["tracks"] = json!([close["tracks"][0], { "adapterId": "other" }]);
    for (operation, body) in
        [(&NEW_ADAPTERS, NEW_ADAPTERS.example("local_ingest")), (&CLOSE_ADAPTERS, close)]
    {
        let reply = api.call(operation, "", body).await.is(503);
        assert!(codes(&reply["tracks"]).iter().all(|code| *code == "internal_error"));
    }
    api.finish("adapters made to fail");
}

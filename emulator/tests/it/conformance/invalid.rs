//! 406: requests that are not valid, and those out of turn.

use cloudflare_calls_emulator::agent::Source;
use cloudflare_calls_emulator::rules::Config;
use serde_json::{Value, json};

use super::api::{Api, offered};
use super::contract::{
    ALL, CLOSE_ADAPTERS, CLOSE_CHANNELS, CLOSE_TRACKS, ESTABLISH, NEW_ADAPTERS, NEW_CHANNELS,
    NEW_SESSION, NEW_TRACKS, RENEGOTIATE, UPDATE_CHANNELS, UPDATE_TRACKS,
};

/// Returns the example without a field of its first entry.
fn without(mut body: Value, list: &str, field: &str) -> Value {
    body[list][0].as_object_mut().unwrap().remove(field).unwrap();
    body
}

#[tokio::test]
async fn requests_without_a_needed_field_are_invalid() {
    let api = Api::start(Config::default()).await;
    let (_agent, session, _) = api.join(&[(Source::Audio, "mic")]).await;
    let local = || NEW_TRACKS.example("local_tracks");
    let remote = || NEW_TRACKS.example("remote_tracks");
    let unoffered = || NEW_TRACKS.example("push_track_without_an_offer");
    let update = || UPDATE_TRACKS.example("reuse_transceiver");
    let ingest = || NEW_ADAPTERS.example("local_ingest");
    let egress = || NEW_ADAPTERS.example("remote_stream_audio");
    let mut unforced = CLOSE_TRACKS.example("forced");
    unforced.as_object_mut().unwrap().remove("force");
    for (operation, body) in [
        (&NEW_TRACKS, json!({})),
        (&NEW_TRACKS, without(local(), "tracks", "location")),
        (&NEW_TRACKS, without(local(), "tracks", "mid")),
        (&NEW_TRACKS, without(local(), "tracks", "trackName")),
        (&NEW_TRACKS, without(remote(), "tracks", "sessionId")),
        (&NEW_TRACKS, without(remote(), "tracks", "trackName")),
        (&NEW_TRACKS, without(unoffered(), "tracks", "kind")),
        (&CLOSE_TRACKS, without(CLOSE_TRACKS.example("forced"), "tracks", "mid")),
        (&CLOSE_TRACKS, json!({ "tracks": [], "force": true })),
        (&UPDATE_TRACKS, without(update(), "tracks", "mid")),
        (&ESTABLISH, json!({})),
        (&UPDATE_CHANNELS, json!({})),
        (
            &UPDATE_CHANNELS,
            without(UPDATE_CHANNELS.example("grant_can_reply"), "dataChannels", "sessionId"),
        ),
        (&CLOSE_CHANNELS, without(CLOSE_CHANNELS.example(""), "dataChannels", "id")),
        (&NEW_ADAPTERS, without(ingest(), "tracks", "inputCodec")),
        (&NEW_ADAPTERS, without(ingest(), "tracks", "endpoint")),
        (&NEW_ADAPTERS, without(egress(), "tracks", "outputCodec")),
        (&NEW_ADAPTERS, without(egress(), "tracks", "sessionId")),
        (&CLOSE_ADAPTERS, without(CLOSE_ADAPTERS.example(""), "tracks", "adapterId")),
        // The session's transport is not established.
        (&NEW_CHANNELS, NEW_CHANNELS.example("local_datachannels")),
    ] {
        api.call(operation, &session, body).await.fails(406, "invalid_params");
    }
    // Observed (O): these two are errors of decoding.
    let mut null = remote();
    null["tracks"][0]["mid"] = serde_json::Value::Null;
    for (operation, body, field) in
        [(&CLOSE_TRACKS, unforced, "force"), (&NEW_TRACKS, null, "tracks[0].mid")]
    {
        let reply = api.call(operation, &session, body).await;
        reply.fails(400, "decoding_error");
        let said = format!("Body JSON validation error: {field}");
        assert_eq!(reply.body["errorDescription"], said);
    }
    api.finish("fields missing");
}

#[tokio::test]
async fn requests_with_too_many_or_unfitting_entries_are_invalid() {
    let api = Api::start(Config::default()).await;
    let (_agent, session, _) = api.join(&[(Source::Audio, "mic")]).await;
    let many = |mut body: Value, count: usize| {
        body["tracks"] = vec![body["tracks"][0].clone(); count].into();
        body
    };
    let remote = NEW_TRACKS.example("remote_tracks");
    let mut mixed = NEW_TRACKS.example("push_track_without_an_offer");
    mixed["tracks"].as_array_mut().unwrap().push(remote["tracks"][0].clone());
    let mut local = UPDATE_TRACKS.example("reuse_transceiver");
    local["tracks"][0]["location"] = "local".into();
    let mut published = UPDATE_CHANNELS.example("grant_can_reply");
    published["dataChannels"][0]["location"] = "local".into();
    let mut other = ESTABLISH.example("ask_for_an_offer");
    other["dataChannel"]["dataChannelName"] = "other".into();
    let mut http = NEW_ADAPTERS.example("local_ingest");
    http["tracks"][0]["endpoint"] = "https://example.com".into();
    for (operation, body) in [
        (&NEW_TRACKS, many(remote, 65)),
        (&NEW_TRACKS, mixed),
        (&CLOSE_TRACKS, many(CLOSE_TRACKS.example("forced"), 65)),
        (&UPDATE_TRACKS, many(UPDATE_TRACKS.example("reuse_transceiver"), 65)),
        (&UPDATE_TRACKS, local),
        (&ESTABLISH, other),
        (&UPDATE_CHANNELS, published),
        (&NEW_ADAPTERS, many(NEW_ADAPTERS.example("local_ingest"), 5)),
        (&NEW_ADAPTERS, http),
        (&CLOSE_ADAPTERS, many(CLOSE_ADAPTERS.example(""), 5)),
    ] {
        api.call(operation, &session, body).await.fails(406, "invalid_params");
    }
    api.finish("entries unfitting");
}

#[tokio::test]
async fn descriptions_that_are_none_are_refused() {
    let api = Api::start(Config::default()).await;
    let (_agent, session, _) = api.join(&[(Source::Audio, "mic")]).await;
    let code = "invalid_session_description";
    // The document shortens the descriptions with dots.
    let examples = [
        (&NEW_TRACKS, NEW_TRACKS.example("local_tracks")),
        (&NEW_TRACKS, NEW_TRACKS.example("push_tracks_with_autodiscover")),
        (&CLOSE_TRACKS, CLOSE_TRACKS.example("negotiated")),
        (&ESTABLISH, ESTABLISH.example("send_an_offer")),
    ];
    // Observed (O): 400 for what cannot be parsed, 406 for what is out of order.
    for (operation, body) in examples {
        let reply = api.call(operation, &session, &body).await;
        reply.fails(400, code);
        let said = reply.body["errorDescription"].as_str().unwrap();
        assert!(said.starts_with("Unable to parse SDP"), "{said}");
        let mut answer = body;
        answer["sessionDescription"]["type"] = "answer".into();
        api.call(operation, &session, answer).await.fails(406, code);
    }
    let mut update = UPDATE_TRACKS.example("reuse_transceiver");
    update["sessionDescription"] = offered("no description");
    api.call(&UPDATE_TRACKS, &session, update).await.fails(400, code);
    let offer = json!({ "sessionDescription": offered("no description") });
    api.call(&NEW_SESSION, "", offer).await.fails(400, code);
    let answer = json!({ "sessionDescription": { "type": "answer", "sdp": "v=0\r\n" } });
    api.call(&NEW_SESSION, "", answer).await.fails(406, code);
    api.finish("descriptions");
}

#[tokio::test]
async fn changes_are_refused_while_an_offer_awaits_its_answer() {
    let api = Api::start(Config::default()).await;
    let session = api.session().await;
    let code = "invalid_session_description";
    api.call(&RENEGOTIATE, &session, RENEGOTIATE.example("")).await.fails(406, code);
    let reply = api.call(&ESTABLISH, &session, ESTABLISH.example("ask_for_an_offer")).await;
    reply.is(200);
    let reads = |path: &str| path.ends_with("{sessionId}");
    for operation in ALL.iter().filter(|operation| operation.is_on_session()) {
        let reply = api.call(operation, &session, "{}").await;
        if reads(operation.path) {
            reply.is(200);
        } else {
            reply.fails(406, code);
        }
    }
    // The request is in turn, but lacks a part that every description has.
    api.call(&RENEGOTIATE, &session, RENEGOTIATE.example("")).await.fails(400, code);
    api.finish("out of turn");
}

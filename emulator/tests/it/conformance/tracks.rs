//! Sessions and tracks: success, and entries that fail inside a 200.

use std::time::Duration;

use cloudflare_calls_emulator::agent::{Agent, Change, Source};
use cloudflare_calls_emulator::faults::{Fault, Rule};
use cloudflare_calls_emulator::rules::Config;
use serde_json::{Value, json};

use super::api::{Api, PATIENCE, codes, offered, sdp};
use super::contract::{CLOSE_TRACKS, GET_SESSION, NEW_SESSION, NEW_TRACKS, UPDATE_TRACKS};

/// Returns an example of one track, of that publisher and name.
fn of(mut body: Value, publisher: &str, name: &str) -> Value {
    body["tracks"][0]["sessionId"] = publisher.into();
    body["tracks"][0]["trackName"] = name.into();
    body
}

/// Asks for tracks and answers the offer. Returns the mids.
async fn add(api: &Api, agent: &Agent, session: &str, body: Value) -> Vec<String> {
    let reply = api.call(&NEW_TRACKS, session, body).await.is(200);
    api.answer(agent, session, &reply).await;
    let tracks = reply["tracks"].as_array().unwrap().iter();
    tracks.map(|track| track["mid"].as_str().unwrap().to_owned()).collect()
}

/// Observed: an offer in the body of `sessions/new` is answered in the same reply.
#[tokio::test]
async fn sessions_are_created_with_and_without_an_offer() {
    let api = Api::start(Config::default()).await;
    let session = api.session().await;
    let state = api.call(&GET_SESSION, &session, "").await.is(200);
    assert_eq!(state, json!({ "tracks": [], "dataChannels": [] }));
    let agent = Agent::start().await.unwrap();
    let (offer, _) = agent.offer(&[Source::Audio]).await.unwrap();
    let body = json!({ "sessionDescription": offered(&offer) });
    let joined = api.call(&NEW_SESSION, "", body).await.is(201);
    agent.accept_answer(sdp(&joined, "answer")).await.unwrap();
    agent.connected(PATIENCE).await.unwrap();
    api.finish("sessions");
}

#[tokio::test]
async fn tracks_are_published_in_every_documented_way() {
    let api = Api::start(Config::default()).await;
    for name in ["local_tracks", "push_track_with_bidirectional_stream"] {
        let (agent, session) = (Agent::start().await.unwrap(), api.session().await);
        let (offer, mids) = agent.offer(&[Source::Audio]).await.unwrap();
        let mut body = NEW_TRACKS.example(name);
        body["tracks"][0]["mid"] = mids[0].clone().into();
        body["sessionDescription"]["sdp"] = offer.into();
        let absent = json!({ "location": "local", "mid": "absent", "trackName": "other" });
        body["tracks"].as_array_mut().unwrap().push(absent);
        let reply = api.call(&NEW_TRACKS, &session, body).await.is(200);
        assert_eq!(codes(&reply["tracks"]), ["", "not_found_track_error"]);
        assert_eq!(reply["tracks"][0]["mid"], mids[0]);
        agent.accept_answer(sdp(&reply, "answer")).await.unwrap();
    }
    let (agent, session) = (Agent::start().await.unwrap(), api.session().await);
    let (offer, _) = agent.offer(&[Source::Audio, Source::Video]).await.unwrap();
    let mut body = NEW_TRACKS.example("push_tracks_with_autodiscover");
    body["sessionDescription"]["sdp"] = offer.into();
    let reply = api.call(&NEW_TRACKS, &session, body).await.is(200);
    assert_eq!(codes(&reply["tracks"]), ["", ""]);
    agent.accept_answer(sdp(&reply, "answer")).await.unwrap();

    let (agent, session) = (Agent::start().await.unwrap(), api.session().await);
    add(&api, &agent, &session, NEW_TRACKS.example("push_track_without_an_offer")).await;
    api.finish("published");
}

#[tokio::test]
async fn a_track_is_pulled_where_another_one_is_published() {
    let api = Api::start(Config::default()).await;
    let (_alice, alices, _) = api.join(&[(Source::Audio, "mic")]).await;
    let (bob, bobs) = (Agent::start().await.unwrap(), api.session().await);
    let mut body = NEW_TRACKS.example("push_track_without_an_offer");
    body["tracks"][0]["bidirectionalMediaStream"] = true.into();
    let mids = add(&api, &bob, &bobs, body).await;
    bob.connected(PATIENCE).await.unwrap();
    let body = NEW_TRACKS.example("pull_track_with_bidirectional_stream");
    let reply = api.call(&NEW_TRACKS, &bobs, of(body, &alices, "mic")).await.is(200);
    assert_eq!(codes(&reply["tracks"]), [""]);
    assert_eq!(reply["tracks"][0]["mid"], mids[0]);
    assert_eq!(reply["requiresImmediateRenegotiation"], false);
    assert_eq!(reply.get("sessionDescription"), None);
    api.finish("pulled in place");
}

#[tokio::test]
async fn tracks_are_pulled_updated_and_closed() {
    let api = Api::start(Config::default()).await;
    let layers = Source::SimulcastVideo(&["h", "l"]);
    let sends = [(Source::Audio, "mic"), (Source::Video, "camera"), (layers, "layers")];
    let (_alice, alices, _) = api.join(&sends).await;
    let (bob, bobs, bob_mids) = api.join(&[(Source::Audio, "mic-1")]).await;
    let remote = || NEW_TRACKS.example("remote_tracks");
    let video = add(&api, &bob, &bobs, of(remote(), &alices, "camera")).await;
    let simulcast = NEW_TRACKS.example("remote_track_with_simulcast");
    let layered = add(&api, &bob, &bobs, of(simulcast, &alices, "layers")).await;

    // One of two tracks does not exist, and then neither is changed.
    let mut some = of(remote(), &alices, "unknown");
    let found = of(remote(), &alices, "mic")["tracks"][0].clone();
    some["tracks"].as_array_mut().unwrap().push(found);
    let reply = api.call(&NEW_TRACKS, &bobs, some).await.is(200);
    assert_eq!(codes(&reply["tracks"]), ["not_found_track_error", ""]);
    assert_eq!(reply["tracks"][0]["mid"], "");
    api.answer(&bob, &bobs, &reply).await;
    let reply = api.call(&NEW_TRACKS, &bobs, of(remote(), &alices, "unknown")).await.is(200);
    assert_eq!(codes(&reply["tracks"]), ["not_found_track_error"]);
    assert_eq!(reply["requiresImmediateRenegotiation"], false);
    assert_eq!(reply.get("sessionDescription"), None);

    for (example, mid, name, code) in [
        ("reuse_transceiver", &video[0], "layers", ""),
        ("reuse_transceiver", &video[0], "camera", ""),
        ("reuse_with_simulcast", &layered[0], "layers", ""),
        ("reuse_with_simulcast", &video[0], "camera", "update_track_error"),
        ("reuse_transceiver", &video[0], "unknown", "not_found_track_error"),
    ] {
        let mut body = of(UPDATE_TRACKS.example(example), &alices, name);
        body["tracks"][0]["mid"] = mid.clone().into();
        let reply = api.call(&UPDATE_TRACKS, &bobs, body).await.is(200);
        assert_eq!(codes(&reply["tracks"]), [code], "{name}");
    }

    let mut forced = CLOSE_TRACKS.example("forced");
    forced["tracks"] = json!([{ "mid": video[0] }, { "mid": "absent" }]);
    let reply = api.call(&CLOSE_TRACKS, &bobs, &forced).await.is(200);
    assert_eq!(codes(&reply["tracks"]), ["", "close_track_error"]);
    let reply = api.call(&CLOSE_TRACKS, &bobs, forced).await.is(200);
    assert_eq!(codes(&reply["tracks"]), ["close_track_error", "close_track_error"]);

    let mut negotiated = CLOSE_TRACKS.example("negotiated");
    let (offer, _) = bob.offer_changes(&[Change::Deactivate(bob_mids[0].clone())]).await.unwrap();
    negotiated["sessionDescription"]["sdp"] = offer.into();
    negotiated["tracks"] = json!([{ "mid": bob_mids[0] }]);
    let reply = api.call(&CLOSE_TRACKS, &bobs, negotiated).await.is(200);
    bob.accept_answer(sdp(&reply, "answer")).await.unwrap();
    let state = api.call(&GET_SESSION, &bobs, "").await.is(200);
    let statuses = state["tracks"].as_array().unwrap().iter().map(|track| &track["status"]);
    assert!(statuses.clone().any(|status| status == "inactive"));
    assert!(statuses.clone().any(|status| status == "active"));
    api.finish("tracks");
}

#[tokio::test]
async fn a_track_that_has_sent_nothing_is_not_found() {
    let first_packet_wait = Duration::from_millis(100);
    let api = Api::start(Config { first_packet_wait, ..Config::default() }).await;
    let (agent, publisher) = (Agent::start().await.unwrap(), api.session().await);
    let (offer, mids) = agent.offer(&[Source::Audio]).await.unwrap();
    let mut body = NEW_TRACKS.example("local_tracks");
    body["tracks"][0]["mid"] = mids[0].clone().into();
    body["sessionDescription"]["sdp"] = offer.into();
    api.call(&NEW_TRACKS, &publisher, &body).await.is(200);
    let name = body["tracks"][0]["trackName"].as_str().unwrap();
    let (_bob, bobs, _) = api.join(&[(Source::Audio, "mic")]).await;
    let remote = of(NEW_TRACKS.example("remote_tracks"), &publisher, name);
    let reply = api.call(&NEW_TRACKS, &bobs, remote).await.is(200);
    assert_eq!(codes(&reply["tracks"]), ["not_found_track_error"]);
    api.finish("silent");
}

#[tokio::test]
async fn entries_that_are_made_to_fail_are_as_documented_too() {
    let api = Api::start(Config::default()).await;
    let (_agent, session, mids) = api.join(&[(Source::Audio, "mic")]).await;
    let fault = Fault::FailItems { code: "internal_error".to_owned(), indices: vec![0] };
    api.emulator.fault(Rule::new(fault)).unwrap();
    let mut close = CLOSE_TRACKS.example("forced");
    close["tracks"] = json!([{ "mid": mids[0] }, { "mid": "absent" }]);
    let reply = api.call(&CLOSE_TRACKS, &session, &close).await.is(200);
    assert_eq!(codes(&reply["tracks"]), ["internal_error", "close_track_error"]);
    assert_eq!(reply["tracks"][0]["mid"], mids[0]);
    for body in [NEW_TRACKS.example("remote_tracks"), NEW_TRACKS.example("local_tracks")] {
        let reply = api.call(&NEW_TRACKS, &session, body).await.is(200);
        assert_eq!(reply["tracks"][0]["mid"], "");
    }
    api.finish("made to fail");
}

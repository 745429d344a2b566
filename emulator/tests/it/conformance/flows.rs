//! Ways through the API beyond the sequence diagram, with media on each. The
//! evidence stands above each test: documented by Cloudflare, or observed against
//! the live service.

use std::time::Duration;

use cloudflare_calls_emulator::agent::{Agent, Change, Received, Source};
use cloudflare_calls_emulator::faults::{Fault, Rule};
use cloudflare_calls_emulator::media::{Delivery, Kind, Message};
use cloudflare_calls_emulator::rules::{Config, Operation};
use serde_json::{Value, json};

use super::api::{Api, PATIENCE, codes, offered, sdp};
use super::contract::{
    CLOSE_TRACKS, GET_SESSION, NEW_ADAPTERS, NEW_CHANNELS, NEW_SESSION, NEW_TRACKS, RENEGOTIATE,
    UPDATE_TRACKS,
};

fn pull(publisher: &str, names: &[&str]) -> Value {
    let entry = |name| json!({ "location": "remote", "sessionId": publisher, "trackName": name });
    json!({ "tracks": names.iter().map(entry).collect::<Vec<_>>() })
}

fn pull_on(publisher: &str, names: &[&str], offer: &str) -> Value {
    let mut body = pull(publisher, names);
    body["sessionDescription"] = offered(offer);
    body
}

/// Waits until the agent receives packets.
async fn hears(agent: &Agent, mid: &Value) {
    let mid = mid.as_str().unwrap();
    let before = agent.received(mid).packets;
    let more = |received: &Received| received.packets >= before + 5;
    agent.until_received(mid, PATIENCE, more).await.unwrap();
}

/// Creates a session without a connection, an agent, and the agent's offer.
async fn offering(api: &Api, changes: &[Change]) -> (Agent, String, String, Vec<String>) {
    let (agent, session) = (Agent::start().await.unwrap(), api.session().await);
    let (offer, mids) = agent.offer_changes(changes).await.unwrap();
    (agent, session, offer, mids)
}

/// Documented: Cloudflare's WHEP and TTS examples pull so.
#[tokio::test]
async fn a_pull_with_the_agents_offer_is_answered_in_the_reply() {
    let api = Api::start(Config::default()).await;
    let (_alice, alices, _) = api.join(&[(Source::Audio, "mic"), (Source::Video, "camera")]).await;
    let wanted = [Change::Receive(Kind::Video), Change::Receive(Kind::Audio)];
    let (bob, bobs, offer, mids) = offering(&api, &wanted).await;
    let body = pull_on(&alices, &["mic", "camera"], &offer);
    let reply = api.call(&NEW_TRACKS, &bobs, body).await.is(200);
    assert_eq!(reply["requiresImmediateRenegotiation"], false);
    assert_eq!(
        (&reply["tracks"][0]["mid"], &reply["tracks"][1]["mid"]),
        (&json!(mids[1]), &json!(mids[0]))
    );
    bob.accept_answer(sdp(&reply, "answer")).await.unwrap();
    hears(&bob, &reply["tracks"][0]["mid"]).await;
    hears(&bob, &reply["tracks"][1]["mid"]).await;
    api.finish("pulled on an offer");
}

/// Documented: `establish` is skipped if `m=application` is in the first offer.
#[tokio::test]
async fn media_and_data_channels_share_the_first_offer() {
    let api = Api::start(Config::default()).await;
    let both = [Change::Add(Source::Audio), Change::Data];
    let (alice, alices, offer, mids) = offering(&api, &both).await;
    let body = json!({ "sessionDescription": offered(&offer),
        "tracks": [{ "location": "local", "mid": mids[0], "trackName": "mic" }] });
    let reply = api.call(&NEW_TRACKS, &alices, body).await.is(200);
    alice.accept_answer(sdp(&reply, "answer")).await.unwrap();

    let bob = Agent::start().await.unwrap();
    let (offer, _) = bob.offer_changes(&both).await.unwrap();
    let body = json!({ "sessionDescription": offered(&offer) });
    let reply = api.call(&NEW_SESSION, "", body).await.is(201);
    let bobs = reply["sessionId"].as_str().unwrap();
    bob.accept_answer(sdp(&reply, "answer")).await.unwrap();

    let body = json!({ "dataChannels": [{ "location": "local", "dataChannelName": "chat" }] });
    let reply = api.call(&NEW_CHANNELS, &alices, body).await.is(200);
    let local = u16::try_from(reply["dataChannels"][0]["id"].as_u64().unwrap()).unwrap();
    let body = json!({ "dataChannels": [
        { "location": "remote", "dataChannelName": "chat", "sessionId": alices }] });
    let reply = api.call(&NEW_CHANNELS, bobs, body).await.is(200);
    let remote = u16::try_from(reply["dataChannels"][0]["id"].as_u64().unwrap()).unwrap();
    alice.open_channel(local, Delivery::RELIABLE).await.unwrap();
    bob.open_channel(remote, Delivery::RELIABLE).await.unwrap();
    let hello = Message { is_binary: false, data: b"hello".to_vec() };
    alice.send(local, hello.clone()).await.unwrap();
    let heard = tokio::time::timeout(PATIENCE, bob.recv()).await.unwrap();
    assert_eq!(heard, Some((remote, hello)));
    api.finish("one offer for all");
}

/// Observed: by mid and name alone, 200 once connected, 425 before.
#[tokio::test]
async fn a_track_on_a_section_that_is_there_needs_no_description() {
    let connect_wait = Duration::from_millis(50);
    let api = Api::start(Config { connect_wait, ..Config::default() }).await;
    let alice = Agent::start().await.unwrap();
    let (offer, mids) = alice.offer(&[Source::Audio]).await.unwrap();
    let body = json!({ "sessionDescription": offered(&offer) });
    let joined = api.call(&NEW_SESSION, "", body).await.is(201);
    let alices = joined["sessionId"].as_str().unwrap();
    let name = json!({ "tracks": [{ "location": "local", "mid": mids[0], "trackName": "mic" }] });
    api.call(&NEW_TRACKS, alices, &name).await.fails(425, "session_error");
    alice.accept_answer(sdp(&joined, "answer")).await.unwrap();
    alice.connected(PATIENCE).await.unwrap();
    let reply = api.call(&NEW_TRACKS, alices, &name).await.is(200);
    assert_eq!(codes(&reply["tracks"]), [""]);
    assert_eq!(reply.get("sessionDescription"), None);
    api.flowing(alices).await;

    let (bob, bobs) = (Agent::start().await.unwrap(), api.session().await);
    let reply = api.call(&NEW_TRACKS, &bobs, pull(alices, &["mic"])).await.is(200);
    api.answer(&bob, &bobs, &reply).await;
    hears(&bob, &reply["tracks"][0]["mid"]).await;
    api.finish("published by name");
}

/// Observed: an idle `recvonly` section of the agent's is used, without an exchange.
#[tokio::test]
async fn a_pull_uses_an_idle_section_of_the_agents() {
    let api = Api::start(Config::default()).await;
    let (_alice, alices, _) = api.join(&[(Source::Audio, "mic"), (Source::Video, "camera")]).await;
    let bob = Agent::start().await.unwrap();
    let (offer, mids) = bob.offer_changes(&[Change::Receive(Kind::Audio)]).await.unwrap();
    let body = json!({ "sessionDescription": offered(&offer) });
    let joined = api.call(&NEW_SESSION, "", body).await.is(201);
    let bobs = joined["sessionId"].as_str().unwrap();
    bob.accept_answer(sdp(&joined, "answer")).await.unwrap();
    let reply = api.call(&NEW_TRACKS, bobs, pull(&alices, &["mic"])).await.is(200);
    assert_eq!(reply["tracks"][0]["mid"], mids[0]);
    assert_eq!(reply["requiresImmediateRenegotiation"], false);
    assert_eq!(reply.get("sessionDescription"), None);
    hears(&bob, &reply["tracks"][0]["mid"]).await;
    // The agent has no idle section for video.
    let reply = api.call(&NEW_TRACKS, bobs, pull(&alices, &["camera"])).await.is(200);
    api.answer(&bob, bobs, &reply).await;
    hears(&bob, &reply["tracks"][0]["mid"]).await;
    api.finish("pulled in an idle section");
}

/// Documented: all examples count the mids of a connection from 0.
#[tokio::test]
async fn mids_of_the_sfu_are_numbers_that_nothing_else_has() {
    let api = Api::start(Config::default()).await;
    let names = [(Source::Audio, "mic"), (Source::Video, "camera")];
    let (_alice, alices, _) = api.join(&names).await;
    let (bob, bobs) = (Agent::start().await.unwrap(), api.session().await);
    let body = pull(&alices, &["mic", "camera"]);
    let reply = api.call(&NEW_TRACKS, &bobs, body).await.is(200);
    let mids: Vec<&Value> = reply["tracks"].as_array().unwrap().iter().map(|t| &t["mid"]).collect();
    assert_eq!(mids, ["0", "1"]);
    api.answer(&bob, &bobs, &reply).await;
    hears(&bob, mids[1]).await;
    api.finish("counted mids");
}

/// Observed: the rest lives on if a section is rejected, and nothing if all are.
#[tokio::test]
async fn a_negotiated_close_of_the_first_section_keeps_the_rest_alive() {
    let api = Api::start(Config::default()).await;
    let names = [(Source::Audio, "mic"), (Source::Video, "camera")];
    let (alice, alices, mids) = api.join(&names).await;
    let (bob, bobs) = (Agent::start().await.unwrap(), api.session().await);
    let reply = api.call(&NEW_TRACKS, &bobs, pull(&alices, &["camera"])).await.is(200);
    api.answer(&bob, &bobs, &reply).await;
    hears(&bob, &reply["tracks"][0]["mid"]).await;

    let close = async |mid: &str| {
        let (offer, _) = alice.offer_changes(&[Change::Stop(mid.to_owned())]).await.unwrap();
        let body = json!({ "force": false, "tracks": [{ "mid": mid }],
            "sessionDescription": offered(&offer) });
        let closed = api.call(&CLOSE_TRACKS, &alices, body).await.is(200);
        assert_eq!(codes(&closed["tracks"]), [""]);
        let answer = sdp(&closed, "answer").to_owned();
        alice.accept_answer(&answer).await.unwrap();
        answer
    };
    let answer = close(&mids[0]).await;
    let sections: Vec<&str> = answer.split("m=").skip(1).collect();
    assert!(sections[0].starts_with("audio 0 ") && !sections[0].contains("a=candidate:"));
    assert!(sections[1].contains("a=candidate:") && sections[1].contains("a=end-of-candidates"));
    hears(&bob, &reply["tracks"][0]["mid"]).await;
    let state = api.call(&GET_SESSION, &alices, "").await.is(200);
    let statuses: Vec<&Value> =
        state["tracks"].as_array().unwrap().iter().map(|track| &track["status"]).collect();
    assert_eq!(statuses, ["inactive", "active"]);
    // Its agent can still publish, with the first section's place or without.
    let (offer, added) = alice.offer(&[Source::Audio]).await.unwrap();
    let body = json!({ "sessionDescription": offered(&offer),
        "tracks": [{ "location": "local", "mid": added[0], "trackName": "mic-2" }] });
    let published = api.call(&NEW_TRACKS, &alices, body).await.is(200);
    alice.accept_answer(sdp(&published, "answer")).await.unwrap();
    close(&mids[1]).await;
    close(&added[0]).await;
    let (offer, mids) = alice.offer(&[Source::Audio]).await.unwrap();
    let body = json!({ "sessionDescription": offered(&offer),
        "tracks": [{ "location": "local", "mid": mids[0], "trackName": "late" }] });
    let refused = api.call(&NEW_TRACKS, &alices, body).await;
    refused.fails(406, "invalid_session_description");
    api.finish("closed section by section");
}

/// Observed: "The subscriber's SDP is missing the published track's codec".
#[tokio::test]
async fn an_answer_without_the_publishers_codec_is_refused() {
    let api = Api::start(Config::default()).await;
    let (_alice, alices, _) = api.join(&[(Source::Video, "camera")]).await;
    let (bob, bobs) = (Agent::start().await.unwrap(), api.session().await);
    let reply = api.call(&NEW_TRACKS, &bobs, pull(&alices, &["camera"])).await.is(200);
    let answer = bob.answer(sdp(&reply, "offer")).await.unwrap();
    let kept: Vec<&str> = answer.lines().filter(|line| !line.contains(" VP8/")).collect();
    assert_ne!(kept.len(), answer.lines().count());
    let body = |sdp: &str| json!({ "sessionDescription": { "type": "answer", "sdp": sdp } });
    let kept = format!("{}\r\n", kept.join("\r\n"));
    let refused = api.call(&RENEGOTIATE, &bobs, body(&kept)).await;
    refused.fails(406, "invalid_session_description");
    let text = "The subscriber's SDP is missing the published track's codec";
    assert_eq!(refused.body["errorDescription"], text);
    api.call(&RENEGOTIATE, &bobs, body(&answer)).await.is(200);
    hears(&bob, &reply["tracks"][0]["mid"]).await;
    api.finish("without the codec");
}

/// Documented: H.265 is among the codecs.
#[tokio::test]
async fn h265_is_negotiated_and_forwarded_where_the_agent_offers_it() {
    let api = Api::start(Config::default()).await;
    let (_alice, alices, _) = api.join(&[(Source::H265, "camera")]).await;
    let (bob, bobs) = (Agent::start().await.unwrap(), api.session().await);
    let reply = api.call(&NEW_TRACKS, &bobs, pull(&alices, &["camera"])).await.is(200);
    assert!(sdp(&reply, "offer").contains(" H265/90000"));
    api.answer(&bob, &bobs, &reply).await;
    hears(&bob, &reply["tracks"][0]["mid"]).await;
    api.finish("h265");
}

/// Observed: soon for a track that sends nothing yet, late for one that was closed by force.
#[tokio::test]
async fn a_silent_track_is_not_found_and_one_closed_by_force_is_empty() {
    let (first_packet_wait, stopped_wait) = (Duration::from_millis(50), Duration::from_millis(60));
    let api = Api::start(Config { first_packet_wait, stopped_wait, ..Config::default() }).await;
    let (alice, alices, mids) = api.join(&[(Source::Audio, "mic")]).await;
    let (_bob, bobs, _) = api.join(&[(Source::Audio, "own")]).await;
    alice.pause(&mids[0], None).await.unwrap();
    let close = json!({ "force": true, "tracks": [{ "mid": mids[0] }] });
    api.call(&CLOSE_TRACKS, &alices, close).await.is(200);
    let (offer, _) = alice.offer(&[Source::Audio]).await.unwrap();
    let body = json!({ "sessionDescription": offered(&offer),
        "tracks": [{ "location": "local", "mid": mids[0], "trackName": "again" }] });
    let published = api.call(&NEW_TRACKS, &alices, body).await.is(200);
    alice.accept_answer(sdp(&published, "answer")).await.unwrap();
    let reply = api.call(&NEW_TRACKS, &bobs, pull(&alices, &["again"])).await.is(200);
    assert_eq!(codes(&reply["tracks"]), ["empty_track_error"]);

    let (silent, silents, offer, mids) = offering(&api, &[Change::Add(Source::Audio)]).await;
    let body = json!({ "sessionDescription": offered(&offer),
        "tracks": [{ "location": "local", "mid": mids[0], "trackName": "silent" }] });
    api.call(&NEW_TRACKS, &silents, body).await.is(200);
    let reply = api.call(&NEW_TRACKS, &bobs, pull(&silents, &["silent"])).await.is(200);
    assert_eq!(codes(&reply["tracks"]), ["not_found_track_error"]);
    drop(silent);
    api.finish("silent and stopped");
}

/// Observed: `update_track_error` until the SFU forwards the track, which passes by
/// itself. Observed by one project: a switch of layers takes seconds.
#[tokio::test]
async fn updates_just_after_a_pull_fail_and_switches_take_time_if_that_is_set() {
    // Longer than a busy machine takes to connect.
    let (pull_settles, layer_switch) = (Duration::from_secs(4), Duration::from_secs(2));
    let api = Api::start(Config { pull_settles, layer_switch, ..Config::default() }).await;
    let (_alice, alices, _) = api.join(&[(Source::SimulcastVideo(&["h", "l"]), "camera")]).await;
    let (bob, bobs) = (Agent::start().await.unwrap(), api.session().await);
    let reply = api.call(&NEW_TRACKS, &bobs, pull(&alices, &["camera"])).await.is(200);
    api.answer(&bob, &bobs, &reply).await;
    let mid = reply["tracks"][0]["mid"].as_str().unwrap();
    let update = json!({ "tracks": [{ "location": "remote", "sessionId": alices, "mid": mid,
        "trackName": "camera", "simulcast": { "preferredRid": "l" } }] });
    let early = api.call(&UPDATE_TRACKS, &bobs, &update).await.is(200);
    assert_eq!(codes(&early["tracks"]), ["update_track_error"]);
    tokio::time::sleep(pull_settles).await;
    let later = api.call(&UPDATE_TRACKS, &bobs, &update).await.is(200);
    assert_eq!(codes(&later["tracks"]), [""]);
    let layer = || bob.received(mid).marker.and_then(|marker| marker.layer);
    assert_eq!(layer().as_deref(), Some("h"), "not yet");
    let is_low = |received: &Received| {
        received.marker.as_ref().and_then(|marker| marker.layer.as_deref()) == Some("l")
    };
    bob.until_received(mid, PATIENCE, is_low).await.unwrap();
    api.finish("settled and switched");
}

/// Observed by one project: 503, and the item `not_found_track_error`.
#[tokio::test]
async fn egress_of_what_sends_nothing_yet_is_a_503() {
    let api = Api::start(Config::default()).await;
    let (_silent, silents, offer, mids) = offering(&api, &[Change::Add(Source::Audio)]).await;
    let body = json!({ "sessionDescription": offered(&offer),
        "tracks": [{ "location": "local", "mid": mids[0], "trackName": "silent" }] });
    api.call(&NEW_TRACKS, &silents, body).await.is(200);
    let mut body = NEW_ADAPTERS.example("remote_stream_audio");
    body["tracks"][0]["sessionId"] = silents.into();
    body["tracks"][0]["trackName"] = "silent".into();
    let reply = api.call(&NEW_ADAPTERS, "", body).await.is(503);
    assert_eq!(codes(&reply["tracks"]), ["not_found_track_error"]);
    api.finish("silent egress");
}

/// Observed by one project: an offer of the SFU in reply to the agent's, which the agent rolls
/// back. Other media continue.
#[tokio::test]
async fn an_offer_in_reply_to_a_close_is_answered_and_the_rest_flows_on() {
    let api = Api::start(Config::default()).await;
    let names = [(Source::Audio, "mic"), (Source::Video, "camera")];
    let (alice, alices, mids) = api.join(&names).await;
    let (bob, bobs) = (Agent::start().await.unwrap(), api.session().await);
    let reply = api.call(&NEW_TRACKS, &bobs, pull(&alices, &["mic"])).await.is(200);
    api.answer(&bob, &bobs, &reply).await;
    hears(&bob, &reply["tracks"][0]["mid"]).await;
    let glare = Rule::new(Fault::Glare).operation(Operation::CloseTracks);
    api.emulator.fault(glare).unwrap();
    let (offer, _) = alice.offer_changes(&[Change::Stop(mids[1].clone())]).await.unwrap();
    let body = json!({ "force": false, "tracks": [{ "mid": mids[1] }],
        "sessionDescription": offered(&offer) });
    let closed = api.call(&CLOSE_TRACKS, &alices, body).await.is(200);
    assert_eq!(codes(&closed["tracks"]), [""]);
    api.answer(&alice, &alices, &closed).await;
    hears(&bob, &reply["tracks"][0]["mid"]).await;
    api.finish("glare");
}

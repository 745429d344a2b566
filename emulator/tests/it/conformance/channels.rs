//! Data channels: success, and entries that fail inside a 200.

use cloudflare_calls_emulator::agent::{Agent, Change, Source};
use cloudflare_calls_emulator::rules::Config;
use serde_json::{Value, json};

use super::api::{Api, PATIENCE, codes, sdp};
use super::contract::{CLOSE_CHANNELS, ESTABLISH, GET_SESSION, NEW_CHANNELS, UPDATE_CHANNELS};

/// Creates a session whose transport for data channels is established.
async fn established(api: &Api) -> (Agent, String) {
    let (agent, session, _) = api.join(&[(Source::Audio, "mic")]).await;
    let reply = api.call(&ESTABLISH, &session, ESTABLISH.example("ask_for_an_offer")).await;
    let reply = reply.is(200);
    assert_eq!(reply["dataChannel"], json!({ "dataChannelName": "server-events", "id": 0 }));
    api.answer(&agent, &session, &reply).await;
    (agent, session)
}

/// Returns an example of one channel, of that publisher.
fn of(mut body: Value, publisher: &str) -> Value {
    body["dataChannels"][0]["sessionId"] = publisher.into();
    body
}

#[tokio::test]
async fn the_transport_is_established_by_the_agents_offer_too() {
    let api = Api::start(Config::default()).await;
    let (agent, session) = (Agent::start().await.unwrap(), api.session().await);
    let (offer, _) = agent.offer_changes(&[Change::Data]).await.unwrap();
    let mut body = ESTABLISH.example("send_an_offer");
    body["sessionDescription"]["sdp"] = offer.into();
    let reply = api.call(&ESTABLISH, &session, body).await.is(200);
    assert_eq!(reply["requiresImmediateRenegotiation"], false);
    agent.accept_answer(sdp(&reply, "answer")).await.unwrap();
    agent.connected(PATIENCE).await.unwrap();
    api.finish("established by an offer");
}

#[tokio::test]
async fn data_channels_are_published_pulled_updated_and_closed() {
    let api = Api::start(Config::default()).await;
    let (_alice, alices) = established(&api).await;
    let (_bob, bobs) = established(&api).await;
    let new = |session: String, body: Value| {
        let api = &api;
        async move { api.call(&NEW_CHANNELS, &session, body).await.is(200) }
    };
    for name in ["", "_unordered", "_unreliable"] {
        let local = NEW_CHANNELS.example(&format!("local_datachannels{name}"));
        let reply = new(alices.clone(), local.clone()).await;
        let entry = &reply["dataChannels"][0];
        assert!(entry["id"].is_u64());
        assert_eq!(entry["dataChannelName"], local["dataChannels"][0]["dataChannelName"]);
    }
    for name in ["", "_unordered", "_unreliable"] {
        let remote = NEW_CHANNELS.example(&format!("remote_datachannels{name}"));
        let reply = new(bobs.clone(), of(remote, &alices)).await;
        assert_eq!(codes(&reply["dataChannels"]), [""]);
    }
    let again = new(alices.clone(), NEW_CHANNELS.example("local_datachannels")).await;
    assert_eq!(codes(&again["dataChannels"]), ["repeated_local_track_error"]);
    let mut some = of(NEW_CHANNELS.example("remote_datachannels_can_reply"), &alices);
    let entry = some["dataChannels"][0].clone();
    some["dataChannels"] = json!([entry, entry]);
    some["dataChannels"][0]["dataChannelName"] = "unknown".into();
    let (_carol, carols) = established(&api).await;
    let reply = new(carols.clone(), some).await;
    assert_eq!(codes(&reply["dataChannels"]), ["not_found_track_error", ""]);

    for (name, can_reply) in [("grant_can_reply", true), ("revoke_can_reply", false)] {
        let body = of(UPDATE_CHANNELS.example(name), &alices);
        let reply = api.call(&UPDATE_CHANNELS, &bobs, body).await.is(200);
        assert_eq!(reply["dataChannels"][0]["canReply"], can_reply);
    }
    let mut unknown = of(UPDATE_CHANNELS.example("grant_can_reply"), &alices);
    unknown["dataChannels"][0]["dataChannelName"] = "unknown".into();
    let reply = api.call(&UPDATE_CHANNELS, &bobs, unknown).await.is(200);
    assert_eq!(codes(&reply["dataChannels"]), ["not_found_track_error"]);

    let state = api.call(&GET_SESSION, &bobs, "").await.is(200);
    let ids: Vec<Value> = state["dataChannels"]
        .as_array()
        .unwrap()
        .iter()
        .map(|channel| json!({ "id": channel["id"] }))
        .collect();
    let mut close = CLOSE_CHANNELS.example("");
    close["dataChannels"] = json!([ids.last(), { "id": 999 }]);
    let reply = api.call(&CLOSE_CHANNELS, &bobs, close).await.is(200);
    assert_eq!(codes(&reply["dataChannels"]), ["", "close_track_error"]);
    let state = api.call(&GET_SESSION, &bobs, "").await.is(200);
    let statuses = state["dataChannels"].as_array().unwrap().iter().map(|c| &c["status"]);
    assert!(statuses.clone().any(|status| status == "inactive"));
    assert!(statuses.clone().any(|status| status == "active"));
    api.finish("data channels");
}

//! Changes that need a missing connection: 425.

use std::time::Duration;

use cloudflare_calls_emulator::agent::{Agent, Source};
use cloudflare_calls_emulator::faults::Network;
use cloudflare_calls_emulator::rules::Config;
use serde_json::json;

use super::api::{Api, offered};
use super::contract::{
    CLOSE_CHANNELS, CLOSE_TRACKS, ESTABLISH, NEW_CHANNELS, NEW_SESSION, NEW_TRACKS,
    UPDATE_CHANNELS, UPDATE_TRACKS,
};

#[tokio::test]
async fn changes_that_need_the_connection_are_refused_without_it() {
    let connect_wait = Duration::from_millis(50);
    let api = Api::start(Config { connect_wait, ..Config::default() }).await;
    api.emulator.set_network(Network { loss: 1.0, ..Network::default() }).await.unwrap();
    let agent = Agent::start().await.unwrap();
    let (offer, _) = agent.offer(&[Source::Audio]).await.unwrap();
    let body = json!({ "sessionDescription": offered(&offer) });
    let joined = api.call(&NEW_SESSION, "", body).await.is(201);
    let session = joined["sessionId"].as_str().unwrap();
    let mut negotiated = CLOSE_TRACKS.example("negotiated");
    negotiated["sessionDescription"] = offered(&offer);
    for (operation, body) in [
        (&NEW_TRACKS, NEW_TRACKS.example("remote_tracks")),
        (&CLOSE_TRACKS, negotiated),
        (&UPDATE_TRACKS, UPDATE_TRACKS.example("reuse_transceiver")),
        (&ESTABLISH, ESTABLISH.example("ask_for_an_offer")),
    ] {
        api.call(operation, session, body).await.fails(425, "session_error");
    }

    let (agent, session) = (Agent::start().await.unwrap(), api.session().await);
    let body = ESTABLISH.example("ask_for_an_offer");
    let established = api.call(&ESTABLISH, &session, body).await.is(200);
    api.answer(&agent, &session, &established).await;
    for (operation, body) in [
        (&NEW_CHANNELS, NEW_CHANNELS.example("local_datachannels")),
        (&UPDATE_CHANNELS, UPDATE_CHANNELS.example("grant_can_reply")),
        (&CLOSE_CHANNELS, CLOSE_CHANNELS.example("")),
    ] {
        api.call(operation, &session, body).await.fails(425, "session_error");
    }
    api.finish("not connected");
}

//! Ways beyond the sequence diagram: the agent's offers in other places, existing sections, and
//! replies that were observed of the original.

use std::time::Duration;

use cloudflare_calls::data_channels::{LocalDataChannel, RemoteDataChannel};
use cloudflare_calls::error::Stage;
use cloudflare_calls::session::{Negotiation, Status, Unfinished, Unusable};
use cloudflare_calls::tracks::{LocalTrack, RemoteTrack, TrackUpdate};
use cloudflare_calls::types::ErrorCode;
use cloudflare_calls::{Error, Offer, RetryPolicy, Session, prelude::*};
use cloudflare_calls_emulator::agent::{Agent, Change, Source};
use cloudflare_calls_emulator::faults::Fault;
use cloudflare_calls_emulator::media::{Delivery, Kind, Message};
use cloudflare_calls_emulator::rules::{Config, Operation};
use serde_json::{Value, json};

use super::room::{PATIENCE, Peer, Room, mid, quick, rid, soon};

/// Returns a reply to a request that is not carried out.
fn reply(status: u16, body: Value) -> Fault {
    Fault::Reply { status, headers: Default::default(), body }
}

/// Creates a peer that joins with the first offer. Returns the mids of the offer.
async fn join_with(room: &Room, changes: &[Change]) -> (Peer, Vec<String>) {
    let agent = Agent::start().await.unwrap();
    let (offer, mids) = agent.offer_changes(changes).await.unwrap();
    let joined = room.client.join_with(Offer::new(offer).unwrap()).retry(quick()).send();
    let joined = joined.await.unwrap();
    agent.accept_answer(joined.answer.sdp()).await.unwrap();
    (Peer::of(joined.outcome, agent), mids)
}

#[tokio::test]
async fn an_offer_to_receive_is_answered_in_the_reply() {
    let room = Room::start().await;
    let alice = room.join(&[(Source::Audio, "mic"), (Source::Video, "camera")]).await;
    let bob = room.enter().await;
    let wanted = [Change::Receive(Kind::Video), Change::Receive(Kind::Audio)];
    let offer = bob.offer_changes(&wanted).await;
    let tracks = [alice.track("mic"), alice.track("camera"), alice.track("unknown")];
    let Negotiation::Answer(answered) = bob.session.subscribe_with(offer, tracks).await.unwrap()
    else {
        panic!("an answer")
    };
    bob.accept(&answered.answer).await;
    assert_eq!(bob.session.status(), Status::Ready, "no exchange is open");
    let subscribed = answered.outcome;
    assert_eq!((subscribed.done.len(), subscribed.failed.len()), (2, 1));
    for track in &subscribed.done {
        bob.hears(&track.mid, &alice, &track.name).await;
    }
    assert_eq!(room.operations(Some(&bob.session)).await, ["new_tracks"]);
    assert!(bob.session.leave().await.unwrap().is_complete());
}

#[tokio::test]
async fn a_subscription_names_its_section_of_the_offer() {
    let room = Room::start().await;
    let alice = room.join(&[(Source::Audio, "mic")]).await;
    let bob = room.enter().await;
    let both = [Change::Receive(Kind::Audio), Change::Receive(Kind::Audio)];
    let (offer, mids) = bob.agent.offer_changes(&both).await.unwrap();
    let track = alice.track("mic").in_section(mid(&mids[1]));
    let negotiation =
        bob.session.subscribe_with(Offer::new(offer).unwrap(), [track]).await.unwrap();
    let tracks = bob.settle(negotiation).await.into_result().unwrap();
    assert_eq!(tracks[0].mid, mid(&mids[1]));
    bob.hears(&tracks[0].mid, &alice, "mic").await;
}

#[tokio::test]
async fn an_offer_of_the_sfus_own_is_answered_instead() {
    let room = Room::start().await;
    let bob = room.enter().await;
    let body = json!({ "requiresImmediateRenegotiation": true, "tracks": [],
        "sessionDescription": { "type": "offer", "sdp": "v=0\r\n" } });
    room.fault(&bob.session, Operation::NewTracks, reply(200, body));
    let offer = bob.offer_changes(&[Change::Receive(Kind::Audio)]).await;
    let track = RemoteTrack::new(bob.session.id().clone(), "mic");
    let Negotiation::Offer(pending) = bob.session.subscribe_with(offer, [track]).await.unwrap()
    else {
        panic!("an offer")
    };
    assert_eq!(bob.session.status(), Status::AwaitingAnswer);
    drop(pending);
    let dropped = Unusable::Unfinished(Unfinished::AnswerDropped);
    assert_eq!(bob.session.status(), Status::Unusable(dropped));
}

#[tokio::test]
async fn joining_with_an_offer_publishes_by_mid_and_name_and_has_data_channels() {
    let room = Room::start().await;
    let both = [Change::Add(Source::Audio), Change::Data];
    let (alice, mids) = join_with(&room, &both).await;
    alice.agent.connected(PATIENCE).await.unwrap();
    let track = LocalTrack::new(mid(&mids[0]), "mic");
    let published = alice.session.publish_negotiated([track]).await.unwrap();
    alice.remember(&published.into_result().unwrap());
    let (bob, _) = join_with(&room, &both).await;
    let heard = bob.pull(&alice, &["mic"]).await;
    bob.hears(&heard[0], &alice, "mic").await;

    let channels = alice.session.publish_data_channels([LocalDataChannel::new("chat")]).await;
    let chat = channels.unwrap().into_result().unwrap().remove(0);
    let wanted = RemoteDataChannel::from(&chat);
    let got = bob.session.subscribe_data_channels([wanted]).await.unwrap();
    let got = got.into_result().unwrap().remove(0);
    alice.agent.open_channel(chat.id.get(), Delivery::RELIABLE).await.unwrap();
    bob.agent.open_channel(got.id.get(), Delivery::RELIABLE).await.unwrap();
    let hello = Message { is_binary: false, data: b"hello".to_vec() };
    alice.agent.send(chat.id.get(), hello.clone()).await.unwrap();
    assert_eq!(soon(bob.agent.recv()).await, Some((got.id.get(), hello)));
    let asked = room.operations(None).await;
    assert!(!asked.iter().any(|operation| operation == "establish_data_channels"));
}

#[tokio::test]
async fn data_channels_in_the_first_offer_of_a_publication_need_no_other_exchange() {
    let room = Room::start().await;
    let alice = room.enter().await;
    let (offer, mids) =
        alice.agent.offer_changes(&[Change::Add(Source::Audio), Change::Data]).await.unwrap();
    let track = LocalTrack::new(mid(&mids[0]), "mic");
    let published = alice.session.publish(Offer::new(offer).unwrap(), [track]).await.unwrap();
    alice.accept(&published.answer).await;
    let channels = alice.session.publish_data_channels([LocalDataChannel::new("chat")]).await;
    assert_eq!(channels.unwrap().into_result().unwrap().len(), 1);
}

#[tokio::test]
async fn before_the_agent_is_connected_a_track_by_name_has_to_wait() {
    let config = Config { connect_wait: Duration::from_millis(10), ..Config::default() };
    let room = Room::with(config).await;
    let agent = Agent::start().await.unwrap();
    let (offer, mids) = agent.offer(&[Source::Audio]).await.unwrap();
    let joined = room.client.join_with(Offer::new(offer).unwrap()).retry(RetryPolicy::never());
    let joined = joined.send().await.unwrap();
    let track = || LocalTrack::new(mid(&mids[0]), "mic");
    let error = joined.outcome.publish_negotiated([track()]).await.unwrap_err();
    assert!(error.is_not_connected(), "{error}");
    assert_eq!(joined.outcome.status(), Status::Ready);
    agent.accept_answer(joined.answer.sdp()).await.unwrap();
    agent.connected(PATIENCE).await.unwrap();
    joined.outcome.publish_negotiated([track()]).await.unwrap().into_result().unwrap();
}

#[tokio::test]
async fn an_idle_section_of_the_agents_takes_a_subscription_without_an_exchange() {
    let room = Room::start().await;
    let alice = room.join(&[(Source::Audio, "mic")]).await;
    let (bob, mids) = join_with(&room, &[Change::Receive(Kind::Audio)]).await;
    let Negotiation::Done(subscribed) = bob.session.subscribe([alice.track("mic")]).await.unwrap()
    else {
        panic!("no exchange")
    };
    let tracks = subscribed.into_result().unwrap();
    assert_eq!(tracks[0].mid, mid(&mids[0]));
    bob.hears(&tracks[0].mid, &alice, "mic").await;
}

#[tokio::test]
async fn a_session_whose_offer_gets_no_answer_is_a_contradiction() {
    let room = Room::start().await;
    let rule =
        cloudflare_calls_emulator::faults::Rule::new(reply(201, json!({ "sessionId": "x" })));
    room.emulator.fault(rule.operation(Operation::NewSession)).unwrap();
    let agent = Agent::start().await.unwrap();
    let (offer, _) = agent.offer(&[Source::Audio]).await.unwrap();
    let error = room.client.join_with(Offer::new(offer).unwrap()).send().await.unwrap_err();
    assert!(matches!(error, Error::Contradiction { .. }) && error.stage() == Stage::Reply);
    assert_eq!(error.step().as_str(), "join_with");
}

#[tokio::test]
async fn an_update_just_after_a_pull_is_repeated_until_the_sfu_forwards_the_track() {
    let config = Config { pull_settles: Duration::from_secs(4), ..Config::default() };
    let room = Room::with(config).await;
    let alice = room.join(&[(Source::SimulcastVideo(&["h", "l"]), "camera")]).await;
    let delay = Duration::from_millis(200);
    let patient = RetryPolicy::default().delays(delay, delay).attempts(100).budget(PATIENCE);
    let bob = room.enter_with(patient).await;
    let at = bob.pull(&alice, &["camera"]).await.remove(0);
    let updated = bob.session.update([TrackUpdate::layer(at.clone(), rid("l"))]).await.unwrap();
    assert_eq!(updated.into_result().unwrap(), std::slice::from_ref(&at));
    bob.hears_layer(&at, &alice, "camera", Some("l")).await;
    let asked = room.operations(Some(&bob.session)).await;
    let updates = asked.iter().filter(|operation| *operation == "update_tracks").count();
    assert!(updates > 1, "{updates}");
}

#[tokio::test]
async fn an_update_of_a_track_without_layers_fails_within_the_tries() {
    let room = Room::start().await;
    let alice = room.join(&[(Source::Video, "camera")]).await;
    let bob = room.enter().await;
    let at = bob.pull(&alice, &["camera"]).await.remove(0);
    let updated = bob.session.update([TrackUpdate::layer(at, rid("l"))]).await.unwrap();
    assert_eq!(updated.failed[0].error.code(), Some(&ErrorCode::UpdateTrackError));
    let asked = room.operations(Some(&bob.session)).await;
    assert_eq!(asked.iter().filter(|operation| *operation == "update_tracks").count(), 4);
}

#[tokio::test]
async fn an_update_whose_result_is_left_out_has_succeeded() {
    let room = Room::start().await;
    let alice = room.join(&[(Source::Audio, "mic"), (Source::Audio, "music")]).await;
    let bob = room.enter_with(RetryPolicy::never()).await;
    let at = bob.pull(&alice, &["mic", "music"]).await;
    let updates =
        || at.iter().map(|mid| TrackUpdate::source(mid.clone(), alice.session.id().clone(), "mic"));
    room.fault(&bob.session, Operation::UpdateTracks, Fault::OmitItems { indices: vec![0, 1] });
    let updated = bob.session.update(updates()).await.unwrap();
    assert_eq!((updated.done.len(), updated.failed.len()), (2, 0));

    // An entry that fails without a name can be of either.
    let failed = json!({ "tracks": [{ "mid": "", "errorCode": "internal_error" }] });
    room.fault(&bob.session, Operation::UpdateTracks, reply(200, failed));
    let updated = bob.session.update(updates()).await.unwrap();
    assert_eq!((updated.done.len(), updated.failed.len()), (0, 2));
}

async fn established(session: &Session) -> Result<(), Error> {
    session.establish_data_channels().await.map(drop)
}

#[tokio::test]
async fn a_transport_that_fails_is_an_error_whatever_its_channel_is_called() {
    let room = Room::start().await;
    let channel = json!({ "dataChannelName": "server-events", "errorCode": "transport_unavailable_error",
        "errorSubcode": "dtls", "errorDescription": "no transport" });
    for body in [
        json!({ "dataChannel": channel }),
        json!({ "datachannel": channel }),
        json!({ "dataChannels": [channel] }),
    ] {
        let bob = room.enter().await;
        room.fault(&bob.session, Operation::EstablishDataChannels, reply(200, body.clone()));
        let error = established(&bob.session).await.unwrap_err();
        assert_eq!(error.code(), Some(&ErrorCode::TransportUnavailableError), "{body}");
        assert_eq!((error.stage(), error.subcode()), (Stage::Items, Some("dtls")));
        assert_eq!(bob.session.status(), Status::Ready, "nothing was negotiated");
        bob.establish().await;
    }
}

#[tokio::test]
async fn the_finer_kind_of_an_error_is_kept_and_a_409_is_a_refusal() {
    let room = Room::start().await;
    let bob = room.enter().await;
    let body = json!({ "errorCode": "signaling_state_not_stable", "errorSubcode": "have_local_offer",
        "errorDescription": "not now" });
    room.fault(&bob.session, Operation::NewTracks, reply(409, body));
    let error =
        bob.session.publish_all(bob.offer(&[(Source::Audio, "mic")]).await.0).await.unwrap_err();
    assert_eq!(error.status().map(|status| status.as_u16()), Some(409));
    assert_eq!(error.subcode(), Some("have_local_offer"));
    assert!(!error.outcome_unknown());
    assert_eq!(bob.session.status(), Status::Ready);
}

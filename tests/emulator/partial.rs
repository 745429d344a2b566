//! Replies of success in which items failed.

use std::time::Duration;

use cloudflare_calls::error::{ItemError, Stage, Step};
use cloudflare_calls::prelude::*;
use cloudflare_calls::session::{Negotiation, Status};
use cloudflare_calls::tracks::{LocalTrack, RemoteTrack};
use cloudflare_calls::types::{ErrorCode, SessionId};
use cloudflare_calls_emulator::agent::Source;
use cloudflare_calls_emulator::faults::Fault;
use cloudflare_calls_emulator::rules::{Config, Operation};
use serde_json::json;

use super::room::{Room, mid, patient};

#[tokio::test]
async fn an_unknown_track_does_not_keep_the_others_and_can_be_asked_for_once_it_is_there() {
    let room = Room::start().await;
    let alice = room.join(&[(Source::Audio, "mic")]).await;
    let bob = room.enter().await;
    let subscribed = bob.subscribe([alice.track("camera"), alice.track("mic")]).await;
    assert_eq!(subscribed.done.len(), 1);
    assert_eq!(subscribed.failed[0].item, alice.track("camera"));
    assert_eq!(subscribed.failed[0].error.code(), Some(&ErrorCode::NotFoundTrackError));
    let mic = &subscribed.done[0].mid;
    assert_eq!(bob.session.mids(), std::slice::from_ref(mic), "what failed has no mid");
    bob.hears(mic, &alice, "mic").await;

    alice.publish(&[(Source::Video, "camera")]).await;
    let later = bob.subscribe(subscribed.retryable()).await;
    bob.hears(&later.into_result().unwrap()[0].mid, &alice, "camera").await;
    bob.hears(mic, &alice, "mic").await;
}

#[tokio::test]
async fn if_all_tracks_are_unknown_there_is_nothing_to_answer() {
    let room = Room::start().await;
    let alice = room.join(&[(Source::Audio, "mic")]).await;
    let bob = room.enter().await;
    let nobody = RemoteTrack::new(SessionId::new("0".repeat(32)).unwrap(), "mic");
    let missing = [alice.track("camera"), nobody];
    let Negotiation::Done(subscribed) = bob.session.subscribe(missing.clone()).await.unwrap()
    else {
        panic!("nothing to answer");
    };
    assert_eq!((subscribed.done.len(), subscribed.retryable()), (0, missing.into()));
    let error = subscribed.into_result().unwrap_err();
    assert!(error.is_not_yet_published() && error.is_retryable() && !error.outcome_unknown());
    assert_eq!(bob.session.status(), Status::Ready);
    let pulled = bob.pull(&alice, &["mic"]).await;
    bob.hears(&pulled[0], &alice, "mic").await;
}

#[tokio::test]
async fn a_track_that_sends_nothing_yet_is_not_found_until_it_does() {
    let config = Config { first_packet_wait: Duration::from_millis(20), ..Config::default() };
    let room = Room::with(config).await;
    let alice = room.enter().await;
    let (offer, local) = alice.offer(&[(Source::Audio, "mic")]).await;
    // The agent has got no answer, so it cannot send.
    let published = alice.session.publish(offer, local).await.unwrap();
    alice.remember(&published.outcome.done);
    let bob = room.enter().await;
    let subscribed = bob.subscribe([alice.track("mic")]).await;
    assert_eq!(subscribed.failed[0].error.code(), Some(&ErrorCode::NotFoundTrackError));
    assert!(subscribed.into_result().unwrap_err().is_not_yet_published());

    let carol = room.enter_with(patient()).await;
    let pulling = carol.pull(&alice, &["mic"]);
    let (pulled, ()) = tokio::join!(pulling, alice.accept(&published.answer));
    carol.hears(&pulled[0], &alice, "mic").await;
}

#[tokio::test]
async fn items_that_the_service_fails_are_sorted_from_the_others() {
    let room = Room::start().await;
    let alice = room.enter().await;
    let fail = || Fault::FailItems { code: "backend_error".into(), indices: vec![0] };
    room.fault(&alice.session, Operation::NewTracks, fail());
    let (offer, local) = alice.offer(&[(Source::Audio, "mic"), (Source::Audio, "music")]).await;
    let answered = alice.session.publish(offer, local).await.unwrap();
    let published = answered.outcome;
    assert_eq!((published.done.len(), published.failed[0].item.name()), (1, "mic"));
    assert_eq!(published.failed[0].error.code(), Some(&ErrorCode::BackendError));
    alice.accept(&answered.answer).await;
    alice.remember(&published.done);
    let error = published.into_result().unwrap_err();
    assert_eq!((error.stage(), error.step()), (Stage::Items, Step::Publish));
    assert_eq!(error.items()[0].item, "mic");
    assert_eq!(alice.session.mids(), [alice.mid("music")], "what failed is not there to close");

    alice.publish(&[(Source::Video, "camera")]).await;
    let bob = room.enter().await;
    room.fault(&bob.session, Operation::NewTracks, fail());
    let subscribed = bob.subscribe([alice.track("camera"), alice.track("music")]).await;
    assert_eq!(subscribed.failed[0].item, alice.track("camera"));
    assert_eq!(subscribed.retryable(), [], "backend_error is not for another try");
    let music = subscribed.done[0].mid.clone();
    bob.hears(&music, &alice, "music").await;

    room.fault(&bob.session, Operation::CloseTracks, fail());
    let closed = bob.session.close([music.clone()]).await.unwrap();
    assert_eq!(closed.failed[0].item, music);
    assert_eq!(bob.session.mids(), std::slice::from_ref(&music), "for another try");
    bob.hears(&music, &alice, "music").await;
    assert!(bob.session.leave().await.unwrap().is_complete());
    assert!(room.open_mids(&bob.session).await.is_empty());
}

#[tokio::test]
async fn a_success_without_a_name_is_none() {
    let room = Room::start().await;
    let alice = room.join(&[(Source::Audio, "mic")]).await;
    let bob = room.enter().await;
    let item = json!({ "trackName": "mic", "mid": "", "sessionId": alice.session.id() });
    let body = json!({ "tracks": [item] });
    let reply = Fault::Reply { status: 200, headers: [].into(), body };
    room.fault(&bob.session, Operation::NewTracks, reply);
    let subscribed = bob.subscribe([alice.track("mic")]).await;
    assert_eq!(subscribed.done, []);
    assert_eq!(subscribed.failed[0].error, ItemError::Unnamed);
    assert_eq!(bob.session.mids(), []);
    let pulled = bob.pull(&alice, &["mic"]).await;
    bob.hears(&pulled[0], &alice, "mic").await;
}

#[tokio::test]
async fn a_section_that_the_offer_lacks_fails_alone() {
    let room = Room::start().await;
    let alice = room.enter().await;
    let (offer, mut local) = alice.offer(&[(Source::Audio, "mic")]).await;
    local.push(LocalTrack::new(mid("none"), "camera"));
    let published = alice.session.publish(offer, local).await.unwrap();
    let outcome = &published.outcome;
    assert_eq!((outcome.done.len(), outcome.failed[0].item.name()), (1, "camera"));
    alice.accept(&published.answer).await;
    alice.remember(&outcome.done);
    let bob = room.enter().await;
    let pulled = bob.pull(&alice, &["mic"]).await;
    bob.hears(&pulled[0], &alice, "mic").await;
}

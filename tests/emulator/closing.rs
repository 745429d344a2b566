//! Tracks that end, while the others continue.

use std::collections::BTreeSet;
use std::time::Duration;

use cloudflare_calls::prelude::*;
use cloudflare_calls::session::Negotiation;
use cloudflare_calls::tracks::LocalTrack;
use cloudflare_calls::types::ErrorCode;
use cloudflare_calls_emulator::agent::{Change, Source};
use cloudflare_calls_emulator::faults::Fault;
use cloudflare_calls_emulator::rules::{Config, Operation};

use super::room::{Room, patient};

#[tokio::test]
async fn a_forced_close_stops_the_track_for_all_and_a_subscription_for_one() {
    let room = Room::start().await;
    let alice = room.join(&[(Source::Audio, "mic"), (Source::Video, "camera")]).await;
    let (bob, carol) = (room.enter().await, room.enter().await);
    let at_bob = bob.pull(&alice, &["mic", "camera"]).await;
    let at_carol = carol.pull(&alice, &["mic", "camera"]).await;

    // A subscription.
    let camera = &at_bob[1];
    bob.session.close([camera.clone()]).await.unwrap().into_result().unwrap();
    bob.hears_nothing(camera, &at_bob[0]).await;
    carol.hears(&at_carol[1], &alice, "camera").await;
    let again = bob.session.close([camera.clone()]).await.unwrap();
    assert_eq!((again.done, again.failed), (vec![camera.clone()], vec![]));

    // The track itself.
    let closed = alice.session.close([alice.mid("camera")]).await.unwrap();
    assert_eq!(closed.done, [alice.mid("camera")]);
    carol.hears_nothing(&at_carol[1], &at_carol[0]).await;
    carol.hears(&at_carol[0], &alice, "mic").await;
    assert_eq!(room.open_mids(&alice.session).await, [alice.mid("mic")]);
}

#[tokio::test]
async fn a_negotiated_close_stops_the_section_of_the_offer() {
    let room = Room::start().await;
    let alice = room.join(&[(Source::Audio, "mic"), (Source::Video, "camera")]).await;
    let bob = room.enter().await;
    let at_bob = bob.pull(&alice, &["mic", "camera"]).await;
    bob.hears(&at_bob[1], &alice, "camera").await;

    let stop = [Change::Stop(alice.mid("camera").to_string())];
    let offer = alice.offer_changes(&stop).await;
    let closed = alice.session.close_negotiated(offer, [alice.mid("camera")]).await.unwrap();
    let Negotiation::Answer(closed) = closed else { panic!("the SFU has to answer") };
    assert_eq!(closed.outcome.done, [alice.mid("camera")]);
    alice.accept(&closed.answer).await;
    bob.hears_nothing(&at_bob[1], &at_bob[0]).await;
    bob.hears(&at_bob[0], &alice, "mic").await;

    // The section is free for another track.
    alice.publish(&[(Source::Video, "screen")]).await;
    let screen = bob.pull(&alice, &["screen"]).await;
    bob.hears(&screen[0], &alice, "screen").await;
    assert_eq!(alice.session.mids().len(), 2);
}

#[tokio::test]
async fn a_new_track_on_a_section_that_was_closed_by_force_never_flows() {
    let config = Config { stopped_wait: Duration::from_millis(50), ..Config::default() };
    let room = Room::with(config).await;
    let alice = room.join(&[(Source::Audio, "mic"), (Source::Audio, "music")]).await;
    alice.session.close([alice.mid("mic")]).await.unwrap().into_result().unwrap();
    let (offer, mut local) = alice.offer(&[(Source::Audio, "speech")]).await;
    local.push(LocalTrack::new(alice.mid("mic"), "again"));
    let published = alice.session.publish(offer, local).await.unwrap();
    alice.accept(&published.answer).await;
    alice.remember(&published.outcome.into_result().unwrap());

    // The new section carries media.
    let carol = room.enter_with(patient()).await;
    let at_carol = carol.pull(&alice, &["speech"]).await;
    carol.hears(&at_carol[0], &alice, "speech").await;
    let bob = room.enter().await;
    let names = ["again", "speech", "music"].map(|name| alice.track(name));
    let subscribed = bob.subscribe(names).await;
    assert_eq!((subscribed.done.len(), subscribed.failed.len()), (2, 1));
    assert_eq!(subscribed.failed[0].item.name(), "again");
    assert_eq!(subscribed.failed[0].error.code(), Some(&ErrorCode::EmptyTrackError));
    for track in &subscribed.done {
        bob.hears(&track.mid, &alice, &track.name).await;
    }
}

#[tokio::test]
async fn an_expired_session_has_nothing_left_to_close() {
    let room = Room::start().await;
    let tracks = [(Source::Audio, "mic"), (Source::Video, "camera"), (Source::Audio, "music")];
    let alice = room.join(&tracks).await;
    let not_found = Fault::Reply {
        status: 404,
        headers: [].into(),
        body: serde_json::json!({ "errorCode": "not_found" }),
    };
    room.fault(&alice.session, Operation::CloseTracks, not_found);
    let closed = alice.session.close([alice.mid("music")]).await.unwrap();
    assert_eq!((closed.done, closed.failed), (vec![alice.mid("music")], vec![]));

    assert!(room.emulator.expire(alice.session.id().as_str()).await);
    let closed = alice.session.close([alice.mid("mic")]).await.unwrap();
    assert_eq!((closed.done, closed.failed), (vec![alice.mid("mic")], vec![]));
    assert_eq!(alice.session.mids(), [], "the camera is gone with the session");
    let bob = room.join(&[(Source::Audio, "mic")]).await;
    let (offer, _) = bob.offer(&[(Source::Audio, "music")]).await;
    assert!(room.emulator.expire(bob.session.id().as_str()).await);
    let closed = bob.session.close_negotiated(offer, [bob.mid("mic")]).await.unwrap();
    let Negotiation::Done(closed) = closed else { panic!("nothing is negotiated") };
    assert_eq!((closed.done, closed.failed), (vec![bob.mid("mic")], vec![]));
    assert!(alice.session.leave().await.unwrap().is_complete());
    assert!(room.emulator.is_media_empty().await);
}

#[tokio::test]
async fn a_track_that_was_collected_for_its_silence_counts_as_closed() {
    let config = Config { track_idle: Duration::from_millis(300), ..Config::default() };
    let room = Room::with(config).await;
    let alice = room.join(&[(Source::Audio, "mic"), (Source::Audio, "music")]).await;
    alice.agent.pause(alice.mid("mic").as_str(), None).await.unwrap();
    room.until(|state| {
        let tracks = state.sessions.iter().flat_map(|session| &session.tracks);
        tracks.filter(|track| !track.is_open).count() == 1
    })
    .await;
    let both = BTreeSet::from([alice.mid("mic"), alice.mid("music")]);
    let closed = alice.session.close(both.clone()).await.unwrap();
    assert_eq!((BTreeSet::from_iter(closed.done), closed.failed), (both, vec![]));
}

//! All ways to publish.

use cloudflare_calls::prelude::*;
use cloudflare_calls::session::{Negotiation, Status};
use cloudflare_calls::tracks::{OfferedTrack, RemoteTrack};
use cloudflare_calls_emulator::agent::Source;

use super::room::{PATIENCE, Room};

#[tokio::test]
async fn later_publications_flow_besides_earlier_ones() {
    let room = Room::start().await;
    let alice = room.join(&[(Source::Audio, "mic")]).await;
    let bob = room.enter().await;
    let mic = bob.pull(&alice, &["mic"]).await;
    bob.hears(&mic[0], &alice, "mic").await;

    alice.publish(&[(Source::Video, "camera"), (Source::Audio, "music")]).await;
    let more = bob.pull(&alice, &["camera", "music"]).await;
    bob.hears(&more[0], &alice, "camera").await;
    bob.hears(&more[1], &alice, "music").await;
    bob.hears(&mic[0], &alice, "mic").await;
    assert_eq!(alice.session.mids().len(), 3);
}

#[tokio::test]
async fn tracks_with_made_up_names_are_found_by_them() {
    let room = Room::start().await;
    let alice = room.join(&[(Source::Audio, "mic")]).await;
    let (offer, local) = alice.offer(&[(Source::Audio, ""), (Source::Video, "")]).await;
    let answered = alice.session.publish_all(offer).await.unwrap();
    alice.accept(&answered.answer).await;
    let published = answered.outcome.into_result().unwrap();
    alice.remember(&published);
    let mids: Vec<_> = published.iter().map(|track| &track.mid).collect();
    assert_eq!(mids, local.iter().map(|track| track.mid()).collect::<Vec<_>>(), "the new ones");

    let bob = room.enter().await;
    let subscribed = bob.subscribe(published.iter().map(RemoteTrack::from)).await;
    for (track, there) in subscribed.into_result().unwrap().iter().zip(&published) {
        bob.hears(&track.mid, &alice, &there.name).await;
    }
}

#[tokio::test]
async fn tracks_that_the_sfu_offered_to_receive_flow_once_the_agent_has_answered() {
    let room = Room::start().await;
    let alice = room.enter().await;
    let tracks = [OfferedTrack::audio("mic"), OfferedTrack::video("camera")];
    let offered = alice.session.publish_without_offer(tracks).await.unwrap();
    let Negotiation::Offer(pending) = offered else { panic!("the SFU has to offer") };
    assert_eq!(alice.session.status(), Status::AwaitingAnswer);
    let answer = alice.answer(pending.offer()).await;
    let published = pending.answer(answer).await.unwrap();
    alice.remember(&published.into_result().unwrap());
    alice.agent.connected(PATIENCE).await.unwrap();
    assert_eq!(alice.session.status(), Status::Ready);

    let bob = room.enter().await;
    let pulled = bob.pull(&alice, &["mic", "camera"]).await;
    bob.hears(&pulled[0], &alice, "mic").await;
    bob.hears(&pulled[1], &alice, "camera").await;

    // The agent may offer next.
    alice.publish(&[(Source::Audio, "music")]).await;
    let music = bob.pull(&alice, &["music"]).await;
    bob.hears(&music[0], &alice, "music").await;
    assert!(alice.session.leave().await.unwrap().is_complete());
    assert!(room.open_mids(&alice.session).await.is_empty());
}

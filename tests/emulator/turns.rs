//! Turns: one change of a session at a time, whoever asks for it.

use cloudflare_calls::prelude::*;
use cloudflare_calls::session::Status;
use cloudflare_calls::tracks::OfferedTrack;
use cloudflare_calls_emulator::agent::Source;
use futures_util::FutureExt;
use futures_util::future::join_all;

use super::room::{Room, mid, patient};

#[tokio::test]
async fn a_change_waits_for_the_answer_and_is_not_refused() {
    let room = Room::start().await;
    let alice = room.join(&[(Source::Audio, "mic"), (Source::Video, "camera")]).await;
    let bob = room.enter().await;
    let first = bob.session.subscribe([alice.track("mic")]).await.unwrap();
    assert_eq!(bob.session.status(), Status::AwaitingAnswer);
    assert!(room.session(&bob.session).await.open_exchange.is_some());

    // The steps are polled in this order, and none of them is at the server yet.
    let mut camera = Box::pin(bob.session.subscribe([alice.track("camera")]));
    let mut close = Box::pin(bob.session.close([mid("77")]));
    assert!((&mut camera).now_or_never().is_none());
    assert!((&mut close).now_or_never().is_none());
    let there = room.session(&bob.session).await;
    assert_eq!((there.tracks.len(), there.is_waiting), (1, false));

    let mic = bob.settle(first).await.done.remove(0).mid;
    let camera = camera.await.unwrap();
    assert!((&mut close).now_or_never().is_none(), "it waits for the second answer");
    let camera = bob.settle(camera).await.done.remove(0).mid;
    assert_eq!(close.await.unwrap().done, [mid("77")]);
    bob.hears(&mic, &alice, "mic").await;
    bob.hears(&camera, &alice, "camera").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_changes_of_one_session_at_once_all_succeed() {
    let room = Room::start().await;
    let names: Vec<String> = (0..8).map(|index| format!("t{index}")).collect();
    let tracks: Vec<_> = names.iter().map(|name| (Source::Audio, name.as_str())).collect();
    let alice = room.join(&tracks).await;
    let bob = room.enter().await;
    let pulls = names.iter().map(async |name| bob.pull(&alice, &[name]).await);
    let offered = names.iter().map(async |name| {
        let track = OfferedTrack::audio(format!("own-{name}"));
        let published = bob.session.publish_without_offer([track]).await.unwrap();
        let published = bob.settle(published).await;
        bob.remember(&published.into_result().unwrap());
    });
    let (pulled, _) = tokio::join!(join_all(pulls), join_all(offered));
    let pulled = names.iter().zip(&pulled);
    join_all(pulled.map(|(name, mids)| bob.hears(&mids[0], &alice, name))).await;
    assert_eq!(room.open_mids(&bob.session).await.len(), 16);
    let back = alice.pull(&bob, &["own-t7"]).await;
    alice.hears(&back[0], &bob, "own-t7").await;
}

#[tokio::test]
async fn two_sessions_can_wait_for_each_others_tracks() {
    let room = Room::start().await;
    let (alice, bob) = (room.enter_with(patient()).await, room.enter_with(patient()).await);
    for peer in [&alice, &bob] {
        peer.publish(&[(Source::Video, "camera")]).await;
    }
    // Each subscription is asked for before the track is published.
    let at_alice = alice.pull(&bob, &["mic"]);
    let at_bob = bob.pull(&alice, &["mic"]);
    let publish = async {
        tokio::join!(
            alice.publish(&[(Source::Audio, "mic")]),
            bob.publish(&[(Source::Audio, "mic")])
        )
    };
    let (at_alice, at_bob, _) = tokio::join!(biased; at_alice, at_bob, publish);
    alice.hears(&at_alice[0], &bob, "mic").await;
    bob.hears(&at_bob[0], &alice, "mic").await;
}

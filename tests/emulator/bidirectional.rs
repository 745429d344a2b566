//! Transceivers that carry a track each way.

use cloudflare_calls::prelude::*;
use cloudflare_calls::session::Negotiation;
use cloudflare_calls::tracks::OfferedTrack;
use cloudflare_calls::types::TrackKind;
use cloudflare_calls_emulator::agent::Source;

use super::room::{Peer, Room};

/// Creates a peer whose `mic` can carry a subscription as well.
async fn with_bidirectional_mic(room: &Room) -> Peer {
    let peer = room.enter().await;
    let mic = OfferedTrack::audio("mic").bidirectional();
    let published = peer.session.publish_without_offer([mic]).await.unwrap();
    let published = peer.settle(published).await;
    peer.remember(&published.into_result().unwrap());
    peer
}

#[tokio::test]
async fn one_transceiver_carries_a_publication_and_a_subscription_without_another_exchange() {
    let room = Room::start().await;
    let (alice, bob) = (with_bidirectional_mic(&room).await, with_bidirectional_mic(&room).await);
    for (one, other) in [(&alice, &bob), (&bob, &alice)] {
        let track = other.track("mic").on_transceiver_of("mic", TrackKind::Audio);
        let subscribed = one.session.subscribe([track]).await.unwrap();
        let Negotiation::Done(subscribed) = subscribed else { panic!("nothing to answer") };
        assert_eq!(subscribed.into_result().unwrap()[0].mid, one.mid("mic"));
    }
    alice.hears(&alice.mid("mic"), &bob, "mic").await;
    bob.hears(&bob.mid("mic"), &alice, "mic").await;

    // Both directions end together.
    let departure = alice.session.leave().await.unwrap();
    assert!(departure.is_complete(), "{departure:?}");
    assert_eq!(departure.tracks.done, [alice.mid("mic")]);
    assert!(room.open_mids(&alice.session).await.is_empty());
    assert_eq!(room.snapshot().await.subscriptions, [], "bob's has lost its source");
}

#[tokio::test]
async fn a_transceiver_that_cannot_receive_takes_no_subscription() {
    let room = Room::start().await;
    let alice = room.join(&[(Source::Audio, "mic")]).await;
    let bob = room.join(&[(Source::Audio, "mic")]).await;
    let tracks =
        ["mic", "none"].map(|name| alice.track("mic").on_transceiver_of(name, TrackKind::Audio));
    for track in tracks {
        let subscribed = bob.subscribe([track]).await;
        assert_eq!(subscribed.done, []);
        assert!(subscribed.into_result().unwrap_err().is_not_yet_published());
    }
    // The session is unchanged.
    let pulled = bob.pull(&alice, &["mic"]).await;
    bob.hears(&pulled[0], &alice, "mic").await;
}

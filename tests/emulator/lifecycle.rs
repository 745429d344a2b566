//! Each arrow of the sequence diagram, with media behind it.

use cloudflare_calls::session::{Origin, Registry, Status, Unusable};
use cloudflare_calls::tracks::TrackUpdate;
use cloudflare_calls::types::SessionResourceStatus;
use cloudflare_calls::{Mid, prelude::*};
use cloudflare_calls_emulator::agent::Source;

use super::room::{Room, quick, rid};

#[tokio::test]
async fn the_whole_diagram_carries_media_and_leaves_nothing_open() {
    let room = Room::start().await;
    let sessions = Registry::new(10);
    let alice = room.join(&[(Source::Audio, "mic")]).await;
    sessions.insert(alice.session.clone()).await.unwrap();
    let bob = room.join(&[(Source::Audio, "mic"), (Source::Video, "camera")]).await;
    let carol = room.join(&[(Source::Audio, "mic")]).await;

    let of_bob = alice.pull(&bob, &["mic", "camera"]).await;
    let of_carol = alice.pull(&carol, &["mic"]).await;
    let at_carol = carol.pull(&bob, &["mic"]).await;
    let at_bob = bob.pull(&alice, &["mic"]).await;
    tokio::join!(
        alice.hears(&of_bob[0], &bob, "mic"),
        alice.hears(&of_bob[1], &bob, "camera"),
        alice.hears(&of_carol[0], &carol, "mic"),
        carol.hears(&at_carol[0], &bob, "mic"),
        bob.hears(&at_bob[0], &alice, "mic"),
    );
    assert_eq!(room.snapshot().await.subscriptions.len(), 5);

    let departure = bob.session.leave().await.unwrap();
    assert!(departure.is_complete(), "{departure:?}");
    assert_eq!(departure.tracks.done.len(), 3);
    for mid in &of_bob {
        alice.hears_nothing(mid, &of_carol[0]).await;
    }
    let closed = alice.session.close(of_bob).await.unwrap();
    assert_eq!((closed.done.len(), closed.failed.len()), (2, 0));
    alice.hears(&of_carol[0], &carol, "mic").await;

    for peer in [&alice, &carol] {
        let departure = peer.session.leave().await.unwrap();
        assert!(departure.is_complete(), "{departure:?}");
        assert_eq!(peer.session.status(), Status::Unusable(Unusable::Left));
        assert!(peer.session.is_empty());
        assert!(room.open_mids(&peer.session).await.is_empty());
    }
    assert!(sessions.is_empty());
    assert_eq!(room.snapshot().await.subscriptions, []);
    // The steps make no further requests.
    let joins = ["new_session", "new_tracks"].repeat(3);
    let pulls = ["new_tracks", "renegotiate"].repeat(4);
    let closes = ["close_tracks"].repeat(4);
    assert_eq!(room.operations(None).await, [joins, pulls, closes].concat());
}

#[tokio::test]
async fn an_adopted_session_goes_on_where_the_other_handle_ended() {
    let room = Room::start().await;
    let alice = room.join(&[(Source::SimulcastVideo(&["h", "l"]), "camera")]).await;
    let bob = room.join(&[(Source::Audio, "mic")]).await;
    let id = bob.session.id().clone();

    // A restart of the backend, which the agent does not notice.
    let session = room.client.adopt(id.clone()).retry(quick()).send().await.unwrap();
    assert_eq!(session.mids().len(), 1);
    let bob = bob.with_session(session);
    let mut subscribed = bob.subscribe([alice.track("camera").simulcast(rid("h"))]).await;
    let camera = subscribed.done.remove(0).mid;
    bob.hears_layer(&camera, &alice, "camera", Some("h")).await;

    // A second restart: its subscriptions are known.
    let session = room.client.adopt(id).send().await.unwrap();
    assert_eq!(session.mids().len(), 2);
    let bob = bob.with_session(session);
    let low = TrackUpdate::layer(camera.clone(), rid("l"));
    bob.session.update([low]).await.unwrap().into_result().unwrap();
    bob.hears_layer(&camera, &alice, "camera", Some("l")).await;
    assert!(bob.session.leave().await.unwrap().is_complete());
    assert!(room.open_mids(&bob.session).await.is_empty());
}

#[tokio::test]
async fn the_state_has_what_is_published_what_is_received_and_what_was_closed() {
    let room = Room::start().await;
    let alice = room.join(&[(Source::Audio, "mic")]).await;
    let bob = room.join(&[(Source::Audio, "mic"), (Source::Video, "camera")]).await;
    let pulled = bob.pull(&alice, &["mic"]).await;
    bob.session.close([bob.mid("camera")]).await.unwrap().into_result().unwrap();

    let state = bob.session.state().await.unwrap();
    let found = |mid: &Mid| {
        let track = state.tracks.iter().find(|track| track.mid.as_ref() == Some(mid)).unwrap();
        (track.name.as_deref().unwrap(), &track.origin, track.status.as_ref().unwrap())
    };
    let (active, inactive) = (SessionResourceStatus::Active, SessionResourceStatus::Inactive);
    assert_eq!(state.tracks.len(), 3);
    assert_eq!(found(&bob.mid("mic")), ("mic", &Origin::Published, &active));
    assert_eq!(found(&bob.mid("camera")), ("camera", &Origin::Published, &inactive));
    let from_alice = Origin::Subscribed(alice.session.id().clone());
    assert_eq!(found(&pulled[0]), ("mic", &from_alice, &active));
}

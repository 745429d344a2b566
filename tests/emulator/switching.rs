//! Updates of subscriptions to another layer or source on the same section.

use cloudflare_calls::tracks::TrackUpdate;
use cloudflare_calls::types::ErrorCode;
use cloudflare_calls::{Mid, prelude::*};
use cloudflare_calls_emulator::agent::Source;

use super::room::{Room, mid, rid};

const LAYERS: Source = Source::SimulcastVideo(&["h", "m", "l"]);

#[tokio::test]
async fn the_preferred_layer_is_received_and_another_one_after_an_update() {
    let room = Room::start().await;
    let alice = room.join(&[(LAYERS, "camera")]).await;
    let (bob, carol) = (room.enter().await, room.enter().await);
    let subscribed = bob.subscribe([alice.track("camera").simulcast(rid("h"))]).await;
    let at_bob = subscribed.into_result().unwrap().remove(0).mid;
    let subscribed = carol.subscribe([alice.track("camera").simulcast(rid("m"))]).await;
    let at_carol = subscribed.done[0].mid.clone();
    bob.hears_layer(&at_bob, &alice, "camera", Some("h")).await;
    for layer in ["l", "h", "m"] {
        let update = TrackUpdate::layer(at_bob.clone(), rid(layer));
        let updated = bob.session.update([update]).await.unwrap();
        assert_eq!(updated.into_result().unwrap(), std::slice::from_ref(&at_bob));
        bob.hears_layer(&at_bob, &alice, "camera", Some(layer)).await;
    }
    // The layers of other subscribers stay.
    carol.hears_layer(&at_carol, &alice, "camera", Some("m")).await;
}

#[tokio::test]
async fn another_source_comes_on_the_same_section_without_an_exchange() {
    let room = Room::start().await;
    let alice = room.join(&[(LAYERS, "camera"), (Source::Video, "screen")]).await;
    let bob = room.join(&[(Source::Video, "camera")]).await;
    let carol = room.enter().await;
    let at = carol.pull(&bob, &["camera"]).await.remove(0);
    carol.hears(&at, &bob, "camera").await;
    let source = |at: &Mid, name| TrackUpdate::source(at.clone(), alice.session.id().clone(), name);

    carol.session.update([source(&at, "screen")]).await.unwrap().into_result().unwrap();
    carol.hears(&at, &alice, "screen").await;
    let low = source(&at, "camera").simulcast(rid("l"));
    carol.session.update([low]).await.unwrap().into_result().unwrap();
    carol.hears_layer(&at, &alice, "camera", Some("l")).await;
    // The publisher's name is known by now.
    let high = TrackUpdate::layer(at.clone(), rid("h"));
    carol.session.update([high]).await.unwrap().into_result().unwrap();
    carol.hears_layer(&at, &alice, "camera", Some("h")).await;
    let subscriptions = room.snapshot().await.subscriptions;
    assert_eq!(subscriptions.len(), 1);
    assert_eq!((&*subscriptions[0].track, &*subscriptions[0].mid), ("camera", at.as_str()));
}

#[tokio::test]
async fn an_update_that_fails_is_told_apart_and_leaves_the_subscription_as_it_was() {
    let room = Room::start().await;
    let alice = room.join(&[(LAYERS, "camera"), (Source::Video, "screen")]).await;
    let bob = room.enter().await;
    let camera = alice.track("camera").simulcast(rid("h"));
    let tracks = bob.subscribe([camera, alice.track("screen")]).await.done;
    let (camera, screen) = (tracks[0].mid.clone(), tracks[1].mid.clone());
    let updates = [&camera, &screen].map(|mid| TrackUpdate::layer(mid.clone(), rid("l")));
    let updated = bob.session.update(updates).await.unwrap();
    assert_eq!(updated.done, std::slice::from_ref(&camera));
    assert_eq!(updated.failed[0].item.mid(), &screen);
    assert_eq!(updated.failed[0].error.code(), Some(&ErrorCode::UpdateTrackError));
    let publisher = alice.session.id().clone();
    let unknown = TrackUpdate::source(screen.clone(), publisher, "whiteboard");
    let updated = bob.session.update([unknown]).await.unwrap();
    assert_eq!(updated.failed[0].error.code(), Some(&ErrorCode::NotFoundTrackError));
    bob.hears_layer(&camera, &alice, "camera", Some("l")).await;
    bob.hears(&screen, &alice, "screen").await;

    // Section without a known source.
    let error = bob.session.update([TrackUpdate::layer(mid("77"), rid("l"))]).await.unwrap_err();
    assert!(error.to_string().contains("tracks[0].trackName"), "{error}");
}

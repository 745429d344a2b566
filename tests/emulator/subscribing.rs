//! Subscriptions of one session.

use cloudflare_calls_emulator::agent::Source;
use futures_util::future::join_all;

use super::room::Room;

#[tokio::test]
async fn one_request_subscribes_to_two_publishers_and_later_ones_add_to_it() {
    let room = Room::start().await;
    let alice = room.join(&[(Source::Audio, "mic"), (Source::Video, "camera")]).await;
    let bob = room.join(&[(Source::Audio, "mic")]).await;
    let carol = room.join(&[(Source::Audio, "mic")]).await;

    let subscribed = carol.subscribe([alice.track("mic"), bob.track("mic")]).await;
    let subscribed = subscribed.into_result().unwrap();
    for (track, publisher) in subscribed.iter().zip([&alice, &bob]) {
        assert_eq!((&track.publisher, &*track.name), (publisher.session.id(), "mic"));
        carol.hears(&track.mid, publisher, "mic").await;
    }
    let camera = carol.pull(&alice, &["camera"]).await;
    carol.hears(&camera[0], &alice, "camera").await;
    // The media from before the second exchange still flow.
    carol.hears(&subscribed[1].mid, &bob, "mic").await;
    // Its own track flows to a peer from which it receives.
    let back = alice.pull(&carol, &["mic"]).await;
    alice.hears(&back[0], &carol, "mic").await;
}

#[tokio::test]
async fn one_publication_reaches_many_and_the_same_one_twice() {
    let room = Room::start().await;
    let alice = room.join(&[(Source::Video, "camera")]).await;
    let mut others = Vec::new();
    for _ in 0..4 {
        let other = room.enter().await;
        let mids = [other.pull(&alice, &["camera"]).await, other.pull(&alice, &["camera"]).await];
        others.push((other, mids.concat()));
    }
    assert!(others.iter().all(|(_, mids)| mids[0] != mids[1]));
    let all = others.iter().flat_map(|(other, mids)| mids.iter().map(move |mid| (other, mid)));
    join_all(all.map(|(other, mid)| other.hears(mid, &alice, "camera"))).await;
    assert_eq!(room.snapshot().await.subscriptions.len(), 8);
}

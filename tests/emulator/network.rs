//! Bad network between the agents and the SFU.

use cloudflare_calls::prelude::*;
use cloudflare_calls::tracks::TrackUpdate;
use cloudflare_calls_emulator::agent::Source;
use cloudflare_calls_emulator::faults::Network;
use cloudflare_calls_emulator::media::Message;

use super::channels::{publish, subscribe};
use super::room::{Room, rid, soon};

#[tokio::test]
async fn all_steps_work_with_lost_and_late_packets() {
    let room = Room::start().await;
    let network = Network {
        loss: 0.05,
        delay_ms: 5,
        jitter_ms: 20,
        reorder: 0.05,
        seed: 7,
        ..Network::default()
    };
    room.emulator.set_network(network).await.unwrap();
    let layers = Source::SimulcastVideo(&["h", "l"]);
    let alice = room.join(&[(Source::Audio, "mic"), (layers, "camera")]).await;
    let bob = room.join(&[(Source::Audio, "mic")]).await;
    let camera = alice.track("camera").simulcast(rid("h"));
    let subscribed = bob.subscribe([alice.track("mic"), camera]).await;
    let subscribed = subscribed.into_result().unwrap();
    let (mic, camera) = (&subscribed[0].mid, &subscribed[1].mid);
    bob.receives(mic, &alice, "mic", None).await;
    bob.receives(camera, &alice, "camera", Some("h")).await;
    let update = [TrackUpdate::layer(camera.clone(), rid("l"))];
    bob.session.update(update).await.unwrap().into_result().unwrap();
    bob.receives(camera, &alice, "camera", Some("l")).await;
    let back = alice.pull(&bob, &["mic"]).await;
    alice.receives(&back[0], &bob, "mic", None).await;

    for peer in [&alice, &bob] {
        peer.establish().await;
    }
    let chat = publish(&alice, "chat").await;
    let at_bob = subscribe(&bob, (&chat).into()).await.id.get();
    for number in 0..5 {
        let message = Message { is_binary: true, data: vec![number; 500] };
        alice.agent.send(chat.id.get(), message).await.unwrap();
    }
    for number in 0..5 {
        let (id, message) = soon(bob.agent.recv()).await.unwrap();
        assert_eq!((id, message.data), (at_bob, vec![number; 500]), "in order, and whole");
    }
    for peer in [&alice, &bob] {
        let departure = peer.session.leave().await.unwrap();
        assert!(departure.is_complete(), "{departure:?}");
        assert!(room.open_mids(&peer.session).await.is_empty());
    }
}

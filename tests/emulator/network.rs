//! A bad network between the agents and the SFU.

use cloudflare_calls::types::Simulcast;
use cloudflare_calls::{LocalDataChannel, RemoteDataChannel, TrackUpdate, prelude::*};
use cloudflare_calls_emulator::agent::Send;
use cloudflare_calls_emulator::faults::Network;
use cloudflare_calls_emulator::media::{Delivery, Message};

use super::room::{Room, soon};

#[tokio::test]
async fn everything_works_with_lost_and_late_packets() {
    let room = Room::start().await;
    let network = Network { loss: 0.05, delay_ms: 5, jitter_ms: 20, reorder: 0.05, seed: 7 };
    room.emulator.set_network(network).await.unwrap();
    let layers = Send::SimulcastVideo(&["h", "l"]);
    let alice = room.join(&[(Send::Audio, "mic"), (layers, "camera")]).await;
    let bob = room.join(&[(Send::Audio, "mic")]).await;
    let high = Simulcast::new().preferred_rid("h");
    let camera = alice.track("camera").simulcast(high);
    let subscribed = bob.subscribe([alice.track("mic"), camera]).await;
    subscribed.complete().unwrap();
    let (mic, camera) = (&subscribed.tracks[0].mid, &subscribed.tracks[1].mid);
    bob.receives(mic, &alice, "mic", None).await;
    bob.receives(camera, &alice, "camera", Some("h")).await;
    let low = Simulcast::new().preferred_rid("l");
    let update = [TrackUpdate::layer(camera.clone(), low)];
    bob.session.update(update).await.unwrap().complete().unwrap();
    bob.receives(camera, &alice, "camera", Some("l")).await;
    let back = alice.pull(&bob, &["mic"]).await;
    alice.receives(&back[0], &bob, "mic", None).await;

    for peer in [&alice, &bob] {
        peer.settle(peer.session.establish_data_channels().await.unwrap()).await;
    }
    let chat = alice.session.publish_data_channels([LocalDataChannel::new("chat")]).await;
    let chat = chat.unwrap().channels.remove(0);
    let at_bob = bob.session.subscribe_data_channels([RemoteDataChannel::from(&chat)]).await;
    let at_bob = at_bob.unwrap().channels.remove(0).id;
    alice.agent.open_channel(chat.id, Delivery::RELIABLE).await.unwrap();
    bob.agent.open_channel(at_bob, Delivery::RELIABLE).await.unwrap();
    for number in 0..5 {
        let message = Message { is_binary: true, data: vec![number; 500] };
        alice.agent.send(chat.id, message).await.unwrap();
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

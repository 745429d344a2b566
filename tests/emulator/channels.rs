//! Data channels, with messages on them.

use std::time::Duration;

use cloudflare_calls::data_channels::{
    ChannelId, DataTransport, LocalDataChannel, PublishedDataChannel, RemoteDataChannel,
    RetryLimit, SubscribedDataChannel,
};
use cloudflare_calls::session::{Negotiation, Unusable};
use cloudflare_calls::types::ErrorCode;
use cloudflare_calls::{Error, prelude::*};
use cloudflare_calls_emulator::agent::{Change, Source};
use cloudflare_calls_emulator::faults::Fault;
use cloudflare_calls_emulator::media::{Delivery, Message};
use cloudflare_calls_emulator::rules::{Config, Operation};

use super::room::{PATIENCE, Peer, Room, soon};

/// Creates a peer with a transport for data channels, and nothing else.
async fn enter(room: &Room) -> Peer {
    let peer = room.enter().await;
    let Negotiation::Offer(pending) = peer.session.establish_data_channels().await.unwrap() else {
        panic!("the SFU has to offer");
    };
    let answer = peer.answer(pending.offer()).await;
    pending.answer(answer).await.unwrap();
    peer.agent.connected(PATIENCE).await.unwrap();
    peer
}

/// Publishes a channel, and opens it.
pub(super) async fn publish(peer: &Peer, name: &str) -> PublishedDataChannel {
    let published = peer.session.publish_data_channels([LocalDataChannel::new(name)]).await;
    let channel = published.unwrap().into_result().unwrap().remove(0);
    peer.agent.open_channel(channel.id.get(), Delivery::RELIABLE).await.unwrap();
    channel
}

/// Subscribes to a channel, and opens it.
pub(super) async fn subscribe(peer: &Peer, channel: RemoteDataChannel) -> SubscribedDataChannel {
    let subscribed = peer.session.subscribe_data_channels([channel]).await.unwrap();
    let channel = subscribed.into_result().unwrap().remove(0);
    peer.agent.open_channel(channel.id.get(), Delivery::RELIABLE).await.unwrap();
    channel
}

async fn say(peer: &Peer, id: ChannelId, text: &str) {
    let message = Message { is_binary: false, data: text.as_bytes().to_vec() };
    peer.agent.send(id.get(), message).await.unwrap();
}

/// Returns the next message, and its channel.
async fn next(peer: &Peer) -> (ChannelId, String) {
    let (id, message) = soon(peer.agent.recv()).await.unwrap();
    (ChannelId::new(id).unwrap(), String::from_utf8(message.data).unwrap())
}

/// Returns the server's word for a channel's status.
async fn status(room: &Room, peer: &Peer, id: ChannelId) -> &'static str {
    let channels = room.session(&peer.session).await.channels;
    channels.iter().find(|channel| channel.id == id.get()).unwrap().status
}

#[tokio::test]
async fn messages_of_the_publisher_reach_all_subscribers_and_no_others() {
    let room = Room::start().await;
    let alice = enter(&room).await;
    let (chat, log) = (publish(&alice, "chat").await, publish(&alice, "log").await);
    let (bob, carol) = (enter(&room).await, enter(&room).await);
    let at_bob = subscribe(&bob, (&chat).into()).await;
    let log_at_bob = subscribe(&bob, (&log).into()).await;
    let at_carol = subscribe(&carol, (&chat).into()).await;
    say(&alice, log.id, "for bob").await;
    assert_eq!(next(&bob).await, (log_at_bob.id, "for bob".into()));
    say(&alice, chat.id, "for all").await;
    assert_eq!(next(&bob).await, (at_bob.id, "for all".into()));
    assert_eq!(next(&carol).await, (at_carol.id, "for all".into()));
}

#[tokio::test]
async fn the_transport_is_established_once_besides_media_and_by_either_side() {
    let room = Room::start().await;
    let alice = room.join(&[(Source::Audio, "mic")]).await;
    let bob = room.join(&[(Source::Audio, "mic")]).await;
    let pulled = bob.pull(&alice, &["mic"]).await;

    // By the SFU's offer, and by the agent's.
    let offered = alice.session.establish_data_channels().await.unwrap();
    assert!(offered.offer().is_some());
    alice.settle(offered).await;
    let offer = bob.offer_changes(&[Change::Data]).await;
    let answered = bob.session.establish_data_channels_with(offer.clone()).await.unwrap();
    let Negotiation::Answer(answered) = answered else { panic!("the SFU has to answer") };
    bob.accept(&answered.answer).await;
    for peer in [&alice, &bob] {
        let again = peer.session.establish_data_channels().await.unwrap();
        assert!(matches!(again, Negotiation::Done(DataTransport)), "there it is");
        let again = peer.session.establish_data_channels_with(offer.clone()).await.unwrap();
        assert!(matches!(again, Negotiation::Done(DataTransport)), "nothing to answer");
        let asked = room.operations(Some(&peer.session)).await;
        assert_eq!(asked.iter().filter(|asked| *asked == "establish_data_channels").count(), 1);
    }

    let chat = publish(&alice, "chat").await;
    let at_bob = subscribe(&bob, (&chat).into()).await;
    say(&alice, chat.id, "hello").await;
    assert_eq!(next(&bob).await, (at_bob.id, "hello".into()));
    bob.hears(&pulled[0], &alice, "mic").await;
}

#[tokio::test]
async fn without_a_transport_there_is_no_channel() {
    let room = Room::start().await;
    let alice = room.join(&[(Source::Audio, "mic")]).await;
    let chat = LocalDataChannel::new("chat");
    let error = alice.session.publish_data_channels([chat]).await.unwrap_err();
    assert!(matches!(error, Error::Unusable { reason: Unusable::NoDataTransport, .. }));
    assert_eq!(room.operations(Some(&alice.session)).await, ["new_tracks"], "nothing is sent");
    alice.establish().await;
    publish(&alice, "chat").await;
}

#[tokio::test]
async fn a_channel_delivers_as_its_publisher_chose() {
    let room = Room::start().await;
    let (alice, bob) = (enter(&room).await, enter(&room).await);
    let policy = cloudflare_calls::data_channels::Delivery::default()
        .unordered()
        .limit(RetryLimit::Retransmits(3));
    let game = LocalDataChannel::new("game").delivery(policy);
    let game = alice.session.publish_data_channels([game]).await.unwrap().done.remove(0);
    let remote = RemoteDataChannel::from(&game);
    let at_bob = bob.session.subscribe_data_channels([remote]).await.unwrap().done.remove(0);
    assert_eq!((game.delivery, at_bob.delivery), (policy, policy));
    let unordered =
        Delivery { is_ordered: false, max_retransmits: Some(3), max_packet_life_time: None };
    alice.agent.open_channel(game.id.get(), unordered).await.unwrap();
    bob.agent.open_channel(at_bob.id.get(), unordered).await.unwrap();
    say(&alice, game.id, "move").await;
    assert_eq!(next(&bob).await, (at_bob.id, "move".into()));
}

#[tokio::test]
async fn messages_are_held_back_until_the_subscriber_has_said_something() {
    let room = Room::start().await;
    let (alice, bob, carol) = (enter(&room).await, enter(&room).await, enter(&room).await);
    let chat = publish(&alice, "chat").await;
    let at_bob = subscribe(&bob, RemoteDataChannel::from(&chat).wait_for_ack().can_reply()).await;
    let at_carol = subscribe(&carol, (&chat).into()).await;
    say(&alice, chat.id, "first").await;
    assert_eq!(next(&carol).await, (at_carol.id, "first".into()));
    assert_eq!(status(&room, &bob, at_bob.id).await, "initializing");

    say(&bob, at_bob.id, "I am here").await;
    assert_eq!(next(&bob).await, (at_bob.id, "first".into()));
    assert_eq!(status(&room, &bob, at_bob.id).await, "active");
    say(&alice, chat.id, "second").await;
    assert_eq!(next(&bob).await, (at_bob.id, "second".into()));
    say(&bob, at_bob.id, "a reply").await;
    assert_eq!(next(&alice).await, (chat.id, "a reply".into()), "the first was for the SFU");
}

#[tokio::test]
async fn a_subscriber_that_never_says_anything_loses_the_channel() {
    let config = Config { ack_wait: Duration::from_millis(50), ..Config::default() };
    let room = Room::with(config).await;
    let (alice, bob) = (enter(&room).await, enter(&room).await);
    let chat = publish(&alice, "chat").await;
    let at_bob = subscribe(&bob, RemoteDataChannel::from(&chat).wait_for_ack()).await;
    room.until(|state| {
        let channels = state.sessions.iter().flat_map(|session| &session.channels);
        channels.filter(|channel| channel.status == "inactive").count() == 1
    })
    .await;
    assert_eq!(status(&room, &bob, at_bob.id).await, "inactive");
    let closed = bob.session.close_data_channels([at_bob.id]).await.unwrap();
    assert_eq!(closed.done, [at_bob.id], "closed already is as good as closed");
}

#[tokio::test]
async fn one_subscriber_at_most_may_reply() {
    let room = Room::start().await;
    let (alice, bob, carol) = (enter(&room).await, enter(&room).await, enter(&room).await);
    let (chat, log) = (publish(&alice, "chat").await, publish(&alice, "log").await);
    let at_bob = subscribe(&bob, RemoteDataChannel::from(&chat).can_reply()).await;
    let log_at_bob = subscribe(&bob, RemoteDataChannel::from(&log).can_reply()).await;
    let at_carol = subscribe(&carol, (&chat).into()).await;
    say(&bob, at_bob.id, "bob may").await;
    assert_eq!(next(&alice).await, (chat.id, "bob may".into()));

    carol.session.grant_reply(&at_carol).await.unwrap();
    say(&carol, at_carol.id, "carol may").await;
    assert_eq!(next(&alice).await, (chat.id, "carol may".into()));
    // Messages of one agent come in their order, so the first is not on its way.
    say(&bob, at_bob.id, "bob may no more").await;
    say(&bob, log_at_bob.id, "bob may log").await;
    assert_eq!(next(&alice).await, (log.id, "bob may log".into()));

    carol.session.revoke_reply(&at_carol).await.unwrap();
    let channels = room.session(&carol.session).await.channels;
    assert!(channels.iter().all(|channel| !channel.can_reply));
    bob.session.grant_reply(&at_bob).await.unwrap();
    say(&carol, at_carol.id, "carol may no more").await;
    say(&bob, at_bob.id, "bob may again").await;
    assert_eq!(next(&alice).await, (chat.id, "bob may again".into()));

    let fails = Fault::FailItems { code: "internal_error".into(), indices: vec![0] };
    room.fault(&carol.session, Operation::UpdateDataChannels, fails);
    let error = carol.session.grant_reply(&at_carol).await.unwrap_err();
    assert_eq!(error.items()[0].item, at_carol.id.to_string());
    assert_eq!(error.code(), Some(&ErrorCode::InternalError));
}

#[tokio::test]
async fn a_channel_that_is_there_already_and_one_that_is_not_are_told_apart() {
    let room = Room::start().await;
    let (alice, bob) = (enter(&room).await, enter(&room).await);
    let chat = publish(&alice, "chat").await;
    let both = ["chat", "log"].map(LocalDataChannel::new);
    let published = alice.session.publish_data_channels(both).await.unwrap();
    assert_eq!((published.done.len(), &*published.done[0].name), (1, "log"));
    let code = published.failed[0].error.code();
    assert_eq!(code, Some(&ErrorCode::RepeatedLocalTrackError));

    let unknown = RemoteDataChannel::new(chat.session.clone(), "unknown", chat.delivery);
    let wanted = [unknown, RemoteDataChannel::from(&chat)];
    let subscribed = bob.session.subscribe_data_channels(wanted).await.unwrap();
    let at_bob = subscribed.done[0].id;
    assert!(subscribed.into_result().unwrap_err().is_not_yet_published());
    bob.agent.open_channel(at_bob.get(), Delivery::RELIABLE).await.unwrap();
    say(&alice, chat.id, "hello").await;
    assert_eq!(next(&bob).await, (at_bob, "hello".into()));
}

#[tokio::test]
async fn a_closed_channel_carries_nothing_and_the_others_go_on() {
    let room = Room::start().await;
    let (alice, bob, carol) = (enter(&room).await, enter(&room).await, enter(&room).await);
    let (chat, log) = (publish(&alice, "chat").await, publish(&alice, "log").await);
    let at_bob = subscribe(&bob, (&chat).into()).await;
    let log_at_bob = subscribe(&bob, (&log).into()).await;
    let at_carol = subscribe(&carol, (&chat).into()).await;

    let closed = bob.session.close_data_channels([at_bob.id]).await.unwrap();
    assert_eq!((closed.done, closed.failed), (vec![at_bob.id], vec![]));
    let again = bob.session.close_data_channels([at_bob.id]).await.unwrap();
    assert_eq!(again.done, [at_bob.id], "not there is as good as closed");
    say(&alice, chat.id, "for carol").await;
    say(&alice, log.id, "for bob").await;
    assert_eq!(next(&carol).await, (at_carol.id, "for carol".into()));
    assert_eq!(next(&bob).await, (log_at_bob.id, "for bob".into()));

    // A new handle knows the transport and the channels.
    let adopted = room.client.adopt(alice.session.id().clone()).send().await.unwrap();
    let state = adopted.state().await.unwrap();
    assert_eq!(state.data_channels.len(), 2);
    let game = adopted.publish_data_channels([LocalDataChannel::new("game")]).await.unwrap();
    game.into_result().unwrap();
    let departure = adopted.leave().await.unwrap();
    assert!(departure.is_complete(), "{departure:?}");
    assert_eq!(departure.channels.done.len(), 3);
    assert_eq!(status(&room, &carol, at_carol.id).await, "inactive", "its source is closed");
}

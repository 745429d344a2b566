//! The whole diagram on one machine: the client's traits, the emulator, and
//! agents whose media really flows.

// A test fails by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use cloudflare_calls::types::AppId;
use cloudflare_calls::{
    Answer, Client, LocalDataChannel, LocalTrack, Mid, Negotiation, Offer, RemoteDataChannel,
    RemoteTrack, SecretString, Session, prelude::*,
};
use cloudflare_calls_emulator::Emulator;
use cloudflare_calls_emulator::agent::{Agent, Send};
use cloudflare_calls_emulator::media::{Delivery, Message};

const PATIENCE: Duration = Duration::from_secs(20);

fn client(emulator: &Emulator) -> Client {
    let app = &emulator.apps()[0];
    let secret = SecretString::from(app.expose_secret());
    let id = AppId::new(app.id()).unwrap();
    Client::builder(id, secret).base_url(emulator.base_url()).build().unwrap()
}

/// An agent that has joined and publishes these under their names.
async fn join(client: &Client, tracks: &[(Send, &str)]) -> (Agent, Session) {
    let agent = Agent::start().await.unwrap();
    let session = client.join().send().await.unwrap();
    let sends: Vec<Send> = tracks.iter().map(|(send, _)| *send).collect();
    let (offer, mids) = agent.offer(&sends).await.unwrap();
    let local = mids
        .iter()
        .zip(tracks)
        .map(|(mid, (_, name))| LocalTrack::new(Mid::new(mid).unwrap(), *name));
    let published = session.publish(Offer::new(offer).unwrap(), local).await.unwrap();
    published.complete().unwrap();
    agent.accept_answer(published.answer.sdp()).await.unwrap();
    agent.connected(PATIENCE).await.unwrap();
    (agent, session)
}

/// Subscribes, lets the agent answer, and returns the mids.
async fn pull(agent: &Agent, session: &Session, other: &Session, names: &[&str]) -> Vec<Mid> {
    let wanted = names.iter().map(|name| RemoteTrack::new(other.id().clone(), *name));
    let subscribed = match session.subscribe(wanted).await.unwrap() {
        Negotiation::Offer(pending) => {
            let answer = agent.answer(pending.offer().sdp()).await.unwrap();
            pending.answer(Answer::new(answer).unwrap()).await.unwrap()
        }
        Negotiation::Done(subscribed) => subscribed,
    };
    subscribed.complete().unwrap();
    subscribed.tracks.into_iter().map(|track| track.mid).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn media_flows_through_the_whole_diagram() {
    let emulator = Emulator::start().await.unwrap();
    let client = client(&emulator);
    let (alice, alices) = join(&client, &[(Send::Audio, "mic")]).await;
    let (bob, bobs) = join(&client, &[(Send::Audio, "mic"), (Send::Video, "camera")]).await;

    let pulled = pull(&alice, &alices, &bobs, &["mic", "camera"]).await;
    for mid in &pulled {
        let enough = |got: &cloudflare_calls_emulator::agent::Received| got.packets >= 20;
        let got = alice.until_received(mid.as_str(), PATIENCE, enough).await.unwrap();
        assert_eq!(got.marker.unwrap().agent, bob.id(), "it is bob's");
    }
    let heard = pull(&bob, &bobs, &alices, &["mic"]).await;
    let got = bob.until_received(heard[0].as_str(), PATIENCE, |got| got.packets >= 20).await;
    assert_eq!(got.unwrap().marker.unwrap().agent, alice.id());

    let state = emulator.snapshot().await.unwrap();
    assert_eq!((state.sessions.len(), state.subscriptions.len()), (2, 3));

    assert!(bobs.leave().await.unwrap().is_complete());
    alices.close(pulled).await.unwrap().complete().unwrap();
    assert!(alices.leave().await.unwrap().is_complete());
    let state = emulator.snapshot().await.unwrap();
    assert_eq!(state.subscriptions, []);
    assert!(state.sessions.iter().flat_map(|session| &session.tracks).all(|track| !track.is_open));
    emulator.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_flow_between_sessions() {
    let emulator = Emulator::start().await.unwrap();
    let client = client(&emulator);
    let (alice, alices) = join(&client, &[(Send::Audio, "mic")]).await;
    let (bob, bobs) = join(&client, &[(Send::Audio, "mic")]).await;
    for (agent, session) in [(&alice, &alices), (&bob, &bobs)] {
        if let Negotiation::Offer(pending) = session.establish_data_channels().await.unwrap() {
            let answer = agent.answer(pending.offer().sdp()).await.unwrap();
            pending.answer(Answer::new(answer).unwrap()).await.unwrap();
        }
    }
    let published = alices.publish_data_channels([LocalDataChannel::new("chat")]).await.unwrap();
    let chat = &published.channels[0];
    let remote = RemoteDataChannel::from(chat).can_reply();
    let subscribed = bobs.subscribe_data_channels([remote]).await.unwrap();
    subscribed.complete().unwrap();
    let ordered = Delivery { is_ordered: true, max_retransmits: None, max_packet_life_time: None };
    alice.open_channel(chat.id, ordered).await.unwrap();
    bob.open_channel(subscribed.channels[0].id, ordered).await.unwrap();

    let text = |text: &str| Message { is_binary: false, data: text.as_bytes().to_vec() };
    alice.send(chat.id, text("hello")).await.unwrap();
    let got = tokio::time::timeout(PATIENCE, bob.recv()).await.unwrap().unwrap();
    assert_eq!(got, (subscribed.channels[0].id, text("hello")));
    bob.send(got.0, text("and back")).await.unwrap();
    let got = tokio::time::timeout(PATIENCE, alice.recv()).await.unwrap().unwrap();
    assert_eq!(got, (chat.id, text("and back")));
}

#[tokio::test]
async fn a_session_that_is_not_connected_is_waited_for_and_refused_with_425() {
    let config = cloudflare_calls_emulator::rules::Config {
        connect_wait: Duration::from_millis(50),
        ..Default::default()
    };
    let emulator = Emulator::builder().config(config).start().await.unwrap();
    let session = client(&emulator)
        .join()
        .retry(cloudflare_calls::RetryPolicy::never())
        .send()
        .await
        .unwrap();
    let agent = Agent::start().await.unwrap();
    let (offer, mids) = agent.offer(&[Send::Audio]).await.unwrap();
    let track = LocalTrack::new(Mid::new(&*mids[0]).unwrap(), "mic");
    session.publish(Offer::new(offer).unwrap(), [track]).await.unwrap().complete().unwrap();
    let track = RemoteTrack::new(session.id().clone(), "mic");
    let error = session.subscribe([track]).await.unwrap_err();
    assert!(error.is_not_connected(), "{error}");
    assert!(emulator.expire(session.id().as_str()).await);
    assert!(
        session
            .publish_all(
                Offer::new(
                    agent
                        .offer(&[])
                        .await
                        .map_or_else(|_| "v=0\r\n".to_owned(), |(offer, _)| offer,)
                )
                .unwrap()
            )
            .await
            .unwrap_err()
            .is_session_gone()
    );
}

//! Emulator without WebRTC: the API's rules for programs without media.

use cloudflare_calls::adapters::Adapter;
use cloudflare_calls::data_channels::LocalDataChannel;
use cloudflare_calls::session::Negotiation;
use cloudflare_calls::tracks::{LocalTrack, RemoteTrack};
use cloudflare_calls::{Answer, Mid, Offer, Session, prelude::*};
use cloudflare_calls_emulator::Emulator;
use cloudflare_calls_emulator::media::canned::{ICE_PWD, ICE_UFRAG};
use cloudflare_calls_emulator::rules::SessionState;

use crate::support::client;

const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n\
    a=group:BUNDLE 0 1\r\na=ice-ufrag:u\r\na=ice-pwd:p\r\n\
    m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=sendonly\r\n\
    m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=recvonly\r\n";

const ANSWER: &str = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n";

async fn publish(session: &Session) -> String {
    let track = LocalTrack::new(Mid::new("0").unwrap(), "mic");
    let published = session.publish(Offer::new(OFFER).unwrap(), [track]).await.unwrap();
    published.outcome.into_result().unwrap();
    published.answer.sdp().to_owned()
}

#[tokio::test]
async fn a_backend_is_tested_without_agents() {
    let emulator = Emulator::builder().canned().start().await.unwrap();
    let client = client(&emulator);
    let publisher = client.join().send().await.unwrap();
    let answer = publish(&publisher).await;
    for text in [
        "a=group:BUNDLE 0 1",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=recvonly",
        "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=sendonly",
        ICE_PWD,
        ICE_UFRAG,
    ] {
        assert!(answer.contains(text), "{text}: {answer}");
    }
    let subscriber = client.join().send().await.unwrap();
    publish(&subscriber).await;
    let wanted = RemoteTrack::new(publisher.id().clone(), "mic");
    let Negotiation::Offer(pending) = subscriber.subscribe([wanted]).await.unwrap() else {
        panic!("an offer");
    };
    let added = "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:2\r\na=sendonly";
    assert!(pending.offer().sdp().contains(added), "{}", pending.offer().sdp());
    let pulled = pending.answer(Answer::new(ANSWER).unwrap()).await.unwrap();
    assert_eq!(pulled.done[0].mid.as_str(), "2");
    if let Negotiation::Offer(pending) = publisher.establish_data_channels().await.unwrap() {
        pending.answer(Answer::new(ANSWER).unwrap()).await.unwrap();
    }
    let channels = publisher.publish_data_channels([LocalDataChannel::new("chat")]).await;
    channels.unwrap().into_result().unwrap();
    let adapter = Adapter::ingest("ws://127.0.0.1:9/in", "speech");
    client.create_adapters([adapter]).await.unwrap().into_result().unwrap();
    let snapshot = emulator.snapshot().await.unwrap();
    let states: Vec<SessionState> = snapshot.sessions.iter().map(|one| one.state).collect();
    assert_eq!(states, [SessionState::Connected, SessionState::Connected, SessionState::Ingest]);
    for session in [publisher, subscriber] {
        assert!(session.leave().await.unwrap().is_complete());
    }
}

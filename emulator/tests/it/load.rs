//! Many agents at once.

use cloudflare_calls::prelude::*;
use cloudflare_calls::tracks::RemoteTrack;
use cloudflare_calls_emulator::Emulator;
use cloudflare_calls_emulator::agent::{Agent, Source};

use crate::support::{PATIENCE, client, join, pull};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_subscribers_of_one_publisher_all_receive() {
    let emulator = Emulator::start().await.unwrap();
    let client = client(&emulator);
    let (publisher, publication) = join(&client, Source::Audio, "mic").await;

    let subscribers = (0..50).map(|_| {
        let (client, publisher) = (client.clone(), publication.id().clone());
        tokio::spawn(async move {
            let agent = Agent::start().await.unwrap();
            let session = client.join().send().await.unwrap();
            let mid = pull(&agent, &session, RemoteTrack::new(publisher, "mic")).await.unwrap();
            let got = agent.until_received(mid.as_str(), PATIENCE, |got| got.packets >= 25).await;
            (got.unwrap(), agent, session)
        })
    });
    let subscribers: Vec<_> = subscribers.collect();
    for subscriber in subscribers {
        let (got, _agent, session) = subscriber.await.unwrap();
        let snapshot = emulator.snapshot().await.unwrap();
        let of = |id: &str| snapshot.sessions.iter().find(|session| session.id == id).unwrap();
        let sent = &of(publication.id().as_str()).tracks[0];
        let received = &of(session.id().as_str()).tracks[0];
        assert!(received.packets >= got.packets && received.packets <= sent.packets);
        assert!(received.bytes >= got.bytes);
        assert_eq!(got.marker.unwrap().agent, publisher.id());
        assert!(session.leave().await.unwrap().is_complete());
    }
    assert_eq!(emulator.snapshot().await.unwrap().subscriptions, []);
}

//! Generated client against the document, scripted servers and misuse.

// A test fails by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[cfg(feature = "account")]
mod account;
mod adapters;
mod adopted;
mod architecture;
mod cancel;
mod channels;
mod chaos;
mod closing;
mod contract;
mod dropped;
mod errors;
mod examples;
mod exchanges;
mod failures;
mod fleet;
#[cfg(feature = "codegen")]
mod golden;
mod gone;
mod guard;
mod ice;
mod ids;
mod lifecycle;
mod limits;
mod logs;
mod metrics;
mod modules;
mod observers;
mod operations;
mod privacy;
mod refused;
mod registry;
mod replies;
mod retries;
mod sfu;
#[cfg(feature = "token")]
mod token;
mod transport;
#[cfg(feature = "turn")]
mod turn;
mod turns;
mod types;

use std::time::Duration;

use cloudflare_calls::session::Negotiation;
use cloudflare_calls::tracks::{LocalTrack, RemoteTrack, Subscribed};
use cloudflare_calls::types::{AppId, SessionId};
use cloudflare_calls::{
    Answer, Client, Mid, Offer, RetryPolicy, SecretString, Session, prelude::*,
};

use sfu::Sfu;

/// App of all tests.
const APP: &str = "a1b2c3";
/// Secret of the app, which must not appear anywhere.
const SECRET: &str = "s3cret-0f-the-4pp";
/// Parts of TURN credentials.
const TURN_USERNAME: &str = "bc91b63e2b5d759f8eb9f3b58062439e";
const TURN_CREDENTIAL: &str = "ebd71f1d3edbc2b0edae3cd5a6d82284";
/// Secret that tokens are signed with.
const TOKEN_SECRET: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b";
/// Session id in the form that the API gives.
const SESSION: &str = "e017a2629c754fedc1f7d8587e06d126";

/// Returns a client of the server at `base_url`.
fn client(base_url: &str) -> Client {
    let app = AppId::new(APP).expect("a safe id");
    Client::builder(app, SecretString::from(SECRET))
        .base_url(base_url)
        .build()
        .expect("valid settings")
}

fn session() -> SessionId {
    SessionId::new(SESSION).expect("a safe id")
}

/// Returns as many tries as by default, without the long waits.
fn quick() -> RetryPolicy {
    RetryPolicy::default().delays(Duration::from_millis(1), Duration::from_millis(4))
}

/// Creates a session of the fake, with quick repetitions.
async fn join(sfu: &Sfu) -> Session {
    sfu.client().join().retry(quick()).send().await.expect("a session")
}

/// Lets time pass, without the requests that are under way.
async fn pass(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

fn mid(mid: &str) -> Mid {
    Mid::new(mid).expect("a mid")
}

fn mids(names: &[&str]) -> Vec<Mid> {
    names.iter().map(|name| mid(name)).collect()
}

/// Returns an agent's offer with these media sections.
fn offer(mids: &[&str]) -> Offer {
    Offer::new(sfu::offer_sdp(mids)).expect("an offer")
}

/// Returns an agent's offer with a section for data channels.
fn data_offer(mid: &str) -> Offer {
    Offer::new(sfu::data_offer_sdp(mid)).expect("an offer")
}

fn answer() -> Answer {
    Answer::new(sfu::answer_sdp()).expect("an answer")
}

/// Publishes one track for each name, the mids counted from 0.
async fn publish(session: &Session, names: &[&str]) {
    let all: Vec<String> = (0..names.len()).map(|index| index.to_string()).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let tracks = all.iter().zip(names).map(|(m, name)| LocalTrack::new(mid(m), *name));
    let published = session.publish(offer(&all), tracks).await.expect("published");
    published.outcome.into_result().expect("all of them");
}

/// Subscribes and answers.
async fn pull(session: &Session, publisher: &Session, names: &[&str]) -> Subscribed {
    let tracks = names.iter().map(|name| RemoteTrack::new(publisher.id().clone(), *name));
    match session.subscribe(tracks).await.expect("subscribed") {
        Negotiation::Offer(pending) => pending.answer(answer()).await.expect("answered"),
        Negotiation::Answer(answered) => answered.outcome,
        Negotiation::Done(subscribed) => subscribed,
    }
}

/// Starts a server that answers each connection with the same bytes and closes it. It ends with the
/// runtime of the test.
async fn raw_server(reply: impl Into<Vec<u8>>) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let reply = reply.into();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 64 * 1024];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(&reply).await;
            let _ = stream.shutdown().await;
        }
    });
    format!("http://{address}")
}

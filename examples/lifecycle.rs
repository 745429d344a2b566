//! The lifecycle of the Calls sequence diagram, two clients and every arrow,
//! against a scripted server on this machine:
//!
//! ```sh
//! cargo run --example lifecycle
//! ```
//!
//! The server keeps no state beyond its ids and moves no media: this shows the
//! order of the calls and their types.

use std::error::Error;

use cloudflare_calls::types::AppId;
use cloudflare_calls::{
    Answer, Client, LocalTrack, Mid, Negotiation, Offer, Registry, RemoteTrack, SecretString,
    Status, prelude::*,
};

#[path = "support/scripted.rs"]
mod scripted;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = scripted::start().await;
    // With an account: `Client::new(app_id, secret)`, and no base URL.
    let client = Client::builder(AppId::new("my-app")?, SecretString::from("my-secret"))
        .base_url(format!("{}/v1", server.uri()))
        .build()?;
    // Where the handlers of a backend find the session of the agent that asks.
    let sessions = Registry::new(1_000);

    println!("1. Client joins");
    let alice = client.join().correlation_id("alice").send().await?;
    sessions.insert(alice.clone())?;
    println!("   POST sessions/new            alice has a session");
    let microphone = LocalTrack::new(Mid::new("0")?, "alice-mic");
    let published = alice.publish(agent_offer()?, [microphone]).await?;
    published.complete()?;
    println!(
        "   POST tracks/new (offer)      answer of {} bytes for alice's agent, mid {} is {}",
        published.answer.sdp().len(),
        published.tracks[0].mid,
        published.tracks[0].name
    );

    println!("2. Remote client joins");
    let bob = client.join().correlation_id("bob").send().await?;
    sessions.insert(bob.clone())?;
    let camera = LocalTrack::new(Mid::new("0")?, "bob-camera");
    let bobs = bob.publish(agent_offer()?, [camera]).await?;
    println!("   POST sessions/new, tracks/new  bob publishes {}", bobs.tracks[0].name);
    let wanted = bobs.tracks.iter().map(RemoteTrack::from);
    let subscribed = match alice.subscribe(wanted).await? {
        Negotiation::Offer(pending) => {
            println!(
                "   POST tracks/new (remote)     offer of {} bytes for alice's agent",
                pending.offer().sdp().len()
            );
            // A second change of the session would wait here for its turn.
            println!("                                the session is {:?}", alice.status());
            let subscribed = pending.answer(agent_answer()?).await?;
            println!("   PUT  renegotiate (answer)    accepted");
            subscribed
        }
        Negotiation::Done(subscribed) => subscribed,
    };
    subscribed.complete()?;
    let pulled: Vec<Mid> = subscribed.tracks.into_iter().map(|track| track.mid).collect();

    println!("3. Remote client leaves");
    let departure = bob.leave().await?;
    println!("   PUT  tracks/close            {} of bob's tracks closed", departure.closed.len());
    let closed = alice.close(pulled).await?;
    closed.complete()?;
    println!("   PUT  tracks/close            {} of alice's subscriptions", closed.closed.len());

    println!("4. Client leaves");
    let departure = alice.leave().await?;
    println!("   PUT  tracks/close            {} of alice's tracks closed", departure.closed.len());
    let refused = alice.publish(agent_offer()?, []).await.is_err();
    println!("                                the session is {:?}", alice.status());

    let served = server.received_requests().await.map_or(0, |requests| requests.len());
    println!("{served} requests were served");
    let is_done = departure.is_complete() && refused && sessions.is_empty();
    if served != 9 || !is_done || alice.status() == Status::Ready {
        return Err(format!("not the whole lifecycle: {departure:?}").into());
    }
    Ok(())
}

/// Stands for what the agent's `RTCPeerConnection` would give.
const SDP: &str = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n";

fn agent_offer() -> Result<Offer, cloudflare_calls::Invalid> {
    Offer::new(SDP)
}

fn agent_answer() -> Result<Answer, cloudflare_calls::Invalid> {
    Answer::new(SDP)
}

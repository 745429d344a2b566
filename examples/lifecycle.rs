//! Whole lifecycle of the Calls sequence diagram on this machine: an emulator, a backend on the
//! extension traits, and two agents whose media really flows.
//!
//! ```sh
//! cargo run --example lifecycle
//! ```
//!
//! The example prints each arrow as it happens and the packets of the agents, and fails if there
//! are none.

use std::error::Error;
use std::time::Duration;

use cloudflare_calls::session::{Negotiation, Registry, Status};
use cloudflare_calls::tracks::{LocalTrack, RemoteTrack};
use cloudflare_calls::types::AppId;
use cloudflare_calls::{Answer, Client, Mid, Offer, SecretString, Session, prelude::*};
use cloudflare_calls_emulator::Emulator;
use cloudflare_calls_emulator::agent::{Agent, Source};

/// Longest time of a step on one machine.
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let emulator = Emulator::start().await?;
    let app = &emulator.apps()[0];
    // With an account: `Client::new(app_id, secret)`, and no base URL.
    let client = Client::builder(AppId::new(app.id())?, SecretString::from(app.expose_secret()))
        .base_url(emulator.base_url())
        .build()?;
    // Handlers of a backend find an agent's session here.
    let sessions = Registry::new(1_000);

    println!("1. Client joins");
    let alice = Agent::start().await?;
    let alices = join(&client, &sessions, "alice", &alice, &[Source::Audio]).await?;

    println!("2. Remote client joins");
    let bob = Agent::start().await?;
    let bobs = join(&client, &sessions, "bob", &bob, &[Source::Audio, Source::Video]).await?;
    let (for_alice, for_bob) = (["audio", "video"], ["audio"]);
    let by_alice = pull("alice", &alice, &alices, &bobs, &for_alice).await?;
    let by_bob = pull("bob", &bob, &bobs, &alices, &for_bob).await?;
    println!("   media flows:");
    let mut packets = 0;
    for (who, agent, mids) in [("alice", &alice, &by_alice), ("bob", &bob, &by_bob)] {
        for (name, mid) in mids {
            let enough = |got: &cloudflare_calls_emulator::agent::Received| got.packets >= 25;
            let got = agent.until_received(mid.as_str(), PATIENCE, enough).await?;
            println!("   {who} received {} packets, {} bytes of {name}", got.packets, got.bytes);
            packets += got.packets;
        }
    }

    println!("3. Remote client leaves");
    let departure = bobs.leave().await?;
    println!("   PUT  tracks/close            {} of bob's tracks", departure.tracks.done.len());
    let closed = alices.close(by_alice.into_iter().map(|(_, mid)| mid)).await?;
    let closed = closed.into_result()?;
    println!("   PUT  tracks/close            {} of alice's subscriptions", closed.len());

    println!("4. Client leaves");
    let departure = alices.leave().await?;
    println!("   PUT  tracks/close            {} of alice's tracks", departure.tracks.done.len());
    println!("   the session is {:?}", alices.status());

    let is_done = departure.is_complete() && sessions.is_empty();
    emulator.shutdown().await;
    match is_done && packets > 0 && alices.status() != Status::Ready {
        true => Ok(()),
        false => Err(format!("not the whole lifecycle: {departure:?}").into()),
    }
}

/// Lets an agent join: a session, its offer, and the answer.
async fn join(
    client: &Client,
    sessions: &Registry,
    who: &str,
    agent: &Agent,
    sends: &[Source],
) -> Result<Session, Box<dyn Error>> {
    let session = client.join().correlation_id(who).send().await?;
    sessions.insert(session.clone()).await?;
    println!("   POST sessions/new            {who} has a session");
    let (offer, mids) = agent.offer(sends).await?;
    let mut tracks = Vec::new();
    for (mid, name) in mids.iter().zip(["audio", "video"]) {
        tracks.push(LocalTrack::new(Mid::new(mid)?, name));
    }
    let published = session.publish(Offer::new(offer)?, tracks).await?;
    agent.accept_answer(published.answer.sdp()).await?;
    let tracks = published.outcome.into_result()?;
    println!("   POST tracks/new (offer)      {who} publishes {} tracks", tracks.len());
    agent.connected(PATIENCE).await?;
    println!("   answer to the agent          {who} is connected: ICE and DTLS are up");
    Ok(session)
}

/// Subscribes an agent: the SFU's offer, and the answer. Returns the mids by name.
async fn pull(
    who: &str,
    agent: &Agent,
    session: &Session,
    other: &Session,
    names: &[&str],
) -> Result<Vec<(String, Mid)>, Box<dyn Error>> {
    let wanted = names.iter().map(|name| RemoteTrack::new(other.id().clone(), *name));
    let subscribed = match session.subscribe(wanted).await? {
        Negotiation::Offer(pending) => {
            println!(
                "   POST tracks/new (remote)     the SFU offers {} tracks to {who}",
                names.len()
            );
            let answer = agent.answer(pending.offer().sdp()).await?;
            let subscribed = pending.answer(Answer::new(answer)?).await?;
            println!("   PUT  renegotiate (answer)    {who}'s answer is taken");
            subscribed
        }
        // This step makes no offer of the agent, so there is no answer.
        Negotiation::Answer(answered) => answered.outcome,
        Negotiation::Done(subscribed) => subscribed,
    };
    Ok(subscribed.into_result()?.into_iter().map(|track| (track.name, track.mid)).collect())
}

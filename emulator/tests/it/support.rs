//! Shared functions of tests with a client or agents.

use std::time::Duration;

use cloudflare_calls::session::Negotiation;
use cloudflare_calls::tracks::{LocalTrack, RemoteTrack};
use cloudflare_calls::types::AppId;
use cloudflare_calls::{Answer, Client, Mid, Offer, SecretString, Session, prelude::*};
use cloudflare_calls_emulator::Emulator;
use cloudflare_calls_emulator::agent::{Agent, Source};

/// Long enough for two busy cores.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Returns a client with the emulator's first app.
pub(crate) fn client(emulator: &Emulator) -> Client {
    let app = &emulator.apps()[0];
    let secret = SecretString::from(app.expose_secret());
    let id = AppId::new(app.id()).unwrap();
    Client::builder(id, secret).base_url(emulator.base_url()).build().unwrap()
}

/// Returns an agent that has joined, is connected and publishes this.
pub(crate) async fn join(client: &Client, send: Source, name: &str) -> (Agent, Session) {
    let (agent, session) = (Agent::start().await.unwrap(), client.join().send().await.unwrap());
    publish(&agent, &session, send, name).await.unwrap();
    agent.connected(PATIENCE).await.unwrap();
    (agent, session)
}

/// Publishes one track.
pub(crate) async fn publish(
    agent: &Agent,
    session: &Session,
    send: Source,
    name: &str,
) -> Option<()> {
    let (offer, mids) = agent.offer(&[send]).await.ok()?;
    let track = LocalTrack::new(Mid::new(&*mids[0]).ok()?, name);
    let published = session.publish(Offer::new(offer).ok()?, [track]).await.ok()?;
    agent.accept_answer(published.answer.sdp()).await.ok()?;
    published.outcome.into_result().ok().map(drop)
}

/// Pulls one track on a new section, which needs an offer.
pub(crate) async fn pull(agent: &Agent, session: &Session, wanted: RemoteTrack) -> Option<Mid> {
    let Negotiation::Offer(pending) = session.subscribe([wanted]).await.ok()? else { return None };
    let answer = agent.answer(pending.offer().sdp()).await.ok()?;
    let mut subscribed = pending.answer(Answer::new(answer).ok()?).await.ok()?;
    subscribed.done.pop().map(|track| track.mid)
}

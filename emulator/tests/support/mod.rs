//! What tests with agents share.

use std::time::Duration;

use cloudflare_calls::types::AppId;
use cloudflare_calls::{
    Answer, Client, LocalTrack, Mid, Negotiation, Offer, RemoteTrack, SecretString, Session,
    prelude::*,
};
use cloudflare_calls_emulator::Emulator;
use cloudflare_calls_emulator::agent::{Agent, Send};

/// Two cores do what they can.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn client(emulator: &Emulator) -> Client {
    let app = &emulator.apps()[0];
    let secret = SecretString::from(app.expose_secret());
    let id = AppId::new(app.id()).unwrap();
    Client::builder(id, secret).base_url(emulator.base_url()).build().unwrap()
}

/// Publishes one audio track under the name `mic`.
pub(crate) async fn publish(agent: &Agent, session: &Session) -> Option<()> {
    let (offer, mids) = agent.offer(&[Send::Audio]).await.ok()?;
    let track = LocalTrack::new(Mid::new(&*mids[0]).ok()?, "mic");
    let published = session.publish(Offer::new(offer).ok()?, [track]).await.ok()?;
    agent.accept_answer(published.answer.sdp()).await.ok()?;
    published.complete().ok()
}

pub(crate) async fn pull(agent: &Agent, session: &Session, wanted: RemoteTrack) -> Option<Mid> {
    let mut subscribed = match session.subscribe([wanted]).await.ok()? {
        Negotiation::Offer(pending) => {
            let answer = agent.answer(pending.offer().sdp()).await.ok()?;
            pending.answer(Answer::new(answer).ok()?).await.ok()?
        }
        Negotiation::Done(subscribed) => subscribed,
    };
    subscribed.tracks.pop().map(|track| track.mid)
}

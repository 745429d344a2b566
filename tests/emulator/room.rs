//! Emulator, and the peers that meet on it.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use cloudflare_calls::session::{Negotiation, PendingAnswer};
use cloudflare_calls::tracks::{LocalTrack, PublishedTrack, RemoteTrack, Subscribed};
use cloudflare_calls::types::{AppId, Simulcast};
use cloudflare_calls::{
    Answer, Client, Mid, Offer, RetryPolicy, SecretString, Session, prelude::*, reqwest,
};
use cloudflare_calls_emulator::Emulator;
use cloudflare_calls_emulator::agent::{Agent, Change, Received, Source};
use cloudflare_calls_emulator::faults::{Fault, Rule};
use cloudflare_calls_emulator::rules::{Config, Operation, SessionSnapshot, Snapshot};
use serde_json::Value;

/// Longest time of a step on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Emulator and its client.
pub(crate) struct Room {
    pub(crate) emulator: Emulator,
    pub(crate) client: Client,
}

/// Agent and its session.
pub(crate) struct Peer {
    pub(crate) agent: Agent,
    pub(crate) session: Session,
    /// Mids of its publications, by name.
    published: Mutex<BTreeMap<String, Mid>>,
}

impl Room {
    pub(crate) async fn start() -> Self {
        Self::with(Config::default()).await
    }

    /// Creates a room with other times.
    pub(crate) async fn with(config: Config) -> Self {
        let emulator = Emulator::builder().config(config).start().await.unwrap();
        let app = &emulator.apps()[0];
        let secret = SecretString::from(app.expose_secret());
        let client = Client::builder(AppId::new(app.id()).unwrap(), secret)
            .base_url(emulator.base_url())
            .build()
            .unwrap();
        Self { emulator, client }
    }

    /// Creates a peer that publishes nothing yet.
    pub(crate) async fn enter(&self) -> Peer {
        self.enter_with(quick()).await
    }

    /// Creates such a peer with a policy of its own.
    pub(crate) async fn enter_with(&self, policy: RetryPolicy) -> Peer {
        Peer::new(self.client.join().retry(policy).send().await.unwrap()).await
    }

    /// Creates a peer that is connected and publishes these tracks under their names.
    pub(crate) async fn join(&self, tracks: &[(Source, &str)]) -> Peer {
        let peer = self.enter().await;
        peer.publish(tracks).await;
        peer
    }

    /// Orders a fault for the next call of the operation on the session.
    pub(crate) fn fault(&self, session: &Session, operation: Operation, fault: Fault) {
        let rule = Rule::new(fault).operation(operation).session(session.id().as_str()).times(1);
        self.emulator.fault(rule).unwrap();
    }

    pub(crate) async fn snapshot(&self) -> Snapshot {
        self.emulator.snapshot().await.unwrap()
    }

    /// Returns the server's state of a session.
    pub(crate) async fn session(&self, session: &Session) -> SessionSnapshot {
        let sessions = self.snapshot().await.sessions;
        sessions.into_iter().find(|there| there.id == session.id().as_str()).unwrap()
    }

    /// Returns the mids that are open on a session, separately for each direction.
    pub(crate) async fn open_mids(&self, session: &Session) -> Vec<Mid> {
        let tracks = self.session(session).await.tracks;
        tracks.iter().filter(|track| track.is_open).map(|track| mid(&track.mid)).collect()
    }

    /// Returns the operations that were asked for, of one session or of all, in the order of their
    /// ends.
    pub(crate) async fn operations(&self, session: Option<&Session>) -> Vec<String> {
        let base = self.emulator.base_url().trim_end_matches("/v1");
        let url = format!("{base}/__emulator/state");
        let reply = reqwest::Client::new().get(url).send().await.unwrap().text().await.unwrap();
        let state: Value = serde_json::from_str(&reply).unwrap();
        let id = session.map(|session| session.id().as_str());
        let requests = state["requests"].as_array().unwrap().iter();
        let requests = requests.filter(|request| id.is_none() || request["session"].as_str() == id);
        requests.map(|request| request["operation"].as_str().unwrap().to_owned()).collect()
    }

    /// Waits until the server's state meets a condition.
    pub(crate) async fn until(&self, condition: impl Fn(&Snapshot) -> bool) {
        soon(async {
            while !condition(&self.snapshot().await) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }
}

impl Peer {
    /// Creates the peer of a session, with a new agent.
    pub(crate) async fn new(session: Session) -> Self {
        Self::of(session, Agent::start().await.unwrap())
    }

    /// Creates the peer of a session and the agent that it was created for.
    pub(crate) fn of(session: Session, agent: Agent) -> Self {
        Self { agent, session, published: Mutex::default() }
    }

    /// Returns the peer with another handle of its session.
    pub(crate) fn with_session(self, session: Session) -> Self {
        Self { session, ..self }
    }

    /// Returns an offer of its agent with these sections, and their tracks.
    pub(crate) async fn offer(&self, tracks: &[(Source, &str)]) -> (Offer, Vec<LocalTrack>) {
        let sends: Vec<Source> = tracks.iter().map(|(send, _)| *send).collect();
        let (offer, mids) = self.agent.offer(&sends).await.unwrap();
        let local = mids.iter().zip(tracks).map(|(m, (_, name))| LocalTrack::new(mid(m), *name));
        (Offer::new(offer).unwrap(), local.collect())
    }

    /// Returns an offer of its agent with these changes.
    pub(crate) async fn offer_changes(&self, changes: &[Change]) -> Offer {
        let (offer, _) = self.agent.offer_changes(changes).await.unwrap();
        Offer::new(offer).unwrap()
    }

    /// Publishes these tracks under their names.
    pub(crate) async fn publish(&self, tracks: &[(Source, &str)]) -> Vec<Mid> {
        let (offer, local) = self.offer(tracks).await;
        let answered = self.session.publish(offer, local).await.unwrap();
        self.accept(&answered.answer).await;
        let published = answered.outcome.into_result().unwrap();
        self.remember(&published);
        published.into_iter().map(|track| track.mid).collect()
    }

    /// Lets its agent take the answer to its offer, and waits for the connection.
    pub(crate) async fn accept(&self, answer: &Answer) {
        self.agent.accept_answer(answer.sdp()).await.unwrap();
        self.agent.connected(PATIENCE).await.unwrap();
    }

    /// Notes its publications.
    pub(crate) fn remember(&self, tracks: &[PublishedTrack]) {
        let tracks = tracks.iter().map(|track| (track.name.clone(), track.mid.clone()));
        self.published.lock().unwrap().extend(tracks);
    }

    /// Returns the mid of a publication.
    pub(crate) fn mid(&self, name: &str) -> Mid {
        self.published.lock().unwrap()[name].clone()
    }

    /// Returns a track of it, as others see it.
    pub(crate) fn track(&self, name: &str) -> RemoteTrack {
        RemoteTrack::new(self.session.id().clone(), name)
    }

    /// Returns its agent's answer.
    pub(crate) async fn answer(&self, offer: &Offer) -> Answer {
        Answer::new(self.agent.answer(offer.sdp()).await.unwrap()).unwrap()
    }

    /// Brings an exchange to its end: its agent answers an offer, or takes an answer.
    pub(crate) async fn settle<T>(&self, negotiation: Negotiation<T>) -> T {
        match negotiation {
            Negotiation::Offer(pending) => {
                let answer = self.answer(pending.offer()).await;
                pending.answer(answer).await.unwrap()
            }
            Negotiation::Answer(answered) => {
                self.accept(&answered.answer).await;
                answered.outcome
            }
            Negotiation::Done(outcome) => outcome,
        }
    }

    /// Gets the transport of data channels.
    pub(crate) async fn establish(&self) {
        self.settle(self.session.establish_data_channels().await.unwrap()).await;
    }

    /// Subscribes to a track for which the SFU has to offer. Returns the unanswered offer.
    pub(crate) async fn offered(&self, track: RemoteTrack) -> PendingAnswer<Subscribed> {
        match self.session.subscribe([track]).await.unwrap() {
            Negotiation::Offer(pending) => pending,
            Negotiation::Answer(_) | Negotiation::Done(_) => panic!("the SFU has to offer"),
        }
    }

    /// Subscribes to the tracks for which that succeeds.
    pub(crate) async fn subscribe(
        &self,
        tracks: impl IntoIterator<Item = RemoteTrack>,
    ) -> Subscribed {
        self.settle(self.session.subscribe(tracks).await.unwrap()).await
    }

    /// Subscribes to all of these tracks.
    pub(crate) async fn pull(&self, publisher: &Peer, names: &[&str]) -> Vec<Mid> {
        let subscribed = self.subscribe(names.iter().map(|name| publisher.track(name))).await;
        subscribed.into_result().unwrap().into_iter().map(|track| track.mid).collect()
    }

    /// Checks that this section receives the publisher's track of this name, without a gap or a
    /// leap.
    pub(crate) async fn hears(&self, mid: &Mid, publisher: &Peer, name: &str) {
        self.hears_layer(mid, publisher, name, None).await;
    }

    /// Checks that this section receives one layer of several.
    pub(crate) async fn hears_layer(
        &self,
        mid: &Mid,
        publisher: &Peer,
        name: &str,
        layer: Option<&str>,
    ) {
        let holes = |got: &Received| (got.leaps, got.gaps, got.picture_gaps, got.blind_switches);
        // A machine under load drops a packet now and then, but not one in every few.
        let mut before = self.agent.received(mid.as_str());
        for _ in 0..10 {
            let got = self.receives(mid, publisher, name, layer).await;
            if holes(&got) == holes(&before) {
                return;
            }
            before = got;
        }
        panic!("something is missing in each part: {before:?}");
    }

    /// Checks that this section receives the track, whatever gets lost.
    pub(crate) async fn receives(
        &self,
        mid: &Mid,
        publisher: &Peer,
        name: &str,
        layer: Option<&str>,
    ) -> Received {
        let (agent, at) = (publisher.agent.id(), publisher.mid(name));
        let before = self.agent.received(mid.as_str()).packets;
        let is_it = |got: &Received| {
            let is_from = got.marker.as_ref().is_some_and(|marker| {
                marker.agent == agent
                    && marker.mid == at.as_str()
                    && marker.layer.as_deref() == layer
            });
            is_from && got.packets >= before + 10
        };
        let got = self.agent.until_received(mid.as_str(), PATIENCE, is_it).await;
        got.unwrap_or_else(|error| {
            panic!("{error}: want {name} {layer:?}, have {:?}", self.agent.received(mid.as_str()))
        })
    }

    /// Checks that this section receives nothing any more, while packets still come on another.
    pub(crate) async fn hears_nothing(&self, mid: &Mid, control: &Mid) {
        // Packets that were on their way come before these.
        self.receives_more(control, 3).await;
        let before = self.agent.received(mid.as_str()).packets;
        self.receives_more(control, 15).await;
        assert_eq!(self.agent.received(mid.as_str()).packets, before);
    }

    /// Waits for this many more packets.
    pub(crate) async fn receives_more(&self, mid: &Mid, count: u64) {
        let enough = self.agent.received(mid.as_str()).packets + count;
        let got = self.agent.until_received(mid.as_str(), PATIENCE, |got| got.packets >= enough);
        got.await.unwrap();
    }
}

pub(crate) fn mid(mid: &str) -> Mid {
    Mid::new(mid).unwrap()
}

/// Returns the choice of this layer alone.
pub(crate) fn rid(rid: &str) -> Simulcast {
    Simulcast::new().preferred_rid(rid)
}

/// Returns as many tries as by default, without the long waits.
pub(crate) fn quick() -> RetryPolicy {
    RetryPolicy::default().delays(Duration::from_millis(1), Duration::from_millis(4))
}

/// Returns tries that outlast all delays of a test.
pub(crate) fn patient() -> RetryPolicy {
    let delay = Duration::from_millis(30);
    RetryPolicy::default().attempts(usize::MAX).delays(delay, delay).budget(PATIENCE)
}

pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it takes too long")
}

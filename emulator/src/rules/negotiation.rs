//! Exchanges of session descriptions.

use std::time::Duration;

use serde_json::{Value, json};

use super::Rules;
use super::channels::SERVER_EVENTS;
use super::history::What;
use super::reply::{Code, Outcome, Reply, bad_description, ok, refusal, refused_description};
use super::request::{Location, Operation};
use super::sessions::Session;
use crate::media::{Delivery, Kind, Media, NewSection, Place, Section, SessionKey};

/// What is said of a description that has not the codec of what is pulled.
pub(super) const NO_CODEC: &str = "The subscriber's SDP is missing the published track's codec";

/// An offer of the SFU's that awaits its answer.
pub(super) struct Exchange {
    /// What it was made for.
    pub(super) operation: Operation,
    /// The sections that it added.
    pub(super) mids: Vec<String>,
}

/// A media section of a session, whoever offered it.
pub(super) struct Carried {
    pub(super) kind: Option<Kind>,
    /// The agent has offered it.
    pub(super) is_agents: bool,
    /// The names of the codecs that the agent lists. Empty before it has.
    pub(super) codecs: Vec<String>,
    pub(super) agent_sends: bool,
    pub(super) agent_receives: bool,
    pub(super) is_stopped: bool,
    pub(super) has_layers: bool,
    /// A track on it was closed by force: what the agent sends on it is not
    /// taken any more.
    pub(super) was_forced: bool,
}

impl Carried {
    pub(super) fn carries(&self, kind: Kind, location: Location) -> bool {
        let is_open = match location {
            Location::Local => self.agent_sends,
            Location::Remote => self.agent_receives,
        };
        is_open && !self.is_stopped && self.kind == Some(kind)
    }

    /// The only one of a session that an adapter feeds.
    pub(super) fn ingest() -> Self {
        Self::added(NewSection::Receive { kind: Kind::Audio, is_bidirectional: false })
    }

    /// Whether the agent waits there for something of that kind.
    pub(super) fn is_idle(&self, kind: Kind) -> bool {
        self.is_agents
            && !self.was_forced
            && !self.agent_sends
            && self.carries(kind, Location::Remote)
    }

    fn offered(section: &Section, old: Option<&Self>) -> Self {
        Self {
            kind: section.kind,
            is_agents: old.is_none_or(|old| old.is_agents),
            codecs: section.codecs.clone(),
            agent_sends: section.sends,
            agent_receives: section.receives,
            is_stopped: section.is_stopped,
            has_layers: !section.rids.is_empty(),
            was_forced: old.is_some_and(|old| old.was_forced),
        }
    }

    fn added(section: NewSection) -> Self {
        let (kind, agent_sends, agent_receives) = match section {
            NewSection::Send { kind, is_bidirectional } => (Some(kind), is_bidirectional, true),
            NewSection::Receive { kind, is_bidirectional } => (Some(kind), true, is_bidirectional),
            NewSection::Data => (None, true, true),
        };
        Self {
            kind,
            is_agents: false,
            codecs: Vec::new(),
            agent_sends,
            agent_receives,
            is_stopped: false,
            has_layers: false,
            was_forced: false,
        }
    }
}

/// Whether it is this operation's turn.
pub(super) fn check_turn(session: &Session, operation: Operation) -> Result<(), Reply> {
    if session.waiting.is_some() {
        return Err(bad_description("another change of the session is under way"));
    }
    match (operation, &session.exchange) {
        (Operation::Renegotiate, None) => Err(bad_description("no offer awaits an answer")),
        (Operation::Renegotiate, Some(_)) | (_, None) => Ok(()),
        (_, Some(open)) => {
            let text = format!("the offer of {:?} awaits its answer", open.operation);
            Err(bad_description(&text))
        }
    }
}

impl Rules {
    /// Takes an agent's offer, and returns the answer and the offer's sections.
    pub(super) fn take_offer(
        &mut self,
        key: SessionKey,
        offer: &str,
        media: &mut dyn Media,
    ) -> Result<(Value, Vec<Section>), Reply> {
        let session = self.live(key)?;
        let accepted =
            media.accept_offer(key, offer).map_err(|error| refused_description(&error))?;
        session.was_negotiated = true;
        // Others have been replaced.
        let carried = accepted.sections.iter().map(|section| {
            let old = session.sections.get(&section.mid);
            (section.mid.clone(), Carried::offered(section, old))
        });
        session.sections = carried.collect();
        if !session.has_data && session.carries_data() {
            session.has_data = true;
            media.open_channel(key, 0, SERVER_EVENTS, Delivery::RELIABLE);
        }
        self.history.note(key, What::TookOffer);
        Ok((json!({ "type": "answer", "sdp": accepted.answer }), accepted.sections))
    }

    /// Makes an offer with these sections, and returns it and their mids.
    /// Nothing to add, no offer.
    pub(super) fn make_offer(
        &mut self,
        key: SessionKey,
        operation: Operation,
        add: &[NewSection],
        media: &mut dyn Media,
    ) -> Result<(Option<Value>, Vec<String>), Reply> {
        if add.is_empty() {
            return Ok((None, Vec::new()));
        }
        let session = self.live(key)?;
        let failure = |text: &str| refusal(500, Code::BackendError, text);
        let offered = media.offer(key, add).map_err(|error| failure(&error.to_string()))?;
        for (mid, section) in offered.mids.iter().zip(add) {
            session.sections.insert(mid.clone(), Carried::added(*section));
        }
        session.exchange = Some(Exchange { operation, mids: offered.mids.clone() });
        self.history.note(key, What::Offered { operation });
        Ok((Some(json!({ "type": "offer", "sdp": offered.offer })), offered.mids))
    }

    /// `renegotiate`
    pub(super) fn renegotiate(
        &mut self,
        now: Duration,
        key: SessionKey,
        answer: &str,
        media: &mut dyn Media,
    ) -> Outcome {
        self.check_codecs(key, answer, media)?;
        let session = self.live(key)?;
        media.accept_answer(key, answer).map_err(|error| refused_description(&error))?;
        let Some(exchange) = session.exchange.take() else {
            return Err(bad_description("no offer awaits an answer"));
        };
        session.was_negotiated = true;
        if exchange.operation == Operation::EstablishDataChannels {
            media.open_channel(key, 0, SERVER_EVENTS, Delivery::RELIABLE);
        }
        let mut subscriptions = Vec::new();
        for track in session.tracks.iter_mut().filter(|track| exchange.mids.contains(&track.mid)) {
            track.negotiated(now);
            if let Some(source) = track.source() {
                subscriptions.push((track.mid.clone(), source, track.simulcast().cloned()));
            }
        }
        self.history.note(key, What::Answered { operation: exchange.operation });
        for (mid, source, simulcast) in subscriptions {
            self.feed(source, Place { session: key, mid }, simulcast.as_ref(), media);
        }
        Ok(ok(json!({})))
    }

    /// Whether an answer lists the codec of each track that it is to receive.
    fn check_codecs(&self, key: SessionKey, answer: &str, media: &dyn Media) -> Result<(), Reply> {
        let sections = media.read(answer).map_err(|error| refused_description(&error))?;
        let tracks = self.sessions.get(&key).into_iter().flat_map(|session| {
            let exchange = session.exchange.as_ref();
            let is_offered = move |mid: &String| exchange.is_some_and(|e| e.mids.contains(mid));
            session.tracks.iter().filter(move |track| is_offered(&track.mid))
        });
        for track in tracks {
            let codec = track.source().and_then(|source| self.codec(source, media));
            let section = sections.iter().find(|section| section.mid == track.mid);
            if let (Some(codec), Some(section)) = (codec, section)
                && section.receives
                && !section.codecs.contains(&codec)
            {
                return Err(bad_description(NO_CODEC));
            }
        }
        Ok(())
    }
}

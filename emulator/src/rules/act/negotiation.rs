//! Exchanges of session descriptions.

use serde_json::{Value, json};

use super::step::Step;
use crate::media::{Delivery, NewSection, Place, Section, SessionKey};
use crate::rules::model::history::What;
use crate::rules::model::section::{Exchange, SectionState};
use crate::rules::read::channels::SERVER_EVENTS;
use crate::rules::read::reply::{
    Code, Outcome, Reply, bad_description, ok, refusal, refused_description,
};
use crate::rules::read::request::Operation;

/// The refusal of a description without the codec of the track that is pulled.
pub(crate) const NO_CODEC: &str = "The subscriber's SDP is missing the published track's codec";

impl Step<'_> {
    /// Takes an agent's offer, and returns the answer and the offer's sections.
    pub(crate) fn take_offer(
        &mut self,
        key: SessionKey,
        offer: &str,
    ) -> Result<(Value, Vec<Section>), Reply> {
        let session = self.state.live(key)?;
        let accepted =
            self.media.accept_offer(key, offer).map_err(|error| refused_description(&error))?;
        session.was_negotiated = true;
        // Sections that are not in the offer have been replaced.
        let carried = accepted.sections.iter().map(|section| {
            let old = session.sections.get(&section.mid);
            (section.mid.clone(), SectionState::offered(section, old))
        });
        session.sections = carried.collect();
        if !session.has_data && session.carries_data() {
            session.has_data = true;
            self.media.open_channel(key, 0, SERVER_EVENTS, Delivery::RELIABLE);
        }
        self.state.history.note(key, What::TookOffer);
        Ok((json!({ "type": "answer", "sdp": accepted.answer }), accepted.sections))
    }

    /// Makes an offer with these sections, and returns it and their mids. Returns no offer if there
    /// are none.
    pub(crate) fn make_offer(
        &mut self,
        key: SessionKey,
        operation: Operation,
        add: &[NewSection],
    ) -> Result<(Option<Value>, Vec<String>), Reply> {
        if add.is_empty() {
            return Ok((None, Vec::new()));
        }
        let session = self.state.live(key)?;
        let failure = |text: &str| refusal(500, Code::BackendError, text);
        let offered = self.media.offer(key, add).map_err(|error| failure(&error.to_string()))?;
        for (mid, section) in offered.mids.iter().zip(add) {
            session.sections.insert(mid.clone(), SectionState::added(*section));
        }
        session.exchange = Some(Exchange { operation, mids: offered.mids.clone() });
        self.state.history.note(key, What::Offered { operation });
        Ok((Some(json!({ "type": "offer", "sdp": offered.offer })), offered.mids))
    }

    /// `renegotiate`
    pub(crate) fn renegotiate(&mut self, key: SessionKey, answer: &str) -> Outcome {
        self.check_codecs(key, answer)?;
        let session = self.state.live(key)?;
        self.media.accept_answer(key, answer).map_err(|error| refused_description(&error))?;
        let Some(exchange) = session.exchange.take() else {
            return Err(bad_description("no offer awaits an answer"));
        };
        session.was_negotiated = true;
        if exchange.operation == Operation::EstablishDataChannels {
            self.media.open_channel(key, 0, SERVER_EVENTS, Delivery::RELIABLE);
        }
        let mut subscriptions = Vec::new();
        for track in session.tracks.iter_mut().filter(|track| exchange.mids.contains(&track.mid)) {
            track.negotiated(self.now);
            if let Some(source) = track.source() {
                subscriptions.push((track.mid.clone(), source, track.simulcast().cloned()));
            }
        }
        self.state.history.note(key, What::Answered { operation: exchange.operation });
        for (mid, source, simulcast) in subscriptions {
            self.feed(source, Place { session: key, mid }, simulcast.as_ref());
        }
        Ok(ok(json!({})))
    }

    /// Checks that an answer lists the codec of each track that it is to receive.
    fn check_codecs(&self, key: SessionKey, answer: &str) -> Result<(), Reply> {
        let sections = self.media.read(answer).map_err(|error| refused_description(&error))?;
        let tracks = self.state.sessions.get(&key).into_iter().flat_map(|session| {
            let exchange = session.exchange.as_ref();
            let is_offered = move |mid: &String| exchange.is_some_and(|e| e.mids.contains(mid));
            session.tracks.iter().filter(move |track| is_offered(&track.mid))
        });
        for track in tracks {
            let codec = track.source().and_then(|source| self.codec(source));
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

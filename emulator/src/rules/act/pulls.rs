//! `tracks/new` for tracks of other sessions.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use super::negotiation::NO_CODEC;
use super::step::Step;
use super::tracks::reply;
use crate::media::{NewSection, Place, Section, SessionKey};
use crate::rules::model::history::What;
use crate::rules::model::track::{End, Flow, Found, Subscription, Track};
use crate::rules::read::body::Simulcast;
use crate::rules::read::change::{Pull, Wanted};
use crate::rules::read::reply::{
    Code, Outcome, Reply, bad_description, disconnected, refused_description,
};
use crate::rules::read::request::{Location, Operation};

impl Step<'_> {
    /// Pulls tracks. The SFU offers the missing sections.
    pub(crate) fn pull(&mut self, key: SessionKey, entries: Vec<Pull>) -> Outcome {
        let (mut targets, mut taken, mut add) = (Vec::new(), BTreeSet::new(), Vec::new());
        for entry in &entries {
            let target = self.target(key, entry, &taken);
            match &target {
                Ok((found, None)) => {
                    let is_bidirectional = entry.is_bidirectional;
                    add.push(NewSection::Send { kind: found.kind, is_bidirectional });
                }
                Ok((_, Some(mid))) => drop(taken.insert(mid.clone())),
                Err(_) => {}
            }
            targets.push(target);
        }
        let (offer, mids) = self.make_offer(key, Operation::NewTracks, &add)?;
        let mut mids = mids.into_iter();
        let mut items = Vec::new();
        for (entry, target) in entries.into_iter().zip(targets) {
            let target = target.and_then(|(found, mid)| {
                let is_negotiated = mid.is_some();
                let mid = mid.or_else(|| mids.next()).ok_or(Code::BackendError)?;
                Ok((found, Place { session: key, mid }, is_negotiated))
            });
            items.push(match target {
                Ok((found, to, is_negotiated)) => {
                    // The other tracks are fed once the agent has answered.
                    if is_negotiated {
                        self.feed(found.source, to.clone(), entry.simulcast.as_ref());
                    }
                    self.subscribe(entry, &found, to)?
                }
                Err(code) => entry.failed(code),
            });
        }
        let must_renegotiate = offer.is_some();
        Ok(reply(items, offer, must_renegotiate))
    }

    /// Pulls tracks on sections that the agent offers and the SFU answers.
    pub(crate) fn pull_offered(
        &mut self,
        key: SessionKey,
        entries: Vec<Pull>,
        offer: &str,
    ) -> Outcome {
        let sections = self.media.read(offer).map_err(|error| refused_description(&error))?;
        let (mut targets, mut taken) = (Vec::new(), BTreeSet::new());
        for entry in &entries {
            let target = self.offered_target(key, entry, &sections, &taken)?;
            if let Ok((_, mid)) = &target {
                taken.insert(mid.clone());
            }
            targets.push(target);
        }
        let (answer, _) = self.take_offer(key, offer)?;
        let mut items = Vec::new();
        for (entry, target) in entries.into_iter().zip(targets) {
            items.push(match target {
                Ok((found, mid)) => {
                    let to = Place { session: key, mid };
                    self.feed(found.source, to.clone(), entry.simulcast.as_ref());
                    self.subscribe(entry, &found, to)?
                }
                Err(code) => entry.failed(code),
            });
        }
        Ok(reply(items, Some(answer), false))
    }

    /// Returns the track that is pulled, and the mid if it needs no new section.
    fn target(
        &self,
        key: SessionKey,
        entry: &Pull,
        taken: &BTreeSet<String>,
    ) -> Result<(Found, Option<String>), Code> {
        let session = self.state.sessions.get(&key).ok_or(Code::NotFoundTrack)?;
        let found = self.pullable(&session.app, &entry.publisher, &entry.name)?;
        let Wanted::Transceiver(name) = &entry.wanted else {
            let idle = session.idle_section(&found, taken).filter(|_| !entry.is_bidirectional);
            return Ok((found, idle));
        };
        let mid = session.transceiver(name, found.kind, Location::Remote);
        mid.map(|mid| (found, Some(mid))).ok_or(Code::NotFoundTrack)
    }

    /// Returns the track that is pulled, and the mid of the offer's section for it.
    ///
    /// # Errors
    ///
    /// The whole request is refused if there are sections and none has the codec.
    fn offered_target(
        &self,
        key: SessionKey,
        entry: &Pull,
        sections: &[Section],
        taken: &BTreeSet<String>,
    ) -> Result<Result<(Found, String), Code>, Reply> {
        let Some(session) = self.state.sessions.get(&key) else { return Err(disconnected()) };
        let found = match self.pullable(&session.app, &entry.publisher, &entry.name) {
            Ok(found) => found,
            Err(code) => return Ok(Err(code)),
        };
        let named = match &entry.wanted {
            Wanted::Any => None,
            Wanted::Mid(mid) => Some(mid.clone()),
            Wanted::Transceiver(name) => {
                match session.transceiver(name, found.kind, Location::Remote) {
                    Some(mid) => Some(mid),
                    None => return Ok(Err(Code::NotFoundTrack)),
                }
            }
        };
        let is_used = |section: &Section| {
            taken.contains(&section.mid)
                || session.open_on(&section.mid, Location::Remote).is_some()
        };
        let mut fitting = sections
            .iter()
            .filter(|section| section.receives && section.kind == Some(found.kind))
            .filter(|section| match &named {
                Some(mid) => section.mid == *mid && !taken.contains(mid),
                None => !is_used(section),
            })
            .peekable();
        if fitting.peek().is_none() {
            return Ok(Err(Code::NotFoundTrack));
        }
        let has_codec = |section: &&Section| {
            found.codec.as_ref().is_none_or(|codec| section.codecs.contains(codec))
        };
        match fitting.find(has_codec) {
            Some(section) => Ok(Ok((found, section.mid.clone()))),
            None => Err(bad_description(NO_CODEC)),
        }
    }

    pub(crate) fn pullable(&self, app: &str, publisher: &str, name: &str) -> Result<Found, Code> {
        let found = self.find(app, publisher, name).ok_or(Code::NotFoundTrack)?;
        match found.flow {
            Flow::NotBegun => Err(Code::NotFoundTrack),
            Flow::Stopped => Err(Code::EmptyTrack),
            Flow::Flows => Ok(found),
        }
    }

    fn subscribe(&mut self, entry: Pull, found: &Found, to: Place) -> Result<Value, Reply> {
        let Pull { publisher, name, simulcast, .. } = entry;
        self.put_remote(self.now, to, publisher, name, simulcast, found)
    }

    pub(crate) fn put_remote(
        &mut self,
        since: Duration,
        place: Place,
        publisher: String,
        name: String,
        simulcast: Option<Simulcast>,
        found: &Found,
    ) -> Result<Value, Reply> {
        let serial = self.state.next();
        let what = What::Pulled {
            track: name.as_str().into(),
            mid: place.mid.as_str().into(),
            publisher: publisher.as_str().into(),
        };
        self.state.history.note(place.session, what);
        let source = Some(found.source);
        let end = End::Remote(Subscription { since, publisher, source, simulcast });
        let (mid, kind) = (place.mid, found.kind);
        let track = Track { serial, mid, name, kind, is_open: true, end };
        Ok(self.state.live(place.session)?.put(track))
    }
}

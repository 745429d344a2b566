//! `tracks/new` for tracks of other sessions, and `tracks/update`.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::body::{Body, Part, Simulcast, TrackEntry, needed};
use super::changes::Change;
use super::history::What;
use super::negotiation::{Carried, NO_CODEC};
use super::publications;
use super::reply::{
    Code, Outcome, Reply, bad_description, disconnected, failed, invalid, refused_description,
};
use super::request::{Location, Operation};
use super::sessions::Session;
use super::tracks::{End, Flow, Found, Subscription, Track, reply};
use super::{Config, Rules};
use crate::media::{Media, NewSection, Place, Section, SessionKey};

/// A track to be pulled.
pub(super) struct Pull {
    pub(super) publisher: String,
    pub(super) name: String,
    is_bidirectional: bool,
    wanted: Wanted,
    simulcast: Option<Simulcast>,
}

/// The section that a track is to be pulled on.
enum Wanted {
    Any,
    /// The one of a track with this name.
    Transceiver(String),
    /// The one with this mid, of the agent's offer.
    Mid(String),
}

/// A layer that a subscription is still to be switched to.
pub(super) struct Switch {
    at: Duration,
    mid: String,
}

/// A change of a pulled track.
pub(super) struct Update {
    mid: String,
    publisher: Option<String>,
    name: Option<String>,
    simulcast: Option<Simulcast>,
}

/// With an offer, the tracks are pulled on sections of it.
pub(super) fn read(entries: &[TrackEntry], offer: Option<String>) -> Result<Change, Reply> {
    let mut pulls = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let publisher = needed("tracks", index, "sessionId", entry.session_id.as_deref())?;
        let name = needed("tracks", index, "trackName", entry.track_name.as_deref())?;
        let wanted = match entry.mid.as_deref() {
            Some(mid) if offer.is_some() && !mid.is_empty() && !mid.starts_with('#') => {
                Wanted::Mid(mid.to_owned())
            }
            _ => transceiver(index, entry, entries)?.map_or(Wanted::Any, Wanted::Transceiver),
        };
        pulls.push(Pull {
            publisher: publisher.to_owned(),
            name: name.to_owned(),
            is_bidirectional: entry.bidirectional_media_stream == Some(true),
            wanted,
            simulcast: entry.simulcast.clone(),
        });
    }
    Ok(Change::Pull { entries: pulls, offer })
}

/// The name that an entry's mid of `#name` has. No other mid can be chosen
/// where the SFU offers, and no transceiver twice.
pub(super) fn transceiver(
    index: usize,
    entry: &TrackEntry,
    entries: &[TrackEntry],
) -> Result<Option<String>, Reply> {
    let Some(mid) = &entry.mid else { return Ok(None) };
    let is_repeated = entries.iter().take(index).any(|other| other.mid.as_ref() == Some(mid));
    match mid.strip_prefix('#') {
        Some(name) if !is_repeated => Ok(Some(name.to_owned())),
        _ => Err(invalid(&format!("tracks[{index}]: mid cannot be used"))),
    }
}

pub(super) fn read_updates(body: Body, config: &Config) -> Result<Change, Reply> {
    if let Some(offer) = body.session_description {
        offer.text(Part::Offer)?;
    }
    let entries = publications::entries(body.tracks, true, config)?;
    let mut updates = Vec::new();
    for (index, entry) in entries.into_iter().enumerate() {
        let mid = needed("tracks", index, "mid", entry.mid.as_deref())?.to_owned();
        if entry.location == Some(Location::Local) {
            return Err(invalid(&format!("tracks[{index}]: location is not remote")));
        }
        updates.push(Update {
            mid,
            publisher: entry.session_id,
            name: entry.track_name,
            simulcast: entry.simulcast,
        });
    }
    Ok(Change::Update(updates))
}

impl Update {
    /// The subscription that is meant.
    fn subscription<'a>(&self, session: &'a Session) -> Option<(&'a Track, &'a Subscription)> {
        session.tracks.iter().rev().find_map(|track| {
            let is_meant = match self.mid.strip_prefix('#') {
                None => track.mid == self.mid,
                Some(name) => track.name == name,
            };
            match &track.end {
                End::Remote(subscription) if is_meant && track.is_open => {
                    Some((track, subscription))
                }
                _ => None,
            }
        })
    }

    /// The publisher and the name of the track, where they are to change.
    pub(super) fn new_source(&self, session: &Session) -> Option<(String, String)> {
        if self.publisher.is_none() && self.name.is_none() {
            return None;
        }
        let (track, subscription) = self.subscription(session)?;
        let publisher = self.publisher.as_deref().unwrap_or(&subscription.publisher);
        let name = self.name.as_deref().unwrap_or(&track.name);
        let is_same = subscription.publisher == publisher && track.name == name;
        (!is_same || subscription.source.is_none()).then(|| (publisher.to_owned(), name.to_owned()))
    }
}

impl Session {
    /// A section on which the agent waits for something of that kind and codec, and
    /// that is not taken.
    fn idle_section(&self, found: &Found, taken: &BTreeSet<String>) -> Option<String> {
        let is_free = |mid: &String, section: &Carried| {
            let is_used = |track: &Track| {
                track.mid == *mid && track.is_open && track.location() == Location::Remote
            };
            section.is_idle(found.kind)
                && found.codec.as_ref().is_none_or(|codec| section.codecs.contains(codec))
                && !taken.contains(mid)
                && !self.tracks.iter().any(is_used)
        };
        let mut sections = self.sections.iter();
        sections.find(|(mid, section)| is_free(mid, section)).map(|(mid, _)| mid.clone())
    }

    pub(super) fn switch_at(&self) -> Option<Duration> {
        self.switches.iter().map(|switch| switch.at).min()
    }
}

impl Rules {
    /// The SFU offers the sections that are not there yet.
    pub(super) fn pull(
        &mut self,
        now: Duration,
        key: SessionKey,
        entries: Vec<Pull>,
        media: &mut dyn Media,
    ) -> Outcome {
        let (mut targets, mut taken, mut add) = (Vec::new(), BTreeSet::new(), Vec::new());
        for entry in &entries {
            let target = self.target(now, key, entry, &taken, media);
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
        let (offer, mids) = self.make_offer(key, Operation::NewTracks, &add, media)?;
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
                    // The others are fed once the agent has answered.
                    if is_negotiated {
                        self.feed(found.source, to.clone(), entry.simulcast.as_ref(), media);
                    }
                    self.put_remote(now, to, entry.publisher, entry.name, entry.simulcast, &found)?
                }
                Err(code) => entry.failed(code),
            });
        }
        let must_renegotiate = offer.is_some();
        Ok(reply(items, offer, must_renegotiate))
    }

    /// The agent offers the sections, the SFU answers.
    pub(super) fn pull_offered(
        &mut self,
        now: Duration,
        key: SessionKey,
        entries: Vec<Pull>,
        offer: &str,
        media: &mut dyn Media,
    ) -> Outcome {
        let sections = media.read(offer).map_err(|error| refused_description(&error))?;
        let (mut targets, mut taken) = (Vec::new(), BTreeSet::new());
        for entry in &entries {
            let target = self.offered_target(now, key, entry, &sections, &taken, media)?;
            if let Ok((_, mid)) = &target {
                taken.insert(mid.clone());
            }
            targets.push(target);
        }
        let (answer, _) = self.take_offer(key, offer, media)?;
        let mut items = Vec::new();
        for (entry, target) in entries.into_iter().zip(targets) {
            items.push(match target {
                Ok((found, mid)) => {
                    let to = Place { session: key, mid };
                    self.feed(found.source, to.clone(), entry.simulcast.as_ref(), media);
                    self.put_remote(now, to, entry.publisher, entry.name, entry.simulcast, &found)?
                }
                Err(code) => entry.failed(code),
            });
        }
        Ok(reply(items, Some(answer), false))
    }

    /// What is pulled, and the mid if it needs no new section.
    fn target(
        &self,
        now: Duration,
        key: SessionKey,
        entry: &Pull,
        taken: &BTreeSet<String>,
        media: &dyn Media,
    ) -> Result<(Found, Option<String>), Code> {
        let session = self.sessions.get(&key).ok_or(Code::NotFoundTrack)?;
        let found = self.pullable(now, &session.app, &entry.publisher, &entry.name, media)?;
        let Wanted::Transceiver(name) = &entry.wanted else {
            let idle = session.idle_section(&found, taken).filter(|_| !entry.is_bidirectional);
            return Ok((found, idle));
        };
        let mid = session.transceiver(name, found.kind, Location::Remote);
        mid.map(|mid| (found, Some(mid))).ok_or(Code::NotFoundTrack)
    }

    /// What is pulled, and the mid of the offer's section for it.
    ///
    /// # Errors
    ///
    /// The whole request is refused if there are sections and none has the codec.
    fn offered_target(
        &self,
        now: Duration,
        key: SessionKey,
        entry: &Pull,
        sections: &[Section],
        taken: &BTreeSet<String>,
        media: &dyn Media,
    ) -> Result<Result<(Found, String), Code>, Reply> {
        let Some(session) = self.sessions.get(&key) else { return Err(disconnected()) };
        let found = match self.pullable(now, &session.app, &entry.publisher, &entry.name, media) {
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
                || session.tracks.iter().any(|track| {
                    track.is_open
                        && track.mid == section.mid
                        && track.location() == Location::Remote
                })
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

    fn pullable(
        &self,
        now: Duration,
        app: &str,
        publisher: &str,
        name: &str,
        media: &dyn Media,
    ) -> Result<Found, Code> {
        let found = self.find(now, app, publisher, name, media).ok_or(Code::NotFoundTrack)?;
        match found.flow {
            Flow::NotBegun => Err(Code::NotFoundTrack),
            Flow::Stopped => Err(Code::EmptyTrack),
            Flow::Flows => Ok(found),
        }
    }

    fn put_remote(
        &mut self,
        now: Duration,
        place: Place,
        publisher: String,
        name: String,
        simulcast: Option<Simulcast>,
        found: &Found,
    ) -> Result<Value, Reply> {
        let serial = self.next();
        let what = What::Pulled {
            track: name.as_str().into(),
            mid: place.mid.as_str().into(),
            publisher: publisher.as_str().into(),
        };
        self.history.note(place.session, what);
        let source = Some(found.source);
        let end = End::Remote(Subscription { since: now, publisher, source, simulcast });
        let (mid, kind) = (place.mid, found.kind);
        let track = Track { serial, mid, name, kind, is_open: true, end };
        Ok(self.live(place.session)?.put(track))
    }

    /// `tracks/update`
    pub(super) fn update_tracks(
        &mut self,
        now: Duration,
        key: SessionKey,
        entries: Vec<Update>,
        media: &mut dyn Media,
    ) -> Outcome {
        let mut items = Vec::new();
        for entry in entries {
            items.push(self.update_track(now, key, &entry, media)?.unwrap_or_else(|code| {
                let fields =
                    json!({ "mid": "", "sessionId": entry.publisher, "trackName": entry.name });
                failed(fields, code)
            }));
        }
        Ok(reply(items, None, false))
    }

    fn update_track(
        &mut self,
        now: Duration,
        key: SessionKey,
        entry: &Update,
        media: &mut dyn Media,
    ) -> Result<Result<Value, Code>, Reply> {
        let settles = self.config.pull_settles;
        let session = &*self.live(key)?;
        let Some((track, subscription)) = entry.subscription(session) else {
            return Ok(Err(Code::NotFoundTrack));
        };
        if subscription.since.saturating_add(settles) > now {
            return Ok(Err(Code::UpdateTrack));
        }
        let (app, mid, kind) = (session.app.clone(), track.mid.clone(), track.kind);
        let (since, old) = (subscription.since, subscription.source);
        let simulcast = entry.simulcast.clone().or_else(|| subscription.simulcast.clone());
        let current = (subscription.publisher.clone(), track.name.clone());
        let new = entry.new_source(session);
        let is_new = new.is_some();
        let (publisher, name) = new.unwrap_or(current);
        let found = match is_new {
            true => self.pullable(now, &app, &publisher, &name, media),
            false => self.find(now, &app, &publisher, &name, media).ok_or(Code::NotFoundTrack),
        };
        let found = match found {
            Ok(found) if found.kind != kind => return Ok(Err(Code::NotFoundTrack)),
            Ok(found) if entry.simulcast.is_some() && !found.has_layers => {
                return Ok(Err(Code::UpdateTrack));
            }
            Ok(found) => found,
            Err(code) => return Ok(Err(code)),
        };
        if old == Some(found.source) && !self.config.layer_switch.is_zero() {
            let at = now.saturating_add(self.config.layer_switch);
            self.live(key)?.switches.push(Switch { at, mid: mid.clone() });
        } else {
            let to = Place { session: key, mid: mid.clone() };
            self.feed(found.source, to, simulcast.as_ref(), media);
        }
        let to = Place { session: key, mid };
        self.put_remote(since, to, publisher, name, simulcast, &found).map(Ok)
    }

    /// Switches to the layers whose time has come.
    pub(super) fn switch_layers(&mut self, now: Duration, key: SessionKey, media: &mut dyn Media) {
        let Some(session) = self.sessions.get_mut(&key) else { return };
        let due: Vec<Switch> = session.switches.extract_if(.., |switch| switch.at <= now).collect();
        let is_due = |track: &&Track| due.iter().any(|switch| switch.mid == track.mid);
        let mut feeds = Vec::new();
        for track in session.tracks.iter().filter(is_due) {
            if let Some(source) = track.source() {
                let to = Place { session: key, mid: track.mid.clone() };
                feeds.push((source, to, track.simulcast().cloned()));
            }
        }
        for (source, to, simulcast) in feeds {
            self.feed(source, to, simulcast.as_ref(), media);
        }
    }
}

impl Pull {
    /// The entry of the reply if it fails.
    fn failed(&self, code: Code) -> Value {
        failed(json!({ "mid": "", "sessionId": self.publisher, "trackName": self.name }), code)
    }
}

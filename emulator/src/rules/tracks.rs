//! Tracks: found by name, fed, ended.

use std::time::Duration;

use serde_json::{Value, json};

use super::Rules;
use super::body::Simulcast;
use super::history::What;
use super::reply::{item, ok};
use super::request::Location;
use super::sessions::{Link, Session};
use crate::media::{Direction, Kind, Media, Place, SessionKey};

/// A track of a session. A local and a remote one can share a mid.
pub(super) struct Track {
    /// Never used twice.
    pub(super) serial: u64,
    pub(super) mid: String,
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) is_open: bool,
    pub(super) end: End,
}

/// Which end of a track this is.
pub(super) enum End {
    Local(Publication),
    Remote(Subscription),
}

pub(super) struct Publication {
    since: Duration,
    /// When something was heard of it; later than that, if nobody has looked.
    heard: Duration,
    /// What the agent sends on its section is not taken.
    is_silent: bool,
}

pub(super) struct Subscription {
    /// When it was pulled; with an exchange, when that ended.
    pub(super) since: Duration,
    pub(super) publisher: String,
    /// None once the publication has ended.
    pub(super) source: Option<Source>,
    pub(super) simulcast: Option<Simulcast>,
}

/// A publication, wherever it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) session: SessionKey,
    pub(super) serial: u64,
}

/// A publication that was found by its name.
pub(super) struct Found {
    pub(super) source: Source,
    pub(super) place: Place,
    pub(super) kind: Kind,
    pub(super) has_layers: bool,
    pub(super) flow: Flow,
    /// The name of the codec that is sent. None before the first packet.
    pub(super) codec: Option<String>,
}

/// Whether packets of a publication come.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    NotBegun,
    Flows,
    /// They have stopped, or its section was closed by force.
    Stopped,
}

impl Publication {
    pub(super) fn new(now: Duration, is_silent: bool) -> Self {
        Self { since: now, heard: now, is_silent }
    }

    fn flow(&self, now: Duration, last_packet: Option<Duration>, pause: Duration) -> Flow {
        match last_packet.filter(|at| *at >= self.since) {
            _ if self.is_silent => Flow::Stopped,
            None => Flow::NotBegun,
            Some(at) if at.saturating_add(pause) < now => Flow::Stopped,
            Some(_) => Flow::Flows,
        }
    }
}

impl Track {
    pub(super) fn location(&self) -> Location {
        match self.end {
            End::Local(_) => Location::Local,
            End::Remote(_) => Location::Remote,
        }
    }

    pub(super) fn publisher(&self) -> Option<&str> {
        match &self.end {
            End::Local(_) => None,
            End::Remote(subscription) => Some(&subscription.publisher),
        }
    }

    pub(super) fn source(&self) -> Option<Source> {
        match &self.end {
            End::Remote(subscription) if self.is_open => subscription.source,
            _ => None,
        }
    }

    pub(super) fn simulcast(&self) -> Option<&Simulcast> {
        match &self.end {
            End::Local(_) => None,
            End::Remote(subscription) => subscription.simulcast.as_ref(),
        }
    }

    /// Whether it can carry something.
    pub(super) fn is_active(&self) -> bool {
        match &self.end {
            End::Local(_) => self.is_open,
            End::Remote(_) => self.source().is_some(),
        }
    }

    /// Puts off the end of a track that sends nothing.
    pub(super) fn hear(&mut self, now: Duration) {
        if let End::Local(publication) = &mut self.end {
            publication.heard = publication.heard.max(now);
        }
    }

    /// Takes note of the end of its exchange.
    pub(super) fn negotiated(&mut self, now: Duration) {
        self.hear(now);
        if let End::Remote(subscription) = &mut self.end {
            subscription.since = now;
        }
    }

    /// The entry of a reply.
    pub(super) fn entry(&self) -> Value {
        item(json!({ "mid": self.mid, "sessionId": self.publisher(), "trackName": self.name,
            "simulcast": self.simulcast() }))
    }

    pub(super) fn show(&self) -> Value {
        let mut entry = self.entry();
        if let Some(entry) = entry.as_object_mut() {
            let status = if self.is_active() { "active" } else { "inactive" };
            entry.insert("location".to_owned(), json!(self.location()));
            entry.insert("status".to_owned(), status.into());
        }
        entry
    }
}

impl Session {
    /// When its tracks have to be looked at.
    pub(super) fn idle_at(&self, track_idle: Duration) -> Option<Duration> {
        if self.link != Link::Up {
            return None;
        }
        let heard =
            self.tracks.iter().filter(|track| track.is_open).filter_map(|track| match &track.end {
                End::Local(publication) => Some(publication.heard),
                End::Remote(_) => None,
            });
        heard.min().map(|heard| heard.saturating_add(track_idle))
    }

    /// The mid of the transceiver that `#name` stands for, if it can carry
    /// that.
    pub(super) fn transceiver(&self, name: &str, kind: Kind, location: Location) -> Option<String> {
        let is_meant = |track: &&Track| {
            let section = self.sections.get(&track.mid);
            track.is_open
                && track.name == name
                && section.is_some_and(|section| section.carries(kind, location))
        };
        self.tracks.iter().rev().find(is_meant).map(|track| track.mid.clone())
    }

    /// Puts a track there, in the place of one of the same mid and end.
    pub(super) fn put(&mut self, track: Track) -> Value {
        let (mid, location) = (track.mid.clone(), track.location());
        self.tracks.retain(|other| other.mid != mid || other.location() != location);
        let entry = track.entry();
        self.tracks.push(track);
        entry
    }
}

impl Rules {
    /// The newest open publication of that name.
    pub(super) fn find(
        &self,
        now: Duration,
        app: &str,
        publisher: &str,
        name: &str,
        media: &dyn Media,
    ) -> Option<Found> {
        let key = *self.ids.get(publisher)?;
        let session = self.sessions.get(&key).filter(|session| session.app == app)?;
        session.tracks.iter().rev().find_map(|track| match &track.end {
            End::Local(publication) if track.is_open && track.name == name => {
                let place = Place { session: key, mid: track.mid.clone() };
                let packet = media.last_packet(&place);
                let codec = media.last_codec(&place);
                let has_layers = session.sections.get(&track.mid).is_some_and(|s| s.has_layers);
                Some(Found {
                    source: Source { session: key, serial: track.serial },
                    place,
                    kind: track.kind,
                    has_layers,
                    flow: publication.flow(now, packet, self.config.pause),
                    codec,
                })
            }
            _ => None,
        })
    }

    /// The name of the codec that a publication sends.
    pub(super) fn codec(&self, source: Source, media: &dyn Media) -> Option<String> {
        let (_, track) = self.publication(source)?;
        media.last_codec(&Place { session: source.session, mid: track.mid.clone() })
    }

    /// Whether a publication is still there.
    pub(super) fn is_published(&self, source: Source) -> bool {
        self.publication(source).is_some()
    }

    fn publication(&self, source: Source) -> Option<(&Session, &Track)> {
        let session = self.sessions.get(&source.session)?;
        let is_meant = |track: &&Track| track.is_open && track.serial == source.serial;
        session.tracks.iter().find(is_meant).map(|track| (session, track))
    }

    /// Lets a section receive a publication, if it is still there.
    pub(super) fn feed(
        &self,
        source: Source,
        to: Place,
        simulcast: Option<&Simulcast>,
        media: &mut dyn Media,
    ) {
        let Some((session, track)) = self.publication(source) else { return };
        let from = Place { session: source.session, mid: track.mid.clone() };
        let has_layers = session.sections.get(&track.mid).is_some_and(|s| s.has_layers);
        let layers = simulcast.filter(|_| has_layers).map(Simulcast::layers);
        media.forward(from, to, layers.unwrap_or_default());
    }

    /// Leaves those that receive an ended publication without it.
    pub(super) fn end_publication(&mut self, source: Source, media: &mut dyn Media) {
        for (key, session) in &mut self.sessions {
            let exchange = &session.exchange;
            for track in &mut session.tracks {
                let End::Remote(subscription) = &mut track.end else { continue };
                if subscription.source != Some(source) {
                    continue;
                }
                subscription.source = None;
                let (track_name, mid) = (track.name.as_str().into(), track.mid.as_str().into());
                self.history.note(*key, What::SourceEnded { track: track_name, mid });
                // What is only offered is not fed yet.
                let is_offered = exchange.as_ref().is_some_and(|e| e.mids.contains(&track.mid));
                if track.is_open && !is_offered {
                    media.stop(&Place { session: *key, mid: track.mid.clone() });
                }
            }
        }
        self.end_egress(source);
        self.look_again();
    }

    /// Closes both directions of a mid. False if nothing was open.
    pub(super) fn close_mid(&mut self, key: SessionKey, mid: &str, media: &mut dyn Media) -> bool {
        let Some(session) = self.sessions.get_mut(&key) else { return false };
        let mut was_open = false;
        let mut ended = Vec::new();
        for track in session.tracks.iter_mut().filter(|track| track.is_open && track.mid == mid) {
            if track.source().is_some() {
                media.stop(&Place { session: key, mid: mid.to_owned() });
            }
            if track.location() == Location::Local {
                ended.push(track.serial);
            }
            if let End::Remote(subscription) = &mut track.end {
                subscription.source = None;
            }
            track.is_open = false;
            was_open = true;
            let name = track.name.as_str().into();
            self.history.note(key, What::Closed { track: name, mid: mid.into() });
        }
        for serial in ended {
            self.end_publication(Source { session: key, serial }, media);
        }
        was_open
    }

    /// Notes the first packet of a section, with the newest open track on it.
    pub(super) fn note_first_packet(&mut self, key: SessionKey, mid: &str, direction: Direction) {
        let location = match direction {
            Direction::FromAgent => Location::Local,
            Direction::ToAgent => Location::Remote,
        };
        let Some(session) = self.sessions.get(&key) else { return };
        let is_meant =
            |track: &&Track| track.is_open && track.mid == mid && track.location() == location;
        let track = session.tracks.iter().rev().find(is_meant);
        let track = track.map(|track| track.name.as_str().into());
        self.history.note(key, What::FirstPacket { track, mid: mid.into(), location });
    }

    /// Closes the published tracks that have sent nothing for too long.
    pub(super) fn collect(&mut self, now: Duration, key: SessionKey, media: &mut dyn Media) {
        let idle = self.config.track_idle;
        let Some(session) = self.sessions.get_mut(&key) else { return };
        if session.idle_at(idle).is_none_or(|at| at > now) {
            return;
        }
        let mut ended = Vec::new();
        for track in session.tracks.iter_mut().filter(|track| track.is_open) {
            let End::Local(publication) = &mut track.end else { continue };
            let place = Place { session: key, mid: track.mid.clone() };
            publication.heard =
                publication.heard.max(media.last_packet(&place).unwrap_or_default());
            if publication.heard.saturating_add(idle) <= now {
                track.is_open = false;
                ended.push(track.serial);
                tracing::info!(session = session.id, mid = track.mid, "no packets, so closed");
                let (name, mid) = (track.name.as_str().into(), track.mid.as_str().into());
                self.history.note(key, What::Collected { track: name, mid });
            }
        }
        for serial in ended {
            self.end_publication(Source { session: key, serial }, media);
        }
    }
}

/// The reply of an operation on tracks.
pub(super) fn reply(
    entries: Vec<Value>,
    description: Option<Value>,
    must_renegotiate: bool,
) -> super::Reply {
    ok(item(json!({ "requiresImmediateRenegotiation": must_renegotiate, "tracks": entries,
        "sessionDescription": description })))
}

//! Tracks of a session.

use std::time::Duration;

use serde_json::{Value, json};

use crate::media::{Kind, Place, SessionKey};
use crate::rules::read::body::Simulcast;
use crate::rules::read::reply::item;
use crate::rules::read::request::Location;

/// A track of a session. A local and a remote one can share a mid.
pub(crate) struct Track {
    /// Number that is never used twice.
    pub(crate) serial: u64,
    pub(crate) mid: String,
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) is_open: bool,
    pub(crate) end: End,
}

/// End of a track: the publisher's or a subscriber's.
pub(crate) enum End {
    Local(Publication),
    Remote(Subscription),
}

pub(crate) struct Publication {
    pub(crate) since: Duration,
    /// Time at which packets are known to have come. It can lag behind the real one until the next
    /// check.
    pub(crate) heard: Duration,
    /// True if packets of the agent on its section are not taken.
    pub(crate) is_silent: bool,
}

pub(crate) struct Subscription {
    /// Time at which it was pulled, or at which the exchange for it ended.
    pub(crate) since: Duration,
    pub(crate) publisher: String,
    /// None once the publication has ended.
    pub(crate) source: Option<Source>,
    pub(crate) simulcast: Option<Simulcast>,
}

/// Publication of any session.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) session: SessionKey,
    pub(crate) serial: u64,
}

/// Publication that was found by its name.
pub(crate) struct Found {
    pub(crate) source: Source,
    pub(crate) place: Place,
    pub(crate) kind: Kind,
    pub(crate) has_layers: bool,
    pub(crate) flow: Flow,
    /// Name of the codec that is sent. None before the first packet.
    pub(crate) codec: Option<String>,
}

/// Flow of a publication's packets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    NotBegun,
    Flows,
    /// The packets have stopped, or the section was closed by force.
    Stopped,
}

impl Publication {
    pub(crate) fn new(now: Duration, is_silent: bool) -> Self {
        Self { since: now, heard: now, is_silent }
    }

    pub(crate) fn flow(
        &self,
        now: Duration,
        last_packet: Option<Duration>,
        pause: Duration,
    ) -> Flow {
        match last_packet.filter(|at| *at >= self.since) {
            _ if self.is_silent => Flow::Stopped,
            None => Flow::NotBegun,
            Some(at) if at.saturating_add(pause) < now => Flow::Stopped,
            Some(_) => Flow::Flows,
        }
    }
}

impl Track {
    pub(crate) fn location(&self) -> Location {
        match self.end {
            End::Local(_) => Location::Local,
            End::Remote(_) => Location::Remote,
        }
    }

    pub(crate) fn publisher(&self) -> Option<&str> {
        match &self.end {
            End::Local(_) => None,
            End::Remote(subscription) => Some(&subscription.publisher),
        }
    }

    pub(crate) fn source(&self) -> Option<Source> {
        match &self.end {
            End::Remote(subscription) if self.is_open => subscription.source,
            _ => None,
        }
    }

    pub(crate) fn simulcast(&self) -> Option<&Simulcast> {
        match &self.end {
            End::Local(_) => None,
            End::Remote(subscription) => subscription.simulcast.as_ref(),
        }
    }

    /// Returns whether it can carry media.
    pub(crate) fn is_active(&self) -> bool {
        match &self.end {
            End::Local(_) => self.is_open,
            End::Remote(_) => self.source().is_some(),
        }
    }

    /// Puts off the end of a track that sends nothing.
    pub(crate) fn hear(&mut self, now: Duration) {
        if let End::Local(publication) = &mut self.end {
            publication.heard = publication.heard.max(now);
        }
    }

    /// Notes the end of its exchange.
    pub(crate) fn negotiated(&mut self, now: Duration) {
        self.hear(now);
        if let End::Remote(subscription) = &mut self.end {
            subscription.since = now;
        }
    }

    /// Returns the entry of a reply.
    pub(crate) fn entry(&self) -> Value {
        item(json!({ "mid": self.mid, "sessionId": self.publisher(), "trackName": self.name,
            "simulcast": self.simulcast() }))
    }

    pub(crate) fn show(&self) -> Value {
        let mut entry = self.entry();
        if let Some(entry) = entry.as_object_mut() {
            let status = if self.is_active() { "active" } else { "inactive" };
            entry.insert("location".to_owned(), json!(self.location()));
            entry.insert("status".to_owned(), status.into());
        }
        entry
    }
}

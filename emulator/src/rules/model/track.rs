//! Tracks of a session.

use std::time::Duration;

use serde_json::{Value, json};

use crate::media::{Kind, Place, SessionKey};
use crate::rules::read::body::Simulcast;
use crate::rules::read::reply::item;
use crate::rules::read::request::Location;

/// A track of a session. A local and a remote one can share a mid.
pub(crate) struct Track {
    /// Never used twice.
    pub(crate) serial: u64,
    pub(crate) mid: String,
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) is_open: bool,
    pub(crate) end: End,
}

/// Which end of a track this is.
pub(crate) enum End {
    Local(Publication),
    Remote(Subscription),
}

pub(crate) struct Publication {
    pub(crate) since: Duration,
    /// When something was heard of it; later than that, if nobody has looked.
    pub(crate) heard: Duration,
    /// Packets of the agent on its section are not taken.
    pub(crate) is_silent: bool,
}

pub(crate) struct Subscription {
    /// When it was pulled; with an exchange, when that ended.
    pub(crate) since: Duration,
    pub(crate) publisher: String,
    /// None once the publication has ended.
    pub(crate) source: Option<Source>,
    pub(crate) simulcast: Option<Simulcast>,
}

/// A publication, wherever it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) session: SessionKey,
    pub(crate) serial: u64,
}

/// A publication that was found by its name.
pub(crate) struct Found {
    pub(crate) source: Source,
    pub(crate) place: Place,
    pub(crate) kind: Kind,
    pub(crate) has_layers: bool,
    pub(crate) flow: Flow,
    /// The name of the codec that is sent. None before the first packet.
    pub(crate) codec: Option<String>,
}

/// Whether packets of a publication come.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    NotBegun,
    Flows,
    /// They have stopped, or its section was closed by force.
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

    /// Whether it can carry something.
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

    /// Takes note of the end of its exchange.
    pub(crate) fn negotiated(&mut self, now: Duration) {
        self.hear(now);
        if let End::Remote(subscription) = &mut self.end {
            subscription.since = now;
        }
    }

    /// The entry of a reply.
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

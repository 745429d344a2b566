//! Sessions: created, shown, lost, expired.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde_json::{Value, json};

use super::body::{Body, Part, decode};
use super::channels::Channel;
use super::history::What;
use super::negotiation::{Carried, Exchange};
use super::pulls::Switch;
use super::reply::{Code, Outcome, Reply, disconnected, item, ok, refusal};
use super::request::{Location, Request};
use super::tracks::{Source, Track};
use super::waiting::Waiting;
use super::{Config, Rules};
use crate::media::{Media, SessionKey};

/// The window in which requests are counted.
const SECOND: Duration = Duration::from_secs(1);

/// A session that has not expired.
pub(super) struct Session {
    pub(super) id: String,
    pub(super) app: String,
    pub(super) correlation_id: Option<String>,
    pub(super) created: Duration,
    pub(super) link: Link,
    /// An adapter feeds it; there is no agent.
    pub(super) is_ingest: bool,
    /// An exchange of session descriptions has ended.
    pub(super) was_negotiated: bool,
    /// The SFU's offer that awaits its answer.
    pub(super) exchange: Option<Exchange>,
    /// The change that waits for something.
    pub(super) waiting: Option<Waiting>,
    /// The media sections, by mid.
    pub(super) sections: BTreeMap<String, Carried>,
    pub(super) tracks: Vec<Track>,
    /// Data channels can be opened.
    pub(super) has_data: bool,
    /// `datachannels/establish` has succeeded.
    pub(super) is_established: bool,
    /// The data channels, the transport's own one not among them.
    pub(super) channels: BTreeMap<u16, Channel>,
    pub(super) last_channel: u16,
    /// The SFU answers the next negotiated close with an offer of its own.
    pub(super) is_glaring: bool,
    /// Layers that are still to be switched to.
    pub(super) switches: Vec<Switch>,
    /// When the requests of the last second came.
    recent: VecDeque<Duration>,
}

/// How a session's connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// There was none yet.
    New,
    /// It carries packets.
    Up,
    /// It was lost. `is_cut`: by order, so that it stays lost.
    Down { since: Duration, is_cut: bool },
}

impl Session {
    pub(super) fn new(id: String, app: String, created: Duration) -> Self {
        Self {
            id,
            app,
            correlation_id: None,
            created,
            link: Link::New,
            is_ingest: false,
            was_negotiated: false,
            exchange: None,
            waiting: None,
            sections: BTreeMap::new(),
            tracks: Vec::new(),
            has_data: false,
            is_established: false,
            channels: BTreeMap::new(),
            last_channel: 0,
            is_glaring: false,
            switches: Vec::new(),
            recent: VecDeque::new(),
        }
    }

    /// Whether a section for data channels has been negotiated.
    pub(super) fn carries_data(&self) -> bool {
        self.sections.values().any(|section| section.kind.is_none() && !section.is_stopped)
    }

    /// When it expires if its connection stays as it is.
    pub(super) fn expires_at(&self, config: &Config) -> Option<Duration> {
        match self.link {
            _ if self.is_ingest => None,
            Link::New => Some(self.created.saturating_add(config.unconnected)),
            Link::Up => None,
            Link::Down { since, .. } => Some(since.saturating_add(config.reuse)),
        }
    }

    /// Whether its connection was lost.
    pub(super) fn is_down(&self) -> bool {
        matches!(self.link, Link::Down { .. })
    }

    /// Counts a request. False if there are too many.
    pub(super) fn admit(&mut self, now: Duration, limit: usize) -> bool {
        while self.recent.front().is_some_and(|at| now.saturating_sub(*at) >= SECOND) {
            self.recent.pop_front();
        }
        let is_admitted = self.recent.len() < limit;
        if is_admitted {
            self.recent.push_back(now);
        }
        is_admitted
    }

    pub(super) fn show(&self) -> Reply {
        let tracks: Vec<Value> = self.tracks.iter().map(Track::show).collect();
        let is_up = self.link == Link::Up;
        let channels: Vec<Value> = self
            .channels
            .iter()
            .map(|(id, channel)| {
                item(json!({ "location": channel.location(), "sessionId": channel.publisher(),
                    "dataChannelName": channel.name, "id": id, "status": channel.status(is_up) }))
            })
            .collect();
        ok(json!({ "tracks": tracks, "dataChannels": channels }))
    }
}

impl Rules {
    /// `sessions/new`
    pub(super) fn create(
        &mut self,
        now: Duration,
        request: Request,
        media: &mut dyn Media,
    ) -> Outcome {
        let offer = match &*request.body {
            [] => None,
            body => {
                let description = decode::<Body>(body)?.session_description;
                let undecodable = || refusal(400, Code::Decoding, "Missing sessionDescription");
                Some(description.ok_or_else(undecodable)?.text(Part::Offer)?)
            }
        };
        let (key, id) = self.open_session(now, request.app, media);
        if let Some(session) = self.sessions.get_mut(&key) {
            session.correlation_id = request.query.correlation_id;
        }
        let answer = match offer {
            None => None,
            Some(offer) => match self.take_offer(key, &offer, media) {
                Ok((answer, _)) => Some(answer),
                Err(refusal) => {
                    self.forget(key, media);
                    self.history.forget(key);
                    return Err(refusal);
                }
            },
        };
        self.schedule(key);
        let body = item(json!({ "sessionId": id, "sessionDescription": answer }));
        Ok(Reply { status: 201, body })
    }

    pub(super) fn open_session(
        &mut self,
        now: Duration,
        app: String,
        media: &mut dyn Media,
    ) -> (SessionKey, String) {
        let key = SessionKey(self.next());
        let id = self.new_id();
        self.ids.insert(id.clone(), key);
        self.sessions.insert(key, Session::new(id.clone(), app, now));
        self.history.begin(key, &id);
        media.open(key);
        (key, id)
    }

    /// Lets a session expire. False if it is no more.
    pub(super) fn remove(&mut self, key: SessionKey, media: &mut dyn Media) -> bool {
        let Some(session) = self.forget(key, media) else { return false };
        tracing::info!(session = session.id, "expired");
        self.history.end(key);
        self.gone.insert(session.id, session.app);
        true
    }

    /// Ends a session as if it had never been there. What it published ends too.
    pub(super) fn forget(&mut self, key: SessionKey, media: &mut dyn Media) -> Option<Session> {
        let mut session = self.sessions.remove(&key)?;
        self.schedule(key);
        self.ids.remove(&session.id);
        let local = session.tracks.iter().filter(|t| t.is_open && t.location() == Location::Local);
        for serial in local.map(|track| track.serial).collect::<Vec<_>>() {
            self.end_publication(Source { session: key, serial }, media);
        }
        for id in session.channels.keys() {
            self.starve_channels(key, *id);
        }
        self.awaiting_packets.remove(&key);
        if let Some(waiting) = session.waiting.take() {
            self.replies.push_back((waiting.ticket, disconnected()));
        }
        self.end_ingest(key);
        media.close(key);
        Some(session)
    }

    /// The session, or the refusal that says that it is no more.
    pub(super) fn live(&mut self, key: SessionKey) -> Result<&mut Session, Reply> {
        self.sessions.get_mut(&key).ok_or_else(disconnected)
    }

    /// Takes note of a connection, unless it is to be lost.
    pub(super) fn connected(&mut self, now: Duration, key: SessionKey) {
        let Some(session) = self.sessions.get_mut(&key) else { return };
        if matches!(session.link, Link::New | Link::Down { is_cut: false, .. }) {
            session.link = Link::Up;
            tracing::info!(session = session.id, "connected");
            self.history.note(key, What::Connected);
            for track in &mut session.tracks {
                track.hear(now);
            }
        }
    }

    /// Whether the session's connection carries packets, as of now.
    pub(super) fn is_up(&mut self, now: Duration, key: SessionKey, media: &dyn Media) -> bool {
        match self.sessions.get(&key).map(|session| session.link) {
            None | Some(Link::Down { is_cut: true, .. }) => false,
            Some(Link::Up) => true,
            Some(Link::New | Link::Down { .. }) => {
                let is_connected = media.is_connected(key);
                if is_connected {
                    self.connected(now, key);
                }
                is_connected
            }
        }
    }
}

//! Sessions: created, lost, expired.

use serde_json::json;

use super::step::Step;
use crate::media::SessionKey;
use crate::rules::model::history::What;
use crate::rules::model::session::{Link, Session};
use crate::rules::model::track::Source;
use crate::rules::read::body::{Body, Part, decode};
use crate::rules::read::reply::{Code, Outcome, Reply, disconnected, item, refusal};
use crate::rules::read::request::{Location, Request};

impl Step<'_> {
    /// `sessions/new`
    pub(crate) fn create(&mut self, request: Request) -> Outcome {
        let offer = match &*request.body {
            [] => None,
            body => {
                let description = decode::<Body>(body)?.session_description;
                let undecodable = || refusal(400, Code::Decoding, "Missing sessionDescription");
                Some(description.ok_or_else(undecodable)?.text(Part::Offer)?)
            }
        };
        let (key, id) = self.open_session(request.app);
        if let Some(session) = self.state.sessions.get_mut(&key) {
            session.correlation_id = request.query.correlation_id;
        }
        let answer = match offer {
            None => None,
            Some(offer) => match self.take_offer(key, &offer) {
                Ok((answer, _)) => Some(answer),
                Err(refusal) => {
                    self.forget(key);
                    self.state.history.forget(key);
                    return Err(refusal);
                }
            },
        };
        self.state.schedule(key);
        let body = item(json!({ "sessionId": id, "sessionDescription": answer }));
        Ok(Reply { status: 201, body })
    }

    pub(crate) fn open_session(&mut self, app: String) -> (SessionKey, String) {
        let key = SessionKey(self.state.next());
        let id = self.state.new_id();
        self.state.ids.insert(id.clone(), key);
        self.state.sessions.insert(key, Session::new(id.clone(), app, self.now));
        self.state.history.begin(key, &id);
        self.media.open(key);
        (key, id)
    }

    /// Cuts a session's connection until it is given back.
    pub(crate) fn disconnect(&mut self, key: SessionKey) {
        self.media.cut(key, true);
        if let Some(session) = self.state.sessions.get_mut(&key)
            && !matches!(session.link, Link::Down { is_cut: true, .. })
        {
            session.link = Link::Down { since: self.now, is_cut: true };
            self.state.history.note(key, What::Disconnected);
        }
        self.state.schedule(key);
    }

    /// Gives a session its connection back.
    pub(crate) fn reconnect(&mut self, key: SessionKey) {
        self.media.cut(key, false);
        if let Some(session) = self.state.sessions.get_mut(&key)
            && let Link::Down { is_cut, .. } = &mut session.link
        {
            *is_cut = false;
        }
        if self.is_up(key) {
            self.resume(key);
        }
        self.state.schedule(key);
    }

    /// Notes a lost connection.
    pub(crate) fn disconnected(&mut self, key: SessionKey) {
        if let Some(session) = self.state.sessions.get_mut(&key)
            && session.link == Link::Up
        {
            session.link = Link::Down { since: self.now, is_cut: false };
            tracing::info!(session = session.id, "disconnected");
            self.state.history.note(key, What::Disconnected);
        }
    }

    /// Lets a session expire. Returns false if it has ended.
    pub(crate) fn remove(&mut self, key: SessionKey) -> bool {
        let Some(session) = self.forget(key) else { return false };
        tracing::info!(session = session.id, "expired");
        self.state.history.end(key);
        self.state.expired_sessions.insert(session.id, session.app);
        true
    }

    /// Ends a session without a trace. Its publications end too.
    pub(crate) fn forget(&mut self, key: SessionKey) -> Option<Session> {
        let mut session = self.state.sessions.remove(&key)?;
        self.state.schedule(key);
        self.state.ids.remove(&session.id);
        let local = session.tracks.iter().filter(|t| t.is_open && t.location() == Location::Local);
        for serial in local.map(|track| track.serial).collect::<Vec<_>>() {
            self.end_publication(Source { session: key, serial });
        }
        for (id, channel) in &session.channels {
            self.state.starve_channels(key, *id);
            if let Some(source) = channel.source() {
                self.state.unlisten(source, (key, *id));
            }
        }
        self.state.awaiting_packets.remove(&key);
        if let Some(waiting) = session.waiting.take() {
            self.state.replies.push_back((waiting.ticket, disconnected()));
        }
        self.state.end_ingest(key);
        self.media.close(key);
        Some(session)
    }

    /// Notes a connection, unless it is cut by order.
    pub(crate) fn connected(&mut self, key: SessionKey) {
        let Some(session) = self.state.sessions.get_mut(&key) else { return };
        if matches!(session.link, Link::New | Link::Down { is_cut: false, .. }) {
            session.link = Link::Up;
            tracing::info!(session = session.id, "connected");
            self.state.history.note(key, What::Connected);
            for track in &mut session.tracks {
                track.hear(self.now);
            }
        }
    }

    /// Returns whether the session's connection carries packets now.
    pub(crate) fn is_up(&mut self, key: SessionKey) -> bool {
        match self.state.sessions.get(&key).map(|session| session.link) {
            None | Some(Link::Down { is_cut: true, .. }) => false,
            Some(Link::Up) => true,
            Some(Link::New | Link::Down { .. }) => {
                let is_connected = self.media.is_connected(key);
                if is_connected {
                    self.connected(key);
                }
                is_connected
            }
        }
    }
}

//! Snapshots of the state, for people and tests.

use std::collections::BTreeSet;

use serde::Serialize;

use super::view::View;
use crate::media::{Counters, Kind, Place, SessionKey};
use crate::rules::model::session::{Link, Session};
use crate::rules::model::state::State;
use crate::rules::model::track::Track;
use crate::rules::read::request::{Location, Operation};

/// Everything that there is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Snapshot {
    /// The apps that something belongs to.
    pub apps: BTreeSet<String>,
    /// The sessions, the expired ones last.
    pub sessions: Vec<SessionSnapshot>,
    /// The subscriptions.
    pub subscriptions: Vec<SubscriptionSnapshot>,
    /// The adapters.
    pub adapters: Vec<AdapterSnapshot>,
}

/// A session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SessionSnapshot {
    /// Its id.
    pub id: String,
    /// The app that it belongs to.
    pub app: String,
    /// The label that it was created with.
    pub correlation_id: Option<String>,
    /// How it is.
    pub state: SessionState,
    /// For how many milliseconds it has been there. 0 for an expired one.
    pub age: u64,
    /// The operation that the SFU's open offer was made for.
    pub open_exchange: Option<Operation>,
    /// Whether a request on it waits.
    pub is_waiting: bool,
    /// Its tracks.
    pub tracks: Vec<TrackSnapshot>,
    /// Its data channels.
    pub channels: Vec<ChannelSnapshot>,
    /// How many of its tracks and data channels are not listed here, because a page
    /// has no room for them. 0 in a [`Snapshot`].
    pub left_out: usize,
}

/// How a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum SessionState {
    /// It never had a connection.
    New,
    /// It has a connection.
    Connected,
    /// It lost its connection and can come back.
    Disconnected,
    /// An adapter feeds it.
    Ingest,
    /// It is no more.
    Expired,
}

/// A track.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct TrackSnapshot {
    /// Its section.
    pub mid: String,
    /// Which end it is.
    pub location: Location,
    /// Its name.
    pub name: String,
    /// The kind of media: `audio` or `video`.
    pub kind: &'static str,
    /// The codec of the last packet on its section in its direction, named as in `a=rtpmap`. None
    /// before the first packet.
    pub codec: Option<&'static str>,
    /// The publisher's session, if it is a remote one.
    pub publisher: Option<String>,
    /// Whether it is not closed.
    pub is_open: bool,
    /// Whether it can carry something: an open one whose publication has ended
    /// cannot.
    pub is_active: bool,
    /// How many packets its section has carried, without repetitions: those of
    /// the agent for a local track, those to the agent for a remote one.
    pub packets: u64,
    /// The bytes of their payloads.
    pub bytes: u64,
}

/// A data channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ChannelSnapshot {
    /// Its id on the session.
    pub id: u16,
    /// Which end it is.
    pub location: Location,
    /// Its name.
    pub name: String,
    /// The publisher's session, if it is a remote one.
    pub publisher: Option<String>,
    /// Whether the subscriber may reply.
    pub can_reply: bool,
    /// As `GET` on the session has it.
    pub status: &'static str,
}

/// A track that another session receives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SubscriptionSnapshot {
    /// The publisher's session.
    pub publisher: String,
    /// The track's name.
    pub track: String,
    /// The subscriber's session.
    pub subscriber: String,
    /// The subscriber's section.
    pub mid: String,
}

/// An adapter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct AdapterSnapshot {
    /// Its id.
    pub id: String,
    /// The app that it belongs to.
    pub app: String,
    /// Whether its connection is open.
    pub is_open: bool,
}

impl View<'_> {
    /// Everything that there is, as of now.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let all = usize::MAX;
        let live = self.state.sessions.iter().map(|(key, session)| self.of(*key, session, all));
        let expired = self.state.gone.iter().map(|(id, app)| SessionSnapshot::expired(id, app));
        let sessions: Vec<_> = live.chain(expired).collect();
        let known = self.state.adapters.iter();
        let known =
            known.map(|(id, adapter)| AdapterSnapshot::new(id, &adapter.app, adapter.is_open));
        let closed = self.state.closed_adapters.iter();
        let closed = closed.map(|(id, app)| AdapterSnapshot::new(id, app, false));
        let adapters: Vec<_> = known.chain(closed).collect();
        let apps = sessions.iter().map(|session| &session.app);
        let apps = apps.chain(adapters.iter().map(|adapter| &adapter.app)).cloned().collect();
        let subscriptions = self.state.sessions.values().flat_map(Session::subscriptions).collect();
        Snapshot { apps, sessions, subscriptions, adapters }
    }

    /// One session as of now. None if there is none of that id, or it has expired.
    pub(crate) fn session(&self, id: &str) -> Option<SessionSnapshot> {
        let key = self.state.key(id)?;
        self.state.sessions.get(&key).map(|session| self.of(key, session, usize::MAX))
    }

    /// The session with at most so many tracks, and channels if there is room.
    pub(crate) fn of(&self, key: SessionKey, session: &Session, most: usize) -> SessionSnapshot {
        let state = match session.link {
            _ if session.is_ingest => SessionState::Ingest,
            Link::New => SessionState::New,
            Link::Up => SessionState::Connected,
            Link::Down { .. } => SessionState::Disconnected,
        };
        let room = most.saturating_sub(session.tracks.len());
        let channels = session.channels.iter().take(room).map(|(id, channel)| ChannelSnapshot {
            id: *id,
            location: channel.location(),
            name: channel.name.clone(),
            publisher: channel.publisher().map(str::to_owned),
            can_reply: channel.can_reply(),
            status: channel.status(session.link == Link::Up),
        });
        let tracks = session.tracks.iter().take(most).map(|track| {
            let place = Place { session: key, mid: track.mid.clone() };
            track.snapshot(self.media.counters(&place).unwrap_or_default())
        });
        let age = self.now.saturating_sub(session.created).as_millis();
        SessionSnapshot {
            id: session.id.clone(),
            app: session.app.clone(),
            correlation_id: session.correlation_id.clone(),
            state,
            age: u64::try_from(age).unwrap_or(u64::MAX),
            open_exchange: session.exchange.as_ref().map(|exchange| exchange.operation),
            is_waiting: session.waiting.is_some(),
            tracks: tracks.collect(),
            channels: channels.collect(),
            left_out: (session.tracks.len() + session.channels.len()).saturating_sub(most),
        }
    }
}

impl AdapterSnapshot {
    /// At most `limit` of the adapters that are not closed.
    pub(crate) fn all(state: &State, limit: usize) -> Vec<Self> {
        let known = state.adapters.iter().take(limit);
        known.map(|(id, adapter)| Self::new(id, &adapter.app, adapter.is_open)).collect()
    }

    pub(crate) fn new(id: &str, app: &str, is_open: bool) -> Self {
        Self { id: id.to_owned(), app: app.to_owned(), is_open }
    }
}

impl SessionSnapshot {
    pub(crate) fn expired(id: &str, app: &str) -> Self {
        Self {
            id: id.to_owned(),
            app: app.to_owned(),
            correlation_id: None,
            state: SessionState::Expired,
            age: 0,
            open_exchange: None,
            is_waiting: false,
            tracks: Vec::new(),
            channels: Vec::new(),
            left_out: 0,
        }
    }
}

impl Session {
    fn subscriptions(&self) -> impl Iterator<Item = SubscriptionSnapshot> {
        self.tracks.iter().filter(|track| track.source().is_some()).map(|track| {
            SubscriptionSnapshot {
                publisher: track.publisher().unwrap_or_default().to_owned(),
                track: track.name.clone(),
                subscriber: self.id.clone(),
                mid: track.mid.clone(),
            }
        })
    }
}

impl Track {
    fn snapshot(&self, counters: Counters) -> TrackSnapshot {
        let location = self.location();
        let (packets, bytes, codec) = match location {
            Location::Local => (counters.packets_in, counters.bytes_in, counters.codec_in),
            Location::Remote => (counters.packets_out, counters.bytes_out, counters.codec_out),
        };
        TrackSnapshot {
            mid: self.mid.clone(),
            location,
            name: self.name.clone(),
            kind: match self.kind {
                Kind::Audio => "audio",
                Kind::Video => "video",
            },
            codec,
            publisher: self.publisher().map(str::to_owned),
            is_open: self.is_open,
            is_active: self.is_active(),
            packets,
            bytes,
        }
    }
}

//! Snapshots of the state, for people and tests.

use std::collections::BTreeSet;

use serde::Serialize;

use super::view::View;
use crate::media::{Counters, Kind, Place, SessionKey};
use crate::rules::model::session::{Link, Session};
use crate::rules::model::state::State;
use crate::rules::model::track::Track;
use crate::rules::read::request::{Location, Operation};

/// State of all sessions, subscriptions and adapters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Snapshot {
    /// Apps that have a session or an adapter.
    pub apps: BTreeSet<String>,
    /// Sessions, the expired ones last.
    pub sessions: Vec<SessionSnapshot>,
    /// Subscriptions.
    pub subscriptions: Vec<SubscriptionSnapshot>,
    /// Adapters.
    pub adapters: Vec<AdapterSnapshot>,
}

/// State of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SessionSnapshot {
    /// Id of the session.
    pub id: String,
    /// App of the session.
    pub app: String,
    /// Label that it was created with.
    pub correlation_id: Option<String>,
    /// State of its connection.
    pub state: SessionState,
    /// Age in milliseconds. 0 for an expired session.
    pub age: u64,
    /// Operation of the SFU's open offer.
    pub open_exchange: Option<Operation>,
    /// True if a request on it waits.
    pub is_waiting: bool,
    /// Its tracks.
    pub tracks: Vec<TrackSnapshot>,
    /// Its data channels.
    pub channels: Vec<ChannelSnapshot>,
    /// Number of its tracks and data channels that are not listed here, because a page has no room
    /// for them. 0 in a [`Snapshot`].
    pub left_out: usize,
}

/// State of a session's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum SessionState {
    /// The session never had a connection.
    New,
    /// The session has a connection.
    Connected,
    /// The session lost its connection and can come back.
    Disconnected,
    /// An adapter feeds the session.
    Ingest,
    /// The session has ended.
    Expired,
}

/// State of a track.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct TrackSnapshot {
    /// Its section.
    pub mid: String,
    /// End of the track: the publisher's or a subscriber's.
    pub location: Location,
    /// Its name.
    pub name: String,
    /// The kind of media: `audio` or `video`.
    pub kind: &'static str,
    /// Codec of the last packet on its section in its direction, named as in `a=rtpmap`. None
    /// before the first packet.
    pub codec: Option<&'static str>,
    /// Publisher's session. None for a local track.
    pub publisher: Option<String>,
    /// True until it is closed.
    pub is_open: bool,
    /// True if it can carry media: an open one whose publication has ended cannot.
    pub is_active: bool,
    /// Packets that its section has carried, without retransmissions: those of the agent for a
    /// local track, those to the agent for a remote one.
    pub packets: u64,
    /// Bytes of their payloads.
    pub bytes: u64,
}

/// State of a data channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ChannelSnapshot {
    /// Its id on the session.
    pub id: u16,
    /// End of the channel: the publisher's or a subscriber's.
    pub location: Location,
    /// Its name.
    pub name: String,
    /// Publisher's session. None for a local channel.
    pub publisher: Option<String>,
    /// True if the subscriber may reply.
    pub can_reply: bool,
    /// Status, as `GET` on the session has it.
    pub status: &'static str,
}

/// Track that another session receives.
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

/// State of an adapter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct AdapterSnapshot {
    /// Its id.
    pub id: String,
    /// App of the adapter.
    pub app: String,
    /// True if its connection is open.
    pub is_open: bool,
}

impl View<'_> {
    /// Returns the state of all sessions, subscriptions and adapters.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let all = usize::MAX;
        let live = self.state.sessions.iter().map(|(key, session)| self.of(*key, session, all));
        let expired =
            self.state.expired_sessions.iter().map(|(id, app)| SessionSnapshot::expired(id, app));
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

    /// Returns the state of one session. None if there is none of that id, or it has expired.
    pub(crate) fn session(&self, id: &str) -> Option<SessionSnapshot> {
        let key = self.state.key(id)?;
        self.state.sessions.get(&key).map(|session| self.of(key, session, usize::MAX))
    }

    /// Returns the session with at most this many tracks, and channels if there is room.
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
    /// Returns at most `limit` of the adapters that are not closed.
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

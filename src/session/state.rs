//! The state of a session, as the API tells it.

use serde::{Deserialize, Serialize};

use crate::data_channels::id::ChannelId;
use crate::generated::types::{
    GetSessionStateResponse, SessionDataChannel, SessionId, SessionResourceStatus, SessionTrack,
    Simulcast, TrackKind, TrackLocation,
};
use crate::mid::Mid;

/// Tracks and data channels of a session, open ones and closed ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SessionState {
    /// The tracks; closed ones may stay, as inactive.
    pub tracks: Vec<TrackState>,
    /// The data channels.
    pub data_channels: Vec<DataChannelState>,
}

/// A track of a session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct TrackState {
    /// Its media section on the session's connection.
    pub mid: Option<Mid>,
    /// The name that its publisher gave it.
    pub name: Option<String>,
    /// Its origin: the session publishes it, or is subscribed to it.
    pub origin: Origin,
    /// Audio or video.
    pub kind: Option<TrackKind>,
    /// Which layers are wanted of it.
    pub simulcast: Option<Simulcast>,
    /// Its status: open or not. It says nothing of packets arriving.
    pub status: Option<SessionResourceStatus>,
}

/// A data channel of a session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct DataChannelState {
    /// Its id on this session.
    pub id: Option<ChannelId>,
    /// The name that its publisher gave it.
    pub name: Option<String>,
    /// Its origin: the session publishes it, or is subscribed to it.
    pub origin: Origin,
    /// Its status: open or not.
    pub status: Option<SessionResourceStatus>,
}

/// The origin of a track or data channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Origin {
    /// The session's own agent.
    Published,
    /// Another session.
    Subscribed(SessionId),
    /// The reply does not say.
    Unknown,
}

impl Origin {
    fn new(location: Option<TrackLocation>, publisher: Option<SessionId>) -> Self {
        match (location, publisher) {
            (Some(TrackLocation::Local), _) => Self::Published,
            (_, Some(publisher)) => Self::Subscribed(publisher),
            _ => Self::Unknown,
        }
    }
}

impl SessionState {
    pub(crate) fn new(reply: GetSessionStateResponse) -> Self {
        let track = |track: SessionTrack| TrackState {
            mid: track.mid.and_then(|mid| Mid::new(mid).ok()),
            name: track.track_name,
            origin: Origin::new(track.location, track.session_id),
            kind: track.kind,
            simulcast: track.simulcast,
            status: track.status,
        };
        let channel = |channel: SessionDataChannel| DataChannelState {
            id: channel.id.and_then(|id| ChannelId::new(id).ok()),
            name: channel.data_channel_name,
            origin: Origin::new(channel.location, channel.session_id),
            status: channel.status,
        };
        Self {
            tracks: reply.tracks.into_iter().map(track).collect(),
            data_channels: reply.data_channels.into_iter().map(channel).collect(),
        }
    }
}

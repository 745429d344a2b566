//! Room as its members see it.

use std::fmt;

use cloudflare_calls::data_channels::Delivery;
use cloudflare_calls::types::SessionId;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::name::MemberId;

/// Role of a member, which sets its permissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Role {
    /// Permits to subscribe.
    Listener,
    /// Permits to publish and subscribe.
    Member,
    /// Permits to publish and subscribe, to mute and remove others, and to end the room.
    Moderator,
}

/// Member of a room.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Member {
    /// Id, which no other member of the room has had.
    pub id: MemberId,
    /// Name, which others can have as well.
    pub name: String,
    /// Role.
    pub role: Role,
    /// Presence: whether the member is connected to the room's events.
    pub presence: Presence,
    /// Data of the application.
    pub data: Value,
    /// Tracks that the member publishes.
    pub tracks: Vec<Track>,
    /// Data channels that the member publishes.
    pub channels: Vec<Channel>,
}

/// Presence of a member at the room's events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Presence {
    /// The member is connected, or sends heartbeats.
    Here,
    /// The member is not connected.
    Away,
}

/// Published track.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Track {
    /// Session that publishes it.
    #[serde(rename = "sessionId")]
    pub session: SessionId,
    /// Name on that session.
    #[serde(rename = "trackName")]
    pub name: String,
    /// Audio or video. None if it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// True if its publisher says that it is muted.
    #[serde(rename = "muted")]
    pub is_muted: bool,
}

/// Kind of media.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
}

/// Published data channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Channel {
    /// Session that publishes it.
    #[serde(rename = "sessionId")]
    pub session: SessionId,
    /// Name on that session.
    #[serde(rename = "dataChannelName")]
    pub name: String,
    /// Delivery policy, which a subscriber has to repeat.
    #[serde(flatten)]
    pub delivery: Delivery,
}

/// Publication of a member.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Published {
    /// Track.
    Track(Track),
    /// Data channel.
    Channel(Channel),
}

/// Name of a publication.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Named {
    /// Track.
    #[serde(rename = "trackName")]
    Track(String),
    /// Data channel.
    #[serde(rename = "dataChannelName")]
    Channel(String),
}

/// Reasons for which a member is not in the room any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Reason {
    /// The member left.
    Left,
    /// The member was silent for too long.
    Expired,
    /// A moderator removed the member.
    Removed,
    /// A moderator ended the room.
    Ended,
}

/// Change of a room, with its number: each is one more than the one before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Event {
    /// Number.
    pub seq: u64,
    /// Change.
    #[serde(flatten)]
    pub change: Change,
}

/// Change of a room.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum Change {
    /// A member has joined.
    Joined {
        /// Member.
        member: Member,
    },
    /// A member has gone, with its publications.
    Left {
        /// Member.
        member: MemberId,
        /// Reason.
        reason: Reason,
    },
    /// A member has published a track or channel.
    Published {
        /// Member.
        member: MemberId,
        /// Publication.
        #[serde(flatten)]
        what: Published,
    },
    /// A track or channel is published no longer.
    Unpublished {
        /// Member.
        member: MemberId,
        /// Session that published it.
        session_id: SessionId,
        /// Name.
        #[serde(flatten)]
        what: Named,
        /// The moderator who closed it, if it was not the member.
        #[serde(skip_serializing_if = "Option::is_none")]
        by: Option<MemberId>,
    },
    /// A member says that a track is muted.
    Muted {
        /// Member.
        member: MemberId,
        /// Session that publishes it.
        session_id: SessionId,
        /// Name of the track.
        track_name: String,
    },
    /// A member says that a track is not muted any more.
    Unmuted {
        /// Member.
        member: MemberId,
        /// Session that publishes it.
        session_id: SessionId,
        /// Name of the track.
        track_name: String,
    },
    /// A member has changed its data.
    Changed {
        /// Member.
        member: MemberId,
        /// Data.
        data: Value,
    },
    /// A member has lost its connection for events.
    Away {
        /// Member.
        member: MemberId,
    },
    /// A member has a connection for events again.
    Here {
        /// Member.
        member: MemberId,
    },
}

impl Role {
    /// Returns the role as text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Listener => "listener",
            Self::Member => "member",
            Self::Moderator => "moderator",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

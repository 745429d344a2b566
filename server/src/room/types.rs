//! A room as its members see it.

use std::fmt;

use cloudflare_calls::data_channels::Delivery;
use cloudflare_calls::types::SessionId;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::name::MemberId;

/// The role of a member: what it may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Role {
    /// May subscribe.
    Listener,
    /// May publish and subscribe.
    Member,
    /// May do what a member may, mute and remove others, and end the room.
    Moderator,
}

/// A member of a room.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Member {
    /// The id, which no other member of the room has had.
    pub id: MemberId,
    /// The name, which others can have as well.
    pub name: String,
    /// The role.
    pub role: Role,
    /// Whether the member is connected to the room's events.
    pub presence: Presence,
    /// Data of the application.
    pub data: Value,
    /// The tracks that the member publishes.
    pub tracks: Vec<Track>,
    /// The data channels that the member publishes.
    pub channels: Vec<Channel>,
}

/// Whether a member is connected to the room's events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Presence {
    /// It is.
    Here,
    /// It is not, or not any more.
    Away,
}

/// A published track.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Track {
    /// The session that publishes it.
    #[serde(rename = "sessionId")]
    pub session: SessionId,
    /// Its name on that session.
    #[serde(rename = "trackName")]
    pub name: String,
    /// Audio or video, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// Whether its publisher says that it is muted.
    #[serde(rename = "muted")]
    pub is_muted: bool,
}

/// A kind of media.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
}

/// A published data channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Channel {
    /// The session that publishes it.
    #[serde(rename = "sessionId")]
    pub session: SessionId,
    /// Its name on that session.
    #[serde(rename = "dataChannelName")]
    pub name: String,
    /// The delivery policy, which a subscriber has to repeat.
    #[serde(flatten)]
    pub delivery: Delivery,
}

/// Something that a member publishes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Published {
    /// A track.
    Track(Track),
    /// A data channel.
    Channel(Channel),
}

/// The name of something that a member published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Named {
    /// A track.
    #[serde(rename = "trackName")]
    Track(String),
    /// A data channel.
    #[serde(rename = "dataChannelName")]
    Channel(String),
}

/// Reasons for which a member is not in the room any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Reason {
    /// It left.
    Left,
    /// Nothing was heard of it for too long.
    Expired,
    /// A moderator removed it.
    Removed,
    /// A moderator ended the room.
    Ended,
}

/// A change of a room, with its number: each is one more than the one before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Event {
    /// The number.
    pub seq: u64,
    /// The change.
    #[serde(flatten)]
    pub change: Change,
}

/// A change of a room.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum Change {
    /// A member came.
    Joined {
        /// The member.
        member: Member,
    },
    /// A member is gone, and what it published.
    Left {
        /// The member.
        member: MemberId,
        /// Why.
        reason: Reason,
    },
    /// A member publishes something.
    Published {
        /// The member.
        member: MemberId,
        /// The publication.
        #[serde(flatten)]
        what: Published,
    },
    /// A member does not publish something any more.
    Unpublished {
        /// The member.
        member: MemberId,
        /// The session that published it.
        session_id: SessionId,
        /// Its name.
        #[serde(flatten)]
        what: Named,
        /// The moderator who closed it, if it was not the member.
        #[serde(skip_serializing_if = "Option::is_none")]
        by: Option<MemberId>,
    },
    /// A member says that a track is muted.
    Muted {
        /// The member.
        member: MemberId,
        /// The session that publishes it.
        session_id: SessionId,
        /// Its name.
        track_name: String,
    },
    /// A member says that a track is not muted any more.
    Unmuted {
        /// The member.
        member: MemberId,
        /// The session that publishes it.
        session_id: SessionId,
        /// Its name.
        track_name: String,
    },
    /// A member has other data.
    Changed {
        /// The member.
        member: MemberId,
        /// The data.
        data: Value,
    },
    /// A member has lost its connection for events.
    Away {
        /// The member.
        member: MemberId,
    },
    /// A member has a connection for events.
    Here {
        /// The member.
        member: MemberId,
    },
}

impl Role {
    /// The role as text.
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

//! WebRTC, as far as the API's rules need it.
//!
//! The rules ([`crate::rules`]) know nothing of packets, and the SFU knows nothing of the rules.
//! These types are all that the two exchange.

pub mod canned;
pub(crate) mod channels;
mod datagram;
pub(crate) mod drive;
mod forward;
mod offered;
mod peer;
mod reports;
mod rewrite;
mod sdp;
mod section;
pub mod sfu;
pub(crate) mod side;
mod sound;

use std::fmt;
use std::time::Duration;

use str0m::media::MediaKind;

pub use section::Counters;
#[cfg(feature = "adapters")]
pub(crate) use sound::Heard;

/// Key of a session for as long as the emulator runs. It is cheaper to copy than the id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionKey(pub u64);

/// Media section of one session.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// Session of the section.
    pub session: SessionKey,
    /// Mid of the section (RFC 9143).
    pub mid: String,
}

/// Kind of media: audio or video.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
}

/// Direction of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the agent to the SFU.
    FromAgent,
    /// From the SFU to the agent.
    ToAgent,
}

/// Media section of an agent's description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Mid of the section (RFC 9143).
    pub mid: String,
    /// Kind of media. None for data channels.
    pub kind: Option<Kind>,
    /// True if the agent sends on it.
    pub sends: bool,
    /// True if the agent receives on it.
    pub receives: bool,
    /// True if it is rejected or stopped (port 0, or `inactive`).
    pub is_stopped: bool,
    /// Layers that the agent sends (RFC 8853), best first as listed. Empty without simulcast.
    pub rids: Vec<String>,
    /// Names of the listed codecs, in lower case.
    pub codecs: Vec<String>,
}

/// Media section that an offer of the SFU adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewSection {
    /// The SFU sends on it, and receives too if it is bidirectional.
    Send {
        /// Kind of media.
        kind: Kind,
        /// True if the agent may send on it as well.
        is_bidirectional: bool,
    },
    /// The SFU receives on it, and sends too if it is bidirectional.
    Receive {
        /// Kind of media.
        kind: Kind,
        /// True if the SFU may send on it as well.
        is_bidirectional: bool,
    },
    /// The transport of data channels.
    Data,
}

/// Result of an offer that was accepted. `Debug` hides the answer.
#[derive(Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Answer of the SFU.
    pub answer: String,
    /// Media sections of the offer, in their order.
    pub sections: Vec<Section>,
}

/// Offer of the SFU. `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Offered {
    /// Session description.
    pub offer: String,
    /// Mids of the sections that were asked for, in their order.
    pub mids: Vec<String>,
}

/// Error for a session description that cannot be used. The reason is for people and quotes nothing
/// of the description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadDescription {
    /// The text is no session description, or lacks a part that each has.
    Unreadable(String),
    /// The description can be read but not applied.
    Refused(String),
}

/// Delivery of a data channel's messages (RFC 8831 section 6.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Delivery {
    /// True if messages arrive in the order in which they were sent.
    pub is_ordered: bool,
    /// The most times that a message is sent again. None: no limit.
    pub max_retransmits: Option<u16>,
    /// Time in milliseconds within which a message is sent again. None: no limit.
    pub max_packet_life_time: Option<u16>,
}

impl Delivery {
    /// All messages arrive, in their order, which is the default of browsers.
    pub const RELIABLE: Self =
        Self { is_ordered: true, max_retransmits: None, max_packet_life_time: None };
}

/// Message of a data channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// True for bytes, false for text.
    pub is_binary: bool,
    /// Content.
    pub data: Vec<u8>,
}

/// Layers of a simulcast track that a subscriber wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layers {
    /// RID of the layer to receive. None leaves the choice to the SFU.
    pub preferred: Option<String>,
    /// True if a worse layer is taken when there is too little bandwidth.
    pub falls_back_for_bandwidth: bool,
    /// True if another layer is taken when the preferred one is not sent.
    pub falls_back_if_absent: bool,
}

/// Event of a session's connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// ICE and DTLS are up.
    Connected(SessionKey),
    /// The agent has been silent for so long that its connection counts as lost. The agent may come
    /// back.
    Disconnected(SessionKey),
    /// The first packet has passed through a section, in one direction.
    FirstPacket {
        /// Session of the section.
        session: SessionKey,
        /// Mid of the section (RFC 9143).
        mid: String,
        /// Direction of the packet.
        direction: Direction,
    },
    /// The agent's packets arrive on a section on which none came before, or none for a second.
    Flows(Place),
    /// A message of the agent has come on a data channel.
    Message {
        /// Session of the channel.
        session: SessionKey,
        /// Id of the channel.
        id: u16,
        /// Message.
        message: Message,
    },
}

impl From<Kind> for MediaKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Audio => Self::Audio,
            Kind::Video => Self::Video,
        }
    }
}

impl Event {
    /// Returns the session of the event.
    pub fn session(&self) -> SessionKey {
        match self {
            Self::Connected(session)
            | Self::Disconnected(session)
            | Self::FirstPacket { session, .. }
            | Self::Message { session, .. } => *session,
            Self::Flows(place) => place.session,
        }
    }
}

/// WebRTC, as far as the rules need it.
pub trait Media {
    /// Begins a session, which has no connection yet.
    fn open(&mut self, session: SessionKey);

    /// Ends a session, and all that belongs to it.
    fn close(&mut self, session: SessionKey);

    /// Returns the sections of an agent's description. Changes nothing.
    fn read(&self, sdp: &str) -> Result<Vec<Section>, BadDescription>;

    /// Takes an agent's offer, the first or a later one. The connection ends if the offer rejects
    /// all sections.
    fn accept_offer(&mut self, session: SessionKey, sdp: &str) -> Result<Accepted, BadDescription>;

    /// Makes an offer that adds these sections. Only one may be unanswered.
    fn offer(&mut self, session: SessionKey, add: &[NewSection])
    -> Result<Offered, BadDescription>;

    /// Takes the agent's answer to the last offer.
    fn accept_answer(&mut self, session: SessionKey, sdp: &str) -> Result<(), BadDescription>;

    /// Stops the packets of a session in both directions, or lets them pass again.
    fn cut(&mut self, session: SessionKey, is_cut: bool);

    /// Returns whether ICE and DTLS are up.
    fn is_connected(&self, session: SessionKey) -> bool;

    /// Returns the time of the last packet that the agent sent on a section, of any layer, since
    /// the emulator's start.
    fn last_packet(&self, place: &Place) -> Option<Duration>;

    /// Returns the name of the codec of that packet, in lower case.
    fn last_codec(&self, place: &Place) -> Option<String>;

    /// Returns the counts of a section. None if it carries no media.
    fn counters(&self, place: &Place) -> Option<Counters>;

    /// Forwards the packets of `from`, and of no other section, to `to` from now on.
    fn forward(&mut self, from: Place, to: Place, layers: Layers);

    /// Stops the packets to `to`.
    fn stop(&mut self, to: &Place);

    /// Opens a channel with `negotiated: true` and this id.
    fn open_channel(&mut self, session: SessionKey, id: u16, name: &str, delivery: Delivery);

    /// Closes a channel.
    fn close_channel(&mut self, session: SessionKey, id: u16);

    /// Sends to the agent on a channel.
    fn send(&mut self, session: SessionKey, id: u16, message: &Message);
}

impl fmt::Debug for Accepted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accepted").field("sections", &self.sections).finish_non_exhaustive()
    }
}

impl fmt::Debug for Offered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Offered").field("mids", &self.mids).finish_non_exhaustive()
    }
}

impl fmt::Display for BadDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(why) | Self::Refused(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for BadDescription {}

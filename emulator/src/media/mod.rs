//! WebRTC, as far as the API's rules need it.
//!
//! The rules ([`crate::rules`]) know nothing of packets, and what moves packets
//! knows nothing of the rules; this is all that the two say to each other.

pub mod canned;
pub(crate) mod channels;
mod datagram;
pub(crate) mod drive;
mod forward;
mod offered;
mod peer;
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

/// A session, for as long as the emulator runs. Cheaper to copy than its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionKey(pub u64);

/// A media section of one session.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// Whose.
    pub session: SessionKey,
    /// Which (RFC 9143).
    pub mid: String,
}

/// Audio or video.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
}

/// Which way a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the agent to the SFU.
    FromAgent,
    /// From the SFU to the agent.
    ToAgent,
}

/// A media section as an agent's description has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Its name.
    pub mid: String,
    /// The kind of media. None for data channels.
    pub kind: Option<Kind>,
    /// Whether the agent sends on it.
    pub sends: bool,
    /// Whether the agent receives on it.
    pub receives: bool,
    /// Whether it is rejected or stopped (port 0, or `inactive`).
    pub is_stopped: bool,
    /// The layers that the agent sends (RFC 8853), best first as listed. Empty
    /// without simulcast.
    pub rids: Vec<String>,
    /// The names of the codecs that it lists, in small letters.
    pub codecs: Vec<String>,
}

/// A media section to be added by an offer of the SFU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewSection {
    /// The SFU sends on it, and receives too if it is bidirectional.
    Send {
        /// The kind of media.
        kind: Kind,
        /// Whether the agent may send on it as well.
        is_bidirectional: bool,
    },
    /// The SFU receives on it, and sends too if it is bidirectional.
    Receive {
        /// The kind of media.
        kind: Kind,
        /// Whether the SFU may send on it as well.
        is_bidirectional: bool,
    },
    /// The transport of data channels.
    Data,
}

/// An offer that was accepted. `Debug` hides the answer.
#[derive(Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The SFU's answer.
    pub answer: String,
    /// The media sections of the offer, in their order.
    pub sections: Vec<Section>,
}

/// An offer of the SFU. `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Offered {
    /// The session description.
    pub offer: String,
    /// The mids of the sections that were asked for, in their order.
    pub mids: Vec<String>,
}

/// A session description that cannot be used. The reason is for people and
/// quotes nothing of the description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadDescription {
    /// It is no session description, or lacks what each has.
    Unreadable(String),
    /// It can be read, and not be applied.
    Refused(String),
}

/// How the messages of a data channel are delivered (RFC 8831 section 6.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Delivery {
    /// Whether messages arrive in the order in which they were sent.
    pub is_ordered: bool,
    /// How often a message is sent again at most.
    pub max_retransmits: Option<u16>,
    /// For how many milliseconds a message is sent again at most.
    pub max_packet_life_time: Option<u16>,
}

impl Delivery {
    /// All messages arrive, in their order: as browsers have it by default.
    pub const RELIABLE: Self =
        Self { is_ordered: true, max_retransmits: None, max_packet_life_time: None };
}

/// A message of a data channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Whether it is bytes rather than text.
    pub is_binary: bool,
    /// The content.
    pub data: Vec<u8>,
}

/// The layers of a simulcast track that a subscriber wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layers {
    /// The layer to receive, by its RID.
    pub preferred: Option<String>,
    /// Whether a worse layer is taken when there is too little bandwidth.
    pub falls_back_for_bandwidth: bool,
    /// Whether another layer is taken when the preferred one is not sent.
    pub falls_back_if_absent: bool,
}

/// An event of a session's connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// ICE and DTLS are up.
    Connected(SessionKey),
    /// Nothing was heard of the agent for so long that it counts as gone. It
    /// may come back.
    Disconnected(SessionKey),
    /// The first packet has passed through a section, in one direction.
    FirstPacket {
        /// Whose.
        session: SessionKey,
        /// Which (RFC 9143).
        mid: String,
        /// Which way it went.
        direction: Direction,
    },
    /// The agent's packets come on a section on which none came before, or not for
    /// a second.
    Flows(Place),
    /// A message of the agent's on a data channel.
    Message {
        /// Whose.
        session: SessionKey,
        /// On which channel.
        id: u16,
        /// What.
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
    /// The session that it happened to.
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
    /// A session begins; there is no connection yet.
    fn open(&mut self, session: SessionKey);

    /// A session ends, with everything that it has.
    fn close(&mut self, session: SessionKey);

    /// The sections of an agent's description, which changes nothing.
    fn read(&self, sdp: &str) -> Result<Vec<Section>, BadDescription>;

    /// Takes an agent's offer, the first or a later one. If it rejects all
    /// sections, the connection ends.
    fn accept_offer(&mut self, session: SessionKey, sdp: &str) -> Result<Accepted, BadDescription>;

    /// Makes an offer that adds these sections. Only one may be unanswered.
    fn offer(&mut self, session: SessionKey, add: &[NewSection])
    -> Result<Offered, BadDescription>;

    /// Takes the agent's answer to the last offer.
    fn accept_answer(&mut self, session: SessionKey, sdp: &str) -> Result<(), BadDescription>;

    /// From now on nothing from the agent arrives and nothing reaches it, or
    /// everything does again.
    fn cut(&mut self, session: SessionKey, is_cut: bool);

    /// Whether ICE and DTLS are up.
    fn is_connected(&self, session: SessionKey) -> bool;

    /// When the last packet came that the agent sent on a section, in time
    /// since the emulator's start. Of any layer.
    fn last_packet(&self, place: &Place) -> Option<Duration>;

    /// The name of the codec of that packet, in small letters.
    fn last_codec(&self, place: &Place) -> Option<String>;

    /// The counts of a section. None if no media is exchanged on it.
    fn counters(&self, place: &Place) -> Option<Counters>;

    /// From now on `to` receives what is sent on `from`, and nothing else.
    fn forward(&mut self, from: Place, to: Place, layers: Layers);

    /// `to` receives nothing any more.
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

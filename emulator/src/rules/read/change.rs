//! Changes of a session, as requests ask for them.

use serde_json::{Value, json};

use super::body::Simulcast;
use super::reply::{Code, failed};
use crate::media::{Delivery, Kind};

/// Change that is valid in itself.
pub(crate) enum Change {
    /// Tracks of the agent's offer.
    Publish {
        offer: String,
        entries: Vec<Publish>,
        discovers: bool,
    },
    /// Tracks on existing sections.
    Name(Vec<Publish>),
    /// Tracks that the SFU offers to receive.
    Receive(Vec<Receive>),
    /// Tracks of other sessions, on sections of the agent's offer if there is one.
    Pull {
        entries: Vec<Pull>,
        offer: Option<String>,
    },
    /// The answer to the SFU's offer.
    Answer(String),
    /// Tracks to close: by force or, with an offer, by negotiation.
    Close {
        mids: Vec<String>,
        offer: Option<String>,
    },
    Update(Vec<Update>),
    Establish {
        offer: Option<String>,
    },
    NewChannels(Vec<NewChannel>),
    UpdateChannels(Vec<ChannelChange>),
    CloseChannels(Vec<u16>),
}

/// A track of the agent's offer.
pub(crate) struct Publish {
    pub(crate) mid: String,
    pub(crate) name: String,
}

/// A track that the SFU is to offer.
pub(crate) struct Receive {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) is_bidirectional: bool,
    /// The track whose transceiver is used.
    pub(crate) transceiver: Option<String>,
}

/// A track to be pulled.
pub(crate) struct Pull {
    pub(crate) publisher: String,
    pub(crate) name: String,
    pub(crate) is_bidirectional: bool,
    pub(crate) wanted: Wanted,
    pub(crate) simulcast: Option<Simulcast>,
}

/// The section that a track is to be pulled on.
pub(crate) enum Wanted {
    Any,
    /// The section of the track with this name.
    Transceiver(String),
    /// The section of the agent's offer with this mid.
    Mid(String),
}

/// A change of a pulled track.
pub(crate) struct Update {
    pub(crate) mid: String,
    pub(crate) publisher: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) simulcast: Option<Simulcast>,
}

/// A data channel to be opened.
pub(crate) struct NewChannel {
    pub(crate) name: String,
    /// The publisher's session, for a subscription.
    pub(crate) publisher: Option<String>,
    pub(crate) delivery: Delivery,
    pub(crate) waits_for_ack: bool,
    pub(crate) can_reply: bool,
}

/// Change of a subscription. Fields that are not set stay.
pub(crate) struct ChannelChange {
    pub(crate) name: String,
    pub(crate) publisher: String,
    pub(crate) waits_for_ack: Option<bool>,
    pub(crate) can_reply: Option<bool>,
}

impl Pull {
    /// Returns the entry of the reply if it fails.
    pub(crate) fn failed(&self, code: Code) -> Value {
        failed(json!({ "mid": "", "sessionId": self.publisher, "trackName": self.name }), code)
    }
}

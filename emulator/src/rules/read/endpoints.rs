//! Messages between the rules and the connections of adapters.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;

use super::reply::Code;
use crate::media::{Kind, Place};

/// An order for the connection to an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdapterCommand {
    /// Connect, and report the result by
    /// [`Machine::adapter_opened`](crate::rules::Machine::adapter_opened).
    Open {
        /// Adapter.
        id: String,
        /// Endpoint to connect to.
        endpoint: Endpoint,
        /// Stream of the connection.
        stream: AdapterStream,
    },
    /// Hang up, or stop trying to connect.
    Close {
        /// Adapter.
        id: String,
    },
}

/// A `ws` or `wss` URL. `Debug` hides it: it may have a secret in it.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint(pub(crate) String);

/// The stream of an adapter's connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdapterStream {
    /// PCM comes from the endpoint, as if an agent sent it on this section.
    Ingest {
        /// Section that the sound is published on.
        to: Place,
    },
    /// A track goes to the endpoint.
    Egress {
        /// Section that the track is published on.
        from: Place,
        /// Format for the endpoint.
        codec: OutputCodec,
        /// Time within which to connect again after the connection broke.
        reconnect: Duration,
    },
}

/// Format that an endpoint receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputCodec {
    /// Sound, 16 bits, 48 kHz, stereo.
    Pcm,
    /// Pictures. They are made of VP8 alone: see the README for the reason.
    Jpeg,
}

/// Reason for which an endpoint cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdapterFailure {
    /// The endpoint is no WebSocket, or refused.
    Handshake,
    /// The endpoint did not answer.
    Timeout,
    /// The endpoint is on this machine, which the API does not allow.
    Localhost,
    /// The endpoint's format is not emulated.
    NotEmulated,
}

impl Endpoint {
    /// Returns the URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Endpoint(..)")
    }
}

impl AdapterFailure {
    pub(crate) fn code(self) -> Code {
        match self {
            Self::Handshake => Code::WebsocketHandshakeFailed,
            Self::Timeout => Code::WebsocketConnectionTimeout,
            Self::Localhost => Code::WebsocketLocalhostNotAllowed,
            Self::NotEmulated => Code::BackendError,
        }
    }
}

impl OutputCodec {
    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::Pcm => Kind::Audio,
            Self::Jpeg => Kind::Video,
        }
    }
}

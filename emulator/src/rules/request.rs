//! What is asked of the rules.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Reply;

/// The operations of the API, named as the methods of the client
/// `cloudflare-calls`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// `POST sessions/new`
    NewSession,
    /// `POST sessions/{id}/tracks/new`
    NewTracks,
    /// `PUT sessions/{id}/renegotiate`
    Renegotiate,
    /// `PUT sessions/{id}/tracks/close`
    CloseTracks,
    /// `PUT sessions/{id}/tracks/update`
    UpdateTracks,
    /// `POST sessions/{id}/datachannels/establish`
    EstablishDataChannels,
    /// `POST sessions/{id}/datachannels/new`
    NewDataChannels,
    /// `PUT sessions/{id}/datachannels/update`
    UpdateDataChannels,
    /// `PUT sessions/{id}/datachannels/close`
    CloseDataChannels,
    /// `GET sessions/{id}`
    GetSession,
    /// `POST adapters/websocket/new`
    NewWebsocketAdapters,
    /// `POST adapters/websocket/close`
    CloseWebsocketAdapters,
}

impl Operation {
    /// Every operation.
    pub const ALL: [Self; 12] = [
        Self::NewSession,
        Self::NewTracks,
        Self::Renegotiate,
        Self::CloseTracks,
        Self::UpdateTracks,
        Self::EstablishDataChannels,
        Self::NewDataChannels,
        Self::UpdateDataChannels,
        Self::CloseDataChannels,
        Self::GetSession,
        Self::NewWebsocketAdapters,
        Self::CloseWebsocketAdapters,
    ];

    /// Whether its path names a session.
    pub fn has_session(self) -> bool {
        !matches!(
            self,
            Self::NewSession | Self::NewWebsocketAdapters | Self::CloseWebsocketAdapters
        )
    }

    /// The name in faults, logs and the snapshot.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NewSession => "new_session",
            Self::NewTracks => "new_tracks",
            Self::Renegotiate => "renegotiate",
            Self::CloseTracks => "close_tracks",
            Self::UpdateTracks => "update_tracks",
            Self::EstablishDataChannels => "establish_data_channels",
            Self::NewDataChannels => "new_data_channels",
            Self::UpdateDataChannels => "update_data_channels",
            Self::CloseDataChannels => "close_data_channels",
            Self::GetSession => "get_session",
            Self::NewWebsocketAdapters => "new_websocket_adapters",
            Self::CloseWebsocketAdapters => "close_websocket_adapters",
        }
    }
}

/// A request whose sender may make it. `Debug` hides the body.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// The app, by whatever name it has. Sessions of other apps are unknown.
    pub app: String,
    /// What is to be done.
    pub operation: Operation,
    /// The session of the path. None where the path has none.
    pub session: Option<String>,
    /// The query.
    pub query: Query,
    /// The body as it came, of any content type. Empty for none.
    pub body: Vec<u8>,
}

/// The query of `sessions/new`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// The agent is an ICE-lite one, as other servers are. Changes no rule.
    pub third_party: bool,
    /// A label, which only the snapshot shows.
    pub correlation_id: Option<String>,
}

/// Stands for a reply that comes later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub(super) u64);

/// What a request got.
#[derive(Clone, Debug, PartialEq)]
pub enum Response {
    /// The reply.
    Now(Reply),
    /// The reply will come from [`Rules::poll_reply`](super::Rules::poll_reply).
    Later(Ticket),
}

/// Which end of a track, data channel or adapter something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Location {
    /// The session's agent sends.
    Local,
    /// It comes from another session.
    Remote,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("app", &self.app)
            .field("operation", &self.operation)
            .field("session", &self.session)
            .field("query", &self.query)
            .field("body", &format_args!("{} bytes", self.body.len()))
            .finish()
    }
}

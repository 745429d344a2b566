//! Requests to the rules.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::reply::Reply;

macro_rules! operations {
    ($($name:ident $text:literal $request:literal,)*) => {
        /// Operation of the API, named as the methods of the client `cloudflare-calls`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Operation {
            $(
                #[doc = concat!("`", $request, "`")]
                #[serde(rename = $text)]
                $name,
            )*
        }

        impl Operation {
            /// Every operation.
            pub const ALL: [Self; [$($text),*].len()] = [$(Self::$name),*];

            /// Returns the name in faults, logs and the snapshot.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

operations! {
    NewSession "new_session" "POST sessions/new",
    NewTracks "new_tracks" "POST sessions/{id}/tracks/new",
    Renegotiate "renegotiate" "PUT sessions/{id}/renegotiate",
    CloseTracks "close_tracks" "PUT sessions/{id}/tracks/close",
    UpdateTracks "update_tracks" "PUT sessions/{id}/tracks/update",
    EstablishDataChannels "establish_data_channels" "POST sessions/{id}/datachannels/establish",
    NewDataChannels "new_data_channels" "POST sessions/{id}/datachannels/new",
    UpdateDataChannels "update_data_channels" "PUT sessions/{id}/datachannels/update",
    CloseDataChannels "close_data_channels" "PUT sessions/{id}/datachannels/close",
    GetSession "get_session" "GET sessions/{id}",
    NewWebsocketAdapters "new_websocket_adapters" "POST adapters/websocket/new",
    CloseWebsocketAdapters "close_websocket_adapters" "POST adapters/websocket/close",
}

impl Operation {
    /// Returns whether its path names a session.
    pub fn has_session(self) -> bool {
        !matches!(
            self,
            Self::NewSession | Self::NewWebsocketAdapters | Self::CloseWebsocketAdapters
        )
    }
}

/// Request whose sender may make it. `Debug` hides the body.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// App, by any name. Sessions of other apps are unknown.
    pub app: String,
    /// Operation.
    pub operation: Operation,
    /// Session of the path. None if the path has none.
    pub session: Option<String>,
    /// Query.
    pub query: Query,
    /// Body as it came, of any content type. Empty for none.
    pub body: Vec<u8>,
}

/// Query of `sessions/new`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// True if the agent is ICE-lite, as other servers are. Changes no rule.
    pub third_party: bool,
    /// Label, which only the snapshot shows.
    pub correlation_id: Option<String>,
}

/// Ticket for a reply that comes later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub(crate) u64);

/// Response to a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Response {
    /// The reply.
    Now(Reply),
    /// The reply will come from [`Machine::poll_reply`](crate::rules::Machine::poll_reply).
    Later(Ticket),
}

/// End of a track, data channel or adapter: the agent's own or another session's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Location {
    /// The session's agent sends.
    Local,
    /// The agent receives from another session.
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

//! Requests to the rules.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::reply::Reply;

macro_rules! operations {
    ($($name:ident $text:literal $request:literal,)*) => {
        /// The operations of the API, named as the methods of the client
        /// `cloudflare-calls`.
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

            /// The name in faults, logs and the snapshot.
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
    /// Whether its path names a session.
    pub fn has_session(self) -> bool {
        !matches!(
            self,
            Self::NewSession | Self::NewWebsocketAdapters | Self::CloseWebsocketAdapters
        )
    }
}

/// A request whose sender may make it. `Debug` hides the body.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// The app, by whatever name it has. Sessions of other apps are unknown.
    pub app: String,
    /// The operation to be done.
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
pub struct Ticket(pub(crate) u64);

/// The response to a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Response {
    /// The reply.
    Now(Reply),
    /// The reply will come from [`Rules::poll_reply`](crate::rules::Rules::poll_reply).
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

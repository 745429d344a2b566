//! Replies and the codes of errors.

use std::fmt;

use serde_json::{Value, json};

use crate::media::BadDescription;

/// Reply. `Debug` hides all of the body but the error's code.
#[derive(Clone, PartialEq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// JSON body; null for none.
    pub body: Value,
}

/// Reply, or the one that refuses.
pub(crate) type Outcome = Result<Reply, Reply>;

/// Codes of the rules' errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    AdapterNotFound,
    BackendError,
    CloseTrack,
    Decoding,
    EmptyTrack,
    InvalidParams,
    InvalidSessionDescription,
    NotFound,
    NotFoundTrack,
    PayloadTooLarge,
    RepeatedLocalTrack,
    Session,
    UpdateTrack,
    WebsocketConnectionTimeout,
    WebsocketHandshakeFailed,
    WebsocketLocalhostNotAllowed,
}

impl Code {
    fn name(self) -> &'static str {
        match self {
            Self::AdapterNotFound => "adapter_not_found",
            Self::BackendError => "backend_error",
            Self::CloseTrack => "close_track_error",
            Self::Decoding => "decoding_error",
            Self::EmptyTrack => "empty_track_error",
            Self::InvalidParams => "invalid_params",
            Self::InvalidSessionDescription => "invalid_session_description",
            Self::NotFound => "not_found",
            Self::NotFoundTrack => "not_found_track_error",
            Self::PayloadTooLarge => "payload_too_large",
            Self::RepeatedLocalTrack => "repeated_local_track_error",
            Self::Session => "session_error",
            Self::UpdateTrack => "update_track_error",
            Self::WebsocketConnectionTimeout => "websocket_connection_timeout",
            Self::WebsocketHandshakeFailed => "websocket_handshake_failed",
            Self::WebsocketLocalhostNotAllowed => "websocket_localhost_not_allowed",
        }
    }

    /// Returns the description of an item with this error.
    fn description(self) -> &'static str {
        match self {
            Self::AdapterNotFound => "the adapter does not exist",
            Self::BackendError => "the emulator cannot do this",
            Self::CloseTrack => "Track doesn't exist or was already closed",
            Self::EmptyTrack => "the publisher sends nothing",
            Self::NotFoundTrack => {
                "Track not found on remote peer. Make sure the publisher peer is connected and \
                 sending packets for this track"
            }
            Self::RepeatedLocalTrack => "the data channel exists already",
            Self::UpdateTrack => "the track has no layers to choose from",
            Self::WebsocketConnectionTimeout => "the endpoint did not answer in time",
            Self::WebsocketHandshakeFailed => "the endpoint refused the handshake",
            Self::WebsocketLocalhostNotAllowed => "the endpoint is this machine",
            _ => "refused",
        }
    }
}

pub(crate) fn ok(body: Value) -> Reply {
    Reply { status: 200, body }
}

pub(crate) fn refusal(status: u16, code: Code, description: &str) -> Reply {
    let body = json!({ "errorCode": code.name(), "errorDescription": description });
    Reply { status, body }
}

/// Refuses an invalid field, value or combination.
pub(crate) fn invalid(description: &str) -> Reply {
    refusal(406, Code::InvalidParams, description)
}

/// Refuses a body or field of the wrong type.
pub(crate) fn undecodable(field: &str) -> Reply {
    refusal(400, Code::Decoding, &format!("Body JSON validation error: {field}"))
}

/// Refuses a session description that cannot be read.
pub(crate) fn unreadable_description(why: &str) -> Reply {
    let description = format!("Unable to parse SDP: {why}");
    refusal(400, Code::InvalidSessionDescription, &description)
}

/// Refuses a session description that the media side does not take.
pub(crate) fn refused_description(error: &BadDescription) -> Reply {
    match error {
        BadDescription::Unreadable(why) => unreadable_description(why),
        BadDescription::Refused(why) => bad_description(why),
    }
}

/// Refuses a session description that cannot be used, or not now.
pub(crate) fn bad_description(description: &str) -> Reply {
    refusal(406, Code::InvalidSessionDescription, description)
}

pub(crate) fn not_found(description: &str) -> Reply {
    refusal(404, Code::NotFound, description)
}

/// Refuses a request on a session that has ended.
pub(crate) fn disconnected() -> Reply {
    refusal(
        410,
        Code::Session,
        "Session appears to be disconnected. Please check if the PeerConnection is connected.",
    )
}

/// Refuses a change whose transport did not come up in time.
pub(crate) fn not_ready() -> Reply {
    refusal(
        425,
        Code::Session,
        "Session is not ready yet. Please ensure the PeerConnection is connected before making \
         this request",
    )
}

/// Refuses a request beyond the limit. The words of the API's edge are unknown, so the body is
/// empty.
pub(crate) fn too_many() -> Reply {
    Reply { status: 429, body: Value::Null }
}

/// Returns an entry of a reply, without the fields that are not set.
pub(crate) fn item(mut fields: Value) -> Value {
    if let Some(fields) = fields.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    fields
}

/// Returns an entry of a reply that failed.
pub(crate) fn failed(fields: Value, code: Code) -> Value {
    let mut fields = item(fields);
    if let Some(fields) = fields.as_object_mut() {
        fields.insert("errorCode".to_owned(), code.name().into());
        fields.insert("errorDescription".to_owned(), code.description().into());
    }
    fields
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("status", &self.status)
            .field("error_code", &self.body.get("errorCode"))
            .finish_non_exhaustive()
    }
}

//! Actions on a session, for permissions.

/// Action on a session, as a session token permits it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Action {
    /// Publish tracks.
    Publish,
    /// Subscribe to tracks of other sessions.
    Subscribe,
    /// Change the layer or the source of subscriptions.
    Update,
    /// Close tracks and data channels.
    Close,
    /// Leave, which closes all tracks and data channels.
    Leave,
    /// Read the session's tracks and data channels.
    ReadState,
    /// Publish data channels.
    PublishData,
    /// Subscribe to data channels of other sessions.
    SubscribeData,
    /// Permit or forbid a subscriber of a data channel to send to its publisher.
    GrantReply,
}

/// Actions that permit to establish the transport of data channels.
pub(crate) const DATA: [Action; 2] = [Action::SubscribeData, Action::PublishData];

//! Actions on a session, for permissions.

/// An action on a session, as a session token permits it.
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
    /// Leave, which closes everything.
    Leave,
    /// Read which tracks and data channels there are.
    ReadState,
    /// Publish data channels.
    PublishData,
    /// Subscribe to data channels of other sessions.
    SubscribeData,
    /// Let this subscriber of a data channel send to its publisher, or not.
    GrantReply,
}

/// Each of these permits to establish the transport of data channels.
pub(crate) const DATA: [Action; 2] = [Action::SubscribeData, Action::PublishData];

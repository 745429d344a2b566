//! Data channels: those that are asked for, and those that exist.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::delivery::Delivery;
use super::id::ChannelId;
use crate::generated::types::{DataChannel, SessionId, TrackLocation};
use crate::outcome::Outcome;

/// Outcome of publishing data channels.
pub type PublishedChannels = Outcome<PublishedDataChannel, LocalDataChannel>;
/// Outcome of subscribing to data channels of other sessions.
pub type SubscribedChannels = Outcome<SubscribedDataChannel, RemoteDataChannel>;
/// Outcome of closing data channels. Those that were closed already are done.
pub type ClosedChannels = Outcome<ChannelId, ChannelId>;

/// Proof that a session has the transport of data channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataTransport;

/// Data channel to be published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LocalDataChannel {
    #[serde(rename = "dataChannelName")]
    pub(super) name: String,
    pub(super) delivery: Delivery,
}

impl LocalDataChannel {
    /// Creates an ordered and reliable channel, under a name that is not used yet on the session.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), delivery: Delivery::default() }
    }

    /// Sets another delivery policy.
    pub fn delivery(mut self, delivery: Delivery) -> Self {
        self.delivery = delivery;
        self
    }

    /// Returns the name that the channel is to have on the session.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn request(&self) -> DataChannel {
        let channel =
            DataChannel::new().location(TrackLocation::Local).data_channel_name(&self.name);
        self.delivery.apply(channel)
    }
}

/// Data channel of another session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RemoteDataChannel {
    #[serde(rename = "sessionId")]
    pub(super) publisher: SessionId,
    #[serde(rename = "dataChannelName")]
    pub(super) name: String,
    pub(super) delivery: Delivery,
    #[serde(rename = "waitForAck", default)]
    pub(super) waits_for_ack: bool,
    #[serde(default)]
    pub(super) can_reply: bool,
}

impl RemoteDataChannel {
    /// Creates the request for the channel that the session `publisher` publishes under `name`,
    /// with the delivery policy that it has there.
    pub fn new(publisher: SessionId, name: impl Into<String>, delivery: Delivery) -> Self {
        let name = name.into();
        Self { publisher, name, delivery, waits_for_ack: false, can_reply: false }
    }

    /// Lets the SFU hold messages back until the subscriber's first one, which it has to send
    /// within 30 s.
    pub fn wait_for_ack(mut self) -> Self {
        self.waits_for_ack = true;
        self
    }

    /// Lets the subscriber send to the publisher. The right is taken from the subscriber who had
    /// it.
    pub fn can_reply(mut self) -> Self {
        self.can_reply = true;
        self
    }

    /// Returns the session that publishes the channel.
    pub fn publisher(&self) -> &SessionId {
        &self.publisher
    }

    /// Returns the channel's name on the publisher's session.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn request(&self) -> DataChannel {
        let mut channel = DataChannel::new()
            .location(TrackLocation::Remote)
            .session_id(self.publisher.clone())
            .data_channel_name(&self.name);
        // An unset field differs from false: a field that nobody asked for is not sent.
        channel.wait_for_ack = self.waits_for_ack.then_some(true);
        channel.can_reply = self.can_reply.then_some(true);
        self.delivery.apply(channel)
    }
}

impl From<&PublishedDataChannel> for RemoteDataChannel {
    /// Returns the published channel as others see it, with its delivery policy.
    fn from(channel: &PublishedDataChannel) -> Self {
        Self::new(channel.session.clone(), &channel.name, channel.delivery)
    }
}

/// Published data channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PublishedDataChannel {
    /// Session that publishes it.
    #[serde(rename = "sessionId")]
    pub session: SessionId,
    /// Name on that session.
    #[serde(rename = "dataChannelName")]
    pub name: String,
    /// Id on that session, with which the agent opens it.
    pub id: ChannelId,
    /// Policy with which the agent and every subscriber open it.
    pub delivery: Delivery,
}

/// Subscription to a data channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SubscribedDataChannel {
    /// Session that publishes it.
    #[serde(rename = "sessionId")]
    pub publisher: SessionId,
    /// Name on the publisher's session.
    #[serde(rename = "dataChannelName")]
    pub name: String,
    /// Id on the subscriber's session, with which the agent opens it.
    pub id: ChannelId,
    /// Policy with which the agent opens it.
    pub delivery: Delivery,
}

impl fmt::Display for LocalDataChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl fmt::Display for RemoteDataChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

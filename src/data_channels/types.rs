//! Data channels as they are asked for, and as they are once they are there.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::delivery::Delivery;
use super::id::ChannelId;
use crate::generated::types::{DataChannel, SessionId, TrackLocation};
use crate::outcome::Outcome;

/// Data channels that were to be published.
pub type PublishedChannels = Outcome<PublishedDataChannel, LocalDataChannel>;
/// Data channels of other sessions that were to be subscribed to.
pub type SubscribedChannels = Outcome<SubscribedDataChannel, RemoteDataChannel>;
/// Data channels that were to be closed. Those that were gone already are done.
pub type ClosedChannels = Outcome<ChannelId, ChannelId>;

/// The transport of a session's data channels, which is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataTransport;

/// A data channel to be published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LocalDataChannel {
    #[serde(rename = "dataChannelName")]
    pub(super) name: String,
    pub(super) delivery: Delivery,
}

impl LocalDataChannel {
    /// An ordered and reliable channel, under a name that is not used yet on
    /// the session.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), delivery: Delivery::default() }
    }

    /// Another delivery policy.
    pub fn delivery(mut self, delivery: Delivery) -> Self {
        self.delivery = delivery;
        self
    }

    /// The name that the channel is to have on the session.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn request(&self) -> DataChannel {
        let channel =
            DataChannel::new().location(TrackLocation::Local).data_channel_name(&self.name);
        self.delivery.apply(channel)
    }
}

/// A data channel of another session.
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
    /// The channel that the session `publisher` publishes under `name`, with
    /// the delivery policy that it has there.
    pub fn new(publisher: SessionId, name: impl Into<String>, delivery: Delivery) -> Self {
        let name = name.into();
        Self { publisher, name, delivery, waits_for_ack: false, can_reply: false }
    }

    /// The SFU holds messages back until the subscriber's first one, which it
    /// has to send within 30 s.
    pub fn wait_for_ack(mut self) -> Self {
        self.waits_for_ack = true;
        self
    }

    /// The subscriber may send to the publisher; the right is taken from the
    /// subscriber who had it.
    pub fn can_reply(mut self) -> Self {
        self.can_reply = true;
        self
    }

    /// The session that publishes the channel.
    pub fn publisher(&self) -> &SessionId {
        &self.publisher
    }

    /// The channel's name on the publisher's session.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn request(&self) -> DataChannel {
        let mut channel = DataChannel::new()
            .location(TrackLocation::Remote)
            .session_id(self.publisher.clone())
            .data_channel_name(&self.name);
        // Unset is not false: what nobody asked for is not sent.
        channel.wait_for_ack = self.waits_for_ack.then_some(true);
        channel.can_reply = self.can_reply.then_some(true);
        self.delivery.apply(channel)
    }
}

impl From<&PublishedDataChannel> for RemoteDataChannel {
    /// The published channel as the others see it, with its delivery policy.
    fn from(channel: &PublishedDataChannel) -> Self {
        Self::new(channel.session.clone(), &channel.name, channel.delivery)
    }
}

/// A published data channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PublishedDataChannel {
    /// The session that publishes it.
    #[serde(rename = "sessionId")]
    pub session: SessionId,
    /// Its name on that session.
    #[serde(rename = "dataChannelName")]
    pub name: String,
    /// Its id on that session, with which the agent opens it.
    pub id: ChannelId,
    /// The policy with which the agent and every subscriber open it.
    pub delivery: Delivery,
}

/// A subscription to a data channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SubscribedDataChannel {
    /// The session that publishes it.
    #[serde(rename = "sessionId")]
    pub publisher: SessionId,
    /// Its name on the publisher's session.
    #[serde(rename = "dataChannelName")]
    pub name: String,
    /// Its id on the subscriber's session, with which the agent opens it.
    pub id: ChannelId,
    /// The policy with which the agent opens it.
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

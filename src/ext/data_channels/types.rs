//! What data channels are asked for with, and what became of them.

use std::fmt;

use super::{CLOSE, NEW};
use crate::outcome::complete;
use crate::types::{DataChannel, SessionId, TrackLocation};
use crate::{Delivery, Error, Failed};

/// A data channel to be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalDataChannel {
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
}

/// A data channel of another session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteDataChannel {
    pub(super) publisher: SessionId,
    pub(super) name: String,
    pub(super) delivery: Delivery,
    pub(super) waits_for_ack: bool,
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
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PublishedDataChannel {
    /// The session that publishes it.
    pub session: SessionId,
    /// Its name on that session.
    pub name: String,
    /// Its id on that session, 0 to 65534, with which the agent opens it.
    pub id: u16,
    /// The policy with which the agent and every subscriber open it.
    pub delivery: Delivery,
}

/// A subscription to a data channel.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SubscribedDataChannel {
    /// The session that publishes it.
    pub publisher: SessionId,
    /// Its name on the publisher's session.
    pub name: String,
    /// Its id on the subscriber's session, 0 to 65534, with which the agent
    /// opens it.
    pub id: u16,
    /// The policy with which the agent opens it.
    pub delivery: Delivery,
}

/// What became of data channels that were to be published.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct DataChannelsPublished {
    /// What was published.
    pub channels: Vec<PublishedDataChannel>,
    /// What was not, and why.
    pub failed: Vec<Failed<LocalDataChannel>>,
}

/// What became of subscriptions to data channels.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct DataChannelsSubscribed {
    /// The subscriptions that were made.
    pub channels: Vec<SubscribedDataChannel>,
    /// Those that were not, and why.
    pub failed: Vec<Failed<RemoteDataChannel>>,
}

/// What became of data channels that were to be closed.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct DataChannelsClosed {
    /// Closed now, by id.
    pub closed: Vec<u16>,
    /// Not there any more, which is as good as closed.
    pub gone: Vec<u16>,
    /// Not closed, and why. They stay with the session, for another try.
    pub failed: Vec<Failed<u16>>,
}

macro_rules! complete {
    ($($name:ident $operation:ident),*) => {$(
        impl $name {
            /// # Errors
            /// [`Error::Items`] if a channel failed.
            pub fn complete(&self) -> Result<(), Error> {
                complete($operation, &self.failed)
            }
        }
    )*};
}

complete!(DataChannelsPublished NEW, DataChannelsSubscribed NEW, DataChannelsClosed CLOSE);

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

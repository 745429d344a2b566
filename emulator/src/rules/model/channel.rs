//! Data channels of a session.

use std::collections::VecDeque;
use std::time::Duration;

use crate::media::{Delivery, Message, SessionKey};
use crate::rules::read::request::Location;

/// A data channel: its session, and its id there.
pub(crate) type Port = (SessionKey, u16);

/// A data channel of a session.
pub(crate) struct Channel {
    pub(crate) name: String,
    pub(crate) is_open: bool,
    pub(crate) delivery: Delivery,
    pub(crate) end: ChannelEnd,
}

/// End of a data channel: the publisher's or a subscriber's.
pub(crate) enum ChannelEnd {
    Local,
    Remote(Subscriber),
}

pub(crate) struct Subscriber {
    pub(crate) publisher: String,
    /// The publisher's channel. None once it is closed.
    pub(crate) source: Option<Port>,
    pub(crate) can_reply: bool,
    /// The messages that are held back until the agent acknowledges the channel.
    pub(crate) gate: Option<Gate>,
}

/// Messages that wait for a subscriber's acknowledgement.
pub(crate) struct Gate {
    pub(crate) until: Duration,
    pub(crate) held: VecDeque<Message>,
}

/// The most messages that wait for an acknowledgement. The oldest make room.
const MAX_HELD: usize = 1024;

impl Channel {
    pub(crate) fn location(&self) -> Location {
        match self.end {
            ChannelEnd::Local => Location::Local,
            ChannelEnd::Remote(_) => Location::Remote,
        }
    }

    pub(crate) fn publisher(&self) -> Option<&str> {
        match &self.end {
            ChannelEnd::Local => None,
            ChannelEnd::Remote(subscriber) => Some(&subscriber.publisher),
        }
    }

    /// Returns the publisher's channel, if messages can come from it.
    pub(crate) fn source(&self) -> Option<Port> {
        match &self.end {
            ChannelEnd::Remote(subscriber) if self.is_open => subscriber.source,
            _ => None,
        }
    }

    /// Returns whether this is a subscriber that may reply.
    pub(crate) fn can_reply(&self) -> bool {
        matches!(self.end, ChannelEnd::Remote(Subscriber { can_reply: true, .. }))
    }

    pub(crate) fn status(&self, is_up: bool) -> &'static str {
        match &self.end {
            _ if !self.is_open => "inactive",
            ChannelEnd::Remote(subscriber) if subscriber.source.is_none() => "inactive",
            ChannelEnd::Remote(subscriber) if subscriber.gate.is_some() => "initializing",
            _ if !is_up => "initializing",
            _ => "active",
        }
    }
}

impl Subscriber {
    /// Opens the gate. Returns the messages that were held back.
    pub(crate) fn open_gate(&mut self) -> VecDeque<Message> {
        self.gate.take().map(|gate| gate.held).unwrap_or_default()
    }
}

impl Gate {
    pub(crate) fn new(until: Duration) -> Self {
        Self { until, held: VecDeque::new() }
    }

    pub(crate) fn hold(&mut self, message: &Message) {
        if self.held.len() >= MAX_HELD {
            self.held.pop_front();
        }
        self.held.push_back(message.clone());
    }
}

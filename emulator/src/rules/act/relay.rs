//! Messages of data channels, and the channels' ends.

use std::collections::VecDeque;

use super::step::Step;
use crate::media::{Message, SessionKey};
use crate::rules::model::channel::{ChannelEnd, Port, Subscriber};

impl Step<'_> {
    /// Takes a message of an agent on a data channel.
    pub(crate) fn relay(&mut self, key: SessionKey, id: u16, message: &Message) {
        let Some(session) = self.state.sessions.get_mut(&key) else { return };
        let Some(channel) = session.channels.get_mut(&id).filter(|channel| channel.is_open) else {
            return;
        };
        match &mut channel.end {
            ChannelEnd::Local => self.spread((key, id), message),
            // The acknowledgement is for the SFU, not for the publisher.
            ChannelEnd::Remote(subscriber) if subscriber.gate.is_some() => {
                let held = subscriber.open_gate();
                self.let_through(key, id, held);
            }
            ChannelEnd::Remote(Subscriber { can_reply: true, source: Some(source), .. }) => {
                self.media.send(source.0, source.1, message);
            }
            ChannelEnd::Remote(_) => {}
        }
    }

    /// Sends the messages that were held back.
    pub(crate) fn let_through(&mut self, key: SessionKey, id: u16, held: VecDeque<Message>) {
        for message in held {
            self.media.send(key, id, &message);
        }
    }

    /// Sends a message to every subscriber.
    fn spread(&mut self, source: Port, message: &Message) {
        for (key, id) in self.state.listeners(source) {
            match self.state.channel((key, id)).map(|channel| &mut channel.end) {
                Some(ChannelEnd::Remote(Subscriber { gate: Some(gate), .. })) => gate.hold(message),
                _ => self.media.send(key, id, message),
            }
        }
    }

    /// Closes the channels that were not acknowledged in time.
    pub(crate) fn close_unanswered(&mut self, key: SessionKey) {
        let Some(session) = self.state.sessions.get(&key) else { return };
        if session.ack_until().is_none_or(|until| until > self.now) {
            return;
        }
        let ids: Vec<u16> = session
            .channels
            .iter()
            .filter(|(_, channel)| match &channel.end {
                ChannelEnd::Remote(Subscriber { gate: Some(gate), .. }) => gate.until <= self.now,
                _ => false,
            })
            .map(|(id, _)| *id)
            .collect();
        for id in ids {
            self.close_channel(key, id);
        }
    }

    /// Closes a channel. Returns false if it was not open.
    pub(crate) fn close_channel(&mut self, key: SessionKey, id: u16) -> bool {
        let session = self.state.sessions.get_mut(&key);
        let channel = session.and_then(|session| session.channels.get_mut(&id));
        let Some(channel) = channel.filter(|channel| channel.is_open) else { return false };
        channel.is_open = false;
        self.media.close_channel(key, id);
        match &mut channel.end {
            ChannelEnd::Local => self.state.starve_channels(key, id),
            ChannelEnd::Remote(subscriber) => {
                let source = subscriber.source.take();
                subscriber.can_reply = false;
                subscriber.gate = None;
                if let Some(source) = source {
                    self.state.unlisten(source, (key, id));
                }
            }
        }
        true
    }
}

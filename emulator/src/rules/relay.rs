//! Messages of data channels, and the channels' ends.

use std::collections::VecDeque;
use std::time::Duration;

use super::Rules;
use super::channels::{ChannelEnd, Gate, Subscriber};
use super::sessions::Session;
use crate::media::{Media, Message, SessionKey};

/// How many messages wait for an acknowledgement; the oldest make room.
const MAX_HELD: usize = 1024;

impl Gate {
    pub(super) fn new(until: Duration) -> Self {
        Self { until, held: VecDeque::new() }
    }

    fn hold(&mut self, message: &Message) {
        if self.held.len() >= MAX_HELD {
            self.held.pop_front();
        }
        self.held.push_back(message.clone());
    }
}

impl Subscriber {
    /// Lets through what was held back.
    pub(super) fn open_gate(&mut self, key: SessionKey, id: u16, media: &mut dyn Media) {
        for message in self.gate.take().into_iter().flat_map(|gate| gate.held) {
            media.send(key, id, &message);
        }
    }
}

impl Session {
    /// When the first channel that has to be acknowledged ends.
    pub(super) fn ack_until(&self) -> Option<Duration> {
        let gates = self.channels.values().filter_map(|channel| match &channel.end {
            ChannelEnd::Remote(Subscriber { gate: Some(gate), .. }) if channel.is_open => {
                Some(gate.until)
            }
            _ => None,
        });
        gates.min()
    }
}

impl Rules {
    /// What an agent sent on a data channel.
    pub(super) fn relay(
        &mut self,
        key: SessionKey,
        id: u16,
        message: &Message,
        media: &mut dyn Media,
    ) {
        let Some(session) = self.sessions.get_mut(&key) else { return };
        let Some(channel) = session.channels.get_mut(&id).filter(|channel| channel.is_open) else {
            return;
        };
        match &mut channel.end {
            ChannelEnd::Local => self.spread((key, id), message, media),
            // The acknowledgement is for the SFU.
            ChannelEnd::Remote(subscriber) if subscriber.gate.is_some() => {
                subscriber.open_gate(key, id, media);
            }
            ChannelEnd::Remote(Subscriber { can_reply: true, source: Some(source), .. }) => {
                media.send(source.0, source.1, message);
            }
            ChannelEnd::Remote(_) => {}
        }
    }

    /// To every subscriber.
    fn spread(&mut self, source: (SessionKey, u16), message: &Message, media: &mut dyn Media) {
        for (key, session) in &mut self.sessions {
            for (id, channel) in &mut session.channels {
                if channel.source() != Some(source) {
                    continue;
                }
                match &mut channel.end {
                    ChannelEnd::Remote(Subscriber { gate: Some(gate), .. }) => gate.hold(message),
                    _ => media.send(*key, *id, message),
                }
            }
        }
    }

    /// Closes the channels that were not acknowledged in time.
    pub(super) fn close_unanswered(
        &mut self,
        now: Duration,
        key: SessionKey,
        media: &mut dyn Media,
    ) {
        let Some(session) = self.sessions.get(&key) else { return };
        if session.ack_until().is_none_or(|until| until > now) {
            return;
        }
        let ids: Vec<u16> = session
            .channels
            .iter()
            .filter(|(_, channel)| match &channel.end {
                ChannelEnd::Remote(Subscriber { gate: Some(gate), .. }) => gate.until <= now,
                _ => false,
            })
            .map(|(id, _)| *id)
            .collect();
        for id in ids {
            self.close_channel(key, id, media);
        }
    }

    /// Closes a channel. False if it was not open.
    pub(super) fn close_channel(
        &mut self,
        key: SessionKey,
        id: u16,
        media: &mut dyn Media,
    ) -> bool {
        let session = self.sessions.get_mut(&key);
        let channel = session.and_then(|session| session.channels.get_mut(&id));
        let Some(channel) = channel.filter(|channel| channel.is_open) else { return false };
        channel.is_open = false;
        media.close_channel(key, id);
        match &mut channel.end {
            ChannelEnd::Local => self.starve_channels(key, id),
            ChannelEnd::Remote(subscriber) => {
                subscriber.source = None;
                subscriber.can_reply = false;
                subscriber.gate = None;
            }
        }
        true
    }

    /// Leaves the subscribers of a channel without it.
    pub(super) fn starve_channels(&mut self, key: SessionKey, id: u16) {
        for channel in self.sessions.values_mut().flat_map(|session| session.channels.values_mut())
        {
            match &mut channel.end {
                ChannelEnd::Remote(subscriber) if subscriber.source == Some((key, id)) => {
                    subscriber.source = None;
                    subscriber.can_reply = false;
                }
                _ => {}
            }
        }
    }
}

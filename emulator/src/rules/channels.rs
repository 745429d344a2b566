//! Data channels: establish, publish, subscribe, change, close.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Value, json};

use super::Rules;
use super::channel_entries::{ChannelChange, NewChannel};
use super::reply::{Code, Outcome, bad_description, failed, item, ok};
use super::request::{Location, Operation};
use crate::media::{Delivery, Media, Message, NewSection, SessionKey};

/// The channel that establishes the transport; its id is 0.
pub(super) const SERVER_EVENTS: &str = "server-events";
/// The last id that a data channel can have (RFC 8831).
const LAST_ID: u16 = 65_534;

/// A data channel of a session.
pub(super) struct Channel {
    pub(super) name: String,
    pub(super) is_open: bool,
    pub(super) delivery: Delivery,
    pub(super) end: ChannelEnd,
}

/// Which end of a data channel this is.
pub(super) enum ChannelEnd {
    Local,
    Remote(Subscriber),
}

pub(super) struct Subscriber {
    pub(super) publisher: String,
    /// The publisher's channel. None once it is closed.
    pub(super) source: Option<(SessionKey, u16)>,
    pub(super) can_reply: bool,
    /// What holds messages back until the agent says something.
    pub(super) gate: Option<Gate>,
}

/// Messages that wait for a subscriber's acknowledgement.
pub(super) struct Gate {
    pub(super) until: Duration,
    pub(super) held: VecDeque<Message>,
}

impl Channel {
    pub(super) fn location(&self) -> Location {
        match self.end {
            ChannelEnd::Local => Location::Local,
            ChannelEnd::Remote(_) => Location::Remote,
        }
    }

    pub(super) fn publisher(&self) -> Option<&str> {
        match &self.end {
            ChannelEnd::Local => None,
            ChannelEnd::Remote(subscriber) => Some(&subscriber.publisher),
        }
    }

    /// The publisher's channel, if messages can come from it.
    pub(super) fn source(&self) -> Option<(SessionKey, u16)> {
        match &self.end {
            ChannelEnd::Remote(subscriber) if self.is_open => subscriber.source,
            _ => None,
        }
    }

    /// Whether it is a subscriber that may reply.
    pub(super) fn can_reply(&self) -> bool {
        matches!(self.end, ChannelEnd::Remote(Subscriber { can_reply: true, .. }))
    }

    pub(super) fn status(&self, is_up: bool) -> &'static str {
        match &self.end {
            _ if !self.is_open => "inactive",
            ChannelEnd::Remote(subscriber) if subscriber.source.is_none() => "inactive",
            ChannelEnd::Remote(subscriber) if subscriber.gate.is_some() => "initializing",
            _ if !is_up => "initializing",
            _ => "active",
        }
    }
}

impl Rules {
    /// `datachannels/establish`
    pub(super) fn establish(
        &mut self,
        key: SessionKey,
        offer: Option<String>,
        media: &mut dyn Media,
    ) -> Outcome {
        let (description, must_renegotiate) = match offer {
            Some(offer) => {
                let (answer, sections) = self.take_offer(key, &offer, media)?;
                if !sections.iter().any(|section| section.kind.is_none() && !section.is_stopped) {
                    return Err(bad_description("the offer has no section for data channels"));
                }
                (Some(answer), false)
            }
            None if self.live(key)?.has_data => (None, false),
            None => {
                let operation = Operation::EstablishDataChannels;
                (self.make_offer(key, operation, &[NewSection::Data], media)?.0, true)
            }
        };
        let session = self.live(key)?;
        session.has_data = true;
        session.is_established = true;
        Ok(ok(item(json!({ "requiresImmediateRenegotiation": must_renegotiate,
            "dataChannel": { "dataChannelName": SERVER_EVENTS, "id": 0 },
            "sessionDescription": description }))))
    }

    /// `datachannels/new`
    pub(super) fn new_channels(
        &mut self,
        now: Duration,
        key: SessionKey,
        entries: Vec<NewChannel>,
        media: &mut dyn Media,
    ) -> Outcome {
        let app = self.live(key)?.app.clone();
        let mut items = Vec::new();
        for entry in entries {
            let fields = fields(entry.publisher.as_deref(), &entry.name);
            items.push(match self.new_channel(now, &app, key, entry, media) {
                Ok(id) => with_id(fields, id),
                Err(code) => failed(fields, code),
            });
        }
        Ok(ok(json!({ "dataChannels": items })))
    }

    fn new_channel(
        &mut self,
        now: Duration,
        app: &str,
        key: SessionKey,
        entry: NewChannel,
        media: &mut dyn Media,
    ) -> Result<u16, Code> {
        let source = match &entry.publisher {
            None => None,
            Some(publisher) => {
                Some(self.find_channel(app, publisher, &entry.name).ok_or(Code::NotFoundTrack)?)
            }
        };
        let delivery = source.map_or(entry.delivery, |(_, delivery)| delivery);
        let source = source.map(|(source, _)| source);
        let ack_wait = self.config.ack_wait;
        let session = self.sessions.get_mut(&key).ok_or(Code::BackendError)?;
        let is_repeated = session.channels.values().any(|channel| match source {
            None => channel.is_open && channel.publisher().is_none() && channel.name == entry.name,
            Some(_) => channel.source() == source,
        });
        if is_repeated {
            return Err(Code::RepeatedLocalTrack);
        }
        let id = session.last_channel.saturating_add(1);
        if id > LAST_ID {
            return Err(Code::BackendError);
        }
        session.last_channel = id;
        let end = match entry.publisher {
            None => ChannelEnd::Local,
            Some(publisher) => ChannelEnd::Remote(Subscriber {
                publisher,
                source,
                can_reply: false,
                gate: entry.waits_for_ack.then(|| Gate::new(now.saturating_add(ack_wait))),
            }),
        };
        media.open_channel(key, id, &entry.name, delivery);
        let channel = Channel { name: entry.name, is_open: true, delivery, end };
        session.channels.insert(id, channel);
        if entry.can_reply {
            self.set_reply(key, id, true);
        }
        Ok(id)
    }

    /// `datachannels/update`
    pub(super) fn update_channels(
        &mut self,
        now: Duration,
        key: SessionKey,
        entries: Vec<ChannelChange>,
        media: &mut dyn Media,
    ) -> Outcome {
        let until = now.saturating_add(self.config.ack_wait);
        let mut items = Vec::new();
        for entry in entries {
            let fields = fields(Some(&entry.publisher), &entry.name);
            let session = self.live(key)?;
            let is_meant = |channel: &Channel| {
                channel.source().is_some()
                    && channel.publisher() == Some(&entry.publisher)
                    && channel.name == entry.name
            };
            let found = session.channels.iter_mut().rev().find(|(_, channel)| is_meant(channel));
            let Some((&id, channel)) = found else {
                items.push(failed(fields, Code::NotFoundTrack));
                continue;
            };
            if let ChannelEnd::Remote(subscriber) = &mut channel.end {
                match (entry.waits_for_ack, subscriber.gate.is_some()) {
                    (Some(true), false) => subscriber.gate = Some(Gate::new(until)),
                    (Some(false), true) => subscriber.open_gate(key, id, media),
                    _ => {}
                }
            }
            if let Some(can_reply) = entry.can_reply {
                self.set_reply(key, id, can_reply);
            }
            let mut fields = with_id(fields, id);
            fields["canReply"] = entry.can_reply.into();
            fields["waitForAck"] = entry.waits_for_ack.into();
            items.push(item(fields));
        }
        Ok(ok(json!({ "dataChannels": items })))
    }

    /// `datachannels/close`
    pub(super) fn close_channels(
        &mut self,
        key: SessionKey,
        ids: Vec<u16>,
        media: &mut dyn Media,
    ) -> Outcome {
        let mut items = Vec::new();
        for id in ids {
            if !self.close_channel(key, id, media) {
                items.push(failed(json!({ "id": id }), Code::CloseTrack));
                continue;
            }
            let channel = self.live(key)?.channels.get(&id);
            let publisher = channel.and_then(Channel::publisher);
            let name = channel.map(|channel| &*channel.name).unwrap_or_default();
            items.push(with_id(fields(publisher, name), id));
        }
        Ok(ok(json!({ "dataChannels": items })))
    }

    /// The publisher's channel of that name, and its policy.
    fn find_channel(
        &self,
        app: &str,
        publisher: &str,
        name: &str,
    ) -> Option<((SessionKey, u16), Delivery)> {
        let key = *self.ids.get(publisher)?;
        let session = self.sessions.get(&key).filter(|session| session.app == app)?;
        session.channels.iter().rev().find_map(|(id, channel)| match channel.end {
            ChannelEnd::Local if channel.is_open && channel.name == name => {
                Some(((key, *id), channel.delivery))
            }
            _ => None,
        })
    }

    /// Gives or takes the permission to reply. The newest one to have it is the
    /// only one.
    fn set_reply(&mut self, key: SessionKey, id: u16, can_reply: bool) {
        let channel = self.sessions.get(&key).and_then(|session| session.channels.get(&id));
        let source = channel.and_then(Channel::source);
        for (other_key, session) in &mut self.sessions {
            for (other, channel) in &mut session.channels {
                let is_meant = (*other_key, *other) == (key, id);
                let ChannelEnd::Remote(subscriber) = &mut channel.end else { continue };
                if is_meant {
                    subscriber.can_reply = can_reply;
                } else if can_reply && source.is_some() && subscriber.source == source {
                    subscriber.can_reply = false;
                }
            }
        }
    }
}

fn fields(publisher: Option<&str>, name: &str) -> Value {
    let location = if publisher.is_some() { Location::Remote } else { Location::Local };
    item(json!({ "location": location, "sessionId": publisher, "dataChannelName": name }))
}

fn with_id(mut fields: Value, id: u16) -> Value {
    fields["id"] = id.into();
    fields
}

//! Data channels: establish, publish, subscribe, change, close.

use serde_json::{Value, json};

use super::step::Step;
use crate::media::{NewSection, SessionKey};
use crate::rules::model::channel::{Channel, ChannelEnd, Gate, Subscriber};
use crate::rules::read::change::{ChannelChange, NewChannel};
use crate::rules::read::channels::SERVER_EVENTS;
use crate::rules::read::reply::{Code, Outcome, bad_description, failed, item, ok};
use crate::rules::read::request::{Location, Operation};

/// The largest id of a data channel (RFC 8831).
const LAST_ID: u16 = 65_534;

impl Step<'_> {
    /// `datachannels/establish`
    pub(crate) fn establish(&mut self, key: SessionKey, offer: Option<String>) -> Outcome {
        let (description, must_renegotiate) = match offer {
            Some(offer) => {
                let (answer, sections) = self.take_offer(key, &offer)?;
                if !sections.iter().any(|section| section.kind.is_none() && !section.is_stopped) {
                    return Err(bad_description("the offer has no section for data channels"));
                }
                (Some(answer), false)
            }
            None if self.state.live(key)?.has_data => (None, false),
            None => {
                let operation = Operation::EstablishDataChannels;
                (self.make_offer(key, operation, &[NewSection::Data])?.0, true)
            }
        };
        let session = self.state.live(key)?;
        session.has_data = true;
        session.is_established = true;
        Ok(ok(item(json!({ "requiresImmediateRenegotiation": must_renegotiate,
            "dataChannel": { "dataChannelName": SERVER_EVENTS, "id": 0 },
            "sessionDescription": description }))))
    }

    /// `datachannels/new`
    pub(crate) fn new_channels(&mut self, key: SessionKey, entries: Vec<NewChannel>) -> Outcome {
        let app = self.state.live(key)?.app.clone();
        let mut items = Vec::new();
        for entry in entries {
            let fields = fields(entry.publisher.as_deref(), &entry.name);
            items.push(match self.new_channel(&app, key, entry) {
                Ok(id) => with_id(fields, id),
                Err(code) => failed(fields, code),
            });
        }
        Ok(ok(json!({ "dataChannels": items })))
    }

    fn new_channel(&mut self, app: &str, key: SessionKey, entry: NewChannel) -> Result<u16, Code> {
        let source = match &entry.publisher {
            None => None,
            Some(publisher) => Some(
                self.state.find_channel(app, publisher, &entry.name).ok_or(Code::NotFoundTrack)?,
            ),
        };
        let delivery = source.map_or(entry.delivery, |(_, delivery)| delivery);
        let source = source.map(|(source, _)| source);
        let ack_wait = self.state.config.ack_wait;
        let session = self.state.sessions.get_mut(&key).ok_or(Code::BackendError)?;
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
                gate: entry.waits_for_ack.then(|| Gate::new(self.now.saturating_add(ack_wait))),
            }),
        };
        self.media.open_channel(key, id, &entry.name, delivery);
        let channel = Channel { name: entry.name, is_open: true, delivery, end };
        session.channels.insert(id, channel);
        if let Some(source) = source {
            self.state.listeners.entry(source).or_default().insert((key, id));
        }
        if entry.can_reply {
            self.state.set_reply(key, id, true);
        }
        Ok(id)
    }

    /// `datachannels/update`
    pub(crate) fn update_channels(
        &mut self,
        key: SessionKey,
        entries: Vec<ChannelChange>,
    ) -> Outcome {
        let until = self.now.saturating_add(self.state.config.ack_wait);
        let mut items = Vec::new();
        for entry in entries {
            let fields = fields(Some(&entry.publisher), &entry.name);
            let session = self.state.live(key)?;
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
                    (Some(false), true) => {
                        let held = subscriber.open_gate();
                        self.let_through(key, id, held);
                    }
                    _ => {}
                }
            }
            if let Some(can_reply) = entry.can_reply {
                self.state.set_reply(key, id, can_reply);
            }
            let mut fields = with_id(fields, id);
            fields["canReply"] = entry.can_reply.into();
            fields["waitForAck"] = entry.waits_for_ack.into();
            items.push(item(fields));
        }
        Ok(ok(json!({ "dataChannels": items })))
    }

    /// `datachannels/close`
    pub(crate) fn close_channels(&mut self, key: SessionKey, ids: Vec<u16>) -> Outcome {
        let mut items = Vec::new();
        for id in ids {
            if !self.close_channel(key, id) {
                items.push(failed(json!({ "id": id }), Code::CloseTrack));
                continue;
            }
            let channel = self.state.live(key)?.channels.get(&id);
            let publisher = channel.and_then(Channel::publisher);
            let name = channel.map(|channel| &*channel.name).unwrap_or_default();
            items.push(with_id(fields(publisher, name), id));
        }
        Ok(ok(json!({ "dataChannels": items })))
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

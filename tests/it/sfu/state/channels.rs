//! Data channels: establish, publish, subscribe, update, close.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Body, Channel, Failing, Location, Operation, Outcome, Reply, State, check_description, failed,
    invalid, item, ok, one_location, sdp,
};

/// The channel that establishes the transport; its id is 0.
const SERVER_EVENTS: &str = "server-events";

/// A data channel of a request.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry {
    location: Option<Location>,
    session_id: Option<String>,
    data_channel_name: Option<String>,
    max_retransmits: Option<u16>,
    max_packet_life_time: Option<u16>,
    wait_for_ack: Option<bool>,
    can_reply: Option<bool>,
    id: Option<u16>,
}

impl Entry {
    fn name(&self) -> &str {
        self.data_channel_name.as_deref().unwrap_or_default()
    }

    /// What names the entry in a reply.
    fn fields(&self) -> Value {
        json!({ "location": self.location, "sessionId": self.session_id,
            "dataChannelName": self.data_channel_name })
    }

    fn is_meant(&self, channel: &Channel) -> bool {
        let publisher = match self.location {
            Some(Location::Local) => None,
            _ => self.session_id.as_deref(),
        };
        channel.is_open && channel.publisher.as_deref() == publisher && channel.name == self.name()
    }
}

impl State {
    pub(super) fn establish(&mut self, id: &str, body: Body) -> Outcome {
        check_description(body.session_description.as_ref(), "offer")?;
        let is_right = |channel: &Entry| {
            channel.location == Some(Location::Remote) && channel.name() == SERVER_EVENTS
        };
        if !body.data_channel.as_ref().is_some_and(is_right) {
            return Err(invalid("dataChannel: not the remote channel server-events"));
        }
        let session = self.at(id);
        if session.has_transport {
            return Err(invalid("the transport is established already"));
        }
        session.has_transport = true;
        let must_renegotiate = body.session_description.is_none();
        let description = match must_renegotiate {
            true => session.offer(Operation::EstablishDataChannels),
            false => sdp::answer(),
        };
        Ok(ok(json!({ "requiresImmediateRenegotiation": must_renegotiate,
            "dataChannel": { "dataChannelName": SERVER_EVENTS, "id": 0 },
            "sessionDescription": description })))
    }

    pub(super) fn new_channels(&mut self, id: &str, body: Body, failing: &Failing) -> Outcome {
        if !self.at(id).has_transport {
            return Err(invalid("the transport is not established"));
        }
        let entries = entries(body)?;
        one_location("dataChannels", entries.iter().map(|entry| entry.location))?;
        check_names(&entries)?;
        let items = entries.iter().enumerate().map(|(index, entry)| {
            let added = match failing.get(&index) {
                Some(code) => Err(code.as_str()),
                None => self.add_channel(id, entry),
            };
            let mut fields = entry.fields();
            match added {
                Ok(channel_id) => {
                    fields["id"] = channel_id.into();
                    item(fields)
                }
                Err(code) => failed(fields, code),
            }
        });
        Ok(reply(items.collect()))
    }

    pub(super) fn update_channels(&mut self, id: &str, body: Body, failing: &Failing) -> Outcome {
        let entries = entries(body)?;
        if one_location("dataChannels", entries.iter().map(|entry| entry.location))?
            != Some(Location::Remote)
        {
            return Err(invalid("dataChannels: location is not remote"));
        }
        check_names(&entries)?;
        let items = entries.iter().enumerate().map(|(index, entry)| {
            let found = match failing.get(&index) {
                Some(code) => Err(code.as_str()),
                None => {
                    let mut channels = self.at(id).channels.iter_mut();
                    let found = channels.find(|(_, channel)| entry.is_meant(channel));
                    found.map(|(channel_id, _)| *channel_id).ok_or("not_found_track_error")
                }
            };
            let channel_id = match found {
                Ok(channel_id) => channel_id,
                Err(code) => return failed(entry.fields(), code),
            };
            self.set_flags(id, channel_id, entry);
            let mut fields = entry.fields();
            fields["id"] = channel_id.into();
            fields["canReply"] = entry.can_reply.into();
            fields["waitForAck"] = entry.wait_for_ack.into();
            item(fields)
        });
        Ok(reply(items.collect()))
    }

    pub(super) fn close_channels(&mut self, id: &str, body: Body, failing: &Failing) -> Outcome {
        let entries = entries(body)?;
        if let Some(index) = entries.iter().position(|entry| entry.id.is_none()) {
            return Err(invalid(&format!("dataChannels[{index}]: Missing id in data channel")));
        }
        let session = self.at(id);
        let items = entries.iter().enumerate().map(|(index, entry)| {
            let fields = json!({ "id": entry.id });
            if let Some(code) = failing.get(&index) {
                return failed(fields, code);
            }
            let channel = session.channels.get_mut(&entry.id.unwrap_or_default());
            match channel.filter(|channel| channel.is_open) {
                None => failed(fields, "close_track_error"),
                Some(channel) => {
                    channel.is_open = false;
                    channel.can_reply = false;
                    item(json!({ "id": entry.id, "location": channel.location,
                        "sessionId": channel.publisher, "dataChannelName": channel.name }))
                }
            }
        });
        Ok(reply(items.collect()))
    }

    fn add_channel(&mut self, id: &str, entry: &Entry) -> Result<u16, &'static str> {
        if self.at(id).channels.values().any(|channel| entry.is_meant(channel)) {
            return Err("repeated_local_track_error");
        }
        let location = entry.location.unwrap_or(Location::Local);
        let publisher = match location {
            Location::Local => None,
            Location::Remote => Some(self.channel_publisher(entry).ok_or("not_found_track_error")?),
        };
        let session = self.at(id);
        session.last_channel += 1;
        let channel_id = session.last_channel;
        let channel = Channel {
            location,
            name: entry.name().to_owned(),
            publisher,
            can_reply: false,
            is_open: true,
        };
        session.channels.insert(channel_id, channel);
        if location == Location::Remote {
            self.set_flags(id, channel_id, entry);
        }
        Ok(channel_id)
    }

    /// The session that an entry names, if the channel is published there.
    fn channel_publisher(&self, entry: &Entry) -> Option<String> {
        let publisher = entry.session_id.as_ref()?;
        let mut channels = self.sessions.get(publisher)?.channels.values();
        let is_published = channels.any(|channel| {
            channel.is_open && channel.location == Location::Local && channel.name == entry.name()
        });
        is_published.then(|| publisher.clone())
    }

    /// Sets the flags that the entry has. The newest permission to reply takes
    /// it from the other subscribers of the same channel.
    fn set_flags(&mut self, id: &str, channel_id: u16, entry: &Entry) {
        if entry.can_reply == Some(true) {
            let channels =
                self.sessions.values_mut().flat_map(|session| session.channels.values_mut());
            for channel in channels.filter(|channel| entry.is_meant(channel)) {
                channel.can_reply = false;
            }
        }
        if let Some(channel) = self.at(id).channels.get_mut(&channel_id) {
            channel.can_reply = entry.can_reply.unwrap_or(channel.can_reply);
        }
    }
}

fn entries(body: Body) -> Result<Vec<Entry>, Reply> {
    let entries = body.data_channels.unwrap_or_default();
    if entries.is_empty() {
        return Err(invalid("Missing dataChannels"));
    }
    let has_both =
        |entry: &Entry| entry.max_retransmits.is_some() && entry.max_packet_life_time.is_some();
    match entries.iter().position(has_both) {
        Some(index) => Err(invalid(&format!("dataChannels[{index}]: both retry limits are set"))),
        None => Ok(entries),
    }
}

fn check_names(entries: &[Entry]) -> Result<(), Reply> {
    for (index, entry) in entries.iter().enumerate() {
        let missing = |field| {
            Err(invalid(&format!("dataChannels[{index}]: Missing {field} in data channel")))
        };
        if entry.name().is_empty() {
            return missing("dataChannelName");
        }
        if entry.location == Some(Location::Remote) && entry.session_id.is_none() {
            return missing("sessionId");
        }
    }
    Ok(())
}

fn reply(items: Vec<Value>) -> Reply {
    ok(json!({ "dataChannels": items }))
}

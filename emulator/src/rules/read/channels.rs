//! Requests on data channels.

use super::body::{Body, ChannelEntry, Part, missing, needed, one_location};
use super::change::{Change, ChannelChange, NewChannel};
use super::reply::{Reply, invalid};
use super::request::Location;
use crate::media::Delivery;

/// Name of the channel that establishes the transport; its id is 0.
pub(crate) const SERVER_EVENTS: &str = "server-events";

pub(crate) fn read_establish(body: Body) -> Result<Change, Reply> {
    let offer = body.session_description.map(|offer| offer.text(Part::Offer)).transpose()?;
    let is_right = body.data_channel.is_some_and(|channel| {
        channel.location == Some(Location::Remote)
            && channel.data_channel_name.as_deref() == Some(SERVER_EVENTS)
    });
    match is_right {
        true => Ok(Change::Establish { offer }),
        false => Err(invalid("dataChannel: not the remote channel server-events")),
    }
}

pub(crate) fn read_new(body: Body) -> Result<Change, Reply> {
    let entries = entries(body)?;
    let is_remote = location(&entries)? == Some(Location::Remote);
    let mut channels = Vec::new();
    for (index, entry) in entries.into_iter().enumerate() {
        let name = name(index, &entry)?;
        let publisher = match is_remote {
            true => Some(publisher(index, &entry)?),
            false => None,
        };
        channels.push(NewChannel {
            name,
            publisher,
            delivery: Delivery {
                is_ordered: entry.ordered.unwrap_or(true),
                max_retransmits: entry.max_retransmits,
                max_packet_life_time: entry.max_packet_life_time,
            },
            waits_for_ack: is_remote && entry.wait_for_ack == Some(true),
            can_reply: is_remote && entry.can_reply == Some(true),
        });
    }
    Ok(Change::NewChannels(channels))
}

pub(crate) fn read_updates(body: Body) -> Result<Change, Reply> {
    let entries = entries(body)?;
    if location(&entries)? != Some(Location::Remote) {
        return Err(invalid("dataChannels: location is not remote"));
    }
    let mut changes = Vec::new();
    for (index, entry) in entries.into_iter().enumerate() {
        changes.push(ChannelChange {
            name: name(index, &entry)?,
            publisher: publisher(index, &entry)?,
            waits_for_ack: entry.wait_for_ack,
            can_reply: entry.can_reply,
        });
    }
    Ok(Change::UpdateChannels(changes))
}

pub(crate) fn read_closes(body: Body) -> Result<Change, Reply> {
    let ids = entries(body)?
        .into_iter()
        .enumerate()
        .map(|(index, entry)| entry.id.ok_or_else(|| missing("dataChannels", index, "id")));
    ids.collect::<Result<Vec<_>, _>>().map(Change::CloseChannels)
}

fn entries(body: Body) -> Result<Vec<ChannelEntry>, Reply> {
    let entries = body.data_channels.unwrap_or_default();
    if entries.is_empty() {
        return Err(invalid("Missing dataChannels"));
    }
    let has_both = |entry: &ChannelEntry| {
        entry.max_retransmits.is_some() && entry.max_packet_life_time.is_some()
    };
    match entries.iter().position(has_both) {
        Some(index) => Err(invalid(&format!("dataChannels[{index}]: both retry limits are set"))),
        None => Ok(entries),
    }
}

fn location(entries: &[ChannelEntry]) -> Result<Option<Location>, Reply> {
    one_location("dataChannels", entries.iter().map(|entry| entry.location))
}

fn name(index: usize, entry: &ChannelEntry) -> Result<String, Reply> {
    let name = entry.data_channel_name.as_deref();
    needed("dataChannels", index, "dataChannelName", name).map(str::to_owned)
}

fn publisher(index: usize, entry: &ChannelEntry) -> Result<String, Reply> {
    let publisher = entry.session_id.as_deref();
    needed("dataChannels", index, "sessionId", publisher).map(str::to_owned)
}

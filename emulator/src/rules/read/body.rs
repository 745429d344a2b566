//! Bodies of requests.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::reply::{Reply, bad_description, invalid, undecodable, unreadable_description};
use super::request::Location;
use crate::media::Layers;

/// The body of every operation on a session. Unknown fields are ignored.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Body {
    pub(crate) session_description: Option<Description>,
    pub(crate) tracks: Option<Vec<TrackEntry>>,
    pub(crate) auto_discover: Option<bool>,
    pub(crate) force: Option<bool>,
    pub(crate) data_channel: Option<ChannelEntry>,
    pub(crate) data_channels: Option<Vec<ChannelEntry>>,
}

/// An offer or an answer.
#[derive(Deserialize)]
pub(crate) struct Description {
    #[serde(rename = "type")]
    kind: Option<String>,
    sdp: Option<String>,
}

/// Part of an exchange that a description has to be.
#[derive(Clone, Copy)]
pub(crate) enum Part {
    Offer,
    Answer,
}

/// A track of a request.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TrackEntry {
    pub(crate) location: Option<Location>,
    pub(crate) mid: Option<String>,
    pub(crate) session_id: Option<String>,
    pub(crate) track_name: Option<String>,
    pub(crate) bidirectional_media_stream: Option<bool>,
    pub(crate) kind: Option<String>,
    pub(crate) simulcast: Option<Simulcast>,
}

/// Layers that a subscriber wants.
#[derive(Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Simulcast {
    #[serde(skip_serializing_if = "Option::is_none")]
    preferred_rid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority_ordering: Option<Fallback>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rid_not_available: Option<Fallback>,
}

#[derive(Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Fallback {
    None,
    Asciibetical,
}

/// A data channel of a request.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChannelEntry {
    pub(crate) location: Option<Location>,
    pub(crate) session_id: Option<String>,
    pub(crate) data_channel_name: Option<String>,
    pub(crate) ordered: Option<bool>,
    pub(crate) max_retransmits: Option<u16>,
    pub(crate) max_packet_life_time: Option<u16>,
    pub(crate) wait_for_ack: Option<bool>,
    pub(crate) can_reply: Option<bool>,
    pub(crate) id: Option<u16>,
}

impl Simulcast {
    pub(crate) fn layers(&self) -> Layers {
        Layers {
            preferred: self.preferred_rid.clone(),
            falls_back_for_bandwidth: self.priority_ordering == Some(Fallback::Asciibetical),
            falls_back_if_absent: self.rid_not_available == Some(Fallback::Asciibetical),
        }
    }
}

impl Description {
    /// Returns the text, if it can be a description. The media side reads the rest.
    pub(crate) fn text(self, part: Part) -> Result<String, Reply> {
        let part = match part {
            Part::Offer => "offer",
            Part::Answer => "answer",
        };
        if self.kind.as_deref() != Some(part) {
            return Err(bad_description(&format!("the description is no {part}")));
        }
        match self.sdp {
            Some(sdp) if sdp.starts_with("v=0") && sdp.ends_with('\n') => Ok(sdp),
            Some(sdp) if sdp.starts_with("v=0") => {
                Err(unreadable_description("the last line of the description has no end"))
            }
            _ => Err(unreadable_description("the description is no SDP")),
        }
    }
}

/// Reads a body. The refusal names the field that is wrong and quotes nothing.
pub(crate) fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, Reply> {
    let value: Value = serde_json::from_slice(body).map_err(|_| undecodable("no JSON"))?;
    if !is_shaped(&value) {
        return Err(undecodable("no object where one belongs"));
    }
    if let Some(index) = null_mid(&value) {
        return Err(undecodable(&format!("tracks[{index}].mid")));
    }
    serde_path_to_error::deserialize(value).map_err(|error| undecodable(&error.path().to_string()))
}

/// Returns the first track whose mid is null, which differs from a missing one.
fn null_mid(body: &Value) -> Option<usize> {
    let is_null = |track: &Value| track.get("mid").is_some_and(Value::is_null);
    body.get("tracks")?.as_array()?.iter().position(is_null)
}

/// Returns a text that has to be there.
pub(crate) fn needed<'a>(
    list: &str,
    index: usize,
    field: &str,
    value: Option<&'a str>,
) -> Result<&'a str, Reply> {
    value.filter(|value| !value.is_empty()).ok_or_else(|| missing(list, index, field))
}

/// Returns the refusal for a missing field.
pub(crate) fn missing(list: &str, index: usize, field: &str) -> Reply {
    let noun = if list == "tracks" { "track" } else { "data channel" };
    invalid(&format!("{list}[{index}]: Missing {field} in {noun}"))
}

/// Returns the location that all entries have. None if there are none.
pub(crate) fn one_location(
    list: &str,
    locations: impl Iterator<Item = Option<Location>>,
) -> Result<Option<Location>, Reply> {
    let mut all = None;
    for (index, location) in locations.enumerate() {
        let location = location.ok_or_else(|| missing(list, index, "location"))?;
        if *all.get_or_insert(location) != location {
            return Err(invalid("one request has local and remote entries"));
        }
    }
    Ok(all)
}

/// Returns whether objects are in their places. serde would accept arrays too.
fn is_shaped(body: &Value) -> bool {
    let is_list = |list: &str| match body.get(list) {
        Some(Value::Array(items)) => items.iter().all(|item| {
            item.is_object() && !item.get("simulcast").is_some_and(|simulcast| simulcast.is_array())
        }),
        _ => true,
    };
    let is_single = |field: &str| !body.get(field).is_some_and(Value::is_array);
    body.is_object()
        && ["tracks", "dataChannels"].into_iter().all(is_list)
        && ["sessionDescription", "dataChannel"].into_iter().all(is_single)
}

//! Requests on WebSocket adapters.

use serde::Deserialize;

use super::body::{decode, missing, needed};
use super::endpoints::OutputCodec;
use super::reply::{Reply, invalid};
use super::request::Location;
use crate::rules::config::Config;

/// An adapter to be created.
pub(crate) struct NewAdapter {
    pub(crate) name: String,
    pub(crate) endpoint: String,
    pub(crate) way: Way,
}

pub(crate) enum Way {
    Ingest,
    Egress { publisher: String, codec: OutputCodec },
}

#[derive(Deserialize)]
struct AdapterBody {
    tracks: Option<Vec<Entry>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    location: Option<Location>,
    session_id: Option<String>,
    track_name: Option<String>,
    endpoint: Option<String>,
    output_codec: Option<OutputCodec>,
    input_codec: Option<InputCodec>,
    adapter_id: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum InputCodec {
    Pcm,
}

impl NewAdapter {
    fn read(index: usize, entry: Entry) -> Result<Self, Reply> {
        let location = entry.location.ok_or_else(|| missing("tracks", index, "location"))?;
        let name = needed("tracks", index, "trackName", entry.track_name.as_deref())?.to_owned();
        let endpoint = needed("tracks", index, "endpoint", entry.endpoint.as_deref())?.to_owned();
        if !is_web_socket(&endpoint) {
            return Err(invalid(&format!("tracks[{index}]: endpoint is no ws or wss URL")));
        }
        let way = match location {
            Location::Local => {
                entry.input_codec.ok_or_else(|| missing("tracks", index, "inputCodec"))?;
                Way::Ingest
            }
            Location::Remote => Way::Egress {
                publisher: needed("tracks", index, "sessionId", entry.session_id.as_deref())?
                    .to_owned(),
                codec: entry.output_codec.ok_or_else(|| missing("tracks", index, "outputCodec"))?,
            },
        };
        Ok(Self { name, endpoint, way })
    }
}

/// Returns the entries of a request to make adapters.
pub(crate) fn read_new(body: &[u8], config: &Config) -> Result<Vec<NewAdapter>, Reply> {
    let entries = entries(body, config)?.into_iter().enumerate();
    entries.map(|(index, entry)| NewAdapter::read(index, entry)).collect()
}

/// Returns the ids of a request to close adapters.
pub(crate) fn read_close(body: &[u8], config: &Config) -> Result<Vec<String>, Reply> {
    let entries = entries(body, config)?.into_iter().enumerate();
    let ids = entries.map(|(index, entry)| {
        needed("tracks", index, "adapterId", entry.adapter_id.as_deref()).map(str::to_owned)
    });
    ids.collect()
}

fn entries(body: &[u8], config: &Config) -> Result<Vec<Entry>, Reply> {
    let entries = decode::<AdapterBody>(body)?.tracks.unwrap_or_default();
    let max = config.max_adapters;
    match entries.len() {
        0 => Err(invalid("Expecting at least 1 track in the request")),
        count if count > max => {
            Err(invalid(&format!("Expecting at most {max} track in the request")))
        }
        _ => Ok(entries),
    }
}

fn is_web_socket(url: &str) -> bool {
    let rest = url.strip_prefix("ws://").or_else(|| url.strip_prefix("wss://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', '?', '#', ':']))
}

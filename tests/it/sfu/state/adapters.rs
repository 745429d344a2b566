//! WebSocket adapters: create, close.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Failing, Location, Outcome, Reply, State, decode, failed, invalid, item};

/// How many adapters one request may have.
const MAX: usize = 4;

#[derive(Deserialize)]
struct Adapters {
    tracks: Option<Vec<Entry>>,
}

/// An adapter of a request.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    location: Option<Location>,
    session_id: Option<String>,
    track_name: Option<String>,
    endpoint: Option<String>,
    output_codec: Option<String>,
    input_codec: Option<String>,
    adapter_id: Option<String>,
}

impl Entry {
    /// The first needed field that is not there.
    fn missing(&self) -> Option<&'static str> {
        let (codec, has_codec) = match self.location {
            Some(Location::Remote) => ("outputCodec", self.output_codec.is_some()),
            _ => ("inputCodec", self.input_codec.is_some()),
        };
        let needs_session = self.location == Some(Location::Remote);
        [
            ("location", self.location.is_some()),
            ("trackName", self.track_name.as_ref().is_some_and(|name| !name.is_empty())),
            ("endpoint", self.endpoint.as_ref().is_some_and(|url| is_web_socket(url))),
            ("sessionId", !needs_session || self.session_id.is_some()),
            (codec, has_codec),
        ]
        .into_iter()
        .find_map(|(field, is_there)| (!is_there).then_some(field))
    }
}

impl State {
    pub(super) fn new_adapters(&mut self, body: &[u8], failing: &Failing) -> Outcome {
        let entries = entries(body)?;
        for (index, entry) in entries.iter().enumerate() {
            if let Some(field) = entry.missing() {
                return Err(invalid(&format!("tracks[{index}]: Missing {field} in track")));
            }
        }
        let items = entries.iter().enumerate().map(|(index, entry)| {
            let name = entry.track_name.as_deref().unwrap_or_default();
            let endpoint = entry.endpoint.as_deref().unwrap_or_default();
            let fields = json!({ "trackName": name });
            if let Some(code) = failing.get(&index) {
                return failed(fields, code);
            }
            if endpoint.contains("fail") {
                return failed(fields, "websocket_handshake_failed");
            }
            let adapter = format!("ad{:030x}", self.adapters.len() + 1);
            // An ingest adapter is a publisher with a session of its own.
            let feeds = (entry.location == Some(Location::Local)).then(|| {
                let session = self.new_session();
                let mid = self.publish(&session, name);
                (session, mid)
            });
            let session = feeds.as_ref().map(|(session, _)| session.clone());
            self.adapters.insert(adapter.clone(), (true, feeds));
            item(json!({ "trackName": name, "adapterId": adapter, "endpoint": endpoint,
                "sessionId": session }))
        });
        Ok(reply(items.collect()))
    }

    pub(super) fn close_adapters(&mut self, body: &[u8], failing: &Failing) -> Outcome {
        let entries = entries(body)?;
        if let Some(index) = entries.iter().position(|entry| entry.adapter_id.is_none()) {
            return Err(invalid(&format!("tracks[{index}]: Missing adapterId in track")));
        }
        let items = entries.into_iter().enumerate().map(|(index, entry)| {
            let adapter = entry.adapter_id.unwrap_or_default();
            let fields = json!({ "adapterId": adapter });
            if let Some(code) = failing.get(&index) {
                return failed(fields, code);
            }
            let Some((is_open, feeds)) = self.adapters.get_mut(&adapter) else {
                return failed(fields, "adapter_not_found");
            };
            // One that is closed already is reported as closed, without a count.
            let bytes = std::mem::take(is_open).then_some(83_492);
            if let Some((session, mid)) = feeds.take() {
                self.close_mid(&session, &mid);
            }
            item(json!({ "adapterId": adapter, "bytesProcessed": bytes }))
        });
        Ok(reply(items.collect()))
    }

    pub(in super::super) fn open_adapters(&self) -> impl Iterator<Item = &String> {
        self.adapters.iter().filter(|(_, (is_open, _))| *is_open).map(|(adapter, _)| adapter)
    }
}

fn entries(body: &[u8]) -> Result<Vec<Entry>, Reply> {
    let entries = decode::<Adapters>(body)?.tracks.unwrap_or_default();
    match entries.len() {
        1..=MAX => Ok(entries),
        0 => Err(invalid("Expecting at least 1 track in the request")),
        _ => Err(invalid("Expecting at most 4 track in the request")),
    }
}

fn is_web_socket(url: &str) -> bool {
    url.starts_with("ws://") || url.starts_with("wss://")
}

/// 503 if nothing worked.
fn reply(items: Vec<Value>) -> Reply {
    let has_failed = items.iter().all(|item| item.get("errorCode").is_some());
    Reply { status: if has_failed { 503 } else { 200 }, body: json!({ "tracks": items }) }
}

//! WebSocket adapters. The rules say which endpoints to connect to; the
//! connections are made elsewhere.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::Rules;
use super::body::{decode, missing, needed};
use super::endpoints::{AdapterCommand, AdapterFailure, AdapterStream, Endpoint, OutputCodec};
use super::negotiation::Carried;
use super::reply::{Code, Outcome, Reply, failed, invalid, item};
use super::request::{Location, Request, Response, Ticket};
use super::tracks::{Flow, Found, Source};
use crate::media::{Kind, Media, Place, SessionKey};

/// The section that an adapter's track is published on.
const INGEST_MID: &str = "0";

pub(super) struct Adapter {
    pub(super) app: String,
    /// The endpoint has answered.
    pub(super) is_open: bool,
    feeds: Option<SessionKey>,
    reads: Option<Source>,
    bytes: Option<u64>,
}

/// A request that waits for its adapters.
pub(super) struct Job {
    ticket: Ticket,
    until: Duration,
    items: Vec<Item>,
}

enum Item {
    Done { is_failed: bool, fields: Value },
    Opening { id: String, fields: Value },
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

/// An adapter to be created.
struct NewAdapter {
    name: String,
    endpoint: String,
    way: Way,
}

enum Way {
    Ingest,
    Egress { publisher: String, codec: OutputCodec },
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

impl Rules {
    /// `adapters/websocket/new`
    pub(super) fn new_adapters(
        &mut self,
        now: Duration,
        request: Request,
        media: &mut dyn Media,
    ) -> Result<Response, Reply> {
        let mut adapters = Vec::new();
        for (index, entry) in self.adapter_entries(&request.body)?.into_iter().enumerate() {
            adapters.push(NewAdapter::read(index, entry)?);
        }
        let mut items = Vec::new();
        for adapter in adapters {
            items.push(self.new_adapter(now, &request.app, adapter, media));
        }
        let job = Job {
            ticket: Ticket(self.next()),
            until: now.saturating_add(self.config.adapter_wait),
            items,
        };
        Ok(match job.reply() {
            Some(reply) => Response::Now(reply),
            None => {
                let ticket = job.ticket;
                self.jobs.push(job);
                Response::Later(ticket)
            }
        })
    }

    fn new_adapter(
        &mut self,
        now: Duration,
        app: &str,
        new: NewAdapter,
        media: &mut dyn Media,
    ) -> Item {
        let id = self.new_id();
        let mut fields =
            json!({ "trackName": new.name, "adapterId": id, "endpoint": new.endpoint });
        let mut adapter =
            Adapter { app: app.to_owned(), is_open: false, feeds: None, reads: None, bytes: None };
        let stream = match new.way {
            Way::Ingest => {
                let (key, session) = self.open_session(now, app.to_owned(), media);
                let mid = INGEST_MID.to_owned();
                if let Some(session) = self.sessions.get_mut(&key) {
                    session.is_ingest = true;
                    session.sections.insert(mid.clone(), Carried::ingest());
                }
                if self.put_local(now, key, mid.clone(), new.name, Kind::Audio).is_ok() {
                    adapter.feeds = Some(key);
                }
                self.schedule(key);
                fields["sessionId"] = session.into();
                AdapterStream::Ingest { to: Place { session: key, mid } }
            }
            Way::Egress { publisher, codec } => {
                let found = self.find(now, app, &publisher, &new.name, media);
                let is_right =
                    |found: &Found| codec.kind() == found.kind && found.flow != Flow::NotBegun;
                let Some(found) = found.filter(is_right) else {
                    let fields = json!({ "trackName": new.name });
                    let fields = failed(fields, Code::NotFoundTrack);
                    return Item::Done { is_failed: true, fields };
                };
                adapter.reads = Some(found.source);
                let reconnect = self.config.egress_reconnect;
                AdapterStream::Egress { from: found.place, codec, reconnect }
            }
        };
        self.adapters.insert(id.clone(), adapter);
        let endpoint = Endpoint(new.endpoint);
        self.commands.push_back(AdapterCommand::Open { id: id.clone(), endpoint, stream });
        Item::Opening { id, fields }
    }

    /// How connecting an adapter went.
    pub fn adapter_opened(
        &mut self,
        id: &str,
        result: Result<(), AdapterFailure>,
        media: &mut dyn Media,
    ) {
        let Some(adapter) = self.adapters.get_mut(id) else { return };
        if adapter.is_open {
            return;
        }
        tracing::info!(adapter = id, ?result, "endpoint");
        if result.is_ok() {
            adapter.is_open = true;
            let (feeds, reads) = (adapter.feeds, adapter.reads);
            // What it was for can have ended meanwhile.
            if let Some(source) = reads.filter(|source| !self.is_published(*source)) {
                self.end_egress(source);
            }
            if let Some(key) = feeds.filter(|key| !self.sessions.contains_key(key)) {
                self.end_ingest(key);
            }
        } else if let Some(key) = self.adapters.remove(id).and_then(|adapter| adapter.feeds) {
            // Nobody has heard of its session.
            self.forget(key, media);
        }
        for job in &mut self.jobs {
            job.settle(id, result);
        }
        self.finish_jobs();
    }

    /// How many bytes went through an adapter so far.
    pub fn adapter_bytes(&mut self, id: &str, total: u64) {
        if let Some(adapter) = self.adapters.get_mut(id) {
            adapter.bytes = Some(total);
        }
    }

    /// The endpoint has hung up. What it fed ends.
    pub fn adapter_closed(&mut self, id: &str, media: &mut dyn Media) {
        match self.adapters.get(id).map(|adapter| adapter.is_open) {
            None => {}
            Some(false) => self.adapter_opened(id, Err(AdapterFailure::Handshake), media),
            Some(true) => {
                let feeds = self.retire(id).and_then(|adapter| adapter.feeds);
                if let Some(key) = feeds {
                    self.remove(key, media);
                }
            }
        }
    }

    /// `adapters/websocket/close`
    pub(super) fn close_adapters(&mut self, request: &Request, media: &mut dyn Media) -> Outcome {
        let mut ids = Vec::new();
        for (index, entry) in self.adapter_entries(&request.body)?.iter().enumerate() {
            ids.push(needed("tracks", index, "adapterId", entry.adapter_id.as_deref())?.to_owned());
        }
        let mut items = Vec::new();
        for id in ids {
            let fields = json!({ "adapterId": id });
            let adapter = self.adapters.get(&id).filter(|adapter| adapter.app == request.app);
            let (is_failed, fields) = match adapter {
                Some(adapter) if adapter.is_open => {
                    let fields = item(json!({ "adapterId": id, "bytesProcessed": adapter.bytes }));
                    self.adapter_closed(&id, media);
                    self.commands.push_back(AdapterCommand::Close { id });
                    (false, fields)
                }
                None if self.closed_adapters.was_of(&id, &request.app) => (false, fields),
                _ => (true, failed(fields, Code::AdapterNotFound)),
            };
            items.push(Item::Done { is_failed, fields });
        }
        Ok(reply(&items).unwrap_or_else(|| invalid("Expecting at least 1 track in the request")))
    }

    /// Ends the adapters that read a publication that has ended.
    pub(super) fn end_egress(&mut self, source: Source) {
        self.end_adapters(|adapter| adapter.reads == Some(source));
    }

    /// Ends the adapter that feeds a session that has ended.
    pub(super) fn end_ingest(&mut self, key: SessionKey) {
        self.end_adapters(|adapter| adapter.feeds == Some(key));
    }

    fn end_adapters(&mut self, is_meant: impl Fn(&Adapter) -> bool) {
        let is_meant = |adapter: &Adapter| adapter.is_open && is_meant(adapter);
        let ended = self.adapters.iter().filter(|(_, adapter)| is_meant(adapter));
        for id in ended.map(|(id, _)| id.clone()).collect::<Vec<_>>() {
            self.retire(&id);
            self.commands.push_back(AdapterCommand::Close { id });
        }
    }

    /// Remembers of an adapter only that it is closed.
    fn retire(&mut self, id: &str) -> Option<Adapter> {
        let adapter = self.adapters.remove(id)?;
        tracing::info!(adapter = id, "closed");
        self.closed_adapters.insert(id.to_owned(), adapter.app.clone());
        Some(adapter)
    }

    /// Gives up the endpoints that did not answer.
    pub(super) fn give_up_adapters(&mut self, now: Duration, media: &mut dyn Media) {
        let late: Vec<String> = self
            .jobs
            .iter()
            .filter(|job| job.until <= now)
            .flat_map(|job| &job.items)
            .filter_map(|item| match item {
                Item::Opening { id, .. } => Some(id.clone()),
                Item::Done { .. } => None,
            })
            .collect();
        for id in late {
            self.commands.push_back(AdapterCommand::Close { id: id.clone() });
            self.adapter_opened(&id, Err(AdapterFailure::Timeout), media);
        }
    }

    pub(super) fn next_job(&self) -> Option<Duration> {
        self.jobs.iter().map(|job| job.until).min()
    }

    fn finish_jobs(&mut self) {
        let replies = &mut self.replies;
        self.jobs.retain(|job| match job.reply() {
            Some(reply) => {
                replies.push_back((job.ticket, reply));
                false
            }
            None => true,
        });
    }

    fn adapter_entries(&self, body: &[u8]) -> Result<Vec<Entry>, Reply> {
        let entries = decode::<AdapterBody>(body)?.tracks.unwrap_or_default();
        let max = self.config.max_adapters;
        match entries.len() {
            0 => Err(invalid("Expecting at least 1 track in the request")),
            count if count > max => {
                Err(invalid(&format!("Expecting at most {max} track in the request")))
            }
            _ => Ok(entries),
        }
    }
}

impl Job {
    /// Notes how connecting went.
    fn settle(&mut self, adapter: &str, result: Result<(), AdapterFailure>) {
        for item in &mut self.items {
            let Item::Opening { id, fields } = item else { continue };
            if id != adapter {
                continue;
            }
            let (is_failed, fields) = match result {
                Ok(()) => (false, fields.take()),
                Err(error) => {
                    (true, failed(json!({ "trackName": fields["trackName"] }), error.code()))
                }
            };
            *item = Item::Done { is_failed, fields };
        }
    }

    fn reply(&self) -> Option<Reply> {
        reply(&self.items)
    }
}

/// The reply once nothing is open. 503 if nothing worked.
fn reply(items: &[Item]) -> Option<Reply> {
    let mut status = 503;
    let mut tracks = Vec::new();
    for item in items {
        let Item::Done { is_failed, fields } = item else { return None };
        status = if *is_failed { status } else { 200 };
        tracks.push(fields);
    }
    Some(Reply { status, body: json!({ "tracks": tracks }) })
}

fn is_web_socket(url: &str) -> bool {
    let rest = url.strip_prefix("ws://").or_else(|| url.strip_prefix("wss://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', '?', '#', ':']))
}

//! WebSocket adapters. The rules name the endpoints. The connections are made elsewhere.

use serde_json::json;

use super::step::Step;
use crate::media::{Kind, Place};
use crate::rules::model::adapter::{Adapter, Item, Job, reply};
use crate::rules::model::section::SectionState;
use crate::rules::model::track::{Flow, Found};
use crate::rules::read::adapters::{self, NewAdapter, Way};
use crate::rules::read::endpoints::{AdapterCommand, AdapterFailure, AdapterStream, Endpoint};
use crate::rules::read::reply::{Code, Outcome, Reply, failed, invalid, item};
use crate::rules::read::request::{Request, Response, Ticket};

/// Mid of the section that an adapter's track is published on.
const INGEST_MID: &str = "0";

impl Step<'_> {
    /// `adapters/websocket/new`
    pub(crate) fn new_adapters(&mut self, request: Request) -> Result<Response, Reply> {
        let adapters = adapters::read_new(&request.body, &self.state.config)?;
        let mut items = Vec::new();
        for adapter in adapters {
            items.push(self.new_adapter(&request.app, adapter));
        }
        let job = Job {
            ticket: Ticket(self.state.next()),
            until: self.now.saturating_add(self.state.config.adapter_wait),
            items,
        };
        Ok(match job.reply() {
            Some(reply) => Response::Now(reply),
            None => {
                let ticket = job.ticket;
                self.state.jobs.push(job);
                Response::Later(ticket)
            }
        })
    }

    fn new_adapter(&mut self, app: &str, new: NewAdapter) -> Item {
        let id = self.state.new_id();
        let mut fields =
            json!({ "trackName": new.name, "adapterId": id, "endpoint": new.endpoint });
        let mut adapter =
            Adapter { app: app.to_owned(), is_open: false, feeds: None, reads: None, bytes: None };
        let stream = match new.way {
            Way::Ingest => {
                let (key, session) = self.open_session(app.to_owned());
                let mid = INGEST_MID.to_owned();
                if let Some(session) = self.state.sessions.get_mut(&key) {
                    session.is_ingest = true;
                    session.sections.insert(mid.clone(), SectionState::ingest());
                }
                if self.put_local(key, mid.clone(), new.name, Kind::Audio).is_ok() {
                    adapter.feeds = Some(key);
                }
                self.state.schedule(key);
                fields["sessionId"] = session.into();
                AdapterStream::Ingest { to: Place { session: key, mid } }
            }
            Way::Egress { publisher, codec } => {
                let found = self.find(app, &publisher, &new.name);
                let is_right =
                    |found: &Found| codec.kind() == found.kind && found.flow != Flow::NotBegun;
                let Some(found) = found.filter(is_right) else {
                    let fields = json!({ "trackName": new.name });
                    let fields = failed(fields, Code::NotFoundTrack);
                    return Item::Done { is_failed: true, fields };
                };
                adapter.reads = Some(found.source);
                let reconnect = self.state.config.egress_reconnect;
                AdapterStream::Egress { from: found.place, codec, reconnect }
            }
        };
        self.state.adapters.insert(id.clone(), adapter);
        let endpoint = Endpoint(new.endpoint);
        self.state.commands.push_back(AdapterCommand::Open { id: id.clone(), endpoint, stream });
        Item::Opening { id, fields }
    }

    /// Takes the result of connecting an adapter.
    pub(crate) fn adapter_opened(&mut self, id: &str, result: Result<(), AdapterFailure>) {
        let Some(adapter) = self.state.adapters.get_mut(id) else { return };
        if adapter.is_open {
            return;
        }
        tracing::info!(adapter = id, ?result, "endpoint");
        if result.is_ok() {
            adapter.is_open = true;
            let (feeds, reads) = (adapter.feeds, adapter.reads);
            // Its publication may have ended meanwhile.
            if let Some(source) = reads.filter(|source| !self.state.is_published(*source)) {
                self.state.end_egress(source);
            }
            if let Some(key) = feeds.filter(|key| !self.state.sessions.contains_key(key)) {
                self.state.end_ingest(key);
            }
        } else if let Some(key) = self.state.adapters.remove(id).and_then(|adapter| adapter.feeds) {
            // No reply has named its session yet.
            self.forget(key);
        }
        for job in &mut self.state.jobs {
            job.settle(id, result);
        }
        self.state.finish_jobs();
    }

    /// Ends an adapter whose endpoint has hung up, and the session that it fed.
    pub(crate) fn adapter_closed(&mut self, id: &str) {
        match self.state.adapters.get(id).map(|adapter| adapter.is_open) {
            None => {}
            Some(false) => self.adapter_opened(id, Err(AdapterFailure::Handshake)),
            Some(true) => {
                let feeds = self.state.retire(id).and_then(|adapter| adapter.feeds);
                if let Some(key) = feeds {
                    self.remove(key);
                }
            }
        }
    }

    /// `adapters/websocket/close`
    pub(crate) fn close_adapters(&mut self, request: &Request) -> Outcome {
        let ids = adapters::read_close(&request.body, &self.state.config)?;
        let mut items = Vec::new();
        for id in ids {
            let fields = json!({ "adapterId": id });
            let adapter = self.state.adapters.get(&id).filter(|adapter| adapter.app == request.app);
            let (is_failed, fields) = match adapter {
                Some(adapter) if adapter.is_open => {
                    let fields = item(json!({ "adapterId": id, "bytesProcessed": adapter.bytes }));
                    self.adapter_closed(&id);
                    self.state.commands.push_back(AdapterCommand::Close { id });
                    (false, fields)
                }
                None if self.state.closed_adapters.was_of(&id, &request.app) => (false, fields),
                _ => (true, failed(fields, Code::AdapterNotFound)),
            };
            items.push(Item::Done { is_failed, fields });
        }
        Ok(reply(&items).unwrap_or_else(|| invalid("Expecting at least 1 track in the request")))
    }

    /// Gives up the endpoints that did not answer.
    pub(crate) fn give_up_adapters(&mut self) {
        let late: Vec<String> = self
            .state
            .jobs
            .iter()
            .filter(|job| job.until <= self.now)
            .flat_map(|job| &job.items)
            .filter_map(|item| match item {
                Item::Opening { id, .. } => Some(id.clone()),
                Item::Done { .. } => None,
            })
            .collect();
        for id in late {
            self.state.commands.push_back(AdapterCommand::Close { id: id.clone() });
            self.adapter_opened(&id, Err(AdapterFailure::Timeout));
        }
    }
}

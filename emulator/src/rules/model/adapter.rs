//! WebSocket adapters, and requests that wait for them.

use std::time::Duration;

use serde_json::{Value, json};

use super::track::Source;
use crate::media::SessionKey;
use crate::rules::read::endpoints::AdapterFailure;
use crate::rules::read::reply::{Reply, failed};
use crate::rules::read::request::Ticket;

pub(crate) struct Adapter {
    pub(crate) app: String,
    /// True once the endpoint has answered.
    pub(crate) is_open: bool,
    pub(crate) feeds: Option<SessionKey>,
    pub(crate) reads: Option<Source>,
    pub(crate) bytes: Option<u64>,
}

/// Request that waits for its adapters.
pub(crate) struct Job {
    pub(crate) ticket: Ticket,
    pub(crate) until: Duration,
    pub(crate) items: Vec<Item>,
}

pub(crate) enum Item {
    Done { is_failed: bool, fields: Value },
    Opening { id: String, fields: Value },
}

impl Job {
    /// Notes the result of connecting.
    pub(crate) fn settle(&mut self, adapter: &str, result: Result<(), AdapterFailure>) {
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

    pub(crate) fn reply(&self) -> Option<Reply> {
        reply(&self.items)
    }
}

/// Returns the reply if no adapter is still being opened. The status is 503 if none worked.
pub(crate) fn reply(items: &[Item]) -> Option<Reply> {
    let mut status = 503;
    let mut tracks = Vec::new();
    for item in items {
        let Item::Done { is_failed, fields } = item else { return None };
        status = if *is_failed { status } else { 200 };
        tracks.push(fields);
    }
    Some(Reply { status, body: json!({ "tracks": tracks }) })
}

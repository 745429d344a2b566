//! Entries that a fault lets fail in a request, or leaves out of a reply.

use serde_json::{Value, json};

use crate::faults::Fault;
use crate::rules::{Operation, Reply};

/// Entries that are to fail. The rules do not see them.
pub(super) struct Failing {
    operation: Operation,
    body: Value,
    list: &'static str,
    /// The codes by index.
    codes: Vec<(usize, String)>,
}

impl Failing {
    /// Finds the failing entries of a body. None if there are none.
    pub(super) fn new(operation: Operation, body: &[u8], faults: &[Fault]) -> Option<Self> {
        let wanted = faults.iter().filter_map(|fault| match fault {
            Fault::FailItems { code, indices } => Some((code, indices)),
            _ => None,
        });
        let mut codes: Vec<(usize, String)> = wanted
            .flat_map(|(code, indices)| indices.iter().map(|index| (*index, code.clone())))
            .collect();
        if codes.is_empty() {
            return None;
        }
        let body: Value = serde_json::from_slice(body).ok()?;
        let list = if body.get("tracks").is_some() { "tracks" } else { "dataChannels" };
        let length = body.get(list)?.as_array()?.len();
        codes.retain(|(index, _)| *index < length);
        codes.sort();
        codes.dedup_by_key(|(index, _)| *index);
        (!codes.is_empty()).then_some(Self { operation, body, list, codes })
    }

    /// Returns whether all entries fail.
    pub(super) fn is_all(&self) -> bool {
        self.codes.len() == self.entries().len()
    }

    /// Returns the body without them.
    pub(super) fn rest(&self) -> Vec<u8> {
        let is_failing = |index| self.codes.iter().any(|(failing, _)| *failing == index);
        let entries = self.entries().iter().enumerate();
        let rest = entries.filter(|(index, _)| !is_failing(*index));
        let mut body = self.body.clone();
        body[self.list] = rest.map(|(_, entry)| entry.clone()).collect();
        body.to_string().into_bytes()
    }

    /// Returns the reply if all entries fail.
    pub(super) fn all(&self) -> Reply {
        use Operation::*;
        let (status, body) = match self.operation {
            NewWebsocketAdapters | CloseWebsocketAdapters => (503, json!({})),
            NewTracks | CloseTracks | UpdateTracks => {
                (200, json!({ "requiresImmediateRenegotiation": false }))
            }
            _ => (200, json!({})),
        };
        self.put_back(Reply { status, body })
    }

    /// Returns the reply with them, in their places.
    pub(super) fn put_back(&self, reply: Reply) -> Reply {
        use Operation::{NewTracks, UpdateTracks};
        let mut body = match reply.body {
            Value::Object(body) => body,
            _ => serde_json::Map::new(),
        };
        let mut results = match body.remove(self.list) {
            Some(Value::Array(results)) => results,
            _ => Vec::new(),
        };
        for (index, code) in &self.codes {
            let mut entry = self.entries().get(*index).cloned().unwrap_or_default();
            if let Some(entry) = entry.as_object_mut() {
                // In other replies the mid names the track that was to be closed.
                if matches!(self.operation, NewTracks | UpdateTracks) {
                    entry.insert("mid".to_owned(), "".into());
                }
                entry.insert("errorCode".to_owned(), code.clone().into());
                entry.insert("errorDescription".to_owned(), "a fault of the emulator".into());
            }
            results.insert((*index).min(results.len()), entry);
        }
        body.insert(self.list.to_owned(), results.into());
        Reply { status: reply.status, body: body.into() }
    }

    fn entries(&self) -> &[Value] {
        self.body.get(self.list).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }
}

/// Leaves entries out of a reply, and out of both lists of a session's state.
pub(super) fn omit(body: &mut Value, indices: &[usize]) {
    for list in ["tracks", "dataChannels"] {
        if let Some(items) = body.get_mut(list).and_then(Value::as_array_mut) {
            let mut index = 0..;
            items.retain(|_| index.next().is_none_or(|index| !indices.contains(&index)));
        }
    }
}

/// Returns the number of failed entries and the code of the first, for the list of requests.
pub(super) fn failed(body: &Value) -> Option<String> {
    let entries = entries(body)?;
    let codes = entries.iter().filter_map(|entry| entry.get("errorCode")?.as_str());
    let code = codes.clone().next()?;
    Some(format!("{} of {} failed: {code}", codes.count(), entries.len()))
}

/// Returns the entries of a reply, if it has any.
pub(super) fn entries(body: &Value) -> Option<&Vec<Value>> {
    body.get("tracks").or_else(|| body.get("dataChannels"))?.as_array()
}

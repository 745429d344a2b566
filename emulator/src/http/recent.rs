//! The newest requests and what became of them.

use std::collections::VecDeque;

use serde::Serialize;

/// How many requests are kept.
const MAX: usize = 200;

/// The newest requests, oldest first.
#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
pub(crate) struct Recent(VecDeque<Entry>);

/// A request. It has no bodies, so neither secrets nor session descriptions.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Entry {
    /// When it came, in milliseconds since the start.
    pub(crate) at_ms: u64,
    pub(crate) method: String,
    /// The operation, as its path ends.
    pub(crate) operation: &'static str,
    pub(crate) session: Option<String>,
    /// None if there was no reply.
    pub(crate) status: Option<u16>,
    pub(crate) duration_ms: u64,
    /// The error code, or the fault.
    pub(crate) outcome: Option<String>,
}

impl Recent {
    pub(crate) fn push(&mut self, entry: Entry) {
        if self.0.len() == MAX {
            self.0.pop_front();
        }
        self.0.push_back(entry);
    }
}

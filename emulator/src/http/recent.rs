//! Newest requests and their results, of all sessions and of each.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde::Serialize;

/// The most requests that are kept.
const MOST: usize = 200;

/// The most requests of one session that are kept.
const MOST_OF_SESSION: usize = 100;

/// The most sessions whose requests are kept.
const MOST_SESSIONS: usize = 1_000;

/// The longest text of an entry, in bytes. A longer text is cut: no honest caller sends one.
const LONGEST: usize = 300;

/// The newest requests, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    count: u64,
    all: VecDeque<Arc<Entry>>,
    by_session: BTreeMap<String, VecDeque<Arc<Entry>>>,
    /// The sessions, in the order of their first requests.
    order: VecDeque<String>,
}

/// A request without bodies, so without secrets and session descriptions.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Entry {
    /// Number of the request, which is set when it is kept.
    pub(crate) number: u64,
    /// Time of its arrival, in milliseconds since the start.
    pub(crate) at_ms: u64,
    pub(crate) method: String,
    /// The path, from `/v1` on.
    pub(crate) path: String,
    /// The operation, as the client names it.
    pub(crate) operation: &'static str,
    /// The session of the path.
    pub(crate) session: Option<String>,
    /// The session that the request made.
    pub(crate) created: Option<String>,
    /// Status of the reply. None if there was no reply.
    pub(crate) status: Option<u16>,
    pub(crate) duration_ms: u64,
    /// The error code, or the fault.
    pub(crate) outcome: Option<String>,
}

/// The session that a request made, as an extension of its response.
#[derive(Clone, Debug)]
pub(super) struct Created(pub(super) String);

impl Recent {
    pub(crate) fn push(&mut self, mut entry: Entry) {
        self.count += 1;
        entry.number = self.count;
        let Entry { path, session, outcome, .. } = &mut entry;
        for text in [Some(path), session.as_mut(), outcome.as_mut()].into_iter().flatten() {
            let longest = text.len().min(LONGEST);
            let end = (0..=longest).rfind(|end| text.is_char_boundary(*end));
            text.truncate(end.unwrap_or(0));
        }
        let entry = Arc::new(entry);
        if let Some(session) = entry.session.as_ref().or(entry.created.as_ref()) {
            push(self.of_session(session), MOST_OF_SESSION, &entry);
        }
        push(&mut self.all, MOST, &entry);
    }

    /// Returns the requests of all sessions.
    pub(crate) fn all(&self) -> Vec<&Entry> {
        self.all.iter().map(Arc::as_ref).collect()
    }

    /// Returns the requests on one session, and the one that made it.
    pub(crate) fn of(&self, session: &str) -> Vec<&Entry> {
        self.by_session.get(session).into_iter().flatten().map(Arc::as_ref).collect()
    }

    fn of_session(&mut self, session: &str) -> &mut VecDeque<Arc<Entry>> {
        if !self.by_session.contains_key(session) {
            if self.order.len() >= MOST_SESSIONS
                && let Some(oldest) = self.order.pop_front()
            {
                self.by_session.remove(&oldest);
            }
            self.order.push_back(session.to_owned());
        }
        self.by_session.entry(session.to_owned()).or_default()
    }
}

fn push(list: &mut VecDeque<Arc<Entry>>, most: usize, entry: &Arc<Entry>) {
    if list.len() >= most {
        list.pop_front();
    }
    list.push_back(Arc::clone(entry));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(session: &str) -> Entry {
        Entry {
            number: 0,
            at_ms: 0,
            method: "PUT".to_owned(),
            path: "/v1".to_owned(),
            operation: "close_tracks",
            session: Some(session.to_owned()),
            created: None,
            status: Some(200),
            duration_ms: 0,
            outcome: None,
        }
    }

    #[test]
    fn all_lists_have_an_end() {
        let mut recent = Recent::default();
        for _ in 0..300 {
            recent.push(entry("busy"));
        }
        for number in 0..MOST_SESSIONS - 1 {
            recent.push(entry(&number.to_string()));
        }
        assert_eq!((recent.all().len(), recent.of("busy").len()), (MOST, MOST_OF_SESSION));
        assert_eq!(recent.of("busy")[99].number, 300);
        recent.push(entry("one more"));
        assert_eq!((recent.of("busy").len(), recent.of("0").len()), (0, 1));
        assert_eq!((recent.by_session.len(), recent.order.len()), (MOST_SESSIONS, MOST_SESSIONS));
    }

    #[test]
    fn long_texts_are_cut() {
        let mut recent = Recent::default();
        recent.push(Entry { path: "ä".repeat(1_000), ..entry(&"s".repeat(1_000)) });
        let kept = recent.all()[0];
        assert_eq!((kept.path.len(), kept.session.as_ref().map(String::len)), (300, Some(300)));
    }
}

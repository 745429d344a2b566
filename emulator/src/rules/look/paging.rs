//! Pages of the state. The time for a page depends on its size only.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use super::snapshot::SessionSnapshot;
use super::view::View;
use crate::media::SessionKey;
use crate::rules::model::history::Happening;
use crate::rules::model::session::Session;
use crate::rules::model::state::State;

/// The most tracks and data channels of one page. Reading 1,980 has taken 1.3 to 2 ms, optimised,
/// on a virtual machine with 2 cores that had other work.
const MOST_ITEMS: usize = 2_000;

/// Some of the sessions: the live ones first, of both kinds the newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Page {
    /// The sessions.
    pub sessions: Vec<SessionSnapshot>,
    /// Beginning of the next page. None if this is the last one.
    pub next: Option<Cursor>,
}

/// Totals of sessions and adapters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Summary {
    /// Number of sessions that have not expired.
    pub live: usize,
    /// Number of expired sessions that are remembered.
    pub expired: usize,
    /// Number of adapters that are known and not closed.
    pub adapters: usize,
}

/// Place in the list of sessions. It holds while sessions come and go: one that expires moves from
/// the live ones to the expired ones. As text it is `live-NUMBER` or `expired-NUMBER`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cursor {
    /// Behind this live session.
    Live(SessionKey),
    /// Behind this expired session, counted in the order of their ends.
    Expired(u64),
}

/// Error for a text that is no [`Cursor`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadCursor;

/// Session of either kind.
enum Entry<'a> {
    Live(SessionKey, &'a Session),
    Expired { number: u64, id: &'a str, app: &'a str },
}

impl View<'_> {
    /// Returns at most `limit` sessions from a place on, and no more of them than have 2,000 tracks
    /// and data channels together. A session that has more is alone on its page, without the rest
    /// of them.
    pub(crate) fn page(&self, after: Option<Cursor>, limit: usize) -> Page {
        let (key, number) = match after {
            None => (SessionKey(u64::MAX), u64::MAX),
            Some(Cursor::Live(key)) => (key, u64::MAX),
            Some(Cursor::Expired(number)) => (SessionKey(0), number),
        };
        let live = self.state.sessions.range(..key).rev();
        let live = live.map(|(key, session)| Entry::Live(*key, session));
        let expired = self.state.expired_sessions.before(number);
        let expired = expired.map(|(number, id, app)| Entry::Expired { number, id, app });
        let mut page = Page { sessions: Vec::new(), next: None };
        let (mut last, mut items) = (None, 0);
        for entry in live.chain(expired) {
            items += entry.items();
            let is_full = !page.sessions.is_empty() && items > MOST_ITEMS;
            if is_full || page.sessions.len() >= limit {
                page.next = last;
                break;
            }
            last = Some(entry.cursor());
            page.sessions.push(entry.snapshot(self));
        }
        page
    }

    /// Returns one session, and its remembered history, oldest first. None if no session of that id
    /// is remembered.
    pub(crate) fn details(&self, id: &str) -> Option<(SessionSnapshot, Vec<Happening>)> {
        let live = self.state.key(id).and_then(|key| Some((key, self.state.sessions.get(&key)?)));
        let session = match live {
            Some((key, session)) => self.of(key, session, MOST_ITEMS),
            None => SessionSnapshot::expired(id, self.state.expired_sessions.app(id)?),
        };
        Some((session, self.state.history.of(id)))
    }
}

impl Summary {
    pub(crate) fn of(state: &State) -> Self {
        Self {
            live: state.sessions.len(),
            expired: state.expired_sessions.len(),
            adapters: state.adapters.len(),
        }
    }
}

impl Entry<'_> {
    fn items(&self) -> usize {
        match self {
            Self::Live(_, session) => session.tracks.len() + session.channels.len(),
            Self::Expired { .. } => 0,
        }
    }

    fn cursor(&self) -> Cursor {
        match self {
            Self::Live(key, _) => Cursor::Live(*key),
            Self::Expired { number, .. } => Cursor::Expired(*number),
        }
    }

    fn snapshot(&self, view: &View<'_>) -> SessionSnapshot {
        match self {
            Self::Live(key, session) => view.of(*key, session, MOST_ITEMS),
            Self::Expired { id, app, .. } => SessionSnapshot::expired(id, app),
        }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Live(SessionKey(number)) => write!(f, "live-{number}"),
            Self::Expired(number) => write!(f, "expired-{number}"),
        }
    }
}

impl FromStr for Cursor {
    type Err = BadCursor;

    fn from_str(text: &str) -> Result<Self, BadCursor> {
        let (kind, number) = text.split_once('-').ok_or(BadCursor)?;
        let number = number.parse().map_err(|_| BadCursor)?;
        match kind {
            "live" => Ok(Self::Live(SessionKey(number))),
            "expired" => Ok(Self::Expired(number)),
            _ => Err(BadCursor),
        }
    }
}

impl Serialize for Cursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for BadCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not of the form live-NUMBER or expired-NUMBER")
    }
}

impl std::error::Error for BadCursor {}

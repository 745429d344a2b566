//! The history of each session, for people to look at.
//!
//! A history has no bodies and no session descriptions. Names stay in it only as long as they are
//! shown.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde::Serialize;

use crate::media::SessionKey;
use crate::rules::read::request::{Location, Operation};

/// The most sessions that have a history. Those that ended first make room, or the oldest if none
/// has ended.
const MOST_SESSIONS: usize = 1_000;

/// The most events of one session. Its oldest make room.
const MOST_HAPPENINGS: usize = 100;

/// The most characters of a name or mid that are kept.
const LONGEST_LABEL: usize = 64;

/// Event of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Happening {
    /// Time of the event, in milliseconds since the start.
    pub at_ms: u64,
    /// Kind of event.
    #[serde(flatten)]
    pub what: What,
}

/// Kind of event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum What {
    /// The session was made.
    Created,
    /// A change began to wait for the connection or for packets.
    Waits,
    /// The SFU made an offer, which awaits its answer.
    Offered {
        /// Operation of the offer.
        operation: Operation,
    },
    /// The agent's answer to the SFU's offer was accepted.
    Answered {
        /// Operation of the offer.
        operation: Operation,
    },
    /// The agent's offer was answered.
    TookOffer,
    /// ICE and DTLS are up.
    Connected,
    /// The connection was lost.
    Disconnected,
    /// The track was published.
    Published {
        /// The track.
        track: Label,
        /// Its section.
        mid: Label,
    },
    /// A track was pulled, or a pulled one was given another source.
    Pulled {
        /// The track.
        track: Label,
        /// Its section.
        mid: Label,
        /// The publisher's session.
        publisher: Label,
    },
    /// The first packet passed through a section, in one direction.
    FirstPacket {
        /// Newest open track of the section. None if it has none.
        track: Option<Label>,
        /// The section.
        mid: Label,
        /// Local if the agent sent it, remote if the agent received it.
        location: Location,
    },
    /// A track was closed by request.
    Closed {
        /// The track.
        track: Label,
        /// Its section.
        mid: Label,
    },
    /// A published track was closed because it sent nothing for too long.
    Collected {
        /// The track.
        track: Label,
        /// Its section.
        mid: Label,
    },
    /// The publication of a pulled track ended.
    SourceEnded {
        /// The track.
        track: Label,
        /// Its section on this session.
        mid: Label,
    },
    /// The session expired.
    Expired,
}

/// Name or mid, cut to 64 characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Label(String);

/// The histories of the newest sessions.
#[derive(Default)]
pub(crate) struct History {
    now: Duration,
    sessions: BTreeMap<SessionKey, Past>,
    /// The sessions that have ended, in that order.
    ended: VecDeque<SessionKey>,
}

/// Events of one session, oldest first.
struct Past {
    id: String,
    happenings: VecDeque<Happening>,
}

impl Label {
    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Label {
    fn from(text: &str) -> Self {
        Self(text.chars().take(LONGEST_LABEL).collect())
    }
}

impl History {
    /// Sets the time of the next events.
    pub(crate) fn set_time(&mut self, now: Duration) {
        self.now = self.now.max(now);
    }

    /// Returns the last time that was set.
    pub(crate) fn now(&self) -> Duration {
        self.now
    }

    /// Begins the history of a session.
    pub(crate) fn begin(&mut self, key: SessionKey, id: &str) {
        if self.sessions.len() >= MOST_SESSIONS {
            match self.ended.pop_front() {
                Some(oldest) => drop(self.sessions.remove(&oldest)),
                None => drop(self.sessions.pop_first()),
            }
        }
        let past = Past { id: id.to_owned(), happenings: VecDeque::new() };
        self.sessions.insert(key, past);
        self.note(key, What::Created);
    }

    /// Adds to the history of a session, if it has one.
    pub(crate) fn note(&mut self, key: SessionKey, what: What) {
        let Some(past) = self.sessions.get_mut(&key) else { return };
        if past.happenings.len() >= MOST_HAPPENINGS {
            past.happenings.pop_front();
        }
        let at_ms = u64::try_from(self.now.as_millis()).unwrap_or(u64::MAX);
        past.happenings.push_back(Happening { at_ms, what });
    }

    /// Ends the history of a session, which is kept until others need its room.
    pub(crate) fn end(&mut self, key: SessionKey) {
        self.note(key, What::Expired);
        if self.sessions.contains_key(&key) {
            self.ended.push_back(key);
        }
    }

    /// Forgets a session that was never visible.
    pub(crate) fn forget(&mut self, key: SessionKey) {
        self.sessions.remove(&key);
    }

    /// Returns the events of a session, oldest first. Empty if none are kept.
    pub(crate) fn of(&self, id: &str) -> Vec<Happening> {
        let past = self.sessions.values().rev().find(|past| past.id == id);
        past.map(|past| past.happenings.iter().cloned().collect()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: usize) -> SessionKey {
        SessionKey(number as u64)
    }

    #[test]
    fn a_session_keeps_its_newest_happenings() {
        let mut history = History::default();
        history.begin(key(1), "a");
        for second in 1..=MOST_HAPPENINGS {
            history.set_time(Duration::from_secs(second as u64));
            history.note(key(1), What::Connected);
        }
        let kept = history.of("a");
        assert_eq!((kept.len(), kept[0].at_ms), (MOST_HAPPENINGS, 1_000));
        history.note(key(2), What::Connected);
        assert_eq!(history.of("b"), [], "a session that was never begun");
    }

    #[test]
    fn ended_sessions_make_room_before_live_ones() {
        let mut history = History::default();
        for number in 0..MOST_SESSIONS {
            history.begin(key(number), &number.to_string());
        }
        history.end(key(7));
        history.end(key(5));
        let has = |history: &History, id: &str| !history.of(id).is_empty();
        history.begin(key(MOST_SESSIONS), "new");
        assert!(!has(&history, "7") && has(&history, "5") && has(&history, "0"));
        history.begin(key(MOST_SESSIONS + 1), "newer");
        assert!(!has(&history, "5") && has(&history, "0"));
        history.begin(key(MOST_SESSIONS + 2), "newest");
        assert!(!has(&history, "0") && has(&history, "1"));
        assert_eq!(history.sessions.len(), MOST_SESSIONS);
        assert!(history.ended.is_empty());
    }

    #[test]
    fn labels_are_cut_by_characters() {
        let label = Label::from("ä".repeat(LONGEST_LABEL + 1).as_str());
        assert_eq!(label.as_str().chars().count(), LONGEST_LABEL);
    }
}

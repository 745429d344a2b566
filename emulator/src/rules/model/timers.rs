//! Next time of each session.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::media::SessionKey;

/// Next time of each session, and the sessions by that time.
#[derive(Default)]
pub(crate) struct Timers {
    at: BTreeMap<SessionKey, Duration>,
    order: BTreeSet<(Duration, SessionKey)>,
}

impl Timers {
    pub(crate) fn first(&self) -> Option<Duration> {
        self.order.first().map(|(at, _)| *at)
    }

    /// Returns the sessions that are due, the earliest first.
    pub(crate) fn due(&self, now: Duration) -> Vec<SessionKey> {
        self.order.iter().take_while(|(at, _)| *at <= now).map(|(_, key)| *key).collect()
    }

    pub(crate) fn set(&mut self, key: SessionKey, at: Option<Duration>) {
        let old = match at {
            Some(at) => self.at.insert(key, at),
            None => self.at.remove(&key),
        };
        if let Some(old) = old {
            self.order.remove(&(old, key));
        }
        if let Some(at) = at {
            self.order.insert((at, key));
        }
    }
}

//! When each session has to be looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::Config;
use super::Rules;
use super::sessions::Session;
use super::waiting::Waiting;
use crate::media::SessionKey;

/// The next time of each session, and the sessions by that time.
#[derive(Default)]
pub(super) struct Timers {
    at: BTreeMap<SessionKey, Duration>,
    order: BTreeSet<(Duration, SessionKey)>,
}

impl Timers {
    pub(super) fn first(&self) -> Option<Duration> {
        self.order.first().map(|(at, _)| *at)
    }

    /// The sessions whose time has come, the earliest first.
    pub(super) fn due(&self, now: Duration) -> Vec<SessionKey> {
        self.order.iter().take_while(|(at, _)| *at <= now).map(|(_, key)| *key).collect()
    }

    fn set(&mut self, key: SessionKey, at: Option<Duration>) {
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

impl Session {
    /// When something of it is due if nothing happens.
    fn due_at(&self, config: &Config) -> Option<Duration> {
        let times = [
            self.expires_at(config),
            self.waiting.as_ref().map(Waiting::wakes_at),
            self.idle_at(config.track_idle),
            self.ack_until(),
            self.switch_at(),
        ];
        times.into_iter().flatten().min()
    }
}

impl Rules {
    /// Takes note of the session's next time; of none, if it is no more. Has to
    /// be called after every change of a session.
    pub(super) fn schedule(&mut self, key: SessionKey) {
        let at = self.sessions.get(&key).and_then(|session| session.due_at(&self.config));
        self.timers.set(key, at);
    }
}

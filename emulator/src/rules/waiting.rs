//! Changes that wait: for the transport, for packets.

use std::time::Duration;

use super::Rules;
use super::changes::Change;
use super::history::What;
use super::reply::{Reply, disconnected, not_ready};
use super::request::{Response, Ticket};
use super::sessions::Session;
use crate::media::{Media, SessionKey};

/// A change that waits. Its session takes no other one.
pub(super) struct Waiting {
    pub(super) ticket: Ticket,
    change: Change,
    stage: Stage,
}

/// What a change waits for.
#[derive(Clone, Copy)]
enum Stage {
    Transport {
        until: Duration,
    },
    /// `until`: when it is looked again.
    Packets {
        since: Duration,
        until: Duration,
    },
}

enum Progress {
    Done(Reply),
    Waits(Change, Stage),
}

impl Waiting {
    /// When it has to be looked at.
    pub(super) fn wakes_at(&self) -> Duration {
        match self.stage {
            Stage::Transport { until } | Stage::Packets { until, .. } => until,
        }
    }
}

impl Rules {
    /// Begins a change.
    pub(super) fn begin(
        &mut self,
        now: Duration,
        key: SessionKey,
        change: Change,
        media: &mut dyn Media,
    ) -> Response {
        match self.advance(now, key, change, None, media) {
            Progress::Done(reply) => Response::Now(reply),
            Progress::Waits(change, stage) => {
                let ticket = Ticket(self.next());
                self.history.note(key, What::Waits);
                self.wait(key, Waiting { ticket, change, stage });
                Response::Later(ticket)
            }
        }
    }

    /// Lets the changes that wait for packets be looked at next.
    pub(super) fn look_again(&mut self) {
        for key in self.awaiting_packets.clone() {
            let waiting = self.sessions.get_mut(&key).and_then(|session| session.waiting.as_mut());
            if let Some(Stage::Packets { until, .. }) = waiting.map(|waiting| &mut waiting.stage) {
                *until = Duration::ZERO;
            }
            self.schedule(key);
        }
    }

    /// Goes on with the change that waits, if there is one.
    pub(super) fn resume(&mut self, now: Duration, key: SessionKey, media: &mut dyn Media) {
        let Some(session) = self.sessions.get_mut(&key) else { return };
        let Some(Waiting { ticket, change, stage }) = session.waiting.take() else { return };
        self.awaiting_packets.remove(&key);
        match self.advance(now, key, change, Some(stage), media) {
            Progress::Done(reply) => self.replies.push_back((ticket, reply)),
            Progress::Waits(change, stage) => self.wait(key, Waiting { ticket, change, stage }),
        }
    }

    fn wait(&mut self, key: SessionKey, waiting: Waiting) {
        if matches!(waiting.stage, Stage::Packets { .. }) {
            self.awaiting_packets.insert(key);
        }
        if let Some(session) = self.sessions.get_mut(&key) {
            session.waiting = Some(waiting);
        }
    }

    fn advance(
        &mut self,
        now: Duration,
        key: SessionKey,
        change: Change,
        stage: Option<Stage>,
        media: &mut dyn Media,
    ) -> Progress {
        let was_ready = matches!(stage, Some(Stage::Packets { .. }));
        let needs_transport =
            !was_ready && self.sessions.get(&key).is_some_and(|s| change.needs_transport(s));
        if needs_transport && !self.is_up(now, key, media) {
            let until = match stage {
                Some(Stage::Transport { until }) => until,
                _ => now.saturating_add(self.config.connect_wait),
            };
            return match now < until {
                true => Progress::Waits(change, Stage::Transport { until }),
                false if self.sessions.get(&key).is_some_and(Session::is_down) => {
                    Progress::Done(disconnected())
                }
                false => Progress::Done(not_ready()),
            };
        }
        let since = match stage {
            Some(Stage::Packets { since, .. }) => since,
            _ => now,
        };
        let until = self.packet_wait(now, key, &change, media);
        if let Some(until) = until.map(|wait| since.saturating_add(wait)).filter(|at| *at > now) {
            return Progress::Waits(change, Stage::Packets { since, until });
        }
        let outcome = self.carry_out(now, key, change, media);
        Progress::Done(outcome.unwrap_or_else(|refusal| refusal))
    }
}

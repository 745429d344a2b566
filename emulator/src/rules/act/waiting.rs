//! Begin, wait and end of changes.

use super::step::Step;
use crate::media::SessionKey;
use crate::rules::model::history::What;
use crate::rules::model::session::Session;
use crate::rules::model::waiting::{Stage, Waiting};
use crate::rules::read::change::Change;
use crate::rules::read::reply::{Reply, disconnected, not_ready};
use crate::rules::read::request::{Response, Ticket};

enum Progress {
    Done(Reply),
    Waits(Change, Stage),
}

impl Step<'_> {
    /// Begins a change.
    pub(crate) fn begin(&mut self, key: SessionKey, change: Change) -> Response {
        match self.advance(key, change, None) {
            Progress::Done(reply) => Response::Now(reply),
            Progress::Waits(change, stage) => {
                let ticket = Ticket(self.state.next());
                self.state.history.note(key, What::Waits);
                self.wait(key, Waiting { ticket, change, stage });
                Response::Later(ticket)
            }
        }
    }

    /// Continues the change that waits, if there is one.
    pub(crate) fn resume(&mut self, key: SessionKey) {
        let Some(session) = self.state.sessions.get_mut(&key) else { return };
        let Some(Waiting { ticket, change, stage }) = session.waiting.take() else { return };
        self.state.awaiting_packets.remove(&key);
        match self.advance(key, change, Some(stage)) {
            Progress::Done(reply) => self.state.replies.push_back((ticket, reply)),
            Progress::Waits(change, stage) => self.wait(key, Waiting { ticket, change, stage }),
        }
    }

    fn wait(&mut self, key: SessionKey, waiting: Waiting) {
        if matches!(waiting.stage, Stage::Packets { .. }) {
            self.state.awaiting_packets.insert(key);
        }
        if let Some(session) = self.state.sessions.get_mut(&key) {
            session.waiting = Some(waiting);
        }
    }

    fn advance(&mut self, key: SessionKey, change: Change, stage: Option<Stage>) -> Progress {
        let was_ready = matches!(stage, Some(Stage::Packets { .. }));
        let needs_transport =
            !was_ready && self.state.sessions.get(&key).is_some_and(|s| change.needs_transport(s));
        if needs_transport && !self.is_up(key) {
            let until = match stage {
                Some(Stage::Transport { until }) => until,
                _ => self.now.saturating_add(self.state.config.connect_wait),
            };
            return match self.now < until {
                true => Progress::Waits(change, Stage::Transport { until }),
                false if self.state.sessions.get(&key).is_some_and(Session::is_down) => {
                    Progress::Done(disconnected())
                }
                false => Progress::Done(not_ready()),
            };
        }
        let since = match stage {
            Some(Stage::Packets { since, .. }) => since,
            _ => self.now,
        };
        let until = self.packet_wait(key, &change);
        if let Some(until) =
            until.map(|wait| since.saturating_add(wait)).filter(|at| *at > self.now)
        {
            return Progress::Waits(change, Stage::Packets { since, until });
        }
        let outcome = self.carry_out(key, change);
        Progress::Done(outcome.unwrap_or_else(|refusal| refusal))
    }
}

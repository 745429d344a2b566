//! Changes that wait: for the transport, for packets.

use std::time::Duration;

use super::Rules;
use super::changes::Change;
use super::history::What;
use super::reply::{Reply, not_ready};
use super::request::{Response, Ticket};
use crate::media::{Media, SessionKey};

/// How often it is looked whether a track has begun to send: the media side
/// tells nobody.
const LOOK: Duration = Duration::from_millis(50);

/// A change that waits. Its session takes no other one.
pub(super) struct Waiting {
    pub(super) ticket: Ticket,
    change: Change,
    stage: Stage,
}

/// What a change waits for.
#[derive(Clone, Copy)]
enum Stage {
    Transport { until: Duration },
    Packets { until: Duration, next_look: Duration },
}

enum Progress {
    Done(Reply),
    Waits(Change, Stage),
}

impl Waiting {
    /// When it has to be looked at.
    pub(super) fn wakes_at(&self) -> Duration {
        match self.stage {
            Stage::Transport { until } => until,
            Stage::Packets { until, next_look } => until.min(next_look),
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
                if let Some(session) = self.sessions.get_mut(&key) {
                    session.waiting = Some(Waiting { ticket, change, stage });
                }
                Response::Later(ticket)
            }
        }
    }

    /// Goes on with the change that waits, if there is one.
    pub(super) fn resume(&mut self, now: Duration, key: SessionKey, media: &mut dyn Media) {
        let Some(session) = self.sessions.get_mut(&key) else { return };
        let Some(Waiting { ticket, change, stage }) = session.waiting.take() else { return };
        match self.advance(now, key, change, Some(stage), media) {
            Progress::Done(reply) => self.replies.push_back((ticket, reply)),
            Progress::Waits(change, stage) => {
                if let Some(session) = self.sessions.get_mut(&key) {
                    session.waiting = Some(Waiting { ticket, change, stage });
                }
            }
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
                false => Progress::Done(not_ready()),
            };
        }
        let until = match stage {
            Some(Stage::Packets { until, .. }) => until,
            _ => now.saturating_add(self.config.first_packet_wait),
        };
        if now < until && self.awaits_packets(key, &change, media) {
            let next_look = now.saturating_add(LOOK);
            return Progress::Waits(change, Stage::Packets { until, next_look });
        }
        let outcome = self.carry_out(now, key, change, media);
        Progress::Done(outcome.unwrap_or_else(|refusal| refusal))
    }
}

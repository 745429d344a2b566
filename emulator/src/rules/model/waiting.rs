//! Changes that wait for the transport or for packets.

use std::time::Duration;

use crate::rules::read::change::Change;
use crate::rules::read::request::Ticket;

/// Change that waits. Its session takes no other one.
pub(crate) struct Waiting {
    pub(crate) ticket: Ticket,
    pub(crate) change: Change,
    pub(crate) stage: Stage,
}

/// Subject that a change waits for.
#[derive(Clone, Copy)]
pub(crate) enum Stage {
    Transport {
        until: Duration,
    },
    /// `until` is the time of the next check.
    Packets {
        since: Duration,
        until: Duration,
    },
}

impl Waiting {
    /// Returns the time of the next check.
    pub(crate) fn wakes_at(&self) -> Duration {
        match self.stage {
            Stage::Transport { until } | Stage::Packets { until, .. } => until,
        }
    }
}

//! Changes that wait: for the transport, for packets.

use std::time::Duration;

use crate::rules::read::change::Change;
use crate::rules::read::request::Ticket;

/// A change that waits. Its session takes no other one.
pub(crate) struct Waiting {
    pub(crate) ticket: Ticket,
    pub(crate) change: Change,
    pub(crate) stage: Stage,
}

/// The thing that a change waits for.
#[derive(Clone, Copy)]
pub(crate) enum Stage {
    Transport {
        until: Duration,
    },
    /// `until`: when it is looked again.
    Packets {
        since: Duration,
        until: Duration,
    },
}

impl Waiting {
    /// When it has to be looked at.
    pub(crate) fn wakes_at(&self) -> Duration {
        match self.stage {
            Stage::Transport { until } | Stage::Packets { until, .. } => until,
        }
    }
}

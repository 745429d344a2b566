//! Requests that the original punishes.

use std::collections::VecDeque;
use std::time::Duration;

use serde::Serialize;

use super::past_ids::PastIds;
use crate::rules::read::request::{Operation, Request};

/// The most violations that are kept. The oldest make room.
const MOST: usize = 1_000;

/// Request, or silence, that the original punishes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Violation {
    /// Time in milliseconds since the start.
    pub at_ms: u64,
    /// App.
    pub app: String,
    /// Session.
    pub session: String,
    /// Operation. For [`ViolationKind::OfferExpired`] it is the one that the offer was made for.
    pub operation: Operation,
    /// Kind of violation.
    pub kind: ViolationKind,
}

/// Kind of violation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum ViolationKind {
    /// A change came while another one of the session was under way.
    Overlap,
    /// A change came while another one was under way whose sender had hung up, so it could not know
    /// when that one ends.
    OverlapAfterHangUp,
    /// An answer came, and no offer waits for one.
    NoOpenOffer,
    /// A change came while an offer of the SFU waits for its answer. Closing by force is no
    /// violation: an agent that leaves may try it.
    OpenOffer,
    /// A change came for a session of which 410 was said before.
    SessionGone,
    /// An offer of the SFU's was never answered: its session has expired.
    OfferExpired,
    /// A session had more requests in a second than it takes: 429.
    TooManyRequests,
    /// A track was published on a mid whose track was closed by force: packets on it are not taken.
    ForcedMid,
}

/// State of the change that another one overlaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnderWay {
    /// The sender waits for the reply.
    Awaited,
    /// The sender has hung up.
    Abandoned,
}

/// Violations that are remembered.
#[derive(Default)]
pub(crate) struct Violations {
    pub(crate) list: VecDeque<Violation>,
    /// Sessions of which 410 was said.
    told: PastIds,
}

impl Violations {
    /// Notes that a caller is told that a session has ended, and a violation if it was told before.
    pub(crate) fn say_gone(&mut self, now: Duration, request: &Request) {
        let (app, id) = (&request.app, request.session.as_deref().unwrap_or_default());
        if !self.told.was_of(id, app) {
            self.told.insert(id.to_owned(), app.clone());
        } else if request.operation != Operation::GetSession {
            self.push(now, (app, id), request.operation, ViolationKind::SessionGone);
        }
    }

    pub(crate) fn push(
        &mut self,
        now: Duration,
        (app, session): (&str, &str),
        operation: Operation,
        kind: ViolationKind,
    ) {
        if self.list.len() >= MOST {
            self.list.pop_front();
        }
        tracing::warn!(
            session,
            operation = operation.as_str(),
            ?kind,
            "the original punishes this"
        );
        self.list.push_back(Violation {
            at_ms: u64::try_from(now.as_millis()).unwrap_or(u64::MAX),
            app: app.to_owned(),
            session: session.to_owned(),
            operation,
            kind,
        });
    }
}

//! Requests that the original punishes.

use std::collections::VecDeque;
use std::time::Duration;

use serde::Serialize;

use super::gone::Gone;
use crate::rules::read::request::{Operation, Request};

/// How many are kept; the oldest make room.
const MOST: usize = 1_000;

/// Something that was done and that the original punishes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Violation {
    /// When, in milliseconds since the start.
    pub at_ms: u64,
    /// The app.
    pub app: String,
    /// The session.
    pub session: String,
    /// The operation; of [`ViolationKind::OfferExpired`], the one that the offer was
    /// made for.
    pub operation: Operation,
    /// The kind of violation.
    pub kind: ViolationKind,
}

/// A kind of violation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum ViolationKind {
    /// A change while another one of the session was under way.
    Overlap,
    /// The same, but the sender of the other one had hung up, so it could not know
    /// when it ends.
    OverlapAfterHangUp,
    /// An answer, and no offer waits for one.
    NoOpenOffer,
    /// A change while an offer of the SFU's waits for its answer. Closing by force
    /// is none: whoever leaves may try.
    OpenOffer,
    /// A change of a session of which 410 was said before.
    SessionGone,
    /// An offer of the SFU's was never answered: its session has expired.
    OfferExpired,
    /// More requests in a second than a session takes: 429.
    TooManyRequests,
    /// A track was published on a mid whose track was closed by force: nothing sent
    /// on it is taken.
    ForcedMid,
}

/// How it is with the change that another one overlaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnderWay {
    /// Its sender waits for the reply.
    Awaited,
    /// Its sender has hung up.
    Abandoned,
}

/// All that are remembered.
#[derive(Default)]
pub(crate) struct Violations {
    pub(crate) list: VecDeque<Violation>,
    /// The sessions of which 410 was said.
    told: Gone,
}

impl Violations {
    /// Notes that a session is said to be gone, and who has known before.
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

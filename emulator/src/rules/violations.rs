//! What was done that the original punishes.

use std::collections::VecDeque;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::Rules;
use super::gone::Gone;
use super::reply::{Reply, bad_description};
use super::request::{Operation, Request};
use super::sessions::Session;
use crate::media::SessionKey;

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
    /// What was asked for; of [`ViolationKind::OfferExpired`], what the offer was
    /// made for.
    pub operation: Operation,
    /// What was wrong with it.
    pub kind: ViolationKind,
}

/// What was wrong.
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
pub(super) struct Violations {
    list: VecDeque<Violation>,
    /// The sessions of which 410 was said.
    told: Gone,
}

impl Violations {
    /// Notes that a session is said to be gone, and who has known before.
    pub(super) fn say_gone(&mut self, now: Duration, request: &Request) {
        let (app, id) = (&request.app, request.session.as_deref().unwrap_or_default());
        if !self.told.was_of(id, app) {
            self.told.insert(id.to_owned(), app.clone());
        } else if request.operation != Operation::GetSession {
            self.push(now, (app, id), request.operation, ViolationKind::SessionGone);
        }
    }

    fn push(
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

impl ViolationKind {
    /// What a request is that comes out of turn. None if it may be tried.
    pub(super) fn out_of_turn(session: &Session, request: &Request) -> Option<Self> {
        match request.operation {
            _ if session.waiting.is_some() => Some(Self::Overlap),
            Operation::Renegotiate => Some(Self::NoOpenOffer),
            Operation::CloseDataChannels => None,
            Operation::CloseTracks if is_forced(&request.body) => None,
            _ => Some(Self::OpenOffer),
        }
    }
}

impl Rules {
    /// What was done that the original punishes, the oldest first. At most 1,000
    /// are kept, the newest.
    pub fn violations(&self) -> impl Iterator<Item = Violation> {
        self.violations.list.iter().cloned()
    }

    /// Refuses a change that came while another one of its session was under way of
    /// which the rules do not know: something keeps it, or its reply, back.
    pub fn overlap(&mut self, now: Duration, request: &Request, other: UnderWay) -> Reply {
        let kind = match other {
            UnderWay::Awaited => ViolationKind::Overlap,
            UnderWay::Abandoned => ViolationKind::OverlapAfterHangUp,
        };
        match self.admit(now, request) {
            Ok(key) => {
                self.note(now, key, request.operation, kind);
                bad_description("another change of the session is under way")
            }
            Err(refused) => refused,
        }
    }

    /// Notes what a session leaves open that is about to expire.
    pub(super) fn note_expiry(&mut self, now: Duration, key: SessionKey) {
        let exchange = self.sessions.get(&key).and_then(|session| session.exchange.as_ref());
        if let Some(operation) = exchange.map(|exchange| exchange.operation) {
            self.note(now, key, operation, ViolationKind::OfferExpired);
        }
    }

    /// Notes what was wrong with a request about a session.
    pub(super) fn note(
        &mut self,
        now: Duration,
        key: SessionKey,
        operation: Operation,
        kind: ViolationKind,
    ) {
        let Some(session) = self.sessions.get(&key) else { return };
        let of = (session.app.as_str(), session.id.as_str());
        self.violations.push(now, of, operation, kind);
    }
}

fn is_forced(body: &[u8]) -> bool {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    body.get("force") == Some(&Value::Bool(true))
}

//! A handle of one session, which all its users share.

mod detached;
mod ledger;
mod turns;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing::Instrument;

use crate::retry::{Repeat, RetryPolicy};
use crate::types::{ApiError, SessionId};
use crate::{Client, Error, Mid, OperationError, Unusable, meter};

use detached::Detached;
pub use ledger::Uncertain;
pub(crate) use ledger::{HeldChannel, Ledger};
pub(crate) use turns::{Exchange, Turn, Turns};
pub use turns::{Status, Unfinished};

/// How long the answer to an SFU's offer may take. A reference backend of
/// Cloudflare gives a session up after the same time.
pub const ANSWER_DEADLINE: Duration = Duration::from_secs(15);

/// A session: the SFU's end of one agent's WebRTC connection.
///
/// A clone costs one reference count and shares everything with the original:
/// the turn, so that changes of one session follow each other in the order in
/// which they were asked for, and the knowledge of what is open, so that
/// [`leave`](crate::LeaveExt::leave) can close it. Make one handle for each
/// session (by [`join`](crate::JoinExt::join)) and clone it, or keep it in a
/// [`Registry`](crate::Registry): two handles made apart know nothing of each
/// other's turns.
///
/// A change that has begun goes on to its end when its future is dropped. If
/// the SFU's reply had to go to the agent, nobody has it then, and the session
/// is [`Unfinished`].
#[derive(Clone)]
pub struct Session {
    shared: Arc<Shared>,
}

struct Shared {
    client: Client,
    id: SessionId,
    turns: Arc<Turns>,
    ledger: Mutex<Ledger>,
    settings: Settings,
    span: tracing::Span,
}

/// What `join` and `adopt` can set.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) answer_deadline: Duration,
    pub(crate) retry: RetryPolicy,
}

impl Default for Settings {
    fn default() -> Self {
        Self { answer_deadline: ANSWER_DEADLINE, retry: RetryPolicy::default() }
    }
}

/// What a request does to the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It is a part of an exchange of session descriptions.
    Negotiates,
    /// It changes something else.
    Changes,
}

impl Session {
    /// The session's id. Whoever has it can name the session's tracks; it
    /// permits nothing by itself, and a backend that acts on an id without
    /// asking who sent it lets anyone close anyone's tracks.
    pub fn id(&self) -> &SessionId {
        &self.shared.id
    }

    /// The client that the session was made with.
    pub fn client(&self) -> &Client {
        &self.shared.client
    }

    /// What the session can take now, as far as is known here.
    pub fn status(&self) -> Status {
        self.shared.turns.status()
    }

    /// The mids that are known to be in use, published and subscribed ones.
    pub fn mids(&self) -> Vec<Mid> {
        self.ledger().tracks.keys().cloned().collect()
    }

    /// The changes whose replies were lost, oldest first.
    pub fn uncertain(&self) -> Vec<Uncertain> {
        self.ledger().uncertain.clone()
    }

    /// Whether nothing is known to be open, or to be possibly open.
    pub fn is_empty(&self) -> bool {
        let ledger = self.ledger();
        ledger.tracks.is_empty() && ledger.channels.is_empty() && ledger.uncertain.is_empty()
    }

    /// Whether this is a handle of the same turn.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    pub(crate) fn new(client: Client, id: SessionId, settings: Settings, label: &str) -> Self {
        // Ids are locators and not for logs; a number tells sessions apart.
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let session = NUMBER.fetch_add(1, Ordering::Relaxed);
        let span = tracing::info_span!(parent: None, "calls_session", session, label);
        let (turns, ledger) = (Turns::new(), Mutex::default());
        Self { shared: Arc::new(Shared { client, id, turns, ledger, settings, span }) }
    }

    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        // Nothing in there leaves the ledger half changed.
        self.shared.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn turns(&self) -> &Arc<Turns> {
        &self.shared.turns
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    /// Waits for the turn and does `work`, to its end even if nobody waits for
    /// it any more.
    pub(crate) async fn change<T, F>(
        &self,
        operation: &'static str,
        work: impl FnOnce(Self, Turn) -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>> + Send + 'static,
        T: Send + 'static,
    {
        meter::step(operation);
        let turn = self.turns().take().instrument(self.shared.span.clone()).await;
        let turn = turn.map_err(|reason| Self::unusable(operation, reason))?;
        self.detached(operation, work(self.clone(), turn)).await
    }

    /// Does `work` in the session's span, to its end even if nobody waits for
    /// it any more.
    pub(crate) fn detached<T: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl Future<Output = T> + Send + 'static,
    ) -> impl Future<Output = T> + Send {
        let span = tracing::info_span!(parent: &self.shared.span, "calls_step", step = operation);
        span.follows_from(tracing::Span::current());
        Detached::new(work.instrument(span))
    }

    /// Makes one request of a change, with repetitions, and draws the
    /// conclusions of its failure: the session is gone, the exchange is
    /// unfinished, or nothing has changed. After a success of an exchange the
    /// turn is at risk until its reply has been understood.
    ///
    /// `names`: what was asked for, to be remembered if the reply is lost.
    pub(crate) async fn call<T, F>(
        &self,
        turn: &mut Turn,
        effect: Effect,
        names: impl FnOnce() -> Vec<String>,
        request: impl FnMut() -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, OperationError<ApiError>>>,
    {
        let negotiates = effect == Effect::Negotiates;
        if negotiates {
            turn.at_risk(Unfinished::ReplyLost);
        }
        let result = self.settings().retry.run(Repeat::Change, request).await;
        match &result {
            Ok(_) if negotiates => turn.at_risk(Unfinished::ReplyContradictory),
            Ok(_) => {}
            Err(error) if error.is_session_gone() => turn.gone(),
            Err(error) if error.outcome_unknown() => {
                self.ledger().uncertain(error.operation(), names());
            }
            Err(_) => turn.safe(),
        }
        result
    }

    /// Makes one request that closes, with repetitions. Says besides whether the
    /// reply to any of the tries was lost.
    pub(crate) async fn call_to_close<T, F>(
        &self,
        turn: &mut Turn,
        request: impl FnMut() -> F,
    ) -> (Result<T, Error>, bool)
    where
        F: Future<Output = Result<T, OperationError<ApiError>>>,
    {
        let mut was_lost = false;
        let retry = &self.settings().retry;
        let result = retry.run_noting(Repeat::Close, &mut was_lost, request).await;
        if result.as_ref().is_err_and(Error::is_session_gone) {
            turn.gone();
        }
        (result, was_lost)
    }

    pub(crate) fn unusable(operation: &'static str, reason: Unusable) -> Error {
        let error = Error::Unusable { operation, reason };
        meter::failed(&error);
        error
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("id", self.id())
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}

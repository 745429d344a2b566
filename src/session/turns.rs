//! Whose turn it is on a session.
//!
//! The API takes one change of a session at a time, and a change ends only
//! when its exchange of session descriptions has ended. So there is one turn
//! for each session, given in the order of asking. This module knows nothing
//! of HTTP.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;
use tokio::time::Instant;
use tracing::Instrument;

use crate::{Unusable, meter};

/// Why an exchange of session descriptions did not come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unfinished {
    /// The value that waited for the answer to the SFU's offer was dropped.
    AnswerDropped,
    /// The answer did not come within the session's deadline.
    AnswerLate,
    /// The SFU did not take the answer.
    AnswerRefused,
    /// The reply to a change was lost, so the SFU may wait for an answer.
    ReplyLost,
    /// The reply to a change is one that cannot be understood.
    ReplyContradictory,
    /// Nobody waited for the SFU's reply any more when it came.
    ReplyDropped,
    /// `leave` was called while the SFU's offer was unanswered.
    Abandoned,
}

/// What a session can take now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// The next change.
    Ready,
    /// The answer to the SFU's offer; every change waits for it.
    AwaitingAnswer,
    /// Nothing but `leave`.
    Unusable(Unusable),
}

/// The turn of one session, and what is known of its negotiation.
pub(crate) struct Turns {
    queue: Arc<Semaphore>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    is_gone: bool,
    has_left: bool,
    unfinished: Option<Unfinished>,
    exchange: Option<Waiting>,
    next_serial: u64,
}

/// An SFU offer without an answer. It keeps the turn.
struct Waiting {
    serial: u64,
    permit: OwnedSemaphorePermit,
    /// Held for its `Drop`.
    _deadline: Deadline,
}

/// The task that gives the exchange up; it ends with the exchange.
struct Deadline(AbortHandle);

impl Drop for Deadline {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl State {
    fn unusable(&self) -> Option<Unusable> {
        match self {
            Self { is_gone: true, .. } => Some(Unusable::Gone),
            Self { has_left: true, .. } => Some(Unusable::Left),
            Self { unfinished, .. } => unfinished.map(Unusable::Unfinished),
        }
    }

    /// The first reason stays: what comes after it is its consequence.
    fn give_up(&mut self, why: Unfinished) {
        if self.unfinished.is_none() {
            self.unfinished = Some(why);
            meter::unfinished(why);
            tracing::warn!(reason = %why, "the session has to be replaced");
        }
    }
}

impl Turns {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { queue: Arc::new(Semaphore::new(1)), state: Mutex::default() })
    }

    pub(crate) fn status(&self) -> Status {
        let state = self.state();
        match state.unusable() {
            Some(reason) => Status::Unusable(reason),
            None if state.exchange.is_some() => Status::AwaitingAnswer,
            None => Status::Ready,
        }
    }

    /// Waits for the turn, first come, first served.
    pub(crate) async fn take(self: &Arc<Self>) -> Result<Turn, Unusable> {
        self.check()?;
        let turn = self.wait().await;
        self.check()?;
        Ok(turn)
    }

    /// Lets no further change begin, gives up an offer that has no answer yet
    /// and waits for the turn.
    pub(crate) async fn leave(self: &Arc<Self>) -> Turn {
        let abandoned = {
            let mut state = self.state();
            state.has_left = true;
            let abandoned = state.exchange.take();
            if abandoned.is_some() {
                state.give_up(Unfinished::Abandoned);
            }
            abandoned
        };
        drop(abandoned);
        self.wait().await
    }

    async fn wait(self: &Arc<Self>) -> Turn {
        let asked = Instant::now();
        // The semaphore is never closed, so there always is a permit.
        let permit = Arc::clone(&self.queue).acquire_owned().await.ok();
        let waited = asked.elapsed();
        meter::waited(waited);
        tracing::trace!(waited_us = waited.as_micros() as u64, "turn taken");
        Turn { turns: Arc::clone(self), permit, risk: None }
    }

    fn check(&self) -> Result<(), Unusable> {
        self.state().unusable().map_or(Ok(()), Err)
    }

    /// Ends the exchange `serial`, if it is still open, without an answer.
    fn abandon(&self, serial: u64, why: Unfinished) {
        let mut state = self.state();
        let waiting = state.exchange.take_if(|waiting| waiting.serial == serial);
        if waiting.is_some() {
            state.give_up(why);
        }
        drop(state);
        // The next in the queue sees what became of the session.
        drop(waiting);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here leaves the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to change the session. Dropping it passes the turn on.
pub(crate) struct Turn {
    turns: Arc<Turns>,
    permit: Option<OwnedSemaphorePermit>,
    risk: Option<Unfinished>,
}

impl Turn {
    /// From now on, dropping the turn means that the exchange did not come to
    /// its end.
    pub(crate) fn at_risk(&mut self, why: Unfinished) {
        self.risk = Some(why);
    }

    /// The exchange, if there was one, has come to its end.
    pub(crate) fn safe(&mut self) {
        self.risk = None;
    }

    /// The API said that the session is gone.
    pub(crate) fn gone(&mut self) {
        self.risk = None;
        self.turns.state().is_gone = true;
    }

    /// Whether the API said that the session is gone.
    pub(crate) fn is_gone(&self) -> bool {
        self.turns.state().is_gone
    }

    /// The SFU made an offer: the turn stays taken until its answer has been
    /// taken, or `deadline` from now.
    pub(crate) fn offered(mut self, deadline: Duration) -> Exchange {
        self.risk = None;
        let turns = Arc::clone(&self.turns);
        let mut state = turns.state();
        let serial = state.next_serial;
        state.next_serial += 1;
        if state.has_left {
            // Nobody will answer.
            state.give_up(Unfinished::Abandoned);
        } else if let Some(permit) = self.permit.take() {
            let expire = expire(Arc::downgrade(&turns), serial, deadline).in_current_span();
            let deadline = Deadline(tokio::spawn(expire).abort_handle());
            state.exchange = Some(Waiting { serial, permit, _deadline: deadline });
        }
        drop(state);
        Exchange { turns, serial }
    }
}

async fn expire(turns: Weak<Turns>, serial: u64, deadline: Duration) {
    tokio::time::sleep(deadline).await;
    if let Some(turns) = turns.upgrade() {
        turns.abandon(serial, Unfinished::AnswerLate);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(why) = self.risk {
            self.turns.state().give_up(why);
        }
        // Only now the permit goes to the next, who sees the state above.
    }
}

/// An SFU offer that waits for its answer, and with it the session's turn.
/// Dropping it leaves the session unfinished.
pub(crate) struct Exchange {
    turns: Arc<Turns>,
    serial: u64,
}

impl Exchange {
    /// The answer has come: the turn, unless it is too late.
    pub(crate) fn resume(self) -> Result<Turn, Unusable> {
        let mut state = self.turns.state();
        let Some(waiting) = state.exchange.take_if(|waiting| waiting.serial == self.serial) else {
            // Whoever took the exchange away has said why.
            return Err(state.unusable().unwrap_or(Unusable::Unfinished(Unfinished::AnswerLate)));
        };
        Ok(Turn { turns: Arc::clone(&self.turns), permit: Some(waiting.permit), risk: None })
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.turns.abandon(self.serial, Unfinished::AnswerDropped);
    }
}

impl fmt::Display for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AnswerDropped => "the SFU's offer was dropped without an answer",
            Self::AnswerLate => "the answer to the SFU's offer did not come in time",
            Self::AnswerRefused => "the SFU did not take the answer",
            Self::ReplyLost => "the reply to a change was lost",
            Self::ReplyContradictory => "the reply to a change cannot be understood",
            Self::ReplyDropped => "nobody waited for the reply to a change",
            Self::Abandoned => "the session was left before the SFU's offer was answered",
        })
    }
}

#[cfg(test)]
mod tests;

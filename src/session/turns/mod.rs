//! The turn of a session.
//!
//! The API takes one change of a session at a time, and a change ends only
//! when its exchange of session descriptions has ended. So there is one turn
//! for each session, given in the order of asking. This module knows nothing
//! of HTTP, and starts no task: deadlines are instants, which are looked at by
//! whoever wants the turn or asks for the status.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::invalid::{Invalid, Problem};
use crate::meter;
use crate::status::{Status, Unfinished, Unusable};

/// Names an exchange of session descriptions that waits for the agent's answer.
///
/// It is random, so that the answer to an earlier offer is never taken for one
/// to a later offer, also after a restart. It is no permission.
///
/// As text it is 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ExchangeId(u64);

impl std::str::FromStr for ExchangeId {
    type Err = Invalid;

    /// # Errors
    /// [`Problem::Malformed`].
    fn from_str(id: &str) -> Result<Self, Invalid> {
        let is_hex = id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u64::from_str_radix(id, 16).ok().filter(|_| is_hex);
        number.map(Self).ok_or_else(|| Invalid::new("exchange", Problem::Malformed))
    }
}

impl TryFrom<String> for ExchangeId {
    type Error = Invalid;

    fn try_from(id: String) -> Result<Self, Invalid> {
        id.parse()
    }
}

impl From<ExchangeId> for String {
    fn from(id: ExchangeId) -> Self {
        id.to_string()
    }
}

impl fmt::Display for ExchangeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The turn of one session, and what is known of its negotiation. `K` is what is
/// kept of an exchange until its answer comes.
pub(crate) struct Turns<K> {
    /// Those who wait for the turn, in the order of asking. The first has the
    /// lock and waits until the turn is free.
    line: tokio::sync::Mutex<()>,
    /// Told to the first whenever `holder` changes.
    changed: Notify,
    state: Mutex<State<K>>,
}

struct State<K> {
    is_gone: bool,
    has_left: bool,
    unfinished: Option<Unfinished>,
    holder: Holder<K>,
    /// The number of times that the turn was taken.
    count: u64,
    /// When the turn was last asked for by who got it, or an answer was waited for.
    last: Instant,
}

/// The holder of the turn.
enum Holder<K> {
    Nobody,
    /// A change that is under way.
    Change,
    /// An SFU offer without an answer. Boxed: most sessions have none, most of the
    /// time.
    Exchange(Box<Open<K>>),
}

struct Open<K> {
    id: ExchangeId,
    deadline: Instant,
    kept: Option<K>,
}

impl<K> State<K> {
    fn unusable(&self) -> Option<Unusable> {
        match self {
            Self { is_gone: true, .. } => Some(Unusable::Gone),
            Self { has_left: true, .. } => Some(Unusable::Left),
            Self { unfinished, .. } => unfinished.map(Unusable::Unfinished),
        }
    }

    /// The first reason stays: a later one is its consequence. Says whether this
    /// is the first.
    fn give_up(&mut self, why: Unfinished) -> bool {
        let is_first = self.unfinished.is_none();
        self.unfinished.get_or_insert(why);
        is_first
    }

    /// Ends the exchange, if the holder is one that `is_it` accepts.
    fn end_exchange(&mut self, is_it: impl FnOnce(&Open<K>) -> bool) -> Option<Box<Open<K>>> {
        if !matches!(&self.holder, Holder::Exchange(open) if is_it(open)) {
            return None;
        }
        match std::mem::replace(&mut self.holder, Holder::Nobody) {
            Holder::Exchange(open) => Some(open),
            _ => None,
        }
    }
}

impl<K> Turns<K> {
    pub(crate) fn new() -> Arc<Self> {
        let state = State {
            is_gone: false,
            has_left: false,
            unfinished: None,
            holder: Holder::Nobody,
            count: 0,
            last: Instant::now(),
        };
        Arc::new(Self {
            line: tokio::sync::Mutex::new(()),
            changed: Notify::new(),
            state: Mutex::new(state),
        })
    }

    pub(crate) fn status(&self) -> Status {
        self.lapse();
        let state = self.state();
        match (state.unusable(), &state.holder) {
            (Some(reason), _) => Status::Unusable(reason),
            (None, Holder::Exchange(_)) => Status::AwaitingAnswer,
            (None, _) => Status::Ready,
        }
    }

    /// The time since the last change was asked for, or led to an offer.
    pub(crate) fn idle(&self) -> Duration {
        self.state().last.elapsed()
    }

    /// The number of changes so far, if none is under way and no offer waits for
    /// an answer.
    pub(crate) fn quiet(&self) -> Option<u64> {
        let state = self.state();
        matches!(state.holder, Holder::Nobody).then_some(state.count)
    }

    /// The API said that the session is gone.
    pub(crate) fn gone(&self) {
        self.state().is_gone = true;
    }

    /// Waits for the turn, first come, first served.
    pub(crate) async fn take(self: &Arc<Self>) -> Result<Turn<K>, Unusable> {
        self.check()?;
        let turn = self.wait().await;
        self.check()?;
        Ok(turn)
    }

    /// Lets no further change begin, gives up an offer that has no answer yet
    /// and waits for the turn.
    pub(crate) async fn leave(self: &Arc<Self>) -> Turn<K> {
        self.state().has_left = true;
        self.abandon(Unfinished::Abandoned, |_| true);
        self.wait().await
    }

    /// The answer to a kept exchange has come: the turn, and what was kept. With
    /// an error the exchange is as it was.
    pub(crate) fn resume<E>(
        self: &Arc<Self>,
        id: ExchangeId,
        allow: impl FnOnce(&K) -> Result<(), E>,
    ) -> Result<(Turn<K>, K), Resume<E>> {
        self.lapse();
        let mut state = self.state();
        let reason = state.unusable().unwrap_or(Unusable::NoSuchExchange);
        let is_it = |open: &Open<K>| open.id == id && open.kept.is_some();
        let kept = match &state.holder {
            Holder::Exchange(open) if is_it(open) => open.kept.as_ref(),
            _ => None,
        };
        kept.map_or(Ok(()), allow).map_err(Resume::Denied)?;
        match state.end_exchange(is_it).and_then(|open| open.kept) {
            Some(kept) => {
                state.holder = Holder::Change;
                drop(state);
                Ok((Turn::new(Arc::clone(self)), kept))
            }
            None => Err(Resume::Unusable(reason)),
        }
    }

    async fn wait(self: &Arc<Self>) -> Turn<K> {
        let asked = Instant::now();
        let mut waited = Duration::ZERO;
        let first = self.line.lock().await;
        while let Some(deadline) = self.try_take(asked) {
            match deadline {
                Some(deadline) => {
                    if timeout_at(deadline, self.changed.notified()).await.is_err() {
                        self.lapse();
                    }
                }
                None => self.changed.notified().await,
            }
            waited = asked.elapsed();
        }
        drop(first);
        let turn = Turn::new(Arc::clone(self));
        meter::waited(waited);
        tracing::trace!(waited_us = waited.as_micros() as u64, "turn taken");
        turn
    }

    /// Takes the turn if it is free: None. Else the deadline of the exchange that
    /// has it, if it is one.
    fn try_take(&self, asked: Instant) -> Option<Option<Instant>> {
        let mut state = self.state();
        match &state.holder {
            Holder::Nobody => {
                state.holder = Holder::Change;
                state.count += 1;
                state.last = asked;
                None
            }
            Holder::Change => Some(None),
            Holder::Exchange(open) => Some(Some(open.deadline)),
        }
    }

    fn check(&self) -> Result<(), Unusable> {
        self.lapse();
        self.state().unusable().map_or(Ok(()), Err)
    }

    /// Gives an exchange up whose deadline has passed.
    fn lapse(&self) {
        self.abandon(Unfinished::AnswerLate, |open| open.deadline <= Instant::now());
    }

    /// Gives the exchange up that `is_it` accepts, if it is open.
    fn abandon(&self, why: Unfinished, is_it: impl FnOnce(&Open<K>) -> bool) {
        let mut state = self.state();
        let Some(open) = state.end_exchange(is_it) else { return };
        let is_first = state.give_up(why);
        drop(state);
        self.changed.notify_one();
        drop(open);
        report(why, is_first);
    }

    fn state(&self) -> MutexGuard<'_, State<K>> {
        // Nothing in here leaves the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why an exchange was not resumed.
pub(crate) enum Resume<E> {
    Denied(E),
    Unusable(Unusable),
}

/// Says that the session is unfinished. It is called without a lock, because
/// whoever listens may look at the session.
fn report(why: Unfinished, is_first: bool) {
    if is_first {
        meter::unfinished(why);
        tracing::warn!(reason = %why, "the session has to be replaced");
    }
}

/// The right to change the session. Dropping it passes the turn on.
pub(crate) struct Turn<K> {
    turns: Arc<Turns<K>>,
    risk: Option<Unfinished>,
    /// An exchange has the turn now.
    is_passed_on: bool,
}

impl<K> Turn<K> {
    fn new(turns: Arc<Turns<K>>) -> Self {
        Self { turns, risk: None, is_passed_on: false }
    }

    /// From now on, dropping the turn means that the exchange did not come to
    /// its end.
    pub(crate) fn at_risk(&mut self, why: Unfinished) {
        self.risk = Some(why);
    }

    /// The exchange, if there was one, has come to its end.
    pub(crate) fn safe(&mut self) {
        self.risk = None;
    }

    /// Whether the API said that the session is gone.
    pub(crate) fn is_gone(&self) -> bool {
        self.turns.state().is_gone
    }

    /// The SFU made an offer: the turn stays taken until its answer has been
    /// taken, or `deadline` from now.
    pub(crate) fn offered(mut self, deadline: Duration) -> Exchange<K> {
        let id = ExchangeId(fastrand::u64(..));
        let turns = Arc::clone(&self.turns);
        let mut state = turns.state();
        if state.has_left {
            // Nobody will answer.
            self.risk = Some(Unfinished::Abandoned);
        } else {
            self.risk = None;
            self.is_passed_on = true;
            state.last = Instant::now();
            let open = Open { id, deadline: state.last + deadline, kept: None };
            state.holder = Holder::Exchange(Box::new(open));
        }
        drop(state);
        // The first in the line waits for the deadline from now on.
        turns.changed.notify_one();
        Exchange { turns: Some(turns), id }
    }
}

impl<K> Drop for Turn<K> {
    fn drop(&mut self) {
        if self.is_passed_on {
            return;
        }
        let mut state = self.turns.state();
        let is_first = self.risk.is_some_and(|why| state.give_up(why));
        state.holder = Holder::Nobody;
        drop(state);
        // The first in the line sees the state above.
        self.turns.changed.notify_one();
        if let Some(why) = self.risk {
            report(why, is_first);
        }
    }
}

/// An SFU offer that waits for its answer, and with it the session's turn.
/// Dropping it leaves the session unfinished.
pub(crate) struct Exchange<K> {
    /// None once it was resumed or kept.
    turns: Option<Arc<Turns<K>>>,
    id: ExchangeId,
}

impl<K> Exchange<K> {
    pub(crate) fn id(&self) -> ExchangeId {
        self.id
    }

    /// The answer has come: the turn, unless it is too late.
    pub(crate) fn resume(mut self) -> Result<Turn<K>, Unusable> {
        let late = Unusable::Unfinished(Unfinished::AnswerLate);
        let turns = self.turns.take().ok_or(late)?;
        turns.lapse();
        let mut state = turns.state();
        if state.end_exchange(|open| open.id == self.id).is_none() {
            // The reason was noted when the exchange was taken away.
            return Err(state.unusable().unwrap_or(late));
        }
        state.holder = Holder::Change;
        drop(state);
        Ok(Turn::new(turns))
    }

    /// Leaves the exchange with the session, where its id finds it, until its
    /// deadline.
    pub(crate) fn keep(mut self, kept: K) -> ExchangeId {
        if let Some(turns) = self.turns.take()
            && let Holder::Exchange(open) = &mut turns.state().holder
            && open.id == self.id
        {
            open.kept = Some(kept);
        }
        self.id
    }
}

impl<K> Drop for Exchange<K> {
    fn drop(&mut self) {
        if let Some(turns) = self.turns.take() {
            turns.abandon(Unfinished::AnswerDropped, |open| open.id == self.id);
        }
    }
}

#[cfg(test)]
mod tests;

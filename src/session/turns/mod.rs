//! The turn of a session.
//!
//! The API takes one change of a session at a time, and a change ends only
//! when its exchange of session descriptions has ended. So there is one turn
//! for each session, given in the order of asking. This module knows nothing
//! of HTTP. Deadlines are instants, which are looked at by whoever wants the turn
//! or asks for the status.
//!
//! The state of a session that a fleet has is in a store, and here is a copy of it: see
//! [`Shared`].

mod effect;
pub(crate) mod id;
mod shared;
mod text;
mod turn;
mod view;

use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

pub(crate) use self::effect::Effect;
pub use self::id::ExchangeId;
pub(crate) use self::shared::{Shared, persist};
use self::turn::Asking;
pub(crate) use self::turn::{Exchange, Turn};
pub(crate) use self::view::View;
use self::view::{Act, Claim, Kept, Write};
use super::exchanged::Exchanged;
use crate::meter;
use crate::status::{Status, Unusable};
use crate::store::StoreError;

/// The longest time without a look at the store, for who waits for the turn: a
/// message that wakes may be lost.
const LOOK: Duration = Duration::from_secs(1);

/// The place of the first in the line.
type First<'a> = tokio::sync::MutexGuard<'a, ()>;

/// A message of the store that wakes.
type Woken<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// The time for which a store that does not reply is tried, before anything is
/// sent. As long as an agent may be expected to wait for a reply.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// The turn of one session, and what is known of its negotiation and of what it
/// has open.
pub(crate) struct Turns {
    /// The waiters of this process, in the order of asking. The first has the lock and
    /// waits until the turn is free.
    line: tokio::sync::Mutex<()>,
    /// Told to the first whenever the holder changes, unless a store tells it.
    changed: Notify,
    view: Mutex<View>,
    /// The entry in a store, if there is one.
    shared: OnceLock<Box<Shared>>,
}

/// The reason for which the turn was not taken.
#[derive(Debug)]
pub(crate) enum Refusal {
    Unusable(Unusable),
    Store(StoreError),
}

/// The reason for which an exchange was not resumed.
pub(crate) enum Resume<E> {
    Denied(E),
    Refused(Refusal),
}

impl From<Unusable> for Refusal {
    fn from(reason: Unusable) -> Self {
        Self::Unusable(reason)
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Turns {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self::of(View::new()))
    }

    fn of(view: View) -> Self {
        Self {
            line: tokio::sync::Mutex::new(()),
            changed: Notify::new(),
            view: Mutex::new(view),
            shared: OnceLock::new(),
        }
    }

    /// The state, under its lock: nothing is logged or counted while it is held.
    pub(crate) fn view(&self) -> MutexGuard<'_, View> {
        // Nothing in there leaves the state half changed.
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The status, as far as it is known here.
    pub(crate) fn status(&self) -> Status {
        self.lapse();
        self.view().status()
    }

    /// The exchange that waits for the answer, as far as it is known here.
    pub(crate) fn open_exchange(&self) -> Option<ExchangeId> {
        self.lapse();
        self.view().open_exchange()
    }

    /// The time since the last change was asked for, or led to an offer.
    pub(crate) fn idle(&self) -> Duration {
        self.view().last.elapsed()
    }

    /// The number of changes so far, if none is under way and no offer waits for
    /// an answer.
    pub(crate) fn quiet(&self) -> Option<u64> {
        self.view().quiet()
    }

    /// Takes note that the session is gone, as the API said.
    pub(crate) async fn gone(&self) {
        {
            let mut view = self.view();
            view.is_gone = true;
            view.ledger.clear();
        }
        if let Some(shared) = self.shared.get() {
            // An entry that is not removed ends by itself.
            let _ = shared.remove(self).await;
        }
    }

    /// Changes the state, if the session was quiet since `count` was read.
    pub(crate) async fn while_quiet(&self, count: u64, change: impl Fn(&mut View) + Send + Sync) {
        let changed = self.update(|view, act| {
            if view.quiet() == Some(count) {
                let before = self.shared.get().map(|_| view.ledger.clone());
                change(view);
                if before.is_some_and(|before| before != view.ledger) {
                    act.write = Write::Yes;
                }
            }
        });
        // A failure loses nothing: the next state tells the same.
        let _ = changed.await;
    }

    /// Waits for the turn, first come, first served.
    pub(crate) async fn take(self: &Arc<Self>, effect: Arc<Effect>) -> Result<Turn, Refusal> {
        self.lapse();
        self.view().unusable().map_or(Ok(()), Err)?;
        self.enter()?;
        let mut asking = Asking::new(self, effect, None);
        let check = |view: &View| view.unusable().map_or(Ok(()), Err);
        let (claim, _) = self.wait(&mut asking, check).await?;
        Ok(asking.got(claim))
    }

    /// Lets no further change begin, gives up an offer that has no answer yet
    /// and waits for the turn. Says whether something was in doubt when it came.
    pub(crate) async fn leave(self: &Arc<Self>) -> Result<(Turn, bool), Refusal> {
        self.enter()?;
        let mut asking = Asking::new(self, Arc::new(Effect::leave()), None);
        let (claim, was_in_doubt) = self.wait(&mut asking, |_| Ok(())).await?;
        Ok((asking.got(claim), was_in_doubt))
    }

    /// The answer to a kept exchange has come: the turn, and what was kept. With
    /// an error the exchange is as it was.
    pub(crate) async fn resume<E>(
        self: &Arc<Self>,
        id: ExchangeId,
        allow: impl Fn(&Exchanged) -> Result<(), E> + Send + Sync,
    ) -> Result<(Turn, Exchanged), Resume<E>>
    where
        E: Send,
    {
        let (mut asking, ask) =
            Asking::to_answer(self).map_err(|error| Resume::Refused(error.into()))?;
        let resumed = self.update(|view, act| {
            let refused = |reason: Unusable| Err(Resume::Refused(reason.into()));
            if let Some(reason) = view.unusable() {
                return refused(reason);
            }
            match view.kept(id) {
                None => return refused(Unusable::NoSuchExchange),
                Some(Kept::Value(kept)) => allow(kept).map_err(Resume::Denied)?,
                Some(Kept::Text(text)) => match serde_json::from_str(text) {
                    Ok(kept) => allow(&kept).map_err(Resume::Denied)?,
                    Err(_) => return Err(Resume::Refused(StoreError::Unreadable.into())),
                },
            }
            let resumed = view.resume(&ask, |open| open.id == id, act);
            resumed.map_or_else(|| refused(Unusable::NoSuchExchange), Ok)
        });
        let resumed = resumed.await.map_err(|error| Resume::Refused(error.into()))?;
        let (claim, kept) = resumed.inspect_err(|_| asking.is_in_vain())?;
        let turn = asking.got(claim);
        let kept = kept.and_then(|kept| match kept {
            Kept::Value(kept) => Some(*kept),
            Kept::Text(text) => serde_json::from_str(&text).ok(),
        });
        match kept {
            Some(kept) => Ok((turn, kept)),
            None => Err(Resume::Refused(StoreError::Unreadable.into())),
        }
    }

    /// Waits for the turn as long as `check` has no objection. Says besides whether
    /// something was in doubt when it came.
    async fn wait(
        &self,
        asking: &mut Asking,
        check: impl Fn(&View) -> Result<(), Unusable> + Send + Sync,
    ) -> Result<(Claim, bool), Refusal> {
        let asked = Instant::now();
        let mut waited = Duration::ZERO;
        let leaves = asking.effect().leaves();
        let first = match self.line.try_lock() {
            Ok(first) => first,
            // The futures of waiting are boxed: most changes need none of them.
            Err(_) => Box::pin(self.line_up(leaves)).await?,
        };
        let ask = asking.ask(asked);
        let mut is_queued = false;
        let (claim, was_in_doubt) = loop {
            let woken = self.shared.get().map(|shared| shared.woken());
            let taken = self.update(|view, act| {
                check(view)?;
                if leaves {
                    view.leave(act);
                }
                let was_in_doubt = view.ledger.is_in_doubt();
                match view.take(&ask, asking.effect(), act) {
                    Some(claim) => Ok::<_, Unusable>(Ok((claim, was_in_doubt))),
                    None => Ok(Err(view.deadline)),
                }
            });
            match taken.await? {
                Ok(Ok(taken)) => break taken,
                Ok(Err(deadline)) => Box::pin(self.pause(woken, deadline)).await,
                Err(reason) => {
                    if !is_queued {
                        asking.is_in_vain();
                    }
                    return Err(reason.into());
                }
            }
            is_queued = true;
            waited = asked.elapsed();
        };
        drop(first);
        meter::waited(waited);
        tracing::trace!(waited_us = waited.as_micros() as u64, "turn taken");
        Ok((claim, was_in_doubt))
    }

    /// Waits until it is the first of the line.
    async fn line_up(&self, leaves: bool) -> Result<First<'_>, StoreError> {
        if leaves {
            // All who wait are refused from now on.
            self.update(View::leave).await?;
        }
        Ok(self.line.lock().await)
    }

    /// Waits until the turn may be free.
    async fn pause(&self, woken: Option<Woken<'_>>, deadline: Option<Instant>) {
        // The next look lets lapse what is over.
        match (woken, deadline) {
            (None, None) => self.changed.notified().await,
            (None, Some(deadline)) => drop(timeout_at(deadline, self.changed.notified()).await),
            (Some(woken), deadline) => {
                let look = Instant::now() + LOOK;
                let limit = deadline.map_or(look, |deadline| deadline.min(look));
                let _ = timeout_at(limit, woken).await;
            }
        }
    }

    /// Changes the state at once: nothing else changes it between the first look of
    /// `change` and the end of this. `change` may be called several times.
    async fn update<T, C>(&self, change: C) -> Result<T, StoreError>
    where
        T: Send,
        C: FnMut(&mut View, &mut Act) -> T + Send,
    {
        match self.shared.get() {
            None => Ok(self.update_here(change)),
            // Boxed: it is larger than what most programs need.
            Some(shared) => Box::pin(shared.update(self, PATIENCE, change)).await,
        }
    }

    /// As [`update`](Self::update), where nobody waits for it: in a store by a task, if
    /// there is a runtime that can.
    fn later<C>(self: &Arc<Self>, mut change: C)
    where
        C: FnMut(&mut View, &mut Act) + Send + 'static,
    {
        if self.shared.get().is_none() {
            self.update_here(change);
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let turns = Arc::clone(self);
        runtime.spawn(async move {
            if let Some(shared) = turns.shared.get() {
                let _ = shared.finish(&turns, &mut change).await;
            }
        });
    }

    /// As [`update`](Self::update), where only this process has the session.
    fn update_here<T>(&self, mut change: impl FnMut(&mut View, &mut Act) -> T) -> T {
        let mut act = Act::new();
        let mut view = self.view();
        view.lapse(&mut act);
        let value = change(&mut view, &mut act);
        drop(view);
        if act.write != Write::No {
            // The first in the line sees it.
            self.changed.notify_one();
        }
        report(&act);
        value
    }

    /// Lets lapse what is over, where only this process has the session. In a
    /// store, the next change does it.
    fn lapse(&self) {
        if self.shared.get().is_none() && self.view().is_over() {
            self.update_here(|_, _| ());
        }
    }
}

/// Says that the session has become unfinished. It is called without a lock, because
/// whoever listens may look at the session.
fn report(act: &Act) {
    if let Some(why) = act.newly {
        meter::unfinished(why);
        tracing::warn!(reason = %why, "the session has to be replaced");
    }
}

impl View {
    fn quiet(&self) -> Option<u64> {
        matches!(self.holder, view::Holder::Nobody).then_some(self.count)
    }

    /// The kept outcome of this exchange.
    fn kept(&self, id: ExchangeId) -> Option<&Kept> {
        match &self.holder {
            view::Holder::Exchange(open) if open.id == id => open.kept.as_ref(),
            _ => None,
        }
    }
}

/// The first of two futures that ends.
async fn either<T>(first: impl Future<Output = T>, second: impl Future<Output = T>) -> T {
    let (mut first, mut second) = (pin!(first), pin!(second));
    std::future::poll_fn(|context| match first.as_mut().poll(context) {
        Poll::Pending => second.as_mut().poll(context),
        ready => ready,
    })
    .await
}

#[cfg(test)]
mod tests;

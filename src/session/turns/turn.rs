//! Holders of the turn: changes and exchanges.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::effect::Effect;
use super::view::{Act, Ask, Claim, Kept, Open, View, Write};
use super::{ExchangeId, Refusal, Turns};
use crate::session::exchanged::Exchanged;
use crate::session::fleet::Busy;
use crate::status::{Unfinished, Unusable};
use crate::store::StoreError;

/// The right to change the session, to be given back by [`end`](Turn::end).
/// Dropping it gives it back too, and whoever gave it up does not hear of a store
/// that is not reachable.
pub(crate) struct Turn {
    turns: Arc<Turns>,
    pub(super) claim: Claim,
    effect: Arc<Effect>,
    risk: Option<Unfinished>,
    /// The offer with which the change ends, and the time for its answer.
    offered: Option<(Open, Duration)>,
    is_sent: bool,
    is_over: bool,
    busy: Option<Busy>,
}

impl Turn {
    fn new(turns: Arc<Turns>, claim: Claim, effect: Arc<Effect>, risk: Option<Unfinished>) -> Self {
        let busy = turns.shared.get().map(|shared| shared.busy());
        Self { turns, claim, effect, risk, offered: None, is_sent: false, is_over: false, busy }
    }

    pub(crate) fn effect(&self) -> &Effect {
        &self.effect
    }

    /// Takes note that the request is about to be sent: from now on the step may have taken
    /// effect.
    pub(crate) fn sent(&mut self) {
        self.is_sent = true;
        self.risk = self.effect.risk();
    }

    /// Takes note that an exchange has begun: if the turn ends now, the session is
    /// unfinished.
    pub(crate) fn at_risk(&mut self, why: Unfinished) {
        self.risk = Some(why);
    }

    /// Takes note that the exchange, if there was one, has come to its end.
    pub(crate) fn safe(&mut self) {
        self.risk = None;
    }

    pub(crate) fn is_sent(&self) -> bool {
        self.is_sent
    }

    pub(crate) fn risk(&self) -> Option<Unfinished> {
        self.risk
    }

    #[cfg(test)]
    pub(super) fn fence(&self) -> u64 {
        self.claim.fence
    }

    /// Says whether the API said that the session is gone.
    pub(crate) fn is_gone(&self) -> bool {
        self.turns.view().is_gone
    }

    /// The SFU made an offer: when the change has ended, its exchange has the turn
    /// until the answer was taken, or for `deadline`. `outcome`: that of the step,
    /// which is kept with the offer where a store has the session.
    pub(crate) fn offered(
        &mut self,
        deadline: Duration,
        outcome: impl FnOnce() -> Option<String>,
    ) -> Exchange {
        let id = ExchangeId::random();
        let kept = self.turns.shared.get().and_then(|_| outcome());
        let kept = kept.map(|text| Kept::Text(text.into()));
        self.offered = Some((Open { id, kept }, deadline));
        self.risk = None;
        Exchange { turns: Some(Arc::clone(&self.turns)), id }
    }

    pub(crate) fn lease(&self) -> Lease {
        Lease { turns: Arc::clone(&self.turns), claim: self.claim }
    }

    /// Gives the turn back, once.
    ///
    /// # Errors
    /// [`StoreError`]: nobody knows how the change has ended, so it is in doubt.
    pub(crate) async fn end(&mut self) -> Result<(), StoreError> {
        let ended = match self.turns.shared.get() {
            None => self.turns.update_here(|view, act| self.ended(view, act)),
            Some(shared) => {
                let end = |view: &mut View, act: &mut Act| self.ended(view, act);
                Box::pin(shared.finish(&self.turns, end)).await.flatten()
            }
        };
        self.is_over = true;
        ended
    }

    /// The end of the change in the state. It may be called several times.
    fn ended(&self, view: &mut View, act: &mut Act) -> Result<(), StoreError> {
        if view.is_missing && !self.effect.leaves() {
            // The turn is lost with it: nobody knows what this change has made. Who
            // leaves may find that another one has left.
            return Err(StoreError::LeaseLost);
        }
        if view.is_gone {
            if view.is_held_by(self.claim) {
                view.free(act);
            }
            return Ok(());
        }
        if !view.is_held_by(self.claim) {
            return Err(StoreError::LeaseLost);
        }
        if !self.is_sent {
            self.effect.undo(&mut view.ledger);
        }
        match &self.offered {
            Some((open, deadline)) => view.offer(open.clone(), *deadline, act),
            None => {
                if let Some(risk) = self.risk {
                    view.give_up(risk, act);
                }
                view.free(act);
            }
        }
        if view.has_left && view.ledger.is_empty() {
            act.write = Write::Remove;
        }
        Ok(())
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let late = Self {
            turns: Arc::clone(&self.turns),
            claim: self.claim,
            effect: Arc::clone(&self.effect),
            risk: self.risk,
            offered: self.offered.take(),
            is_sent: self.is_sent,
            is_over: true,
            busy: self.busy.take(),
        };
        // A store that is not told of it ends the lease.
        self.turns.later(move |view, act| drop(late.ended(view, act)));
    }
}

/// The time for which a process has a turn.
pub(crate) struct Lease {
    turns: Arc<Turns>,
    claim: Claim,
}

impl Lease {
    #[cfg(test)]
    pub(super) fn is_over(&self) -> bool {
        let shared = self.turns.shared.get();
        let until = shared.and_then(|shared| shared.until(self.claim));
        until.is_none_or(|until| until <= tokio::time::Instant::now())
    }

    /// Does `work`, as long as this process has the turn.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`]: it was stopped.
    pub(crate) async fn during<T>(&self, work: impl Future<Output = T>) -> Result<T, StoreError> {
        // A session that is gone has no lease to be lost.
        let shared = self.turns.shared.get().filter(|_| !self.turns.view().is_gone);
        let Some(shared) = shared else { return Ok(work.await) };
        let lost = async { Err(shared.keep(&self.turns, self.claim).await) };
        // Boxed: it is larger than what most programs need.
        Box::pin(super::either(lost, async { Ok(work.await) })).await
    }
}

/// Somebody who asks for the turn. If it is dropped before it has the turn, it
/// gives up its place in the queue, or the turn that it has got without hearing of
/// it.
pub(super) struct Asking {
    turns: Arc<Turns>,
    /// The token of its place, where a store has the session.
    token: Option<u64>,
    effect: Arc<Effect>,
    /// The reason for which the session is unfinished if the turn is not used.
    risk: Option<Unfinished>,
}

impl Asking {
    pub(super) fn new(turns: &Arc<Turns>, effect: Arc<Effect>, risk: Option<Unfinished>) -> Self {
        Self { turns: Arc::clone(turns), token: None, effect, risk }
    }

    /// The answer to an offer has come. It does not wait.
    pub(super) fn to_answer(turns: &Arc<Turns>) -> Result<(Self, Ask), StoreError> {
        turns.lapse();
        turns.enter()?;
        let mut asking =
            Self::new(turns, Arc::new(Effect::answer()), Some(Unfinished::AnswerDropped));
        let ask = asking.ask(Instant::now());
        Ok((asking, ask))
    }

    pub(super) fn effect(&self) -> &Effect {
        &self.effect
    }

    /// The terms on which it asks from now on. `asked`: since when it has waited.
    pub(super) fn ask(&mut self, asked: Instant) -> Ask {
        let fleet = self.turns.shared.get().map(|shared| shared.lease());
        // A store has tokens of several processes.
        self.token = fleet.map(|_| fastrand::u64(..));
        Ask { token: self.token.unwrap_or_default(), asked, fleet }
    }

    /// Takes note that it was refused at once, so that it has no place.
    pub(super) fn is_in_vain(&mut self) {
        self.token = None;
    }

    /// Makes the turn of the place.
    pub(super) fn got(mut self, claim: Claim) -> Turn {
        self.token = None;
        Turn::new(Arc::clone(&self.turns), claim, Arc::clone(&self.effect), self.risk)
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        // Without a store, asking is all that it has done.
        let Some(token) = self.token else { return };
        let (effect, risk) = (Arc::clone(&self.effect), self.risk);
        // A store that is not told of it ends its time.
        self.turns.later(move |view, act| view.withdraw(token, &effect, risk, act));
    }
}

/// An SFU offer that waits for its answer, and with it the session's turn.
/// Dropping it leaves the session unfinished.
pub(crate) struct Exchange {
    /// None once it was resumed or kept.
    turns: Option<Arc<Turns>>,
    id: ExchangeId,
}

impl Exchange {
    pub(crate) fn id(&self) -> ExchangeId {
        self.id
    }

    /// The answer has come: the turn, unless it is too late.
    pub(crate) async fn resume(mut self) -> Result<Turn, Refusal> {
        let late = Unusable::Unfinished(Unfinished::AnswerLate);
        let turns = self.turns.take().ok_or(late)?;
        let (asking, ask) = Asking::to_answer(&turns)?;
        let id = self.id;
        let resumed = turns.update(|view, act| {
            // The reason was noted when the exchange was taken away.
            let resumed = view.resume(&ask, |open| open.id == id, act);
            resumed.ok_or_else(|| view.unusable().unwrap_or(Unusable::NoSuchExchange))
        });
        let (claim, _) = resumed.await??;
        Ok(asking.got(claim))
    }

    /// Leaves the exchange with the session, where its id finds it, until its
    /// deadline.
    pub(crate) fn keep(mut self, kept: impl Into<Exchanged>) -> ExchangeId {
        if let Some(turns) = self.turns.take()
            && turns.shared.get().is_none()
        {
            turns.view().keep(self.id, Kept::Value(Box::new(kept.into())));
        }
        self.id
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let Some(turns) = self.turns.take() else { return };
        let id = self.id;
        // For a store that is not told of it the answer is late.
        turns.later(move |view, act| {
            view.abandon(Unfinished::AnswerDropped, |open| open.id == id, act);
        });
    }
}

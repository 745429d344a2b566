//! The turn of one session, as a state: who has it, who waits, and what is known
//! of the negotiation. It knows nothing of locks, stores and requests.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::super::exchanged::Exchanged;
use super::super::ledger::Ledger;
use super::ExchangeId;
use super::effect::Effect;
use crate::status::{Status, Unfinished, Unusable};
use crate::store::{Hold, Keeper};

/// The time that who is next has to take the turn. It is woken at once, and looks
/// once a second if the message is lost.
const GRACE: Duration = Duration::from_secs(3);

/// The longest deadline. Nobody waits so long for an answer.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// The pauses after leaving a session whose SFU offer has no answer: twice as long each
/// time. The SFU closes nothing of it before the answer, and collects what a vanished
/// agent published after 30 s.
const FIRST_PAUSE: Duration = Duration::from_secs(30);
const LAST_PAUSE: Duration = Duration::from_secs(10 * 60);

/// The state of a session.
pub(crate) struct View {
    pub(super) is_gone: bool,
    /// The session is gone because the store has no entry of it. The API has not said so.
    pub(super) is_missing: bool,
    pub(super) has_left: bool,
    /// The number of times that it was tried to leave the session.
    pub(super) departures: u32,
    pub(super) unfinished: Option<Unfinished>,
    pub(super) holder: Holder,
    /// The waiters of all processes, in the order of asking: one for each process. It is
    /// empty where there is only one.
    pub(super) queue: Vec<Waiter>,
    /// The fencing number: the number of times that the turn was taken.
    pub(super) count: u64,
    /// The end of the holder's time.
    pub(super) deadline: Option<Instant>,
    /// The time at which the present or last holder asked for the turn, or its offer was
    /// made.
    pub(super) last: Instant,
    pub(crate) ledger: Ledger,
}

/// The holder of the turn.
#[derive(Clone)]
pub(super) enum Holder {
    Nobody,
    /// The first of the queue, which was woken.
    Next,
    /// A change that is under way.
    Change {
        claim: Claim,
        /// The reason for which the session is unfinished if it is never heard of
        /// again.
        risk: Option<Unfinished>,
    },
    /// An SFU offer without an answer. Boxed: most sessions have none, most of the
    /// time.
    Exchange(Box<Open>),
}

/// A right to change the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claim {
    /// The fencing number.
    pub(super) fence: u64,
    /// A random number: a store that has lost writes gives a fencing number twice.
    pub(super) token: u64,
}

/// A place in the queue.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Waiter {
    pub(super) token: u64,
    pub(super) keeper: u64,
}

pub(super) struct Open {
    pub(super) id: ExchangeId,
    pub(super) kept: Option<Kept>,
}

/// The outcome of the step that led to an exchange.
pub(super) enum Kept {
    /// Boxed: it is far larger than the rest of an exchange.
    Value(Box<Exchanged>),
    /// The text that a store has.
    Text(Arc<str>),
}

/// A question for the turn.
#[derive(Clone, Copy)]
pub(super) struct Ask {
    pub(super) token: u64,
    pub(super) asked: Instant,
    /// The process and the length of its leases, where there are several.
    pub(super) fleet: Option<(Keeper, Duration)>,
}

/// The consequences of a change of the state.
pub(super) struct Act {
    pub(super) write: Write,
    pub(super) hold: Hold,
    pub(super) wake: Option<Keeper>,
    /// The session has become unfinished.
    pub(super) newly: Option<Unfinished>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Write {
    /// Nothing has changed.
    No,
    Yes,
    /// Nothing is left of the session.
    Remove,
}

impl Act {
    pub(super) fn new() -> Self {
        Self { write: Write::No, hold: Hold::Same, wake: None, newly: None }
    }
}

impl Clone for Open {
    fn clone(&self) -> Self {
        let kept = match &self.kept {
            Some(Kept::Text(text)) => Some(Kept::Text(Arc::clone(text))),
            // Values are kept only without a store, where no copy is made.
            Some(Kept::Value(_)) | None => None,
        };
        Self { id: self.id, kept }
    }
}

impl View {
    pub(super) fn new() -> Self {
        Self {
            is_gone: false,
            is_missing: false,
            has_left: false,
            departures: 0,
            unfinished: None,
            holder: Holder::Nobody,
            queue: Vec::new(),
            count: 0,
            deadline: None,
            last: Instant::now(),
            ledger: Ledger::default(),
        }
    }

    /// A copy, of a session in a store.
    pub(super) fn copy(&self) -> Self {
        Self {
            holder: self.holder.clone(),
            queue: self.queue.clone(),
            ledger: self.ledger.clone(),
            ..*self
        }
    }

    /// Becomes another state, and gives the ledger that it had. A session that is gone
    /// stays so.
    pub(super) fn replace(&mut self, other: Self) -> Ledger {
        let before = std::mem::replace(self, other);
        self.is_gone |= before.is_gone;
        self.is_missing |= before.is_missing;
        before.ledger
    }

    pub(super) fn unusable(&self) -> Option<Unusable> {
        match self {
            Self { is_gone: true, .. } => Some(Unusable::Gone),
            Self { has_left: true, .. } => Some(Unusable::Left),
            Self { unfinished, .. } => unfinished.map(Unusable::Unfinished),
        }
    }

    pub(super) fn status(&self) -> Status {
        let is_over = self.is_over();
        match (self.unusable(), &self.holder) {
            (Some(reason), _) => Status::Unusable(reason),
            (None, Holder::Exchange(_)) if is_over => {
                Status::Unusable(Unusable::Unfinished(Unfinished::AnswerLate))
            }
            (None, Holder::Change { risk: Some(risk), .. }) if is_over => {
                Status::Unusable(Unusable::Unfinished(*risk))
            }
            (None, Holder::Exchange(_)) => Status::AwaitingAnswer,
            (None, _) => Status::Ready,
        }
    }

    /// The exchange that waits for the answer.
    pub(super) fn open_exchange(&self) -> Option<ExchangeId> {
        match (&self.holder, self.status()) {
            (Holder::Exchange(open), Status::AwaitingAnswer) => Some(open.id),
            _ => None,
        }
    }

    /// Says whether a sweep may leave the session now. After each time that it was left
    /// without an end of its exchange there is a pause, which is never above `longest`.
    pub(crate) fn is_due(&self, longest: Duration) -> bool {
        let Some(doublings) = self.departures.checked_sub(1) else { return true };
        let pause = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(doublings));
        self.unfinished.is_none() || self.last.elapsed() >= pause.min(LAST_PAUSE).min(longest)
    }

    /// The first reason stays: a later one is its consequence.
    pub(super) fn give_up(&mut self, why: Unfinished, act: &mut Act) {
        if self.unfinished.is_none() {
            self.unfinished = Some(why);
            act.newly = Some(why);
        }
        act.write = Write::Yes;
    }

    /// Ends what has taken longer than it may: an answer that is late, a change
    /// whose process is dead or cut off, a waiter that was woken and did not come.
    pub(super) fn lapse(&mut self, act: &mut Act) {
        if !self.is_over() {
            return;
        }
        match std::mem::replace(&mut self.holder, Holder::Nobody) {
            Holder::Nobody => {}
            Holder::Next => drop(self.queue.remove(0)),
            Holder::Exchange(_) => self.give_up(Unfinished::AnswerLate, act),
            Holder::Change { risk, .. } => {
                if let Some(risk) = risk {
                    self.give_up(risk, act);
                }
                self.ledger.lose();
            }
        }
        self.free(act);
    }

    /// Takes the turn if it is free. Else who asks is in the queue, if there is one.
    pub(super) fn take(&mut self, ask: &Ask, effect: &Effect, act: &mut Act) -> Option<Claim> {
        if self.is_gone {
            // No change of a session that is gone has an effect.
            return Some(self.claim(ask, None, act));
        }
        let is_next = self.queue.first().is_some_and(|first| first.token == ask.token);
        match self.holder {
            Holder::Nobody => {}
            Holder::Next if is_next => {}
            Holder::Change { claim, .. } if ask.fleet.is_some() && claim.token == ask.token => {
                // It has had it since a write whose reply was lost.
                if let Some((_, lease)) = ask.fleet {
                    self.hold(lease, act);
                }
                return Some(claim);
            }
            _ => {
                if let Some((keeper, _)) = ask.fleet
                    && !self.queue.iter().any(|waiter| waiter.token == ask.token)
                {
                    self.queue.push(Waiter { token: ask.token, keeper: keeper.get() });
                    act.write = Write::Yes;
                }
                return None;
            }
        }
        self.queue.retain(|waiter| waiter.token != ask.token);
        effect.begin(&mut self.ledger);
        self.departures = self.departures.saturating_add(effect.leaves().into());
        Some(self.claim(ask, effect.risk(), act))
    }

    /// Lets no further change begin, and gives up an offer without an answer.
    pub(super) fn leave(&mut self, act: &mut Act) {
        if !self.has_left {
            self.has_left = true;
            act.write = Write::Yes;
        }
        self.abandon(Unfinished::Abandoned, |_| true, act);
    }

    /// Gives up a place in the queue, or a turn with which nothing was done.
    pub(super) fn withdraw(
        &mut self,
        token: u64,
        effect: &Effect,
        risk: Option<Unfinished>,
        act: &mut Act,
    ) {
        let is_next = self.queue.first().is_some_and(|first| first.token == token);
        let before = self.queue.len();
        self.queue.retain(|waiter| waiter.token != token);
        match self.holder {
            Holder::Change { claim, .. } if claim.token == token => {
                effect.undo(&mut self.ledger);
                if let Some(risk) = risk {
                    self.give_up(risk, act);
                }
                self.free(act);
            }
            Holder::Next if is_next => self.free(act),
            _ if self.queue.len() < before => act.write = Write::Yes,
            _ => {}
        }
    }

    /// The store has no entry of it.
    pub(super) fn missing(&mut self) {
        self.is_missing |= !self.is_gone;
        self.is_gone = true;
    }

    pub(super) fn is_held_by(&self, its: Claim) -> bool {
        matches!(&self.holder, Holder::Change { claim, .. } if *claim == its)
    }

    /// The holder goes on for so long.
    pub(super) fn hold(&mut self, time: Duration, act: &mut Act) {
        let time = time.min(LONGEST);
        self.deadline = Some(Instant::now() + time);
        act.hold = Hold::For(time);
        act.write = Write::Yes;
    }

    /// A change ends with an offer of the SFU.
    pub(super) fn offer(&mut self, open: Open, deadline: Duration, act: &mut Act) {
        if self.has_left {
            // An offer to a session that was left gets no answer.
            self.give_up(Unfinished::Abandoned, act);
            self.free(act);
            return;
        }
        self.last = Instant::now();
        self.holder = Holder::Exchange(Box::new(open));
        self.hold(deadline, act);
    }

    /// The answer has come to the exchange that `is_it` accepts: what was kept of
    /// it, and the turn.
    pub(super) fn resume(
        &mut self,
        ask: &Ask,
        is_it: impl Fn(&Open) -> bool,
        act: &mut Act,
    ) -> Option<(Claim, Option<Kept>)> {
        let open = self.end_exchange(is_it)?;
        Some((self.claim(ask, Some(Unfinished::ReplyLost), act), open.kept))
    }

    /// Keeps the outcome of the step with its exchange.
    pub(super) fn keep(&mut self, id: ExchangeId, kept: Kept) {
        if let Holder::Exchange(open) = &mut self.holder
            && open.id == id
        {
            open.kept = Some(kept);
        }
    }

    /// Gives the exchange up that `is_it` accepts, if it is open.
    pub(super) fn abandon(
        &mut self,
        why: Unfinished,
        is_it: impl Fn(&Open) -> bool,
        act: &mut Act,
    ) {
        if self.end_exchange(is_it).is_some() {
            self.give_up(why, act);
            self.free(act);
        }
    }

    /// The turn goes to who is next.
    pub(super) fn free(&mut self, act: &mut Act) {
        act.write = Write::Yes;
        match self.queue.first() {
            Some(first) => {
                act.wake = Some(Keeper::from_number(first.keeper));
                self.holder = Holder::Next;
                self.hold(GRACE, act);
            }
            None => {
                self.holder = Holder::Nobody;
                self.deadline = None;
                act.hold = Hold::Free;
            }
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= Instant::now())
    }

    fn claim(&mut self, ask: &Ask, risk: Option<Unfinished>, act: &mut Act) -> Claim {
        self.count += 1;
        self.last = ask.asked;
        let claim = Claim { fence: self.count, token: ask.token };
        self.holder = Holder::Change { claim, risk };
        match ask.fleet {
            Some((_, lease)) => self.hold(lease, act),
            None => self.deadline = None,
        }
        claim
    }

    fn end_exchange(&mut self, is_it: impl Fn(&Open) -> bool) -> Option<Box<Open>> {
        if !matches!(&self.holder, Holder::Exchange(open) if is_it(open)) {
            return None;
        }
        match std::mem::replace(&mut self.holder, Holder::Nobody) {
            Holder::Exchange(open) => Some(open),
            _ => None,
        }
    }
}

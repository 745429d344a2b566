//! A session's entry in a store, and the copy of it that is here.
//!
//! A change of the state is made on the copy and written if the entry still has
//! the version of the copy. If not, the change is made again, on what the entry
//! has now. So a change is as atomic as it is under the lock of one process.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::MutexGuard;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::super::fleet::{Busy, Fleet};
use super::super::ledger::Ledger;
use super::super::settings::Settings;
use super::view::{Act, Claim, Holder, View, Write};
use super::{PATIENCE, Turns, Woken, report, text};
use crate::generated::types::SessionId;
use crate::store::{Entry, Hold, Keeper, StoreError, Stored, Version, Written};

/// The delays between two tries of a store that does not reply.
const FIRST_DELAY: Duration = Duration::from_millis(50);
const LONGEST_DELAY: Duration = Duration::from_secs(1);

/// The entry of one session in a store.
pub(crate) struct Shared {
    fleet: Arc<Fleet>,
    id: SessionId,
    settings: Arc<Settings>,
    /// Locked by whoever reads or writes the entry for this process.
    known: tokio::sync::Mutex<Known>,
    /// The turn that this process has had last, and the time until which it has it
    /// for sure.
    until: Mutex<Option<(Claim, Instant)>>,
}

/// The entry, as far as this process knows it.
struct Known {
    version: Version,
    /// The turn, if this process has it.
    mine: Option<Mine>,
}

/// A turn that this process has.
struct Mine {
    claim: Claim,
    /// The ledger when the turn was taken. It is what others see until the turn
    /// ends; who has the turn writes to the copy's.
    before: Ledger,
}

/// The author of a change of the state.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    /// The holder of the turn, which ends.
    Holder,
    Anybody,
}

impl Shared {
    pub(crate) fn lease(&self) -> (Keeper, Duration) {
        (self.fleet.keeper, self.fleet.lease)
    }

    pub(super) fn busy(&self) -> Busy {
        self.fleet.busy()
    }

    pub(super) fn enter(&self) -> Result<(), StoreError> {
        self.fleet.enter()
    }

    /// A wake-up, from now on.
    pub(super) fn woken(&self) -> Woken<'_> {
        self.fleet.store.woken(self.fleet.keeper, &self.id)
    }

    /// Changes the state at once, as long as the store replies within `patience`.
    pub(super) async fn update<T: Send>(
        &self,
        turns: &Turns,
        patience: Duration,
        change: impl FnMut(&mut View, &mut Act) -> T + Send,
    ) -> Result<T, StoreError> {
        self.change(turns, By::Anybody, patience, change).await
    }

    /// As [`update`](Self::update), for the end of a turn: the store is tried for as
    /// long as a lease lasts.
    pub(super) async fn finish<T: Send>(
        &self,
        turns: &Turns,
        change: impl FnMut(&mut View, &mut Act) -> T + Send,
    ) -> Result<T, StoreError> {
        self.change(turns, By::Holder, self.fleet.lease, change).await
    }

    /// Looks at the entry: its keeper. None: there is no entry any more.
    async fn refresh(&self, turns: &Turns) -> Result<Option<Keeper>, StoreError> {
        let end = Instant::now() + PATIENCE;
        let mut known = self.known(end).await?;
        match persist(end, || self.fleet.store.read(&self.id)).await? {
            Some(stored) => known.absorb(turns, &stored).map(|()| Some(stored.keeper)),
            None => {
                turns.view().missing();
                Ok(None)
            }
        }
    }

    /// Removes the entry, whatever it is.
    pub(super) async fn remove(&self, turns: &Turns) -> Result<(), StoreError> {
        self.finish(turns, |_, act| act.write = Write::Remove).await
    }

    /// Renews the lease until it is lost.
    pub(super) async fn keep(&self, turns: &Turns, claim: Claim) -> StoreError {
        loop {
            let Some(until) = self.until(claim) else { return StoreError::LeaseLost };
            // Half of the lease is left then, and a little more.
            sleep_until(until.checked_sub(self.fleet.lease / 2).unwrap_or(until)).await;
            if Instant::now() >= until {
                return StoreError::LeaseLost;
            }
            let renewed = self.update(turns, self.fleet.lease, |view, act| {
                let is_held = view.is_held_by(claim) && !view.is_over();
                if is_held {
                    view.hold(self.fleet.lease, act);
                }
                is_held
            });
            match timeout_at(until, renewed).await {
                Ok(Ok(true)) => {}
                Ok(Err(StoreError::Unreachable(_))) => sleep(FIRST_DELAY).await,
                _ => return StoreError::LeaseLost,
            }
        }
    }

    /// The time until which this process has the turn for sure.
    pub(super) fn until(&self, its: Claim) -> Option<Instant> {
        // Nothing in there is ever half changed.
        let until = *self.until.lock().unwrap_or_else(PoisonError::into_inner);
        until.filter(|(claim, _)| *claim == its).map(|(_, until)| until)
    }

    /// Takes note of a lease that was written at some time after `sent`.
    fn had(&self, claim: Claim, sent: Instant) {
        // The store ends the lease later than this: its time begins when it writes.
        let until = sent + self.fleet.lease * 4 / 5;
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = Some((claim, until));
    }

    /// The knowledge of the entry, once nobody else of this process reads or writes
    /// it.
    async fn known(&self, end: Instant) -> Result<MutexGuard<'_, Known>, StoreError> {
        let waited = timeout_at(end, self.known.lock()).await;
        waited.map_err(|_| StoreError::Unreachable("others wait for it".to_owned()))
    }

    async fn change<T: Send>(
        &self,
        turns: &Turns,
        by: By,
        patience: Duration,
        mut change: impl FnMut(&mut View, &mut Act) -> T + Send,
    ) -> Result<T, StoreError> {
        let end = Instant::now() + patience;
        let mut known = self.known(end).await?;
        let mut is_fresh = false;
        loop {
            let mut copy = turns.view().copy();
            if let (Some(mine), By::Anybody) = (&known.mine, by) {
                copy.ledger.clone_from(&mine.before);
            }
            let mut act = Act::new();
            copy.lapse(&mut act);
            let value = change(&mut copy, &mut act);
            if act.write == Write::No {
                if is_fresh || copy.is_gone {
                    return Ok(value);
                }
                // A change that writes nothing has to be true of the entry itself.
                match persist(end, || self.fleet.store.read(&self.id)).await? {
                    Some(stored) => known.absorb(turns, &stored)?,
                    None => turns.view().missing(),
                }
                is_fresh = true;
                continue;
            }
            let sent = Instant::now();
            match self.write(&known, &copy, &act, end).await? {
                (version, Written::Done) => {
                    known.version = version;
                    if let (Holder::Change { claim, .. }, Hold::For(_)) = (&copy.holder, act.hold) {
                        self.had(*claim, sent);
                    }
                    known.commit(turns, copy, &act);
                    report(&act);
                    return Ok(value);
                }
                (_, Written::Other(stored)) => {
                    known.absorb(turns, &stored)?;
                    is_fresh = true;
                }
                (_, Written::Missing) => {
                    // The entry has ended: there is nothing to be changed any more.
                    turns.view().missing();
                    let mut view = turns.view().copy();
                    return Ok(change(&mut view, &mut Act::new()));
                }
            }
        }
    }

    /// Writes the entry, with the same version in each try, so that it is written
    /// once.
    async fn write(
        &self,
        known: &Known,
        view: &View,
        act: &Act,
        end: Instant,
    ) -> Result<(Version, Written), StoreError> {
        let record = text::write(view, self.own_settings())?;
        let entry = Entry {
            record: &record,
            hold: act.hold,
            keeper: self.fleet.keeper,
            ttl: self.fleet.ttl,
        };
        let write = crate::store::Write {
            expected: Some(known.version),
            version: Version::random(),
            entry: (act.write != Write::Remove).then_some(entry),
            wake: act.wake.as_slice(),
        };
        let written = persist(end, || self.fleet.store.write(&self.id, write)).await?;
        Ok((write.version, written))
    }

    /// The settings that are not the default of every process.
    fn own_settings(&self) -> Option<&Settings> {
        (self.settings != self.fleet.defaults).then_some(&self.settings)
    }
}

impl Known {
    /// Makes the copy of what was written.
    fn commit(&mut self, turns: &Turns, copy: View, act: &Act) {
        let mut view = turns.view();
        let ledger = view.replace(copy);
        if let Hold::For(time) = act.hold {
            view.deadline = Some(Instant::now() + time);
        }
        match (&view.holder, &mut self.mine) {
            (Holder::Change { claim, .. }, Some(mine)) if mine.claim == *claim => {
                view.ledger = ledger;
            }
            // Others' turns are read and never written.
            (Holder::Change { claim, .. }, mine) if act.hold != Hold::Same => {
                *mine = Some(Mine { claim: *claim, before: view.ledger.clone() });
            }
            (Holder::Change { .. }, _) => {}
            (_, mine) => *mine = None,
        }
    }

    /// Makes the copy of an entry that somebody else has written.
    fn absorb(&mut self, turns: &Turns, stored: &Stored) -> Result<(), StoreError> {
        let (read, _) = text::read(stored)?;
        let mut view = turns.view();
        let ledger = view.replace(read);
        match &mut self.mine {
            Some(mine) if view.is_held_by(mine.claim) => {
                mine.before = std::mem::replace(&mut view.ledger, ledger);
            }
            mine => *mine = None,
        }
        self.version = stored.version;
        Ok(())
    }
}

impl Turns {
    /// The session of an entry, and its settings.
    pub(crate) fn stored(
        fleet: &Arc<Fleet>,
        id: &SessionId,
        stored: &Stored,
    ) -> Result<(Arc<Self>, Arc<Settings>), StoreError> {
        let (view, settings) = text::read(stored)?;
        let settings = settings.map_or_else(|| Arc::clone(&fleet.defaults), Arc::new);
        let turns = Self::of(view);
        let shared = Shared::new(fleet, id, &settings, stored.version);
        let _ = turns.shared.set(Box::new(shared));
        Ok((Arc::new(turns), settings))
    }

    /// Puts the session into the store, once it is quiet. False: the store has an
    /// entry of it.
    pub(crate) async fn share(
        &self,
        fleet: &Arc<Fleet>,
        id: &SessionId,
        settings: &Arc<Settings>,
    ) -> Result<bool, StoreError> {
        // The lock keeps all others from asking for the turn.
        let _first = self.line.lock().await;
        loop {
            self.lapse();
            let deadline = {
                let view = self.view();
                if view.quiet().is_some() {
                    break;
                }
                view.deadline
            };
            self.pause(None, deadline).await;
        }
        let version = Version::random();
        let shared = Shared::new(fleet, id, settings, version);
        let record = text::write(&self.view(), shared.own_settings())?;
        let (keeper, ttl) = (fleet.keeper, fleet.ttl);
        let write = crate::store::Write {
            expected: None,
            version,
            entry: Some(Entry { record: &record, hold: Hold::Free, keeper, ttl }),
            wake: &[],
        };
        let end = Instant::now() + PATIENCE;
        if !matches!(persist(end, || fleet.store.write(id, write)).await?, Written::Done) {
            return Ok(false);
        }
        let shared = self.shared.get_or_init(|| Box::new(shared));
        if text::write(&self.view(), shared.own_settings())? != record {
            // The state has changed in between, as by the API's word that it is gone.
            shared.update(self, PATIENCE, |_, act| act.write = Write::Yes).await?;
        }
        Ok(true)
    }

    /// Says whether a store has the session.
    pub(crate) fn is_shared(&self) -> bool {
        self.shared.get().is_some()
    }

    /// Looks at the entry in the store: its keeper. None: there is no entry.
    pub(crate) async fn refresh(&self) -> Result<Option<Keeper>, StoreError> {
        match self.shared.get() {
            Some(shared) => shared.refresh(self).await,
            None => Ok(None),
        }
    }

    /// Makes this process the keeper of the session.
    pub(crate) async fn keep(&self) -> Result<(), StoreError> {
        match self.shared.get() {
            Some(shared) => {
                let keep = |_: &mut View, act: &mut Act| act.write = Write::Yes;
                shared.update(self, PATIENCE, keep).await
            }
            None => Ok(()),
        }
    }

    /// Removes the entry from the store, if there is one.
    pub(crate) async fn forget(&self) -> Result<(), StoreError> {
        match self.shared.get() {
            Some(shared) => shared.remove(self).await,
            None => Ok(()),
        }
    }

    /// Refuses a turn once the process drains.
    pub(super) fn enter(&self) -> Result<(), StoreError> {
        self.shared.get().map_or(Ok(()), |shared| shared.enter())
    }
}

impl Shared {
    fn new(fleet: &Arc<Fleet>, id: &SessionId, settings: &Arc<Settings>, version: Version) -> Self {
        let known = tokio::sync::Mutex::new(Known { version, mine: None });
        let (fleet, settings) = (Arc::clone(fleet), Arc::clone(settings));
        Self { fleet, id: id.clone(), settings, known, until: Mutex::new(None) }
    }
}

/// Tries an operation again as long as the store does not reply.
pub(crate) async fn persist<T, F>(
    end: Instant,
    mut operation: impl FnMut() -> F,
) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let mut delay = FIRST_DELAY;
    loop {
        match operation().await {
            Err(StoreError::Unreachable(why)) => {
                if Instant::now() + delay > end {
                    return Err(StoreError::Unreachable(why));
                }
                tracing::debug!(delay_ms = delay.as_millis() as u64, "the store does not reply");
            }
            ended => return ended,
        }
        sleep(delay).await;
        delay = (2 * delay).min(LONGEST_DELAY);
    }
}

//! A store in the memory of one process.

use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{Cursor, Hold, Keeper, Page, Store, StoreFuture, Stored, Version, Write, Written};
use crate::generated::types::SessionId;

/// The longest time that an instant can be ahead for sure: a year.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A store in the memory of this process: for tests of a fleet, each of whose
/// members is a [`Registry`](crate::session::Registry) of its own. A clone is the
/// same store.
///
/// Its clock is tokio's, so a test can pause it and let it advance.
#[derive(Clone, Default)]
pub struct Memory {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    waiting: Mutex<Vec<Waiter>>,
}

#[derive(Default)]
struct State {
    entries: HashMap<SessionId, Kept>,
    alive: HashMap<Keeper, Instant>,
}

/// A process that waits for a write of a session.
struct Waiter {
    keeper: Keeper,
    session: SessionId,
    /// Dropping it wakes.
    woken: oneshot::Sender<()>,
}

struct Kept {
    version: Version,
    record: Vec<u8>,
    deadline: Option<Instant>,
    written: Instant,
    keeper: Keeper,
    end: Instant,
}

impl Memory {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.state().entries.len()
    }

    /// Says whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The state, without an entry of this session that has ended. It looks at no other,
    /// so that a read or a write takes the same time however many there are.
    fn state_of(&self, session: &SessionId) -> MutexGuard<'_, State> {
        let mut state = self.locked();
        if state.entries.get(session).is_some_and(|kept| kept.end <= Instant::now()) {
            state.entries.remove(session);
        }
        state
    }

    /// The state, without all that has ended.
    fn state(&self) -> MutexGuard<'_, State> {
        let mut state = self.locked();
        let now = Instant::now();
        state.entries.retain(|_, kept| now < kept.end);
        state.alive.retain(|_, end| now < *end);
        state
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        // Nothing in here leaves the state half changed.
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Waiter>> {
        self.inner.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self, session: &SessionId, keepers: &[Keeper]) {
        if keepers.is_empty() {
            return;
        }
        let is_meant =
            |waiter: &mut Waiter| waiter.session == *session && keepers.contains(&waiter.keeper);
        let woken: Vec<Waiter> = self.waiting().extract_if(.., is_meant).collect();
        // They are woken without the lock.
        drop(woken);
    }
}

impl State {
    fn write(&mut self, session: &SessionId, write: Write<'_>) -> Written {
        let there = self.entries.get(session);
        let Some(entry) = write.entry else {
            return match there {
                Some(kept) if Some(kept.version) != write.expected => Written::Other(kept.read()),
                _ => {
                    self.entries.remove(session);
                    Written::Done
                }
            };
        };
        match (there, write.expected) {
            (Some(kept), _) if kept.version == write.version => return Written::Done,
            (Some(kept), expected) if Some(kept.version) != expected => {
                return Written::Other(kept.read());
            }
            (None, Some(_)) => return Written::Missing,
            _ => {}
        }
        let now = Instant::now();
        let kept = Kept {
            version: write.version,
            record: entry.record.to_vec(),
            deadline: match entry.hold {
                Hold::Free => None,
                Hold::Same => there.and_then(|kept| kept.deadline),
                Hold::For(time) => Some(now + time.min(LONGEST)),
            },
            written: now,
            keeper: entry.keeper,
            end: now + entry.ttl.min(LONGEST),
        };
        self.entries.insert(session.clone(), kept);
        Written::Done
    }
}

impl Kept {
    fn read(&self) -> Stored {
        let left = self.deadline.map(|end| end.saturating_duration_since(Instant::now()));
        let idle = self.written.elapsed();
        Stored::new(self.version, self.record.clone(), left, idle, self.keeper)
    }
}

impl Store for Memory {
    fn read<'a>(&'a self, session: &'a SessionId) -> StoreFuture<'a, Option<Stored>> {
        Box::pin(async { Ok(self.state_of(session).entries.get(session).map(Kept::read)) })
    }

    fn write<'a>(&'a self, session: &'a SessionId, write: Write<'a>) -> StoreFuture<'a, Written> {
        Box::pin(async move {
            let written = self.state_of(session).write(session, write);
            if matches!(written, Written::Done) {
                self.wake(session, write.wake);
            }
            Ok(written)
        })
    }

    fn woken(
        &self,
        keeper: Keeper,
        session: &SessionId,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let (woken, end) = oneshot::channel();
        let mut waiting = self.waiting();
        waiting.retain(|waiter| !waiter.woken.is_closed());
        waiting.push(Waiter { keeper, session: session.clone(), woken });
        Box::pin(async {
            let _ = end.await;
        })
    }

    fn beat(&self, keeper: Keeper, ttl: Duration) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            self.state().alive.insert(keeper, Instant::now() + ttl.min(LONGEST));
            Ok(())
        })
    }

    fn orphans(&self, _: Cursor) -> StoreFuture<'_, Page> {
        Box::pin(async {
            let state = self.state();
            let is_orphan = |kept: &Kept| !state.alive.contains_key(&kept.keeper);
            let orphans = state.entries.iter().filter(|(_, kept)| is_orphan(kept));
            Ok(Page::new(orphans.map(|(session, _)| session.clone()).collect(), None))
        })
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").field("entries", &self.len()).finish()
    }
}

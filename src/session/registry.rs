//! Live sessions by their ids, for web handlers.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::task::JoinSet;

use super::handle::{Home, Session};
use super::leave::{Departure, LeaveExt};
use crate::generated::types::SessionId;
use crate::status::{Status, Unusable};

/// The number of sessions that a sweep leaves at the same time.
const SWEPT_AT_ONCE: usize = 16;

/// The sessions of a backend, by their ids.
///
/// A request of an agent names its session; the registry has the one handle of
/// it, so that all requests take turns. Sessions that are gone or were left
/// completely fall out by themselves, at once; [`sweep`](Self::sweep) leaves
/// those that nobody uses any more. It is bounded: when it is full, a new
/// session is handed back. A clone is the same registry.
///
/// ```no_run
/// # use cloudflare_calls::session::Registry;
/// # use cloudflare_calls::{Client, Error, prelude::*, types::SessionId};
/// # async fn example(client: Client, id: SessionId) -> Result<(), Box<dyn std::error::Error>> {
/// let sessions = Registry::new(10_000);
/// sessions.insert(client.join().send().await?)?;
/// // In the handler of another request:
/// let session = sessions.get(&id).ok_or("no such session")?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Registry {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    capacity: usize,
    sessions: Mutex<HashMap<SessionId, Session>>,
}

/// A session that was not inserted, because the registry is full or has another
/// handle of the same session.
#[non_exhaustive]
pub struct NotInserted {
    /// The session, to be left or inserted elsewhere.
    pub session: Session,
    /// The number of sessions that the registry may have, if that is the reason.
    pub capacity: Option<usize>,
}

impl Registry {
    /// A registry of at most `capacity` sessions.
    pub fn new(capacity: usize) -> Self {
        Self { inner: Arc::new(Inner { capacity, sessions: Mutex::default() }) }
    }

    /// Puts a session in.
    ///
    /// # Errors
    /// The session, if the registry is full or has another handle of the same
    /// session.
    pub fn insert(&self, session: Session) -> Result<(), Box<NotInserted>> {
        let mut sessions = self.inner.sessions();
        if let Some(there) = sessions.get(session.id()) {
            return match there.is_same(&session) {
                true => Ok(()),
                false => Err(Box::new(NotInserted { session, capacity: None })),
            };
        }
        if sessions.len() >= self.inner.capacity {
            let capacity = Some(self.inner.capacity);
            return Err(Box::new(NotInserted { session, capacity }));
        }
        sessions.insert(session.id().clone(), session.clone());
        drop(sessions);
        let home: Weak<dyn Home> = Arc::downgrade(&self.inner) as Weak<dyn Home>;
        session.settle_in(home);
        // It may have ended in between.
        if has_ended(&session) {
            self.inner.forget(&session);
        }
        Ok(())
    }

    /// The handle of a session that has not ended.
    pub fn get(&self, id: &SessionId) -> Option<Session> {
        let session = self.inner.sessions().get(id).cloned()?;
        if has_ended(&session) {
            self.inner.forget(&session);
            return None;
        }
        Some(session)
    }

    /// Takes a session out, whatever its state.
    pub fn remove(&self, id: &SessionId) -> Option<Session> {
        self.inner.sessions().remove(id)
    }

    /// The ids of the sessions, in no order. The time is linear in their number.
    pub fn ids(&self) -> Vec<SessionId> {
        self.inner.sessions().keys().cloned().collect()
    }

    /// The number of sessions. The time does not depend on their number.
    pub fn len(&self) -> usize {
        self.inner.sessions().len()
    }

    /// Whether there is no session.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Leaves the sessions that `rule` picks, and once more those that were left
    /// incompletely. Gives their departures; those that are complete are not in
    /// the registry any more.
    ///
    /// A session is [idle](Session::idle) while nothing changes, so also in a long
    /// call that nobody joins or leaves: the lifetime of a token is a better bound
    /// than a few minutes.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use cloudflare_calls::session::{Registry, Status};
    /// # async fn example(sessions: Registry) {
    /// let departures = sessions.sweep(|session| {
    ///     matches!(session.status(), Status::Unusable(_))
    ///         || session.idle() > Duration::from_hours(12)
    /// });
    /// for (id, departure) in departures.await {
    ///     println!("{id}: {}", departure.is_complete());
    /// }
    /// # }
    /// ```
    pub async fn sweep(&self, rule: impl Fn(&Session) -> bool) -> Vec<(SessionId, Departure)> {
        let sessions: Vec<Session> = self.inner.sessions().values().cloned().collect();
        let was_left = |session: &Session| session.status() == Status::Unusable(Unusable::Left);
        let picked = sessions.into_iter().filter(|session| was_left(session) || rule(session));
        let mut picked: Vec<Session> = picked.collect();
        let (mut leaving, mut departures) = (JoinSet::new(), Vec::new());
        loop {
            while leaving.len() < SWEPT_AT_ONCE
                && let Some(session) = picked.pop()
            {
                leaving.spawn(async move { (session.id().clone(), session.leave().await) });
            }
            match leaving.join_next().await {
                Some(Ok((id, Ok(departure)))) => departures.push((id, departure)),
                // A handle that is not guarded may always leave, and does not panic.
                Some(_) => {}
                None => return departures,
            }
        }
    }
}

impl Inner {
    fn sessions(&self) -> MutexGuard<'_, HashMap<SessionId, Session>> {
        // No change of the map can stop half way.
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Home for Inner {
    fn forget(&self, session: &Session) {
        let mut sessions = self.sessions();
        if sessions.get(session.id()).is_some_and(|there| there.is_same(session)) {
            sessions.remove(session.id());
        }
    }
}

/// Gone, or left with nothing open. One that has to be left still stays.
fn has_ended(session: &Session) -> bool {
    match session.status() {
        Status::Unusable(Unusable::Gone) => true,
        Status::Unusable(Unusable::Left) => session.is_empty(),
        _ => false,
    }
}

impl fmt::Debug for NotInserted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for NotInserted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.capacity {
            Some(capacity) => write!(f, "there are {capacity} sessions already"),
            None => f.write_str("there is another handle of the same session"),
        }
    }
}

impl std::error::Error for NotInserted {}

//! Live sessions by their ids, for web handlers.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::fleet::Fleet;
use super::handle::{Home, Session};
use super::leave::{Departure, LeaveExt};
use super::turns::{PATIENCE, persist};
use crate::generated::Client;
use crate::generated::types::SessionId;
use crate::status::{Status, Unusable};
use crate::store::{Cursor, Store, StoreError};

/// The number of sessions that a sweep leaves at the same time.
const SWEPT_AT_ONCE: usize = 16;

/// The time for which a turn is had before it is renewed, if nothing else is set.
const LEASE: Duration = Duration::from_secs(15);

/// The shortest lease. A shorter one ends while a store fails over.
const MIN_LEASE: Duration = Duration::from_secs(1);

/// The time after which the entry of a session ends that nobody has written, if
/// nothing else is set. No token is valid for longer.
const TTL: Duration = Duration::from_secs(24 * 60 * 60);

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
/// sessions.insert(client.join().send().await?).await?;
/// // In the handler of another request:
/// let session = sessions.get(&id).await?.ok_or("no such session")?;
/// # Ok(())
/// # }
/// ```
///
/// # More than one process
/// A registry [over a store](Self::over) shares its sessions with those of other
/// processes: each of them gets every session, all take one turn after another, and
/// an offer that one of them has made is answered by any. The process that has
/// changed a session last is its keeper. Sessions whose keeper has died are
/// [orphans](Self::orphans).
///
/// ```no_run
/// # use std::sync::Arc;
/// # use cloudflare_calls::session::Registry;
/// # use cloudflare_calls::store::{Store, StoreError};
/// # use cloudflare_calls::Client;
/// # async fn example(client: Client, store: Arc<dyn Store>) -> Result<(), StoreError> {
/// let sessions = Registry::over(client, store).capacity(10_000).start().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Registry {
    inner: Arc<Inner>,
}

struct Inner {
    capacity: usize,
    sessions: Mutex<HashMap<SessionId, Session>>,
    shared: Option<Shared>,
}

/// The part of a registry that shares its sessions.
struct Shared {
    client: Client,
    fleet: Arc<Fleet>,
}

/// A registry over a store, to be started.
#[derive(Debug)]
#[must_use = "nothing happens before `start`"]
pub struct Over {
    client: Client,
    store: Arc<dyn Store>,
    capacity: usize,
    lease: Duration,
    ttl: Duration,
}

/// A session that was not inserted, because the registry is full or has another
/// handle of the same session, or because the store did not take it.
#[non_exhaustive]
pub struct NotInserted {
    /// The session, to be left or inserted elsewhere.
    pub session: Session,
    /// The number of sessions that the registry may have, if that is the reason.
    pub capacity: Option<usize>,
    /// The failure of the store, if that is the reason.
    pub error: Option<StoreError>,
}

impl Over {
    /// Sets the number of sessions that this process keeps at most. There is no
    /// limit if it is not set.
    pub fn capacity(mut self, capacity: usize) -> Self {
        self.capacity = capacity;
        self
    }

    /// Sets the time for which a turn is had before it is renewed: 15 s if not set,
    /// at least 1 s. After a process has died, others wait so long for the turn
    /// that it had. A process that the store cannot be reached from for so long loses
    /// its turns.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease.max(MIN_LEASE);
        self
    }

    /// Sets the time after which the store forgets a session that nobody has
    /// changed: 24 h if not set, at least the lease. A call in which nobody joins or
    /// leaves for longer has to join again.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self
    }

    /// Starts the registry: tells the store that this process is alive, now and
    /// as long as the registry or one of its sessions is there.
    ///
    /// # Errors
    /// [`StoreError`]: the store is not reachable, or refuses.
    pub async fn start(self) -> Result<Registry, StoreError> {
        let Self { client, store, capacity, lease, ttl } = self;
        let fleet = Fleet::new(store, lease, ttl.max(lease), client.settings());
        fleet.beat().await?;
        tokio::spawn(beat(Arc::downgrade(&fleet)));
        let shared = Some(Shared { client, fleet });
        Ok(Registry { inner: Arc::new(Inner { capacity, sessions: Mutex::default(), shared }) })
    }
}

/// Tells the store that this process is alive, until its registry and its sessions
/// are dropped.
async fn beat(fleet: Weak<Fleet>) {
    loop {
        let Some(pause) = fleet.upgrade().map(|fleet| fleet.lease / 3) else { return };
        tokio::time::sleep(pause).await;
        let Some(fleet) = fleet.upgrade() else { return };
        if let Err(error) = fleet.beat().await {
            tracing::warn!(%error, "the store does not know that this process is alive");
        }
    }
}

impl Registry {
    /// A registry of at most `capacity` sessions, for a backend of one process.
    pub fn new(capacity: usize) -> Self {
        Self { inner: Arc::new(Inner { capacity, sessions: Mutex::default(), shared: None }) }
    }

    /// A registry that shares its sessions through a store. Sessions of the store are
    /// used with `client`.
    pub fn over(client: Client, store: Arc<dyn Store>) -> Over {
        Over { client, store, capacity: usize::MAX, lease: LEASE, ttl: TTL }
    }

    /// Puts a session in. Over a store, it waits until no change is under way and no
    /// offer waits for an answer: the best time is just after the session was
    /// created.
    ///
    /// # Errors
    /// The session, if the registry is full or has another handle of the same
    /// session, or the store does not take it.
    pub async fn insert(&self, session: Session) -> Result<(), Box<NotInserted>> {
        let not_inserted = |capacity, error| {
            let session = session.clone();
            Err(Box::new(NotInserted { session, capacity, error }))
        };
        match self.inner.insert(session.clone()) {
            Ok(()) => {}
            Err(Full::Same) => return Ok(()),
            Err(Full::Another) => return not_inserted(None, None),
            Err(Full::Capacity) => return not_inserted(Some(self.inner.capacity), None),
        }
        let shared = match &self.inner.shared {
            Some(Shared { fleet, .. }) => session.share(fleet).await,
            None => Ok(true),
        };
        if !matches!(shared, Ok(true)) {
            self.inner.forget(&session);
            return not_inserted(None, shared.err());
        }
        self.inner.settle(&session);
        Ok(())
    }

    /// The handle of a session that has not ended. Over a store it is looked up
    /// there, so that its [status](Session::status) is the fleet's.
    ///
    /// # Errors
    /// [`StoreError`]; without a store there is none.
    pub async fn get(&self, id: &SessionId) -> Result<Option<Session>, StoreError> {
        let here = self.inner.sessions().get(id).cloned();
        let session = match (here, &self.inner.shared) {
            (here, None) => here,
            // It is being inserted.
            (Some(session), Some(_)) if !session.turns().is_shared() => Some(session),
            (Some(session), Some(_)) => {
                let keeper = session.turns().refresh().await?;
                keeper.map(|_| session)
            }
            (None, Some(shared)) => match shared.read(id).await? {
                // Another request may have got it in between.
                Some(session) => match self.inner.insert(session.clone()) {
                    Err(Full::Another) => self.inner.sessions().get(id).cloned(),
                    _ => Some(session),
                },
                None => None,
            },
        };
        let Some(session) = session else {
            self.inner.sessions().remove(id);
            return Ok(None);
        };
        Ok(self.inner.settle(&session).then_some(session))
    }

    /// Takes a session out, whatever its state, and out of the store if there is
    /// one.
    ///
    /// # Errors
    /// [`StoreError`]; without a store there is none.
    pub async fn remove(&self, id: &SessionId) -> Result<Option<Session>, StoreError> {
        let session = self.get(id).await?;
        if let Some(session) = &session {
            session.turns().forget().await?;
        }
        self.inner.sessions().remove(id);
        Ok(session)
    }

    /// The ids of the sessions, in no order. The time is linear in their number. Over
    /// a store they are those that this process has used.
    pub fn ids(&self) -> Vec<SessionId> {
        self.inner.sessions().keys().cloned().collect()
    }

    /// The number of sessions. The time does not depend on their number. Over a store
    /// it is the number of those that this process has used.
    pub fn len(&self) -> usize {
        self.inner.sessions().len()
    }

    /// Says whether there is no session.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes over sessions whose keepers have died, at most so many: this process is
    /// their keeper from now on. Their agents may come back, or a
    /// [sweep](Self::sweep) leaves them. Their time to live begins anew, their
    /// [idle](Session::idle) time goes on. Of a registry without a store there are none.
    ///
    /// It goes through all sessions of the store, so it is nothing for the handler of
    /// a request: once a minute in one process of a fleet is often enough.
    ///
    /// # Errors
    /// [`StoreError`]. Those that were taken over until then have a keeper.
    pub async fn orphans(&self, at_most: usize) -> Result<Vec<Session>, StoreError> {
        let Some(Shared { fleet, .. }) = &self.inner.shared else { return Ok(Vec::new()) };
        let (mut taken, mut place) = (Vec::new(), Some(Cursor::default()));
        while let Some(from) = place {
            let page = fleet.store.orphans(from).await?;
            for id in page.sessions {
                if taken.len() == at_most {
                    return Ok(taken);
                }
                if let Some(session) = self.get(&id).await? {
                    session.turns().keep().await?;
                    taken.push(session);
                }
            }
            place = page.next;
        }
        Ok(taken)
    }

    /// Lets no change of a session begin in this process any more, waits for those
    /// that are under way, and gives its sessions to the others. Offers that wait for
    /// answers stay in the store. Whoever asks here from then on is told
    /// [`StoreError::Draining`]. Without a store it does nothing.
    pub async fn drain(&self) {
        if let Some(Shared { fleet, .. }) = &self.inner.shared {
            fleet.drain().await;
        }
    }

    /// Leaves the sessions that `rule` picks, and once more those that were left
    /// incompletely. Gives their departures; those that are complete are not in
    /// the registry any more.
    ///
    /// A session is [idle](Session::idle) while nothing changes, so also in a long
    /// call that nobody joins or leaves: the lifetime of a token is a better bound
    /// than a few minutes.
    ///
    /// The SFU closes nothing of a session while an offer of its own has no answer. A
    /// session that was left in that state is left again after 30 s, then after twice as
    /// long each time, and at last every 10 min, until the API says that it has ended. No
    /// pause is above half of the [time to live](Over::ttl), so that the store keeps it.
    ///
    /// Over a store, each process sweeps the sessions that it has used and of which it
    /// is still the keeper, and [orphans](Self::orphans) once it has taken them over.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use cloudflare_calls::session::{Registry, Status};
    /// # async fn example(sessions: Registry) {
    /// let departures = sessions.sweep(|session| {
    ///     matches!(session.status(), Status::Unusable(_))
    ///         || session.idle() > Duration::from_secs(12 * 60 * 60)
    /// });
    /// for (id, departure) in departures.await {
    ///     println!("{id}: {}", departure.is_complete());
    /// }
    /// # }
    /// ```
    pub async fn sweep(&self, rule: impl Fn(&Session) -> bool) -> Vec<(SessionId, Departure)> {
        let sessions = self.kept().await;
        let was_left = |session: &Session| session.status() == Status::Unusable(Unusable::Left);
        let is_picked = |session: &Session| was_left(session) || rule(session);
        let ttl = self.inner.shared.as_ref().map_or(Duration::MAX, |shared| shared.fleet.ttl);
        let is_due = |session: &Session| session.turns().view().is_due(ttl / 2);
        let picked = sessions.into_iter().filter(|session| is_picked(session) && is_due(session));
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

impl Registry {
    /// The sessions that this process keeps.
    async fn kept(&self) -> Vec<Session> {
        let mut sessions: Vec<Session> = self.inner.sessions().values().cloned().collect();
        let Some(Shared { fleet, .. }) = &self.inner.shared else { return sessions };
        let mut kept = Vec::new();
        sessions.retain(|session| session.turns().is_shared());
        while let Some(session) = sessions.pop() {
            match session.turns().refresh().await {
                Ok(Some(keeper)) if keeper == fleet.keeper => kept.push(session),
                Ok(_) => self.inner.forget(&session),
                // Later.
                Err(_) => {}
            }
        }
        kept
    }
}

impl Shared {
    async fn read(&self, id: &SessionId) -> Result<Option<Session>, StoreError> {
        let end = Instant::now() + PATIENCE;
        let stored = persist(end, || self.fleet.store.read(id)).await?;
        let session =
            |stored| Session::stored(self.client.clone(), id.clone(), &self.fleet, &stored);
        stored.map(session).transpose()
    }
}

/// The reason for which a session was not taken.
enum Full {
    /// The same handle is there.
    Same,
    /// Another handle of it is there.
    Another,
    Capacity,
}

impl Inner {
    fn insert(&self, session: Session) -> Result<(), Full> {
        let mut sessions = self.sessions();
        if let Some(there) = sessions.get(session.id()) {
            return Err(if there.is_same(&session) { Full::Same } else { Full::Another });
        }
        if sessions.len() >= self.capacity {
            return Err(Full::Capacity);
        }
        sessions.insert(session.id().clone(), session);
        Ok(())
    }

    /// Lets the session fall out when it ends. False: it has ended already.
    fn settle(self: &Arc<Self>, session: &Session) -> bool {
        let home: Weak<dyn Home> = Arc::downgrade(self) as Weak<dyn Home>;
        session.settle_in(home);
        let has_ended = has_ended(session);
        if has_ended {
            self.forget(session);
        }
        !has_ended
    }

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

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner")
            .field("capacity", &self.capacity)
            .field("sessions", &self.sessions().len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for NotInserted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for NotInserted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.capacity, &self.error) {
            (Some(capacity), _) => write!(f, "there are {capacity} sessions already"),
            (_, Some(error)) => error.fmt(f),
            _ => f.write_str("there is another handle of the same session"),
        }
    }
}

impl std::error::Error for NotInserted {}

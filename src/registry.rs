//! Live sessions by their ids, for web handlers.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::types::SessionId;
use crate::{Session, Status, Unusable};

/// The sessions of a backend, by their ids.
///
/// A request of an agent names its session; the registry has the one handle of
/// it, so that all requests take turns. Sessions that are gone or were left
/// completely fall out by themselves. It is bounded: when it is full, a new
/// session is handed back.
///
/// ```no_run
/// # use cloudflare_calls::{Client, Error, LocalTrack, Offer, Registry, prelude::*, types::SessionId};
/// # async fn example(client: Client, id: SessionId) -> Result<(), Box<dyn std::error::Error>> {
/// let sessions = Registry::new(10_000);
/// sessions.insert(client.join().send().await?)?;
/// // In the handler of another request:
/// let session = sessions.get(&id).ok_or("no such session")?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Registry {
    capacity: usize,
    sessions: Mutex<HashMap<SessionId, Session>>,
}

/// A registry is full, or has another handle of the session. The session that
/// was to be inserted is in here.
pub struct NotInserted {
    /// The session, to be left or inserted elsewhere.
    pub session: Session,
    /// How many sessions the registry may have, if that is the reason.
    pub capacity: Option<usize>,
}

impl Registry {
    /// A registry of at most `capacity` sessions.
    pub fn new(capacity: usize) -> Self {
        Self { capacity, sessions: Mutex::default() }
    }

    /// Puts a session in.
    ///
    /// # Errors
    /// The session, if the registry is full of sessions that have not ended,
    /// or has another handle of the same session.
    pub fn insert(&self, session: Session) -> Result<(), Box<NotInserted>> {
        let mut sessions = self.sessions();
        if let Some(there) = sessions.get(session.id()) {
            return match there.is_same(&session) {
                true => Ok(()),
                false => Err(Box::new(NotInserted { session, capacity: None })),
            };
        }
        if sessions.len() >= self.capacity {
            sessions.retain(|_, session| !has_ended(session));
        }
        if sessions.len() >= self.capacity {
            let capacity = Some(self.capacity);
            return Err(Box::new(NotInserted { session, capacity }));
        }
        sessions.insert(session.id().clone(), session);
        Ok(())
    }

    /// The handle of a session that has not ended.
    pub fn get(&self, id: &SessionId) -> Option<Session> {
        let mut sessions = self.sessions();
        let session = sessions.get(id)?.clone();
        if has_ended(&session) {
            sessions.remove(id);
            return None;
        }
        Some(session)
    }

    /// Takes a session out, whatever has become of it.
    pub fn remove(&self, id: &SessionId) -> Option<Session> {
        self.sessions().remove(id)
    }

    /// How many sessions there are that have not ended.
    pub fn len(&self) -> usize {
        let mut sessions = self.sessions();
        sessions.retain(|_, session| !has_ended(session));
        sessions.len()
    }

    /// Whether there is no session that has not ended.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<SessionId, Session>> {
        // No change of the map can stop half way.
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
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

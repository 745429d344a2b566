//! Changes under way, from their arrival to their reply.
//!
//! The rules see a change when it is carried out. A change that a fault holds back is under way for
//! longer, and its session takes no other one meanwhile.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A session of an app.
type Key = (String, String);

/// The changes under way.
#[derive(Clone, Debug, Default)]
pub(crate) struct Turns(Arc<Mutex<BTreeMap<Key, Call>>>);

/// A change under way, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    turns: Turns,
    key: Key,
}

/// The change of a session that is under way.
#[derive(Clone, Copy, Debug)]
struct Call {
    number: u64,
    /// True once the sender has hung up.
    is_abandoned: bool,
}

impl Turns {
    /// Begins a change. Returns the number of the other change if one is under way.
    pub(super) fn take(&self, app: &str, session: &str, number: u64) -> Result<Turn, u64> {
        let key = (app.to_owned(), session.to_owned());
        let mut changes = self.lock();
        if let Some(other) = changes.get(&key) {
            return Err(other.number);
        }
        changes.insert(key.clone(), Call { number, is_abandoned: false });
        Ok(Turn { turns: self.clone(), key })
    }

    /// Notes that the sender of this change has hung up.
    pub(super) fn abandon(&self, number: u64) {
        if let Some(call) = self.lock().values_mut().find(|call| call.number == number) {
            call.is_abandoned = true;
        }
    }

    /// Returns true if this change is under way and its sender has hung up.
    pub(super) fn is_abandoned(&self, number: u64) -> bool {
        self.lock().values().any(|call| call.number == number && call.is_abandoned)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Key, Call>> {
        // No panic can happen in the middle of a change, so the state stays whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.lock().remove(&self.key);
    }
}

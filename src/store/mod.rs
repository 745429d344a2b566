#![doc = include_str!("../../docs/fleet.md")]

#[cfg(feature = "store-contract")]
pub mod contract;
mod memory;

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

pub use self::memory::Memory;
use crate::generated::types::SessionId;

/// The future of an operation of a store.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// A store of entries, one for each session.
///
/// # Contract
/// - Each operation is atomic: it happens as a whole, at one time between its call
///   and its end, or not at all.
/// - An operation that ends with [`StoreError::Unreachable`] may have happened. A
///   write that is repeated, also by the store itself, happens once: see
///   [`write`](Store::write).
/// - The time is the store's. A caller gives and gets durations only, so no clock
///   of a process matters.
/// - Every entry ends by itself when its [`ttl`](Entry::ttl) has passed since it
///   was last written.
/// - A store that loses its last writes, as a replica that is promoted can, is
///   not made up for by the store. The caller notices by the version.
/// - A future that is dropped before its end has done its operation or not.
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// Reads an entry. None: there is none.
    ///
    /// # Errors
    /// [`StoreError`]; nothing has changed.
    fn read<'a>(&'a self, session: &'a SessionId) -> StoreFuture<'a, Option<Stored>>;

    /// Writes an entry, or removes it, if it has the expected version.
    ///
    /// If the entry has the new version already, the same write has come twice:
    /// nothing changes and it is [`Written::Done`]. The same is true of a removal
    /// of an entry that is not there. If somebody else has written between two times
    /// that the same write came, the second ends as [`Written::Other`] or
    /// [`Written::Missing`], although the first was done: the caller looks for its own
    /// doings in what it reads.
    ///
    /// # Errors
    /// [`StoreError`]; with [`StoreError::Unreachable`] it may have been written.
    fn write<'a>(&'a self, session: &'a SessionId, write: Write<'a>) -> StoreFuture<'a, Written>;

    /// Waits until a write [wakes](Write::wake) this process about the session.
    ///
    /// It counts from the call of this function, not from the first poll of the
    /// future, once the process has said that it is [alive](Store::beat). A write that
    /// wakes others, or is about another session, does not end it. Still it may end
    /// early, as after a lost connection, and a message may be lost: the caller looks
    /// at the entry again, and never waits without a limit of time.
    fn woken(
        &self,
        keeper: Keeper,
        session: &SessionId,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;

    /// Says that a process is alive, for `ttl` from now.
    ///
    /// # Errors
    /// [`StoreError`].
    fn beat(&self, keeper: Keeper, ttl: Duration) -> StoreFuture<'_, ()>;

    /// A page of the sessions whose last writer is not alive. An entry that exists
    /// from before the first page to after the last one is in one of them, perhaps
    /// in two.
    ///
    /// The time is linear in the number of all entries, so it is nothing for the
    /// handler of a request.
    ///
    /// # Errors
    /// [`StoreError`].
    fn orphans(&self, from: Cursor) -> StoreFuture<'_, Page>;
}

/// Names a state of an entry. It is random, so that no two states have the same,
/// also after a store has lost writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Version(u64);

/// Names a process of a fleet, from its start to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Keeper(u64);

macro_rules! number {
    ($name:ident) => {
        impl $name {
            /// Returns the number, to be written down.
            pub fn get(self) -> u64 {
                self.0
            }

            /// Makes it from a number that was written down.
            pub fn from_number(number: u64) -> Self {
                Self(number)
            }

            /// Makes a random one.
            pub fn random() -> Self {
                Self(fastrand::u64(..))
            }
        }

        /// 16 hexadecimal digits.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:016x}", self.0)
            }
        }
    };
}

number!(Version);
number!(Keeper);

/// A write of an entry.
#[derive(Clone, Copy, Debug)]
pub struct Write<'a> {
    /// The version that the entry has to have. None: there has to be no entry.
    pub expected: Option<Version>,
    /// The version that it gets.
    pub version: Version,
    /// The new content. None removes the entry.
    pub entry: Option<Entry<'a>>,
    /// The processes to be [woken](Store::woken) if the write is done. The one that
    /// writes may be among them. There is no bound to their number; the store has
    /// work with each.
    pub wake: &'a [Keeper],
}

/// The content of an entry.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    /// The state of the session, as bytes that only this crate reads. They have no
    /// secret.
    pub record: &'a [u8],
    /// The time for which the turn is held.
    pub hold: Hold,
    /// The process that writes.
    pub keeper: Keeper,
    /// The time after which the entry ends if it is not written again.
    pub ttl: Duration,
}

/// The time for which the turn of a session is held. It ends in a deadline by the
/// clock of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// It is not held: there is no deadline.
    Free,
    /// The deadline stays as it is.
    Same,
    /// The deadline is so long after this write.
    For(Duration),
}

/// An entry as it was read.
#[derive(Clone)]
#[non_exhaustive]
pub struct Stored {
    /// Its version.
    pub version: Version,
    /// Its record, as it was written.
    pub record: Vec<u8>,
    /// The time that is left to the deadline, zero if it has passed. None: there is
    /// no deadline.
    pub left: Option<Duration>,
    /// The time since it was last written.
    pub idle: Duration,
    /// The process that wrote it last.
    pub keeper: Keeper,
}

impl Stored {
    /// An entry that a store has read.
    pub fn new(
        version: Version,
        record: Vec<u8>,
        left: Option<Duration>,
        idle: Duration,
        keeper: Keeper,
    ) -> Self {
        Self { version, record, left, idle, keeper }
    }
}

/// The end of a write.
#[derive(Clone, Debug)]
pub enum Written {
    /// It is written.
    Done,
    /// Nothing is written: the entry has another version than expected, or there
    /// is one where none was expected.
    Other(Stored),
    /// Nothing is written: there is no such entry.
    Missing,
}

/// A place among all entries of a store, from which [`Store::orphans`] goes on.
/// Its default is the beginning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cursor(pub Vec<u64>);

/// A page of sessions.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Page {
    /// The sessions.
    pub sessions: Vec<SessionId>,
    /// The beginning of the next page. None: this is the last one.
    pub next: Option<Cursor>,
}

impl Page {
    /// A page that a store has read.
    pub fn new(sessions: Vec<SessionId>, next: Option<Cursor>) -> Self {
        Self { sessions, next }
    }
}

/// The failure of an operation of a store, or on a session in a store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreError {
    /// No reply has come. The text has no secret.
    Unreachable(String),
    /// The store has refused the operation, as without permission or memory. The
    /// text has no secret.
    Refused(String),
    /// The entry cannot be read: it is damaged, or a later version of this crate
    /// wrote it.
    Unreadable,
    /// Another process has the turn, because the lease of this one has ended: it
    /// was cut off from the store, or paused, for longer than the lease.
    LeaseLost,
    /// This process takes no turn any more, because it is about to end.
    Draining,
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(why) => write!(f, "the store of sessions is not reachable: {why}"),
            Self::Refused(why) => write!(f, "the store of sessions refuses: {why}"),
            Self::Unreadable => f.write_str("the session's entry in the store cannot be read"),
            Self::LeaseLost => f.write_str("the lease of the session's turn has ended"),
            Self::Draining => f.write_str("this process takes no turn any more"),
        }
    }
}

impl std::error::Error for StoreError {}

/// The record is not shown.
impl fmt::Debug for Entry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("bytes", &self.record.len())
            .field("hold", &self.hold)
            .field("keeper", &self.keeper)
            .field("ttl", &self.ttl)
            .finish()
    }
}

/// The record is not shown.
impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stored")
            .field("version", &self.version)
            .field("bytes", &self.record.len())
            .field("left", &self.left)
            .field("idle", &self.idle)
            .field("keeper", &self.keeper)
            .finish()
    }
}

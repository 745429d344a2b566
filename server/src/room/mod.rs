//! Rooms and their members, in a store that several processes can share.

pub(crate) mod record;
#[cfg(test)]
mod tests;
pub(crate) mod types;
mod watch;
pub(crate) use self::watch::unattended;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cloudflare_calls::store::{
    Entry as Stored, Hold, Keeper, Store, StoreError, Version, Write, Written,
};
use tokio::sync::watch as channel;
use tokio::time::Instant;

use self::record::{Entry, Record};
use self::types::Reason;
use crate::name::{MemberId, RoomName};
use crate::refusal::Refused;

/// Time between two signs of life of a process.
const BEAT: Duration = Duration::from_secs(10);

/// Time after which the entry of a room ends if no process writes it. It outlasts a restart, and
/// the longest silence of a member.
const TTL: Duration = Duration::from_secs(120);

/// Time for which the entry of a room without members stays, so that the last events arrive.
const EMPTY_TTL: Duration = Duration::from_secs(30);

/// The most attempts at a change while others change the room.
const TRIES: u32 = 64;

/// Longest pause between two attempts.
const PAUSE: Duration = Duration::from_millis(20);

/// Rooms of this process, over a store.
#[derive(Clone)]
pub(crate) struct Rooms {
    inner: Arc<Inner>,
}

struct Inner {
    store: Arc<dyn Store>,
    keeper: Keeper,
    /// Time of silence after which a member expires.
    patience: Duration,
    open: Mutex<HashMap<RoomName, Arc<Room>>>,
    on_gone: OnGone,
}

/// Callback for members that have gone: their sessions are to be left.
pub(crate) type OnGone = Box<dyn Fn(&RoomName, Vec<Entry>, Reason) + Send + Sync>;

/// Room, as this process knows it.
pub(crate) struct Room {
    pub(crate) name: RoomName,
    rooms: std::sync::Weak<Inner>,
    /// The last state that was read or written, and its version. None if there is no entry, or
    /// nothing was read.
    cached: tokio::sync::Mutex<Option<(Version, Arc<Record>)>>,
    state: channel::Sender<Arc<Record>>,
    /// Number of connections for events at this process, by member.
    seats: Mutex<HashMap<MemberId, usize>>,
    used: Mutex<Instant>,
}

/// Connection for events. The member is away once the last one is dropped.
pub(crate) struct Seat {
    room: Arc<Room>,
    member: MemberId,
}

impl Rooms {
    /// Creates rooms over a store. This process is a keeper in it as long as they exist.
    pub(crate) fn new(store: Arc<dyn Store>, patience: Duration, on_gone: OnGone) -> Self {
        let (keeper, open) = (Keeper::random(), Mutex::default());
        let inner = Arc::new(Inner { store, keeper, patience, open, on_gone });
        tokio::spawn(beat(Arc::downgrade(&inner)));
        Self { inner }
    }

    /// Returns the room of a name, with or without members.
    pub(crate) fn room(&self, name: &RoomName) -> Arc<Room> {
        let mut open = self.inner.open();
        let room = open.entry(name.clone()).or_insert_with(|| {
            let room = Arc::new(Room {
                name: name.clone(),
                rooms: Arc::downgrade(&self.inner),
                cached: tokio::sync::Mutex::default(),
                state: channel::Sender::new(Arc::default()),
                seats: Mutex::default(),
                used: Mutex::new(Instant::now()),
            });
            tokio::spawn(watch::watch(Arc::downgrade(&self.inner), Arc::clone(&room)));
            room
        });
        *room.used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        Arc::clone(room)
    }

    /// Returns the room of a name and its state, if it has an entry. Nothing is kept of made-up
    /// names.
    pub(crate) async fn find(
        &self,
        name: &RoomName,
    ) -> Result<Option<(Arc<Room>, Arc<Record>)>, StoreError> {
        let is_open = self.inner.open().contains_key(name);
        if !is_open && self.inner.store.read(name.key()).await?.is_none() {
            return Ok(None);
        }
        let room = self.room(name);
        let record = room.look().await?;
        Ok(Some((room, record)))
    }

    /// Returns the rooms that this process watches.
    pub(crate) fn all(&self) -> Vec<Arc<Room>> {
        self.inner.open().values().cloned().collect()
    }
}

impl Inner {
    fn ttl(&self) -> Duration {
        TTL.max(4 * self.patience)
    }

    fn open(&self) -> MutexGuard<'_, HashMap<RoomName, Arc<Room>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells the store that this process is alive, so that it is woken.
async fn beat(rooms: std::sync::Weak<Inner>) {
    loop {
        let Some(rooms) = rooms.upgrade() else { return };
        if let Err(error) = rooms.store.beat(rooms.keeper, 3 * BEAT).await {
            tracing::warn!(%error, "the store of rooms does not know that this process is alive");
        }
        drop(rooms);
        tokio::time::sleep(BEAT).await;
    }
}

impl Room {
    /// Returns the states of the room, from the last known one on.
    pub(crate) fn states(&self) -> channel::Receiver<Arc<Record>> {
        self.state.subscribe()
    }

    /// Returns the state of the room, as the store has it now.
    pub(crate) async fn look(&self) -> Result<Arc<Record>, StoreError> {
        let mut cached = self.cached.lock().await;
        self.read(&mut cached).await
    }

    /// Changes the room. `change` may be called several times, each time with another state. If it
    /// refuses, the newest state was the reason.
    pub(crate) async fn change<T>(
        &self,
        mut change: impl FnMut(&mut Record) -> Result<T, Refused>,
    ) -> Result<T, Refused> {
        let rooms = self.rooms()?;
        let mut cached = self.cached.lock().await;
        let mut is_newest = false;
        for attempt in 0..TRIES {
            if cached.is_none() && !is_newest {
                self.read(&mut cached).await?;
                is_newest = true;
            }
            let (expected, before) = match &*cached {
                Some((version, record)) => (Some(*version), Arc::clone(record)),
                None => (None, Arc::default()),
            };
            let mut record = Record::clone(&before);
            let value = match change(&mut record) {
                Ok(value) => value,
                Err(refused) if is_newest => return Err(refused),
                Err(_) => {
                    self.read(&mut cached).await?;
                    is_newest = true;
                    continue;
                }
            };
            if record == *before {
                if is_newest {
                    return Ok(value);
                }
                self.read(&mut cached).await?;
                is_newest = true;
                continue;
            }
            let version = Version::random();
            let bytes = serde_json::to_vec(&record).map_err(|_| StoreError::Unreadable)?;
            let ttl = if record.members().len() == 0 { EMPTY_TTL } else { rooms.ttl() };
            let keeper = rooms.keeper;
            let entry = Stored { record: &bytes, hold: Hold::Free, keeper, ttl };
            let others = record.others(keeper);
            let write = Write { expected, version, entry: Some(entry), wake: &others };
            match rooms.store.write(self.name.key(), write).await? {
                Written::Done => {
                    self.know(&mut cached, version, record);
                    return Ok(value);
                }
                Written::Other(stored) => {
                    self.know(&mut cached, stored.version, parse(&stored.record)?);
                }
                Written::Missing => *cached = None,
            }
            is_newest = true;
            // Other processes change the room, too.
            let pause = PAUSE.mul_f64(fastrand::f64()) * attempt.min(10);
            tokio::time::sleep(pause).await;
        }
        Err(Refused::Store(StoreError::Refused("the room changes all the time".to_owned())))
    }

    /// Takes a seat for one more connection of a member.
    pub(crate) async fn sit(self: &Arc<Self>, member: &MemberId) -> Result<Seat, Refused> {
        let keeper = self.rooms()?.keeper;
        *self.seats().entry(member.clone()).or_default() += 1;
        // The seat is dropped if the room does not take the member.
        let seat = Seat { room: Arc::clone(self), member: member.clone() };
        self.change(|record| {
            record.watch(keeper);
            record.sit(member, keeper)
        })
        .await?;
        Ok(seat)
    }

    async fn read(
        &self,
        cached: &mut Option<(Version, Arc<Record>)>,
    ) -> Result<Arc<Record>, StoreError> {
        let rooms = self.rooms().map_err(|_| StoreError::Draining)?;
        match (rooms.store.read(self.name.key()).await?, &*cached) {
            (Some(stored), Some((version, record))) if stored.version == *version => {
                Ok(Arc::clone(record))
            }
            (Some(stored), _) => Ok(self.know(cached, stored.version, parse(&stored.record)?)),
            (None, _) => {
                *cached = None;
                let record = Arc::default();
                self.state.send_replace(Arc::clone(&record));
                Ok(record)
            }
        }
    }

    fn know(
        &self,
        cached: &mut Option<(Version, Arc<Record>)>,
        version: Version,
        record: Record,
    ) -> Arc<Record> {
        let record = Arc::new(record);
        *cached = Some((version, Arc::clone(&record)));
        self.state.send_replace(Arc::clone(&record));
        record
    }

    fn seats(&self) -> MutexGuard<'_, HashMap<MemberId, usize>> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rooms(&self) -> Result<Arc<Inner>, Refused> {
        self.rooms.upgrade().ok_or(Refused::Draining)
    }

    fn idle(&self) -> Duration {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut seats = self.room.seats();
        let Some(count) = seats.get_mut(&self.member) else { return };
        *count -= 1;
        if *count > 0 {
            return;
        }
        seats.remove(&self.member);
        drop(seats);
        let (room, member) = (Arc::clone(&self.room), self.member.clone());
        // Without a runtime the process is about to end, and nobody is told.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            let Ok(rooms) = room.rooms() else { return };
            let stood = room.change(|record| {
                // The member may be back already.
                if !room.seats().contains_key(&member) {
                    record.stand(&member, rooms.keeper);
                }
                Ok(())
            });
            if let Err(error) = stood.await {
                tracing::debug!(%error, "the absence of a member was not noted");
            }
        });
    }
}

fn parse(record: &[u8]) -> Result<Record, StoreError> {
    serde_json::from_slice(record).map_err(|_| StoreError::Unreadable)
}

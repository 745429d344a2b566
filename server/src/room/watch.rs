//! Watch over one room: its newest state, signs of life, and members that vanish.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use cloudflare_calls::store::Keeper;
use tokio::time::Instant;

use super::record::{Record, Via};
use super::types::Reason;
use super::{BEAT, Inner, Room};
use crate::name::MemberId;
use crate::refusal::Refused;

/// Time between two checks for vanished members.
const TICK: Duration = Duration::from_secs(1);

/// Time between two reads of the state. Messages that wake may be lost.
const LOOK: Duration = Duration::from_secs(5);

/// Time without use after which a room is not watched any more.
const UNUSED: Duration = Duration::from_secs(60);

/// Time of silence after which a process counts as dead.
const SILENCE: Duration = BEAT.saturating_mul(3);

/// Watches a room until it is unused.
pub(super) async fn watch(rooms: Weak<Inner>, room: Arc<Room>) {
    let Some((store, keeper)) = rooms.upgrade().map(|it| (Arc::clone(&it.store), it.keeper)) else {
        return;
    };
    let mut lives = Lives::default();
    let (mut looked, mut beaten) = (Instant::now(), Instant::now());
    let mut woken = store.woken(keeper, room.name.key());
    // A write before the wait has woken nobody.
    let mut is_woken = true;
    loop {
        let Some(inner) = rooms.upgrade() else { return };
        if inner.stops(&room) {
            return;
        }
        if is_woken || looked.elapsed() >= LOOK {
            looked = Instant::now();
            if let Err(error) = room.look().await {
                tracing::debug!(%error, "a room was not read");
            }
        }
        let members: Vec<MemberId> = room.seats().keys().cloned().collect();
        if !members.is_empty() && beaten.elapsed() >= BEAT {
            beaten = Instant::now();
            let beat = room.change(|record| {
                record.watch(keeper);
                // Other processes have taken the seats away if they heard nothing for too long.
                members.iter().for_each(|member| drop(record.sit(member, keeper)));
                Ok(())
            });
            if let Err(error) = beat.await {
                tracing::debug!(%error, "this process was not noted as a watcher of the room");
            }
        }
        if let Err(error) = room.give_back(keeper).await {
            tracing::debug!(%error, "seats without a connection were not given back");
        }
        if let Err(error) = lives.end(&inner, &room).await {
            tracing::debug!(%error, "a member that has vanished was not removed");
        }
        drop(inner);
        is_woken = tokio::select! {
            () = &mut woken => true,
            () = tokio::time::sleep(TICK) => false,
        };
        if is_woken {
            // The wait begins before the state is read, so that no message is missed.
            woken = store.woken(keeper, room.name.key());
        }
    }
}

impl Room {
    /// Gives seats back that have no connection here any more: the store was not reachable when
    /// their connections ended.
    async fn give_back(&self, keeper: Keeper) -> Result<(), Refused> {
        let is_empty = |member: &&MemberId| !self.seats().contains_key(*member);
        let record = Arc::clone(&self.state.borrow());
        let empty: Vec<&MemberId> = record.sitting(keeper).filter(is_empty).collect();
        if empty.is_empty() {
            return Ok(());
        }
        let given = self.change(|record| {
            empty.iter().filter(|member| is_empty(member)).for_each(|id| record.stand(id, keeper));
            Ok(())
        });
        given.await
    }
}

impl Inner {
    /// Returns whether the watch ends, because the room is unused.
    fn stops(&self, room: &Arc<Room>) -> bool {
        let mut open = self.open();
        let has_members = room.state.borrow().members().len() > 0;
        // One reference is the map's and one the watch's. Others come from the map, which is
        // locked.
        let is_unused = Arc::strong_count(room) == 2 && room.idle() > UNUSED;
        if is_unused && !has_members {
            open.remove(&room.name);
            return true;
        }
        false
    }
}

/// Times at which signs of life were seen, by the clock of this process.
#[derive(Default)]
struct Lives {
    processes: HashMap<Keeper, (u64, Instant)>,
    members: HashMap<MemberId, (u64, Instant)>,
}

impl Lives {
    /// Ends members and processes without a sign of life for too long.
    async fn end(&mut self, rooms: &Inner, room: &Room) -> Result<(), Refused> {
        let record = Arc::clone(&room.state.borrow());
        let dead = self.dead(&record, rooms.keeper);
        for keeper in dead {
            room.change(|record| {
                record.unwatch(keeper);
                Ok(())
            })
            .await?;
        }
        let vanished = self.vanished(&record, rooms.patience);
        if vanished.is_empty() {
            return Ok(());
        }
        // The newest state decides: another process may have heard of the member.
        let removed = room.change(|record| {
            let is_still = |(id, beats): &&(MemberId, u64)| {
                record.entry(id).is_some_and(|entry| entry.life() == (*beats, false))
            };
            let ids: Vec<MemberId> =
                vanished.iter().filter(is_still).map(|(id, _)| id.clone()).collect();
            Ok(ids.iter().filter_map(|id| record.leave(id, Reason::Expired)).collect::<Vec<_>>())
        });
        let removed = removed.await?;
        if !removed.is_empty() {
            (rooms.on_gone)(&room.name, removed, Reason::Expired);
        }
        Ok(())
    }

    fn dead(&mut self, record: &Record, own: Keeper) -> Vec<Keeper> {
        let now = Instant::now();
        let mut dead = Vec::new();
        let mut seen = HashMap::new();
        for (keeper, beats) in record.watchers().filter(|(keeper, _)| *keeper != own) {
            let since = match self.processes.get(&keeper) {
                Some((before, since)) if *before == beats => *since,
                _ => now,
            };
            if now.duration_since(since) >= SILENCE {
                dead.push(keeper);
            }
            seen.insert(keeper, (beats, since));
        }
        self.processes = seen;
        dead
    }

    fn vanished(&mut self, record: &Record, patience: Duration) -> Vec<(MemberId, u64)> {
        let now = Instant::now();
        let mut vanished = Vec::new();
        let mut seen = HashMap::new();
        for entry in record.entries() {
            let (beats, is_connected) = entry.life();
            let since = match self.members.get(&entry.member.id) {
                Some((before, since)) if *before == beats && !is_connected => *since,
                _ => now,
            };
            if now.duration_since(since) >= patience {
                vanished.push((entry.member.id.clone(), beats));
            }
            seen.insert(entry.member.id.clone(), (beats, since));
        }
        self.members = seen;
        vanished
    }
}

/// Returns the members by WHIP and WHEP that no process attends.
pub(crate) fn unattended(record: &Record) -> Vec<MemberId> {
    let is_unattended =
        |entry: &&super::record::Entry| entry.via != Via::Members && !entry.life().1;
    record.entries().iter().filter(is_unattended).map(|entry| entry.member.id.clone()).collect()
}

//! Rooms of several processes over one store, with the clock under control.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cloudflare_calls::Mid;
use cloudflare_calls::store::{Memory, Store};
use cloudflare_calls::types::SessionId;
use serde_json::Value;

use super::record::{Entry, Held, NewTrack, News, Record, Via};
use super::types::{Change, Event, Kind, Member, Presence, Reason, Role};
use super::{Room, Rooms};
use crate::name::{MemberId, RoomName};
use crate::refusal::Refused;

const PATIENCE: Duration = Duration::from_secs(30);

type Gone = Arc<Mutex<Vec<(MemberId, Reason)>>>;

/// Process that has rooms.
struct Process {
    rooms: Rooms,
    gone: Gone,
}

impl Process {
    fn new(store: &Arc<Memory>) -> Self {
        let gone = Gone::default();
        let told = Arc::clone(&gone);
        let on_gone = move |_: &RoomName, entries: Vec<Entry>, reason| {
            let ids = entries.into_iter().map(|entry| (entry.member.id, reason));
            told.lock().unwrap().extend(ids);
        };
        let store = Arc::clone(store) as Arc<dyn Store>;
        Self { rooms: Rooms::new(store, PATIENCE, Box::new(on_gone)), gone }
    }

    fn room(&self) -> Arc<Room> {
        self.rooms.room(&RoomName::new("room").unwrap())
    }

    fn gone(&self) -> Vec<(MemberId, Reason)> {
        self.gone.lock().unwrap().clone()
    }
}

fn held(session: &SessionId) -> Held {
    Held::new(session.clone(), BTreeMap::from([(Mid::new("offered").unwrap(), Kind::Video)]))
}

fn entry(number: u64) -> Entry {
    let member = Member {
        id: MemberId::from_number(number),
        name: format!("member {number}"),
        role: Role::Member,
        presence: Presence::Away,
        data: Value::Null,
        tracks: Vec::new(),
        channels: Vec::new(),
    };
    Entry::new(member, String::new(), Via::Members, 0)
}

async fn join(room: &Room, number: u64) -> MemberId {
    let entry = entry(number);
    room.change(|record| record.join(entry.clone(), 100)).await.unwrap();
    entry.member.id
}

fn session(id: &str) -> SessionId {
    SessionId::new(id).unwrap()
}

fn track(name: &str, mid: &str) -> NewTrack {
    NewTrack { name: name.to_owned(), kind: Some(Kind::Audio), mid: Mid::new(mid).unwrap() }
}

/// Waits until this process knows such a state, by messages and its own reads.
async fn until(room: &Room, is_it: impl Fn(&Record) -> bool) -> Arc<Record> {
    let mut states = room.states();
    let state = states.wait_for(|record| is_it(record));
    let state = tokio::time::timeout(Duration::from_secs(120), state).await;
    Arc::clone(&state.expect("in time").expect("a room"))
}

#[tokio::test(start_paused = true)]
async fn processes_with_connections_are_told_at_once() {
    let store = Arc::new(Memory::new());
    let (here, there) = (Process::new(&store), Process::new(&store));
    tokio::time::sleep(Duration::from_secs(1)).await;
    let ada = join(&here.room(), 1).await;
    let _seat = there.room().sit(&ada).await.unwrap();
    let before = tokio::time::Instant::now();
    let bob = join(&here.room(), 2).await;
    until(&there.room(), |record| record.entry(&bob).is_some()).await;
    assert!(before.elapsed() < Duration::from_secs(1), "nobody waits for a look");
}

#[tokio::test(start_paused = true)]
async fn a_member_that_loses_its_connection_is_away_and_expires_at_one_process_alone() {
    let store = Arc::new(Memory::new());
    let processes = [Process::new(&store), Process::new(&store)];
    let [here, there] = &processes;
    let ada = join(&here.room(), 1).await;
    let seat = here.room().sit(&ada).await.unwrap();
    tokio::time::sleep(10 * PATIENCE).await;
    let presence = |record: &Record| record.entry(&ada).map(|entry| entry.member.presence);
    until(&there.room(), |record| presence(record) == Some(Presence::Here)).await;
    drop(seat);
    until(&there.room(), |record| presence(record) == Some(Presence::Away)).await;
    until(&here.room(), |record| presence(record).is_none()).await;
    until(&there.room(), |record| presence(record).is_none()).await;
    tokio::time::sleep(PATIENCE).await;
    let gone: Vec<_> = processes.iter().flat_map(Process::gone).collect();
    assert_eq!(gone, [(ada, Reason::Expired)]);
}

#[tokio::test(start_paused = true)]
async fn heartbeats_keep_a_member_wherever_they_arrive() {
    let store = Arc::new(Memory::new());
    let processes = [Process::new(&store), Process::new(&store)];
    let ada = join(&processes[0].room(), 1).await;
    for round in 0..20 {
        tokio::time::sleep(PATIENCE / 2).await;
        let room = processes[round % 2].room();
        room.change(|record| record.beat(&ada)).await.unwrap();
    }
    assert!(processes.iter().all(|process| process.gone().is_empty()));
}

#[tokio::test(start_paused = true)]
async fn the_members_of_a_process_that_died_expire_unless_they_come_elsewhere() {
    let store = Arc::new(Memory::new());
    let (here, there) = (Process::new(&store), Process::new(&store));
    let (ada, bob) = (join(&here.room(), 1).await, join(&here.room(), 2).await);
    let seats = [here.room().sit(&ada).await.unwrap(), here.room().sit(&bob).await.unwrap()];
    let _watched = there.room().look().await.unwrap();
    // The process dies: its seats are not given back.
    seats.into_iter().for_each(std::mem::forget);
    drop(here);
    tokio::time::sleep(PATIENCE / 2).await;
    let _seat = there.room().sit(&bob).await.unwrap();
    until(&there.room(), |record| record.entry(&ada).is_none()).await;
    tokio::time::sleep(10 * PATIENCE).await;
    assert_eq!(there.gone(), [(ada, Reason::Expired)]);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_was_not_heard_of_takes_its_seats_again() {
    let store = Arc::new(Memory::new());
    let (here, there) = (Process::new(&store), Process::new(&store));
    let ada = join(&here.room(), 1).await;
    let _seat = here.room().sit(&ada).await.unwrap();
    let keeper = here.rooms.inner.keeper;
    there
        .room()
        .change(|record| {
            record.unwatch(keeper);
            Ok(())
        })
        .await
        .unwrap();
    tokio::time::sleep(10 * PATIENCE).await;
    assert!(here.gone().is_empty() && there.gone().is_empty());
    let record = there.room().look().await.unwrap();
    assert_eq!(record.entry(&ada).unwrap().member.presence, Presence::Here);
}

#[tokio::test]
async fn fifty_members_enter_at_once_at_three_processes() {
    let store = Arc::new(Memory::new());
    let processes: Vec<_> = (0..3).map(|_| Process::new(&store)).collect();
    let joins = (0..50).map(|number| {
        let room = processes[number % 3].room();
        async move { join(&room, number as u64).await }
    });
    let ids: BTreeSet<MemberId> = futures_util::future::join_all(joins).await.into_iter().collect();
    let record = processes[0].room().look().await.unwrap();
    let there: BTreeSet<MemberId> = record.members().map(|member| member.id.clone()).collect();
    assert_eq!(there, ids);
    assert_eq!(record.seq, 50, "each is one event");
}

#[tokio::test(start_paused = true)]
async fn late_requests_of_a_replaced_session_change_nothing() {
    let store = Arc::new(Memory::new());
    let process = Process::new(&store);
    let room = process.room();
    let ada = join(&room, 1).await;
    let (old, new) = (session("old"), session("new"));
    let published = room.change(|record| {
        record.hold(&ada, held(&old), None, 1)?;
        record.publish(&ada, &old, vec![track("mic", "0")])
    });
    published.await.unwrap();
    room.change(|record| record.hold(&ada, held(&new), Some(&old), 1)).await.unwrap();
    let late = room.change(|record| record.publish(&ada, &old, vec![track("cam", "1")])).await;
    assert!(matches!(late, Err(Refused::Gone)), "{late:?}");
    let late =
        room.change(|record| record.unpublish(&ada, &old, &[Mid::new("0").unwrap()], None)).await;
    assert!(late.is_ok());
    let record = room.look().await.unwrap();
    assert!(record.entry(&ada).unwrap().member.tracks.is_empty());
    assert_eq!(record.sessions().collect::<Vec<_>>(), [&new]);
    assert_eq!(record.seq, 3, "joined, published, unpublished");
}

#[test]
fn news_are_events_without_a_gap_or_a_snapshot() {
    let mut record = Record::default();
    let numbers = |news: News<'_>| match news {
        News::Snapshot => None,
        News::Events(events) => Some(events.iter().map(|event| event.seq).collect::<Vec<_>>()),
    };
    assert_eq!(numbers(record.since(Some(0))), Some(vec![]));
    for number in 0..200 {
        record.join(entry(number), 1_000).unwrap();
    }
    assert_eq!(numbers(record.since(None)), None);
    assert_eq!(numbers(record.since(Some(198))), Some(vec![199, 200]));
    assert_eq!(numbers(record.since(Some(200))), Some(vec![]));
    assert_eq!(numbers(record.since(Some(72))).map(|events| events.len()), Some(128));
    assert_eq!(numbers(record.since(Some(71))), None, "some are not kept any more");
    assert_eq!(numbers(record.since(Some(201))), None, "of another room of this name");
}

#[test]
fn events_are_written_as_the_protocol_says() {
    let mut record = Record::default();
    let ada = entry(1).member.id;
    record.join(entry(1), 1).unwrap();
    record.hold(&ada, held(&session("s")), None, 1).unwrap();
    record.publish(&ada, &session("s"), vec![track("mic", "0")]).unwrap();
    record.set_muted(&ada, "mic", true).unwrap();
    record.unpublish(&ada, &session("s"), &[Mid::new("0").unwrap()], Some(&ada)).unwrap();
    record.leave(&ada, Reason::Left).unwrap();
    let News::Events(events) = record.since(Some(1)) else { panic!("events") };
    let written: Vec<Value> = events.iter().map(|e| serde_json::to_value(e).unwrap()).collect();
    let id = "0000000000000001";
    assert_eq!(
        Value::Array(written),
        serde_json::json!([
            { "seq": 2, "type": "published", "member": id, "track":
                { "sessionId": "s", "trackName": "mic", "kind": "audio", "muted": false } },
            { "seq": 3, "type": "muted", "member": id, "sessionId": "s", "trackName": "mic" },
            { "seq": 4, "type": "unpublished", "member": id, "sessionId": "s",
                "trackName": "mic", "by": id },
            { "seq": 5, "type": "left", "member": id, "reason": "left" },
        ])
    );
    let first = serde_json::to_string(&record).unwrap();
    assert_eq!(serde_json::from_str::<Record>(&first).unwrap(), record, "as it is in a store");
}

#[test]
fn a_member_that_a_store_has_taken_already_is_there_once() {
    let mut record = Record::default();
    record.join(entry(1), 1).unwrap();
    record.join(entry(1), 1).unwrap();
    assert_eq!((record.members().len(), record.seq), (1, 1));
}

#[test]
fn a_room_that_is_full_takes_nobody() {
    let mut record = Record::default();
    record.join(entry(1), 1).unwrap();
    assert!(matches!(record.join(entry(2), 1), Err(Refused::Full)));
    assert_eq!(record.seq, 1);
    let gone = record.end();
    assert_eq!(gone.len(), 1);
    assert_eq!(record.why_gone(&gone[0].member.id), Some(Reason::Ended));
    let is_left = |event: &Event| matches!(event.change, Change::Left { .. });
    let News::Events(events) = record.since(Some(1)) else { panic!("events") };
    assert!(events.into_iter().all(is_left));
}

#[tokio::test]
async fn a_track_on_a_section_of_an_earlier_offer_has_its_kind() {
    let process = Process::new(&Arc::new(Memory::new()));
    let room = process.room();
    let (ada, session) = (join(&room, 1).await, session("s"));
    let unnamed = |name: &str, mid| NewTrack { kind: None, ..track(name, mid) };
    let published = room.change(|record| {
        record.hold(&ada, held(&session), None, 1)?;
        record.publish(&ada, &session, vec![track("mic", "0"), unnamed("camera", "offered")])?;
        record.unpublish(&ada, &session, &[Mid::new("0").unwrap()], None)?;
        record.publish(&ada, &session, vec![unnamed("again", "0"), unnamed("unknown", "9")])
    });
    published.await.unwrap();
    let record = room.look().await.unwrap();
    let tracks = record.entry(&ada).unwrap().member.tracks.iter();
    let kinds: BTreeMap<&str, Option<Kind>> = tracks.map(|it| (&*it.name, it.kind)).collect();
    let (camera, again) = (Some(Kind::Video), track("mic", "0").kind);
    assert_eq!(kinds, BTreeMap::from([("again", again), ("camera", camera), ("unknown", None)]));
}

//! The contract of [`Store`] as a suite that every store runs.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! use cloudflare_calls::store::{Memory, contract};
//!
//! contract::check(std::sync::Arc::new(Memory::new())).await;
//! # }
//! ```
//!
//! The sessions are random, so several runs on one store do not disturb each other.

// A suite says what is wrong by panicking.
#![allow(clippy::panic, clippy::expect_used)]

mod steps;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use self::steps::{
    all_orphans, by, done, entry, erase, hold, live, next, other, put, read, same, session, there,
    within,
};
use super::{Entry, Hold, Keeper, Store, Version, Write, Written};
use crate::generated::types::SessionId;

/// A time to live that no run lasts.
const LONG: Duration = Duration::from_secs(600);
/// A time that is waited for.
const SHORT: Duration = Duration::from_millis(300);
/// The difference that clocks of several machines and roundings may make.
const SLACK: Duration = Duration::from_millis(100);
/// The end of patience.
const PATIENCE: Duration = Duration::from_secs(20);

/// Checks the contract. It takes a few seconds.
///
/// # Panics
/// At the first sentence that does not hold, and where an operation fails.
pub async fn check(store: Arc<dyn Store>) {
    let store = &store;
    create(store).await;
    change(store).await;
    repeat(store).await;
    remove(store).await;
    holds(store).await;
    deadline(store).await;
    ends(store).await;
    idle(store).await;
    records(store).await;
    wakes(store).await;
    wakes_all(store).await;
    orphans(store).await;
    pages(store).await;
    writers(store).await;
}

/// "None: there has to be no entry."
async fn create(store: &Arc<dyn Store>) {
    let session = session();
    assert!(read(store, &session).await.is_none(), "an entry that was never written is there");
    let version = Version::random();
    let missing = put(store, &session, Some(Version::random()), version, b"a").await;
    assert!(matches!(missing, Written::Missing), "a change without an entry: {missing:?}");
    assert!(read(store, &session).await.is_none(), "a write that is Missing has written");
    done(put(store, &session, None, version, b"a").await);
    let stored = there(store, &session).await;
    assert_eq!(stored.version, version, "the version is the one that was written");
    assert_eq!(stored.record, b"a", "the record is the one that was written");
    let again = put(store, &session, None, Version::random(), b"b").await;
    same(&other(again), &stored);
    same(&there(store, &session).await, &stored);
}

/// "If it has the expected version."
async fn change(store: &Arc<dyn Store>) {
    let session = session();
    let (first, second) = (Version::random(), Version::random());
    done(put(store, &session, None, first, b"first").await);
    done(put(store, &session, Some(first), second, b"second").await);
    let stored = there(store, &session).await;
    assert_eq!((stored.version, &stored.record[..]), (second, &b"second"[..]));
    for expected in [Some(first), Some(Version::random()), None] {
        let late = put(store, &session, expected, Version::random(), b"late").await;
        same(&other(late), &stored);
    }
    same(&there(store, &session).await, &stored);
}

/// "If the entry has the new version already, the same write has come twice."
async fn repeat(store: &Arc<dyn Store>) {
    let session = session();
    let (first, second) = (Version::random(), Version::random());
    for _ in 0..2 {
        done(put(store, &session, None, first, b"first").await);
    }
    done(put(store, &session, Some(first), second, b"second").await);
    // The record shows that nothing is written the second time.
    done(put(store, &session, Some(first), second, b"again").await);
    assert_eq!(there(store, &session).await.record, b"second", "a repeated write has written");
}

/// "The same is true of a removal of an entry that is not there."
async fn remove(store: &Arc<dyn Store>) {
    let session = session();
    let version = Version::random();
    done(erase(store, &session, Some(version)).await);
    done(put(store, &session, None, version, b"a").await);
    let stored = there(store, &session).await;
    for expected in [Some(Version::random()), None] {
        same(&other(erase(store, &session, expected).await), &stored);
    }
    same(&there(store, &session).await, &stored);
    for _ in 0..2 {
        done(erase(store, &session, Some(version)).await);
        assert!(read(store, &session).await.is_none(), "an entry that was removed is there");
    }
    let late = put(store, &session, Some(version), Version::random(), b"late").await;
    assert!(matches!(late, Written::Missing), "a change after the removal: {late:?}");
    done(put(store, &session, None, Version::random(), b"b").await);
}

/// The three kinds of [`Hold`].
async fn holds(store: &Arc<dyn Store>) {
    let session = session();
    let mut version = Version::random();
    done(hold(store, &session, None, version, Hold::Same).await);
    assert_eq!(there(store, &session).await.left, None, "a new entry has no deadline to keep");
    let minute = Duration::from_secs(60);
    version = next(store, &session, version, Hold::For(minute)).await;
    let began = Instant::now();
    within(there(store, &session).await.left, Duration::ZERO, minute);
    sleep(SHORT).await;
    // Kept as a point in time, not as a duration.
    version = next(store, &session, version, Hold::Same).await;
    within(there(store, &session).await.left, Duration::ZERO, minute - began.elapsed() + SLACK);
    let other = other(hold(store, &session, None, Version::random(), Hold::Free).await);
    within(other.left, Duration::ZERO, minute - began.elapsed() + SLACK);
    version = next(store, &session, version, Hold::For(2 * minute)).await;
    within(there(store, &session).await.left, minute, 2 * minute);
    version = next(store, &session, version, Hold::Free).await;
    assert_eq!(there(store, &session).await.left, None, "a free entry has a deadline");
    next(store, &session, version, Hold::Same).await;
    assert_eq!(there(store, &session).await.left, None, "a free entry has got a deadline");
}

/// "The time that is left to the deadline, zero if it has passed."
async fn deadline(store: &Arc<dyn Store>) {
    let session = session();
    let version = Version::random();
    done(hold(store, &session, None, version, Hold::For(SHORT)).await);
    sleep(SHORT + SLACK).await;
    let left = there(store, &session).await.left;
    assert_eq!(left, Some(Duration::ZERO), "a deadline that has passed");
    next(store, &session, version, Hold::Same).await;
    let left = there(store, &session).await.left;
    assert_eq!(left, Some(Duration::ZERO), "a deadline that has passed and is kept");
}

/// "Every entry ends by itself when its ttl has passed since it was last written."
async fn ends(store: &Arc<dyn Store>) {
    let (short, long) = (session(), session());
    let version = Version::random();
    let began = Instant::now();
    done(live(store, &short, None, version, SHORT).await);
    done(live(store, &long, None, version, SHORT).await);
    let renewed = live(store, &long, Some(version), Version::random(), LONG).await;
    let in_time = began.elapsed() < SHORT;
    let stored = read(store, &short).await;
    assert!(stored.is_some() || began.elapsed() >= SHORT, "an entry has ended too early");
    let gone = async {
        while read(store, &short).await.is_some() {
            sleep(SHORT / 10).await;
        }
    };
    timeout(PATIENCE, gone).await.expect("an entry has not ended");
    let late = live(store, &short, Some(version), Version::random(), LONG).await;
    assert!(matches!(late, Written::Missing), "a change after the end: {late:?}");
    if in_time {
        done(renewed);
        assert!(read(store, &long).await.is_some(), "a later write does not count for the end");
    }
}

/// "The time since it was last written."
async fn idle(store: &Arc<dyn Store>) {
    let session = session();
    let version = Version::random();
    let began = Instant::now();
    done(put(store, &session, None, version, b"a").await);
    sleep(SHORT).await;
    let idle = there(store, &session).await.idle;
    let passed = began.elapsed();
    assert!(idle + SLACK >= SHORT && idle <= passed + SLACK, "idle {idle:?} after {passed:?}");
    let began = Instant::now();
    done(put(store, &session, Some(version), Version::random(), b"b").await);
    let idle = there(store, &session).await.idle;
    let passed = began.elapsed();
    assert!(idle <= passed + SLACK, "idle {idle:?}, written {passed:?} ago");
}

/// "Its record, as it was written."
async fn records(store: &Arc<dyn Store>) {
    let all: Vec<u8> = (0..=u8::MAX).collect();
    let large: Vec<u8> = all.iter().copied().cycle().take(64 * 1024).collect();
    for record in [&b""[..], b"\n", b"\r\n\n\0", b"\0\xff \n$5\r\n", &all, &large] {
        let session = session();
        let version = Version::random();
        done(put(store, &session, None, version, record).await);
        let stored = there(store, &session).await;
        assert!(stored.record == record, "a record of {} bytes has changed", record.len());
        let late = other(put(store, &session, None, Version::random(), b"late").await);
        assert!(late.record == record, "a record of {} bytes has changed", record.len());
        done(put(store, &session, Some(version), Version::random(), record).await);
    }
}

/// "Waits until a write wakes this process about the session."
///
/// A message may be lost, so some tries are enough that one comes through.
async fn wakes(store: &Arc<dyn Store>) {
    let keeper = Keeper::random();
    let (session, other) = (session(), Keeper::random());
    store.beat(keeper, LONG).await.expect("a beat");
    let mut version = Version::random();
    done(put(store, &session, None, version, b"a").await);
    for remove in [false, true] {
        let mut came = false;
        for _ in 0..10 {
            // It counts from the call of this function.
            let woken = store.woken(keeper, &session);
            let new = Version::random();
            let entry = (!remove).then(|| entry(b"b", Hold::Free, LONG));
            let write = Write { expected: Some(version), version: new, entry, wake: &[keeper] };
            done(store.write(&session, write).await.expect("a write"));
            version = new;
            came = timeout(Duration::from_secs(2), woken).await.is_ok();
            if came {
                break;
            }
        }
        assert!(came, "nobody was woken by a write");
    }
    // Nobody has to be there to be woken, and who waits may go.
    let write = Write {
        expected: None,
        version: Version::random(),
        entry: Some(entry(b"c", Hold::Free, LONG)),
        wake: &[other],
    };
    drop(store.woken(keeper, &session));
    done(store.write(&session, write).await.expect("a write that wakes nobody"));
}

/// "The processes to be woken if the write is done." "A write that wakes others, or is
/// about another session, does not end it."
///
/// A message may be lost and a wait may end early, so some tries are enough that one
/// is as it should be.
async fn wakes_all(store: &Arc<dyn Store>) {
    let all: Vec<Keeper> = (0..10).map(|_| Keeper::random()).collect();
    let (meant, others) = all.split_at(7);
    let (session, elsewhere) = (session(), session());
    for keeper in &all {
        store.beat(*keeper, LONG).await.expect("a beat");
    }
    let mut version = Version::random();
    done(put(store, &session, None, version, b"a").await);
    for remove in [false, true] {
        let mut seen = Vec::new();
        for _ in 0..10 {
            let woken: Vec<_> = meant.iter().map(|one| store.woken(*one, &session)).collect();
            let of_others = others.iter().map(|one| store.woken(*one, &session));
            let about_others = meant.iter().map(|one| store.woken(*one, &elsewhere));
            let mut unmeant: Vec<_> = of_others.chain(about_others).collect();
            let new = Version::random();
            // The one that writes is among them.
            let entry = Entry { keeper: meant[0], ..entry(b"b", Hold::Free, LONG) };
            let entry = (!remove).then_some(entry);
            let write = Write { expected: Some(version), version: new, entry, wake: meant };
            done(store.write(&session, write).await.expect("a write"));
            version = new;
            let came = async {
                for woken in woken {
                    woken.await;
                }
            };
            let came = timeout(Duration::from_secs(2), came).await.is_ok();
            sleep(SHORT).await;
            let mut disturbed = 0;
            for woken in &mut unmeant {
                disturbed += usize::from(timeout(Duration::ZERO, woken).await.is_ok());
            }
            seen.push((came, disturbed));
            if seen.ends_with(&[(true, 0)]) {
                break;
            }
        }
        let is_right = seen.ends_with(&[(true, 0)]);
        assert!(is_right, "all were woken that are meant, and so many others: {seen:?}");
    }
}

/// "A page of the sessions whose last writer is not alive."
async fn orphans(store: &Arc<dyn Store>) {
    let (dead, alive, brief) = (Keeper::random(), Keeper::random(), Keeper::random());
    store.beat(alive, LONG).await.expect("a beat");
    store.beat(brief, LONG).await.expect("a beat");
    let [of_dead, of_alive, of_brief, adopted] = [session(), session(), session(), session()];
    let version = Version::random();
    for (session, keeper) in
        [(&of_dead, dead), (&of_alive, alive), (&of_brief, brief), (&adopted, dead)]
    {
        done(by(store, session, None, version, keeper).await);
    }
    done(by(store, &adopted, Some(version), Version::random(), alive).await);
    let found = all_orphans(store).await;
    assert!(found.contains(&of_dead), "a session of nobody alive is not found");
    assert!(!found.contains(&of_alive), "a session of a process that is alive is found");
    assert!(!found.contains(&of_brief), "a session of a process that is alive is found");
    assert!(!found.contains(&adopted), "it is the last writer that counts");
    // A later beat counts, also if its time is shorter.
    store.beat(brief, SHORT).await.expect("a beat");
    let ended = async {
        while !all_orphans(store).await.contains(&of_brief) {
            sleep(SHORT / 10).await;
        }
    };
    timeout(PATIENCE, ended).await.expect("a beat has not ended");
    store.beat(brief, LONG).await.expect("a beat");
    assert!(!all_orphans(store).await.contains(&of_brief), "a process that is alive again");
    done(erase(store, &of_dead, Some(version)).await);
    assert!(!all_orphans(store).await.contains(&of_dead), "an entry that was removed is found");
}

/// "An entry that exists from before the first page to after the last one is in one
/// of them."
async fn pages(store: &Arc<dyn Store>) {
    let dead = Keeper::random();
    let sessions: Vec<SessionId> = (0..2000).map(|_| session()).collect();
    let mut writes = JoinSet::new();
    for part in sessions.chunks(100) {
        let (store, part) = (store.clone(), part.to_vec());
        writes.spawn(async move {
            for session in part {
                done(by(&store, &session, None, Version::random(), dead).await);
            }
        });
    }
    while let Some(written) = writes.join_next().await {
        written.expect("the entries of the pages");
    }
    let found = all_orphans(store).await;
    let missing = sessions.iter().filter(|session| !found.contains(*session)).count();
    assert_eq!(missing, 0, "of 2000 entries, so many are in no page");
}

/// "Each operation is atomic."
async fn writers(store: &Arc<dyn Store>) {
    let session = session();
    let mut version = Version::random();
    done(put(store, &session, None, version, b"0").await);
    for round in 0..10 {
        let mut writes = JoinSet::new();
        for writer in 0..50 {
            let (store, session) = (store.clone(), session.clone());
            writes.spawn(async move {
                let (new, record) = (Version::random(), format!("{round} {writer}"));
                let written = put(&store, &session, Some(version), new, record.as_bytes()).await;
                (new, record, written)
            });
        }
        let ends: Vec<_> = writes.join_all().await;
        let is_done = |written: &Written| matches!(written, Written::Done);
        let winners: Vec<_> = ends.iter().filter(|(_, _, written)| is_done(written)).collect();
        let [(new, record, _)] = winners[..] else {
            panic!("{} of 50 writers at once have won", winners.len());
        };
        for (_, _, written) in ends.iter().filter(|(_, _, written)| !is_done(written)) {
            let Written::Other(stored) = written else { panic!("a loser got {written:?}") };
            let found = (stored.version, stored.record.as_slice());
            assert_eq!(found, (*new, record.as_bytes()), "a loser sees what the winner wrote");
        }
        version = *new;
        let stored = there(store, &session).await;
        assert_eq!((stored.version, stored.record), (version, record.clone().into_bytes()));
    }
}

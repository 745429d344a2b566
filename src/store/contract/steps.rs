//! The steps of the suite: operations that succeed, and what is expected of them.

use std::sync::Arc;
use std::time::Duration;

use super::LONG;
use crate::generated::types::SessionId;
use crate::store::{Cursor, Entry, Hold, Keeper, Store, Stored, Version, Write, Written};

pub(super) fn session() -> SessionId {
    SessionId::new(format!("{}{}", Version::random(), Version::random())).expect("a safe id")
}

pub(super) fn entry(record: &[u8], hold: Hold, ttl: Duration) -> Entry<'_> {
    Entry { record, hold, keeper: Keeper::from_number(0), ttl }
}

pub(super) async fn write(
    store: &Arc<dyn Store>,
    session: &SessionId,
    expected: Option<Version>,
    version: Version,
    entry: Option<Entry<'_>>,
) -> Written {
    let write = Write { expected, version, entry, wake: &[] };
    store.write(session, write).await.expect("a write")
}

pub(super) async fn put(
    store: &Arc<dyn Store>,
    session: &SessionId,
    expected: Option<Version>,
    version: Version,
    record: &[u8],
) -> Written {
    write(store, session, expected, version, Some(entry(record, Hold::Free, LONG))).await
}

pub(super) async fn hold(
    store: &Arc<dyn Store>,
    session: &SessionId,
    expected: Option<Version>,
    version: Version,
    hold: Hold,
) -> Written {
    write(store, session, expected, version, Some(entry(b"held", hold, LONG))).await
}

pub(super) async fn live(
    store: &Arc<dyn Store>,
    session: &SessionId,
    expected: Option<Version>,
    version: Version,
    ttl: Duration,
) -> Written {
    write(store, session, expected, version, Some(entry(b"live", Hold::Free, ttl))).await
}

pub(super) async fn by(
    store: &Arc<dyn Store>,
    session: &SessionId,
    expected: Option<Version>,
    version: Version,
    keeper: Keeper,
) -> Written {
    let entry = Entry { keeper, ..entry(b"kept", Hold::Free, LONG) };
    write(store, session, expected, version, Some(entry)).await
}

pub(super) async fn erase(
    store: &Arc<dyn Store>,
    session: &SessionId,
    expected: Option<Version>,
) -> Written {
    write(store, session, expected, Version::random(), None).await
}

pub(super) async fn next(
    store: &Arc<dyn Store>,
    session: &SessionId,
    version: Version,
    kind: Hold,
) -> Version {
    let new = Version::random();
    done(hold(store, session, Some(version), new, kind).await);
    new
}

pub(super) async fn read(store: &Arc<dyn Store>, session: &SessionId) -> Option<Stored> {
    store.read(session).await.expect("a read")
}

pub(super) async fn there(store: &Arc<dyn Store>, session: &SessionId) -> Stored {
    read(store, session).await.expect("the entry")
}

pub(super) async fn all_orphans(store: &Arc<dyn Store>) -> Vec<SessionId> {
    let mut found = Vec::new();
    let mut cursor = Some(Cursor::default());
    while let Some(from) = cursor {
        let page = store.orphans(from).await.expect("a page");
        found.extend(page.sessions);
        cursor = page.next;
    }
    found
}

pub(super) fn done(written: Written) {
    assert!(matches!(written, Written::Done), "a write that fits is {written:?}");
}

pub(super) fn other(written: Written) -> Stored {
    match written {
        Written::Other(stored) => stored,
        written => panic!("a write that expects another state is {written:?}"),
    }
}

pub(super) fn same(one: &Stored, other: &Stored) {
    assert_eq!(one.version, other.version, "the state as it is");
    assert!(one.record == other.record, "the record as it is");
}

pub(super) fn within(left: Option<Duration>, least: Duration, most: Duration) {
    let left = left.expect("a deadline");
    assert!(least < left && left <= most, "{left:?} are left, not {least:?} to {most:?}");
}

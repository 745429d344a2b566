//! Store on servers of this machine. The tests need `redis-server`, 7 or newer.

// A test fails by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../support/mod.rs"]
mod support;

mod access;
mod contract;
mod cost;
mod failures;
mod settings;
mod wakes;

use std::time::Duration;

use cloudflare_calls::store::{Entry, Hold, Keeper, Store, Version, Write, Written};
use cloudflare_calls::types::SessionId;

/// Time to live that no test reaches.
const LONG: Duration = Duration::from_secs(600);

fn session() -> SessionId {
    SessionId::new(format!("{}{}", Version::random(), Version::random())).unwrap()
}

/// Writes an entry. Returns its version.
async fn create(store: &impl Store, session: &SessionId, record: &[u8]) -> Version {
    let version = Version::random();
    let write = entry(None, version, record);
    let written = store.write(session, write).await.unwrap();
    assert!(matches!(written, Written::Done), "{written:?}");
    version
}

fn entry(expected: Option<Version>, version: Version, record: &[u8]) -> Write<'_> {
    let keeper = Keeper::from_number(7);
    let entry = Entry { record, hold: Hold::For(LONG), keeper, ttl: LONG };
    Write { expected, version, entry: Some(entry), wake: &[] }
}

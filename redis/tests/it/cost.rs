//! Costs of a session: bytes and round trips.

use cloudflare_calls::store::{Keeper, Store, Version, Write, Written};
use cloudflare_calls_redis::RedisStore;

use crate::support::Server;
use crate::{create, entry, session};

#[tokio::test]
async fn a_session_needs_no_more_than_a_kibibyte() {
    let server = Server::start(&[]);
    let store = RedisStore::standalone(server.url()).connect().await.unwrap();
    let session = session();
    create(&store, &session, &[b'x'; 700]).await;
    let key = format!("calls:{{{session}}}");
    let bytes: usize = server.cli(&["MEMORY", "USAGE", &key]).parse().unwrap();
    println!("a record of 700 bytes needs {bytes} bytes");
    assert!(bytes <= 1024, "{bytes} bytes");
}

#[tokio::test]
async fn an_operation_is_one_round_trip() {
    let server = Server::start(&[]);
    let store = RedisStore::standalone(server.url()).connect().await.unwrap();
    let session = session();
    // The first calls send the scripts.
    let version = create(&store, &session, b"a").await;
    store.read(&session).await.unwrap().unwrap();
    server.cli(&["CONFIG", "RESETSTAT"]);
    for _ in 0..10 {
        store.read(&session).await.unwrap().unwrap();
        // A write with a wrong version returns the entry.
        let late = store.write(&session, entry(None, Version::random(), b"b")).await.unwrap();
        let Written::Other(stored) = late else { panic!("{late:?}") };
        assert_eq!(stored.version, version);
    }
    let calls = calls(&server);
    assert_eq!(calls("evalsha"), 20);
    // Commands that the scripts call are counted, too.
    assert_eq!(["get", "pttl", "getrange"].map(&calls), [20, 20, 10]);
    for other in ["eval", "script|load", "set", "del", "publish", "time"] {
        assert_eq!(calls(other), 0, "{other}");
    }
}

#[tokio::test]
async fn a_write_that_wakes_is_one_round_trip_too() {
    let server = Server::start(&[]);
    let store = RedisStore::standalone(server.url()).connect().await.unwrap();
    let session = session();
    // The first call sends the script.
    let mut version = create(&store, &session, b"a").await;
    let keepers: Vec<Keeper> = (0..50).map(|_| Keeper::random()).collect();
    for count in [0, 1, 50] {
        server.cli(&["CONFIG", "RESETSTAT"]);
        let new = Version::random();
        let write = Write { wake: &keepers[..count], ..entry(Some(version), new, b"b") };
        assert!(matches!(store.write(&session, write).await.unwrap(), Written::Done));
        version = new;
        let calls = calls(&server);
        let found = ["evalsha", "getrange", "set", "publish", "get", "time"].map(calls);
        assert_eq!(found, [1, 1, 1, count, 0, 0]);
    }
}

/// Returns the number of calls of each command since the last reset.
fn calls(server: &Server) -> impl Fn(&str) -> usize {
    let stats = server.cli(&["INFO", "commandstats"]);
    println!("{stats}");
    move |name| {
        let line = format!("cmdstat_{name}:calls=");
        let found = stats.lines().find_map(|text| text.strip_prefix(&line));
        found.and_then(|text| text.split(',').next()?.parse().ok()).unwrap_or(0)
    }
}

#[tokio::test]
async fn scripts_that_are_gone_come_again() {
    let server = Server::start(&[]);
    let store = RedisStore::standalone(server.url()).connect().await.unwrap();
    let session = session();
    create(&store, &session, b"a").await;
    server.cli(&["SCRIPT", "FLUSH"]);
    assert_eq!(store.read(&session).await.unwrap().unwrap().record, b"a");
}

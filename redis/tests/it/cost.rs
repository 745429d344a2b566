//! Costs of a session: bytes and round trips.

use cloudflare_calls::store::{Store, Version, Written};
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
    // The first calls bring the scripts.
    let version = create(&store, &session, b"a").await;
    store.read(&session).await.unwrap().unwrap();
    server.cli(&["CONFIG", "RESETSTAT"]);
    for _ in 0..10 {
        store.read(&session).await.unwrap().unwrap();
        // One that does not fit brings the entry along.
        let late = store.write(&session, entry(None, Version::random(), b"b")).await.unwrap();
        let Written::Other(stored) = late else { panic!("{late:?}") };
        assert_eq!(stored.version, version);
    }
    let stats = server.cli(&["INFO", "commandstats"]);
    let calls = |name: &str| -> u64 {
        let line = format!("cmdstat_{name}:calls=");
        let found = stats.lines().find_map(|text| text.strip_prefix(&line));
        found.and_then(|text| text.split(',').next()?.parse().ok()).unwrap_or(0)
    };
    println!("{stats}");
    assert_eq!(calls("evalsha"), 20);
    // Commands that the scripts call are counted, too.
    assert_eq!((calls("get"), calls("time")), (20, 20));
    for other in ["eval", "script|load", "set", "del", "publish"] {
        assert_eq!(calls(other), 0, "{other}");
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

//! Messages about sessions.

use std::time::Duration;

use cloudflare_calls::store::{Keeper, Store, Version, Write, Written};
use cloudflare_calls_redis::RedisStore;
use tokio::time::timeout;

use crate::support::{Cluster, Server, eventually};
use crate::{LONG, create, entry, session};

/// Time in which no message comes.
const NOTHING: Duration = Duration::from_millis(400);

async fn only_what_is_meant_wakes(here: &RedisStore, there: &RedisStore) {
    let (keeper, other) = (Keeper::random(), Keeper::random());
    let keepers = [keeper];
    here.beat(keeper, LONG).await.unwrap();
    here.beat(other, LONG).await.unwrap();
    // The subscription itself wakes the future. That is over by now.
    tokio::time::sleep(NOTHING).await;
    let session = session();
    let version = create(there, &session, b"a").await;

    let mut woken = here.woken(keeper, &session);
    let wake = |write| Write { wake: &keepers, ..write };
    let late = there.write(&session, wake(entry(None, Version::random(), b"b"))).await.unwrap();
    assert!(matches!(late, Written::Other(_)));
    let missing = wake(entry(Some(version), Version::random(), b"b"));
    assert!(matches!(there.write(&crate::session(), missing).await.unwrap(), Written::Missing));
    create(there, &crate::session(), b"c").await;
    let unrelated = Write { wake: &[other], ..entry(Some(version), Version::random(), b"d") };
    assert!(matches!(there.write(&session, unrelated).await.unwrap(), Written::Done));
    assert!(timeout(NOTHING, &mut woken).await.is_err(), "woken by what is not meant");

    let stored = there.read(&session).await.unwrap().unwrap();
    let meant = wake(entry(Some(stored.version), Version::random(), b"e"));
    assert!(matches!(there.write(&session, meant).await.unwrap(), Written::Done));
    timeout(Duration::from_secs(20), woken).await.expect("woken by what is meant");
    assert!(format!("{here:?}").contains("waiting: 0"), "{here:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn standalone() {
    let server = Server::start(&[]);
    let here = RedisStore::standalone(server.url()).connect().await.unwrap();
    let there = RedisStore::standalone(server.url()).connect().await.unwrap();
    only_what_is_meant_wakes(&here, &there).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cluster() {
    let cluster = Cluster::start(3, false, &[]);
    let here = RedisStore::cluster(cluster.urls()).connect().await.unwrap();
    let there = RedisStore::cluster(cluster.urls()).connect().await.unwrap();
    // Keepers and sessions are random, so that they are on different nodes.
    for _ in 0..4 {
        only_what_is_meant_wakes(&here, &there).await;
    }
}

/// Checks that a write wakes more processes than most fleets have.
async fn one_write_wakes_many(here: &RedisStore, there: &RedisStore) {
    let keepers: Vec<Keeper> = (0..1000).map(|_| Keeper::random()).collect();
    let ours = &keepers[990..];
    for keeper in ours {
        here.beat(*keeper, LONG).await.unwrap();
    }
    // The subscriptions themselves wake the futures. That is over by now.
    tokio::time::sleep(NOTHING).await;
    let session = session();
    let woken: Vec<_> = ours.iter().map(|keeper| here.woken(*keeper, &session)).collect();
    let write = Write { wake: &keepers, ..entry(None, Version::random(), b"a") };
    assert!(matches!(there.write(&session, write).await.unwrap(), Written::Done));
    for woken in woken {
        timeout(Duration::from_secs(20), woken).await.expect("woken by the write");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_are_woken() {
    let server = Server::start(&[]);
    let here = RedisStore::standalone(server.url()).connect().await.unwrap();
    let there = RedisStore::standalone(server.url()).connect().await.unwrap();
    one_write_wakes_many(&here, &there).await;

    let cluster = Cluster::start(3, false, &[]);
    let here = RedisStore::cluster(cluster.urls()).connect().await.unwrap();
    let there = RedisStore::cluster(cluster.urls()).connect().await.unwrap();
    one_write_wakes_many(&here, &there).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_subscription_for_all_sessions_that_ends_with_the_store() {
    let server = Server::start(&[]);
    let store = RedisStore::standalone(server.url()).connect().await.unwrap();
    let keeper = Keeper::random();
    store.beat(keeper, LONG).await.unwrap();
    let sessions: Vec<_> = (0..100).map(|_| session()).collect();
    let all: Vec<_> = sessions.iter().map(|session| store.woken(keeper, session)).collect();
    let channels = || server.cli(&["PUBSUB", "CHANNELS"]);
    assert_eq!(channels(), format!("calls:wake:{{{keeper}}}"));
    assert!(format!("{store:?}").contains("waiting: 100"));
    drop(all);
    assert!(format!("{store:?}").contains("waiting: 0"));
    drop(store);
    eventually("the connection is closed", || channels().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_connection_has_the_subscription() {
    let mut server = Server::start(&[]);
    let store = RedisStore::standalone(server.url()).connect().await.unwrap();
    let keeper = Keeper::random();
    store.beat(keeper, LONG).await.unwrap();
    let session = session();
    let woken = store.woken(keeper, &session);
    server.restart();
    // A new subscription makes up for a message that was lost meanwhile.
    timeout(Duration::from_secs(20), woken).await.expect("woken by the subscription");
    eventually("it is subscribed", || !server.cli(&["PUBSUB", "CHANNELS"]).is_empty());
    let woken = store.woken(keeper, &session);
    let write = Write { wake: &[keeper], ..entry(None, Version::random(), b"a") };
    store.write(&session, write).await.unwrap();
    timeout(Duration::from_secs(20), woken).await.expect("woken by the write");
}

//! Servers that fail.

use std::time::{Duration, Instant};

use cloudflare_calls::store::{Keeper, Store, StoreError, Stored, Written};
use cloudflare_calls::types::SessionId;
use cloudflare_calls_redis::RedisStore;

use crate::support::{Cluster, Sentinels, Server};
use crate::{LONG, create, entry, session};

/// Limit of a reply in these tests.
const LIMIT: Duration = Duration::from_millis(500);
/// Time that a busy machine may add.
const SLACK: Duration = Duration::from_secs(3);

/// Reads until the store answers.
async fn in_the_end(store: &RedisStore, session: &SessionId) -> Option<Stored> {
    let began = Instant::now();
    loop {
        match store.read(session).await {
            Ok(stored) => return stored,
            Err(error) => {
                assert!(matches!(error, StoreError::Unreachable(_)), "{error:?}");
                assert!(began.elapsed() < Duration::from_secs(60), "still {error:?}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn unreachable(store: &RedisStore, session: &SessionId) -> String {
    let began = Instant::now();
    let error = store.read(session).await.unwrap_err();
    assert!(began.elapsed() < 2 * LIMIT + SLACK, "after {:?}", began.elapsed());
    let StoreError::Unreachable(why) = error else { panic!("{error:?}") };
    why
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_outlive_a_crash_of_a_server_with_a_log() {
    let mut server = Server::start(&["appendonly yes", "appendfsync always"]);
    let store = RedisStore::standalone(server.url()).timeout(LIMIT).connect().await.unwrap();
    let session = session();
    let version = create(&store, &session, b"kept").await;
    server.kill();
    let why = unreachable(&store, &session).await;
    assert!(why.starts_with("connection "), "{why}");
    let error = store.beat(Keeper::random(), LONG).await.unwrap_err();
    assert!(matches!(error, StoreError::Unreachable(_)));
    server.restart();
    let stored = in_the_end(&store, &session).await.expect("the entry");
    assert_eq!((stored.version, &stored.record[..]), (version, &b"kept"[..]));
    assert!(stored.left.is_some_and(|left| left < LONG));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_answer_is_unreachable_within_the_limit() {
    let server = Server::start(&[]);
    let store = RedisStore::standalone(server.url()).timeout(LIMIT).connect().await.unwrap();
    let session = session();
    create(&store, &session, b"a").await;
    server.pause();
    for _ in 0..3 {
        assert_eq!(unreachable(&store, &session).await, "timed out");
    }
    server.resume();
    assert_eq!(in_the_end(&store, &session).await.unwrap().record, b"a");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_operations_share_the_wait_for_a_connection() {
    let server = Server::start(&[]);
    let store = RedisStore::standalone(server.url()).timeout(LIMIT).connect().await.unwrap();
    server.pause();
    let began = Instant::now();
    let reads: Vec<_> = (0..200)
        .map(|_| {
            let (store, session) = (store.clone(), session());
            tokio::spawn(async move { store.read(&session).await })
        })
        .collect();
    for read in reads {
        assert!(matches!(read.await.unwrap(), Err(StoreError::Unreachable(_))));
    }
    assert!(began.elapsed() < 2 * LIMIT + SLACK, "after {:?}", began.elapsed());
    server.resume();
    in_the_end(&store, &session()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_without_memory_are_refused() {
    let server = Server::start(&["maxmemory-policy noeviction"]);
    let store = RedisStore::standalone(server.url()).connect().await.unwrap();
    let kept = session();
    create(&store, &kept, b"a").await;
    server.cli(&["CONFIG", "SET", "maxmemory", "1"]);
    let error = store
        .write(&session(), entry(None, cloudflare_calls::store::Version::random(), b"b"))
        .await;
    assert_eq!(error.unwrap_err(), StoreError::Refused("OOM".into()));
    // Existing entries can be read.
    assert_eq!(store.read(&kept).await.unwrap().unwrap().record, b"a");
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_values_are_refused_or_unreadable() {
    let server = Server::start(&[]);
    let store = RedisStore::standalone(server.url()).connect().await.unwrap();
    let (list, text) = (session(), session());
    server.cli(&["RPUSH", &format!("calls:{{{list}}}"), "x"]);
    server.cli(&["SET", &format!("calls:{{{text}}}"), "x"]);
    assert_eq!(store.read(&list).await.unwrap_err(), StoreError::Refused("WRONGTYPE".into()));
    assert_eq!(store.read(&text).await.unwrap_err(), StoreError::Unreadable);
    let write = entry(None, cloudflare_calls::store::Version::random(), b"a");
    assert_eq!(store.write(&text, write).await.unwrap_err(), StoreError::Unreadable);
    // The entries that cannot be read do not disturb others.
    let other = session();
    create(&store, &other, b"a").await;
    let page = store.orphans(Default::default()).await.unwrap();
    assert_eq!((page.sessions, page.next), (vec![other], None));
}

#[tokio::test(flavor = "multi_thread")]
async fn sentinels_lead_to_the_new_master() {
    let mut servers = Sentinels::start(3, &[]);
    let store = RedisStore::sentinel("sessions", servers.urls()).timeout(LIMIT).connect().await;
    let store = store.unwrap();
    let session = session();
    create(&store, &session, b"kept").await;
    servers.servers[0].cli(&["WAIT", "1", "5000"]);
    servers.servers[0].kill();
    let stored = in_the_end(&store, &session).await.expect("the entry");
    assert_eq!(stored.record, b"kept");
    assert_eq!(servers.master(), servers.servers[1].port);
    // Writes, too.
    let written = store.write(
        &session,
        entry(Some(stored.version), cloudflare_calls::store::Version::random(), b"new"),
    );
    assert!(matches!(written.await.unwrap(), Written::Done));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_that_became_a_replica_is_left() {
    let servers = Sentinels::start(1, &[]);
    let store = RedisStore::sentinel("sessions", servers.urls()).timeout(LIMIT).connect().await;
    let store = store.unwrap();
    let session = session();
    let mut version = create(&store, &session, b"kept").await;
    servers.servers[0].cli(&["WAIT", "1", "5000"]);
    servers.fail_over();
    let began = Instant::now();
    // Writes continue all the time, and in the end they reach the other server.
    while servers.master() == servers.servers[0].port
        || !servers.servers[1].cli(&["ROLE"]).starts_with("master")
        || !servers.servers[0].cli(&["ROLE"]).starts_with("slave")
    {
        assert!(began.elapsed() < Duration::from_secs(60));
        let new = cloudflare_calls::store::Version::random();
        match store.write(&session, entry(Some(version), new, b"new")).await {
            Ok(Written::Done) => version = new,
            Ok(Written::Other(stored)) => version = stored.version,
            Ok(Written::Missing) => panic!("the entry is gone"),
            Err(StoreError::Unreachable(_)) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    let stored = in_the_end(&store, &session).await.expect("the entry");
    let new = cloudflare_calls::store::Version::random();
    let written = store.write(&session, entry(Some(stored.version), new, b"last")).await.unwrap();
    assert!(matches!(written, Written::Done), "{written:?}");
    let key = format!("calls:{{{session}}}");
    assert!(servers.servers[1].cli(&["GET", &key]).ends_with("last"));
}

/// Returns a store in a cluster with replicas, and sessions that all of them have.
async fn filled(cluster: &Cluster) -> (RedisStore, Vec<SessionId>) {
    let store = RedisStore::cluster(cluster.urls()).timeout(LIMIT).connect().await.unwrap();
    let sessions: Vec<_> = (0..30).map(|_| session()).collect();
    for session in &sessions {
        create(&store, session, b"kept").await;
    }
    for node in &cluster.nodes[..3] {
        node.cli(&["WAIT", "1", "5000"]);
    }
    (store, sessions)
}

async fn all_are_kept(store: &RedisStore, sessions: &[SessionId]) {
    for session in sessions {
        assert_eq!(in_the_end(store, session).await.expect("the entry").record, b"kept");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_goes_on_with_the_replica_of_a_node() {
    let mut cluster = Cluster::start(3, true, &[]);
    let (store, sessions) = filled(&cluster).await;
    cluster.nodes[0].kill();
    all_are_kept(&store, &sessions).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_does_not_wait_for_a_node_that_does_not_answer() {
    let cluster = Cluster::start(3, true, &[]);
    let (store, sessions) = filled(&cluster).await;
    // The paused node closes no connection: only the time limit shows it, and the view of the other
    // nodes.
    cluster.nodes[0].pause();
    all_are_kept(&store, &sessions).await;
    cluster.nodes[0].resume();
}

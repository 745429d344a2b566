//! The contract of stores, on each topology.

use std::env;
use std::sync::Arc;

use cloudflare_calls::store::{Memory, contract};
use cloudflare_calls_redis::RedisStore;

use crate::support::{Cluster, Sentinels, Server, VALKEY};

#[test]
fn the_server_is_the_one_that_was_asked_for() {
    let info = Server::start(&[]).cli(&["INFO", "server"]);
    let version = info.lines().find(|line| line.contains("_version:"));
    println!("{version:?}");
    assert_eq!(info.contains("valkey_version:"), env::var_os(VALKEY).is_some(), "{info}");
}

#[tokio::test]
async fn memory() {
    contract::check(Arc::new(Memory::new())).await;
}

#[tokio::test]
async fn standalone() {
    let server = Server::start(&[]);
    let store = RedisStore::standalone(server.url()).connect().await.unwrap();
    // Several runs share one store.
    let runs = (0..3).map(|_| tokio::spawn(contract::check(Arc::new(store.clone()))));
    for run in runs.collect::<Vec<_>>() {
        run.await.unwrap();
    }
    every_key_ends(&server);
}

#[tokio::test]
async fn unix_socket_and_prefix() {
    let server = Server::start(&[]);
    let url = format!("unix://{}", server.folder().join("socket").display());
    // The characters of patterns match only themselves.
    let store = RedisStore::standalone(url).prefix("a[b]*-?\\").connect().await.unwrap();
    contract::check(Arc::new(store)).await;
}

#[tokio::test]
async fn sentinel() {
    let servers = Sentinels::start(1, &[]);
    let store = RedisStore::sentinel("sessions", servers.urls()).connect().await.unwrap();
    contract::check(Arc::new(store)).await;
    every_key_ends(&servers.servers[0]);
}

#[tokio::test]
async fn cluster() {
    let cluster = Cluster::start(3, false, &[]);
    // One node leads to the others.
    let store = RedisStore::cluster(&cluster.urls()[..1]).connect().await.unwrap();
    contract::check(Arc::new(store)).await;
    for node in &cluster.nodes {
        assert_ne!(node.cli(&["DBSIZE"]), "0", "all nodes have entries");
        every_key_ends(node);
    }
}

/// Checks that every key ends.
fn every_key_ends(server: &Server) {
    let script = "local n = 0 for _, key in ipairs(redis.call('KEYS', '*')) do \
                  if redis.call('PTTL', key) < 0 then n = n + 1 end end return n";
    assert_ne!(server.cli(&["DBSIZE"]), "0");
    assert_eq!(server.cli(&["EVAL", script, "0"]), "0", "keys without an end");
}

//! Cost of sharing sessions through Redis: the time of a change beside `PING`, the changes of
//! several processes in a second, and the memory in the server.
//!
//! `cargo bench -p cloudflare-calls-redis --bench fleet` starts `redis-server`.

// A benchmark fails by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cloudflare_calls::session::{Negotiation, Registry};
use cloudflare_calls::store::{Entry, Hold, Keeper, Memory, Store, Version, Write};
use cloudflare_calls::tracks::RemoteTrack;
use cloudflare_calls::types::SessionId;
use cloudflare_calls::{Answer, Mid, Session, prelude::*};
use cloudflare_calls_redis::RedisStore;
use criterion::Criterion;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

#[path = "../tests/support/mod.rs"]
mod servers;
#[allow(dead_code)] // Each benchmark uses a part.
#[path = "../../benches/support/mod.rs"]
mod support;

use servers::Server;

/// Tracks of a session whose memory is measured.
const TRACKS: usize = 10;
/// Changes that a process has under way at the same time.
const AT_ONCE: usize = 16;
/// Environment variable with the server, for a process that this one starts.
const CHILD: &str = "CALLS_BENCH_REDIS";

fn numbered(number: usize) -> SessionId {
    SessionId::new(format!("{number:032x}")).unwrap()
}

async fn store(url: &str) -> Arc<dyn Store> {
    Arc::new(RedisStore::standalone(url).connect().await.unwrap())
}

/// Creates a session of a scripted API, shared through a store if there is one.
async fn session(id: SessionId, tracks: usize, shared: Option<Arc<dyn Store>>) -> Session {
    let base = support::start_with(tracks).await;
    let client = support::client(&base, &support::http());
    let session = client.adopt(id).send().await.unwrap();
    if let Some(store) = shared {
        let registry = Registry::over(client, store).start().await.unwrap();
        registry.insert(session.clone()).await.unwrap();
    }
    session
}

async fn change(session: &Session) {
    let closed = session.close([Mid::new("0").unwrap()]).await.unwrap();
    closed.into_result().unwrap();
}

/// Measures a change of a session, alone and shared, beside `PING` on a connection of the same
/// kind, with this many sessions in the server.
fn changes(criterion: &mut Criterion, url: &str, sessions: usize) {
    let runtime = support::runtime();
    let mut group = criterion.benchmark_group(format!("{sessions} sessions in Redis"));
    group.measurement_time(Duration::from_secs(8));
    let mut ping = runtime.block_on(async {
        let client = redis::Client::open(url).unwrap();
        client.get_multiplexed_async_connection().await.unwrap()
    });
    group.bench_function("PING", |bencher| {
        bencher.to_async(&runtime).iter(|| {
            let mut ping = ping.clone();
            async move { redis::cmd("PING").exec_async(&mut ping).await.unwrap() }
        });
    });
    runtime.block_on(async { redis::cmd("PING").exec_async(&mut ping).await.unwrap() });
    let alone = runtime.block_on(session(SessionId::new("alone").unwrap(), 1, None));
    group.bench_function("a change of one process", |bencher| {
        bencher.to_async(&runtime).iter(|| change(&alone));
    });
    let memory = Some(Arc::new(Memory::new()) as Arc<dyn Store>);
    let in_memory = runtime.block_on(session(SessionId::new("memory").unwrap(), 1, memory));
    group.bench_function("a change over a store in memory", |bencher| {
        bencher.to_async(&runtime).iter(|| change(&in_memory));
    });
    let shared = runtime.block_on(async {
        let id = SessionId::new(format!("shared{sessions}")).unwrap();
        session(id, 1, Some(store(url).await)).await
    });
    group.bench_function("a change over Redis", |bencher| {
        bencher.to_async(&runtime).iter(|| change(&shared));
    });
    group.finish();
}

/// Fills the server with copies of one session that has tracks. Returns the bytes of each.
async fn fill(server: &Server, from: usize, to: usize) -> usize {
    let store = store(&server.url()).await;
    let id = SessionId::new(format!("model{from}")).unwrap();
    let model = session(id.clone(), TRACKS, Some(Arc::clone(&store))).await;
    let tracks = (0..TRACKS).map(|index| {
        let name = format!("1a037563-c35c-4bf6-a9ee-2b474cbb{index:04}");
        RemoteTrack::new(SessionId::new(support::SESSION).unwrap(), name)
    });
    let Negotiation::Offer(pending) = model.subscribe(tracks).await.unwrap() else {
        panic!("no offer");
    };
    pending.answer(Answer::new(support::SDP).unwrap()).await.unwrap().into_result().unwrap();
    assert_eq!(model.mids().len(), TRACKS);
    let record = store.read(&id).await.unwrap().unwrap().record;
    let (keeper, ttl) = (Keeper::random(), Duration::from_secs(3600));
    let before = used(server);
    let mut writing = FuturesUnordered::new();
    for number in from..to {
        let (store, record) = (&store, &record);
        writing.push(async move {
            let entry = Entry { record, hold: Hold::Free, keeper, ttl };
            let version = Version::random();
            let write = Write { expected: None, version, entry: Some(entry), wake: &[] };
            store.write(&numbered(number), write).await.unwrap()
        });
        if writing.len() == 256 {
            writing.next().await;
        }
    }
    while writing.next().await.is_some() {}
    (used(server) - before) / (to - from)
}

/// Returns the memory that the server uses, in bytes.
fn used(server: &Server) -> usize {
    let memory = server.cli(&["INFO", "memory"]);
    let line = memory.lines().find_map(|line| line.strip_prefix("used_memory:")).unwrap();
    line.trim().parse().unwrap()
}

/// Returns the changes of this many processes in a second, each with sessions of its own.
fn throughput(url: &str, processes: usize) -> f64 {
    let children: Vec<_> = (0..processes)
        .map(|_| {
            let program = std::env::current_exe().unwrap();
            let mut command = Command::new(program);
            command.arg("--bench").env(CHILD, url).stdout(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let rates = children.into_iter().map(|child| {
        let output = child.wait_with_output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().parse::<f64>().unwrap()
    });
    rates.sum()
}

/// Runs one of the processes, which makes changes for a while and prints their number in a second.
async fn child(url: &str) {
    let store = store(url).await;
    let mut sessions = Vec::new();
    for _ in 0..AT_ONCE {
        let id = SessionId::new(Keeper::random().to_string()).unwrap();
        sessions.push(session(id, 1, Some(Arc::clone(&store))).await);
    }
    let (began, time) = (Instant::now(), Duration::from_secs(5));
    let changes = sessions.iter().map(|session| async move {
        let mut made = 0;
        while began.elapsed() < time {
            change(session).await;
            made += 1;
        }
        made
    });
    let made: usize = futures_util::future::join_all(changes).await.into_iter().sum();
    println!("{:.0}", made as f64 / began.elapsed().as_secs_f64());
}

fn main() {
    // Cargo asks test binaries for a list, and runs them with other arguments.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    if let Ok(url) = std::env::var(CHILD) {
        return support::runtime().block_on(child(&url));
    }
    let server = Server::start(&[]);
    let mut criterion = Criterion::default().configure_from_args();
    let mut there = 0;
    for sessions in [100, 10_000, 100_000] {
        let bytes = support::runtime().block_on(fill(&server, there, sessions));
        println!("{sessions} sessions with {TRACKS} tracks: {bytes} bytes each");
        there = sessions;
        changes(&mut criterion, &server.url(), sessions);
    }
    for processes in [1, 2, 4] {
        let changes = throughput(&server.url(), processes);
        println!("{processes} processes: {changes:.0} changes in a second");
    }
    criterion.final_summary();
}

//! Cost of sharing sessions through Redis: the time of a change beside `PING` and plain commands,
//! the changes of several processes in a second, and the memory in the server.
//!
//! `cargo bench -p cloudflare-calls-redis --bench fleet` starts `redis-server`.

// A benchmark fails by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cloudflare_calls::session::{Negotiation, Registry};
use cloudflare_calls::store::{Entry, Hold, Keeper, Memory, Store, Version, Write, Written};
use cloudflare_calls::tracks::RemoteTrack;
use cloudflare_calls::types::SessionId;
use cloudflare_calls::{Answer, Mid, Session, prelude::*};
use cloudflare_calls_redis::RedisStore;
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
/// Rounds of a measurement, and those before it.
const ROUNDS: usize = 5_000;
const WARM_UP: usize = 500;
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

/// Steps of a round, in this order.
const STEPS: [&str; 9] = [
    "PING",
    "SET of an entry",
    "read",
    "write",
    "change of one process",
    "change over memory",
    "change over Redis",
    "change of one process between two SET of an entry",
    "change of one process between two of the smallest script",
];

/// The smallest script that writes an entry if it has the expected version.
const SMALLEST: &str = "if redis.call('GETRANGE', KEYS[1], 0, 15) ~= ARGV[1] then return 0 end \
                        redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) return 1";

/// Measures a change of a session, alone and shared, beside `PING` and `SET` on a connection of the
/// same kind, with this many sessions in the server. Prints the medians.
///
/// The steps are measured in turn, so that the noise of the machine is the same for all of them.
async fn changes(url: &str, sessions: usize) {
    let client = redis::Client::open(format!("{url}?protocol=resp3")).unwrap();
    let mut plain = client.get_multiplexed_async_connection().await.unwrap();
    let redis = store(url).await;
    let alone = session(numbered(usize::MAX - 1), 1, None).await;
    let memory = Arc::new(Memory::new());
    let memory = session(numbered(usize::MAX - 2), 1, Some(memory)).await;
    let id = numbered(usize::MAX - 2 - sessions);
    let shared = session(id.clone(), 1, Some(Arc::clone(&redis))).await;
    change(&shared).await;
    let mut get = redis::cmd("GET");
    let entry: Vec<u8> = get.arg(format!("calls:{{{id}}}")).query_async(&mut plain).await.unwrap();
    let mut set = redis::cmd("SET");
    set.arg(format!("bench:{{{id}}}")).arg(&entry).arg("PX").arg(3_600_000);
    let hash: String =
        redis::cmd("SCRIPT").arg("LOAD").arg(SMALLEST).query_async(&mut plain).await.unwrap();
    let mut smallest = redis::cmd("EVALSHA");
    smallest.arg(hash).arg(1).arg(format!("bench:{{{id}}}"));
    smallest.arg(&entry[..16]).arg(&entry).arg(3_600_000);
    let (own, keeper, ttl) = (numbered(usize::MAX), Keeper::random(), Duration::from_secs(3600));
    let record = redis.read(&id).await.unwrap().unwrap().record;
    let mut version = None;
    let mut times: [Vec<Duration>; STEPS.len()] = Default::default();
    for round in 0..WARM_UP + ROUNDS {
        let mut took = Vec::with_capacity(STEPS.len());
        let mut lap = Instant::now();
        let mut end = || took.push(std::mem::replace(&mut lap, Instant::now()).elapsed());
        redis::cmd("PING").exec_async(&mut plain).await.unwrap();
        end();
        set.exec_async(&mut plain).await.unwrap();
        end();
        redis.read(&id).await.unwrap().unwrap();
        end();
        let new = Version::random();
        let entry = Some(Entry { record: &record, hold: Hold::For(ttl), keeper, ttl });
        let write = Write { expected: version, version: new, entry, wake: &[] };
        assert!(matches!(redis.write(&own, write).await.unwrap(), Written::Done));
        version = Some(new);
        end();
        change(&alone).await;
        end();
        change(&memory).await;
        end();
        change(&shared).await;
        end();
        set.exec_async(&mut plain).await.unwrap();
        change(&alone).await;
        set.exec_async(&mut plain).await.unwrap();
        end();
        smallest.exec_async(&mut plain).await.unwrap();
        change(&alone).await;
        smallest.exec_async(&mut plain).await.unwrap();
        end();
        if round >= WARM_UP {
            times.iter_mut().zip(took).for_each(|(times, took)| times.push(took));
        }
    }
    let medians = times.map(|mut times| {
        times.sort_unstable();
        times[times.len() / 2].as_secs_f64() * 1e6
    });
    let [ping, .., one, _, over, set, script] = medians;
    println!("\n{sessions} sessions in Redis, an entry of {} bytes", entry.len());
    for (step, median) in STEPS.iter().zip(medians) {
        println!("{median:>8.1} µs {:>6.2} PINGs  {step}", median / ping);
    }
    for (what, time) in [("Redis", over), ("two SET", set), ("two of the smallest script", script)]
    {
        println!("added by {what}: {:.2} PINGs", (time - one) / ping);
    }
    redis
        .write(
            &own,
            Write { expected: version, version: Version::random(), entry: None, wake: &[] },
        )
        .await
        .unwrap();
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
    let mut there = 0;
    for sessions in [100, 10_000, 100_000] {
        let bytes = support::runtime().block_on(fill(&server, there, sessions));
        println!("{sessions} sessions with {TRACKS} tracks: {bytes} bytes each");
        there = sessions;
        support::runtime().block_on(changes(&server.url(), sessions));
    }
    for processes in [1, 2, 4] {
        let changes = throughput(&server.url(), processes);
        println!("{processes} processes: {changes:.0} changes in a second");
    }
}

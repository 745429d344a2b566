//! Fleet under chaos: three processes of a backend behind a balancer, their sessions in Redis, the
//! emulator, and agents with media that take random steps. Meanwhile processes are killed,
//! restarted one after another, and a master of Redis is restarted, paused and failed over. At the
//! end every session and track has to be accounted for.
//!
//! One run has a master with a replica and sentinels. A shorter one, at the same time and with
//! servers, processes and agents of its own, has a cluster of three masters with replicas.
//!
//! ```sh
//! cargo test -p cloudflare-calls-redis --features server-tests --test chaos
//! ```
//!
//! The test needs `redis-server` and `haproxy`. `CHAOS_RUN` is `sentinels` or `cluster` for one run
//! alone. `CHAOS_SECONDS` is the length of each run, 120 and 40 if not set, and `CHAOS_AGENTS` its
//! number of agents, 100 and 30 if not set.

// A test fails by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../examples/replicas/backend.rs"]
mod backend;
mod balancer;
mod call;
mod replica;
mod servers;
#[path = "../support/mod.rs"]
mod support;
mod tally;

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use balancer::Balancer;
use call::{Call, World};
use cloudflare_calls::session::{Registry, Status};
use cloudflare_calls::types::{AppId, SessionId};
use cloudflare_calls::{Client, SecretString, prelude::*, reqwest};
use cloudflare_calls_emulator::Emulator;
use cloudflare_calls_emulator::faults::Fault;
use cloudflare_calls_emulator::rules::{Config, Snapshot, TrackSnapshot, Violation, ViolationKind};
use replica::{IDLE, LEASE, Replica, TTL};
use servers::{Servers, Topology};
use support::free_port;
use tokio::time::sleep;

const STARTED: &str = "agents join";
const KILLED: &str = "processes are killed";
const ROLLED: &str = "processes are restarted one after another";
const RESTARTED: &str = "the master is restarted";
pub(crate) const PAUSED: &str = "the master is paused for 5 s";
pub(crate) const FAILED_OVER: &str = "the master dies, its replica is promoted";
const LOOKED_AT: &str = "all is looked at";
const OVER: &str = "the agents leave";
const ENDED: &str = "the processes end, then everything in Redis";

/// The runs, with their lengths in seconds and their numbers of agents.
const RUNS: [(Topology, u64, u64); 2] =
    [(Topology::Sentinels, 120, 100), (Topology::Cluster, 40, 30)];

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if let Ok(name) = env::var("CHAOS_REPLICA") {
        return runtime.block_on(replica::run(name));
    }
    let only = env::var("CHAOS_RUN").ok();
    let mut runs = RUNS.to_vec();
    runs.retain(|(topology, ..)| only.as_ref().is_none_or(|name| name == topology.name()));
    assert!(!runs.is_empty(), "there is no such run: {only:?}");
    // Each run has a thread of its own, because it waits for its servers without yielding. If one
    // panics the scope does.
    std::thread::scope(|scope| {
        for (topology, seconds, agents) in runs {
            let (seconds, agents) =
                (number("CHAOS_SECONDS", seconds), number("CHAOS_AGENTS", agents));
            let run = chaos(topology, Duration::from_secs(seconds), agents);
            scope.spawn(|| runtime.block_on(run));
        }
    });
}

fn number(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |number| number.parse().expect("a number"))
}

async fn chaos(topology: Topology, length: Duration, agents: u64) {
    let began = Instant::now();
    let mut redis = Servers::start(topology);
    // Sessions do not expire by themselves, so that the test sees which party ends them.
    let never = Duration::from_secs(60 * 60);
    let config = Config {
        track_idle: never,
        reuse: never,
        unconnected: never,
        pause: never,
        ..Config::default()
    };
    let emulator = Emulator::builder().config(config).start().await.unwrap();
    // Delays keep many requests under way when a fault comes.
    emulator.watch(|_| match fastrand::u32(..4) {
        0 => vec![Fault::Delay { ms: fastrand::u64(..500) }],
        1 => vec![Fault::DelayReply { ms: fastrand::u64(..1_000) }],
        _ => Vec::new(),
    });
    let app = &emulator.apps()[0];
    let environment = [
        ("APP", app.id().to_owned()),
        ("SECRET", app.expose_secret().to_owned()),
        ("CALLS", emulator.base_url().to_owned()),
        ("STORE", redis.store()),
    ];
    let names = ["one", "two", "three"];
    let mut replicas: Vec<Replica> =
        names.iter().map(|name| Replica::start(name, free_port(), &environment)).collect();
    let balancer = Balancer::start(replicas.iter().map(|replica| replica.port));
    let fleet = observer(&emulator, &redis).await;
    let world = Arc::new(World::new(topology.name(), balancer.url.clone(), (2.0, 8.0)));
    // The table is printed even if the test fails.
    let _table = Table(world.clone());
    for replica in &replicas {
        health(&world, replica).await;
    }

    world.tally.enter(STARTED);
    let calls: Vec<_> = (0..agents).map(|_| tokio::spawn(call::run(world.clone()))).collect();
    sleep(length / 8).await;
    faults(&world, &mut redis, &mut replicas, length).await;

    world.is_over.store(true, Ordering::Release);
    let mut live = Vec::new();
    for call in calls {
        live.push(call.await.unwrap());
    }
    world.tally.enter(LOOKED_AT);
    assert_eq!(live.len() as u64, agents);
    live_calls(&emulator, &fleet, &live).await;
    nothing_unknown(&emulator, &fleet).await;

    world.tally.enter(OVER);
    let leaving: Vec<_> = live
        .into_iter()
        .map(|call| tokio::spawn(async move { call.leave().await.map_err(|lost| (call, lost)) }))
        .collect();
    for left in leaving {
        if let Err((call, lost)) = left.await.unwrap() {
            panic!("{} does not leave: {lost:?}", call.session);
        }
    }
    let unanswered = nothing_open(&emulator).await;
    exchanges(&emulator, &fleet, &world, &unanswered).await;
    world.tally.enter(ENDED);
    for replica in &mut replicas {
        replica.terminate();
    }
    drop(fleet);
    nothing_in_redis(&redis).await;
    let violations = emulator.violations().await.unwrap();
    println!("-- {}: over, after {} s", topology.name(), began.elapsed().as_secs());
    no_violation(&violations, &unanswered);

    let unexplained = world.tally.unexplained();
    assert!(unexplained.is_empty(), "disturbed for no reason: {unexplained:#?}");
    let (calls, media, messages) = world.tally.numbers();
    assert!(calls >= agents && media > 0 && messages > 0, "{calls} {media} {messages}");
}

struct Table(Arc<World>);

impl Drop for Table {
    fn drop(&mut self) {
        println!("\n{}", self.0.tally);
    }
}

/// Causes the faults, one kind after another.
async fn faults(world: &World, redis: &mut Servers, replicas: &mut [Replica], length: Duration) {
    let part = length / 8;
    world.tally.enter(KILLED);
    let began = Instant::now();
    while began.elapsed() < 3 * part {
        let replica = fastrand::choice(&mut *replicas).unwrap();
        replica.kill();
        sleep(Duration::from_millis(300 + fastrand::u64(..700))).await;
        replica.restart();
        health(world, replica).await;
        sleep(Duration::from_millis(500 + fastrand::u64(..1_500))).await;
    }
    // Turns of killed processes end.
    sleep(LEASE).await;

    world.tally.enter(ROLLED);
    for replica in &mut *replicas {
        tokio::task::block_in_place(|| replica.terminate());
        replica.restart();
        health(world, replica).await;
        sleep(part / 4).await;
    }

    world.tally.enter(RESTARTED);
    redis.master().restart();
    redis.in_step();
    sleep(part).await;

    world.tally.enter(PAUSED);
    redis.master().pause();
    sleep(Duration::from_secs(5)).await;
    redis.master().resume();
    sleep(part).await;

    world.tally.enter(FAILED_OVER);
    redis.in_step();
    redis.fail_over_after(1_000);
    let began = Instant::now();
    redis.master().kill();
    redis.promoted();
    println!("   promoted after {} ms", began.elapsed().as_millis());
    sleep(part).await;
}

/// Waits until a process and its balancer know each other.
async fn health(world: &World, replica: &Replica) {
    let url = format!("http://127.0.0.1:{}/health", replica.port);
    let began = Instant::now();
    while world.http.get(&url).send().await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(30), "{} does not start", replica.name);
        sleep(Duration::from_millis(20)).await;
    }
    sleep(Duration::from_millis(300)).await;
}

/// Returns a registry that reads the fleet's sessions.
async fn observer(emulator: &Emulator, redis: &Servers) -> Registry {
    let app = &emulator.apps()[0];
    let secret = SecretString::from(app.expose_secret());
    let client = Client::builder(AppId::new(app.id()).unwrap(), secret);
    let client = client.base_url(emulator.base_url()).build().unwrap();
    let store = servers::connect(&redis.store()).await;
    Registry::over(client, Arc::new(store)).lease(LEASE).ttl(TTL).start().await.unwrap()
}

/// Returns the emulator's history of a session. It has no session descriptions.
async fn history(emulator: &Emulator, session: &str) -> String {
    let base = emulator.base_url().trim_end_matches("/v1");
    let url = format!("{base}/__emulator/sessions/{session}");
    reqwest::get(url).await.unwrap().text().await.unwrap()
}

/// Returns the tracks that are open and can carry media. The API reports a subscription whose
/// publication has ended like a closed one.
fn open_mids(snapshot: &Snapshot) -> BTreeMap<String, BTreeSet<String>> {
    mids(snapshot, |track| track.is_open && track.is_active)
}

fn mids(
    snapshot: &Snapshot,
    rule: fn(&TrackSnapshot) -> bool,
) -> BTreeMap<String, BTreeSet<String>> {
    let mids = snapshot.sessions.iter().map(|session| {
        let open = session.tracks.iter().filter(|track| rule(track));
        (session.id.clone(), open.map(|track| track.mid.clone()).collect::<BTreeSet<_>>())
    });
    mids.filter(|(_, open)| !open.is_empty()).collect()
}

/// Checks that the SFU and the fleet have for each call what its agent believes.
async fn live_calls(emulator: &Emulator, fleet: &Registry, live: &[Call]) {
    let open = mids(&emulator.snapshot().await.unwrap(), |track| track.is_open);
    for call in live {
        let session = &call.session[1..];
        // A lost reply leaves an agent with less than its session has. A track that has ended
        // without the agent's request is reported to it at its next request.
        if call.was_hit() {
            continue;
        }
        let here = fleet.get(&SessionId::new(session).unwrap()).await.unwrap();
        let Some(here) = here else {
            panic!("the fleet does not know {session}: {}", history(emulator, session).await)
        };
        assert_eq!(here.status(), Status::Ready, "{session}");
        let known: BTreeSet<_> = here.mids().iter().map(|mid| mid.as_str().to_owned()).collect();
        assert_eq!(known, call.mids(), "{session}, in the fleet");
        assert_eq!(open.get(session), Some(&call.mids()), "{session}, in the SFU");
    }
}

/// Checks that no track is open that the fleet does not know.
async fn nothing_unknown(emulator: &Emulator, fleet: &Registry) {
    let snapshot = emulator.snapshot().await.unwrap();
    let unanswered = unanswered(&snapshot);
    for (session, open) in open_mids(&snapshot) {
        let here = fleet.get(&SessionId::new(&session).unwrap()).await.unwrap();
        let is_known = here.as_ref().is_some_and(|here| {
            let known = here.mids();
            let known: BTreeSet<_> = known.iter().map(|mid| mid.as_str().to_owned()).collect();
            // An unanswered offer opens nothing that its agent has.
            let is_unusable = matches!(here.status(), Status::Unusable(_));
            open.is_subset(&known)
                || !here.uncertain().is_empty()
                || (is_unusable && unanswered.contains(&session))
        });
        // The session may have been left since.
        if !is_known && open_mids(&emulator.snapshot().await.unwrap()).contains_key(&session) {
            let history = history(emulator, &session).await;
            panic!("{session}: open are {open:?}, the fleet has {here:?}: {history}");
        }
    }
}

/// Returns the sessions with an unanswered offer of the SFU.
fn unanswered(snapshot: &Snapshot) -> BTreeSet<String> {
    let open = snapshot.sessions.iter().filter(|session| session.open_exchange.is_some());
    open.map(|session| session.id.clone()).collect()
}

/// Checks that nothing is open after all agents have left, and the fleet has left the sessions that
/// they gave up. Only an offer that was lost with its process cannot be closed: the SFU closes
/// nothing before it is answered. Returns the sessions of those.
async fn nothing_open(emulator: &Emulator) -> BTreeSet<String> {
    let (began, limit) = (Instant::now(), IDLE + 4 * LEASE + Duration::from_secs(20));
    loop {
        let snapshot = emulator.snapshot().await.unwrap();
        let (mut open, unanswered) = (open_mids(&snapshot), unanswered(&snapshot));
        open.retain(|session, _| !unanswered.contains(session));
        if open.is_empty() {
            return unanswered;
        }
        assert!(began.elapsed() < limit, "still open: {open:?}");
        sleep(Duration::from_millis(500)).await;
    }
}

/// Checks that every exchange was answered, or that its agent has given it up and the fleet knows
/// that its session is of no use. When such a session ends, the fleet forgets it.
async fn exchanges(
    emulator: &Emulator,
    fleet: &Registry,
    world: &World,
    unanswered: &BTreeSet<String>,
) {
    let given_up = world.given_up.lock().unwrap().clone();
    println!("   {} of {} given up have an unanswered offer", unanswered.len(), given_up.len());
    assert!(unanswered.is_subset(&given_up), "{unanswered:?} {given_up:?}");
    let id = |session: &String| SessionId::new(session).unwrap();
    for session in unanswered {
        let here = fleet.get(&id(session)).await.unwrap();
        let status = here.map(|here| here.status());
        let is_known = matches!(status, None | Some(Status::Unusable(_)));
        assert!(is_known, "{session}: an open exchange, and {status:?}");
        // The agent of the session sends nothing any more.
        assert!(emulator.expire(session).await);
    }
    for session in unanswered {
        // A sweep waits for longer and longer, so the test does not wait for it.
        if let Some(here) = fleet.get(&id(session)).await.unwrap() {
            assert!(here.leave().await.unwrap().is_complete());
        }
        let here = fleet.get(&id(session)).await.unwrap();
        assert!(here.is_none(), "{session} is gone, and the fleet has it");
    }
}

/// Checks that all keys in the store have ended. The master that was killed has none.
async fn nothing_in_redis(redis: &Servers) {
    let began = Instant::now();
    for node in redis.nodes() {
        loop {
            let keys = node.cli(&["KEYS", "*"]);
            if keys.is_empty() {
                break;
            }
            assert!(began.elapsed() < TTL + Duration::from_secs(10), "left in Redis: {keys}");
            sleep(Duration::from_millis(500)).await;
        }
    }
}

/// Checks that no request was made that the original punishes, apart from the inevitable: offers
/// that were lost with a process, or with a lease, are never answered.
fn no_violation(violations: &[Violation], unanswered: &BTreeSet<String>) {
    let mut kinds = BTreeMap::new();
    for violation in violations {
        let kind = format!("{:?} by {}", violation.kind, violation.operation.as_str());
        *kinds.entry(kind).or_insert(0) += 1;
    }
    println!("violations: {kinds:#?}");
    let is_inevitable = |it: &&Violation| {
        it.kind == ViolationKind::OfferExpired && unanswered.contains(&it.session)
    };
    let others: Vec<_> = violations.iter().filter(|it| !is_inevitable(it)).collect();
    assert!(others.is_empty(), "{others:#?}");
}

//! Server under load: rooms of members without a browser, who speak the documented protocol over
//! HTTP and WebSockets and have real agents at the emulator. They join, stay for a while, and
//! leave, vanish at any moment, replace their sessions or lose their connections for events.
//! Meanwhile the emulator has faults. At the end every session and track has to be accounted for.
//!
//! ```sh
//! cargo test --release -p cloudflare-calls-server --features server-tests --test rooms
//! ```
//!
//! The first run has one process. The second has three that share a Redis (`redis-server` is
//! needed), and one of them is killed and started again in mid-run. `LOAD_SECONDS` is the length of
//! each run, 120 if not set. `LOAD_PART` is `one` or `three` for one run alone. `LOAD_SEED` is the
//! seed of the members' steps and of the faults. With `LOAD_LOG` the processes log.
//!
//! 50 rooms have 4 members who all publish and subscribe to each other. One room has 50 members, of
//! whom 5 publish and all subscribe. Each of the 250 members takes a step every 8 to 40 s, so that
//! in 120 s some 900 join and 17,000 requests are made. A publisher sends only while a subscriber
//! waits for its first packets. Built with `--release` this takes half of one core of two that
//! others use as well, for agents, emulator and server together. Without `--release` it takes
//! several times as much, and on a busy machine the emulator then loses datagrams.

// A test fails by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod checks;
mod events;
mod faults;
mod member;
mod process;
#[allow(dead_code)]
#[path = "../../../redis/tests/support/process.rs"]
mod redis;
mod tally;
mod view;
mod world;

use std::env;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cloudflare_calls_emulator::Emulator;
use cloudflare_calls_emulator::rules::Config;
use fastrand::Rng;
use member::Place;
use process::Process;
use redis::{Server, free_port};
use tokio::time::sleep;
use world::{Phase, World};

/// Number of rooms of [`SMALL`] members.
const ROOMS: usize = 50;

/// Members of a small room. All of them publish.
const SMALL: usize = 4;

/// Members of the one large room.
const LARGE: usize = 50;

/// Members of the large room who publish.
const SPEAKERS: usize = 5;

/// Time in which the first members join, one after another.
const ARRIVAL: Duration = Duration::from_secs(25);

/// Shortest and longest time between two steps of a member, in seconds.
const STAY: (f32, f32) = (8.0, 40.0);

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if let Ok(port) = env::var("LOAD_PROCESS") {
        return runtime.block_on(process::run(port));
    }
    let part = env::var("LOAD_PART").unwrap_or_default();
    let mut is_good = true;
    if part != "three" {
        is_good &= runtime.block_on(load(1));
    }
    if part != "one" {
        is_good &= runtime.block_on(load(3));
    }
    if !is_good {
        std::process::exit(1);
    }
}

fn number(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |number| number.parse().expect("a number"))
}

/// Runs the load. Returns whether all invariants held.
async fn load(processes: usize) -> bool {
    let length = Duration::from_secs(number("LOAD_SECONDS", 120));
    let (seed, began) = (number("LOAD_SEED", 1), Instant::now());
    println!("\n== {processes} process(es), {} s, seed {seed}", length.as_secs());
    // Sessions do not expire by themselves, so that the test sees which party ends them. A
    // publisher that is silent for a while has not stopped sending.
    let never = Duration::from_secs(60 * 60);
    let config = Config {
        track_idle: never,
        reuse: never,
        unconnected: never,
        pause: never,
        ..Config::default()
    };
    let emulator = Emulator::builder().config(config).start().await.unwrap();
    let app = &emulator.apps()[0];
    let mut environment = vec![
        ("APP", app.id().to_owned()),
        ("SECRET", app.expose_secret().to_owned()),
        ("CALLS", emulator.base_url().to_owned()),
    ];
    let redis = (processes > 1).then(|| Server::start(&[]));
    environment.extend(redis.as_ref().map(|redis| ("REDIS", redis.url())));
    let ports: Vec<u16> = (0..processes).map(|_| free_port()).collect();
    let mut servers: Vec<Process> =
        ports.iter().map(|port| Process::start(*port, &environment)).collect();
    let world = Arc::new(World::new(ports));
    for port in &world.ports {
        checks::is_there(&world, *port).await;
    }
    let before: u64 = servers.iter().map(Process::memory).sum();
    let (own, cores) = (process::spent("self"), began.elapsed());

    faults::order(&emulator, &world, seed);
    let members: Vec<_> =
        places(&world, seed).into_iter().map(|place| tokio::spawn(place.run())).collect();
    if processes > 1 {
        sleep(length / 2).await;
        println!("-- a process is killed, after {} s", began.elapsed().as_secs());
        *world.killed.lock().unwrap() = Some(Instant::now());
        servers[1].kill();
        sleep(Duration::from_secs(3)).await;
        servers[1].restart();
        sleep(length.saturating_sub(length / 2 + Duration::from_secs(3))).await;
    } else {
        sleep(length).await;
    }

    println!("-- all stay, after {} s", began.elapsed().as_secs());
    let (elapsed, parent) = (began.elapsed() - cores, process::spent("self") - own);
    let spent: Duration = servers.iter().map(Process::spent).sum();
    emulator.watch(|_| Vec::new());
    world.phase.send_replace(Phase::Quiet);
    checks::all_is_quiet(&world, members.len()).await;
    let with: u64 = servers.iter().map(Process::memory).sum();

    println!("-- all leave, after {} s", began.elapsed().as_secs());
    world.phase.send_replace(Phase::Leave);
    let number = members.len();
    for member in members {
        if let Err(error) = member.await {
            world.tally.fail("a member panicked", error.to_string());
        }
    }
    checks::rooms_are_empty(&world, &rooms()).await;
    checks::nothing_is_open(&world, &emulator).await;
    checks::no_session_remains(&world, &emulator, redis.as_ref()).await;
    checks::no_violation(&world, &emulator).await;

    println!("-- over, after {} s\n{}", began.elapsed().as_secs(), world.tally);
    let percent = |spent: Duration| 100.0 * spent.as_secs_f64() / elapsed.as_secs_f64();
    println!(
        "of one core: {:.0} % agents and emulator, {:.0} % server",
        percent(parent),
        percent(spent)
    );
    let kib = |bytes: u64| bytes / 1024;
    println!(
        "memory of the server: {} KiB without members, {} KiB with {number}: {:.1} KiB for each",
        kib(before),
        kib(with),
        kib(with.saturating_sub(before)) as f64 / number as f64
    );
    !world.tally.has_failed()
}

fn small(room: usize) -> String {
    format!("room-{room}")
}

fn rooms() -> Vec<String> {
    (0..ROOMS).map(small).chain(["large".to_owned()]).collect()
}

/// Returns the places of all members.
fn places(world: &Arc<World>, seed: u64) -> Vec<Place> {
    let of_small = (0..ROOMS * SMALL).map(|place| (small(place / SMALL), "in rooms of 4", true));
    let of_large = (0..LARGE).map(|place| ("large".into(), "in the room of 50", place < SPEAKERS));
    let all: Vec<(String, &'static str, bool)> = of_small.chain(of_large).collect();
    let mut rng = Rng::with_seed(seed);
    let place = |(number, (room, size, publishes))| Place {
        world: Arc::clone(world),
        number,
        room,
        size,
        publishes,
        delay: ARRIVAL.mul_f32(rng.f32()),
        rng: rng.fork(),
        stay: STAY,
    };
    all.into_iter().enumerate().map(place).collect()
}

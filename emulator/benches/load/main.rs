//! Throughput and costs of the emulator: a fixed load on a process of its own.
//!
//! `cargo bench -p cloudflare-calls-emulator`, on Linux, because it reads `/proc`. Parts run by
//! their names: `-- http forwarding sessions tracks`. With `-- --short` no part has 1,000 sessions,
//! and the rates are a quarter: it is for machines that have other work, too.

// A benchmark fails by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod crowd;
mod http;
mod peer;
mod program;
mod publisher;
mod room;
mod table;

use std::time::{Duration, Instant};

use http::Http;
use program::Program;
use room::{COST, Room, WAY};
use table::{Table, each, micros, per_second, times};

/// Numbers of sessions, for figures that grow with them.
const SESSIONS: [usize; 3] = [10, 100, 1_000];

/// Connections on which operations are called at the same time.
const CONNECTIONS: usize = 4;

/// Calls in one round: fewer than ten sessions admit in a second.
const CALLS: usize = 400;

/// Packets a second.
#[derive(Clone, Copy)]
struct Rates {
    /// Rate of those that are published where latency counts.
    published: u64,
    /// Rate of those that are forwarded where CPU time counts.
    forwarded: u64,
}

const RATES: Rates = Rates { published: 100, forwarded: 10_000 };
const LOW_RATES: Rates = Rates { published: 25, forwarded: 2_500 };

/// Time over which CPU time is measured.
const SHORT: Duration = Duration::from_secs(2);

/// Time for which an SFU keeps packets of video, to send them again.
const KEPT: Duration = Duration::from_secs(3);

/// Time over which latency is measured.
const LONG: Duration = Duration::from_secs(5);

#[tokio::main(flavor = "current_thread")]
async fn main() {
    // `cargo test --all-targets` starts benchmarks too, without this.
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if !arguments.iter().any(|argument| argument == "--bench") {
        println!("nothing is measured without --bench");
        return;
    }
    check_system();
    let names: Vec<_> = arguments.iter().filter(|name| !name.starts_with('-')).collect();
    let is_short = arguments.iter().any(|argument| argument == "--short");
    let (counts, rates) = match is_short {
        true => (&SESSIONS[..2], LOW_RATES),
        false => (&SESSIONS[..], RATES),
    };
    let is_wanted = |name: &str| names.is_empty() || names.iter().any(|wanted| *wanted == name);
    let run = async {
        if is_wanted("http") {
            operations(counts).await;
        }
        if is_wanted("forwarding") {
            forwarding(rates).await;
        }
        if is_wanted("sessions") {
            sessions(counts, rates).await;
        }
        if is_wanted("tracks") {
            tracks().await;
        }
    };
    tokio::task::LocalSet::new().run_until(run).await;
}

fn check_system() {
    if cfg!(not(target_os = "linux")) {
        panic!("what a process uses is read from /proc, so this runs on Linux only");
    }
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let files = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    let files = files.split_whitespace().next().unwrap().parse().unwrap_or(usize::MAX);
    assert!(files > 1_100, "a socket for each agent: run `ulimit -n 4096` first");
}

/// Measures HTTP operations, and the memory of sessions that never connect.
async fn operations(counts: &[usize]) {
    let mut table = Table::new(
        "HTTP operations over 4 connections, and sessions that are not connected",
        &[&["sessions", "GET/s", "CPU µs", "growth", "new/s", "CPU µs", "growth", "KiB/session"]],
    );
    let mut first = None;
    for &count in counts {
        let program = Program::start();
        let mut connections = Vec::new();
        for _ in 0..CONNECTIONS {
            connections.push(Http::connect(&program).await);
        }
        // Costs of the first session only.
        let warm = connections[0].new_session().await;
        connections[0].get_session(&warm).await;
        let memory = program.memory();
        let mut ids = Vec::new();
        for _ in 0..count {
            ids.push(connections[0].new_session().await);
        }
        let memory = program.memory().saturating_sub(memory);

        let mut gets = Vec::new();
        for _ in 0..3 {
            // Sessions admit 50 requests a second each.
            tokio::time::sleep(Duration::from_millis(1_050)).await;
            let ids = &ids;
            let get = async |http: &mut Http, call: usize| {
                http.get_session(&ids[call % ids.len()]).await;
            };
            gets.push(calls(&program, &mut connections, CALLS, get).await);
        }
        gets.sort_by_key(|(wall, _)| *wall);
        let get = gets[1];
        let create = async |http: &mut Http, _| drop(http.new_session().await);
        let new = calls(&program, &mut connections, CALLS, create).await;
        let (get_first, new_first) = *first.get_or_insert((get, new));
        table.row(&[&[
            count.to_string(),
            per_second(get.0),
            micros(get.1),
            times(get.1, get_first.1),
            per_second(new.0),
            micros(new.1),
            times(new.1, new_first.1),
            each(memory, count),
        ]]);
    }
    table.print();
}

/// Calls an operation on all connections at once. Returns wall and CPU time of
/// each call.
async fn calls(
    program: &Program,
    connections: &mut [Http],
    count: usize,
    call: impl AsyncFn(&mut Http, usize),
) -> (Duration, Duration) {
    let (cpu, start) = (program.cpu(), Instant::now());
    let step = connections.len();
    let calls = connections.iter_mut().enumerate().map(|(first, http)| {
        let call = &call;
        async move {
            for number in (first..count).step_by(step) {
                call(http, number).await;
            }
        }
    });
    futures_util::future::join_all(calls).await;
    let count = u32::try_from(count).unwrap();
    (start.elapsed() / count, (program.cpu() - cpu) / count)
}

/// Measures one publisher with 1, 10 and 100 subscribers.
async fn forwarding(rates: Rates) {
    let mut costs = Table::new("Forwarding, busy", &[&["subscribers"], &COST]);
    let title = format!("Forwarding, {} packets a second in", rates.published);
    let mut ways = Table::new(&title, &[&["subscribers"], &WAY]);
    let mut first = None;
    for subscribers in [1, 10, 100] {
        let mut room = Room::new().await;
        room.subscribe(subscribers).await;
        let name = [subscribers.to_string()];
        let busy = room.measure(rates.forwarded / subscribers as u64, SHORT, false).await;
        costs.row(&[&name, &busy.cost(first.as_ref().unwrap_or(&busy))]);
        ways.row(&[&name, &room.measure(rates.published, LONG, true).await.way()]);
        first.get_or_insert(busy);
    }
    costs.print();
    ways.print();
}

/// Measures one publisher with 10 subscribers beside idle sessions.
async fn sessions(counts: &[usize], rates: Rates) {
    let mut costs = Table::new("Forwarding to 10 subscribers, busy", &[&["other sessions"], &COST]);
    let title = format!("Forwarding to 10 subscribers, {} packets a second in", rates.published);
    let mut ways = Table::new(&title, &[&["other sessions"], &WAY]);
    let mut memory = Table::new("Connected sessions", &[&["sessions", "KiB/session"]]);
    let mut first = None;
    let others = counts.iter().flat_map(|&count| [(count, false), (count, true)]);
    for (count, is_connected) in [(0, false)].into_iter().chain(others) {
        let mut room = Room::new().await;
        room.subscribe(10).await;
        let before = room.program.memory();
        for _ in 0..count {
            match is_connected {
                true => room.crowd.add_idle(&mut room.http).await,
                false => drop(room.http.new_session().await),
            }
        }
        if is_connected {
            memory.row(&[&[
                count.to_string(),
                each(room.program.memory().saturating_sub(before), count),
            ]]);
        }
        let name = [format!("{count}{}", if is_connected { " connected" } else { "" })];
        let busy = room.measure(rates.forwarded / 10, SHORT, false).await;
        costs.row(&[&name, &busy.cost(first.as_ref().unwrap_or(&busy))]);
        ways.row(&[&name, &room.measure(rates.published, SHORT, true).await.way()]);
        first.get_or_insert(busy);
    }
    costs.print();
    ways.print();
    memory.print();
}

/// Measures subscribers that have the same track ten times more.
async fn tracks() {
    let mut table = Table::new("Forwarded tracks", &[&["tracks", "in/s", "KiB/track"]]);
    for (subscribers, rate) in [(1, 10), (10, 10), (100, 10), (10, 100)] {
        let mut room = Room::new().await;
        room.subscribe(subscribers).await;
        room.measure(rate, Duration::from_secs(1), false).await;
        let before = room.program.memory();
        room.pull(10).await;
        room.measure(rate, KEPT, false).await;
        let tracks = 10 * subscribers;
        let memory = each(room.program.memory().saturating_sub(before), tracks);
        table.row(&[&[tracks.to_string(), rate.to_string(), memory]]);
    }
    table.print();
}

/// Waits for a condition that has to hold soon.
async fn until(what: &str, is: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is() {
        assert!(Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

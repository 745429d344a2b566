//! Publisher and its subscribers, at an emulator of their own.

use std::time::{Duration, Instant};

use super::crowd::Crowd;
use super::http::Http;
use super::program::{Program, cpu};
use super::publisher::Publisher;
use super::table::{micros, per_second, times};

/// Time under load before the measurement.
const SETTLE: Duration = Duration::from_millis(500);

pub(crate) struct Room {
    publisher: Publisher,
    pub(crate) crowd: Crowd,
    pub(crate) http: Http,
    pub(crate) program: Program,
    /// Number of tracks that are forwarded to each subscriber.
    tracks: usize,
    subscribers: usize,
}

/// Result of a load.
pub(crate) struct Load {
    /// Packets published a second.
    rate: f64,
    /// Packets that have arrived a second.
    out: f64,
    /// Share of the packets that have arrived.
    arrived: f64,
    /// CPU time of the emulator for each packet that has arrived.
    cpu: Duration,
    /// CPU time of the publisher and the subscribers, which run in the benchmark's process.
    agents: Duration,
    /// Travel times of packets.
    forwarded: Way,
    /// Travel times without the emulator.
    direct: Option<Way>,
}

/// Median and 99th percentile.
#[derive(Clone, Copy)]
struct Way {
    p50: Duration,
    p99: Duration,
}

impl Room {
    /// Starts an emulator, and a publisher without subscribers.
    pub(crate) async fn new() -> Self {
        let program = Program::start();
        let mut http = Http::connect(&program).await;
        let start = Instant::now();
        let crowd = Crowd::new(start).await;
        let publisher = Publisher::start(&mut http, start, crowd.direct).await;
        Self { publisher, crowd, http, program, tracks: 0, subscribers: 0 }
    }

    /// Adds this many subscribers, each with the track.
    pub(crate) async fn subscribe(&mut self, count: usize) {
        for _ in 0..count {
            self.crowd.add_subscriber(&mut self.http, &self.publisher.session).await;
        }
        self.subscribers += count;
        self.tracks = 1;
    }

    /// Pulls the track this many times more for each subscriber.
    pub(crate) async fn pull(&mut self, times: usize) {
        for member in 0..self.subscribers {
            self.crowd.pull(member, &mut self.http, &self.publisher.session, times).await;
        }
        self.tracks += times;
    }

    /// Publishes this many packets a second for some time. Fails unless nearly all arrive.
    pub(crate) async fn measure(&mut self, rate: u64, time: Duration, is_direct: bool) -> Load {
        self.publisher.set_rate(rate, is_direct);
        tokio::time::sleep(SETTLE).await;
        self.crowd.take();
        let (sent, start) = (self.publisher.sent(), Instant::now());
        let spent = || (self.program.cpu(), cpu(std::process::id()));
        let before = spent();
        tokio::time::sleep(time).await;
        let mut arrived = self.crowd.take();
        let sent = (self.publisher.sent() - sent) as f64;
        let (after, time) = (spent(), start.elapsed().as_secs_f64());

        self.crowd.check();
        assert_eq!(self.crowd.receivers(), self.subscribers, "some have received nothing");
        let out = arrived.forwarded.len() as f64;
        let part = out / (sent * self.tracks as f64 * self.subscribers as f64);
        assert!(part > 0.9, "only {:.0} % have arrived", part * 100.0);
        Load {
            rate: sent / time,
            out: out / time,
            arrived: part,
            cpu: (after.0 - before.0).div_f64(out),
            agents: (after.1 - before.1).div_f64(out),
            forwarded: Way::of(&mut arrived.forwarded),
            direct: is_direct.then(|| Way::of(&mut arrived.direct)),
        }
    }
}

/// Columns of [`Load::cost`].
pub(crate) const COST: [&str; 7] =
    ["in/s", "out/s", "arrived", "CPU µs/out", "growth", "out/s per core", "agents' CPU µs/out"];

/// Columns of [`Load::way`].
pub(crate) const WAY: [&str; 6] =
    ["p50 µs", "p99 µs", "direct p50", "direct p99", "added p50", "added p99"];

impl Load {
    /// Returns the costs, compared to those of the first load.
    pub(crate) fn cost(&self, first: &Load) -> [String; 7] {
        [
            format!("{:.0}", self.rate),
            format!("{:.0}", self.out),
            format!("{:.1} %", self.arrived * 100.0),
            micros(self.cpu),
            times(self.cpu, first.cpu),
            per_second(self.cpu),
            micros(self.agents),
        ]
    }

    /// Returns the travel times, in microseconds.
    pub(crate) fn way(&self) -> [String; 6] {
        let (way, direct) = (self.forwarded, self.direct.unwrap());
        [
            way.p50,
            way.p99,
            direct.p50,
            direct.p99,
            way.p50.saturating_sub(direct.p50),
            way.p99.saturating_sub(direct.p99),
        ]
        .map(|time| format!("{:.0}", time.as_secs_f64() * 1e6))
    }
}

impl Way {
    fn of(nanos: &mut [u64]) -> Self {
        assert!(!nanos.is_empty(), "nothing has arrived");
        nanos.sort_unstable();
        let at = |part: usize| Duration::from_nanos(nanos[(nanos.len() - 1) * part / 100]);
        Self { p50: at(50), p99: at(99) }
    }
}

//! Counts and times of events, and the failures.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

/// The most failures that are listed with their words. The others are counted.
const LISTED: usize = 40;

/// All counts.
#[derive(Default)]
pub(crate) struct Tally {
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    events: BTreeMap<&'static str, u64>,
    /// Reasons for which sessions and members were given up.
    rejoins: BTreeMap<String, u64>,
    repeated: BTreeMap<String, u64>,
    faults: BTreeMap<&'static str, u64>,
    requests: BTreeMap<&'static str, Vec<Duration>>,
    first_packets: BTreeMap<&'static str, Vec<Duration>>,
    failures: BTreeMap<&'static str, Vec<String>>,
    explained: BTreeMap<String, &'static str>,
}

impl Tally {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap()
    }

    /// Counts an event of members.
    pub(crate) fn count(&self, event: &'static str) {
        *self.counts().events.entry(event).or_default() += 1;
    }

    /// Counts a session, or a member, that is given up for another one.
    pub(crate) fn rejoined(&self, why: String) {
        *self.counts().rejoins.entry(why).or_default() += 1;
    }

    /// Counts a request that is sent again.
    pub(crate) fn repeated(&self, why: String) {
        *self.counts().repeated.entry(why).or_default() += 1;
    }

    pub(crate) fn fault(&self, kind: &'static str) {
        *self.counts().faults.entry(kind).or_default() += 1;
    }

    pub(crate) fn request(&self, step: &'static str, took: Duration) {
        self.counts().requests.entry(step).or_default().push(took);
    }

    /// Notes the time between a member's request to join and the first packet of a track.
    pub(crate) fn first_packet(&self, room: &'static str, took: Duration) {
        self.counts().first_packets.entry(room).or_default().push(took);
    }

    /// Notes a failure.
    pub(crate) fn fail(&self, kind: &'static str, what: impl Into<String>) {
        let what = what.into();
        eprintln!("FAILURE: {kind}: {what}");
        self.counts().failures.entry(kind).or_default().push(what);
    }

    pub(crate) fn has_failed(&self) -> bool {
        !self.counts().failures.is_empty()
    }

    /// Notes the reason for which a session has open tracks or an unanswered offer.
    pub(crate) fn explain(&self, session: &str, reason: &'static str) {
        self.counts().explained.entry(session.to_owned()).or_insert(reason);
    }

    pub(crate) fn reason(&self, session: &str) -> Option<&'static str> {
        self.counts().explained.get(session).copied()
    }

    pub(crate) fn explained(&self) -> BTreeSet<String> {
        self.counts().explained.keys().cloned().collect()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.counts();
        for (event, count) in &counts.events {
            writeln!(f, "{count:>7} {event}")?;
        }
        let rejoins: u64 = counts.rejoins.values().sum();
        writeln!(f, "{rejoins:>7} rejoins after a failure:")?;
        for (why, count) in &counts.rejoins {
            writeln!(f, "{count:>12} {why}")?;
        }
        writeln!(f, "{:>7} requests repeated:", counts.repeated.values().sum::<u64>())?;
        for (why, count) in &counts.repeated {
            writeln!(f, "{count:>12} {why}")?;
        }
        writeln!(f, "{:>7} faults at the emulator:", counts.faults.values().sum::<u64>())?;
        for (kind, count) in &counts.faults {
            writeln!(f, "{count:>12} {kind}")?;
        }
        let requests: usize = counts.requests.values().map(Vec::len).sum();
        writeln!(f, "{requests:>7} requests, with p50, p99 and the longest:")?;
        for (step, times) in &counts.requests {
            writeln!(f, "{:>12} {step:<22} {}", times.len(), Quantiles::of(times))?;
        }
        writeln!(f, "join to first packet of each other member, p50, p99 and the longest:")?;
        for (room, times) in &counts.first_packets {
            writeln!(f, "{:>12} {room:<22} {}", times.len(), Quantiles::of(times))?;
        }
        for (kind, failures) in &counts.failures {
            writeln!(f, "FAILED: {kind}: {}", failures.len())?;
            for failure in failures.iter().take(LISTED) {
                writeln!(f, "  - {failure}")?;
            }
        }
        Ok(())
    }
}

struct Quantiles([Duration; 3]);

impl Quantiles {
    fn of(times: &[Duration]) -> Self {
        let mut times = times.to_vec();
        times.sort_unstable();
        let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)];
        Self([at(50), at(99), at(100)])
    }
}

impl fmt::Display for Quantiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [p50, p99, longest] = self.0.map(|time| time.as_millis());
        write!(f, "{p50:>6} ms {p99:>6} ms {longest:>6} ms")
    }
}

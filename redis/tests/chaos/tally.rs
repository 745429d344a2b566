//! Counts of events, for the table at the end.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

/// The reason for which an agent had to join anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cause {
    /// A request of the agent was in a process when that was killed. Its reply is lost, and with it
    /// an offer or an answer.
    KilledProcess,
    /// Redis did not reply for the length of a lease, and the turn was lost.
    LeaseLost,
    /// The master has died with writes that the replica did not have yet.
    LostWrites,
    /// None of these. It must not happen.
    Unexplained,
}

/// All counts of a run.
pub(crate) struct Tally {
    name: &'static str,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    phase: &'static str,
    began: Option<Instant>,
    requests: u64,
    calls: u64,
    left: u64,
    hits: u64,
    media: u64,
    messages: u64,
    steps: BTreeMap<&'static str, u64>,
    repeated: BTreeMap<(&'static str, String), u64>,
    disturbed: BTreeMap<(Cause, &'static str, &'static str), u64>,
    unexplained: Vec<String>,
}

impl Tally {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, counts: Mutex::default() }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap()
    }

    pub(crate) fn phase(&self) -> &'static str {
        self.counts().phase
    }

    pub(crate) fn enter(&self, phase: &'static str) {
        let mut counts = self.counts();
        println!(
            "-- {}: {phase}, after {} s",
            self.name,
            counts.began.get_or_insert_with(Instant::now).elapsed().as_secs()
        );
        counts.phase = phase;
    }

    pub(crate) fn request(&self) {
        self.counts().requests += 1;
    }

    pub(crate) fn joined(&self) {
        self.counts().calls += 1;
    }

    pub(crate) fn left(&self) {
        self.counts().left += 1;
    }

    /// Counts a request that was in a process when that was killed.
    pub(crate) fn hit(&self) {
        self.counts().hits += 1;
    }

    pub(crate) fn media(&self) {
        self.counts().media += 1;
    }

    pub(crate) fn message(&self) {
        self.counts().messages += 1;
    }

    pub(crate) fn step(&self, step: &'static str) {
        *self.counts().steps.entry(step).or_default() += 1;
    }

    /// Counts a request that was not carried out, and is repeated.
    pub(crate) fn repeated(&self, why: String) {
        let mut counts = self.counts();
        let phase = counts.phase;
        *counts.repeated.entry((phase, why)).or_default() += 1;
    }

    pub(crate) fn disturbed(&self, cause: Cause, step: &'static str, detail: &str) {
        let mut counts = self.counts();
        let phase = counts.phase;
        *counts.disturbed.entry((cause, phase, step)).or_default() += 1;
        if cause != Cause::KilledProcess {
            println!("   {}: {cause}: {step}: {detail}", self.name);
        }
        if cause == Cause::Unexplained {
            counts.unexplained.push(format!("{phase}: {step}: {detail}"));
        }
    }

    pub(crate) fn unexplained(&self) -> Vec<String> {
        self.counts().unexplained.clone()
    }

    /// Returns the numbers of calls, and of checks of media and messages.
    pub(crate) fn numbers(&self) -> (u64, u64, u64) {
        let counts = self.counts();
        (counts.calls, counts.media, counts.messages)
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.counts();
        let disturbed: u64 = counts.disturbed.values().sum();
        writeln!(f, "{}:", self.name)?;
        writeln!(f, "{:>7} requests of agents", counts.requests)?;
        for (step, count) in &counts.steps {
            writeln!(f, "{count:>7} {step}")?;
        }
        writeln!(f, "{:>7} subscriptions that media came on", counts.media)?;
        writeln!(f, "{:>7} messages received", counts.messages)?;
        writeln!(f, "{:>7} requests in processes that were killed", counts.hits)?;
        writeln!(f, "requests that were not carried out and were repeated:")?;
        for ((phase, why), count) in &counts.repeated {
            writeln!(f, "{count:>7} {phase}: {why}")?;
        }
        writeln!(f, "{:>7} calls", counts.calls)?;
        writeln!(f, "{:>7} ended by their agents", counts.left)?;
        writeln!(f, "{disturbed:>7} disturbed: the agent joined anew")?;
        for ((cause, phase, step), count) in &counts.disturbed {
            writeln!(f, "{count:>7} {cause}, {phase}: {step}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KilledProcess => "own request in a killed process",
            Self::LeaseLost => "lease lost while Redis did not reply",
            Self::LostWrites => "hit by the fail-over",
            Self::Unexplained => "UNEXPLAINED",
        })
    }
}

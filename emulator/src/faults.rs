//! Faults to order: what goes wrong, for which calls, and how often.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::rules::Operation;

/// A fault with the calls that it is for. As JSON it is what
/// `POST /__emulator/faults` takes:
///
/// ```
/// # use cloudflare_calls_emulator::faults::{Fault, Rule};
/// let rule: Rule = serde_json::from_str(
///     r#"{ "operation": "new_tracks", "nth": 3, "fault": { "kind": "dropReply" } }"#,
/// )?;
/// assert_eq!(rule.fault, Fault::DropReply);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rule {
    /// The operation, named as [`Operation::as_str`](crate::rules::Operation::as_str)
    /// does: `new_session`, `new_tracks`, `renegotiate`, `get_session` for
    /// reading the state. None: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// The session. None: all, and calls about none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// Only this one of the calls that fit, counted from 1 and from when the
    /// rule was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nth: Option<u64>,
    /// The part of the calls that fit, from 0 to 1, chosen by `seed`. None: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// What the choice by probability begins with.
    #[serde(default)]
    pub seed: u64,
    /// How often the fault happens at most. None: without end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// What happens.
    pub fault: Fault,
}

/// What happens to a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum Fault {
    /// It is done later, after so many milliseconds.
    Delay {
        /// How long.
        ms: u64,
    },
    /// The connection is closed, and nothing was done.
    DropRequest,
    /// It is done, and the connection is closed instead of a reply.
    DropReply,
    /// The connection is reset (TCP RST), and nothing was done.
    Reset,
    /// This is the reply, and nothing is done.
    Reply {
        /// The status, 200 to 599.
        status: u16,
        /// Headers to add.
        #[serde(default)]
        headers: BTreeMap<String, String>,
        /// The body: JSON, or a string as it is.
        #[serde(default)]
        body: Value,
    },
    /// The page of an edge with this status, and nothing is done.
    Html {
        /// The status, 200 to 599.
        status: u16,
    },
    /// It is done, and the reply ends in the middle of its JSON.
    Truncate,
    /// These entries fail with this code, and nothing is done about them. If that
    /// is all that a request has, nothing is done about its session description
    /// either.
    FailItems {
        /// The error code.
        code: String,
        /// Which, counted from 0.
        indices: Vec<usize>,
    },
    /// The session expires first, so the call is answered with 410.
    ExpireSession,
    /// The session's connection is lost first, for good unless
    /// [`Emulator::reconnect`](crate::Emulator::reconnect) is called.
    Disconnect,
}

/// What UDP packets suffer, in both directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Network {
    /// The part of the packets that is lost, from 0 to 1.
    pub loss: f64,
    /// How long each packet takes longer, in milliseconds.
    pub delay_ms: u64,
    /// How much longer still, at random up to this, in milliseconds. Packets may
    /// overtake each other.
    pub jitter_ms: u64,
    /// The part of the packets that overtake the others, from 0 to 1: they take no
    /// longer at all.
    pub reorder: f64,
    /// What the choice begins with.
    pub seed: u64,
}

impl Rule {
    /// A fault for every call.
    pub fn new(fault: Fault) -> Self {
        Self {
            operation: None,
            session: None,
            nth: None,
            probability: None,
            seed: 0,
            times: None,
            fault,
        }
    }

    /// Only for this operation, such as `new_tracks`.
    pub fn operation(mut self, operation: impl Into<String>) -> Self {
        self.operation = Some(operation.into());
        self
    }

    /// Only for this session.
    pub fn session(mut self, session: impl Into<String>) -> Self {
        self.session = Some(session.into());
        self
    }

    /// Only for this one of the calls that fit, counted from 1.
    pub fn nth(mut self, nth: u64) -> Self {
        self.nth = Some(nth);
        self
    }

    /// Only for this part of the calls that fit, chosen by the seed.
    pub fn probability(mut self, probability: f64, seed: u64) -> Self {
        (self.probability, self.seed) = (Some(probability), seed);
        self
    }

    /// At most so often.
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// Whether the numbers make sense, and the rule can match at all.
    fn check(&self) -> Result<(), &'static str> {
        if let Some(name) = &self.operation {
            let operation = Operation::ALL.into_iter().find(|known| known.as_str() == name);
            let operation = operation.ok_or("there is no such operation")?;
            if self.session.is_some() && !operation.has_session() {
                return Err("calls of this operation name no session");
            }
        }
        let is_part = |part: f64| (0.0..=1.0).contains(&part);
        if self.probability.is_some_and(|probability| !is_part(probability)) {
            return Err("probability is not from 0 to 1");
        }
        if self.nth == Some(0) {
            return Err("nth is counted from 1");
        }
        match self.fault {
            Fault::Reply { status, .. } | Fault::Html { status }
                if !(200..=599).contains(&status) =>
            {
                Err("status is not from 200 to 599")
            }
            Fault::Delay { ms } if ms > MAX_DELAY_MS => Err("ms is more than a minute"),
            _ => Ok(()),
        }
    }
}

/// The most rules at a time. Each is looked at for each call.
const MAX_RULES: usize = 1_000;

/// The longest delay of calls and packets, also of several rules together.
const MAX_DELAY_MS: u64 = 60_000;

impl Network {
    /// Whether anything is to happen.
    pub fn is_perfect(&self) -> bool {
        self.loss <= 0.0 && self.delay_ms == 0 && self.jitter_ms == 0
    }

    pub(crate) fn check(&self) -> Result<(), &'static str> {
        if !(0.0..=1.0).contains(&self.loss) {
            return Err("loss is not from 0 to 1");
        }
        if !(0.0..=1.0).contains(&self.reorder) {
            return Err("reorder is not from 0 to 1");
        }
        match self.delay_ms.max(self.jitter_ms) {
            ..=MAX_DELAY_MS => Ok(()),
            _ => Err("delayMs or jitterMs is more than a minute"),
        }
    }
}

/// The rules that were ordered, and what they have counted.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    rules: Vec<Counted>,
}

#[derive(Debug)]
struct Counted {
    rule: Rule,
    random: fastrand::Rng,
    seen: u64,
    happened: u64,
}

impl Faults {
    /// Adds a rule behind the others.
    pub(crate) fn add(&mut self, rule: Rule) -> Result<(), &'static str> {
        rule.check()?;
        if self.rules.len() == MAX_RULES {
            return Err("there are 1,000 rules already");
        }
        let random = fastrand::Rng::with_seed(rule.seed);
        self.rules.push(Counted { rule, random, seen: 0, happened: 0 });
        Ok(())
    }

    pub(crate) fn clear(&mut self) {
        self.rules.clear();
    }

    pub(crate) fn rules(&self) -> impl Iterator<Item = (&Rule, u64)> {
        self.rules.iter().map(|counted| (&counted.rule, counted.happened))
    }

    /// The faults that this call meets: of each rule that fits.
    pub(crate) fn meet(&mut self, operation: &str, session: Option<&str>) -> Vec<Fault> {
        let happens = |counted: &mut Counted| {
            let Counted { rule, random, seen, happened } = counted;
            let fits = rule.operation.as_deref().is_none_or(|wanted| wanted == operation)
                && (rule.session.is_none() || rule.session.as_deref() == session);
            if !fits {
                return None;
            }
            *seen += 1;
            let happens = rule.nth.is_none_or(|nth| nth == *seen)
                && rule.probability.is_none_or(|probability| random.f64() < probability)
                && rule.times.is_none_or(|times| *happened < times);
            *happened += u64::from(happens);
            happens.then(|| rule.fault.clone())
        };
        self.rules.iter_mut().filter_map(happens).collect()
    }
}

/// What is left to do to a call after its delays.
pub(crate) fn delay(faults: &[Fault]) -> Duration {
    let delay = |fault: &Fault| match fault {
        Fault::Delay { ms } => *ms,
        _ => 0,
    };
    let sum = faults.iter().map(delay).fold(0, u64::saturating_add);
    Duration::from_millis(sum.min(MAX_DELAY_MS))
}

//! Rules that were ordered, and their counts.

use std::time::Duration;

use super::check::{BadRule, MAX_DELAY_MS};
use super::{Call, Fault, Rule};

/// The most rules at a time. Every call is compared with each of them.
const MAX_RULES: usize = 1_000;

/// The rules that were ordered, and their counts.
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
    pub(crate) fn add(&mut self, rule: Rule) -> Result<(), BadRule> {
        rule.check()?;
        if self.rules.len() == MAX_RULES {
            return Err(BadRule::TooMany);
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

    /// Returns the faults that this call meets, of each rule that fits.
    pub(crate) fn meet(&mut self, call: &Call) -> Vec<Fault> {
        let happens = |counted: &mut Counted| {
            let Counted { rule, random, seen, happened } = counted;
            let fits = rule.operation.is_none_or(|wanted| wanted == call.operation)
                && (rule.session.is_none() || rule.session == call.session);
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

/// Returns the sum of the times that `ms` reads from these faults.
pub(crate) fn pause(faults: &[Fault], ms: impl Fn(&Fault) -> Option<u64>) -> Duration {
    let sum = faults.iter().filter_map(ms).fold(0, u64::saturating_add);
    Duration::from_millis(sum.min(MAX_DELAY_MS))
}

//! Network conditions of UDP packets.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::check::{BadRule, MAX_DELAY_MS};

/// Loss, delay and disorder of UDP packets, separate for each direction. The packets of all agents
/// share one network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Network {
    /// Share of the packets that is lost, from 0 to 1.
    pub loss: f64,
    /// Mean number of packets that are lost in a row (the model of Gilbert and Elliot). Up to 1,
    /// losses are independent.
    pub burst: f64,
    /// Delay of each packet, in milliseconds.
    pub delay_ms: u64,
    /// Jitter: uniform in 0 to this, in milliseconds, added to the delay. Packets keep their order.
    pub jitter_ms: u64,
    /// Share of the packets that overtake the one before, from 0 to 1. At most every other packet
    /// does.
    pub reorder: f64,
    /// Rate in kbit/s. Packets queue for up to 250 ms and are lost beyond that. None: unlimited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_kbps: Option<u64>,
    /// Seed of the choice.
    pub seed: u64,
}

/// The longest mean burst, in packets.
const LONGEST_BURST: f64 = 10_000.0;

/// The rates of a link, in kbit/s.
const RATES: RangeInclusive<u64> = 1..=100_000_000;

impl Network {
    /// Returns true if packets pass unchanged.
    pub fn is_perfect(&self) -> bool {
        let takes_time = self.delay_ms > 0 || self.jitter_ms > 0 || self.rate_kbps.is_some();
        self.loss <= 0.0 && !takes_time
    }

    pub(crate) fn check(&self) -> Result<(), BadRule> {
        if [self.loss, self.reorder].iter().any(|part| !(0.0..=1.0).contains(part)) {
            return Err(BadRule::Part);
        }
        if !(0.0..=LONGEST_BURST).contains(&self.burst) {
            return Err(BadRule::Burst);
        }
        if self.rate_kbps.is_some_and(|rate| !RATES.contains(&rate)) {
            return Err(BadRule::Rate);
        }
        match self.delay_ms.max(self.jitter_ms) {
            ..=MAX_DELAY_MS => Ok(()),
            _ => Err(BadRule::TooLong),
        }
    }
}

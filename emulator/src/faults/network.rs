//! The network that UDP packets meet.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::check::{BadRule, MAX_DELAY_MS};

/// Loss, delay and disorder of UDP packets, in each direction by itself. The packets of all agents
/// share one network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Network {
    /// The part of the packets that is lost, from 0 to 1.
    pub loss: f64,
    /// The mean number of packets in a row that are lost, if any are (the model of
    /// Gilbert and Elliot). Up to 1: each is lost for itself.
    pub burst: f64,
    /// The delay of each packet, in milliseconds.
    pub delay_ms: u64,
    /// The most that is added to the delay at random, in milliseconds. Packets keep
    /// their order.
    pub jitter_ms: u64,
    /// The part of the packets that overtake the one before, from 0 to 1; at most
    /// every other one does.
    pub reorder: f64,
    /// The bits that pass in a second, in thousands. Packets queue for up to 250 ms
    /// and are lost beyond that. None: any number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_kbps: Option<u64>,
    /// The seed of the choice.
    pub seed: u64,
}

/// The longest mean burst, in packets.
const LONGEST_BURST: f64 = 10_000.0;

/// The rates of a link, in thousands of bits a second.
const RATES: RangeInclusive<u64> = 1..=100_000_000;

impl Network {
    /// Whether anything is to happen.
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

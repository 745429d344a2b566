//! What UDP packets suffer.

use serde::{Deserialize, Serialize};

use super::check::{BadRule, MAX_DELAY_MS};

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

impl Network {
    /// Whether anything is to happen.
    pub fn is_perfect(&self) -> bool {
        self.loss <= 0.0 && self.delay_ms == 0 && self.jitter_ms == 0
    }

    pub(crate) fn check(&self) -> Result<(), BadRule> {
        if [self.loss, self.reorder].iter().any(|part| !(0.0..=1.0).contains(part)) {
            return Err(BadRule::Part);
        }
        match self.delay_ms.max(self.jitter_ms) {
            ..=MAX_DELAY_MS => Ok(()),
            _ => Err(BadRule::TooLong),
        }
    }
}

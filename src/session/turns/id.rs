//! Ids of exchanges.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::invalid::{Invalid, Problem};

/// Names an exchange of session descriptions that waits for the agent's answer.
///
/// It is random, so that the answer to an earlier offer is never taken for one
/// to a later offer, also after a restart. It is no permission.
///
/// As text it is 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ExchangeId(u64);

impl ExchangeId {
    pub(super) fn random() -> Self {
        Self(fastrand::u64(..))
    }
}

impl std::str::FromStr for ExchangeId {
    type Err = Invalid;

    /// # Errors
    /// [`Problem::Malformed`].
    fn from_str(id: &str) -> Result<Self, Invalid> {
        let is_hex = id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u64::from_str_radix(id, 16).ok().filter(|_| is_hex);
        number.map(Self).ok_or_else(|| Invalid::new("exchange", Problem::Malformed))
    }
}

impl TryFrom<String> for ExchangeId {
    type Error = Invalid;

    fn try_from(id: String) -> Result<Self, Invalid> {
        id.parse()
    }
}

impl From<ExchangeId> for String {
    fn from(id: ExchangeId) -> Self {
        id.to_string()
    }
}

impl fmt::Display for ExchangeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

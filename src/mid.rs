//! Mid of a media section.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::invalid::{Invalid, Problem};

/// Mid of a media section of one session's connection (RFC 9143), such as `0`.
///
/// The side that makes the offer gives the mid, which means nothing on another session. A mid has 1
/// to 256 visible ASCII characters, and the first is no `#`: the API refers to the transceiver of a
/// track by `#name`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mid(String);

impl Mid {
    /// Checks a mid, for example of an agent's transceiver.
    ///
    /// # Errors
    /// [`Problem::Empty`] or [`Problem::Malformed`].
    pub fn new(mid: impl Into<String>) -> Result<Self, Invalid> {
        let mid = mid.into();
        let problem = match mid.as_bytes() {
            [] => Problem::Empty,
            bytes if bytes[0] == b'#' || bytes.len() > 256 => Problem::Malformed,
            bytes if !bytes.iter().all(u8::is_ascii_graphic) => Problem::Malformed,
            _ => return Ok(Self(mid)),
        };
        Err(Invalid::new("mid", problem))
    }

    /// Returns the mid as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Mid {
    type Error = Invalid;

    fn try_from(mid: String) -> Result<Self, Invalid> {
        Self::new(mid)
    }
}

impl std::str::FromStr for Mid {
    type Err = Invalid;

    fn from_str(mid: &str) -> Result<Self, Invalid> {
        Self::new(mid)
    }
}

impl From<Mid> for String {
    fn from(mid: Mid) -> Self {
        mid.0
    }
}

impl fmt::Display for Mid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

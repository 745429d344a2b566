//! Id of a data channel.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::invalid::{Invalid, Problem};

/// Id of a data channel on one session's connection, with which its agent opens it: 0 to 65534 (RFC
/// 8832 section 6).
///
/// The SFU gives the id. On another session it means nothing: publisher and subscriber of one
/// channel have different ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct ChannelId(u16);

impl ChannelId {
    /// The largest id.
    pub const MAX: u16 = 65_534;

    /// Checks an id, for example from an agent.
    ///
    /// # Errors
    /// [`Problem::OutOfRange`] for 65535.
    pub fn new(id: u16) -> Result<Self, Invalid> {
        if id <= Self::MAX {
            return Ok(Self(id));
        }
        let problem = Problem::OutOfRange { min: 0, max: Self::MAX.into() };
        Err(Invalid::new("id", problem))
    }

    /// Returns the id as a number.
    pub fn get(self) -> u16 {
        self.0
    }
}

impl TryFrom<u16> for ChannelId {
    type Error = Invalid;

    fn try_from(id: u16) -> Result<Self, Invalid> {
        Self::new(id)
    }
}

impl From<ChannelId> for u16 {
    fn from(id: ChannelId) -> Self {
        id.0
    }
}

impl fmt::Display for ChannelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

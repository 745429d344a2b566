//! Values that are refused before anything is sent.

use std::borrow::Cow;
use std::fmt;

/// A value that was refused before anything was sent, and where it stands.
///
/// The message names the field and never quotes the value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Invalid {
    /// The field, as the API's JSON spells it: `tracks[3].mid`.
    pub field: Cow<'static, str>,
    /// The problem with it.
    pub problem: Problem,
}

/// The problem with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// It is needed and not there.
    Missing,
    /// It is there and empty.
    Empty,
    /// There are more entries than one request may have.
    TooMany {
        /// The largest number that is allowed.
        max: usize,
        /// The number that was given.
        given: usize,
    },
    /// Two entries say the same.
    Duplicate,
    /// Local and remote entries in one request; all are one or the other.
    MixedLocations,
    /// It has no effect together with another field, or contradicts it.
    Excludes {
        /// The other field.
        other: &'static str,
    },
    /// An offer where an answer belongs, or the reverse.
    SdpType {
        /// `offer` or `answer`.
        expected: &'static str,
    },
    /// No session description: it does not begin with `v=0` (RFC 8866
    /// section 5.1).
    NotSdp,
    /// The last line of the session description has no line end, which the
    /// API answers with `invalid_session_description`.
    SdpEnd,
    /// A string that is no `ws://` or `wss://` URL with a host.
    NotWebSocket,
    /// A host of this machine, which the SFU cannot reach.
    Loopback,
    /// A number or a duration out of its range.
    OutOfRange {
        /// The smallest that is allowed.
        min: u64,
        /// The largest that is allowed.
        max: u64,
    },
    /// A text that is too short or too long, in bytes.
    Length {
        /// The smallest length that is allowed.
        min: usize,
        /// The largest length that is allowed.
        max: usize,
    },
    /// A value that cannot be sent or is not safe, such as an id that leads to
    /// another path.
    Malformed,
}

impl Invalid {
    pub(crate) fn new(field: impl Into<Cow<'static, str>>, problem: Problem) -> Self {
        Self { field: field.into(), problem }
    }

    /// The same problem in an entry of a list or in a field of an object.
    pub(crate) fn within(mut self, parent: impl fmt::Display) -> Self {
        self.field = format!("{parent}.{}", self.field).into();
        self
    }
}

/// A lifetime in whole seconds, rounded down, from 1 s to `max`.
#[cfg(any(feature = "token", feature = "turn"))]
pub(crate) fn lifetime(ttl: std::time::Duration, max: std::time::Duration) -> Result<u64, Invalid> {
    match ttl.as_secs() {
        seconds if (1..=max.as_secs()).contains(&seconds) => Ok(seconds),
        _ => Err(Invalid::new("ttl", Problem::OutOfRange { min: 1, max: max.as_secs() })),
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.problem)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("is missing"),
            Self::Empty => f.write_str("is empty"),
            Self::TooMany { max, given } => write!(f, "{given} entries, at most {max} are allowed"),
            Self::Duplicate => f.write_str("is given twice"),
            Self::MixedLocations => f.write_str("local and remote entries in one request"),
            Self::Excludes { other } => write!(f, "excludes {other}"),
            Self::SdpType { expected } => write!(f, "is no {expected}"),
            Self::NotSdp => f.write_str("is no session description"),
            Self::SdpEnd => f.write_str("does not end with a line end"),
            Self::NotWebSocket => f.write_str("is no ws or wss URL with a host"),
            Self::Loopback => f.write_str("is on this machine, where the SFU cannot reach it"),
            Self::OutOfRange { min, max } => write!(f, "is not from {min} to {max}"),
            Self::Length { min, max } => write!(f, "is not {min} to {max} bytes long"),
            Self::Malformed => f.write_str("cannot be sent"),
        }
    }
}

impl std::error::Error for Invalid {}

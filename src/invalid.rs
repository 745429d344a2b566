//! Values that are refused before anything is sent.

use std::borrow::Cow;
use std::fmt;

/// Value that was refused before anything was sent, and its place.
///
/// The message names the field and never quotes the value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Invalid {
    /// Field, as the API's JSON spells it: `tracks[3].mid`.
    pub field: Cow<'static, str>,
    /// Problem with it.
    pub problem: Problem,
}

/// Problem with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// The field is required and missing.
    Missing,
    /// The field is empty.
    Empty,
    /// The list has more entries than one request may have.
    TooMany {
        /// Largest number that is allowed.
        max: usize,
        /// Number that was given.
        given: usize,
    },
    /// Two entries have the same value.
    Duplicate,
    /// One request has local and remote entries. All must be of one kind.
    MixedLocations,
    /// The field has no effect together with another one, or contradicts it.
    Excludes {
        /// Other field.
        other: &'static str,
    },
    /// The session description is an offer in the place of an answer, or the reverse.
    SdpType {
        /// Required type: `offer` or `answer`.
        expected: &'static str,
    },
    /// The text is no session description: it does not begin with `v=0` (RFC 8866 section 5.1).
    NotSdp,
    /// The last line of the session description has no line end, which the
    /// API answers with `invalid_session_description`.
    SdpEnd,
    /// The string is no `ws://` or `wss://` URL with a host.
    NotWebSocket,
    /// The host is this machine, which the SFU cannot reach.
    Loopback,
    /// The number or duration is out of its range.
    OutOfRange {
        /// Smallest value that is allowed.
        min: u64,
        /// Largest value that is allowed.
        max: u64,
    },
    /// The text is too short or too long, in bytes.
    Length {
        /// Smallest length that is allowed.
        min: usize,
        /// Largest length that is allowed.
        max: usize,
    },
    /// The value cannot be sent or is not safe, such as an id that leads to another path.
    Malformed,
}

impl Invalid {
    pub(crate) fn new(field: impl Into<Cow<'static, str>>, problem: Problem) -> Self {
        Self { field: field.into(), problem }
    }

    /// Returns the same problem in an entry of a list or in a field of an object.
    pub(crate) fn within(mut self, parent: impl fmt::Display) -> Self {
        self.field = format!("{parent}.{}", self.field).into();
        self
    }
}

/// Returns a lifetime in whole seconds, rounded down, from 1 s to `max`.
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
            Self::TooMany { max, given } => {
                write!(f, "has {given} entries, at most {max} are allowed")
            }
            Self::Duplicate => f.write_str("is given twice"),
            Self::MixedLocations => f.write_str("has local and remote entries"),
            Self::Excludes { other } => write!(f, "cannot be combined with {other}"),
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

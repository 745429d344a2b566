//! Checks of rules: impossible matches, and numbers out of range.

use std::collections::BTreeMap;
use std::fmt;

use axum::http::{HeaderName, HeaderValue};

use super::{Fault, Rule};
use crate::rules::Operation;

/// The longest delay of calls and packets in milliseconds, also of several rules
/// together.
pub(super) const MAX_DELAY_MS: u64 = 60_000;

/// Reason for which a rule, or a network, is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadRule {
    /// A session, or a fault of one, for an operation whose path names none.
    NoSession,
    /// The id of the session is empty.
    EmptySession,
    /// `nth` is 0; it is counted from 1.
    Nth,
    /// The probability is not above 0 and at most 1.
    Probability,
    /// `times` is 0, so the fault never happens.
    Times,
    /// The status is not from 200 to 599.
    Status,
    /// The header cannot be sent.
    Header,
    /// The delay is longer than a minute.
    TooLong,
    /// The entries are to fail or to be omitted, and the operation has no entries.
    NoItems,
    /// The fault names no entry.
    NoIndices,
    /// The session description is to be edited, and the operation's reply has none.
    NoDescription,
    /// The fault is glare, and the operation does not close tracks.
    NoGlare,
    /// The edit changes nothing.
    NoEdit,
    /// The share of packets is not from 0 to 1.
    Part,
    /// The burst is not from 0 to 10,000 packets.
    Burst,
    /// The rate is not from 1 to 100,000,000 kbit/s.
    Rate,
    /// The emulator already has 1,000 rules.
    TooMany,
}

impl Rule {
    /// Checks that the numbers are in range, and that the rule can match.
    pub(super) fn check(&self) -> Result<(), BadRule> {
        let names_session = self.operation.is_none_or(Operation::has_session);
        if !names_session && self.session.is_some() {
            return Err(BadRule::NoSession);
        }
        if self.session.as_deref() == Some("") {
            return Err(BadRule::EmptySession);
        }
        if self.nth == Some(0) {
            return Err(BadRule::Nth);
        }
        if self.probability.is_some_and(|part| !(part > 0.0 && part <= 1.0)) {
            return Err(BadRule::Probability);
        }
        if self.times == Some(0) {
            return Err(BadRule::Times);
        }
        self.fault.check()?;
        self.operation.map_or(Ok(()), |operation| self.fault.check_for(operation))
    }
}

impl Fault {
    fn check(&self) -> Result<(), BadRule> {
        match self {
            Self::Delay { ms } | Self::DelayReply { ms } if *ms > MAX_DELAY_MS => {
                Err(BadRule::TooLong)
            }
            Self::Html { status } => check_status(*status),
            Self::Reply { status, headers, .. } => {
                check_status(*status)?;
                check_headers(headers)
            }
            Self::EditReply { status, headers, patch } => {
                status.map_or(Ok(()), check_status)?;
                check_headers(headers)?;
                match status.is_none() && headers.is_empty() && patch.0.is_empty() {
                    true => Err(BadRule::NoEdit),
                    false => Ok(()),
                }
            }
            Self::FailItems { indices, .. } | Self::OmitItems { indices } if indices.is_empty() => {
                Err(BadRule::NoIndices)
            }
            _ => Ok(()),
        }
    }

    /// Checks that the fault can happen to calls of this operation.
    fn check_for(&self, operation: Operation) -> Result<(), BadRule> {
        use Operation::*;
        let problem = match self {
            Self::FailItems { .. } => match operation {
                NewSession | Renegotiate | EstablishDataChannels | GetSession => BadRule::NoItems,
                _ => return Ok(()),
            },
            Self::OmitItems { .. } => match operation {
                NewSession | Renegotiate | EstablishDataChannels => BadRule::NoItems,
                _ => return Ok(()),
            },
            Self::BreakApt => match operation {
                NewSession | NewTracks | CloseTracks | EstablishDataChannels => return Ok(()),
                _ => BadRule::NoDescription,
            },
            Self::Glare if operation != CloseTracks => BadRule::NoGlare,
            Self::ExpireSession | Self::Disconnect if !operation.has_session() => {
                BadRule::NoSession
            }
            _ => return Ok(()),
        };
        Err(problem)
    }
}

fn check_status(status: u16) -> Result<(), BadRule> {
    match status {
        200..=599 => Ok(()),
        _ => Err(BadRule::Status),
    }
}

fn check_headers(headers: &BTreeMap<String, String>) -> Result<(), BadRule> {
    let is_good = |(name, value): (&String, &String)| {
        HeaderName::try_from(name).is_ok() && HeaderValue::try_from(value).is_ok()
    };
    match headers.iter().all(is_good) {
        true => Ok(()),
        false => Err(BadRule::Header),
    }
}

impl fmt::Display for BadRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSession => "calls of this operation name no session",
            Self::EmptySession => "no session has an empty id",
            Self::Nth => "nth is 0, and it is counted from 1",
            Self::Probability => "the probability is not above 0 and at most 1",
            Self::Times => "times is 0, so the fault never happens",
            Self::Status => "the status is not from 200 to 599",
            Self::Header => "a header cannot be sent",
            Self::TooLong => "a delay is longer than a minute",
            Self::NoItems => "calls of this operation have no entries",
            Self::NoIndices => "the fault names no entry",
            Self::NoDescription => "replies of this operation have no session description",
            Self::NoGlare => "only a close of tracks can meet glare",
            Self::NoEdit => "the edit changes nothing",
            Self::Part => "a share of the packets is not from 0 to 1",
            Self::Burst => "a burst is not from 0 to 10,000 packets",
            Self::Rate => "a rate is not from 1 to 100,000,000 kbit/s",
            Self::TooMany => "the emulator already has 1,000 rules",
        })
    }
}

impl std::error::Error for BadRule {}

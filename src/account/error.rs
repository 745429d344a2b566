//! Errors of the account API.

use std::fmt;
use std::time::Duration;

use reqwest::StatusCode;

use super::api::types::{ApiError, Message};
use super::operation::Operation;
use crate::runtime::error::{OperationError, Received};
use crate::runtime::redaction::scrub;
use crate::verdict::{Repeat, Verdict};

/// Failure of an operation of the account API.
///
/// Messages and `Debug` output contain neither the API token nor secrets.
#[derive(Debug)]
#[non_exhaustive]
pub enum AccountError {
    /// The request failed, after as many tries as the policy allows.
    #[non_exhaustive]
    Request {
        /// Report of the generated client.
        source: Box<OperationError<ApiError>>,
        /// True if another try is safe and may succeed.
        is_retryable: bool,
        /// True if a change may have taken effect all the same.
        outcome_unknown: bool,
    },
    /// The reply is one of success and lacks a field that it must have.
    #[non_exhaustive]
    Incomplete {
        /// Name of the operation, as of the method of the generated client.
        operation: &'static str,
        /// Field that is missing or empty.
        missing: &'static str,
        /// True if the operation was a change. It took effect then.
        outcome_unknown: bool,
    },
}

impl AccountError {
    /// Returns the name of the operation that failed, as of the method of the generated client.
    pub fn operation(&self) -> &'static str {
        match self {
            Self::Request { source, .. } => source.operation(),
            Self::Incomplete { operation, .. } => operation,
        }
    }

    /// Returns the reasons that the API gave. Their words may quote what was sent.
    pub fn reasons(&self) -> &[Message] {
        self.request().and_then(OperationError::body).map_or(&[], |body| &body.errors)
    }

    /// Returns the code of the first reason. 10000 has been seen for a token without the
    /// right to do this.
    pub fn code(&self) -> Option<u64> {
        self.reasons().first().map(|reason| reason.code)
    }

    /// Returns the status of the reply, if there was a reply. A refusal can have a status of
    /// success: a reply that says `success: false` is one.
    pub fn status(&self) -> Option<StatusCode> {
        self.reply().map(|reply| reply.status)
    }

    /// Returns the time that the API asks to wait before another try.
    pub fn retry_after(&self) -> Option<Duration> {
        self.reply()?.retry_after
    }

    /// Returns Cloudflare's name of the request (`cf-ray`), to quote to its support.
    pub fn ray(&self) -> Option<&str> {
        self.reply()?.ray.as_deref()
    }

    /// Returns whether the same call is safe to repeat and may succeed later. The policy
    /// has tried already.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Request { is_retryable: true, .. })
    }

    /// Returns whether a change may have taken effect although it is reported as failed. A
    /// creation may have left an app or a key whose secret nobody has: look at the list,
    /// and delete what nobody asked for.
    pub fn outcome_unknown(&self) -> bool {
        match self {
            Self::Request { outcome_unknown, .. } | Self::Incomplete { outcome_unknown, .. } => {
                *outcome_unknown
            }
        }
    }

    pub(super) fn new(source: OperationError<ApiError>, verdict: Verdict) -> Self {
        let Verdict { is_retryable, outcome_unknown } = verdict;
        Self::Request { source: Box::new(source), is_retryable, outcome_unknown }
    }

    pub(super) fn incomplete(operation: &Operation, missing: &'static str) -> Self {
        let outcome_unknown = operation.repeat != Repeat::Read;
        Self::Incomplete { operation: operation.name, missing, outcome_unknown }
    }

    fn request(&self) -> Option<&OperationError<ApiError>> {
        match self {
            Self::Request { source, .. } => Some(source),
            Self::Incomplete { .. } => None,
        }
    }

    fn reply(&self) -> Option<&Received> {
        self.request()?.reply()
    }
}

impl fmt::Display for AccountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request { source, outcome_unknown, .. } => {
                source.fmt(f)?;
                if let Some(Message { code, message, .. }) = self.reasons().first() {
                    write!(f, ": {code}: {}", scrub(message))?;
                }
                match outcome_unknown {
                    true => f.write_str("; whether it took effect is unknown"),
                    false => Ok(()),
                }
            }
            Self::Incomplete { operation, missing, .. } => {
                write!(f, "{operation}: a reply of success without {missing}")
            }
        }
    }
}

impl std::error::Error for AccountError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        // The message has the generated client's; only its cause is new.
        std::error::Error::source(self.request()?)
    }
}

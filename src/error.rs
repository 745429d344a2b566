//! Why a step of the lifecycle did not succeed.

use std::fmt;
use std::time::Duration;

use reqwest::StatusCode;

use crate::generated::{scrub, scrub_some};
use crate::retry::Repeat;
use crate::types::{ApiError, ErrorCode};
use crate::{Invalid, OperationError, Unfinished};

/// Why a step of the lifecycle did not succeed.
///
/// Messages and `Debug` output contain neither the secret nor session
/// descriptions.
///
/// | what happened | how to tell | what helps |
/// |---|---|---|
/// | a field is wrong; nothing was sent | [`Error::Invalid`] | fix the request |
/// | the token does not permit it; nothing was sent | [`Error::Denied`] | |
/// | an exchange was not brought to its end | [`Error::Unusable`] with [`Unusable::Unfinished`] | `leave`, and a new session |
/// | the session is not connected yet (425) | [`is_not_connected`](Error::is_not_connected) | wait until the agent is connected |
/// | the session expired or lost its agent (410) | [`is_session_gone`](Error::is_session_gone) | a new session; trying again never helps |
/// | the publisher sends nothing yet | [`is_not_yet_published`](Error::is_not_yet_published) | try again once it sends |
/// | a fault of the service, or too many requests | [`is_retryable`](Error::is_retryable) | try again later; the policy has done so already |
/// | the reply to a change was lost | [`outcome_unknown`](Error::outcome_unknown) | look at the state; don't blindly repeat a creation |
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// Refused before anything was sent.
    Invalid {
        /// The method that was called.
        operation: &'static str,
        /// The field, and what is wrong with it.
        source: Invalid,
    },
    /// Not permitted by the token that the handle was opened with. Nothing was
    /// sent.
    Denied {
        /// The method that was called.
        operation: &'static str,
    },
    /// The session cannot take this any more, or not yet. Nothing was sent.
    Unusable {
        /// The method that was called.
        operation: &'static str,
        /// Why not.
        reason: Unusable,
    },
    /// The request failed, after as many tries as the policy allows.
    Request {
        /// What the generated client reports.
        source: Box<OperationError<ApiError>>,
        /// Whether another try is safe and may succeed.
        is_retryable: bool,
        /// Whether a change may have taken effect all the same.
        outcome_unknown: bool,
    },
    /// The reply has a status of success and contradicts itself or lacks what
    /// it has to have. The change took effect.
    Contradiction {
        /// The operation, as the generated client names it.
        operation: &'static str,
        /// What is wrong with the reply.
        problem: &'static str,
    },
    /// Items failed inside a reply of success.
    Items {
        /// The operation, as the generated client names it.
        operation: &'static str,
        /// Which, and why.
        failures: Vec<ItemFailure>,
    },
}

/// How far a call came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// The arguments were looked at.
    Check,
    /// The session's turn was waited for.
    Turn,
    /// The request was made: no reply of the API arrived.
    Request,
    /// The API replied, and refused or said something that is not understood.
    Reply,
    /// The API accepted the request and refused items of it.
    Items,
}

/// Why a session does not take a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unusable {
    /// An exchange of session descriptions was not brought to its end. The SFU
    /// would refuse every further change: replace the session.
    Unfinished(Unfinished),
    /// The API said that the session is gone (410).
    Gone,
    /// `leave` was called.
    Left,
    /// There is no transport for data channels: `establish_data_channels`
    /// first.
    NoDataTransport,
}

/// An item that failed inside a reply of success.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ItemFailure {
    /// What it was: the track's name, the mid, the channel's id.
    pub item: String,
    /// Why it failed.
    pub error: ItemError,
}

/// Why an item failed inside a reply of success.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum ItemError {
    /// The API says why.
    Refused {
        /// The kind of the error.
        code: ErrorCode,
        /// What went wrong, for people; the wording may change.
        description: Option<String>,
    },
    /// The reply says nothing of the item, or an earlier one that would have was
    /// lost, so what became of it is unknown.
    Unreported,
    /// The reply calls it a success and does not name it: no mid, no id.
    Unnamed,
    /// The request for it failed as a whole.
    RequestFailed,
}

/// The error codes with which the API asks for another try.
pub(crate) fn is_transient(code: &ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::RetryableTransientError
            | ErrorCode::TemporarilyUnavailableError
            | ErrorCode::TransportUnavailableError
    )
}

impl Error {
    /// The operation that failed: the name of the generated client's method
    /// for what the API did, of the called method for what was not sent.
    pub fn operation(&self) -> &'static str {
        match self {
            Self::Invalid { operation, .. }
            | Self::Denied { operation }
            | Self::Unusable { operation, .. }
            | Self::Contradiction { operation, .. }
            | Self::Items { operation, .. } => operation,
            Self::Request { source, .. } => source.operation(),
        }
    }

    /// How far the call came.
    pub fn stage(&self) -> Stage {
        match self {
            Self::Invalid { .. } | Self::Denied { .. } => Stage::Check,
            Self::Unusable { .. } => Stage::Turn,
            Self::Request { source, .. } => match **source {
                OperationError::Invalid(_) => Stage::Check,
                OperationError::Transport { .. } => Stage::Request,
                _ => Stage::Reply,
            },
            Self::Contradiction { .. } => Stage::Reply,
            Self::Items { .. } => Stage::Items,
        }
    }

    /// The status of the reply, if there was one that was no success.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Request { source, .. } => source.status(),
            _ => None,
        }
    }

    /// The API's code: of the reply, or of the first item that failed.
    pub fn code(&self) -> Option<&ErrorCode> {
        match self {
            Self::Request { source, .. } => source.body().map(|body| &body.error_code),
            Self::Items { failures, .. } => failures.iter().find_map(|item| item.error.code()),
            _ => None,
        }
    }

    /// What the API says went wrong. It may quote what was sent: for people
    /// who may see that, not for logs.
    pub fn description(&self) -> Option<&str> {
        match self {
            Self::Request { source, .. } => source.body()?.error_description.as_deref(),
            _ => None,
        }
    }

    /// The items that failed inside a reply of success.
    pub fn items(&self) -> &[ItemFailure] {
        match self {
            Self::Items { failures, .. } => failures,
            _ => &[],
        }
    }

    /// How long the API asks to wait before another try.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Request { source, .. } => source.retry_after(),
            _ => None,
        }
    }

    /// Whether the same call is safe to repeat and may succeed later. The
    /// session's [`RetryPolicy`](crate::RetryPolicy) has tried already.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Request { is_retryable, .. } => *is_retryable,
            Self::Items { failures, .. } => {
                !failures.is_empty() && failures.iter().all(|item| item.error.is_retryable())
            }
            _ => false,
        }
    }

    /// Whether the session expired or lost its agent (410): a new session is
    /// needed, trying again never helps.
    pub fn is_session_gone(&self) -> bool {
        matches!(self, Self::Unusable { reason: Unusable::Gone, .. })
            || self.status() == Some(StatusCode::GONE)
    }

    /// Whether the session's connection is not up yet (425).
    pub fn is_not_connected(&self) -> bool {
        self.status() == Some(StatusCode::TOO_EARLY)
    }

    /// Whether all that failed are tracks or channels whose publisher has not
    /// published them, or sends nothing yet.
    pub fn is_not_yet_published(&self) -> bool {
        let failures = self.items();
        !failures.is_empty() && failures.iter().all(|item| item.error.is_not_yet_published())
    }

    /// Whether a change may have taken effect although it is reported as
    /// failed: its reply was lost or makes no sense.
    pub fn outcome_unknown(&self) -> bool {
        match self {
            Self::Request { outcome_unknown, .. } => *outcome_unknown,
            Self::Contradiction { .. } => true,
            _ => false,
        }
    }

    /// `was_lost`: whether the reply to an earlier try was.
    pub(crate) fn request(
        source: OperationError<ApiError>,
        repeat: Repeat,
        was_lost: bool,
    ) -> Self {
        let harmless = matches!(repeat, Repeat::Read | Repeat::Close);
        let status = source.status().map_or(0, |status| status.as_u16());
        let transient = source.body().is_some_and(|body| is_transient(&body.error_code));
        let unclassified = source.body().is_some_and(|body| {
            matches!(body.error_code, ErrorCode::BackendError | ErrorCode::InternalError)
        });
        let (is_retryable, is_lost) = match &source {
            OperationError::Invalid(_) => (false, false),
            OperationError::Transport { source, .. } if source.is_connect() => (true, false),
            OperationError::Transport { .. } => (harmless, true),
            OperationError::Undecodable { .. } | OperationError::TooLarge { .. } => (false, true),
            _ if transient || matches!(status, 425 | 429) => (true, false),
            _ if unclassified || status >= 500 => (harmless, true),
            _ => (false, false),
        };
        Self::Request {
            source: Box::new(source),
            is_retryable,
            outcome_unknown: (is_lost || was_lost) && repeat != Repeat::Read,
        }
    }

    pub(crate) fn invalid(operation: &'static str) -> impl FnOnce(Invalid) -> Self {
        move |source| Self::Invalid { operation, source }
    }
}

impl ItemError {
    /// The API's code, if it gave one.
    pub fn code(&self) -> Option<&ErrorCode> {
        match self {
            Self::Refused { code, .. } => Some(code),
            _ => None,
        }
    }

    /// Whether the publisher has not published it, or sends nothing yet.
    pub fn is_not_yet_published(&self) -> bool {
        matches!(self.code(), Some(ErrorCode::NotFoundTrackError | ErrorCode::EmptyTrackError))
    }

    /// Whether asking for the item again may succeed.
    pub fn is_retryable(&self) -> bool {
        self.is_not_yet_published() || self.code().is_some_and(is_transient)
    }

    /// The error of what was not closed because the request failed. What was in
    /// doubt before may be closed all the same.
    pub(crate) fn of_failed_close(was_in_doubt: bool) -> Self {
        if was_in_doubt { Self::Unreported } else { Self::RequestFailed }
    }

    /// The error of an entry that the reply may lack.
    pub(crate) fn of_reported(
        result: Option<(&Option<ErrorCode>, &Option<String>)>,
    ) -> Option<Self> {
        result.map_or(Some(Self::Unreported), |(code, description)| Self::of(code, description))
    }

    /// The error of an entry of a reply.
    pub(crate) fn of(code: &Option<ErrorCode>, description: &Option<String>) -> Option<Self> {
        let refused = |code: &ErrorCode| Self::Refused {
            code: code.clone(),
            description: description.clone(),
        };
        code.as_ref().map(refused)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid { operation, source } => write!(f, "{operation}: not sent: {source}"),
            Self::Denied { operation } => write!(f, "{operation}: not permitted"),
            Self::Unusable { operation, reason } => write!(f, "{operation}: not sent: {reason}"),
            Self::Request { source, outcome_unknown: true, .. } => {
                write!(f, "{source}; whether it took effect is unknown")
            }
            Self::Request { source, .. } => source.fmt(f),
            Self::Contradiction { operation, problem } => {
                write!(f, "{operation}: contradictory reply: {problem}")
            }
            Self::Items { operation, failures } => {
                write!(f, "{operation}: {} items failed", failures.len())?;
                match failures.first() {
                    Some(first) => write!(f, ": {}: {}", scrub(&first.item), first.error),
                    None => Ok(()),
                }
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Invalid { source, .. } => Some(source),
            // The message has the generated client's; only its cause is new.
            Self::Request { source, .. } => std::error::Error::source(&**source),
            _ => None,
        }
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unfinished(why) => write!(f, "the session has to be replaced: {why}"),
            Self::Gone => f.write_str("the session is gone"),
            Self::Left => f.write_str("the session was left"),
            Self::NoDataTransport => f.write_str("no transport for data channels is established"),
        }
    }
}

impl fmt::Display for ItemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { code, description } => {
                write!(f, "{}", scrub(code.as_str()))?;
                match description {
                    Some(description) => write!(f, ": {}", scrub(description)),
                    None => Ok(()),
                }
            }
            Self::Unreported => f.write_str("not in the reply"),
            Self::Unnamed => f.write_str("in the reply without a name"),
            Self::RequestFailed => f.write_str("the request failed as a whole"),
        }
    }
}

impl fmt::Debug for ItemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { code, description } => f
                .debug_struct("Refused")
                .field("code", code)
                .field("description", &scrub_some(description))
                .finish(),
            Self::Unreported => f.write_str("Unreported"),
            Self::Unnamed => f.write_str("Unnamed"),
            Self::RequestFailed => f.write_str("RequestFailed"),
        }
    }
}

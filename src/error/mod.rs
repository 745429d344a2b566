//! Why a step of the lifecycle did not succeed.

mod item;
mod remedy;
#[cfg(feature = "axum")]
mod response;

use std::fmt;
use std::time::Duration;

use reqwest::StatusCode;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

pub(crate) use self::item::is_transient;
pub use self::item::{ItemError, ItemFailure};
pub use self::remedy::Remedy;
use crate::generated::types::{ApiError, ErrorCode};
pub use crate::invalid::{Invalid, Problem};
pub use crate::runtime::error::{ErrorBody, InvalidRequest, OperationError, Received};
pub use crate::runtime::id::InvalidId;
use crate::runtime::redaction::scrub;
pub use crate::runtime::setup::ConfigError;
pub use crate::status::{Unfinished, Unusable};
pub use crate::step::Step;
pub use crate::store::StoreError;
pub(crate) use crate::verdict::Repeat;
use crate::verdict::{Kind, Verdict};

/// Why a step of the lifecycle did not succeed.
///
/// Messages and `Debug` output contain neither the secret nor session
/// descriptions. [`remedy`](Error::remedy) says what helps:
///
/// | what happened | how to tell | [`Remedy`] |
/// |---|---|---|
/// | a field is wrong; nothing was sent | [`Error::Invalid`] | `Fix` |
/// | the token or the grant does not permit it; nothing was sent | [`Error::Denied`] | `Refused` |
/// | an exchange was not brought to its end | [`Error::Unusable`] with [`Unusable::Unfinished`] | `Rejoin`, after `leave` |
/// | the session is not connected yet (425) | [`is_not_connected`](Error::is_not_connected) | `Wait` until the agent is connected |
/// | the session expired or lost its agent (410) | [`is_session_gone`](Error::is_session_gone) | `Rejoin`; trying again never helps |
/// | the publisher sends nothing yet | [`is_not_yet_published`](Error::is_not_yet_published) | `Wait` until it sends |
/// | a fault of the service, or too many requests | [`is_retryable`](Error::is_retryable) | `Wait`; the policy has tried already |
/// | the store of a fleet did not reply, before anything was sent | [`Error::Store`], [`is_retryable`](Error::is_retryable) | `Wait` |
/// | the effect of a change is unknown | [`outcome_unknown`](Error::outcome_unknown) | `Inspect` the state; don't blindly repeat a creation |
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// Refused before anything was sent.
    #[non_exhaustive]
    Invalid {
        /// The step that was refused.
        step: Step,
        /// The field, and what is wrong with it.
        source: Invalid,
    },
    /// Not permitted by the token or the grant that the handle was opened with.
    /// Nothing was sent.
    #[non_exhaustive]
    Denied {
        /// The step that was refused.
        step: Step,
    },
    /// The session cannot take this any more, or not yet. Nothing was sent.
    #[non_exhaustive]
    Unusable {
        /// The step that was refused.
        step: Step,
        /// Why not.
        reason: Unusable,
    },
    /// The request failed, after as many tries as the policy allows.
    #[non_exhaustive]
    Request {
        /// The step that made the request.
        step: Step,
        /// The report of the generated client.
        source: Box<OperationError<ApiError>>,
        /// Whether another try is safe and may succeed.
        is_retryable: bool,
        /// Whether a change may have taken effect all the same.
        outcome_unknown: bool,
        /// Whether it says that this session is gone.
        session_gone: bool,
    },
    /// The reply has a status of success and contradicts itself or lacks what
    /// it has to have. The change took effect.
    #[non_exhaustive]
    Contradiction {
        /// The step that got the reply.
        step: Step,
        /// The contradiction.
        problem: &'static str,
    },
    /// The store that a fleet shares did not do its part. If the outcome is not
    /// unknown, nothing was sent.
    #[non_exhaustive]
    Store {
        /// The step that needed it.
        step: Step,
        /// The failure of the store.
        source: StoreError,
        /// Whether a change may have taken effect all the same: the request was
        /// made, or was under way when the lease of the turn ended.
        outcome_unknown: bool,
    },
    /// Items failed inside a reply of success.
    #[non_exhaustive]
    Items {
        /// The step that asked for them.
        step: Step,
        /// Which, and why.
        failures: Vec<ItemFailure>,
    },
}

/// The stage that a call reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
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

impl Error {
    /// The step that failed.
    pub fn step(&self) -> Step {
        match self {
            Self::Invalid { step, .. }
            | Self::Denied { step }
            | Self::Unusable { step, .. }
            | Self::Request { step, .. }
            | Self::Contradiction { step, .. }
            | Self::Store { step, .. }
            | Self::Items { step, .. } => *step,
        }
    }

    /// The operation of the API that failed, as the generated client's method
    /// is named. None if no request was made, or one succeeded.
    pub fn operation(&self) -> Option<&'static str> {
        self.request_error().map(OperationError::operation)
    }

    /// The stage that the call reached.
    pub fn stage(&self) -> Stage {
        match self {
            Self::Invalid { .. } | Self::Denied { .. } => Stage::Check,
            Self::Unusable { .. } | Self::Store { outcome_unknown: false, .. } => Stage::Turn,
            Self::Request { source, .. } => match **source {
                OperationError::Invalid(_) => Stage::Check,
                OperationError::Transport { .. } => Stage::Request,
                _ => Stage::Reply,
            },
            Self::Contradiction { .. } | Self::Store { .. } => Stage::Reply,
            Self::Items { .. } => Stage::Items,
        }
    }

    /// The status of the reply, if the request as a whole failed with one. It
    /// can be one of success: Cloudflare documents an `errorCode` in every
    /// reply.
    pub fn status(&self) -> Option<StatusCode> {
        self.reply().map(|reply| reply.status)
    }

    /// The API's code: of the reply, or of the first item that failed.
    pub fn code(&self) -> Option<&ErrorCode> {
        match self {
            Self::Request { source, .. } => source.body().map(|body| &body.error_code),
            Self::Items { failures, .. } => failures.iter().find_map(|item| item.error.code()),
            _ => None,
        }
    }

    /// The finer kind of the API's code, if the reply gives one: Cloudflare's own
    /// examples read it, and no schema has it.
    pub fn subcode(&self) -> Option<&str> {
        match self {
            Self::Items { failures, .. } => {
                failures.iter().find_map(|failure| match &failure.error {
                    ItemError::Refused { subcode, .. } => subcode.as_deref(),
                    _ => None,
                })
            }
            _ => self.request_error()?.body()?.error_subcode.as_deref(),
        }
    }

    /// The API's words for what went wrong. They may quote what was sent: for
    /// people who may see that, not for logs.
    pub fn description(&self) -> Option<&str> {
        self.request_error()?.body()?.error_description.as_deref()
    }

    /// The items that failed inside a reply of success.
    pub fn items(&self) -> &[ItemFailure] {
        match self {
            Self::Items { failures, .. } => failures,
            _ => &[],
        }
    }

    /// The time that the API asks to wait before another try.
    pub fn retry_after(&self) -> Option<Duration> {
        self.reply()?.retry_after
    }

    /// Cloudflare's name of the request (`cf-ray`), to quote to its support.
    pub fn ray(&self) -> Option<&str> {
        self.reply()?.ray.as_deref()
    }

    /// The time that the last try took. None if nothing was sent.
    pub fn elapsed(&self) -> Option<Duration> {
        self.request_error()?.elapsed()
    }

    /// Whether the same call is safe to repeat and may succeed later. The
    /// session's [`RetryPolicy`](crate::RetryPolicy) has tried already.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Request { is_retryable, .. } => *is_retryable,
            Self::Store { source, outcome_unknown, .. } => {
                !outcome_unknown
                    && matches!(source, StoreError::Unreachable(_) | StoreError::Draining)
            }
            Self::Items { failures, .. } => {
                !failures.is_empty() && failures.iter().all(|item| item.error.is_retryable())
            }
            _ => false,
        }
    }

    /// Whether this session expired or lost its agent (410): a new session is
    /// needed, trying again never helps. A 410 that a pull got because of the
    /// publisher's session is none.
    pub fn is_session_gone(&self) -> bool {
        match self {
            Self::Request { session_gone, .. } => *session_gone,
            Self::Unusable { reason, .. } => *reason == Unusable::Gone,
            _ => false,
        }
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
    /// failed: its reply was lost, makes no sense or is a refusal with a status
    /// of success.
    pub fn outcome_unknown(&self) -> bool {
        match self {
            Self::Request { outcome_unknown, .. } | Self::Store { outcome_unknown, .. } => {
                *outcome_unknown
            }
            Self::Contradiction { .. } => true,
            _ => false,
        }
    }

    pub(crate) fn request(step: Step, source: OperationError<ApiError>, verdict: Verdict) -> Self {
        Self::Request {
            step,
            session_gone: source.status() == Some(StatusCode::GONE),
            source: Box::new(source),
            is_retryable: verdict.is_retryable,
            outcome_unknown: verdict.outcome_unknown,
        }
    }

    /// Kind of the code of a refusal.
    pub(crate) fn kind(source: &OperationError<ApiError>) -> Kind {
        match source.body().map(|body| &body.error_code) {
            Some(code) if is_transient(code) => Kind::Transient,
            Some(ErrorCode::BackendError | ErrorCode::InternalError) => Kind::Unclassified,
            _ => Kind::Other,
        }
    }

    /// The same error, of which it is known that it is about another session.
    pub(crate) fn about_another_session(mut self) -> Self {
        if let Self::Request { session_gone, .. } = &mut self {
            *session_gone = false;
        }
        self
    }

    pub(crate) fn invalid(step: Step) -> impl FnOnce(Invalid) -> Self {
        move |source| Self::Invalid { step, source }
    }

    /// Whether a close was refused because nothing is there any more.
    pub(crate) fn is_gone_already(&self) -> bool {
        matches!(self.status(), Some(StatusCode::NOT_FOUND | StatusCode::GONE))
    }

    fn request_error(&self) -> Option<&OperationError<ApiError>> {
        match self {
            Self::Request { source, .. } => Some(source),
            _ => None,
        }
    }

    fn reply(&self) -> Option<&Received> {
        self.request_error()?.reply()
    }
}

/// Written for the agent: the step, the remedy, and the API's code if it gave
/// one. The API's words stay here, because they may quote what was sent.
impl Serialize for Error {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Error", 3)?;
        object.serialize_field("step", &self.step())?;
        object.serialize_field("remedy", &self.remedy())?;
        match self.code() {
            Some(code) => object.serialize_field("errorCode", &scrub(code.as_str()))?,
            None => object.skip_field("errorCode")?,
        }
        object.end()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid { step, source } => write!(f, "{step}: not sent: {source}"),
            Self::Denied { step } => write!(f, "{step}: not permitted"),
            Self::Unusable { step, reason } => write!(f, "{step}: not sent: {reason}"),
            Self::Request { step, source, outcome_unknown: true, .. } => {
                write!(f, "{step}: {source}; whether it took effect is unknown")
            }
            Self::Request { step, source, .. } => write!(f, "{step}: {source}"),
            Self::Contradiction { step, problem } => {
                write!(f, "{step}: contradictory reply: {problem}")
            }
            Self::Store { step, source, outcome_unknown: true } => {
                write!(f, "{step}: {source}; whether it took effect is unknown")
            }
            Self::Store { step, source, .. } => write!(f, "{step}: not sent: {source}"),
            Self::Items { step, failures } => {
                write!(f, "{step}: {} items failed", failures.len())?;
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

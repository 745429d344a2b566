//! Errors of the steps of the lifecycle.

mod item;
mod remedy;
#[cfg(feature = "axum")]
mod response;
pub(crate) mod text;

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

/// Error of a step of the lifecycle.
///
/// Messages and `Debug` output contain neither the secret nor session descriptions.
/// [`remedy`](Error::remedy) names the remedy:
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
    /// The request was refused before anything was sent.
    #[non_exhaustive]
    Invalid {
        /// Step that was refused.
        step: Step,
        /// Field, and its problem.
        source: Invalid,
    },
    /// The token or the grant of the handle does not permit the step. Nothing was sent.
    #[non_exhaustive]
    Denied {
        /// Step that was refused.
        step: Step,
    },
    /// The session cannot take the step any more, or not yet. Nothing was sent.
    #[non_exhaustive]
    Unusable {
        /// Step that was refused.
        step: Step,
        /// Reason.
        reason: Unusable,
    },
    /// The request failed, after as many tries as the policy allows.
    #[non_exhaustive]
    Request {
        /// Step that made the request.
        step: Step,
        /// Error of the generated client.
        source: Box<OperationError<ApiError>>,
        /// True if another try is safe and may succeed.
        is_retryable: bool,
        /// True if a change may have taken effect despite the error.
        outcome_unknown: bool,
        /// True if the error says that this session has ended.
        session_gone: bool,
    },
    /// The reply has a status of success, and contradicts itself or lacks a required part. The
    /// change took effect.
    #[non_exhaustive]
    Contradiction {
        /// Step that got the reply.
        step: Step,
        /// Contradiction.
        problem: &'static str,
    },
    /// The store that a fleet shares failed. Unless the outcome is unknown, nothing was sent.
    #[non_exhaustive]
    Store {
        /// Step that needed it.
        step: Step,
        /// Failure of the store.
        source: StoreError,
        /// True if a change may have taken effect despite the error: the request was made, or was
        /// under way when the lease of the turn ended.
        outcome_unknown: bool,
    },
    /// Items failed inside a reply of success.
    #[non_exhaustive]
    Items {
        /// Step that asked for them.
        step: Step,
        /// Items, with their errors.
        failures: Vec<ItemFailure>,
    },
}

/// Stage that a call reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Stage {
    /// The arguments were checked.
    Check,
    /// The call waited for the session's turn.
    Turn,
    /// The request was made, and no reply of the API arrived.
    Request,
    /// The API replied with a refusal, or with a reply that is not understood.
    Reply,
    /// The API accepted the request and refused items of it.
    Items,
}

impl Error {
    /// Returns the step that failed.
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

    /// Returns the operation of the API that failed, named as the generated client's method. None
    /// if no request was made, or one succeeded.
    pub fn operation(&self) -> Option<&'static str> {
        self.request_error().map(OperationError::operation)
    }

    /// Returns the stage that the call reached.
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

    /// Returns the status of the reply, if the request as a whole failed with one. It can be one of
    /// success: Cloudflare documents an `errorCode` in every reply.
    pub fn status(&self) -> Option<StatusCode> {
        self.reply().map(|reply| reply.status)
    }

    /// Returns the API's code: of the reply, or of the first item that failed.
    pub fn code(&self) -> Option<&ErrorCode> {
        match self {
            Self::Request { source, .. } => source.body().map(|body| &body.error_code),
            Self::Items { failures, .. } => failures.iter().find_map(|item| item.error.code()),
            _ => None,
        }
    }

    /// Returns the finer kind of the API's code, if the reply gives one. Cloudflare's own examples
    /// read it, and no schema has it.
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

    /// Returns the API's words for the error. They may quote the request: show them to people who
    /// may see that, and keep them out of logs.
    pub fn description(&self) -> Option<&str> {
        self.request_error()?.body()?.error_description.as_deref()
    }

    /// Returns the items that failed inside a reply of success.
    pub fn items(&self) -> &[ItemFailure] {
        match self {
            Self::Items { failures, .. } => failures,
            _ => &[],
        }
    }

    /// Returns the time that the API asks to wait before another try.
    pub fn retry_after(&self) -> Option<Duration> {
        self.reply()?.retry_after
    }

    /// Returns Cloudflare's id of the request (`cf-ray`), to quote to its support.
    pub fn ray(&self) -> Option<&str> {
        self.reply()?.ray.as_deref()
    }

    /// Returns the time that the last try took. None if nothing was sent.
    pub fn elapsed(&self) -> Option<Duration> {
        self.request_error()?.elapsed()
    }

    /// Returns whether the same call is safe to repeat and may succeed later. The session's
    /// [`RetryPolicy`](crate::RetryPolicy) has tried already.
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

    /// Returns whether this session expired or lost its agent (410). A new session is then needed,
    /// because another try never helps. A 410 that a pull got because of the publisher's session
    /// does not count.
    pub fn is_session_gone(&self) -> bool {
        match self {
            Self::Request { session_gone, .. } => *session_gone,
            Self::Unusable { reason, .. } => *reason == Unusable::Gone,
            _ => false,
        }
    }

    /// Returns whether the session's connection is not up yet (425).
    pub fn is_not_connected(&self) -> bool {
        self.status() == Some(StatusCode::TOO_EARLY)
    }

    /// Returns whether all failures are tracks or channels whose publisher has not published them,
    /// or sends nothing yet.
    pub fn is_not_yet_published(&self) -> bool {
        let failures = self.items();
        !failures.is_empty() && failures.iter().all(|item| item.error.is_not_yet_published())
    }

    /// Returns whether a change may have taken effect although it is reported as failed: its reply
    /// was lost, makes no sense or is a refusal with a status of success.
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

    /// Returns the same error, marked as one about another session.
    pub(crate) fn about_another_session(mut self) -> Self {
        if let Self::Request { session_gone, .. } = &mut self {
            *session_gone = false;
        }
        self
    }

    pub(crate) fn invalid(step: Step) -> impl FnOnce(Invalid) -> Self {
        move |source| Self::Invalid { step, source }
    }

    /// Returns whether a close was refused because the item or the session does not exist any more.
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

/// The JSON is for the agent: the step, the remedy, and the API's code if it gave one. The API's
/// words stay here, because they may quote the request.
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
            Self::Request { step, source, outcome_unknown, .. } => {
                write!(f, "{step}: {}{}", text::of(source), effect(*outcome_unknown))
            }
            Self::Contradiction { step, problem } => {
                write!(f, "{step}: contradictory reply: {problem}")
            }
            Self::Store { step, source, outcome_unknown: true } => {
                write!(f, "{step}: {source}{}", effect(true))
            }
            Self::Store { step, source, .. } => write!(f, "{step}: not sent: {source}"),
            Self::Items { step, failures } => {
                let items = if failures.len() == 1 { "item" } else { "items" };
                write!(f, "{step}: {} {items} failed", failures.len())?;
                match failures.first() {
                    Some(first) => write!(f, ": {}: {}", scrub(&first.item), first.error),
                    None => Ok(()),
                }
            }
        }
    }
}

/// Returns the end of a message about a change whose effect is unknown.
fn effect(is_unknown: bool) -> &'static str {
    if is_unknown { "; whether it took effect is unknown" } else { "" }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Invalid { source, .. } => Some(source),
            // The message includes the generated client's, so the source is its cause.
            Self::Request { source, .. } => std::error::Error::source(&**source),
            _ => None,
        }
    }
}

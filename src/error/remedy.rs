//! Remedies against errors.

use reqwest::StatusCode;
use serde::Serialize;

use super::{Error, OperationError, Unusable};
use crate::generated::types::ErrorCode;

/// Remedy against an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Remedy {
    /// Wait, and do the same again: the agent is not connected yet, the publisher sends nothing
    /// yet, or the service has a temporary fault.
    Wait,
    /// Leave the session and join with a new one: the old one has ended, or an exchange was not
    /// brought to its end.
    Rejoin,
    /// Look at the session's state: the change may have taken effect.
    Inspect,
    /// No remedy: the step is not permitted, or the API does not do it.
    Refused,
    /// Fix the request, or the settings of the backend: without a change it fails every time.
    Fix,
}

impl Error {
    /// Returns the remedy.
    pub fn remedy(&self) -> Remedy {
        match self {
            _ if self.is_session_gone() => Remedy::Rejoin,
            _ if self.outcome_unknown() => Remedy::Inspect,
            _ if self.is_retryable() => Remedy::Wait,
            Self::Invalid { .. } => Remedy::Fix,
            Self::Unusable { reason, .. } => match reason {
                Unusable::Unfinished(_) | Unusable::Gone | Unusable::Left => Remedy::Rejoin,
                Unusable::NoDataTransport => Remedy::Fix,
                Unusable::NoSuchExchange => Remedy::Refused,
            },
            Self::Request { source, .. } => match (&**source, self.code()) {
                (OperationError::Invalid(_), _)
                | (
                    _,
                    Some(
                        ErrorCode::Unauthorized
                        | ErrorCode::NotFound
                        | ErrorCode::DecodingError
                        | ErrorCode::InvalidParams
                        | ErrorCode::PayloadTooLarge
                        | ErrorCode::InvalidSessionDescription,
                    ),
                ) => Remedy::Fix,
                _ => Remedy::Refused,
            },
            Self::Denied { .. }
            | Self::Contradiction { .. }
            | Self::Store { .. }
            | Self::Items { .. } => Remedy::Refused,
        }
    }

    /// Returns the status with which a backend can answer its agent.
    ///
    /// | error | status |
    /// |---|---|
    /// | not permitted | 403 |
    /// | a field is wrong, or the API does not take the session description or the size | 400 |
    /// | the session is gone, was left or is unfinished | 410 |
    /// | no offer waits for this answer, or there is no transport for data channels | 409 |
    /// | waiting helps, or the store of a fleet refuses | 503, or 425 if the agent is not connected yet |
    /// | everything else that the API did | 502 |
    pub fn http_status(&self) -> StatusCode {
        match (self, self.remedy()) {
            (Self::Denied { .. }, _) => StatusCode::FORBIDDEN,
            (Self::Invalid { .. }, _) => StatusCode::BAD_REQUEST,
            (Self::Request { .. }, Remedy::Fix) if self.is_the_agents_fault() => {
                StatusCode::BAD_REQUEST
            }
            (_, Remedy::Rejoin) => StatusCode::GONE,
            (Self::Unusable { .. }, _) => StatusCode::CONFLICT,
            (_, Remedy::Wait) if self.is_not_connected() => StatusCode::TOO_EARLY,
            (_, Remedy::Wait) | (Self::Store { .. }, _) => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_GATEWAY,
        }
    }

    fn is_the_agents_fault(&self) -> bool {
        matches!(
            self.code(),
            Some(ErrorCode::InvalidSessionDescription | ErrorCode::PayloadTooLarge)
        )
    }
}

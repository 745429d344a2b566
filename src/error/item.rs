//! Errors of items inside a reply of success.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::text::without_full_stop;
use crate::generated::types::ErrorCode;
use crate::runtime::redaction::{Scrubbed, scrub};

/// Item that failed inside a reply of success.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ItemFailure {
    /// Item: the track's name, the mid, the channel's id.
    pub item: String,
    /// Error of the item.
    pub error: ItemError,
}

/// Reason for which an item failed inside a reply of success.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "camelCase")]
#[non_exhaustive]
pub enum ItemError {
    /// The API refused the item.
    #[non_exhaustive]
    Refused {
        /// Kind of the error.
        #[serde(rename = "errorCode")]
        code: ErrorCode,
        /// Finer kind, if the API gives one.
        #[serde(rename = "errorSubcode", skip_serializing_if = "Option::is_none")]
        subcode: Option<Scrubbed>,
        /// Words of the API, for people. They may change.
        #[serde(rename = "errorDescription", skip_serializing_if = "Option::is_none")]
        description: Option<Scrubbed>,
    },
    /// The reply does not mention the item, or the earlier reply that would have was lost, so its
    /// state is unknown.
    Unreported,
    /// The reply calls the item a success and does not name it: no mid, no id.
    Unnamed,
    /// The item's request failed as a whole.
    RequestFailed,
}

impl ItemError {
    /// Returns the API's code, if it gave one.
    pub fn code(&self) -> Option<&ErrorCode> {
        match self {
            Self::Refused { code, .. } => Some(code),
            _ => None,
        }
    }

    /// Returns whether the publisher has not published it, or sends nothing yet.
    pub fn is_not_yet_published(&self) -> bool {
        matches!(self.code(), Some(ErrorCode::NotFoundTrackError | ErrorCode::EmptyTrackError))
    }

    /// Returns whether asking for the item again may succeed.
    pub fn is_retryable(&self) -> bool {
        self.is_not_yet_published() || self.code().is_some_and(is_transient)
    }

    /// Returns the error of an entry of a reply.
    pub(crate) fn of(
        code: &Option<ErrorCode>,
        subcode: &Option<Scrubbed>,
        description: &Option<Scrubbed>,
    ) -> Option<Self> {
        let code = code.clone().filter(|code| !code.as_str().is_empty())?;
        Some(Self::Refused { code, subcode: subcode.clone(), description: description.clone() })
    }

    /// Returns whether the item may exist, or may have changed, despite the error.
    pub(crate) fn leaves_doubt(&self) -> bool {
        matches!(self, Self::Unreported | Self::Unnamed)
    }
}

/// Returns whether the API asks for another try with this code.
pub(crate) fn is_transient(code: &ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::RetryableTransientError
            | ErrorCode::TemporarilyUnavailableError
            | ErrorCode::TransportUnavailableError
    )
}

impl fmt::Display for ItemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { code, description, .. } => {
                write!(f, "{}", scrub(code.as_str()))?;
                match description {
                    Some(description) => {
                        write!(f, ": {}", without_full_stop(&scrub(description)))
                    }
                    None => Ok(()),
                }
            }
            Self::Unreported => f.write_str("the reply does not mention it"),
            Self::Unnamed => f.write_str("the reply does not name it"),
            Self::RequestFailed => f.write_str("the request failed as a whole"),
        }
    }
}

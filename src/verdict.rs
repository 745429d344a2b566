//! Meaning of a failed request for the next try: the table of
//! [`RetryPolicy`](crate::RetryPolicy) for one request.

use crate::runtime::error::OperationError;

/// Column of the table that a request belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    Read,
    Close,
    Change,
    Create,
}

/// Kind of the code that the API gives with a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Fault that passes.
    Transient,
    /// Fault of the service, independent of the request.
    Unclassified,
    /// Any other code, or none.
    Other,
}

/// Meaning of a failed request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// True if another try is safe and may succeed.
    pub(crate) is_retryable: bool,
    /// True if the request may have taken effect all the same.
    pub(crate) outcome_unknown: bool,
}

impl Verdict {
    /// Judges a failed request. `was_lost` is true if the reply to an earlier try was lost.
    pub(crate) fn of<B>(
        error: &OperationError<B>,
        kind: Kind,
        repeat: Repeat,
        was_lost: bool,
    ) -> Self {
        let harmless = matches!(repeat, Repeat::Read | Repeat::Close);
        let status = error.status().map_or(0, |status| status.as_u16());
        let (is_retryable, is_lost) = match error {
            OperationError::Invalid(_) => (false, false),
            OperationError::Transport { source, .. } if source.is_connect() => (true, false),
            OperationError::Transport { .. } => (harmless, true),
            OperationError::Undecodable { .. } | OperationError::TooLarge { .. } => (false, true),
            _ if (200..300).contains(&status) => (harmless && kind != Kind::Other, true),
            _ if kind == Kind::Transient || matches!(status, 425 | 429) => (true, false),
            _ if kind == Kind::Unclassified || status >= 500 => (harmless, true),
            _ => (false, false),
        };
        let outcome_unknown = (is_lost || was_lost) && repeat != Repeat::Read;
        Self { is_retryable, outcome_unknown }
    }
}

//! The state of a session, and why it takes nothing more.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The state of a session: what it can take now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Status {
    /// The next change.
    Ready,
    /// The answer to the SFU's offer; every change waits for it.
    AwaitingAnswer,
    /// Nothing but `leave`.
    Unusable(Unusable),
}

/// Why a session does not take a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Unusable {
    /// An exchange of session descriptions was not brought to its end. The SFU
    /// would refuse every further change: replace the session.
    Unfinished(Unfinished),
    /// The API said that the session is gone (410), or the registry has no such
    /// session any more.
    Gone,
    /// `leave` was called.
    Left,
    /// There is no transport for data channels: `establish_data_channels`
    /// first.
    NoDataTransport,
    /// No offer of this id waits for an answer: it was answered already, or it
    /// is of another session.
    NoSuchExchange,
}

/// Why an exchange of session descriptions did not come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Unfinished {
    /// The value that waited for the answer to the SFU's offer was dropped.
    AnswerDropped,
    /// The answer did not come within the session's deadline.
    AnswerLate,
    /// The SFU did not take the answer.
    AnswerRefused,
    /// The reply to a change was lost, so the SFU may wait for an answer.
    ReplyLost,
    /// The reply to a change is one that cannot be understood.
    ReplyContradictory,
    /// Nobody waited for the SFU's reply any more when it came.
    ReplyDropped,
    /// `leave` was called while the SFU's offer was unanswered.
    Abandoned,
}

impl Unfinished {
    /// The label in metrics.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::AnswerDropped => "answer_dropped",
            Self::AnswerLate => "answer_late",
            Self::AnswerRefused => "answer_refused",
            Self::ReplyLost => "reply_lost",
            Self::ReplyContradictory => "reply_contradictory",
            Self::ReplyDropped => "reply_dropped",
            Self::Abandoned => "abandoned",
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
            Self::NoSuchExchange => f.write_str("no offer of this id waits for an answer"),
        }
    }
}

impl fmt::Display for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AnswerDropped => "the SFU's offer was dropped without an answer",
            Self::AnswerLate => "the answer to the SFU's offer did not come in time",
            Self::AnswerRefused => "the SFU did not take the answer",
            Self::ReplyLost => "the reply to a change was lost",
            Self::ReplyContradictory => "the reply to a change cannot be understood",
            Self::ReplyDropped => "nobody waited for the reply to a change",
            Self::Abandoned => "the session was left before the SFU's offer was answered",
        })
    }
}

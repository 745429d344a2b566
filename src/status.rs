//! State of a session, and the reasons for which it takes nothing more.

use std::fmt;

use serde::{Deserialize, Serialize};

/// State of a session: the calls that it takes now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Status {
    /// The session takes the next change.
    Ready,
    /// The session takes the answer to the SFU's offer. Every change waits for it.
    AwaitingAnswer,
    /// The session takes only `leave`.
    Unusable(Unusable),
}

/// Reason for which a session does not take a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Unusable {
    /// An exchange of session descriptions was not brought to its end. The SFU
    /// would refuse every further change: replace the session.
    Unfinished(Unfinished),
    /// The API said that the session has ended (410), or the registry does not have it any more.
    Gone,
    /// `leave` was called.
    Left,
    /// The session has no transport for data channels: call `establish_data_channels` first.
    NoDataTransport,
    /// No offer of this id waits for an answer: it was answered already, or it
    /// is of another session.
    NoSuchExchange,
}

/// Reason for which an exchange of session descriptions did not come to its end.
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
    /// The reply to a change cannot be understood.
    ReplyContradictory,
    /// The caller had stopped waiting when the SFU's reply came.
    ReplyDropped,
    /// `leave` was called while the SFU's offer was unanswered.
    Abandoned,
}

impl Unfinished {
    /// Returns the label in metrics.
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
            Self::ReplyDropped => "the caller did not wait for the reply to a change",
            Self::Abandoned => "the session was left before the SFU's offer was answered",
        })
    }
}

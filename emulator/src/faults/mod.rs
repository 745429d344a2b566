//! Faults to order: what goes wrong, for which calls, and how often.

mod calls;
mod check;
mod holds;
mod network;
mod ordered;

use std::collections::BTreeMap;

pub use json_patch::Patch;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::rules::Operation;

pub use calls::Call;
pub(crate) use calls::Watch;
pub use check::BadRule;
pub(crate) use holds::Holds;
pub use network::Network;
pub(crate) use ordered::{Faults, pause};

/// A fault with the calls that it is for. As JSON it is what
/// `POST /__emulator/faults` takes:
///
/// ```
/// # use cloudflare_calls_emulator::faults::{Fault, Rule};
/// let rule: Rule = serde_json::from_str(
///     r#"{ "operation": "new_tracks", "nth": 3, "fault": { "kind": "dropReply" } }"#,
/// )?;
/// assert_eq!(rule.fault, Fault::DropReply);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rule {
    /// The operation. None: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
    /// The session. None: all, and calls about none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// Only this one of the calls that fit, counted from 1 and from when the
    /// rule was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nth: Option<u64>,
    /// The part of the calls that fit, above 0 and up to 1, chosen by `seed`.
    /// None: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// The seed of the choice by probability.
    #[serde(default)]
    pub seed: u64,
    /// The most times that the fault happens. None: without end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// The fault.
    pub fault: Fault,
}

/// A fault of a call. Several can happen to one: each of the kinds on its
/// own, in the order in which a call goes through the emulator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum Fault {
    /// It is done later, after so many milliseconds. Its session takes no other
    /// change meanwhile.
    Delay {
        /// The time, at most a minute.
        ms: u64,
    },
    /// It is done once it is released, by
    /// [`Emulator::release`](crate::Emulator::release) or when all faults are
    /// taken back. Its session takes no other change meanwhile.
    Hold,
    /// It is done at once, and the reply comes so many milliseconds later. Its
    /// session takes no other change meanwhile.
    DelayReply {
        /// The time, at most a minute.
        ms: u64,
    },
    /// It is done at once, and the reply comes once it is released, as with
    /// [`Fault::Hold`].
    HoldReply,
    /// The connection is closed, and nothing was done.
    DropRequest,
    /// It is done, and the connection is closed instead of a reply.
    DropReply,
    /// The connection is reset (TCP RST), and nothing was done.
    Reset,
    /// This is the reply, and nothing is done.
    Reply {
        /// The status, 200 to 599.
        status: u16,
        /// Headers to add.
        #[serde(default)]
        headers: BTreeMap<String, String>,
        /// The body: JSON, or a string as it is.
        #[serde(default)]
        body: Value,
    },
    /// The page of an edge with this status, and nothing is done.
    Html {
        /// The status, 200 to 599.
        status: u16,
    },
    /// It is done, and the reply is another one: of another status, with more
    /// headers, with its JSON edited. A string in place of the JSON is sent as it
    /// is. An edit that does not fit the reply changes nothing.
    EditReply {
        /// The status, 200 to 599. None: as it was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
        /// Headers to add.
        #[serde(default)]
        headers: BTreeMap<String, String>,
        /// The changes of the body (JSON Patch, RFC 6902).
        #[serde(default)]
        patch: Patch,
    },
    /// It is done, and the reply ends in the middle of its JSON.
    Truncate,
    /// These entries fail with this code, and nothing is done about them. If that
    /// is all that a request has, nothing is done about its session description
    /// either.
    FailItems {
        /// The error code.
        code: String,
        /// Which, counted from 0.
        indices: Vec<usize>,
    },
    /// It is done, and the reply says nothing of these entries.
    OmitItems {
        /// Which, counted from 0.
        indices: Vec<usize>,
    },
    /// It is done, and the SFU's session description says of a codec for
    /// repetitions that it repeats one that is not there: `apt` points nowhere
    /// (RFC 4588 section 8.6). Browsers refuse that.
    BreakApt,
    /// The SFU answers a negotiated close with an offer of its own (glare): the tracks
    /// are closed, the agent has to roll its offer back and to answer. It is for the
    /// next negotiated close of the session if the call is none.
    Glare,
    /// The session expires first, so the call is answered with 410.
    ExpireSession,
    /// The session's connection is lost first, for good unless
    /// [`Emulator::reconnect`](crate::Emulator::reconnect) is called.
    Disconnect,
}

impl Fault {
    /// A refusal in the API's shape; nothing is done.
    pub fn refuse(status: u16, code: &str) -> Self {
        let body = json!({ "errorCode": code, "errorDescription": "a fault of the emulator" });
        Self::Reply { status, headers: BTreeMap::new(), body }
    }

    /// An edit of the reply's JSON.
    pub fn edit(patch: Patch) -> Self {
        Self::EditReply { status: None, headers: BTreeMap::new(), patch }
    }
}

impl Rule {
    /// A fault for every call.
    pub fn new(fault: Fault) -> Self {
        Self {
            operation: None,
            session: None,
            nth: None,
            probability: None,
            seed: 0,
            times: None,
            fault,
        }
    }

    /// Only for this operation.
    pub fn operation(mut self, operation: Operation) -> Self {
        self.operation = Some(operation);
        self
    }

    /// Only for this session.
    pub fn session(mut self, session: impl Into<String>) -> Self {
        self.session = Some(session.into());
        self
    }

    /// Only for this one of the calls that fit, counted from 1.
    pub fn nth(mut self, nth: u64) -> Self {
        self.nth = Some(nth);
        self
    }

    /// Only for this part of the calls that fit, chosen by the seed.
    pub fn probability(mut self, probability: f64, seed: u64) -> Self {
        (self.probability, self.seed) = (Some(probability), seed);
        self
    }

    /// At most so often.
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }
}

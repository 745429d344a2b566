//! Faults that a test orders: their kind, their calls and their number.

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

/// Fault with the calls that it is for. As JSON it is the body of `POST /__emulator/faults`:
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
    /// Operation of the calls. None stands for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
    /// Session of the calls. None stands for all, and for calls without a session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// Position of the one call that fails among those that fit, counted from 1 and from when the
    /// rule was made. None stands for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nth: Option<u64>,
    /// Probability that a fitting call fails, above 0 and at most 1, decided by `seed`. None stands
    /// for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// Seed of the choice by probability.
    #[serde(default)]
    pub seed: u64,
    /// The most times that the fault happens. None: without limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// The fault.
    pub fault: Fault,
}

/// Fault of a call. Several can happen to one call: each kind separately, in the order in which a
/// call goes through the emulator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum Fault {
    /// Delays the call by a time, then carries it out. Its session takes no other change meanwhile.
    Delay {
        /// Time in milliseconds, at most 60,000.
        ms: u64,
    },
    /// Holds the call until it is released, by [`Emulator::release`](crate::Emulator::release) or
    /// when all faults are taken back, then carries it out. Its session takes no other change
    /// meanwhile.
    Hold,
    /// Carries the call out at once, and delays the reply. Its session takes no other change
    /// meanwhile.
    DelayReply {
        /// Time in milliseconds, at most 60,000.
        ms: u64,
    },
    /// Carries the call out at once, and holds the reply until it is released, as with
    /// [`Fault::Hold`].
    HoldReply,
    /// Closes the connection. The call is not carried out.
    DropRequest,
    /// Carries the call out, and closes the connection instead of replying.
    DropReply,
    /// Resets the connection (TCP RST). The call is not carried out.
    Reset,
    /// Sends this reply. The call is not carried out.
    Reply {
        /// Status, 200 to 599.
        status: u16,
        /// Headers to add.
        #[serde(default)]
        headers: BTreeMap<String, String>,
        /// The body: JSON, or a string as it is.
        #[serde(default)]
        body: Value,
    },
    /// Sends the HTML page of an edge with this status. The call is not carried out.
    Html {
        /// Status, 200 to 599.
        status: u16,
    },
    /// Carries the call out, and changes the reply: its status, its headers, its JSON. A string in
    /// place of the JSON is sent as it is. An edit that does not fit the reply changes nothing.
    EditReply {
        /// Status, 200 to 599. None leaves it as it was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
        /// Headers to add.
        #[serde(default)]
        headers: BTreeMap<String, String>,
        /// Changes of the body (JSON Patch, RFC 6902).
        #[serde(default)]
        patch: Patch,
    },
    /// Carries the call out, and ends the reply in the middle of its JSON.
    Truncate,
    /// Lets these entries fail with this code, and carries the others out. If a request has no
    /// others, its session description is ignored as well.
    FailItems {
        /// Error code.
        code: String,
        /// Positions of the entries, counted from 0.
        indices: Vec<usize>,
    },
    /// Carries the call out, and omits these entries from the reply.
    OmitItems {
        /// Positions of the entries, counted from 0.
        indices: Vec<usize>,
    },
    /// Carries the call out, and breaks the SFU's session description: its codec for
    /// retransmissions refers by `apt` to a payload type that does not exist (RFC 4588 section
    /// 8.6). Browsers refuse that.
    BreakApt,
    /// Lets the SFU answer a negotiated close with an offer of its own (glare): the tracks are
    /// closed, and the agent has to roll its offer back and to answer. If the call is no negotiated
    /// close, the fault is for the session's next one.
    Glare,
    /// Lets the session expire first, so the call is answered with 410.
    ExpireSession,
    /// Cuts the session's connection first, for good unless
    /// [`Emulator::reconnect`](crate::Emulator::reconnect) is called.
    Disconnect,
}

impl Fault {
    /// Creates a refusal in the API's shape. The call is not carried out.
    pub fn refuse(status: u16, code: &str) -> Self {
        let body = json!({ "errorCode": code, "errorDescription": "a fault of the emulator" });
        Self::Reply { status, headers: BTreeMap::new(), body }
    }

    /// Creates an edit of the reply's JSON.
    pub fn edit(patch: Patch) -> Self {
        Self::EditReply { status: None, headers: BTreeMap::new(), patch }
    }
}

impl Rule {
    /// Creates a rule that lets every call meet the fault.
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

    /// Limits the rule to this operation.
    pub fn operation(mut self, operation: Operation) -> Self {
        self.operation = Some(operation);
        self
    }

    /// Limits the rule to this session.
    pub fn session(mut self, session: impl Into<String>) -> Self {
        self.session = Some(session.into());
        self
    }

    /// Limits the rule to one of the calls that fit, counted from 1.
    pub fn nth(mut self, nth: u64) -> Self {
        self.nth = Some(nth);
        self
    }

    /// Limits the rule to this share of the calls that fit, above 0 and at most 1, decided by the
    /// seed.
    pub fn probability(mut self, probability: f64, seed: u64) -> Self {
        (self.probability, self.seed) = (Some(probability), seed);
        self
    }

    /// Limits the rule to this many faults.
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }
}

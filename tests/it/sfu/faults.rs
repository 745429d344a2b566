//! What goes wrong, as a test orders it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::state::{Failing, Operation};

/// A call that may meet a fault.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) operation: Operation,
    pub(crate) session: Option<String>,
    /// How many calls of this operation there were, this one included.
    pub(crate) nth: usize,
    /// How many calls there were, this one included.
    pub(crate) total: usize,
    /// `null` if there is none or it is no JSON.
    pub(crate) body: Value,
}

/// What happens to a call.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// The connection breaks, and nothing was done.
    DropBefore,
    /// It is done, and the connection breaks instead of a reply.
    DropAfter,
    /// This reply, and nothing is done.
    Reply { status: u16, headers: Vec<(String, String)>, body: String },
    /// It is done, and this is the reply.
    ReplyAfter { status: u16, headers: Vec<(String, String)>, body: String },
    /// These entries fail with this code and nothing is done about them.
    FailItems { code: String, indices: Vec<usize> },
    /// All is done, but the reply leaves these entries out.
    OmitItems(Vec<usize>),
    /// Waits for [`Sfu::release`](super::Sfu::release), then does it.
    Hold,
    /// Does it and holds the reply back until `release`.
    HoldReply,
    /// Waits before it does it.
    Delay(Duration),
    /// All of these.
    All(Vec<Fault>),
}

impl Fault {
    /// A refusal in the API's shape; nothing is done.
    pub(crate) fn refuse(status: u16, code: &str) -> Self {
        let body =
            json!({ "errorCode": code, "errorDescription": format!("the fake says {code}") });
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Self::Reply { status, headers, body: body.to_string() }
    }

    /// The session's connection is not up yet.
    pub(crate) fn not_ready() -> Self {
        Self::refuse(425, "session_error")
    }

    /// These entries fail.
    pub(crate) fn fail_items(code: &str, indices: impl IntoIterator<Item = usize>) -> Self {
        Self::FailItems { code: code.to_owned(), indices: indices.into_iter().collect() }
    }
}

/// Which calls a fault is for: the next one that fits, if nothing else is said.
#[derive(Clone, Debug)]
pub(crate) struct Matcher {
    operation: Option<Operation>,
    session: Option<String>,
    times: usize,
}

impl Matcher {
    /// Every operation.
    pub(crate) fn any() -> Self {
        Self { operation: None, session: None, times: 1 }
    }

    /// Only calls about this session.
    pub(crate) fn session(self, session: impl AsRef<str>) -> Self {
        Self { session: Some(session.as_ref().to_owned()), ..self }
    }

    /// So many calls, not one.
    pub(crate) fn times(self, times: usize) -> Self {
        Self { times, ..self }
    }

    fn fits(&self, call: &Call) -> bool {
        self.operation.is_none_or(|operation| operation == call.operation)
            && (self.session.is_none() || self.session == call.session)
    }
}

impl From<Operation> for Matcher {
    fn from(operation: Operation) -> Self {
        Self { operation: Some(operation), ..Self::any() }
    }
}

type Rule = Arc<dyn Fn(&Call) -> Option<Fault> + Send + Sync>;

/// The orders of a test.
#[derive(Default)]
pub(super) struct Faults {
    queue: Vec<(Matcher, Fault)>,
    rule: Option<Rule>,
}

impl Faults {
    pub(super) fn push(&mut self, matcher: Matcher, fault: Fault) {
        self.queue.push((matcher, fault));
    }

    pub(super) fn set_rule(&mut self, rule: Rule) {
        self.rule = Some(rule);
    }

    pub(super) fn rule(&self) -> Option<Rule> {
        self.rule.clone()
    }

    /// The fault in the queue that is for this call. The first that fits counts
    /// the call, later ones do not see it.
    pub(super) fn take(&mut self, call: &Call) -> Option<Fault> {
        let index = self.queue.iter().position(|(matcher, _)| matcher.fits(call))?;
        let (matcher, fault) = &mut self.queue[index];
        let fault = fault.clone();
        matcher.times = matcher.times.saturating_sub(1);
        if matcher.times == 0 {
            self.queue.remove(index);
        }
        Some(fault)
    }
}

/// A reply of a test's own.
#[derive(Clone, Debug)]
pub(super) struct Scripted {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

/// All that faults change about one call.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) delay: Option<Duration>,
    pub(super) holds: bool,
    pub(super) holds_reply: bool,
    pub(super) skips_action: bool,
    pub(super) drops: bool,
    pub(super) reply: Option<Scripted>,
    pub(super) failing: Failing,
    pub(super) omitted: BTreeSet<usize>,
}

impl From<Option<Fault>> for Plan {
    fn from(fault: Option<Fault>) -> Self {
        let mut plan = Self::default();
        fault.into_iter().for_each(|fault| plan.add(fault));
        plan
    }
}

impl Plan {
    fn add(&mut self, fault: Fault) {
        match fault {
            Fault::DropBefore => (self.drops, self.skips_action) = (true, true),
            Fault::DropAfter => self.drops = true,
            Fault::Reply { status, headers, body } => {
                self.skips_action = true;
                self.reply = Some(Scripted { status, headers, body });
            }
            Fault::ReplyAfter { status, headers, body } => {
                self.reply = Some(Scripted { status, headers, body });
            }
            Fault::FailItems { code, indices } => {
                self.failing.extend(indices.into_iter().map(|index| (index, code.clone())));
            }
            Fault::OmitItems(indices) => self.omitted.extend(indices),
            Fault::Hold => self.holds = true,
            Fault::HoldReply => self.holds_reply = true,
            Fault::Delay(delay) => *self.delay.get_or_insert_default() += delay,
            Fault::All(faults) => faults.into_iter().for_each(|fault| self.add(fault)),
        }
    }
}

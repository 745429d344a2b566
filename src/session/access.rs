//! Access to a session, and the beginning and end of each step.

use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use super::handle::Session;
use crate::action::Action;
use crate::error::Error;
use crate::generated::types::SessionId;
use crate::meter;
use crate::outcome::Outcome;
use crate::retry::Retries;
use crate::runtime::redaction::scrub;
use crate::step::Step;

/// Types that give access to a session.
pub trait Handle: Sync {
    /// The access that this handle gives.
    fn access(&self) -> Access;
}

/// Access to a session, as far as its guard permits.
#[derive(Clone)]
pub struct Access {
    pub(crate) session: Session,
    pub(crate) guard: Option<Arc<Guard>>,
}

/// The limits of a handle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Guard {
    pub(crate) actions: BTreeSet<Action>,
    pub(crate) expires_at: SystemTime,
    /// The publishers that may be pulled from; None for all.
    pub(crate) room: Option<HashSet<SessionId>>,
}

impl Handle for Session {
    fn access(&self) -> Access {
        Access { session: self.clone(), guard: None }
    }
}

impl Access {
    /// Permission for one step, which needs one of these actions.
    pub(crate) fn begin(self, step: Step, any_of: &[Action]) -> Result<Entry, Error> {
        let retries = Arc::new(self.session.settings().retry.start());
        let entry = Entry { access: self, step, retries };
        entry.require(any_of)?;
        Ok(entry)
    }
}

/// Permission for one step.
#[derive(Clone)]
pub(crate) struct Entry {
    access: Access,
    step: Step,
    /// The tries of the whole step.
    retries: Arc<Retries>,
}

impl Entry {
    pub(crate) fn session(&self) -> &Session {
        &self.access.session
    }

    pub(crate) fn step(&self) -> Step {
        self.step
    }

    pub(crate) fn retries(&self) -> &Retries {
        &self.retries
    }

    /// Counts the step.
    pub(crate) fn counted(self) -> Self {
        meter::step(self.step);
        self
    }

    /// The same permission for the answer to an offer that the step has led to.
    pub(crate) fn to_answer(&self) -> Self {
        let retries = Arc::new(self.session().settings().retry.start());
        Self { access: self.access.clone(), step: Step::Answer, retries }
    }

    /// Checks that the permission still holds: time has passed since the beginning.
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.require(&[])
    }

    /// Checks that one of these actions is permitted; with none of them, that the handle
    /// is valid.
    pub(crate) fn require(&self, any_of: &[Action]) -> Result<(), Error> {
        let Some(guard) = &self.access.guard else { return Ok(()) };
        let permits =
            any_of.is_empty() || any_of.iter().any(|action| guard.actions.contains(action));
        match permits && SystemTime::now() < guard.expires_at {
            true => Ok(()),
            false => Err(self.denied()),
        }
    }

    /// Checks that tracks and channels of this session may be pulled.
    pub(crate) fn may_pull(&self, publisher: &SessionId) -> Result<(), Error> {
        let room = self.access.guard.as_ref().and_then(|guard| guard.room.as_ref());
        match room {
            Some(room) if !room.contains(publisher) => Err(self.denied()),
            _ => Ok(()),
        }
    }

    fn denied(&self) -> Error {
        tracing::debug!(step = self.step.as_str(), "not permitted");
        Error::Denied { step: self.step }
    }
}

/// Counts and logs the items that failed in a step, at its end.
pub(crate) fn report<D, Q: fmt::Display>(outcome: &Outcome<D, Q>) {
    for failed in &outcome.failed {
        meter::item_failed(outcome.step, &failed.error);
        let code = failed.error.code().map(|code| scrub(code.as_str()));
        tracing::debug!(step = outcome.step.as_str(), code, "an item failed");
    }
    tracing::debug!(
        step = outcome.step.as_str(),
        done = outcome.done.len(),
        failed = outcome.failed.len(),
        "done"
    );
}

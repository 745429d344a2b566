//! The effect of a step on a session.

use super::super::ledger::{Key, Ledger};
use crate::mid::Mid;
use crate::status::Unfinished;

/// The effect that the requests of a step have if they are carried out. It is in
/// doubt from when the turn is taken until the step has come to its end, also if
/// its process dies.
#[derive(Clone, Default)]
pub(crate) struct Effect {
    /// The operation that may open something.
    operation: Option<&'static str>,
    /// The step is a part of an exchange of session descriptions.
    pub(crate) negotiates: bool,
    /// The step is about another session's publications: a 410 can be about that one.
    pub(crate) pulls: bool,
    /// The names of what it opens.
    names: Vec<String>,
    /// The agent's media sections that it opens.
    opens: Vec<Mid>,
    closes: Closes,
}

/// The part of what is held that an effect closes.
#[derive(Clone)]
enum Closes {
    These(Vec<Key>),
    Everything,
}

impl Default for Closes {
    fn default() -> Self {
        Self::These(Vec::new())
    }
}

impl Effect {
    /// An operation with an exchange of session descriptions.
    pub(crate) fn exchange(operation: &'static str) -> Self {
        Self { negotiates: true, ..Self::change(operation) }
    }

    pub(crate) fn change(operation: &'static str) -> Self {
        Self { operation: Some(operation), ..Self::default() }
    }

    /// The answer to an offer of the SFU.
    pub(crate) fn answer() -> Self {
        Self { negotiates: true, ..Self::default() }
    }

    pub(crate) fn leave() -> Self {
        Self { closes: Closes::Everything, ..Self::default() }
    }

    pub(crate) fn pulling(mut self) -> Self {
        self.pulls = true;
        self
    }

    pub(crate) fn names(mut self, names: impl IntoIterator<Item = String>) -> Self {
        self.names = names.into_iter().collect();
        self
    }

    pub(crate) fn opening(mut self, mids: impl IntoIterator<Item = Mid>) -> Self {
        self.opens = mids.into_iter().collect();
        self
    }

    pub(crate) fn closing(mut self, keys: impl IntoIterator<Item = impl Into<Key>>) -> Self {
        self.closes = Closes::These(keys.into_iter().map(Into::into).collect());
        self
    }

    pub(super) fn leaves(&self) -> bool {
        matches!(self.closes, Closes::Everything)
    }

    /// The reason for which the session is unfinished if the reply is lost.
    pub(super) fn risk(&self) -> Option<Unfinished> {
        self.negotiates.then_some(Unfinished::ReplyLost)
    }

    /// Takes the effect into the ledger: the step begins.
    pub(super) fn begin(&self, ledger: &mut Ledger) {
        if let Some(operation) = self.operation {
            ledger.begin(operation, self.names.clone());
        }
        self.opens.iter().for_each(|mid| ledger.may_be_open(mid.clone()));
        match &self.closes {
            Closes::These(keys) => keys.iter().for_each(|key| ledger.closing(key.clone())),
            Closes::Everything => ledger.closing_everything(),
        }
    }

    /// Ends the doubt about what the step opens: the reply has come.
    pub(crate) fn replied(&self, ledger: &mut Ledger) {
        ledger.end();
        self.opens.iter().for_each(|mid| ledger.is_not_open(mid.clone()));
    }

    /// Takes the effect back: nothing was sent.
    pub(super) fn undo(&self, ledger: &mut Ledger) {
        self.replied(ledger);
        ledger.not_closing();
    }
}

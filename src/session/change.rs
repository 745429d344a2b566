//! One change of a session: its turn, its requests, and the conclusions that are
//! drawn from their ends.

use std::fmt;

use tracing::Instrument;

use super::access::{Entry, report};
use super::detached::Detached;
use super::exchanged::Kept;
use super::handle::Session;
use super::ledger::Key;
use super::read;
use super::turns::Turn;
use crate::close::{Closer, in_batches};
use crate::error::{Error, Repeat};
use crate::generated::OperationError;
use crate::generated::types::ApiError;
use crate::meter;
use crate::mid::Mid;
use crate::outcome::Outcome;
use crate::sdp::Answer;
use crate::status::{Unfinished, Unusable};

/// A change of a session, which has the session's turn.
pub(crate) struct Change {
    pub(crate) entry: Entry,
    pub(crate) turn: Turn<Kept>,
}

/// The effect that a request has if it is carried out.
#[derive(Default)]
pub(crate) struct Effect {
    /// It is a part of an exchange of session descriptions.
    negotiates: bool,
    /// It is about another session's publications: a 410 can be about that one.
    pulls: bool,
    /// The names of what it opens.
    names: Vec<String>,
    /// The agent's media sections that it opens.
    opens: Vec<Mid>,
}

impl Effect {
    pub(crate) fn exchange() -> Self {
        Self { negotiates: true, ..Self::default() }
    }

    pub(crate) fn change() -> Self {
        Self::default()
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
}

impl Entry {
    /// Waits for the turn and does `work`, to its end even if nobody waits for
    /// it any more.
    pub(crate) async fn change<T, F>(&self, work: impl FnOnce(Change) -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>> + Send + 'static,
        T: Send + 'static,
    {
        let session = self.session();
        let turn = session.turns().take().instrument(session.span().clone()).await;
        let turn = turn.map_err(|reason| self.unusable(reason))?;
        // The permission may have ended while the turn was waited for.
        self.check()?;
        let work = work(Change { entry: self.clone(), turn });
        self.detached(work, meter::ended).await
    }

    /// As [`change`](Self::change), for work that may end with the SFU's answer to
    /// the agent's offer. Such work gives the change back, which is at risk until
    /// the answer has reached whoever waits.
    pub(crate) async fn exchange<T, F>(&self, work: impl FnOnce(Change) -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<(Option<Change>, T), Error>> + Send + 'static,
        T: Send + 'static,
    {
        let (change, outcome) = self.change(work).await?;
        if let Some(mut change) = change {
            change.turn.safe();
        }
        Ok(outcome)
    }

    /// Closes items by force. Of several requests one that failed is in the
    /// outcome.
    pub(crate) async fn close<K>(self, items: Vec<K>) -> Result<Outcome<K, K>, Error>
    where
        K: Clone + fmt::Display + Send + Sync + 'static,
        Change: Closer<K>,
    {
        if items.is_empty() {
            return Ok(Outcome::new(self.step()));
        }
        let closed = self.change(|mut change| async move {
            in_batches(&mut change, items).await.unless_nothing_is_done()
        });
        let closed = closed.await?;
        report(&closed);
        Ok(closed)
    }

    /// Does `work` in the session's span, to its end even if nobody waits for
    /// it any more.
    pub(crate) fn detached<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
        ended: fn(&T),
    ) -> impl Future<Output = T> + Send {
        let parent = self.session().span();
        let span = tracing::info_span!(parent: parent, "calls_step", step = self.step().as_str());
        span.follows_from(tracing::Span::current());
        Detached::new(work.instrument(span), ended, |_| std::future::ready(()))
    }

    pub(crate) fn unusable(&self, reason: Unusable) -> Error {
        let error = Error::Unusable { step: self.step(), reason };
        meter::failed(&error);
        error
    }
}

impl Change {
    pub(crate) fn session(&self) -> &Session {
        self.entry.session()
    }

    /// Makes one request, with repetitions. What it may do is in doubt from
    /// before it is sent until its reply has come. Then the conclusions are
    /// drawn: the session is gone, the exchange is unfinished, or nothing has
    /// changed. After a success of an exchange the turn is at risk until the
    /// reply has been understood.
    pub(crate) async fn call<T, F>(
        &mut self,
        operation: &'static str,
        effect: Effect,
        request: impl FnMut() -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, OperationError<ApiError>>>,
    {
        let Effect { negotiates, pulls, names, opens } = effect;
        if negotiates {
            self.turn.at_risk(Unfinished::ReplyLost);
        }
        {
            let mut ledger = self.session().ledger();
            ledger.begin(operation, names);
            opens.iter().for_each(|mid| ledger.may_be_open(mid.clone()));
        }
        let (result, _) =
            self.entry.retries().run(self.entry.step(), Repeat::Change, request).await;
        let is_lost = result.as_ref().is_err_and(Error::outcome_unknown);
        {
            let mut ledger = self.session().ledger();
            if is_lost {
                ledger.lose();
            } else {
                ledger.end();
                opens.iter().for_each(|mid| ledger.is_not_open(mid.clone()));
            }
        }
        let error = match result {
            Ok(reply) => {
                if negotiates {
                    self.turn.at_risk(Unfinished::ReplyContradictory);
                }
                return Ok(reply);
            }
            Err(error) => error,
        };
        if !error.is_session_gone() {
            if !is_lost {
                self.turn.safe();
            } else if negotiates && error.status().is_some_and(|status| status.is_success()) {
                self.turn.at_risk(Unfinished::ReplyContradictory);
            }
            return Err(error);
        }
        if pulls && !self.is_gone().await {
            self.turn.safe();
            return Err(error.about_another_session());
        }
        self.vanish();
        Err(error)
    }

    /// Makes one request that closes, with repetitions of its own.
    pub(crate) async fn call_to_close<T, F>(
        &mut self,
        keys: impl Iterator<Item = Key> + Clone + Send,
        request: impl FnMut() -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, OperationError<ApiError>>>,
    {
        {
            let mut ledger = self.session().ledger();
            keys.clone().for_each(|key| ledger.closing(key));
        }
        let retries = self.session().settings().retry.start();
        let (result, was_lost) = retries.run(self.entry.step(), Repeat::Close, request).await;
        if was_lost || result.as_ref().is_err_and(Error::outcome_unknown) {
            let mut ledger = self.session().ledger();
            keys.for_each(|key| ledger.may_be_closed(key));
        }
        if result.as_ref().is_err_and(Error::is_session_gone) {
            self.vanish();
        }
        result
    }

    /// The answer of the SFU to the agent's offer has come: it must reach the
    /// agent, or the session is unfinished.
    pub(crate) fn answered(&mut self, answer: Option<Answer>) -> Result<Answer, Error> {
        match answer {
            Some(answer) => {
                self.turn.at_risk(Unfinished::ReplyDropped);
                Ok(answer)
            }
            None => Err(self.contradiction("there is no answer to the offer")),
        }
    }

    pub(crate) fn contradiction(&self, problem: &'static str) -> Error {
        Error::Contradiction { step: self.entry.step(), problem }
    }

    /// The API said that the session is gone.
    pub(crate) fn vanish(&mut self) {
        self.turn.safe();
        self.session().vanish();
    }

    /// Asks the API whether this session is gone, which a 410 about another
    /// session does not say. Without a reply nothing is known, so it is not.
    async fn is_gone(&self) -> bool {
        let session = self.session();
        let (client, step) = (session.client(), self.entry.step());
        let state = read::fetch(client, session.id(), session.settings(), step).await;
        state.is_err_and(|error| error.is_session_gone())
    }
}

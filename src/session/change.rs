//! One change of a session: its turn, its requests, and the conclusions that are
//! drawn from their ends.

use std::fmt;
use std::pin::Pin;

use tracing::Instrument;

use super::access::{Entry, report};
use super::detached::Detached;
use super::handle::Session;
use super::ledger::Key;
use super::read;
use super::turns::{Effect, Refusal, Turn};
use crate::close::{Closer, in_batches};
use crate::error::{Error, Repeat};
use crate::generated::types::ApiError;
use crate::meter;
use crate::outcome::Outcome;
use crate::runtime::error::OperationError;
use crate::sdp::Answer;
use crate::status::{Unfinished, Unusable};

/// A change of a session, which has the session's turn.
pub(crate) struct Change {
    pub(crate) entry: Entry,
    pub(crate) turn: Turn,
}

/// The work of a change.
pub(crate) type Work<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

impl Entry {
    /// Waits for the turn and does `work`, to its end even if nobody waits for
    /// it any more.
    pub(crate) async fn change<T, F>(&self, effect: Effect, work: F) -> Result<T, Error>
    where
        F: for<'a> FnOnce(&'a mut Change) -> Work<'a, T> + Send + 'static,
        T: Send + 'static,
    {
        let change = self.turn(effect).await?;
        self.detached(change.ending(work), meter::ended).await
    }

    /// As [`change`](Self::change), for work that may end with the SFU's answer to
    /// the agent's offer. The session is at risk until the answer has reached whoever
    /// waits.
    pub(crate) async fn exchange<T, F>(&self, effect: Effect, work: F) -> Result<T, Error>
    where
        F: for<'a> FnOnce(&'a mut Change) -> Work<'a, T> + Send + 'static,
        T: Send + 'static,
    {
        let change = self.turn(effect).await?;
        let whole = async move {
            let (change, result) = change.doing(work).await;
            match change {
                Some(change) if result.is_ok() && change.turn.risk().is_some() => {
                    result.map(|value| (Some(change), value))
                }
                Some(change) => change.ended(result).await.map(|value| (None, value)),
                None => result.map(|value| (None, value)),
            }
        };
        let (change, value) = self.detached(whole, meter::ended).await?;
        let Some(mut change) = change else { return Ok(value) };
        change.turn.safe();
        change.ended(Ok(value)).await.inspect_err(meter::failed)
    }

    /// Waits for the turn.
    async fn turn(&self, effect: Effect) -> Result<Change, Error> {
        let turn = self.session().turns().take(effect);
        let turn = turn.instrument(self.session().span().clone()).await;
        let turn = turn.map_err(|refusal| self.refused(refusal))?;
        // The permission may have ended while the turn was waited for.
        self.check()?;
        Ok(Change { entry: self.clone(), turn })
    }

    /// Closes items by force. Of several requests one that failed is in the
    /// outcome.
    pub(crate) async fn close<K>(self, items: Vec<K>) -> Result<Outcome<K, K>, Error>
    where
        K: Clone + fmt::Display + Into<Key> + Send + Sync + 'static,
        Change: Closer<K>,
    {
        if items.is_empty() {
            return Ok(Outcome::new(self.step()));
        }
        let effect = Effect::default().closing(items.iter().cloned());
        let closed = self.change(effect, |change| {
            Box::pin(async move { in_batches(change, items).await.unless_nothing_is_done() })
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
        self.refused(reason.into())
    }

    /// The turn was not taken.
    pub(crate) fn refused(&self, refusal: Refusal) -> Error {
        let step = self.step();
        let error = match refusal {
            Refusal::Unusable(reason) => Error::Unusable { step, reason },
            Refusal::Store(source) => Error::Store { step, source, outcome_unknown: false },
        };
        meter::failed(&error);
        error
    }
}

impl Change {
    pub(crate) fn session(&self) -> &Session {
        self.entry.session()
    }

    /// Does `work` and gives the turn back.
    pub(crate) async fn ending<T, F>(self, work: F) -> Result<T, Error>
    where
        F: for<'a> FnOnce(&'a mut Self) -> Work<'a, T>,
    {
        match self.doing(work).await {
            (Some(change), result) => change.ended(result).await,
            (None, result) => result,
        }
    }

    /// Does `work`, as long as this process has the turn. None: it has lost it.
    async fn doing<T, F>(mut self, work: F) -> (Option<Self>, Result<T, Error>)
    where
        F: for<'a> FnOnce(&'a mut Self) -> Work<'a, T>,
    {
        let lease = self.turn.lease();
        let step = self.entry.step();
        let work = async move {
            let result = work(&mut self).await;
            (self, result)
        };
        match lease.during(work).await {
            Ok((change, result)) => (Some(change), result),
            Err(source) => (None, Err(Error::Store { step, source, outcome_unknown: true })),
        }
    }

    /// Gives the turn back. A success that nobody else can know of is none.
    pub(crate) async fn ended<T>(self, result: Result<T, Error>) -> Result<T, Error> {
        let step = self.entry.step();
        let is_sent = self.turn.is_sent();
        match (self.turn.end().await, result) {
            (Err(source), Ok(_)) if is_sent => {
                Err(Error::Store { step, source, outcome_unknown: true })
            }
            (_, result) => result,
        }
    }

    /// Makes one request, with repetitions. What it may do is in doubt from
    /// before it is sent until its reply has come. Then the conclusions are
    /// drawn: the session is gone, the exchange is unfinished, or nothing has
    /// changed. After a success of an exchange the turn is at risk until the
    /// reply has been understood.
    pub(crate) async fn call<T, F>(&mut self, request: impl FnMut() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, OperationError<ApiError>>>,
    {
        self.turn.sent();
        let (result, _) =
            self.entry.retries().run(self.entry.step(), Repeat::Change, request).await;
        let is_lost = result.as_ref().is_err_and(Error::outcome_unknown);
        let Effect { negotiates, pulls, .. } = *self.turn.effect();
        {
            let mut ledger = self.session().ledger();
            match is_lost {
                true => ledger.lose(),
                false => self.turn.effect().replied(&mut ledger),
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
        self.vanish().await;
        Err(error)
    }

    /// Makes one request that closes, with repetitions of its own.
    pub(crate) async fn call_to_close<T, F>(
        &mut self,
        keys: impl Iterator<Item = Key> + Send,
        request: impl FnMut() -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, OperationError<ApiError>>>,
    {
        self.turn.sent();
        let retries = self.session().settings().retry.start();
        let (result, was_lost) = retries.run(self.entry.step(), Repeat::Close, request).await;
        if was_lost || result.as_ref().is_err_and(Error::outcome_unknown) {
            let mut ledger = self.session().ledger();
            keys.for_each(|key| ledger.may_be_closed(key));
        }
        if result.as_ref().is_err_and(Error::is_session_gone) {
            self.vanish().await;
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
    pub(crate) async fn vanish(&mut self) {
        self.turn.safe();
        self.session().vanish().await;
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

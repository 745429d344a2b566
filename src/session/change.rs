//! One change of a session: its turn, its requests, and the conclusions that are
//! drawn from their ends.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

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
use crate::store::StoreError;

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
        let change = self.turn(Arc::new(effect)).await?;
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
        let mut change = self.turn(Arc::new(effect)).await?;
        let whole = async move {
            let result = change.doing(work).await?;
            match result.is_ok() && change.turn.risk().is_some() {
                true => result.map(|value| (Some(change), value)),
                false => change.ended(result).await.map(|value| (None, value)),
            }
        };
        let (change, value) = self.detached(whole, meter::ended).await?;
        let Some(mut change) = change else { return Ok(value) };
        change.turn.safe();
        change.ended(Ok(value)).await.inspect_err(meter::failed)
    }

    /// Waits for the turn.
    async fn turn(&self, effect: Arc<Effect>) -> Result<Change, Error> {
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

    /// The error of a turn that was not taken.
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
    pub(crate) async fn ending<T, F>(mut self, work: F) -> Result<T, Error>
    where
        F: for<'a> FnOnce(&'a mut Self) -> Work<'a, T>,
    {
        let result = self.doing(work).await?;
        self.ended(result).await
    }

    /// Does `work`, as long as this process has the turn.
    ///
    /// # Errors
    /// [`Error::Store`]: it has lost the turn, so there is none to be given back.
    async fn doing<T, F>(&mut self, work: F) -> Result<Result<T, Error>, Error>
    where
        F: for<'a> FnOnce(&'a mut Self) -> Work<'a, T>,
    {
        let lease = self.turn.lease();
        let done = lease.during(work(self)).await;
        done.map_err(|source| self.in_doubt(source))
    }

    /// Gives the turn back, at the end of a change. A success that nobody else can know
    /// of is none.
    async fn ended<T>(&mut self, result: Result<T, Error>) -> Result<T, Error> {
        let ended = self.turn.end().await;
        match ended {
            Err(source) if result.is_ok() && self.turn.is_sent() => Err(self.in_doubt(source)),
            _ => result,
        }
    }

    /// The error of a change whose end the store does not know.
    fn in_doubt(&self, source: StoreError) -> Error {
        Error::Store { step: self.entry.step(), source, outcome_unknown: true }
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

    /// Takes note that the session is gone, as the API said.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generated::Client;
    use crate::generated::types::{AppId, SessionId};
    use crate::prelude::*;

    /// The largest block that glibc keeps at hand for each thread. A larger one takes
    /// some hundred instructions more.
    const AT_HAND: usize = 1_032;

    #[test]
    fn the_future_of_a_change_is_a_block_that_allocators_have_at_hand() {
        let client = Client::new(AppId::new("app").unwrap(), "secret".into()).unwrap();
        let settings = client.settings();
        let session = Session::new(client, SessionId::new("e017").unwrap(), settings);
        let bytes = size_of_val(&session.close([]));
        println!("{bytes} bytes");
        assert!(bytes <= AT_HAND, "{bytes} bytes");
    }
}

//! Exchanges of session descriptions: the SFU's offers and the agent's answers,
//! and the reverse.

use std::fmt;

use serde::Serialize;

use super::access::{Access, Entry, Handle};
use super::change::Change;
use super::exchanged::{Exchanged, KeptOffer};
use super::handle::Session;
use super::turns::{Exchange, ExchangeId, Resume, Turn};
use crate::error::{Error, Repeat};
use crate::generated::types::{RenegotiateRequest, SdpType, SessionDescription};
use crate::meter;
use crate::sdp::{Answer, Offer};
use crate::status::Unfinished;
use crate::step::Step;
#[cfg(feature = "token")]
use crate::token::guard::GuardedSession;

/// Answering the SFU's offers.
pub trait AnswerExt: Handle {
    /// Brings the agent's answer to an offer that was
    /// [kept](PendingAnswer::keep) with the session (`PUT renegotiate`), which
    /// ends the exchange. The outcome is that of the step that led to the offer.
    ///
    /// ```no_run
    /// # use cloudflare_calls::session::{Exchanged, ExchangeId};
    /// # use cloudflare_calls::{Answer, Error, Session, prelude::*};
    /// # async fn example(session: Session, id: ExchangeId, answer: Answer) -> Result<(), Error> {
    /// if let Exchanged::Subscribed(subscribed) = session.answer(id, answer).await? {
    ///     let tracks = subscribed.into_result()?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Unusable`] if no such offer waits, it is too late or the session
    /// was left; [`Error::Denied`] if the handle does not permit the step that
    /// led to the offer; [`Error::Request`], after which the session is
    /// unfinished or gone.
    fn answer(
        &self,
        exchange: ExchangeId,
        answer: Answer,
    ) -> impl Future<Output = Result<Exchanged, Error>> + Send {
        let access = self.access();
        async move { answer_kept(access, exchange, answer).await }
    }
}

impl AnswerExt for Session {}
#[cfg(feature = "token")]
impl AnswerExt for GuardedSession {}

/// The end of a step that may negotiate: an offer, an answer, or neither.
#[derive(Debug)]
#[must_use = "an offer without an answer makes the session unusable"]
pub enum Negotiation<T> {
    /// The SFU made an offer. Take it to the agent and bring the answer.
    Offer(PendingAnswer<T>),
    /// The SFU answered the agent's offer.
    Answer(Answered<T>),
    /// Nothing was negotiated.
    Done(T),
}

/// An answer of the SFU to the agent's offer, and the outcome of the step.
#[derive(Debug, Serialize)]
#[non_exhaustive]
#[must_use = "the answer has to go back to the agent"]
pub struct Answered<T> {
    /// The SFU's answer, for the agent's `setRemoteDescription`.
    pub answer: Answer,
    /// The outcome of the step.
    pub outcome: T,
}

/// The end of a step as the agent gets it: an offer is kept with the session.
///
/// As JSON it is an object with one field, `offer`, `answer` or `done`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ForAgent<T> {
    /// The SFU made an offer, which the agent is to answer.
    Offer(KeptOffer),
    /// The SFU answered the agent's offer.
    Answer(Answered<T>),
    /// Nothing was negotiated.
    Done(T),
}

/// An offer of the SFU that waits for the agent's answer.
///
/// It has the session's turn: every other change of the session waits until
/// [`answer`](PendingAnswer::answer) has brought the answer to the SFU. Where
/// the answer comes with another request of the agent, [`keep`](Self::keep)
/// leaves the exchange with the session. It may not take longer than the
/// session's [answer deadline](crate::session::Join::answer_deadline). When it is
/// dropped, or too late, the session is [`Unfinished`].
#[must_use = "an offer without an answer makes the session unusable"]
pub struct PendingAnswer<T> {
    entry: Entry,
    exchange: Exchange,
    offer: Offer,
    outcome: T,
}

impl<T> Negotiation<T> {
    /// The offer that waits for an answer, if there is one.
    pub fn offer(&self) -> Option<&Offer> {
        match self {
            Self::Offer(pending) => Some(pending.offer()),
            Self::Answer(_) | Self::Done(_) => None,
        }
    }

    /// The outcome of a step that cannot lead to an offer. After one the session is
    /// unfinished.
    pub(crate) fn without_offer(self) -> Result<T, Error> {
        match self {
            Self::Offer(pending) => {
                let problem = "an offer that nobody asked for";
                Err(Error::Contradiction { step: pending.entry.step(), problem })
            }
            Self::Answer(answered) => Ok(answered.outcome),
            Self::Done(outcome) => Ok(outcome),
        }
    }

    /// The outcome of the step, as far as it is known.
    pub fn outcome(&self) -> &T {
        match self {
            Self::Offer(pending) => pending.outcome(),
            Self::Answer(answered) => &answered.outcome,
            Self::Done(outcome) => outcome,
        }
    }

    /// Leaves an offer with the session, as [`PendingAnswer::keep`] does, and gives
    /// what the agent has to get.
    pub fn keep(self) -> ForAgent<T>
    where
        T: Into<Exchanged>,
    {
        match self {
            Self::Offer(pending) => ForAgent::Offer(pending.keep()),
            Self::Answer(answered) => ForAgent::Answer(answered),
            Self::Done(outcome) => ForAgent::Done(outcome),
        }
    }

    pub(crate) fn map<U>(self, map: impl FnOnce(T) -> U) -> Negotiation<U> {
        match self {
            Self::Offer(PendingAnswer { entry, exchange, offer, outcome }) => {
                let outcome = map(outcome);
                Negotiation::Offer(PendingAnswer { entry, exchange, offer, outcome })
            }
            Self::Answer(Answered { answer, outcome }) => {
                Negotiation::Answer(Answered { answer, outcome: map(outcome) })
            }
            Self::Done(outcome) => Negotiation::Done(map(outcome)),
        }
    }
}

impl<T> PendingAnswer<T> {
    /// The SFU's offer, for the agent's `setRemoteDescription`.
    pub fn offer(&self) -> &Offer {
        &self.offer
    }

    /// The outcome of the step once the answer has been taken.
    pub fn outcome(&self) -> &T {
        &self.outcome
    }

    /// The id of the exchange.
    pub fn id(&self) -> ExchangeId {
        self.exchange.id()
    }

    /// Brings the agent's answer to the SFU (`PUT renegotiate`), which ends
    /// the exchange.
    ///
    /// ```no_run
    /// # use cloudflare_calls::session::PendingAnswer;
    /// # use cloudflare_calls::tracks::Subscribed;
    /// # use cloudflare_calls::{Answer, Error};
    /// # async fn example(pending: PendingAnswer<Subscribed>, answer: Answer) -> Result<(), Error> {
    /// let tracks = pending.answer(answer).await?.into_result()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Unusable`] if it is too late or the session was left;
    /// [`Error::Denied`] if the handle's token has expired; [`Error::Request`].
    /// The session is unfinished or gone then.
    pub async fn answer(self, answer: Answer) -> Result<T, Error> {
        let Self { entry, exchange, outcome, .. } = self;
        let entry = entry.to_answer().counted();
        entry.check()?;
        let turn = exchange.resume().await.map_err(|refusal| entry.refused(refusal))?;
        renegotiate(entry, turn, answer).await?;
        Ok(outcome)
    }

    /// Leaves the exchange with the session, where [`AnswerExt::answer`] finds
    /// it by its id, and gives what the agent has to get.
    ///
    /// ```no_run
    /// # use cloudflare_calls::session::{KeptOffer, PendingAnswer};
    /// # use cloudflare_calls::tracks::Subscribed;
    /// # fn example(pending: PendingAnswer<Subscribed>) -> Result<String, serde_json::Error> {
    /// let for_the_agent: KeptOffer = pending.keep();
    /// serde_json::to_string(&for_the_agent)
    /// # }
    /// ```
    pub fn keep(self) -> KeptOffer
    where
        T: Into<Exchanged>,
    {
        let Self { exchange, offer, outcome, .. } = self;
        let exchange = exchange.keep(outcome);
        KeptOffer { exchange, offer }
    }
}

impl Change {
    /// Reads the end of a request that had the agent's offer: the SFU's answer, an
    /// offer of its own, or nothing. After an answer the session is at risk until
    /// the answer has reached who waits for it.
    ///
    /// `is_needed`: nothing is a contradiction. `text`: the outcome for a store.
    pub(crate) fn answered_or_offered<T>(
        &mut self,
        description: Option<SessionDescription>,
        is_needed: bool,
        outcome: T,
        text: impl FnOnce(&T) -> Option<String>,
    ) -> Result<Negotiation<T>, Error> {
        match description {
            Some(offer) if offer.type_ == Some(SdpType::Offer) => {
                self.negotiated(Some(offer), None, outcome, text)
            }
            None if !is_needed => {
                self.turn.safe();
                Ok(Negotiation::Done(outcome))
            }
            description => {
                let answer = self.answered(description.and_then(Answer::received))?;
                Ok(Negotiation::Answer(Answered { answer, outcome }))
            }
        }
    }

    /// Reads the end of a request that may lead to an exchange. An offer keeps
    /// the turn.
    ///
    /// `requires`: the reply's `requiresImmediateRenegotiation`. `text`: the outcome
    /// for a store, where the exchange is kept from its beginning.
    pub(crate) fn negotiated<T>(
        &mut self,
        description: Option<SessionDescription>,
        requires: Option<bool>,
        outcome: T,
        text: impl FnOnce(&T) -> Option<String>,
    ) -> Result<Negotiation<T>, Error> {
        match description.map(Offer::received) {
            Some(Some(offer)) => {
                tracing::debug!("the SFU offers, the agent is to answer");
                let deadline = self.session().settings().answer_deadline;
                let exchange = self.turn.offered(deadline, || text(&outcome));
                let entry = self.entry.clone();
                Ok(Negotiation::Offer(PendingAnswer { entry, exchange, offer, outcome }))
            }
            None if requires != Some(true) => {
                self.turn.safe();
                Ok(Negotiation::Done(outcome))
            }
            _ => Err(self.contradiction("there is no offer to answer")),
        }
    }
}

async fn answer_kept(access: Access, id: ExchangeId, answer: Answer) -> Result<Exchanged, Error> {
    let entry = access.begin(Step::Answer, &[])?.counted();
    let resumed = entry.session().turns().resume(id, |kept| entry.require(kept.any_of())).await;
    let (turn, outcome) = resumed.map_err(|why| match why {
        Resume::Denied(error) => error,
        Resume::Refused(refusal) => entry.refused(refusal),
    })?;
    renegotiate(entry, turn, answer).await?;
    Ok(outcome)
}

async fn renegotiate(entry: Entry, turn: Turn, answer: Answer) -> Result<(), Error> {
    let request = RenegotiateRequest::new().session_description(SessionDescription::from(answer));
    let change = Change { entry: entry.clone(), turn };
    let work = change.ending(|change| Box::pin(bring(change, request)));
    entry.detached(work, meter::ended).await
}

async fn bring(change: &mut Change, request: RenegotiateRequest) -> Result<(), Error> {
    change.turn.sent();
    let session = change.session().clone();
    let send = || session.client().renegotiate(session.id(), &request).send();
    let (result, _) = change.entry.retries().run(change.entry.step(), Repeat::Change, send).await;
    match &result {
        Ok(_) => {
            change.turn.safe();
            meter::answered();
            tracing::debug!("the SFU took the answer");
        }
        Err(error) => {
            if error.is_session_gone() {
                change.vanish().await;
            } else if !error.outcome_unknown() {
                change.turn.at_risk(Unfinished::AnswerRefused);
            }
        }
    }
    result.map(drop)
}

impl<T: fmt::Debug> fmt::Debug for PendingAnswer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingAnswer")
            .field("session", self.entry.session())
            .field("offer", &self.offer)
            .field("outcome", &self.outcome)
            .finish_non_exhaustive()
    }
}

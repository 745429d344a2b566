//! The SFU's offers, and their answers.

use std::fmt;

use crate::retry::Repeat;
use crate::session::{Exchange, Turn};
use crate::types::{RenegotiateRequest, SessionDescription};
use crate::{Answer, Error, Offer, Session, Unfinished, meter};

/// What a change of the session leads to: an exchange of session descriptions,
/// or nothing more.
#[derive(Debug)]
#[must_use = "an offer without an answer makes the session unusable"]
pub enum Negotiation<T> {
    /// The SFU made an offer. Take it to the agent and bring the answer.
    Offer(PendingAnswer<T>),
    /// No media section was needed, so there is nothing to answer.
    Done(T),
}

/// An offer of the SFU that waits for the agent's answer.
///
/// It has the session's turn: every other change of the session waits until
/// [`answer`](PendingAnswer::answer) has brought the answer to the SFU. It can
/// be kept between two requests of the agent, but not for longer than the
/// session's [answer deadline](crate::Join::answer_deadline). When it is
/// dropped, or too late, the session is [`Unfinished`].
#[must_use = "an offer without an answer makes the session unusable"]
pub struct PendingAnswer<T> {
    session: Session,
    exchange: Exchange,
    offer: Offer,
    outcome: T,
}

impl<T> Negotiation<T> {
    /// The offer that waits for an answer, if there is one.
    pub fn offer(&self) -> Option<&Offer> {
        match self {
            Self::Offer(pending) => Some(pending.offer()),
            Self::Done(_) => None,
        }
    }

    /// What became of the items.
    pub fn outcome(&self) -> &T {
        match self {
            Self::Offer(pending) => pending.outcome(),
            Self::Done(outcome) => outcome,
        }
    }

    /// Reads the end of a request that may lead to an exchange. An offer keeps
    /// the turn.
    ///
    /// `requires`: the reply's `requiresImmediateRenegotiation`.
    pub(crate) fn new(
        session: Session,
        mut turn: Turn,
        operation: &'static str,
        description: Option<SessionDescription>,
        requires: Option<bool>,
        outcome: T,
    ) -> Result<Self, Error> {
        match description.map(Offer::received) {
            Some(Some(offer)) => {
                tracing::debug!(operation, "the SFU offers, the agent is to answer");
                let exchange = turn.offered(session.settings().answer_deadline);
                Ok(Self::Offer(PendingAnswer { session, exchange, offer, outcome }))
            }
            None if requires != Some(true) => {
                turn.safe();
                Ok(Self::Done(outcome))
            }
            _ => Err(Error::Contradiction { operation, problem: "there is no offer to answer" }),
        }
    }

    pub(crate) fn map<U>(self, map: impl FnOnce(T) -> U) -> Negotiation<U> {
        match self {
            Self::Offer(PendingAnswer { session, exchange, offer, outcome }) => {
                let outcome = map(outcome);
                Negotiation::Offer(PendingAnswer { session, exchange, offer, outcome })
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

    /// What becomes of the items once the answer has been taken.
    pub fn outcome(&self) -> &T {
        &self.outcome
    }

    /// The session that waits.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Brings the agent's answer to the SFU (`PUT renegotiate`), which ends
    /// the exchange.
    ///
    /// ```no_run
    /// # use cloudflare_calls::{Answer, Error, PendingAnswer, Subscribed};
    /// # async fn example(pending: PendingAnswer<Subscribed>, answer: Answer) -> Result<(), Error> {
    /// let subscribed = pending.answer(answer).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Unusable`] if it is too late or the session was left;
    /// [`Error::Request`]. The session is unfinished or gone then.
    pub async fn answer(self, answer: Answer) -> Result<T, Error> {
        const OPERATION: &str = "answer";
        let Self { session, exchange, outcome, offer: _ } = self;
        meter::step(OPERATION);
        let turn = exchange.resume().map_err(|reason| Session::unusable(OPERATION, reason))?;
        session.detached(OPERATION, renegotiate(session.clone(), turn, answer)).await?;
        Ok(outcome)
    }
}

async fn renegotiate(session: Session, mut turn: Turn, answer: Answer) -> Result<(), Error> {
    let request = RenegotiateRequest::new().session_description(SessionDescription::from(answer));
    turn.at_risk(Unfinished::ReplyLost);
    let send = || session.client().renegotiate(session.id(), &request).send();
    match session.settings().retry.run(Repeat::Change, send).await {
        Ok(_) => {
            turn.safe();
            meter::answered();
            tracing::debug!("the SFU took the answer");
            Ok(())
        }
        Err(error) => {
            if error.is_session_gone() {
                turn.gone();
            } else if !error.outcome_unknown() {
                turn.at_risk(Unfinished::AnswerRefused);
            }
            Err(error)
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for PendingAnswer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingAnswer")
            .field("session", &self.session)
            .field("offer", &self.offer)
            .field("outcome", &self.outcome)
            .finish_non_exhaustive()
    }
}

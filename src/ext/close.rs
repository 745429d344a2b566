//! "Remote client leaves": its tracks are closed on the sessions of the others.

use reqwest::StatusCode;

use super::sealed::Handle;
use crate::action::Action;
use crate::outcome::complete;
use crate::session::{Effect, Turn};
use crate::types::{CloseTrackResult, CloseTracksRequest, CloseTracksResponse, ErrorCode};
use crate::{Answer, Error, Failed, ItemError, MAX_TRACKS, Mid, Offer, Session, Unfinished};

/// The name of the generated client's method, for errors.
const CLOSE_TRACKS: &str = "close_tracks";

/// Closing tracks, published ones as well as subscriptions.
pub trait CloseExt: Handle {
    /// Stops the flow of tracks without an exchange of session descriptions
    /// (`PUT tracks/close` with `force`), in as many requests as the API's
    /// limit needs.
    ///
    /// A media section that was closed by force is not for use again: a new
    /// track on it is accepted and never flows.
    ///
    /// ```no_run
    /// # use cloudflare_calls::{Error, Mid, Session, prelude::*};
    /// # async fn example(session: Session, mid: Mid) -> Result<(), Error> {
    /// let closed = session.close([mid]).await?;
    /// let again: Vec<Mid> = closed.not_closed().cloned().collect();
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Unusable`]; [`Error::Request`] if nothing was closed. Of several
    /// requests one that failed has its tracks in [`Closed::failed`].
    fn close(
        &self,
        mids: impl IntoIterator<Item = Mid>,
    ) -> impl Future<Output = Result<Closed, Error>> + Send {
        let session = self.enter("close", Action::Close);
        let mids = distinct(mids);
        async move { session?.close_by_force(mids).await }
    }

    /// Closes tracks with the agent's offer, in which their transceivers are
    /// stopped (`PUT tracks/close`). The answer goes back to the agent.
    ///
    /// At least one media section has to stay: an offer that rejects all of
    /// them ends the transport.
    ///
    /// ```no_run
    /// # use cloudflare_calls::{Answer, Error, Mid, Offer, Session, prelude::*};
    /// # async fn example(session: Session, offer: Offer, mid: Mid) -> Result<Option<Answer>, Error> {
    /// let closed = session.close_negotiated(offer, [mid]).await?;
    /// # Ok(
    /// closed.answer
    /// # )
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Invalid`] for no track or more than
    /// [`MAX_TRACKS`](crate::MAX_TRACKS); [`Error::Unusable`];
    /// [`Error::Request`]; [`Error::Contradiction`] if tracks were closed and
    /// there is no answer.
    fn close_negotiated(
        &self,
        offer: Offer,
        mids: impl IntoIterator<Item = Mid>,
    ) -> impl Future<Output = Result<Closed, Error>> + Send {
        let session = self.enter("close_negotiated", Action::Close);
        let mids = distinct(mids);
        async move { session?.close_by_offer(offer, mids).await }
    }
}

impl<H: Handle> CloseExt for H {}

/// What became of tracks that were to be closed.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Closed {
    /// The SFU's answer to the agent's offer. None for a forced close, and if
    /// the whole session was gone already.
    pub answer: Option<Answer>,
    /// Closed now.
    pub closed: Vec<Mid>,
    /// Not there any more, which is as good as closed (`close_track_error`,
    /// 404 and 410).
    pub gone: Vec<Mid>,
    /// Not closed, and why. They stay with the session, for another try.
    pub failed: Vec<Failed<Mid>>,
}

impl Closed {
    /// What is not known to be closed: failed, or not in the reply.
    pub fn not_closed(&self) -> impl Iterator<Item = &Mid> {
        self.failed.iter().map(|failed| &failed.item)
    }

    /// # Errors
    /// [`Error::Items`] if a track was not closed.
    pub fn complete(&self) -> Result<(), Error> {
        complete(CLOSE_TRACKS, &self.failed)
    }

    fn extend(&mut self, more: Self) {
        self.answer = self.answer.take().or(more.answer);
        self.closed.extend(more.closed);
        self.gone.extend(more.gone);
        self.failed.extend(more.failed);
    }
}

/// Each mid once, in the order of the first.
fn distinct(mids: impl IntoIterator<Item = Mid>) -> Vec<Mid> {
    let mut seen = std::collections::HashSet::new();
    mids.into_iter().filter(|mid| seen.insert(mid.clone())).collect()
}

impl Session {
    async fn close_by_force(self, mids: Vec<Mid>) -> Result<Closed, Error> {
        const OPERATION: &str = "close";
        if mids.is_empty() {
            return Ok(Closed::default());
        }
        self.change(OPERATION, |session, mut turn| async move {
            let (closed, error) = session.force_close(&mut turn, mids).await;
            match error {
                Some(error) if closed.closed.is_empty() && closed.gone.is_empty() => Err(error),
                _ => Ok(closed),
            }
        })
        .await
    }

    /// Closes by force, in batches, as far as the API does it. The error is
    /// that of the last batch that was refused as a whole.
    pub(super) async fn force_close(
        &self,
        turn: &mut Turn,
        mids: Vec<Mid>,
    ) -> (Closed, Option<Error>) {
        let (mut all, mut last_error) = (Closed::default(), None);
        for batch in mids.chunks(MAX_TRACKS) {
            let request = CloseTracksRequest::forced(batch.iter().map(Mid::as_str));
            let send = || self.client().close_tracks(self.id(), &request).send();
            let (result, was_lost) = self.call_to_close(turn, send).await;
            match result {
                Ok(reply) => {
                    if was_lost {
                        self.ledger().may_be_closed(batch);
                    }
                    all.extend(self.closed(batch, reply.tracks));
                }
                Err(error) if is_gone_already(&error) => all.extend(self.all_gone(batch)),
                Err(error) => {
                    let mut ledger = self.ledger();
                    let is_in_doubt =
                        |mid: &Mid| ledger.tracks.get(mid).is_some_and(|t| t.in_doubt);
                    let failed = |mid: &Mid| {
                        let error = ItemError::of_failed_close(is_in_doubt(mid));
                        Failed::new(CLOSE_TRACKS, mid.clone(), error)
                    };
                    all.failed.extend(batch.iter().map(failed));
                    if error.outcome_unknown() {
                        ledger.may_be_closed(batch);
                    }
                    last_error = Some(error);
                }
            }
        }
        (all, last_error)
    }

    async fn close_by_offer(self, offer: Offer, mids: Vec<Mid>) -> Result<Closed, Error> {
        const OPERATION: &str = "close_negotiated";
        let request = CloseTracksRequest::negotiated(mids.iter().map(Mid::as_str), offer.sdp());
        request.check().map_err(Error::invalid(OPERATION))?;
        let work = |session: Self, mut turn: Turn| async move {
            let send = || session.client().close_tracks(session.id(), &request).send();
            let reply = match session.call(&mut turn, Effect::Negotiates, Vec::new, send).await {
                Ok(reply) => reply,
                Err(error) if is_gone_already(&error) => {
                    let gone = session.all_gone(&mids);
                    return Ok((turn, gone));
                }
                Err(error) => {
                    if error.outcome_unknown() {
                        session.ledger().may_be_closed(&mids);
                    }
                    return Err(error);
                }
            };
            let CloseTracksResponse { session_description, tracks, .. } = reply;
            let mut closed = session.closed(&mids, tracks);
            closed.answer = session_description.and_then(Answer::received);
            match closed.answer {
                Some(_) => turn.at_risk(Unfinished::ReplyDropped),
                // Nothing was closed, so nothing was negotiated.
                None if closed.closed.is_empty() => turn.safe(),
                None => {
                    let problem = "there is no answer to the offer";
                    return Err(Error::Contradiction { operation: CLOSE_TRACKS, problem });
                }
            }
            Ok((turn, closed))
        };
        let (mut turn, closed) = self.change(OPERATION, work).await?;
        turn.safe();
        Ok(closed)
    }

    /// Sorts the results by mid and takes out of the ledger what is closed.
    fn closed(&self, asked: &[Mid], results: Vec<CloseTrackResult>) -> Closed {
        let mut results: std::collections::HashMap<String, CloseTrackResult> =
            results.into_iter().map(|result| (result.mid.clone(), result)).collect();
        let mut ledger = self.ledger();
        let mut all = Closed::default();
        for mid in asked {
            let result = results.remove(mid.as_str());
            let result = result.as_ref();
            let error =
                ItemError::of_reported(result.map(|r| (&r.error_code, &r.error_description)));
            match error {
                None => all.closed.push(mid.clone()),
                Some(error) if error.code() == Some(&ErrorCode::CloseTrackError) => {
                    all.gone.push(mid.clone());
                }
                Some(error) => {
                    let was_in_doubt = ledger.tracks.get(mid).is_some_and(|t| t.in_doubt);
                    let error = if was_in_doubt { ItemError::Unreported } else { error };
                    if error == ItemError::Unreported {
                        ledger.may_be_closed([mid]);
                    }
                    all.failed.push(Failed::new(CLOSE_TRACKS, mid.clone(), error));
                    continue;
                }
            }
            ledger.tracks.remove(mid);
        }
        tracing::debug!(
            closed = all.closed.len(),
            gone = all.gone.len(),
            failed = all.failed.len(),
            "closed"
        );
        all
    }

    fn all_gone(&self, mids: &[Mid]) -> Closed {
        let mut ledger = self.ledger();
        for mid in mids {
            ledger.tracks.remove(mid);
        }
        Closed { gone: mids.to_vec(), ..Closed::default() }
    }
}

/// Whether a close was refused because nothing is there any more.
pub(super) fn is_gone_already(error: &Error) -> bool {
    matches!(error.status(), Some(StatusCode::NOT_FOUND | StatusCode::GONE))
}

//! Step of "Remote client leaves": its tracks are closed on the sessions of the others.

use super::types::Closed;
use crate::action::Action;
use crate::check::MAX_TRACKS;
use crate::close::{Closer, End, settled};
use crate::error::Error;
use crate::generated::types::{CloseTrackResult, CloseTracksRequest, CloseTracksResponse};
use crate::mid::Mid;
use crate::sdp::Offer;
use crate::session::access::{Entry, Handle, report};
use crate::session::change::Change;
use crate::session::exchange::Negotiation;
use crate::session::exchanged::OfExchange;
use crate::session::handle::Session;
use crate::session::ledger::Key;
use crate::session::turns::Effect;
use crate::step::Step;
#[cfg(feature = "token")]
use crate::token::guard::GuardedSession;

/// Name of the generated client's method.
const CLOSE_TRACKS: &str = "close_tracks";

/// Closing tracks, published ones as well as subscriptions.
pub trait CloseExt: Handle {
    /// Stops the flow of tracks without an exchange of session descriptions (`PUT tracks/close`
    /// with `force`), in as many requests as the API's limit needs. A track that was closed already
    /// (`close_track_error`, 404 and 410) counts as closed.
    ///
    /// A media section that was closed by force must not be used again: a new track on it is
    /// accepted and never flows.
    ///
    /// ```no_run
    /// # use cloudflare_calls::{Error, Mid, Session, prelude::*};
    /// # async fn example(session: Session, mid: Mid) -> Result<(), Error> {
    /// let closed = session.close([mid]).await?;
    /// for failed in &closed.failed {
    ///     println!("{} stays with the session: {}", failed.item, failed.error);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Unusable`]; [`Error::Request`] if nothing was closed. If one of several requests
    /// fails, its tracks are in [`Outcome::failed`](crate::Outcome::failed).
    fn close(
        &self,
        mids: impl IntoIterator<Item = Mid>,
    ) -> impl Future<Output = Result<Closed, Error>> + Send {
        let entry = self.access().begin(Step::Close, &[Action::Close]);
        let mids = distinct(mids);
        async move { entry?.counted().close(mids).await }
    }

    /// Closes tracks with the agent's offer, in which their transceivers are
    /// stopped (`PUT tracks/close`). The answer goes back to the agent. If the
    /// SFU makes an offer of its own instead, the agent rolls its offer back and
    /// answers.
    ///
    /// At least one media section has to stay: an offer that rejects all of
    /// them ends the transport.
    ///
    /// ```no_run
    /// # use cloudflare_calls::session::Negotiation;
    /// # use cloudflare_calls::{Answer, Error, Mid, Offer, Session, prelude::*};
    /// # async fn roll_back_and_ask_agent(offer: &Offer) -> Answer { todo!() }
    /// # async fn example(session: Session, offer: Offer, mid: Mid) -> Result<Option<Answer>, Error> {
    /// match session.close_negotiated(offer, [mid]).await? {
    ///     Negotiation::Answer(closed) => Ok(Some(closed.answer)),
    ///     Negotiation::Offer(pending) => {
    ///         let answer = roll_back_and_ask_agent(pending.offer()).await;
    ///         pending.answer(answer).await?.into_result()?;
    ///         Ok(None)
    ///     }
    ///     // Nothing was negotiated: the agent rolls its offer back.
    ///     Negotiation::Done(_) => Ok(None),
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Invalid`] for no track or more than
    /// [`MAX_TRACKS`](crate::tracks::MAX_TRACKS); [`Error::Unusable`];
    /// [`Error::Request`], which does not mean that nothing was closed: the API
    /// may close tracks before it refuses the rest, so they are in doubt;
    /// [`Error::Contradiction`] if tracks were closed and there is no answer.
    fn close_negotiated(
        &self,
        offer: Offer,
        mids: impl IntoIterator<Item = Mid>,
    ) -> impl Future<Output = Result<Negotiation<Closed>, Error>> + Send {
        let entry = self.access().begin(Step::CloseNegotiated, &[Action::Close]);
        let mids = distinct(mids);
        async move { close_by_offer(entry?.counted(), offer, mids).await }
    }
}

impl CloseExt for Session {}
#[cfg(feature = "token")]
impl CloseExt for GuardedSession {}

/// Returns each mid once, in the order of its first place.
fn distinct(mids: impl IntoIterator<Item = Mid>) -> Vec<Mid> {
    let mut distinct = Vec::new();
    for mid in mids {
        if !distinct.contains(&mid) {
            distinct.push(mid);
        }
    }
    distinct
}

impl Closer<Mid> for Change {
    type Entry = CloseTrackResult;

    const MAX: usize = MAX_TRACKS;

    fn step(&self) -> Step {
        self.entry.step()
    }

    fn is_gone(&self) -> bool {
        self.turn.is_gone()
    }

    async fn close(&mut self, batch: &[Mid]) -> Result<Vec<CloseTrackResult>, Error> {
        let session = self.session().clone();
        let request = CloseTracksRequest::forced(batch.iter().map(Mid::as_str));
        let send = || session.client().close_tracks(session.id(), &request).send();
        let keys = batch.iter().cloned().map(Key::from);
        Ok(self.call_to_close(keys, send).await?.tracks)
    }

    fn is_for(mid: &Mid, entry: &CloseTrackResult) -> Option<bool> {
        (!entry.mid.is_empty()).then(|| entry.mid == mid.as_str())
    }

    fn ended(&mut self, mid: &Mid, end: End) -> bool {
        self.session().ledger().ended(mid.clone(), end)
    }
}

async fn close_by_offer(
    entry: Entry,
    offer: Offer,
    mids: Vec<Mid>,
) -> Result<Negotiation<Closed>, Error> {
    let request = CloseTracksRequest::negotiated(mids.iter().map(Mid::as_str), offer.sdp());
    request.check().map_err(Error::invalid(entry.step()))?;
    let effect = Effect::exchange(CLOSE_TRACKS).closing(mids.iter().cloned());
    let closed = entry.exchange(effect, move |change| {
        Box::pin(async move {
            let session = change.session().clone();
            let send = || session.client().close_tracks(session.id(), &request).send();
            let reply = match change.call(send).await {
                Ok(reply) => reply,
                Err(error) if error.is_gone_already() => {
                    let mut closed = Closed::new(change.entry.step());
                    for mid in mids {
                        Closer::<Mid>::ended(change, &mid, End::Closed);
                        closed.done.push(mid);
                    }
                    change.turn.safe();
                    return Ok(Negotiation::Done(closed));
                }
                Err(error) => {
                    // The API may have closed some tracks before it refused the rest.
                    for mid in &mids {
                        Closer::<Mid>::ended(change, mid, End::Unknown);
                    }
                    return Err(error);
                }
            };
            let CloseTracksResponse { session_description, tracks, .. } = reply;
            let closed = settled(change, mids, tracks);
            let is_needed = !closed.done.is_empty();
            change.answered_or_offered(session_description, is_needed, closed, Closed::text)
        })
    });
    let closed = closed.await?;
    report(closed.outcome());
    Ok(closed)
}

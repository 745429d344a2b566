//! Step of "Remote client joins": its tracks are subscribed to.

use super::entry::{NEW_TRACKS, mid_of};
use super::types::{RemoteTrack, Subscribed, SubscribedTrack};
use crate::action::Action;
use crate::error::Error;
use crate::generated::types::{SessionDescription, TrackResult, TracksRequest};
use crate::outcome::{Entry as _, settle, text};
use crate::sdp::Offer;
use crate::session::access::{Entry, Handle};
use crate::session::change::Change;
use crate::session::exchange::Negotiation;
use crate::session::exchanged::OfExchange;
use crate::session::handle::Session;
use crate::session::ledger::Transport;
use crate::session::repeat::{Earlier, until_published};
use crate::session::turns::Effect;
use crate::step::Step;
#[cfg(feature = "token")]
use crate::token::guard::GuardedSession;

/// Subscribing to tracks of other sessions.
pub trait SubscribeExt: Handle {
    /// Subscribes to tracks of other sessions (`POST tracks/new`).
    ///
    /// If a media section has to be added, the SFU makes an offer, and the agent's answer has to be
    /// brought. Tracks that are not published yet are asked for again, alone, as long as the
    /// session's [`RetryPolicy`](crate::RetryPolicy) allows and no offer is open; the missing ones
    /// are in [`Outcome::failed`](crate::Outcome::failed), to be asked for later.
    ///
    /// ```no_run
    /// # use cloudflare_calls::session::Negotiation;
    /// # use cloudflare_calls::{Answer, Error, Offer, Session, prelude::*};
    /// # use cloudflare_calls::{tracks::RemoteTrack, types::SessionId};
    /// # async fn ask_agent(offer: &Offer) -> Answer { todo!() }
    /// # async fn example(session: Session, other: SessionId) -> Result<(), Error> {
    /// let subscribed = match session.subscribe([RemoteTrack::new(other, "mic")]).await? {
    ///     Negotiation::Offer(pending) => {
    ///         let answer = ask_agent(pending.offer()).await;
    ///         pending.answer(answer).await?
    ///     }
    ///     Negotiation::Answer(answered) => answered.outcome,
    ///     Negotiation::Done(subscribed) => subscribed,
    /// };
    /// for failed in &subscribed.failed {
    ///     println!("{}: {}", failed.item, failed.error);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Invalid`] for no track, more than
    /// [`MAX_TRACKS`](crate::tracks::MAX_TRACKS) or an empty name; [`Error::Denied`]
    /// for a publisher that the handle may not pull from;
    /// [`Error::Unusable`]; [`Error::Request`]; [`Error::Contradiction`].
    fn subscribe(
        &self,
        tracks: impl IntoIterator<Item = RemoteTrack>,
    ) -> impl Future<Output = Result<Negotiation<Subscribed>, Error>> + Send {
        let tracks: Vec<RemoteTrack> = tracks.into_iter().collect();
        let entry = self.access().begin(Step::Subscribe, &[Action::Subscribe]);
        async move {
            let entry = entry?.counted();
            tracks.iter().try_for_each(|track| entry.may_pull(track.publisher()))?;
            until_published(&entry, tracks, |missing, earlier| {
                subscribe(&entry, missing, earlier, None)
            })
            .await
        }
    }

    /// Subscribes to tracks of other sessions on media sections that the agent
    /// offers to receive on (`POST tracks/new` with the agent's offer), as WHEP
    /// players do.
    ///
    /// The SFU's answer is in the reply, so no other request is needed. Each track
    /// takes the first section of its kind that receives and is free, or the one
    /// that [`RemoteTrack::in_section`] names. If the SFU makes an offer of its own
    /// instead, or nothing is negotiated, the agent rolls its offer back. Tracks
    /// are asked for again only as long as nothing is negotiated.
    ///
    /// ```no_run
    /// # use cloudflare_calls::session::Negotiation;
    /// # use cloudflare_calls::{Answer, Error, Offer, Session, prelude::*, tracks::RemoteTrack};
    /// # async fn roll_back_and_ask_agent(offer: &Offer) -> Answer { todo!() }
    /// # async fn example(session: Session, offer: Offer, track: RemoteTrack) -> Result<Option<Answer>, Error> {
    /// match session.subscribe_with(offer, [track]).await? {
    ///     Negotiation::Answer(subscribed) => Ok(Some(subscribed.answer)),
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
    /// As [`subscribe`](SubscribeExt::subscribe).
    fn subscribe_with(
        &self,
        offer: Offer,
        tracks: impl IntoIterator<Item = RemoteTrack>,
    ) -> impl Future<Output = Result<Negotiation<Subscribed>, Error>> + Send {
        let tracks: Vec<RemoteTrack> = tracks.into_iter().collect();
        let entry = self.access().begin(Step::SubscribeWith, &[Action::Subscribe]);
        async move {
            let entry = entry?.counted();
            tracks.iter().try_for_each(|track| entry.may_pull(track.publisher()))?;
            let ask = |missing, earlier| subscribe(&entry, missing, earlier, Some(offer.clone()));
            until_published(&entry, tracks, ask).await
        }
    }
}

impl SubscribeExt for Session {}
#[cfg(feature = "token")]
impl SubscribeExt for GuardedSession {}

async fn subscribe(
    entry: &Entry,
    tracks: Vec<RemoteTrack>,
    earlier: Earlier<SubscribedTrack, RemoteTrack>,
    offer: Option<Offer>,
) -> Result<Negotiation<Subscribed>, Error> {
    let is_offered = offer.is_some();
    let has_data = offer.as_ref().is_some_and(Offer::has_data_section);
    let mut request = TracksRequest::new().tracks(tracks.iter().map(RemoteTrack::request));
    request.session_description = offer.map(SessionDescription::from);
    request.check().map_err(Error::invalid(entry.step()))?;
    let names = tracks.iter().map(|track| track.name().to_owned());
    let effect = Effect::exchange(NEW_TRACKS).pulling().names(names);
    let subscribed = entry.exchange(effect, move |change| {
        Box::pin(async move {
            let session = change.session().clone();
            let send = || session.client().new_tracks(session.id(), &request).send();
            let reply = change.call(send).await?;
            let outcome = subscribed(change, tracks, reply.tracks);
            let text = |last: &Subscribed| earlier.and(last).text();
            let (description, requires) =
                (reply.session_description, reply.requires_immediate_renegotiation);
            if !is_offered {
                return change.negotiated(description, requires, outcome, text);
            }
            if has_data && description.is_some() {
                change.session().ledger().transport = Transport::Unknown;
            }
            let is_needed = !outcome.done.is_empty();
            change.answered_or_offered(description, is_needed, outcome, text)
        })
    });
    subscribed.await
}

/// Sorts the entries and adds the subscriptions to the ledger.
fn subscribed(change: &Change, asked: Vec<RemoteTrack>, entries: Vec<TrackResult>) -> Subscribed {
    let is_for = |track: &RemoteTrack, entry: &TrackResult| {
        let name = text(&entry.track_name)?;
        let is_publisher = entry.session_id.as_ref().is_none_or(|id| id == track.publisher());
        Some(name == track.name() && is_publisher)
    };
    let read = |_: &RemoteTrack, entry: TrackResult| entry.read(mid_of);
    let step = change.entry.step();
    let (outcome, unasked) = settle(step, asked, entries, is_for, read, RemoteTrack::subscribed);
    let mut ledger = change.session().ledger();
    for track in &outcome.done {
        let source = (track.publisher.clone(), track.name.clone());
        ledger.open(track.mid.clone(), Some(source));
    }
    for mid in unasked.into_iter().filter_map(|entry| entry.read(mid_of).ok()) {
        ledger.open(mid, None);
    }
    // These tracks may exist, on media sections of unknown mids.
    ledger.doubt_unreported(NEW_TRACKS, &outcome.failed);
    outcome
}

//! "Remote client joins": its tracks.

use std::fmt;

use super::publish::PublishedTrack;
use super::sealed::Handle;
use crate::action::Action;
use crate::negotiation::Negotiation;
use crate::outcome::{assign, complete};
use crate::session::Effect;
use crate::types::{
    SessionId, Simulcast, Track, TrackKind, TrackLocation, TrackResult, TracksRequest,
};
use crate::{Error, Failed, ItemError, Mid, Session};

/// The name of the generated client's method, for errors.
const NEW_TRACKS: &str = "new_tracks";

/// Subscribing to tracks of other sessions.
pub trait SubscribeExt: Handle {
    /// Subscribes to tracks of other sessions (`POST tracks/new`).
    ///
    /// If a media section has to be added, the SFU makes an offer, and the
    /// agent's answer has to be brought. Tracks that are not published yet are
    /// asked for again, alone, as long as the session's
    /// [`RetryPolicy`](crate::RetryPolicy) allows and no offer is open; those
    /// that are left are in [`Subscribed::failed`], to be asked for later.
    ///
    /// ```no_run
    /// # use cloudflare_calls::{Answer, Error, Negotiation, Offer, RemoteTrack, Session, prelude::*};
    /// # use cloudflare_calls::types::SessionId;
    /// # async fn ask_agent(offer: &Offer) -> Answer { todo!() }
    /// # async fn example(session: Session, other: SessionId) -> Result<(), Error> {
    /// let subscribed = match session.subscribe([RemoteTrack::new(other, "mic")]).await? {
    ///     Negotiation::Offer(pending) => {
    ///         let answer = ask_agent(pending.offer()).await;
    ///         pending.answer(answer).await?
    ///     }
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
    /// [`MAX_TRACKS`](crate::MAX_TRACKS) or an empty name; [`Error::Denied`]
    /// for a publisher that the handle may not pull from;
    /// [`Error::Unusable`]; [`Error::Request`]; [`Error::Contradiction`].
    fn subscribe(
        &self,
        tracks: impl IntoIterator<Item = RemoteTrack>,
    ) -> impl Future<Output = Result<Negotiation<Subscribed>, Error>> + Send {
        let tracks: Vec<RemoteTrack> = tracks.into_iter().collect();
        let session = self.enter("subscribe", Action::Subscribe).and_then(|session| {
            tracks.iter().try_for_each(|track| self.may_pull("subscribe", &track.publisher))?;
            Ok(session)
        });
        async move { session?.subscribe_until_published(tracks).await }
    }
}

impl<H: Handle> SubscribeExt for H {}

/// A track of another session.
#[derive(Clone, Debug, PartialEq)]
pub struct RemoteTrack {
    publisher: SessionId,
    name: String,
    simulcast: Option<Simulcast>,
    transceiver: Option<(String, TrackKind)>,
}

impl RemoteTrack {
    /// The track that the session `publisher` publishes under `name`.
    pub fn new(publisher: SessionId, name: impl Into<String>) -> Self {
        Self { publisher, name: name.into(), simulcast: None, transceiver: None }
    }

    /// Which layer of a simulcast track to receive.
    pub fn simulcast(mut self, simulcast: Simulcast) -> Self {
        self.simulcast = Some(simulcast);
        self
    }

    /// Uses the transceiver of a track that this session publishes under
    /// `name` as `bidirectional`, so that no media section is added.
    pub fn on_transceiver_of(mut self, name: impl Into<String>, kind: TrackKind) -> Self {
        self.transceiver = Some((name.into(), kind));
        self
    }

    /// The session that publishes the track.
    pub fn publisher(&self) -> &SessionId {
        &self.publisher
    }

    /// The track's name on the publisher's session.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn request(&self) -> Track {
        let mut track = Track::new()
            .location(TrackLocation::Remote)
            .session_id(self.publisher.clone())
            .track_name(&self.name);
        track.simulcast = self.simulcast.clone();
        match &self.transceiver {
            Some((name, kind)) => track.mid(format!("#{name}")).kind(kind.clone()),
            None => track,
        }
    }
}

impl From<&PublishedTrack> for RemoteTrack {
    /// The published track as the others see it.
    fn from(track: &PublishedTrack) -> Self {
        Self::new(track.session.clone(), &track.name)
    }
}

impl fmt::Display for RemoteTrack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// What became of subscriptions.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Subscribed {
    /// The subscriptions that were made.
    pub tracks: Vec<SubscribedTrack>,
    /// Those that were not, and why.
    pub failed: Vec<Failed<RemoteTrack>>,
}

/// A subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SubscribedTrack {
    /// The session that publishes the track.
    pub publisher: SessionId,
    /// The track's name on the publisher's session.
    pub name: String,
    /// Its media section on the subscriber's session, to close or update it.
    pub mid: Mid,
}

impl Subscribed {
    /// # Errors
    /// [`Error::Items`] if a subscription failed.
    pub fn complete(&self) -> Result<(), Error> {
        complete(NEW_TRACKS, &self.failed)
    }

    /// The tracks for which another `subscribe` may succeed: they are not
    /// published yet, or met a fault that may pass.
    pub fn retryable(&self) -> Vec<RemoteTrack> {
        let may_pass = self.failed.iter().filter(|failed| failed.error.is_retryable());
        may_pass.map(|failed| failed.item.clone()).collect()
    }

    fn extend(mut self, more: Self) -> Self {
        self.tracks.extend(more.tracks);
        self.failed.extend(more.failed);
        self
    }
}

impl Session {
    async fn subscribe_until_published(
        self,
        tracks: Vec<RemoteTrack>,
    ) -> Result<Negotiation<Subscribed>, Error> {
        let mut retries = self.settings().retry.start();
        let mut so_far = Subscribed::default();
        let mut missing = tracks;
        let mut reasons = Vec::new();
        loop {
            let mut got = match self.subscribe_once(missing).await {
                Ok(Negotiation::Done(got)) => got,
                Ok(offer) => return Ok(offer.map(|got| so_far.extend(got))),
                Err(error) if so_far.tracks.is_empty() => return Err(error),
                Err(_) => {
                    // What there is must not be lost with what there is not.
                    so_far.failed.append(&mut reasons);
                    return Ok(Negotiation::Done(so_far));
                }
            };
            (reasons, got.failed) =
                got.failed.into_iter().partition(|failed| failed.error.is_retryable());
            so_far = so_far.extend(got);
            let Some(again) = retries.again(NEW_TRACKS, &reasons).await else {
                so_far.failed.append(&mut reasons);
                return Ok(Negotiation::Done(so_far));
            };
            missing = again;
        }
    }

    async fn subscribe_once(
        &self,
        tracks: Vec<RemoteTrack>,
    ) -> Result<Negotiation<Subscribed>, Error> {
        const OPERATION: &str = "subscribe";
        let request = TracksRequest::new().tracks(tracks.iter().map(RemoteTrack::request));
        request.check().map_err(Error::invalid(OPERATION))?;
        self.change(OPERATION, |session, mut turn| async move {
            let names = || tracks.iter().map(|track| track.name.clone()).collect();
            let send = || session.client().new_tracks(session.id(), &request).send();
            let reply = session.call(&mut turn, Effect::Negotiates, names, send).await?;
            let subscribed = session.subscribed(tracks, reply.tracks);
            let requires = reply.requires_immediate_renegotiation;
            let offer = reply.session_description;
            Negotiation::new(session, turn, NEW_TRACKS, offer, requires, subscribed)
        })
        .await
    }

    /// Sorts the results and takes the subscriptions into the ledger.
    fn subscribed(&self, asked: Vec<RemoteTrack>, results: Vec<TrackResult>) -> Subscribed {
        let is_for = |track: &RemoteTrack, result: &TrackResult| {
            result.track_name.as_ref() == Some(&track.name)
                && result.session_id.as_ref().is_none_or(|session| *session == track.publisher)
        };
        let is_anonymous =
            |result: &TrackResult| result.track_name.as_ref().is_none_or(|name| name.is_empty());
        let (assigned, unasked) = assign(&asked, results, is_for, is_anonymous);
        let mut ledger = self.ledger();
        let mut subscribed = Subscribed::default();
        for (track, result) in asked.into_iter().zip(assigned) {
            let error = match result {
                None => {
                    // It may exist; what it is called is not known.
                    ledger.uncertain(NEW_TRACKS, vec![track.name.clone()]);
                    ItemError::Unreported
                }
                Some(result) => {
                    let error = ItemError::of(&result.error_code, &result.error_description);
                    match (error, result.mid.and_then(|mid| Mid::new(mid).ok())) {
                        (Some(error), _) => error,
                        (None, None) => ItemError::Unnamed,
                        (None, Some(mid)) => {
                            let RemoteTrack { publisher, name, .. } = track;
                            ledger.subscribed(mid.clone(), publisher.clone(), &name);
                            subscribed.tracks.push(SubscribedTrack { publisher, name, mid });
                            continue;
                        }
                    }
                }
            };
            subscribed.failed.push(Failed::new(NEW_TRACKS, track, error));
        }
        for result in unasked.into_iter().filter(|result| result.error_code.is_none()) {
            if let Some(Ok(mid)) = result.mid.map(Mid::new) {
                ledger.opened(mid);
            }
        }
        let (tracks, failed) = (subscribed.tracks.len(), subscribed.failed.len());
        tracing::debug!(tracks, failed, "subscribed");
        subscribed
    }
}

//! "Client joins": its tracks.

use std::fmt;

use super::sealed::Handle;
use crate::action::Action;
use crate::negotiation::Negotiation;
use crate::outcome::{assign, complete};
use crate::session::Effect;
use crate::types::{
    SessionDescription, SessionId, Track, TrackKind, TrackLocation, TrackResult, TracksRequest,
    TracksResponse,
};
use crate::{Answer, Error, Failed, ItemError, Mid, Offer, Session, Unfinished};

/// The name of the generated client's method, for errors.
const NEW_TRACKS: &str = "new_tracks";

/// Publishing an agent's tracks.
pub trait PublishExt: Handle {
    /// Publishes tracks of the agent's offer (`POST tracks/new`). The answer
    /// goes back to the agent.
    ///
    /// ```no_run
    /// # use cloudflare_calls::{Answer, Error, LocalTrack, Mid, Offer, Session, prelude::*};
    /// # async fn example(session: Session, offer: Offer, mid: Mid) -> Result<Answer, Error> {
    /// let published = session.publish(offer, [LocalTrack::new(mid, "mic")]).await?;
    /// published.complete()?; // or look at `published.failed`
    /// # Ok(
    /// published.answer
    /// # )
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Invalid`] for no track, more than
    /// [`MAX_TRACKS`](crate::MAX_TRACKS), an empty name or a mid that comes
    /// twice; [`Error::Items`] if nothing was published and there is no answer:
    /// the agent rolls its offer back; [`Error::Unusable`]; [`Error::Request`];
    /// [`Error::Contradiction`].
    fn publish(
        &self,
        offer: Offer,
        tracks: impl IntoIterator<Item = LocalTrack>,
    ) -> impl Future<Output = Result<Published, Error>> + Send {
        let session = self.enter("publish", Action::Publish);
        let tracks: Vec<LocalTrack> = tracks.into_iter().collect();
        async move { session?.publish_offer("publish", offer, tracks, false).await }
    }

    /// Publishes every new track of the agent's offer under a name that the
    /// SFU makes up (`POST tracks/new` with `autoDiscover`).
    ///
    /// ```no_run
    /// # use cloudflare_calls::{Error, Offer, Session, prelude::*};
    /// # async fn example(session: Session, offer: Offer) -> Result<(), Error> {
    /// for track in session.publish_all(offer).await?.tracks {
    ///     println!("{} is {}", track.mid, track.name);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`publish`](PublishExt::publish).
    fn publish_all(&self, offer: Offer) -> impl Future<Output = Result<Published, Error>> + Send {
        let session = self.enter("publish_all", Action::Publish);
        async move { session?.publish_offer("publish_all", offer, Vec::new(), true).await }
    }

    /// Publishes tracks for which the SFU makes the offer (`POST tracks/new`
    /// without a session description).
    ///
    /// ```no_run
    /// # use cloudflare_calls::{Answer, Error, Negotiation, Offer, OfferedTrack, Session, prelude::*};
    /// # async fn ask_agent(offer: &Offer) -> Answer { todo!() }
    /// # async fn example(session: Session) -> Result<(), Error> {
    /// let microphone = OfferedTrack::audio("mic").bidirectional();
    /// let published = match session.publish_without_offer([microphone]).await? {
    ///     Negotiation::Offer(pending) => {
    ///         let answer = ask_agent(pending.offer()).await;
    ///         pending.answer(answer).await?
    ///     }
    ///     Negotiation::Done(published) => published,
    /// };
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`publish`](PublishExt::publish).
    fn publish_without_offer(
        &self,
        tracks: impl IntoIterator<Item = OfferedTrack>,
    ) -> impl Future<Output = Result<Negotiation<PublishedTracks>, Error>> + Send {
        let session = self.enter("publish_without_offer", Action::Publish);
        let tracks: Vec<OfferedTrack> = tracks.into_iter().collect();
        async move { session?.publish_offered(tracks).await }
    }
}

impl<H: Handle> PublishExt for H {}

/// A track to be published, as the agent's offer has it.
#[derive(Clone, Debug, PartialEq)]
pub struct LocalTrack {
    mid: Mid,
    name: String,
    bidirectional: Option<TrackKind>,
}

impl LocalTrack {
    /// The media section `mid` of the offer, under a name that is not used yet
    /// on the session. With the session's id, others find the track by it.
    pub fn new(mid: Mid, name: impl Into<String>) -> Self {
        Self { mid, name: name.into(), bidirectional: None }
    }

    /// Lets the transceiver carry a subscription as well; see
    /// [`RemoteTrack::on_transceiver_of`](crate::RemoteTrack::on_transceiver_of).
    pub fn bidirectional(mut self, kind: TrackKind) -> Self {
        self.bidirectional = Some(kind);
        self
    }

    /// The media section of the offer.
    pub fn mid(&self) -> &Mid {
        &self.mid
    }

    /// The name that the track is to have on the session.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn request(&self) -> Track {
        let track = Track::new()
            .location(TrackLocation::Local)
            .mid(self.mid.as_str())
            .track_name(&self.name);
        match &self.bidirectional {
            Some(kind) => track.bidirectional_media_stream(true).kind(kind.clone()),
            None => track,
        }
    }
}

/// A track to be published for which the SFU makes the offer.
#[derive(Clone, Debug, PartialEq)]
pub struct OfferedTrack {
    name: String,
    kind: TrackKind,
    is_bidirectional: bool,
}

impl OfferedTrack {
    /// Sound, under a name that is not used yet on the session.
    pub fn audio(name: impl Into<String>) -> Self {
        Self { name: name.into(), kind: TrackKind::Audio, is_bidirectional: false }
    }

    /// Pictures, under a name that is not used yet on the session.
    pub fn video(name: impl Into<String>) -> Self {
        Self { name: name.into(), kind: TrackKind::Video, is_bidirectional: false }
    }

    /// Lets the transceiver carry a subscription as well. Offers of the SFU
    /// have been seen to work with this only.
    pub fn bidirectional(mut self) -> Self {
        self.is_bidirectional = true;
        self
    }

    /// The name that the track is to have on the session.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn request(&self) -> Track {
        let track = Track::new()
            .location(TrackLocation::Local)
            .track_name(&self.name)
            .kind(self.kind.clone());
        if self.is_bidirectional { track.bidirectional_media_stream(true) } else { track }
    }
}

/// What became of the tracks of an agent's offer.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
#[must_use = "the answer has to go back to the agent"]
pub struct Published {
    /// The SFU's answer, for the agent's `setRemoteDescription`.
    pub answer: Answer,
    /// What was published.
    pub tracks: Vec<PublishedTrack>,
    /// What was not, by name, and why.
    pub failed: Vec<Failed<String>>,
}

/// What became of tracks for which the SFU made the offer.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct PublishedTracks {
    /// What was published.
    pub tracks: Vec<PublishedTrack>,
    /// What was not, by name, and why.
    pub failed: Vec<Failed<String>>,
}

/// A published track. Others find it by `session` and `name`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PublishedTrack {
    /// The session that publishes it.
    pub session: SessionId,
    /// Its name on that session.
    pub name: String,
    /// Its media section on that session, to close it.
    pub mid: Mid,
}

impl Published {
    /// # Errors
    /// [`Error::Items`] if a track failed.
    pub fn complete(&self) -> Result<(), Error> {
        complete(NEW_TRACKS, &self.failed)
    }
}

impl PublishedTracks {
    /// # Errors
    /// [`Error::Items`] if a track failed.
    pub fn complete(&self) -> Result<(), Error> {
        complete(NEW_TRACKS, &self.failed)
    }
}

impl fmt::Display for PublishedTrack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl Session {
    async fn publish_offer(
        self,
        operation: &'static str,
        offer: Offer,
        tracks: Vec<LocalTrack>,
        discover: bool,
    ) -> Result<Published, Error> {
        let mut request = TracksRequest::new()
            .session_description(SessionDescription::from(offer))
            .tracks(tracks.iter().map(LocalTrack::request));
        if discover {
            request = request.auto_discover(true);
        }
        request.check().map_err(Error::invalid(operation))?;
        let wanted = tracks.into_iter().map(|track| (Some(track.mid), track.name)).collect();
        let work = |session: Self, mut turn| async move {
            let (PublishedTracks { tracks, failed }, reply) =
                session.new_local_tracks(&mut turn, request, wanted).await?;
            let Some(answer) = reply.session_description.and_then(Answer::received) else {
                if !tracks.is_empty() || failed.is_empty() {
                    let problem = "there is no answer to the offer";
                    return Err(Error::Contradiction { operation: NEW_TRACKS, problem });
                }
                // Nothing was negotiated.
                turn.safe();
                complete(NEW_TRACKS, &failed)?;
                return Err(Error::Contradiction { operation: NEW_TRACKS, problem: "no track" });
            };
            turn.at_risk(Unfinished::ReplyDropped);
            Ok((turn, Published { answer, tracks, failed }))
        };
        let (mut turn, published) = self.change(operation, work).await?;
        turn.safe();
        Ok(published)
    }

    async fn publish_offered(
        self,
        tracks: Vec<OfferedTrack>,
    ) -> Result<Negotiation<PublishedTracks>, Error> {
        const OPERATION: &str = "publish_without_offer";
        let request = TracksRequest::new().tracks(tracks.iter().map(OfferedTrack::request));
        request.check().map_err(Error::invalid(OPERATION))?;
        let wanted = tracks.into_iter().map(|track| (None, track.name)).collect();
        self.change(OPERATION, |session, mut turn| async move {
            let (published, reply) = session.new_local_tracks(&mut turn, request, wanted).await?;
            let requires = reply.requires_immediate_renegotiation;
            let offer = reply.session_description;
            Negotiation::new(session, turn, NEW_TRACKS, offer, requires, published)
        })
        .await
    }

    /// Makes the request and takes what was published into the ledger.
    async fn new_local_tracks(
        &self,
        turn: &mut crate::session::Turn,
        request: TracksRequest,
        wanted: Vec<(Option<Mid>, String)>,
    ) -> Result<(PublishedTracks, TracksResponse), Error> {
        let names = || wanted.iter().map(|(_, name)| name.clone()).collect();
        let send = || self.client().new_tracks(self.id(), &request).send();
        match self.call(turn, Effect::Negotiates, names, send).await {
            Ok(mut reply) => {
                let tracks = std::mem::take(&mut reply.tracks);
                Ok((self.published(wanted, tracks), reply))
            }
            Err(error) => {
                if error.outcome_unknown() {
                    // Their mids are the agent's, so they can be closed all the same.
                    let mut ledger = self.ledger();
                    wanted.into_iter().filter_map(|(mid, _)| mid).for_each(|mid| {
                        ledger.may_be_open(mid);
                    });
                }
                Err(error)
            }
        }
    }

    fn published(
        &self,
        wanted: Vec<(Option<Mid>, String)>,
        results: Vec<TrackResult>,
    ) -> PublishedTracks {
        let text = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let is_for = |(mid, name): &(Option<Mid>, String), result: &TrackResult| match (
            mid,
            text(&result.mid),
        ) {
            (Some(mid), Some(got)) => got == mid.as_str(),
            _ => result.track_name.as_ref() == Some(name),
        };
        let is_anonymous = |result: &TrackResult| {
            text(&result.mid).is_none() && text(&result.track_name).is_none()
        };
        let (assigned, unasked) = assign(&wanted, results, is_for, is_anonymous);
        let found = unasked.into_iter().map(|result| ((None, String::new()), Some(result)));
        let (mut tracks, mut failed) = (Vec::new(), Vec::new());
        for ((mid, name), result) in wanted.into_iter().zip(assigned).chain(found) {
            let Some(result) = result else {
                // Whether it is open is unknown, so it stays to be closed.
                let mut ledger = self.ledger();
                ledger.uncertain(NEW_TRACKS, vec![name.clone()]);
                if let Some(mid) = mid {
                    ledger.may_be_open(mid);
                }
                drop(ledger);
                failed.push(Failed::new(NEW_TRACKS, name, ItemError::Unreported));
                continue;
            };
            let name =
                if name.is_empty() { text(&result.track_name).unwrap_or_default() } else { name };
            if let Some(error) = ItemError::of(&result.error_code, &result.error_description) {
                failed.push(Failed::new(NEW_TRACKS, name, error));
                continue;
            }
            match mid.or_else(|| Mid::new(result.mid?).ok()) {
                Some(mid) => {
                    self.ledger().opened(mid.clone());
                    tracks.push(PublishedTrack { session: self.id().clone(), name, mid });
                }
                None => failed.push(Failed::new(NEW_TRACKS, name, ItemError::Unnamed)),
            }
        }
        tracing::debug!(tracks = tracks.len(), failed = failed.len(), "published");
        PublishedTracks { tracks, failed }
    }
}

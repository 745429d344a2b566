//! Changing what a subscription receives.

use std::fmt;

use super::sealed::Handle;
use crate::action::Action;
use crate::outcome::{assign, complete};
use crate::session::Effect;
use crate::types::{SessionId, Simulcast, Track, TrackLocation, TrackResult, UpdateTracksRequest};
use crate::{Error, Failed, Invalid, ItemError, Mid, Problem, Session};

/// The name of the generated client's method, for errors.
const UPDATE_TRACKS: &str = "update_tracks";

/// Changing what subscriptions receive.
pub trait UpdateExt: Handle {
    /// Changes the layer or the source of subscriptions
    /// (`PUT tracks/update`), without an exchange of session descriptions.
    ///
    /// ```no_run
    /// # use cloudflare_calls::{Error, Mid, Session, TrackUpdate, prelude::*, types::Simulcast};
    /// # async fn example(session: Session, mid: Mid) -> Result<(), Error> {
    /// let low = Simulcast::new().preferred_rid("l");
    /// session.update([TrackUpdate::layer(mid, low)]).await?.complete()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Invalid`] for no track, more than
    /// [`MAX_TRACKS`](crate::MAX_TRACKS), or a mid without a known source;
    /// [`Error::Denied`]; [`Error::Unusable`]; [`Error::Request`].
    fn update(
        &self,
        updates: impl IntoIterator<Item = TrackUpdate>,
    ) -> impl Future<Output = Result<Updated, Error>> + Send {
        let updates: Vec<TrackUpdate> = updates.into_iter().collect();
        let session = self.enter("update", Action::Update).and_then(|session| {
            let sources = updates.iter().filter_map(|update| update.source.as_ref());
            sources
                .into_iter()
                .try_for_each(|(publisher, _)| self.may_pull("update", publisher))?;
            Ok(session)
        });
        async move { session?.update_tracks(updates).await }
    }
}

impl<H: Handle> UpdateExt for H {}

/// A change of a subscription.
#[derive(Clone, Debug, PartialEq)]
pub struct TrackUpdate {
    mid: Mid,
    source: Option<(SessionId, String)>,
    simulcast: Option<Simulcast>,
}

impl TrackUpdate {
    /// Receives another layer of the same simulcast track.
    pub fn layer(mid: Mid, simulcast: Simulcast) -> Self {
        Self { mid, source: None, simulcast: Some(simulcast) }
    }

    /// Receives another track on the same media section.
    pub fn source(mid: Mid, publisher: SessionId, name: impl Into<String>) -> Self {
        Self { mid, source: Some((publisher, name.into())), simulcast: None }
    }

    /// Which layer of the other track to receive.
    pub fn simulcast(mut self, simulcast: Simulcast) -> Self {
        self.simulcast = Some(simulcast);
        self
    }

    /// The media section of the subscription.
    pub fn mid(&self) -> &Mid {
        &self.mid
    }
}

impl fmt::Display for TrackUpdate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.mid.fmt(f)
    }
}

/// What became of changes of subscriptions.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Updated {
    /// The subscriptions that were changed.
    pub mids: Vec<Mid>,
    /// The changes that were not made, and why.
    pub failed: Vec<Failed<TrackUpdate>>,
}

impl Updated {
    /// # Errors
    /// [`Error::Items`] if a change failed.
    pub fn complete(&self) -> Result<(), Error> {
        complete(UPDATE_TRACKS, &self.failed)
    }
}

impl Session {
    async fn update_tracks(self, updates: Vec<TrackUpdate>) -> Result<Updated, Error> {
        const OPERATION: &str = "update";
        self.change(OPERATION, |session, mut turn| async move {
            let (request, sources) =
                session.update_request(&updates).map_err(Error::invalid(OPERATION))?;
            let send = || session.client().update_tracks(session.id(), &request).send();
            let reply = session.call(&mut turn, Effect::Changes, Vec::new, send).await?;
            if reply.requires_immediate_renegotiation == Some(true) {
                // The reply has no place for an offer.
                turn.at_risk(crate::Unfinished::ReplyContradictory);
                let problem = "an exchange is required and there is no offer";
                return Err(Error::Contradiction { operation: UPDATE_TRACKS, problem });
            }
            Ok(session.updated(updates, sources, reply.tracks))
        })
        .await
    }

    /// The request; a source that is not given is the one that there is.
    #[allow(clippy::type_complexity)] // Not worth a type of its own.
    fn update_request(
        &self,
        updates: &[TrackUpdate],
    ) -> Result<(UpdateTracksRequest, Vec<(SessionId, String)>), Invalid> {
        let ledger = self.ledger();
        let (mut tracks, mut sources) = (Vec::new(), Vec::new());
        for (index, update) in updates.iter().enumerate() {
            let held = || ledger.tracks.get(&update.mid)?.source.clone();
            let Some((publisher, name)) = update.source.clone().or_else(held) else {
                return Err(Invalid::new(format!("tracks[{index}].trackName"), Problem::Missing));
            };
            let mut track = Track::new()
                .location(TrackLocation::Remote)
                .mid(update.mid.as_str())
                .session_id(publisher.clone())
                .track_name(&name);
            track.simulcast = update.simulcast.clone();
            tracks.push(track);
            sources.push((publisher, name));
        }
        let request = UpdateTracksRequest::new().tracks(tracks);
        request.check()?;
        Ok((request, sources))
    }

    fn updated(
        &self,
        updates: Vec<TrackUpdate>,
        sources: Vec<(SessionId, String)>,
        results: Vec<TrackResult>,
    ) -> Updated {
        let mid = |result: &TrackResult| result.mid.clone().filter(|mid| !mid.is_empty());
        let is_for = |update: &TrackUpdate, result: &TrackResult| {
            mid(result).is_some_and(|mid| mid == update.mid.as_str())
        };
        // Failed ones have no mid, so their place has to do.
        let is_anonymous = |result: &TrackResult| mid(result).is_none();
        let (assigned, _) = assign(&updates, results, is_for, is_anonymous);
        let mut ledger = self.ledger();
        let mut updated = Updated { mids: Vec::new(), failed: Vec::new() };
        for ((update, (publisher, name)), result) in updates.into_iter().zip(sources).zip(assigned)
        {
            let result = result.as_ref();
            let error =
                ItemError::of_reported(result.map(|r| (&r.error_code, &r.error_description)));
            match error {
                Some(error) => updated.failed.push(Failed::new(UPDATE_TRACKS, update, error)),
                None => {
                    ledger.subscribed(update.mid.clone(), publisher, name);
                    updated.mids.push(update.mid);
                }
            }
        }
        updated
    }
}

//! Changing what a subscription receives.

use super::types::{TrackUpdate, Updated};
use crate::action::Action;
use crate::error::Error;
use crate::generated::types::{Track, TrackLocation, TrackResult, UpdateTracksRequest};
use crate::invalid::{Invalid, Problem};
use crate::outcome::{Entry as _, settle, text};
use crate::session::access::{Entry, Handle, report};
use crate::session::change::{Change, Effect};
use crate::session::handle::Session;
use crate::session::ledger::Source;
use crate::status::Unfinished;
use crate::step::Step;
#[cfg(feature = "token")]
use crate::token::guard::GuardedSession;

/// The name of the generated client's method.
const UPDATE_TRACKS: &str = "update_tracks";

/// Changing what subscriptions receive.
pub trait UpdateExt: Handle {
    /// Changes the layer or the source of subscriptions
    /// (`PUT tracks/update`), without an exchange of session descriptions.
    ///
    /// ```no_run
    /// # use cloudflare_calls::{Error, Mid, Session, prelude::*};
    /// # use cloudflare_calls::{tracks::TrackUpdate, types::Simulcast};
    /// # async fn example(session: Session, mid: Mid) -> Result<(), Error> {
    /// let low = Simulcast::new().preferred_rid("l");
    /// session.update([TrackUpdate::layer(mid, low)]).await?.into_result()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Invalid`] for no track, more than
    /// [`MAX_TRACKS`](crate::tracks::MAX_TRACKS), or a mid without a known source;
    /// [`Error::Denied`], also for a layer of a publisher that the handle may
    /// not pull from; [`Error::Unusable`]; [`Error::Request`].
    fn update(
        &self,
        updates: impl IntoIterator<Item = TrackUpdate>,
    ) -> impl Future<Output = Result<Updated, Error>> + Send {
        let updates: Vec<TrackUpdate> = updates.into_iter().collect();
        let entry = self.access().begin(Step::Update, &[Action::Update]);
        async move { update(entry?.counted(), updates).await }
    }
}

impl UpdateExt for Session {}
#[cfg(feature = "token")]
impl UpdateExt for GuardedSession {}

async fn update(entry: Entry, updates: Vec<TrackUpdate>) -> Result<Updated, Error> {
    let updated = entry.change(|mut change| async move {
        let session = change.session().clone();
        let sources = sources(&change.entry, &updates)?;
        let tracks = updates.iter().zip(&sources).map(|(update, source)| request(update, source));
        let request = UpdateTracksRequest::new().tracks(tracks);
        request.check().map_err(Error::invalid(change.entry.step()))?;
        let send = || session.client().update_tracks(session.id(), &request).send();
        let reply = change.call(UPDATE_TRACKS, Effect::change().pulling(), send).await?;
        if reply.requires_immediate_renegotiation == Some(true) {
            // The reply has no place for an offer.
            change.turn.at_risk(Unfinished::ReplyContradictory);
            return Err(change.contradiction("an exchange is required and there is no offer"));
        }
        Ok(settled(&change, updates, sources, reply.tracks))
    });
    let updated = updated.await?;
    report(&updated);
    Ok(updated)
}

/// The tracks that are to be received; one that is not given is the one that
/// there is. The handle has to permit each.
fn sources(entry: &Entry, updates: &[TrackUpdate]) -> Result<Vec<Source>, Error> {
    let ledger = entry.session().ledger();
    let mut sources = Vec::with_capacity(updates.len());
    for (index, update) in updates.iter().enumerate() {
        let Some(source) = update.source.as_ref().or_else(|| ledger.source(&update.mid)) else {
            let invalid = Invalid::new(format!("tracks[{index}].trackName"), Problem::Missing);
            return Err(Error::invalid(entry.step())(invalid));
        };
        sources.push(source.clone());
    }
    drop(ledger);
    sources.iter().try_for_each(|(publisher, _)| entry.may_pull(publisher))?;
    Ok(sources)
}

fn request(update: &TrackUpdate, (publisher, name): &Source) -> Track {
    let mut track = Track::new()
        .location(TrackLocation::Remote)
        .mid(update.mid.as_str())
        .session_id(publisher.clone())
        .track_name(name);
    track.simulcast = update.simulcast.clone();
    track
}

fn settled(
    change: &Change,
    updates: Vec<TrackUpdate>,
    sources: Vec<Source>,
    entries: Vec<TrackResult>,
) -> Updated {
    let asked: Vec<(TrackUpdate, Source)> = updates.into_iter().zip(sources).collect();
    // Failed ones have no mid, so their place has to do.
    let is_for = |(update, _): &(TrackUpdate, Source), entry: &TrackResult| {
        Some(text(&entry.mid)? == update.mid.as_str())
    };
    let read = |_: &(TrackUpdate, Source), entry: TrackResult| entry.read(|_| Some(()));
    let make = |asked, ()| asked;
    let (sorted, _) = settle(change.entry.step(), asked, entries, is_for, read, make);
    let mut updated = Updated::new(change.entry.step());
    let mut ledger = change.session().ledger();
    for (TrackUpdate { mid, .. }, source) in sorted.done {
        ledger.open(mid.clone(), Some(source));
        updated.done.push(mid);
    }
    for failed in sorted.failed {
        updated.fail(failed.item.0, failed.error);
    }
    updated
}

//! Changes of subscriptions.

use std::time::Duration;

use super::types::{TrackUpdate, Updated};
use crate::action::Action;
use crate::error::{Error, ItemError};
use crate::generated::types::{ErrorCode, Track, TrackLocation, TrackResult, UpdateTracksRequest};
use crate::invalid::{Invalid, Problem};
use crate::outcome::{Entry as _, Failed, settle, text};
use crate::session::access::{Entry, Handle};
use crate::session::change::Change;
use crate::session::exchange::Negotiation;
use crate::session::handle::Session;
use crate::session::ledger::Source;
use crate::session::repeat::while_passing;
use crate::session::turns::Effect;
use crate::status::Unfinished;
use crate::step::Step;
#[cfg(feature = "token")]
use crate::token::guard::GuardedSession;

/// Time after a pull in which the SFU may refuse an update because it does not forward the track
/// yet. Others have been seen to try for 10 s.
const SETTLES: Duration = Duration::from_secs(10);

/// Name of the generated client's method.
const UPDATE_TRACKS: &str = "update_tracks";

/// Changing the layers and sources of subscriptions.
pub trait UpdateExt: Handle {
    /// Changes the layer or the source of subscriptions
    /// (`PUT tracks/update`), without an exchange of session descriptions.
    ///
    /// Just after a pull the API can refuse it (`update_track_error`), because the
    /// SFU does not forward the track yet. Within 10 s of the pull such updates are
    /// repeated, alone, as long as the session's [`RetryPolicy`](crate::RetryPolicy)
    /// allows; so are those whose new source sends nothing yet.
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
        async move {
            let entry = entry?.counted();
            let may_pass = |failed: &Failed<TrackUpdate>| {
                failed.error.is_retryable() || is_too_early(entry.session(), failed)
            };
            let updated = while_passing(&entry, updates, may_pass, |left, _| update(&entry, left));
            updated.await?.without_offer()
        }
    }
}

impl UpdateExt for Session {}
#[cfg(feature = "token")]
impl UpdateExt for GuardedSession {}

/// Returns whether the SFU may not forward the track yet, because it was pulled a moment ago.
fn is_too_early(session: &Session, failed: &Failed<TrackUpdate>) -> bool {
    failed.error.code() == Some(&ErrorCode::UpdateTrackError)
        && session.ledger().age(&failed.item.mid).is_some_and(|age| age < SETTLES)
}

async fn update(entry: &Entry, updates: Vec<TrackUpdate>) -> Result<Negotiation<Updated>, Error> {
    let effect = Effect::change(UPDATE_TRACKS).pulling();
    let updated = entry.change(effect, move |change| {
        Box::pin(async move {
            let session = change.session().clone();
            let sources = sources(&change.entry, &updates)?;
            let tracks =
                updates.iter().zip(&sources).map(|(update, source)| request(update, source));
            let request = UpdateTracksRequest::new().tracks(tracks);
            request.check().map_err(Error::invalid(change.entry.step()))?;
            let send = || session.client().update_tracks(session.id(), &request).send();
            let reply = change.call(send).await?;
            if reply.requires_immediate_renegotiation == Some(true) {
                // The reply has no place for an offer.
                change.turn.at_risk(Unfinished::ReplyContradictory);
                return Err(change.contradiction("an exchange is required and there is no offer"));
            }
            Ok(Negotiation::Done(settled(change, updates, sources, reply.tracks)))
        })
    });
    updated.await
}

/// Returns the tracks to be received. A field that is not given keeps its value. The handle has to
/// permit each track.
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
    // Failed entries have no mid, so their place decides.
    let is_for = |(update, _): &(TrackUpdate, Source), entry: &TrackResult| {
        Some(text(&entry.mid)? == update.mid.as_str())
    };
    let read = |_: &(TrackUpdate, Source), entry: TrackResult| entry.read(|_| Some(()));
    let make = |asked, ()| asked;
    let (mut sorted, unasked) = settle(change.entry.step(), asked, entries, is_for, read, make);
    if unasked.is_empty() {
        // Results of updates that succeeded have been seen to be left out.
        let omitted = |failed: &mut Failed<_>| failed.error == ItemError::Unreported;
        sorted.done.extend(sorted.failed.extract_if(.., omitted).map(|failed| failed.item));
    }
    let mut updated = Updated::new(change.entry.step());
    let mut ledger = change.session().ledger();
    for (TrackUpdate { mid, .. }, source) in sorted.done {
        ledger.updated(&mid, source);
        updated.done.push(mid);
    }
    for failed in sorted.failed {
        updated.fail(failed.item.0, failed.error);
    }
    updated
}

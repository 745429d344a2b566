//! Step of "Client joins": its tracks are published.

use std::fmt;

use super::entry::{NEW_TRACKS, mid_of};
use super::types::{LocalTrack, OfferedTrack, Published, PublishedTrack};
use crate::action::Action;
use crate::error::Error;
use crate::generated::types::{SessionDescription, TrackResult, TracksRequest, TracksResponse};
use crate::mid::Mid;
use crate::outcome::{Entry as _, Outcome, settle, text};
use crate::sdp::{Answer, Offer};
use crate::session::access::{Entry, Handle, report};
use crate::session::change::Change;
use crate::session::exchange::{Answered, Negotiation};
use crate::session::exchanged::OfExchange;
use crate::session::handle::Session;
use crate::session::ledger::Transport;
use crate::session::turns::Effect;
use crate::step::Step;
#[cfg(feature = "token")]
use crate::token::guard::GuardedSession;

/// Publishing an agent's tracks.
pub trait PublishExt: Handle {
    /// Publishes tracks of the agent's offer (`POST tracks/new`). The answer
    /// goes back to the agent.
    ///
    /// ```no_run
    /// # use cloudflare_calls::{Answer, Error, Mid, Offer, Session, prelude::*, tracks::LocalTrack};
    /// # async fn example(session: Session, offer: Offer, mid: Mid) -> Result<Answer, Error> {
    /// let published = session.publish(offer, [LocalTrack::new(mid, "mic")]).await?;
    /// for failed in &published.outcome.failed {
    ///     println!("{}: {}", failed.item, failed.error);
    /// }
    /// # Ok(
    /// published.answer
    /// # )
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Invalid`] for no track, more than
    /// [`MAX_TRACKS`](crate::tracks::MAX_TRACKS), an empty name or a mid that comes
    /// twice; [`Error::Items`] if nothing was published and there is no answer:
    /// the agent rolls its offer back; [`Error::Unusable`]; [`Error::Request`];
    /// [`Error::Contradiction`].
    fn publish(
        &self,
        offer: Offer,
        tracks: impl IntoIterator<Item = LocalTrack>,
    ) -> impl Future<Output = Result<Answered<Published>, Error>> + Send {
        let entry = self.access().begin(Step::Publish, &[Action::Publish]);
        let tracks: Vec<LocalTrack> = tracks.into_iter().collect();
        async move {
            let entry = entry?.counted();
            let request = TracksRequest::new().tracks(tracks.iter().map(LocalTrack::request));
            publish_offer(entry, offer, request, tracks).await
        }
    }

    /// Publishes every new track of the agent's offer under a name that the
    /// SFU makes up (`POST tracks/new` with `autoDiscover`). Tracks that fail are
    /// named as the reply names them.
    ///
    /// ```no_run
    /// # use cloudflare_calls::{Error, Offer, Session, prelude::*};
    /// # async fn example(session: Session, offer: Offer) -> Result<(), Error> {
    /// for track in session.publish_all(offer).await?.outcome.done {
    ///     println!("{} is {}", track.mid, track.name);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`publish`](PublishExt::publish).
    fn publish_all(
        &self,
        offer: Offer,
    ) -> impl Future<Output = Result<Answered<Outcome<PublishedTrack, String>>, Error>> + Send {
        let entry = self.access().begin(Step::PublishAll, &[Action::Publish]);
        async move {
            let entry = entry?.counted();
            let request = TracksRequest::new().auto_discover(true);
            publish_offer(entry, offer, request, Vec::new()).await
        }
    }

    /// Publishes tracks for which the SFU makes the offer (`POST tracks/new`
    /// without a session description).
    ///
    /// ```no_run
    /// # use cloudflare_calls::session::Negotiation;
    /// # use cloudflare_calls::{Answer, Error, Offer, Session, prelude::*, tracks::OfferedTrack};
    /// # async fn ask_agent(offer: &Offer) -> Answer { todo!() }
    /// # async fn example(session: Session) -> Result<(), Error> {
    /// let microphone = OfferedTrack::audio("mic").bidirectional();
    /// if let Negotiation::Offer(pending) = session.publish_without_offer([microphone]).await? {
    ///     let answer = ask_agent(pending.offer()).await;
    ///     let tracks = pending.answer(answer).await?.into_result()?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`publish`](PublishExt::publish).
    fn publish_without_offer(
        &self,
        tracks: impl IntoIterator<Item = OfferedTrack>,
    ) -> impl Future<Output = Result<Negotiation<Outcome<PublishedTrack, OfferedTrack>>, Error>> + Send
    {
        let entry = self.access().begin(Step::PublishWithoutOffer, &[Action::Publish]);
        let tracks: Vec<OfferedTrack> = tracks.into_iter().collect();
        async move {
            let request = TracksRequest::new().tracks(tracks.iter().map(OfferedTrack::request));
            publish_undescribed(entry?.counted(), request, tracks).await
        }
    }

    /// Publishes tracks on media sections that were negotiated before, for example by
    /// [`join_with`](crate::session::JoinExt::join_with) (`POST tracks/new` without a session
    /// description). Observed, and documented nowhere: the API accepts it once the agent is
    /// connected.
    ///
    /// ```no_run
    /// # use cloudflare_calls::{Error, Mid, Session, prelude::*, tracks::LocalTrack};
    /// # async fn example(session: Session, mid: Mid) -> Result<(), Error> {
    /// let tracks = session.publish_negotiated([LocalTrack::new(mid, "mic")]).await?.into_result()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`publish`](PublishExt::publish), and
    /// [not connected](Error::is_not_connected) before the agent is.
    fn publish_negotiated(
        &self,
        tracks: impl IntoIterator<Item = LocalTrack>,
    ) -> impl Future<Output = Result<Published, Error>> + Send {
        let entry = self.access().begin(Step::PublishNegotiated, &[Action::Publish]);
        let tracks: Vec<LocalTrack> = tracks.into_iter().collect();
        async move {
            let request = TracksRequest::new().tracks(tracks.iter().map(LocalTrack::request));
            publish_undescribed(entry?.counted(), request, tracks).await?.without_offer()
        }
    }
}

impl PublishExt for Session {}
#[cfg(feature = "token")]
impl PublishExt for GuardedSession {}

/// Track to be published, in any way of asking. It is shown as its name.
trait Wanted: fmt::Display + Send + 'static {
    /// Returns its media section, if the agent has named it.
    fn mid(&self) -> Option<&Mid> {
        None
    }

    /// Returns the outcome of the step for a store, if the SFU may offer.
    fn text(_: &Outcome<PublishedTrack, Self>) -> Option<String>
    where
        Self: Sized,
    {
        None
    }

    /// Returns a track of the reply that nobody asked for. None if there can be none.
    fn found(_name: &str) -> Option<Self>
    where
        Self: Sized,
    {
        None
    }
}

impl Wanted for LocalTrack {
    fn mid(&self) -> Option<&Mid> {
        Some(self.mid())
    }
}

impl Wanted for OfferedTrack {
    fn text(outcome: &Outcome<PublishedTrack, Self>) -> Option<String> {
        OfExchange::text(outcome)
    }
}

/// Name of a track that the SFU has discovered.
impl Wanted for String {
    fn found(name: &str) -> Option<Self> {
        Some(name.to_owned())
    }
}

async fn publish_offer<Q: Wanted>(
    entry: Entry,
    offer: Offer,
    request: TracksRequest,
    wanted: Vec<Q>,
) -> Result<Answered<Outcome<PublishedTrack, Q>>, Error> {
    let has_data = offer.has_data_section();
    let request = request.session_description(SessionDescription::from(offer));
    request.check().map_err(Error::invalid(entry.step()))?;
    let published = entry.exchange(effect(&wanted), move |change| {
        Box::pin(async move {
            let (outcome, reply) = new_local_tracks(change, request, wanted).await?;
            let answer = reply.session_description.and_then(Answer::received);
            if answer.is_none() && outcome.done.is_empty() && !outcome.failed.is_empty() {
                // The request has negotiated nothing.
                change.turn.safe();
                outcome.into_result()?;
                return Err(change.contradiction("no track"));
            }
            let answer = change.answered(answer)?;
            if has_data {
                // Only the SFU knows whether the answer accepts the section.
                change.session().ledger().transport = Transport::Unknown;
            }
            Ok(Answered { answer, outcome })
        })
    });
    let published = published.await?;
    report(&published.outcome);
    Ok(published)
}

/// Publishes without a session description of the agent's.
async fn publish_undescribed<Q: Wanted>(
    entry: Entry,
    request: TracksRequest,
    tracks: Vec<Q>,
) -> Result<Negotiation<Outcome<PublishedTrack, Q>>, Error> {
    request.check().map_err(Error::invalid(entry.step()))?;
    let published = entry.change(effect(&tracks), move |change| {
        Box::pin(async move {
            let (outcome, reply) = new_local_tracks(change, request, tracks).await?;
            let requires = reply.requires_immediate_renegotiation;
            change.negotiated(reply.session_description, requires, outcome, Q::text)
        })
    });
    let published = published.await?;
    report(published.outcome());
    Ok(published)
}

fn effect<Q: Wanted>(wanted: &[Q]) -> Effect {
    // The agent's mids are known, so the tracks can be closed without a reply.
    Effect::exchange(NEW_TRACKS)
        .names(wanted.iter().map(ToString::to_string))
        .opening(wanted.iter().filter_map(Wanted::mid).cloned())
}

/// Makes the request and adds the published tracks to the ledger.
async fn new_local_tracks<Q: Wanted>(
    change: &mut Change,
    request: TracksRequest,
    wanted: Vec<Q>,
) -> Result<(Outcome<PublishedTrack, Q>, TracksResponse), Error> {
    let session = change.session().clone();
    let send = || session.client().new_tracks(session.id(), &request).send();
    let mut reply = change.call(send).await?;
    let entries = std::mem::take(&mut reply.tracks);
    Ok((published(change, wanted, entries), reply))
}

fn published<Q: Wanted>(
    change: &Change,
    wanted: Vec<Q>,
    entries: Vec<TrackResult>,
) -> Outcome<PublishedTrack, Q> {
    let session = change.session();
    let is_for = |track: &Q, entry: &TrackResult| match (track.mid(), text(&entry.mid)) {
        (Some(mid), Some(got)) => Some(got == mid.as_str()),
        _ => text(&entry.track_name).map(|name| name == track.to_string()),
    };
    let read = |wanted: &Q, entry: TrackResult| {
        entry.read(|entry| wanted.mid().cloned().or_else(|| mid_of(entry)))
    };
    let track = |name: String, mid| PublishedTrack { session: session.id().clone(), name, mid };
    let make = |wanted: Q, mid| track(wanted.to_string(), mid);
    let step = change.entry.step();
    let (mut outcome, unasked) = settle(step, wanted, entries, is_for, read, make);
    for entry in unasked {
        let name = text(&entry.track_name).unwrap_or_default().to_owned();
        match (entry.read(mid_of), Q::found(&name)) {
            (Ok(mid), _) => outcome.done.push(track(name, mid)),
            (Err(error), Some(item)) => outcome.fail(item, error),
            (Err(_), None) => {}
        }
    }
    let mut ledger = session.ledger();
    for track in &outcome.done {
        ledger.open(track.mid.clone(), None);
    }
    for failed in outcome.failed.iter().filter(|failed| failed.error.leaves_doubt()) {
        // The track may be open, so it stays in the list of tracks to close.
        if let Some(mid) = failed.item.mid() {
            ledger.may_be_open(mid.clone());
        }
    }
    ledger.doubt_unreported(NEW_TRACKS, &outcome.failed);
    outcome
}

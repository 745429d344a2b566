//! Tracks: publishing, subscribing, changing and closing.

use axum::Json;
use cloudflare_calls::error::{Error, ItemFailure};
use cloudflare_calls::session::{Exchanged, Negotiation};
use cloudflare_calls::tracks::{
    LocalTrack, OfferedTrack, PublishedTrack, RemoteTrack, SubscribedTrack, TrackUpdate,
};
use cloudflare_calls::types::{
    CloseTracksRequest, RenegotiateRequest, SessionId, Track, TrackKind, TrackLocation,
    TracksRequest, UpdateTracksRequest,
};
use cloudflare_calls::{Answer, Mid, Offer, prelude::*};
use serde_json::{Value, json};

use super::body::Json as Body;
use super::caller::Owner;
use super::sdp::{kinds, new_tracks};
use super::shape::{Item, Reply, entries};
use crate::limits::check_name;
use crate::refusal::Refused;

/// Publishes tracks of a client that joins, or subscribes to those of others (`POST tracks/new`).
pub(super) async fn new(
    owner: Owner,
    Body(request): Body<TracksRequest>,
) -> Result<Json<Reply>, Refused> {
    request.check()?;
    let TracksRequest { session_description, tracks, auto_discover, .. } = request;
    let offer = session_description.map(Offer::try_from).transpose()?;
    let is_remote = tracks.first().is_some_and(is_remote);
    let reply = match (offer, is_remote) {
        (offer, true) => subscribe(&owner, offer, &tracks).await,
        (Some(offer), false) if auto_discover == Some(true) => publish_all(&owner, offer).await,
        (Some(offer), false) => publish(&owner, offer, &tracks).await,
        (None, false) if tracks.iter().all(is_placed) => publish_negotiated(&owner, &tracks).await,
        (None, false) => publish_without_offer(&owner, &tracks).await,
    };
    reply.map(Json)
}

/// Takes the answer to the SFU's offer (`PUT renegotiate`).
pub(super) async fn renegotiate(
    owner: Owner,
    Body(request): Body<RenegotiateRequest>,
) -> Result<Json<Value>, Refused> {
    request.check()?;
    let answer = request.session_description.map(Answer::try_from).transpose()?;
    let (Some(answer), Some(exchange)) = (answer, owner.session.open_exchange()) else {
        return Err(Refused::NoExchange);
    };
    let sdp = answer.sdp().to_owned();
    let exchanged = owner.checked(owner.session.answer(exchange, answer).await).await?;
    match exchanged {
        Exchanged::Published(outcome) => tell_published(&owner, &sdp, &outcome.done).await?,
        Exchanged::Closed(outcome) => tell_closed(&owner, &outcome.done).await?,
        _ => {}
    }
    Ok(Json(json!({})))
}

/// Changes the sources or layers of subscriptions (`PUT tracks/update`).
pub(super) async fn update(
    owner: Owner,
    Body(request): Body<UpdateTracksRequest>,
) -> Result<Json<Reply>, Refused> {
    request.check()?;
    let update = |track: &Track| {
        let (publisher, name) = source(track)?;
        let update = TrackUpdate::source(mid(track)?, publisher, name);
        Ok::<_, Refused>(match &track.simulcast {
            Some(simulcast) => update.simulcast(simulcast.clone()),
            None => update,
        })
    };
    let updates = request.tracks.iter().map(update).collect::<Result<Vec<_>, _>>()?;
    let asked: Vec<Mid> = updates.iter().map(|update| update.mid().clone()).collect();
    let updated = owner.checked(owner.session.update(updates).await).await?;
    let named = |mid: &Mid| {
        let mut tracks = request.tracks.iter();
        tracks.find(|track| track.mid.as_deref() == Some(mid.as_str())).map(remote_item)
    };
    let entries = entries(
        &asked,
        &updated,
        |mid| {
            let item = named(mid).unwrap_or_default();
            (mid.clone(), Item { mid: Some(mid.to_string()), ..item })
        },
        |update| {
            let item = named(update.mid()).unwrap_or_default();
            (update.mid().clone(), Item { simulcast: None, ..item })
        },
    );
    Ok(Json(Reply::undescribed().tracks(entries)))
}

/// Closes tracks of a client that leaves, at itself or at others (`PUT tracks/close`).
pub(super) async fn close(
    owner: Owner,
    Body(request): Body<CloseTracksRequest>,
) -> Result<Json<Reply>, Refused> {
    request.check()?;
    let mids = request.tracks.iter().map(|track| Mid::new(track.mid.as_str()));
    let mids = mids.collect::<Result<Vec<_>, _>>()?;
    let offer = request.session_description.map(Offer::try_from).transpose()?;
    let end = match offer.filter(|_| !request.force) {
        None => Negotiation::Done(owner.checked(owner.session.close(mids.clone()).await).await?),
        Some(offer) => {
            let closed = owner.session.close_negotiated(offer, mids.clone()).await;
            owner.checked(closed).await?
        }
    };
    let outcome = end.outcome();
    let named = |mid: &Mid| (mid.clone(), Item { mid: Some(mid.to_string()), ..Item::default() });
    let entries = entries(&mids, outcome, named, named);
    // A close that ends with an offer has happened, too.
    let closed = outcome.done.clone();
    let reply = Reply::of(end).tracks(entries);
    tell_closed(&owner, &closed).await?;
    Ok(Json(reply))
}

async fn publish(owner: &Owner, offer: Offer, tracks: &[Track]) -> Result<Reply, Refused> {
    let tracks = local_tracks(owner, tracks)?;
    let asked = mids(&tracks);
    let sdp = offer.sdp().to_owned();
    let published = match owner.session.publish(offer, tracks).await {
        // The API has accepted the request and none of its entries.
        Err(Error::Items { failures, .. }) => {
            let failed = |failure: &ItemFailure| {
                let item = Item { track_name: Some(failure.item.clone()), ..failed_item() };
                item.failed(&failure.error)
            };
            return Ok(Reply::undescribed().tracks(failures.iter().map(failed).collect()));
        }
        published => owner.checked(published).await?,
    };
    let entries = entries(&asked, &published.outcome, published_item, failed_local);
    tell_published(owner, &sdp, &published.outcome.done).await?;
    Ok(Reply::described(published.answer).tracks(entries))
}

async fn publish_all(owner: &Owner, offer: Offer) -> Result<Reply, Refused> {
    let sdp = offer.sdp().to_owned();
    owner.caller.require_place_for(kinds(&sdp).len())?;
    let published = owner.checked(owner.session.publish_all(offer).await).await?;
    // The agent has not named these tracks, so they are in the API's order.
    let done = |track: &PublishedTrack| ((), published_item(track).1);
    let failed = |name: &String| ((), Item { track_name: Some(name.clone()), ..failed_item() });
    let entries = entries(&[], &published.outcome, done, failed);
    tell_published(owner, &sdp, &published.outcome.done).await?;
    Ok(Reply::described(published.answer).tracks(entries))
}

async fn publish_negotiated(owner: &Owner, tracks: &[Track]) -> Result<Reply, Refused> {
    let tracks = local_tracks(owner, tracks)?;
    let asked = mids(&tracks);
    let published = owner.checked(owner.session.publish_negotiated(tracks).await).await?;
    let entries = entries(&asked, &published, published_item, failed_local);
    tell_published(owner, "", &published.done).await?;
    Ok(Reply::undescribed().tracks(entries))
}

async fn publish_without_offer(owner: &Owner, tracks: &[Track]) -> Result<Reply, Refused> {
    owner.caller.require_place_for(tracks.len())?;
    let offered = |track: &Track| {
        let name = new_name(track)?;
        let offered = match track.kind {
            Some(TrackKind::Audio) => OfferedTrack::audio(name),
            Some(TrackKind::Video) => OfferedTrack::video(name),
            _ => return Err(Refused::Invalid("kind: audio or video is needed".to_owned())),
        };
        Ok(match track.bidirectional_media_stream {
            Some(true) => offered.bidirectional(),
            _ => offered,
        })
    };
    let tracks = tracks.iter().map(offered).collect::<Result<Vec<_>, _>>()?;
    let asked: Vec<String> = tracks.iter().map(|track| track.name().to_owned()).collect();
    let end = owner.checked(owner.session.publish_without_offer(tracks).await).await?;
    let entries = entries(
        &asked,
        end.outcome(),
        |track| (track.name.clone(), published_item(track).1),
        |track| {
            (
                track.name().to_owned(),
                Item { track_name: Some(track.name().into()), ..failed_item() },
            )
        },
    );
    // With an offer of the SFU, the tracks are published once the answer has come.
    if end.offer().is_none() {
        tell_published(owner, "", &end.outcome().done.clone()).await?;
    }
    Ok(Reply::of(end).tracks(entries))
}

async fn subscribe(
    owner: &Owner,
    offer: Option<Offer>,
    tracks: &[Track],
) -> Result<Reply, Refused> {
    let wanted = tracks;
    let remote = tracks.iter().map(remote_track).collect::<Result<Vec<_>, _>>()?;
    // A publisher that has just left must not fail the other entries. If no publisher is there, the
    // guard refuses.
    let is_there = |track: &RemoteTrack| {
        owner.caller.record.sessions().any(|session| session == track.publisher())
    };
    let (tracks, gone): (Vec<_>, Vec<_>) = match remote.iter().any(is_there) {
        true => remote.into_iter().partition(is_there),
        false => (remote, Vec::new()),
    };
    let key = |publisher: &SessionId, name: &str| (publisher.clone(), name.to_owned());
    let asked: Vec<_> = tracks.iter().map(|track| key(track.publisher(), track.name())).collect();
    let end = match offer {
        None => owner.session.subscribe(tracks).await,
        Some(offer) => owner.session.subscribe_with(offer, tracks).await,
    };
    let end = owner.checked(end).await?;
    let entries = entries(
        &asked,
        end.outcome(),
        |track: &SubscribedTrack| {
            let is_it = |other: &&Track| {
                let publisher = other.session_id.as_ref();
                publisher == Some(&track.publisher)
                    && other.track_name.as_ref() == Some(&track.name)
            };
            let item = wanted.iter().find(is_it).map(remote_item).unwrap_or_default();
            let item = Item { mid: Some(track.mid.to_string()), ..item };
            (key(&track.publisher, &track.name), item)
        },
        |track| (key(track.publisher(), track.name()), failed_remote(track)),
    );
    let gone = gone.iter().map(|track| Item {
        error_code: Some("not_found_track_error".to_owned()),
        error_description: Some("its publisher is not in the room".to_owned()),
        ..failed_remote(track)
    });
    let entries = entries.into_iter().chain(gone).collect();
    Ok(Reply::of(end).tracks(entries))
}

async fn tell_published(
    owner: &Owner,
    sdp: &str,
    tracks: &[PublishedTrack],
) -> Result<(), Refused> {
    let told =
        owner.tell(|record| record.publish(&owner.caller.id, owner.id(), new_tracks(tracks, sdp)));
    told.await
}

async fn tell_closed(owner: &Owner, mids: &[Mid]) -> Result<(), Refused> {
    let (member, session) = (&owner.caller.id, owner.id());
    owner.caller.room.change(|record| record.unpublish(member, session, mids, None)).await
}

fn local_tracks(owner: &Owner, tracks: &[Track]) -> Result<Vec<LocalTrack>, Refused> {
    owner.caller.require_place_for(tracks.len())?;
    let local = |track: &Track| {
        let local = LocalTrack::new(mid(track)?, new_name(track)?);
        Ok(match (&track.kind, track.bidirectional_media_stream) {
            (Some(kind), Some(true)) => local.bidirectional(kind.clone()),
            _ => local,
        })
    };
    tracks.iter().map(local).collect()
}

fn remote_track(track: &Track) -> Result<RemoteTrack, Refused> {
    let (publisher, name) = source(track)?;
    let mut remote = RemoteTrack::new(publisher, name);
    if let Some(simulcast) = &track.simulcast {
        remote = remote.simulcast(simulcast.clone());
    }
    let transceiver = track.mid.as_deref().and_then(|mid| mid.strip_prefix('#'));
    Ok(match (transceiver, &track.kind, &track.mid) {
        (Some(name), Some(kind), _) => remote.on_transceiver_of(name, kind.clone()),
        (Some(_), None, _) => return Err(Refused::Invalid("kind: is missing".to_owned())),
        (None, _, Some(_)) => remote.in_section(mid(track)?),
        (None, _, None) => remote,
    })
}

fn is_remote(track: &Track) -> bool {
    track.location == Some(TrackLocation::Remote)
}

/// Returns whether an entry names an existing media section.
fn is_placed(track: &Track) -> bool {
    track.mid.as_deref().is_some_and(|mid| !mid.starts_with('#'))
}

fn mids(tracks: &[LocalTrack]) -> Vec<Mid> {
    tracks.iter().map(|track| track.mid().clone()).collect()
}

fn mid(track: &Track) -> Result<Mid, Refused> {
    Ok(Mid::new(track.mid.as_deref().unwrap_or_default())?)
}

fn name(track: &Track) -> Result<&str, Refused> {
    track.track_name.as_deref().ok_or_else(|| Refused::Invalid("trackName: is missing".to_owned()))
}

/// Returns the name of a track to publish.
fn new_name(track: &Track) -> Result<&str, Refused> {
    name(track).and_then(|name| check_name("trackName", name))
}

fn source(track: &Track) -> Result<(SessionId, &str), Refused> {
    let publisher = track.session_id.clone();
    let publisher =
        publisher.ok_or_else(|| Refused::Invalid("sessionId: is missing".to_owned()))?;
    Ok((publisher, name(track)?))
}

fn published_item(track: &PublishedTrack) -> (Mid, Item) {
    let item = Item {
        mid: Some(track.mid.to_string()),
        track_name: Some(track.name.clone()),
        ..Item::default()
    };
    (track.mid.clone(), item)
}

fn failed_local(track: &LocalTrack) -> (Mid, Item) {
    (track.mid().clone(), Item { track_name: Some(track.name().to_owned()), ..failed_item() })
}

fn failed_remote(track: &RemoteTrack) -> Item {
    Item {
        session_id: Some(track.publisher().to_string()),
        track_name: Some(track.name().to_owned()),
        ..failed_item()
    }
}

/// Returns the entry of a failed item, which has an empty mid.
fn failed_item() -> Item {
    Item { mid: Some(String::new()), ..Item::default() }
}

/// Returns the entry of a received track, as it was asked for.
fn remote_item(track: &Track) -> Item {
    Item {
        mid: Some(String::new()),
        session_id: track.session_id.as_ref().map(ToString::to_string),
        track_name: track.track_name.clone(),
        simulcast: track.simulcast.clone(),
        ..Item::default()
    }
}

//! WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep): a publisher or a player without another
//! protocol is a member as long as its session exists.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use cloudflare_calls::session::Negotiation;
use cloudflare_calls::tracks::{LocalTrack, RemoteTrack};
use cloudflare_calls::types::SessionId;
use cloudflare_calls::{Mid, prelude::*};
use serde::Deserialize;

use super::attend::remove;
use super::caller::bearer;
use super::members::Entered;
use super::parts::{Path, Query};
use super::sdp::{new_tracks, sections};
use super::visit::{Asked, SDP, Visit};
use crate::hooks::Via;
use crate::name::{MemberId, RoomName};
use crate::refusal::Refused;
use crate::room::record::Record;
use crate::room::types::{Kind, Member, Reason, Role};
use crate::server::Shared;
use crate::token;

/// Credential of a session's URL, for sessions that were made without one.
#[derive(Deserialize)]
pub(super) struct Key {
    key: Option<String>,
}

/// Publishes into the room (`POST` at a WHIP endpoint).
pub(super) async fn publish(asked: Asked) -> Result<Response, Refused> {
    let tracks = |entered: &Entered| {
        if entered.role < Role::Member {
            return Err(Refused::Forbidden);
        }
        let tracks = named(asked.offer.sdp())?;
        if tracks.is_empty() {
            return Err(Refused::Invalid("the offer has no section for media".to_owned()));
        }
        let entry = entered.record.entry(&entered.id).ok_or(Refused::Unauthorized)?;
        match entry.has_place_for(tracks.len(), asked.shared.limits.publications) {
            true => Ok(tracks),
            false => Err(Refused::Full),
        }
    };
    let visit = Visit::begin(&asked, Via::Whip, tracks).await?;
    let published = async {
        let Visit { entered, session, tracks, .. } = &visit;
        let published = session.publish(asked.offer.clone(), tracks.clone()).await?;
        if published.outcome.done.is_empty() {
            return Err(Refused::Invalid("the offer sends nothing".to_owned()));
        }
        let told = entered.room.change(|record| {
            let tracks = new_tracks(&published.outcome.done, asked.offer.sdp());
            record.publish(&entered.id, session.id(), tracks)
        });
        told.await?;
        Ok(published.answer)
    };
    let answer = published.await;
    visit.end(&asked, "whip", answer).await
}

/// Plays the publications of a member of the room (`POST` at a WHEP endpoint).
pub(super) async fn play(asked: Asked) -> Result<Response, Refused> {
    let tracks = |entered: &Entered| {
        let member = asked.wishes.member.as_deref().map(MemberId::of);
        wanted(&entered.record, member.as_ref(), asked.offer.sdp())
    };
    let visit = Visit::begin(&asked, Via::Whep, tracks).await?;
    let played = async {
        let Visit { session, tracks, .. } = &visit;
        match session.subscribe_with(asked.offer.clone(), tracks.clone()).await? {
            Negotiation::Answer(answered) if !answered.outcome.done.is_empty() => {
                Ok(answered.answer)
            }
            Negotiation::Answer(_) | Negotiation::Done(_) => Err(Refused::NotFound),
            // A player cannot answer an offer.
            Negotiation::Offer(_) => Err(Refused::Gone),
        }
    };
    let answer = played.await;
    visit.end(&asked, "whep", answer).await
}

/// Ends a publication or a player (`DELETE` of the session's URL).
pub(super) async fn end(
    State(shared): State<Arc<Shared>>,
    Path((room, session)): Path<(String, String)>,
    Query(Key { key }): Query<Key>,
    headers: HeaderMap,
) -> Result<StatusCode, Refused> {
    let room = RoomName::new(&room).map_err(|_| Refused::Unauthorized)?;
    let credential = bearer(&headers).or(key.as_deref()).ok_or(Refused::Unauthorized)?;
    let session = SessionId::new(session).map_err(|_| Refused::Forbidden)?;
    let (room, record) = shared.rooms.find(&room).await?.ok_or(Refused::Forbidden)?;
    let owner = record.owner(&session).filter(|owner| token::is_right(credential, &owner.token));
    let owner = owner.ok_or(Refused::Forbidden)?;
    shared.rates.request(&owner.member.id)?;
    match owner.via {
        Via::Members => {
            room.change(|record| record.let_go(&owner.member.id, &session)).await?;
            shared.leave(session);
        }
        Via::Whip | Via::Whep => remove(&shared, &room, &owner.member.id, Reason::Left).await?,
    }
    Ok(StatusCode::OK)
}

/// Refuses trickle ICE and ICE restarts (RFC 9725 section 4.3): the SFU takes neither.
pub(super) async fn trickle() -> Refused {
    Refused::Unsupported
}

/// Returns the media types of an endpoint (`OPTIONS`).
pub(super) async fn options() -> impl IntoResponse {
    (StatusCode::NO_CONTENT, [("accept-post", SDP)])
}

/// Returns the sections of an offer, each named by its kind, and by its mid as well if it is not
/// the first of its kind.
fn named(sdp: &str) -> Result<Vec<LocalTrack>, Refused> {
    let mut tracks: Vec<LocalTrack> = Vec::new();
    for (mid, kind) in sections(sdp) {
        let name = match kind {
            Kind::Audio => "audio",
            Kind::Video => "video",
        };
        let name = match tracks.iter().any(|track| track.name() == name) {
            true => format!("{name}-{mid}"),
            false => name.to_owned(),
        };
        tracks.push(LocalTrack::new(Mid::new(mid)?, name));
    }
    Ok(tracks)
}

/// Returns the tracks of a member for the sections of a player's offer, by default of the first
/// member that publishes.
fn wanted(
    record: &Record,
    member: Option<&MemberId>,
    sdp: &str,
) -> Result<Vec<RemoteTrack>, Refused> {
    let is_wanted = |candidate: &&Member| match member {
        Some(member) => candidate.id == *member,
        None => !candidate.tracks.is_empty(),
    };
    let member = record.members().find(is_wanted).ok_or(Refused::NotFound)?;
    let mut left: Vec<_> = member.tracks.iter().collect();
    let mut wanted = Vec::new();
    for (mid, kind) in sections(sdp) {
        if let Some(place) = left.iter().position(|track| track.kind == Some(kind)) {
            let track = left.remove(place);
            let remote = RemoteTrack::new(track.session.clone(), &track.name);
            wanted.push(remote.in_section(Mid::new(mid)?));
        }
    }
    match wanted.is_empty() {
        true => Err(Refused::NotFound),
        false => Ok(wanted),
    }
}

//! WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep): a publisher or a player that speaks
//! no other protocol is a member as long as its session is there.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{OriginalUri, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use cloudflare_calls::ice::IceServers;
use cloudflare_calls::session::Negotiation;
use cloudflare_calls::token::GuardedSession;
use cloudflare_calls::tracks::{LocalTrack, RemoteTrack};
use cloudflare_calls::types::SessionId;
use cloudflare_calls::{Answer, Mid, Offer, SecretString, prelude::*};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::Value;

use super::body::Raw;
use super::caller::{Caller, bearer, guarded};
use super::cookie::room_path;
use super::members::{Entered, checked_name, enter};
use super::parts::{Path, Query};
use super::sdp::{kinds, sections};
use super::session;
use crate::hooks::Via;
use crate::name::{MemberId, RoomName};
use crate::refusal::Refused;
use crate::room::Room;
use crate::room::record::{NewTrack, Record};
use crate::room::types::{Kind, Member, Reason, Role};
use crate::server::Shared;
use crate::token;

/// The media type of session descriptions (RFC 8866 section 8.1).
const SDP: &str = "application/sdp";

/// The time between two looks at a session.
const LOOK: Duration = Duration::from_secs(5);

/// The credential of a session's URL, if there was none when it was made.
#[derive(Deserialize)]
pub(super) struct Key {
    key: Option<String>,
}

#[derive(Default, Deserialize)]
pub(super) struct Wishes {
    name: Option<String>,
    /// The member whose tracks are to be played.
    member: Option<String>,
}

/// A request to publish or to play.
pub(super) struct Visit<T> {
    shared: Arc<Shared>,
    entered: Entered,
    session: GuardedSession,
    /// The tracks that the request is about.
    tracks: Vec<T>,
    /// The credential of the session's URL, if it is not the one that came.
    key: Option<SecretString>,
}

/// Publishes into the room (`POST` at a WHIP endpoint).
pub(super) async fn publish(
    State(shared): State<Arc<Shared>>,
    Path(room): Path<String>,
    OriginalUri(uri): OriginalUri,
    RawQuery(query): RawQuery,
    Query(wishes): Query<Wishes>,
    headers: HeaderMap,
    body: Raw,
) -> Result<Response, Refused> {
    let offer = offer(&headers, &body)?;
    let tracks = |entered: &Entered| {
        if entered.role < Role::Member {
            return Err(Refused::Forbidden);
        }
        let tracks = named(offer.sdp())?;
        if tracks.is_empty() {
            return Err(Refused::Invalid("the offer has no section for media".to_owned()));
        }
        let entry = entered.record.entry(&entered.id).ok_or(Refused::Unauthorized)?;
        match entry.has_place_for(tracks.len(), shared.limits.publications) {
            true => Ok(tracks),
            false => Err(Refused::Full),
        }
    };
    let visit = visit(&shared, &room, &headers, query, &wishes, Via::Whip, tracks).await?;
    let published = async {
        let Visit { entered, session, tracks, .. } = &visit;
        let kinds = kinds(offer.sdp());
        let published = session.publish(offer.clone(), tracks.clone()).await?;
        if published.outcome.done.is_empty() {
            return Err(Refused::Invalid("the offer sends nothing".to_owned()));
        }
        let told = entered.room.change(|record| {
            let tracks = published.outcome.done.iter().map(|track| NewTrack {
                name: track.name.clone(),
                kind: kinds.get(track.mid.as_str()).copied(),
                mid: track.mid.clone(),
            });
            record.publish(&entered.id, session.id(), tracks.collect())
        });
        told.await?;
        Ok(published.answer)
    };
    let answer = published.await;
    visit.end(&uri, "whip", answer).await
}

/// Plays what a member of the room publishes (`POST` at a WHEP endpoint).
pub(super) async fn play(
    State(shared): State<Arc<Shared>>,
    Path(room): Path<String>,
    OriginalUri(uri): OriginalUri,
    RawQuery(query): RawQuery,
    Query(wishes): Query<Wishes>,
    headers: HeaderMap,
    body: Raw,
) -> Result<Response, Refused> {
    let offer = offer(&headers, &body)?;
    let tracks = |entered: &Entered| {
        let member = wishes.member.as_deref().map(MemberId::of);
        wanted(&entered.record, member.as_ref(), offer.sdp())
    };
    let visit = visit(&shared, &room, &headers, query, &wishes, Via::Whep, tracks).await?;
    let played = async {
        let Visit { session, tracks, .. } = &visit;
        match session.subscribe_with(offer.clone(), tracks.clone()).await? {
            Negotiation::Answer(answered) if !answered.outcome.done.is_empty() => {
                Ok(answered.answer)
            }
            Negotiation::Answer(_) | Negotiation::Done(_) => Err(Refused::NotFound),
            // A player takes no offer.
            Negotiation::Offer(_) => Err(Refused::Gone),
        }
    };
    let answer = played.await;
    visit.end(&uri, "whep", answer).await
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

/// Says what an endpoint takes (`OPTIONS`).
pub(super) async fn options() -> impl IntoResponse {
    (StatusCode::NO_CONTENT, [("accept-post", SDP)])
}

/// Looks after a member that is there as long as its session is, until then.
pub(crate) fn attend(shared: Arc<Shared>, room: Arc<Room>, member: MemberId) {
    let shared = Arc::downgrade(&shared);
    tokio::spawn(async move {
        let Ok(_seat) = room.sit(&member).await else { return };
        loop {
            tokio::time::sleep(LOOK).await;
            let Some(shared) = shared.upgrade() else { return };
            let record = Arc::clone(&room.states().borrow());
            let Some(entry) = record.entry(&member) else { return };
            let mut is_there = false;
            for held in &entry.sessions {
                is_there |= is_alive(&shared, &held.id).await;
            }
            if !is_there {
                if let Err(error) = remove(&shared, &room, &member, Reason::Left).await {
                    tracing::debug!(%error, "a member without a session was not removed");
                }
                return;
            }
        }
    });
}

/// Whether a session is there. If that cannot be known, it is.
async fn is_alive(shared: &Shared, session: &SessionId) -> bool {
    match shared.sessions.get(session).await {
        Ok(Some(session)) => match session.state().await {
            Ok(_) => true,
            Err(error) => !error.is_session_gone(),
        },
        Ok(None) => false,
        Err(_) => true,
    }
}

async fn remove(
    shared: &Arc<Shared>,
    room: &Room,
    member: &MemberId,
    reason: Reason,
) -> Result<(), Refused> {
    let gone = room.change(|record| Ok(record.leave(member, reason))).await?;
    shared.gone(&room.name, gone.into_iter().collect(), reason);
    Ok(())
}

fn offer(headers: &HeaderMap, Raw(body): &Raw) -> Result<Offer, Refused> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).map(str::trim);
    if !kind.is_some_and(|kind| kind.eq_ignore_ascii_case(SDP)) {
        return Err(Refused::MediaType);
    }
    let malformed = || Refused::Undecodable("the session description cannot be read".to_owned());
    let sdp = std::str::from_utf8(body).map_err(|_| malformed())?;
    Offer::new(sdp).map_err(|_| malformed())
}

/// Makes a member, unless it is one already, and its session. Before there is one,
/// `tracks` finds what the request is about.
async fn visit<T>(
    shared: &Arc<Shared>,
    room: &str,
    headers: &HeaderMap,
    query: Option<String>,
    wishes: &Wishes,
    via: Via,
    tracks: impl FnOnce(&Entered) -> Result<Vec<T>, Refused>,
) -> Result<Visit<T>, Refused> {
    let bearer = bearer(headers);
    let member = match bearer {
        Some(bearer) => member(shared, room, bearer).await?,
        None => None,
    };
    let entered = match member {
        Some(entered) => entered,
        None => {
            let name = wishes.name.as_deref().map(checked_name).transpose()?;
            let entered = enter(shared, room, headers.clone(), query, name, Value::Null, via);
            let entered = entered.await.map_err(|refused| match (refused, bearer) {
                // A credential might help.
                (Refused::Forbidden, None) => Refused::Unauthorized,
                (refused, _) => refused,
            })?;
            if let Some(bearer) = bearer {
                // The same credential is good for the session's URL.
                let hash = token::hash(bearer);
                entered.room.change(|record| record.set_token(&entered.id, &hash)).await?;
            }
            entered
        }
    };
    // Whoever has no credential gets one with the session's URL.
    let key = bearer.is_none().then(|| entered.token.clone());
    let made = async {
        let tracks = tracks(&entered)?;
        Ok((session(shared, &entered).await?, tracks))
    };
    match made.await {
        Ok((session, tracks)) => {
            let shared = Arc::clone(shared);
            Ok(Visit { shared, entered, session, tracks, key })
        }
        Err(refused) => {
            give_up(shared, &entered).await?;
            Err(refused)
        }
    }
}

/// The member that a token is good for.
async fn member(
    shared: &Arc<Shared>,
    room: &str,
    bearer: &str,
) -> Result<Option<Entered>, Refused> {
    let Ok(room) = RoomName::new(room) else { return Ok(None) };
    let caller = Caller::recognised(shared, &room, bearer).await?;
    Ok(caller.map(|Caller { room, record, id, role, .. }| Entered {
        room,
        id,
        role,
        token: SecretString::default(),
        record,
    }))
}

async fn session(shared: &Arc<Shared>, entered: &Entered) -> Result<GuardedSession, Refused> {
    let Entered { room, id, role, .. } = entered;
    let label = session::label(&room.name, id);
    let session = shared.client.join().correlation_id(label).send().await?;
    session::hold(shared, room, id, &session, None).await?;
    guarded(session, id, *role, &*room.look().await?)
}

/// Takes back a member that has come to nothing.
async fn give_up(shared: &Arc<Shared>, entered: &Entered) -> Result<(), Refused> {
    let record = entered.room.look().await?;
    match record.entry(&entered.id).map(|entry| entry.via) {
        Some(Via::Whip | Via::Whep) => {
            remove(shared, &entered.room, &entered.id, Reason::Left).await
        }
        _ => Ok(()),
    }
}

impl<T> Visit<T> {
    /// The reply with the answer. Without one, nothing stays.
    async fn end(
        self,
        uri: &Uri,
        endpoint: &str,
        answer: Result<Answer, Refused>,
    ) -> Result<Response, Refused> {
        let Self { shared, entered, session, key, .. } = self;
        let Entered { room, id, .. } = &entered;
        let answer = match answer {
            Ok(answer) => answer,
            Err(refused) => {
                room.change(|record| record.let_go(id, session.id())).await?;
                shared.leave(session.id().clone());
                give_up(&shared, &entered).await?;
                return Err(refused);
            }
        };
        if room.states().borrow().entry(id).is_some_and(|entry| entry.via != Via::Members) {
            attend(Arc::clone(&shared), Arc::clone(room), id.clone());
        }
        let mut location = format!("{}/{endpoint}/{}", room_path(uri, &room.name), session.id());
        if let Some(key) = key {
            location.push_str("?key=");
            location.push_str(key.expose_secret());
        }
        let mut response = (StatusCode::CREATED, answer.sdp().to_owned()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(SDP));
        if let Ok(location) = HeaderValue::try_from(location) {
            headers.insert(header::LOCATION, location);
        }
        for link in links(&shared.ice_servers().await) {
            headers.append(header::LINK, link);
        }
        Ok(response)
    }
}

/// Servers for ICE as links (RFC 9725 section 4.6).
fn links(servers: &IceServers) -> Vec<HeaderValue> {
    let mut links = Vec::new();
    for server in servers.iter() {
        for url in server.urls() {
            let mut link = format!("<{url}>; rel=\"ice-server\"");
            if let (Some(username), Some(credential)) = (server.username(), server.credential()) {
                let credential = credential.expose_secret();
                link.push_str(&format!(
                    "; username=\"{}\"; credential=\"{}\"; credential-type=\"password\"",
                    quoted(username),
                    quoted(credential)
                ));
            }
            if let Ok(mut link) = HeaderValue::try_from(link) {
                link.set_sensitive(server.credential().is_some());
                links.push(link);
            }
        }
    }
    links
}

/// The text inside of a quoted string (RFC 9110 section 5.6.4).
fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// The sections of an offer, each named by its kind, and by its mid as well if it is
/// not the first of its kind.
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

/// The tracks of a member for the sections of a player's offer, or of the first member
/// that publishes.
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

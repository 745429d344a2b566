//! Visits of publishers and players by WHIP and WHEP: from the request to its reply.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::RequestPartsExt;
use axum::extract::{FromRequest, OriginalUri, RawQuery, Request};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use cloudflare_calls::ice::IceServers;
use cloudflare_calls::token::GuardedSession;
use cloudflare_calls::{Answer, Offer, SecretString};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::Value;

use super::attend::{attend, remove};
use super::body::Raw;
use super::caller::{Caller, bearer, guarded};
use super::cookie::room_path;
use super::members::{Entered, checked_name, enter};
use super::parts::{Path, Query};
use super::session;
use crate::hooks::Via;
use crate::name::RoomName;
use crate::refusal::Refused;
use crate::room::types::Reason;
use crate::server::Shared;
use crate::token;

/// Media type of session descriptions (RFC 8866 section 8.1).
pub(super) const SDP: &str = "application/sdp";

/// Request to publish or to play.
pub(super) struct Asked {
    pub(super) shared: Arc<Shared>,
    room: String,
    uri: Uri,
    query: Option<String>,
    pub(super) wishes: Wishes,
    headers: HeaderMap,
    pub(super) offer: Offer,
}

#[derive(Default, Deserialize)]
pub(super) struct Wishes {
    pub(super) name: Option<String>,
    /// Member whose tracks are to be played.
    pub(super) member: Option<String>,
}

/// Visit of a publisher or a player, with its member and its session.
pub(super) struct Visit<T> {
    shared: Arc<Shared>,
    pub(super) entered: Entered,
    pub(super) session: GuardedSession,
    /// Tracks of the request.
    pub(super) tracks: Vec<T>,
    /// Credential of the session's URL, if it is not the one that came.
    key: Option<SecretString>,
}

impl FromRequest<Arc<Shared>> for Asked {
    type Rejection = Refused;

    async fn from_request(request: Request, shared: &Arc<Shared>) -> Result<Self, Refused> {
        let (mut parts, body) = request.into_parts();
        let Path(room) = parts.extract_with_state(shared).await?;
        let Query(wishes) = parts.extract_with_state(shared).await?;
        let uri = parts.extract::<OriginalUri>().await;
        let uri = uri.map_or_else(|never| match never {}, |OriginalUri(uri)| uri);
        let query = parts.extract::<RawQuery>().await;
        let query = query.map_or_else(|never| match never {}, |RawQuery(query)| query);
        let headers = parts.headers.clone();
        let body = Raw::from_request(Request::from_parts(parts, body), shared).await?;
        let offer = offer(&headers, &body)?;
        Ok(Self { shared: Arc::clone(shared), room, uri, query, wishes, headers, offer })
    }
}

/// Returns the member that a token is good for.
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
    let (session, _) = session::make(shared, &room.name, id, None).await?;
    session::hold(shared, room, id, &session, BTreeMap::new(), None).await?;
    guarded(session, id, *role, &*room.look().await?)
}

/// Removes a member that was made for a failed visit.
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
    /// Makes a member, unless the caller is one, and its session. `tracks` finds the tracks of the
    /// request before that.
    pub(super) async fn begin(
        asked: &Asked,
        via: Via,
        tracks: impl FnOnce(&Entered) -> Result<Vec<T>, Refused>,
    ) -> Result<Self, Refused> {
        let Asked { shared, room, query, wishes, headers, .. } = asked;
        let bearer = bearer(headers);
        let member = match bearer {
            Some(bearer) => member(shared, room, bearer).await?,
            None => None,
        };
        let entered = match member {
            Some(entered) => entered,
            None => {
                let name = wishes.name.as_deref().map(checked_name).transpose()?;
                let entered =
                    enter(shared, room, headers.clone(), query.clone(), name, Value::Null, via);
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
        // A visitor without a credential gets one with the session's URL.
        let key = bearer.is_none().then(|| entered.token.clone());
        let made = async {
            let tracks = tracks(&entered)?;
            Ok((session(shared, &entered).await?, tracks))
        };
        match made.await {
            Ok((session, tracks)) => {
                let shared = Arc::clone(shared);
                Ok(Self { shared, entered, session, tracks, key })
            }
            Err(refused) => {
                give_up(shared, &entered).await?;
                Err(refused)
            }
        }
    }

    /// Returns the reply with the answer. Without an answer nothing stays.
    pub(super) async fn end(
        self,
        asked: &Asked,
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
        let mut location =
            format!("{}/{endpoint}/{}", room_path(&asked.uri, &room.name), session.id());
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

/// Returns servers for ICE as links (RFC 9725 section 4.6).
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

/// Returns a text for a quoted string (RFC 9110 section 5.6.4).
fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
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

//! Member that sends a request, and its session.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use cloudflare_calls::error::Unusable;
use cloudflare_calls::session::Status;
use cloudflare_calls::token::{Action, Grant, GuardedSession};
use cloudflare_calls::types::SessionId;
use cloudflare_calls::{Error, Session};

use super::cookie;
use super::origin::Origin;
use super::parts::Path;
use crate::hooks::Via;
use crate::name::{MemberId, RoomName};
use crate::refusal::Refused;
use crate::room::Room;
use crate::room::record::{Entry, Record};
use crate::room::types::Role;
use crate::server::Shared;
use crate::token;

/// Subprotocol by which a WebSocket carries a token.
const TOKEN_PROTOCOL: &str = "calls.token.";

/// Longest time of one step of a session. No step takes as long.
const STEP: Duration = Duration::from_secs(120);

/// Member that sends a request.
pub(super) struct Caller {
    pub(super) shared: Arc<Shared>,
    pub(super) room: Arc<Room>,
    /// State of the room in which the token was found good.
    pub(super) record: Arc<Record>,
    pub(super) id: MemberId,
    pub(super) role: Role,
}

/// Member that sends a request on its own session.
pub(super) struct Owner {
    pub(super) caller: Caller,
    /// Session, as far as the member's role permits.
    pub(super) session: GuardedSession,
}

impl FromRequestParts<Arc<Shared>> for Caller {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Refused> {
        let params = params(parts, shared).await?;
        let room = params.get("room").and_then(|name| RoomName::new(name).ok());
        let room = room.ok_or(Refused::Unauthorized)?;
        let (token, is_cookie) = token_of(&parts.headers).ok_or(Refused::Unauthorized)?;
        let is_socket = parts.headers.contains_key(header::SEC_WEBSOCKET_KEY);
        let changes = !matches!(parts.method, Method::GET | Method::HEAD);
        match Origin::of(&parts.headers, &shared.origins) {
            Origin::Other if is_cookie || is_socket => return Err(Refused::Forbidden),
            Origin::None if is_cookie && (changes || is_socket) => return Err(Refused::Forbidden),
            _ => {}
        }
        Self::recognised(shared, &room, token).await?.ok_or(Refused::Unauthorized)
    }
}

impl Caller {
    /// Returns the member of a room that a token is good for.
    pub(super) async fn recognised(
        shared: &Arc<Shared>,
        room: &RoomName,
        token: &str,
    ) -> Result<Option<Self>, Refused> {
        let Some(id) = token::named(token) else { return Ok(None) };
        let Some((room, record)) = shared.rooms.find(room).await? else { return Ok(None) };
        let entry = record.entry(&id).filter(|entry| token::is_right(token, &entry.token));
        // The key of a session's URL by WHIP is good for that URL only.
        let Some(entry) = entry.filter(|entry| entry.via == Via::Members) else { return Ok(None) };
        let role = entry.member.role;
        // Guesses at another member's token do not count as requests of that member.
        shared.rates.request(&id)?;
        Ok(Some(Self { shared: Arc::clone(shared), room, record, id, role }))
    }

    /// Returns the member's entry in the state in which its token was found good.
    pub(super) fn entry(&self) -> Result<&Entry, Refused> {
        self.record.entry(&self.id).ok_or(Refused::Unauthorized)
    }

    pub(super) fn require(&self, role: Role) -> Result<(), Refused> {
        if self.role >= role { Ok(()) } else { Err(Refused::Forbidden) }
    }

    /// Checks that the member may publish this many more tracks and data channels.
    pub(super) fn require_place_for(&self, more: usize) -> Result<(), Refused> {
        self.require(Role::Member)?;
        match self.entry()?.has_place_for(more, self.shared.limits.publications) {
            true => Ok(()),
            false => Err(Refused::Full),
        }
    }

    /// Returns one of the member's own sessions, as far as its role permits.
    async fn own(self, id: &SessionId) -> Result<Owner, Refused> {
        // A session that does not exist is refused like one of another member.
        if !self.entry()?.has(id) {
            return Err(Refused::Forbidden);
        }
        let Some(session) = self.shared.sessions.get(id).await? else {
            self.shared.ended(&self.room.name, &self.id, id).await?;
            return Err(Refused::Gone);
        };
        let session = guarded(session, &self.id, self.role, &self.record)?;
        Ok(Owner { caller: self, session })
    }
}

impl FromRequestParts<Arc<Shared>> for Owner {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Refused> {
        let caller = Caller::from_request_parts(parts, shared).await?;
        let params = params(parts, shared).await?;
        let id = params.get("session").and_then(|id| SessionId::new(id.as_str()).ok());
        caller.own(&id.ok_or(Refused::Forbidden)?).await
    }
}

impl Owner {
    pub(super) fn id(&self) -> &SessionId {
        self.session.id()
    }

    /// Returns the result of a step. If the session has ended, the room is told.
    pub(super) async fn checked<T>(&self, result: Result<T, Error>) -> Result<T, Refused> {
        let is_gone = match &result {
            Err(error) => error.is_session_gone(),
            // The client counts items of an ended session as closed, so a close succeeds.
            Ok(_) => self.session.status() == Status::Unusable(Unusable::Gone),
        };
        if is_gone {
            let Caller { shared, room, id, .. } = &self.caller;
            shared.ended(&room.name, id, self.id()).await?;
        }
        match result {
            Ok(_) if is_gone => Err(Refused::Gone),
            result => result.map_err(Refused::from),
        }
    }

    /// Tells the room about a change. The room refuses it if the member has left or the session was
    /// replaced. Then the session is left, so that nothing of it stays open.
    pub(super) async fn tell(
        &self,
        change: impl FnMut(&mut Record) -> Result<(), Refused>,
    ) -> Result<(), Refused> {
        let told = self.caller.room.change(change).await;
        if matches!(told, Err(Refused::Unauthorized | Refused::Gone)) {
            self.caller.shared.leave(self.id().clone());
        }
        told
    }
}

/// Returns a session of a member, as far as its role permits, and with pulls limited to the room.
pub(super) fn guarded(
    session: Session,
    member: &MemberId,
    role: Role,
    record: &Record,
) -> Result<GuardedSession, Refused> {
    let grant = Grant::new(member.as_str(), session.id().clone(), STEP).actions(actions(role));
    let session = session.granted(&grant)?;
    Ok(session.pull_only_from(record.sessions().cloned()))
}

fn actions(role: Role) -> BTreeSet<Action> {
    let listens = [
        Action::Subscribe,
        Action::SubscribeData,
        Action::Update,
        Action::Close,
        Action::Leave,
        Action::ReadState,
    ];
    let publishes = [Action::Publish, Action::PublishData, Action::GrantReply];
    let publishes = publishes.into_iter().filter(|_| role >= Role::Member);
    listens.into_iter().chain(publishes).collect()
}

async fn params(
    parts: &mut Parts,
    shared: &Arc<Shared>,
) -> Result<HashMap<String, String>, Refused> {
    let params = Path::from_request_parts(parts, shared).await;
    params.map(|Path(params)| params)
}

/// Returns the token, and true if it came by the cookie alone.
fn token_of(headers: &HeaderMap) -> Option<(&str, bool)> {
    if let Some(token) = bearer(headers) {
        return Some((token, false));
    }
    let protocols = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).into_iter();
    let protocols = protocols.filter_map(|protocols| protocols.to_str().ok());
    let mut protocols = protocols.flat_map(|protocols| protocols.split(',')).map(str::trim);
    match protocols.find_map(|protocol| protocol.strip_prefix(TOKEN_PROTOCOL)) {
        Some(token) => Some((token, false)),
        None => cookie::token(headers).map(|token| (token, true)),
    }
}

/// Returns the token of `authorization: Bearer …` (RFC 6750 section 2.1).
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

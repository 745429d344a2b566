//! Members: entering, changing, leaving, and the actions of a moderator.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{OriginalUri, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use cloudflare_calls::ice::IceServers;
use cloudflare_calls::types::SessionId;
use cloudflare_calls::{Mid, SecretString, prelude::*};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::body::{Json as Body, Optional};
use super::caller::Caller;
use super::cookie;
use super::origin::Origin;
use super::parts::Path;
use crate::hooks::{Entrance, Happened, NotAdmitted, Via};
use crate::name::{MemberId, RoomName};
use crate::refusal::Refused;
use crate::room::Room;
use crate::room::record::{Entry, Record};
use crate::room::types::{Member, Presence, Reason, Role};
use crate::server::{Shared, now};
use crate::token;

/// The most characters of a member's name.
pub(crate) const MAX_NAME: usize = 64;

/// Name of a member that gives none.
const NAMELESS: &str = "guest";

#[derive(Default, Deserialize)]
pub(super) struct Joining {
    name: Option<String>,
    #[serde(default)]
    data: Value,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Joined<'a> {
    token: &'a str,
    member: &'a Member,
    room: Snapshot<'a>,
    ice_servers: IceServers,
    heartbeat_seconds: u64,
}

/// State of a room as its members see it.
#[derive(Serialize)]
pub(super) struct Snapshot<'a> {
    seq: u64,
    members: Vec<&'a Member>,
}

#[derive(Deserialize)]
pub(super) struct Changes {
    #[serde(default, deserialize_with = "given")]
    data: Option<Value>,
    #[serde(default)]
    muted: BTreeMap<String, bool>,
}

/// Member that has entered.
pub(super) struct Entered {
    pub(super) room: Arc<Room>,
    pub(super) id: MemberId,
    pub(super) role: Role,
    pub(super) token: SecretString,
    pub(super) record: Arc<Record>,
}

/// Takes a request to enter a room.
pub(super) async fn join(
    State(shared): State<Arc<Shared>>,
    Path(room): Path<String>,
    OriginalUri(uri): OriginalUri,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    Optional(joining): Optional<Joining>,
) -> Result<Response, Refused> {
    let Joining { name, data } = joining.unwrap_or_default();
    let name = name.map(|name| checked_name(&name)).transpose()?;
    check_data(&data, shared.limits.data)?;
    // Otherwise a page of another site could make its visitor's browser a member.
    if Origin::of(&headers, &shared.origins) == Origin::Other {
        return Err(Refused::Forbidden);
    }
    let entered = enter(&shared, &room, headers.clone(), query, name, data, Via::Members).await?;
    let Entered { room, id, token, record, .. } = &entered;
    let entry = record.entry(id).ok_or(Refused::Unauthorized)?;
    let token = secrecy::ExposeSecret::expose_secret(token);
    let joined = Joined {
        token,
        member: &entry.member,
        room: Snapshot::of(record),
        ice_servers: shared.ice_servers().await,
        heartbeat_seconds: shared.limits.heartbeat.as_secs().max(1),
    };
    let mut response = (StatusCode::CREATED, Json(joined)).into_response();
    if let Some(cookie) = cookie::set(token, &room.name, &uri, &headers) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Asks the application, and makes a member.
pub(super) async fn enter(
    shared: &Arc<Shared>,
    room: &str,
    headers: HeaderMap,
    query: Option<String>,
    name: Option<String>,
    data: Value,
    via: Via,
) -> Result<Entered, Refused> {
    if *shared.draining.borrow() {
        return Err(Refused::Draining);
    }
    let name_of_room = RoomName::new(room).map_err(|error| Refused::Invalid(error.to_string()))?;
    let members = shared.rooms.find(&name_of_room).await?;
    let members = members.map_or(0, |(_, record)| record.members().len());
    let entrance =
        Entrance { room: name_of_room.clone(), headers, query, name: name.clone(), via, members };
    let admission = shared.hooks.admit(entrance).await;
    let admission = admission.map_err(|NotAdmitted| Refused::Forbidden)?;
    // The limit is behind the application's decision, so that refused requests keep nobody out.
    shared.rates.entrance(&name_of_room)?;
    let room = shared.rooms.room(&name_of_room);
    let cut = |name: String| name.chars().take(MAX_NAME).collect::<String>();
    let name = admission.name.map(cut).or(name).unwrap_or_else(|| NAMELESS.to_owned());
    let issued = token::issue().ok_or_else(|| {
        let problem = "the system has no random numbers";
        Refused::Store(cloudflare_calls::store::StoreError::Refused(problem.to_owned()))
    })?;
    let (id, token, hash) = issued;
    let member = Member {
        id: id.clone(),
        name,
        role: admission.role,
        presence: Presence::Away,
        data,
        tracks: Vec::new(),
        channels: Vec::new(),
    };
    let capacity = admission.capacity.unwrap_or(shared.limits.members);
    let entry = Entry::new(member, hash, via, now());
    let record = room
        .change(|record| {
            record.join(entry.clone(), capacity)?;
            Ok(Arc::new(record.clone()))
        })
        .await?;
    let (room_name, member) = (&room.name, &entry.member);
    tracing::info!(room = %room_name, member = %id, role = %admission.role, "a member has joined");
    shared.hooks.happened(room_name, Happened::Joined { member });
    Ok(Entered { room, id, role: admission.role, token, record })
}

/// Returns the state of the room.
pub(super) async fn room(caller: Caller) -> Response {
    Json(Snapshot::of(&caller.record)).into_response()
}

/// Ends the room, for a moderator.
pub(super) async fn end(caller: Caller) -> Result<StatusCode, Refused> {
    caller.require(Role::Moderator)?;
    let gone = caller.room.change(|record| Ok(record.end())).await?;
    caller.shared.members_left(&caller.room.name, gone, Reason::Ended);
    Ok(StatusCode::NO_CONTENT)
}

/// Changes the member itself, or mutes another one for a moderator.
pub(super) async fn change(
    caller: Caller,
    Path((_, member)): Path<(String, String)>,
    Body(Changes { data, muted }): Body<Changes>,
) -> Result<Response, Refused> {
    let member = MemberId::of(&member);
    if member != caller.id {
        caller.require(Role::Moderator)?;
        if data.is_some() || muted.values().any(|is_muted| !is_muted) {
            return Err(Refused::Forbidden);
        }
        for name in muted.keys() {
            mute(&caller, &member, name).await?;
        }
        let record = caller.room.look().await?;
        let entry = record.entry(&member).ok_or(Refused::NotFound)?;
        return Ok(Json(&entry.member).into_response());
    }
    if let Some(data) = &data {
        check_data(data, caller.shared.limits.data)?;
    }
    let changed = caller.room.change(|record| {
        if let Some(data) = &data {
            record.set_data(&member, data.clone())?;
        }
        for (name, is_muted) in &muted {
            record.set_muted(&member, name, *is_muted)?;
        }
        record.entry(&member).map(|entry| entry.member.clone()).ok_or(Refused::Unauthorized)
    });
    Ok(Json(changed.await?).into_response())
}

/// Removes the member itself, or another one for a moderator.
pub(super) async fn leave(
    caller: Caller,
    Path((_, member)): Path<(String, String)>,
) -> Result<StatusCode, Refused> {
    let member = MemberId::of(&member);
    let reason = if member == caller.id {
        Reason::Left
    } else {
        caller.require(Role::Moderator)?;
        Reason::Removed
    };
    let gone = caller.room.change(|record| {
        record.leave(&member, reason).map(|entry| vec![entry]).ok_or(Refused::NotFound)
    });
    caller.shared.members_left(&caller.room.name, gone.await?, reason);
    Ok(StatusCode::NO_CONTENT)
}

/// Takes a sign of life of a member without a connection for events.
pub(super) async fn heartbeat(
    caller: Caller,
    Path((_, member)): Path<(String, String)>,
) -> Result<StatusCode, Refused> {
    if member != caller.id.as_str() {
        return Err(Refused::Forbidden);
    }
    caller.room.change(|record| record.beat(&caller.id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl<'a> Snapshot<'a> {
    pub(super) fn of(record: &'a Record) -> Self {
        Self { seq: record.seq, members: record.members().collect() }
    }
}

/// Reads a field that is present, even if it is null.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// Closes a track of another member at the SFU.
async fn mute(caller: &Caller, member: &MemberId, name: &str) -> Result<(), Refused> {
    let Caller { shared, room, record, id, .. } = caller;
    let entry = record.entry(member).ok_or(Refused::NotFound)?;
    let mids = entry.sessions.iter().filter_map(|held| Some((&held.id, held.mid(name)?)));
    let mids: Vec<(SessionId, Mid)> = mids.map(|(id, mid)| (id.clone(), mid.clone())).collect();
    if mids.is_empty() {
        return Err(Refused::NotFound);
    }
    for (session, mid) in mids {
        if let Some(session) = shared.sessions.get(&session).await? {
            session.close([mid.clone()]).await?.into_result()?;
        }
        room.change(|record| {
            let closed = std::slice::from_ref(&mid);
            match record.unpublish(member, &session, closed, Some(id)) {
                Err(Refused::Unauthorized) => Err(Refused::NotFound),
                unpublished => unpublished,
            }
        })
        .await?;
    }
    shared.hooks.happened(&room.name, Happened::Muted { by: id, member, track: name });
    Ok(())
}

/// Returns a name without control characters and surrounding spaces.
pub(super) fn checked_name(name: &str) -> Result<String, Refused> {
    let name = name.trim();
    let length = name.chars().count();
    match (1..=MAX_NAME).contains(&length) && !name.contains(char::is_control) {
        true => Ok(name.to_owned()),
        false => Err(Refused::Invalid(format!("name: 1 to {MAX_NAME} characters are needed"))),
    }
}

fn check_data(data: &Value, max: usize) -> Result<(), Refused> {
    let is_right = serde_json::to_vec(data).is_ok_and(|text| text.len() <= max);
    match is_right {
        true => Ok(()),
        false => Err(Refused::Invalid(format!("data: up to {max} bytes of JSON are allowed"))),
    }
}

//! Sessions: their creation and their state.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use cloudflare_calls::ice::IceServers;
use cloudflare_calls::session::Origin;
use cloudflare_calls::types::{SessionDescription, SessionId};
use cloudflare_calls::{Mid, Offer, Session, prelude::*};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tracing::Instrument;

use super::body::Optional;
use super::caller::{Caller, Owner};
use super::parts::Query;
use super::sdp::offered;
use crate::name::{MemberId, RoomName};
use crate::refusal::Refused;
use crate::room::Room;
use crate::room::record::Held;
use crate::room::types::Kind;
use crate::server::Shared;

#[derive(Default, Deserialize)]
pub(super) struct Replacing {
    replaces: Option<SessionId>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct First {
    session_description: SessionDescription,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Made {
    session_id: SessionId,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_description: Option<SessionDescription>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Servers {
    ice_servers: IceServers,
}

/// Makes the session of a client that joins (`POST sessions/new`).
pub(super) async fn new(
    caller: Caller,
    Query(Replacing { replaces }): Query<Replacing>,
    Optional(first): Optional<First>,
) -> Result<Response, Refused> {
    let Caller { shared, room, id, .. } = &caller;
    let entry = caller.entry()?;
    let replaces = replaces.filter(|replaced| entry.has(replaced));
    if entry.sessions.len() - usize::from(replaces.is_some()) >= shared.limits.sessions {
        return Err(Refused::Full);
    }
    let offer = first.map(|first| Offer::try_from(first.session_description)).transpose()?;
    let kinds = offer.as_ref().map(|offer| offered(offer.sdp())).unwrap_or_default();
    let (session, answer) = make(shared, &room.name, id, offer).await?;
    hold(shared, room, id, &session, kinds, replaces.as_ref()).await?;
    let made = Made { session_id: session.id().clone(), session_description: answer };
    Ok((StatusCode::CREATED, Json(made)).into_response())
}

/// Makes a session for a member. Returns it with the answer to its first offer. The session has the
/// label `<room>/<member>`.
pub(super) async fn make(
    shared: &Shared,
    room: &RoomName,
    member: &MemberId,
    offer: Option<Offer>,
) -> Result<(Session, Option<SessionDescription>), Refused> {
    let label = format!("{room}/{member}");
    let span = tracing::info_span!("calls_join", label);
    let Some(offer) = offer else {
        let join = shared.client.join().correlation_id(label);
        return Ok((join.send().instrument(span).await?, None));
    };
    let join = shared.client.join_with(offer).correlation_id(label);
    let joined = join.send().instrument(span).await?;
    Ok((joined.outcome, Some(joined.answer.into())))
}

/// Adds a new session to its member. If that fails, the session is left.
pub(super) async fn hold(
    shared: &Arc<Shared>,
    room: &Room,
    member: &MemberId,
    session: &Session,
    kinds: BTreeMap<Mid, Kind>,
    replaces: Option<&SessionId>,
) -> Result<(), Refused> {
    if let Err(not_inserted) = shared.sessions.insert(session.clone()).await {
        // Without an agent the session expires by itself.
        return Err(match not_inserted.error {
            Some(error) => Refused::Store(error),
            None => Refused::Full,
        });
    }
    let capacity = shared.limits.sessions;
    let held = Held::new(session.id().clone(), kinds);
    let changed = room.change(|record| record.hold(member, held.clone(), replaces, capacity)).await;
    if changed.is_err() {
        shared.leave(session.id().clone());
    }
    changed?;
    if let Some(replaced) = replaces {
        shared.leave(replaced.clone());
    }
    Ok(())
}

/// Returns the state of the member's own session (`GET sessions/{id}`).
pub(super) async fn state(owner: Owner) -> Result<Json<Value>, Refused> {
    let state = owner.checked(owner.session.state().await).await?;
    let place = |origin: &Origin| match origin {
        Origin::Published => (Some("local"), None),
        Origin::Subscribed(publisher) => (Some("remote"), Some(publisher.clone())),
        _ => (None, None),
    };
    let tracks = state.tracks.iter().map(|track| {
        let (location, session) = place(&track.origin);
        json!({
            "location": location, "mid": track.mid, "trackName": track.name,
            "sessionId": session, "kind": track.kind, "simulcast": track.simulcast,
            "status": track.status,
        })
    });
    let channels = state.data_channels.iter().map(|channel| {
        let (location, session) = place(&channel.origin);
        json!({
            "location": location, "id": channel.id, "dataChannelName": channel.name,
            "sessionId": session, "status": channel.status,
        })
    });
    let (tracks, channels): (Vec<_>, Vec<_>) = (tracks.collect(), channels.collect());
    let mut reply = json!({ "tracks": tracks, "dataChannels": channels });
    without_nulls(&mut reply);
    Ok(Json(reply))
}

/// Returns servers for the ICE of the member's agent.
pub(super) async fn ice_servers(caller: Caller) -> Json<Servers> {
    Json(Servers { ice_servers: caller.shared.ice_servers().await })
}

/// Returns them with the method and the status of the API.
pub(super) async fn new_ice_servers(caller: Caller) -> (StatusCode, Json<Servers>) {
    (StatusCode::CREATED, ice_servers(caller).await)
}

/// Removes fields that are null, as the API leaves them out.
fn without_nulls(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(without_nulls),
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(without_nulls);
        }
        _ => {}
    }
}

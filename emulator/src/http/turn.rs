//! Credentials of TURN, in the documented shape. Nothing is relayed with them:
//! the emulator has no TURN server. The hosts have names that nobody has (RFC 6761),
//! so that browsers give up at once and ask nobody outside.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Shared, authorize, refuse, reply};
use crate::app::random_id;

/// The longest lifetime of credentials, in seconds (Cloudflare's limit).
const MAX_TTL: u64 = 48 * 3600;

/// What is authorized for, and by what.
const KEY: (&str, &str) = ("key", "token");

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wanted {
    ttl: u64,
}

/// `POST turn/keys/{keyId}/credentials/generate-ice-servers`
pub(super) async fn generate(
    State(shared): State<Shared>,
    Path(key): Path<String>,
    headers: HeaderMap,
    body: String,
) -> Response {
    if let Err(response) = authorize(shared.turn_keys(), &key, &headers, KEY) {
        return *response;
    }
    let wanted: Wanted = match serde_json::from_str(&body) {
        Ok(wanted) => wanted,
        Err(_) => return refuse(StatusCode::BAD_REQUEST, "decoding_error", "no ttl in the body"),
    };
    if !(1..=MAX_TTL).contains(&wanted.ttl) {
        let description = "the ttl is not from 1 s to 48 h";
        return refuse(StatusCode::BAD_REQUEST, "invalid_params", description);
    }
    // They open nothing.
    let (username, credential) = (random_id(), random_id());
    reply(StatusCode::CREATED, &servers(&username, &credential))
}

/// `POST turn/keys/{keyId}/credentials/{username}/revoke`
pub(super) async fn revoke(
    State(shared): State<Shared>,
    Path((key, _username)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    match authorize(shared.turn_keys(), &key, &headers, KEY) {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(response) => *response,
    }
}

fn servers(username: &str, credential: &str) -> Value {
    json!({ "iceServers": [
        { "urls": ["stun:stun.invalid:3478", "stun:stun.invalid:53"] },
        {
            "urls": [
                "turn:turn.invalid:3478?transport=udp",
                "turn:turn.invalid:3478?transport=tcp",
                "turns:turn.invalid:5349?transport=tcp",
                "turn:turn.invalid:53?transport=udp",
            ],
            "username": username,
            "credential": credential,
        },
    ] })
}

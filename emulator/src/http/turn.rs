//! Credentials of TURN, in the documented shape. The emulator has no TURN server and relays
//! nothing. Its hosts have reserved names (RFC 6761), so browsers give up at once and ask no server
//! outside.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Shared, authorize, refuse, reply};
use crate::app::random_id;

/// Longest lifetime of credentials, in seconds (Cloudflare's limit).
const MAX_TTL: u64 = 48 * 3600;

/// Noun for the TURN key in messages.
const KEY: &str = "key";

/// URLs of STUN, on the ports of the original.
const STUN: [&str; 2] = ["stun:stun.invalid:3478", "stun:stun.invalid:53"];

/// URLs of TURN, on the ports of the original.
const TURN: [&str; 7] = [
    "turn:turn.invalid:3478?transport=udp",
    "turn:turn.invalid:53?transport=udp",
    "turn:turn.invalid:3478?transport=tcp",
    "turn:turn.invalid:80?transport=tcp",
    "turn:turn.invalid:443?transport=tcp",
    "turns:turn.invalid:5349?transport=tcp",
    "turns:turn.invalid:443?transport=tcp",
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wanted {
    ttl: u64,
}

/// `POST turn/keys/{keyId}/credentials/generate-ice-servers`: a list of servers.
pub(super) async fn generate(
    state: State<Shared>,
    key: Path<String>,
    headers: HeaderMap,
    body: String,
) -> Response {
    created(credentials(state, key, headers, body), |username, credential| {
        json!([
            { "urls": STUN },
            { "urls": TURN, "username": username, "credential": credential },
        ])
    })
}

/// `POST turn/keys/{keyId}/credentials/generate`: the older form, one server with
/// all URLs.
pub(super) async fn generate_one(
    state: State<Shared>,
    key: Path<String>,
    headers: HeaderMap,
    body: String,
) -> Response {
    created(credentials(state, key, headers, body), |username, credential| {
        let urls: Vec<&str> = STUN.into_iter().chain(TURN).collect();
        json!({ "urls": urls, "username": username, "credential": credential })
    })
}

/// Returns the reply with new credentials, in the form of `servers`.
fn created(
    credentials: Result<(String, String), Box<Response>>,
    servers: impl FnOnce(String, String) -> Value,
) -> Response {
    match credentials {
        Ok((username, credential)) => {
            let body = json!({ "iceServers": servers(username, credential) });
            reply(StatusCode::CREATED, &body)
        }
        Err(response) => *response,
    }
}

/// Returns a username and a credential that open nothing.
fn credentials(
    State(shared): State<Shared>,
    Path(key): Path<String>,
    headers: HeaderMap,
    body: String,
) -> Result<(String, String), Box<Response>> {
    authorize(shared.turn_keys(), &key, &headers, KEY)?;
    let refuse = |code, text| Box::new(refuse(StatusCode::BAD_REQUEST, code, text));
    let wanted: Wanted =
        serde_json::from_str(&body).map_err(|_| refuse("decoding_error", "no ttl in the body"))?;
    match wanted.ttl {
        1..=MAX_TTL => Ok((random_id(), random_id())),
        _ => Err(refuse("invalid_params", "the ttl is not from 1 s to 48 h")),
    }
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

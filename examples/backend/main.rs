//! Web backend on the extension traits, and two agents that use it over HTTP. It has no map of
//! pending answers: an SFU's offer waits with its session, and the request that brings the answer
//! finds it by the id of the exchange.
//!
//! ```sh
//! cargo run --example backend
//! ```

mod agents;

use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header::AUTHORIZATION};
use axum::routing::{delete, post};
use axum::{Json, Router};
use cloudflare_calls::session::{Answered, ExchangeId, Exchanged, ForAgent, Registry, Status};
use cloudflare_calls::token::{Action, Grant, GuardedSession, SessionToken, TokenKeys};
use cloudflare_calls::tracks::{LocalTrack, Published, RemoteTrack, Subscribed};
use cloudflare_calls::types::{AppId, SessionId};
use cloudflare_calls::{Answer, Client, Error, Offer, SecretString, Session, prelude::*};
use cloudflare_calls_emulator::Emulator;
use serde::{Deserialize, Serialize};

/// Lifetime of an agent's token. Sessions that are idle for longer are
/// swept, as no agent has a token for them.
const TOKEN_TTL: Duration = Duration::from_secs(2 * 60 * 60);

#[derive(Clone)]
struct Backend {
    client: Client,
    sessions: Registry,
    keys: TokenKeys,
}

#[derive(Deserialize)]
struct Joining {
    offer: Offer,
    tracks: Vec<LocalTrack>,
}

#[derive(Serialize)]
struct Joined {
    session: SessionId,
    token: SessionToken,
    published: Answered<Published>,
}

impl Backend {
    fn routes(self) -> Router {
        Router::new()
            .route("/sessions", post(join))
            .route("/sessions/{id}", delete(leave))
            .route("/sessions/{id}/pull", post(pull))
            .route("/sessions/{id}/answer/{exchange}", post(answer))
            .with_state(self)
    }

    /// Returns the session, as far as the request's token permits. A missing token is denied like a
    /// wrong one.
    async fn open(&self, id: &SessionId, headers: &HeaderMap) -> Result<GuardedSession, Error> {
        let value = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = value.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
        // All sessions of this backend are one room.
        Ok(self.keys.open(token, id, &self.sessions).await?.pull_only_from(self.sessions.ids()))
    }
}

/// Lets an agent join and publish. A real backend authenticates it first. The registry
/// knows its open tracks, and sweeps them if the agent is never heard of again.
async fn join(
    State(backend): State<Backend>,
    Json(joining): Json<Joining>,
) -> axum::response::Result<Json<Joined>> {
    let session = backend.client.join().send().await?;
    backend.sessions.insert(session.clone()).await?;
    let grant = Grant::new("user", session.id().clone(), TOKEN_TTL).actions([
        Action::Publish,
        Action::Subscribe,
        Action::Leave,
    ]);
    let token = backend.keys.issue(&grant)?;
    let published = session.publish(joining.offer, joining.tracks).await?;
    Ok(Json(Joined { session: session.id().clone(), token, published }))
}

/// Pulls tracks of others for an agent. The offer is kept until the agent answers.
async fn pull(
    State(backend): State<Backend>,
    Path(id): Path<SessionId>,
    headers: HeaderMap,
    Json(tracks): Json<Vec<RemoteTrack>>,
) -> Result<Json<ForAgent<Subscribed>>, Error> {
    Ok(Json(backend.open(&id, &headers).await?.subscribe(tracks).await?.keep()))
}

/// Takes the answer of an agent, for an offer of any step.
async fn answer(
    State(backend): State<Backend>,
    Path((id, exchange)): Path<(SessionId, ExchangeId)>,
    headers: HeaderMap,
    Json(answer): Json<Answer>,
) -> Result<Json<Exchanged>, Error> {
    Ok(Json(backend.open(&id, &headers).await?.answer(exchange, answer).await?))
}

/// Lets an agent leave. A later sweep closes the rest.
async fn leave(
    State(backend): State<Backend>,
    Path(id): Path<SessionId>,
    headers: HeaderMap,
) -> Result<StatusCode, Error> {
    let departure = backend.open(&id, &headers).await?.leave().await?;
    Ok(if departure.is_complete() { StatusCode::NO_CONTENT } else { StatusCode::ACCEPTED })
}

/// Leaves, once a minute, the sessions without a living agent, and again those that were left
/// incompletely.
async fn sweep(sessions: Registry) {
    let is_unusable = |session: &Session| matches!(session.status(), Status::Unusable(_));
    loop {
        tokio::time::sleep(Duration::from_secs(60)).await;
        sessions.sweep(|session| is_unusable(session) || session.idle() > TOKEN_TTL).await;
    }
}

/// Serves two agents on the embedded emulator.
#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let emulator = Emulator::start().await?;
    let app = &emulator.apps()[0];
    let (id, secret) = (AppId::new(app.id())?, SecretString::from(app.expose_secret()));
    let client = Client::builder(id.clone(), secret).base_url(emulator.base_url()).build()?;
    let sessions = Registry::new(1_000);
    // A real key is random and as secret as the app's: `openssl rand -hex 32`.
    let keys = TokenKeys::new(id, "2026-01", "0123456789abcdef".repeat(2).into())?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/sessions", listener.local_addr()?);
    let backend = Backend { client, sessions: sessions.clone(), keys };
    tokio::spawn(sweep(sessions.clone()));
    tokio::spawn(async move { axum::serve(listener, backend.routes()).await });
    agents::drive(&url, &emulator, &sessions).await
}

//! Backend: one of several equal processes with their sessions in one store. Any of them takes any
//! request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header::AUTHORIZATION};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use cloudflare_calls::data_channels::{
    DataTransport, LocalDataChannel, PublishedChannels, RemoteDataChannel, SubscribedChannels,
};
use cloudflare_calls::session::{Answered, ExchangeId, Exchanged, ForAgent, Registry, Status};
use cloudflare_calls::token::{Action, Grant, GuardedSession, SessionToken, TokenKeys};
use cloudflare_calls::tracks::{Closed, LocalTrack, Published, RemoteTrack, Subscribed};
use cloudflare_calls::types::SessionId;
use cloudflare_calls::{Answer, Client, Error, Mid, Offer, Session, prelude::*};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// Lifetime of an agent's token.
const TOKEN_TTL: Duration = Duration::from_secs(2 * 60 * 60);

/// The actions of an agent on its session.
const ACTIONS: [Action; 6] = [
    Action::Publish,
    Action::Subscribe,
    Action::Close,
    Action::Leave,
    Action::PublishData,
    Action::SubscribeData,
];

/// Pause between two sweeps. Outside an example a minute will do.
const SWEEP: Duration = Duration::from_secs(2);

/// Time in which a balancer notices that the process is about to end.
const NOTICE: Duration = Duration::from_millis(800);

#[derive(Clone)]
pub(crate) struct Backend {
    pub(crate) name: &'static str,
    pub(crate) client: Client,
    pub(crate) sessions: Registry,
    /// Keys of tokens, the same in all processes.
    pub(crate) keys: TokenKeys,
    /// Time without a change after which a session is left.
    pub(crate) idle: Duration,
}

#[derive(Deserialize)]
struct Publishing {
    offer: Offer,
    tracks: Vec<LocalTrack>,
}

#[derive(Serialize)]
struct Joined {
    session: SessionId,
    token: SessionToken,
    published: Answered<Published>,
}

type Reply<T> = Result<Json<T>, Error>;

impl Backend {
    /// Serves until SIGTERM comes. Then the balancer is told, changes under way are waited for, and
    /// the other processes take over the sessions.
    pub(crate) async fn serve(self, listener: TcpListener) -> std::io::Result<()> {
        let (sessions, is_ending) = (self.sessions.clone(), Arc::new(AtomicBool::new(false)));
        tokio::spawn(sweep(sessions.clone(), self.idle));
        let mut terminated = signal(SignalKind::terminate())?;
        let router = self.routes(Arc::clone(&is_ending));
        let ending = async move {
            terminated.recv().await;
            is_ending.store(true, Ordering::Release);
            tokio::time::sleep(NOTICE).await;
            sessions.drain().await;
        };
        axum::serve(listener, router).with_graceful_shutdown(ending).await
    }

    fn routes(self, is_ending: Arc<AtomicBool>) -> Router {
        let name = self.name;
        let named = move |reply: Response| async move { ([("x-replica", name)], reply) };
        let health = async move || match is_ending.load(Ordering::Acquire) {
            true => StatusCode::SERVICE_UNAVAILABLE,
            false => StatusCode::OK,
        };
        Router::new()
            .route("/health", get(health))
            .route("/sessions", post(join))
            .route("/sessions/{id}", get(state).delete(leave))
            .route("/sessions/{id}/publish", post(publish))
            .route("/sessions/{id}/pull", post(pull))
            .route("/sessions/{id}/answer/{exchange}", post(answer))
            .route("/sessions/{id}/close", post(close))
            .route("/sessions/{id}/data", post(data))
            .route("/sessions/{id}/channels", post(channels))
            .route("/sessions/{id}/channels/pull", post(pull_channels))
            .layer(middleware::map_response(named))
            .with_state(self)
    }

    /// Returns the session, as far as the request's token permits. A real backend limits pulls to
    /// the sessions of the room, too.
    async fn open(&self, id: &SessionId, headers: &HeaderMap) -> Result<GuardedSession, Error> {
        let value = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = value.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
        self.keys.open(token, id, &self.sessions).await
    }
}

/// Takes over the sessions of processes that have died, and leaves those without a living agent.
/// Every process does it. The first one gets them.
async fn sweep(sessions: Registry, idle: Duration) {
    let is_unusable = |session: &Session| matches!(session.status(), Status::Unusable(_));
    loop {
        tokio::time::sleep(SWEEP).await;
        // A store that is not reachable is asked again the next time.
        let _ = sessions.orphans(1_000).await;
        let left = sessions.sweep(|session| is_unusable(session) || session.idle() > idle);
        for (id, departure) in left.await {
            // The SFU closes nothing of a session before its offer is answered. The session is left
            // again, after longer and longer pauses, until the SFU says that it has ended.
            if departure.is_complete() {
                println!("{id} is left");
            }
        }
    }
}

/// Lets an agent join and publish. The store knows the session before anything is open on it.
async fn join(
    State(backend): State<Backend>,
    Json(joining): Json<Publishing>,
) -> axum::response::Result<Json<Joined>> {
    let session = backend.client.join().send().await?;
    backend.sessions.insert(session.clone()).await?;
    let id = session.id().clone();
    let token = backend.keys.issue(&Grant::new("user", id.clone(), TOKEN_TTL).actions(ACTIONS))?;
    let published = session.publish(joining.offer, joining.tracks).await?;
    Ok(Json(Joined { session: id, token, published }))
}

/// Returns the state of a session, for an agent that has lost a reply.
async fn state(In(session): In) -> Json<Status> {
    Json(session.status())
}

async fn publish(In(session): In, Json(it): Json<Publishing>) -> Reply<Answered<Published>> {
    Ok(Json(session.publish(it.offer, it.tracks).await?))
}

/// Pulls tracks of others for an agent. The offer is kept in the store.
async fn pull(
    In(session): In,
    Json(tracks): Json<Vec<RemoteTrack>>,
) -> Reply<ForAgent<Subscribed>> {
    Ok(Json(session.subscribe(tracks).await?.keep()))
}

/// Takes the answer to an offer, whichever process has it made.
async fn answer(
    In(session): In,
    Path((_, exchange)): Path<(SessionId, ExchangeId)>,
    Json(answer): Json<Answer>,
) -> Reply<Exchanged> {
    Ok(Json(session.answer(exchange, answer).await?))
}

async fn close(In(session): In, Json(mids): Json<Vec<Mid>>) -> Reply<Closed> {
    Ok(Json(session.close(mids).await?))
}

/// Establishes data channels for an agent.
async fn data(In(session): In) -> Reply<ForAgent<DataTransport>> {
    Ok(Json(session.establish_data_channels().await?.keep()))
}

async fn channels(
    In(session): In,
    Json(channels): Json<Vec<LocalDataChannel>>,
) -> Reply<PublishedChannels> {
    Ok(Json(session.publish_data_channels(channels).await?))
}

async fn pull_channels(
    In(session): In,
    Json(channels): Json<Vec<RemoteDataChannel>>,
) -> Reply<SubscribedChannels> {
    Ok(Json(session.subscribe_data_channels(channels).await?))
}

/// Lets an agent leave. A later sweep closes the rest.
async fn leave(In(session): In) -> Result<StatusCode, Error> {
    let departure = session.leave().await?;
    Ok(if departure.is_complete() { StatusCode::NO_CONTENT } else { StatusCode::ACCEPTED })
}

/// Session of a request's path.
struct In(GuardedSession);

impl axum::extract::FromRequestParts<Backend> for In {
    type Rejection = Response;

    async fn from_request_parts(
        parts: &mut axum::http::request::Parts,
        backend: &Backend,
    ) -> Result<Self, Self::Rejection> {
        use axum::extract::RawPathParams;
        use axum::response::IntoResponse;
        let path = RawPathParams::from_request_parts(parts, backend).await;
        let path = path.map_err(IntoResponse::into_response)?;
        let id = path.iter().find(|(name, _)| *name == "id").map(|(_, id)| SessionId::new(id));
        let Some(Ok(id)) = id else { return Err(StatusCode::BAD_REQUEST.into_response()) };
        backend.open(&id, &parts.headers).await.map(Self).map_err(IntoResponse::into_response)
    }
}

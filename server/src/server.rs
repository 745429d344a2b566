//! The server: its settings, and what it shares between requests.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use cloudflare_calls::ice::{IceServers, TurnClient};
use cloudflare_calls::session::{Registry, Status};
use cloudflare_calls::store::{Memory, Store};
use cloudflare_calls::types::SessionId;
use cloudflare_calls::{Client, Session, prelude::*};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use crate::hooks::{AnyHooks, Happened, Hooks};
use crate::http;
use crate::limits::{Limits, Rates};
use crate::name::{MemberId, RoomName};
use crate::refusal::Refused;
use crate::room::record::Entry;
use crate::room::types::Reason;
use crate::room::{Rooms, unattended};

/// The number of sessions that one process keeps, if nothing else is set.
const SESSIONS: usize = 10_000;

/// The time between two looks for sessions that are of no use any more.
const SWEEP: Duration = Duration::from_secs(60);

/// The time between two looks at sessions by WHIP and WHEP.
const ATTEND: Duration = Duration::from_secs(10);

/// The time without a change after which a session is left. That of a member that is
/// gone was left before, unless its process died just then.
const IDLE: Duration = Duration::from_hours(24);

/// The lifetime of the credentials that agents get for TURN.
const TURN_TTL: Duration = Duration::from_hours(12);

/// The backend of the diagram: sessions and rooms for agents. A clone is the same one.
///
/// ```no_run
/// use axum::Router;
/// use cloudflare_calls::Client;
/// use cloudflare_calls_server::{Admission, Entrance, NotAdmitted, Role, Server};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let admit = async |_: Entrance| Ok::<_, NotAdmitted>(Admission::new(Role::Member));
/// let server = Server::builder(Client::from_env()?, admit).start();
/// let app: Router = Router::new().nest("/calls", server.router());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Server {
    shared: Arc<Shared>,
}

/// Settings of a [`Server`] to be started.
#[must_use = "nothing happens before `start`"]
pub struct Builder {
    client: Client,
    hooks: Box<dyn AnyHooks>,
    sessions: Option<Registry>,
    rooms: Arc<dyn Store>,
    ice: Ice,
    origins: Vec<String>,
    limits: Limits,
}

/// State that all requests share.
pub(crate) struct Shared {
    pub(crate) client: Client,
    pub(crate) hooks: Box<dyn AnyHooks>,
    pub(crate) sessions: Registry,
    pub(crate) rooms: Rooms,
    ice: Ice,
    /// Origins of other hosts whose pages may use the server.
    pub(crate) origins: Vec<String>,
    pub(crate) limits: Limits,
    pub(crate) rates: Rates,
    /// Becomes true when the server drains.
    pub(crate) draining: watch::Sender<bool>,
}

/// The source of servers for ICE.
enum Ice {
    Fixed(IceServers),
    Turn(TurnClient),
}

impl Server {
    /// A server whose defaults can be changed. `hooks` decides who enters which room.
    pub fn builder(client: Client, hooks: impl Hooks) -> Builder {
        Builder {
            client,
            hooks: Box::new(hooks),
            sessions: None,
            rooms: Arc::new(Memory::new()),
            ice: Ice::Fixed(IceServers::stun()),
            origins: Vec::new(),
            limits: Limits::default(),
        }
    }

    /// The routes, to be nested where the application likes.
    pub fn router(&self) -> Router {
        http::router(Arc::clone(&self.shared))
    }

    /// The sessions of this process.
    pub fn sessions(&self) -> &Registry {
        &self.shared.sessions
    }

    /// Ends before its process does: agents are told to connect elsewhere, no new
    /// member or connection is taken, and changes that are under way come to their
    /// ends.
    pub async fn drain(&self) {
        self.shared.draining.send_replace(true);
        self.shared.sessions.drain().await;
    }
}

impl Builder {
    /// Keeps sessions in this registry, such as one over the store of a fleet. If it is
    /// not set, they are this process's own, up to 10,000.
    pub fn sessions(mut self, sessions: Registry) -> Self {
        self.sessions = Some(sessions);
        self
    }

    /// Keeps rooms in this store. Processes that share it have the same rooms, and need
    /// the same sessions as well. It has to be another store than that of the sessions,
    /// or one with another prefix of its keys. If it is not set, rooms are this
    /// process's own.
    pub fn rooms(mut self, store: Arc<dyn Store>) -> Self {
        self.rooms = store;
        self
    }

    /// Tells agents of these servers for ICE. If it is not set, it is Cloudflare's STUN
    /// server.
    pub fn ice_servers(mut self, servers: IceServers) -> Self {
        self.ice = Ice::Fixed(servers);
        self
    }

    /// Gives each agent credentials of its own for TURN, valid for 12 h.
    pub fn turn(mut self, client: TurnClient) -> Self {
        self.ice = Ice::Turn(client);
        self
    }

    /// Lets pages of these origins use the server, such as `https://app.example`,
    /// besides those of its own host. Pages of others need CORS as well, which
    /// `tower-http` has.
    pub fn origins(mut self, origins: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.origins = origins.into_iter().map(Into::into).collect();
        self
    }

    /// Other limits.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Starts the server's tasks in the runtime that it is called in. They end when the
    /// server and its routers are dropped.
    pub fn start(self) -> Server {
        let Self { client, hooks, sessions, rooms, ice, origins, limits } = self;
        let shared = Arc::new_cyclic(|shared: &Weak<Shared>| {
            let on_gone = {
                let shared = Weak::clone(shared);
                Box::new(move |room: &RoomName, entries: Vec<Entry>, reason: Reason| {
                    if let Some(shared) = shared.upgrade() {
                        shared.gone(room, entries, reason);
                    }
                })
            };
            Shared {
                client,
                hooks,
                sessions: sessions.unwrap_or_else(|| Registry::new(SESSIONS)),
                rooms: Rooms::new(rooms, limits.absence, on_gone),
                ice,
                origins,
                rates: Rates::new(&limits),
                limits,
                draining: watch::Sender::new(false),
            }
        });
        tokio::spawn(sweep(Arc::downgrade(&shared)));
        tokio::spawn(attend(Arc::downgrade(&shared)));
        Server { shared }
    }
}

impl Shared {
    /// Servers for the ICE of one agent. Without TURN's reply there is STUN.
    pub(crate) async fn ice_servers(&self) -> IceServers {
        let turn = match &self.ice {
            Ice::Fixed(servers) => return servers.clone(),
            Ice::Turn(turn) => turn,
        };
        match turn.generate(TURN_TTL).send().await {
            Ok(servers) => servers.for_browsers(),
            Err(error) => {
                tracing::warn!(%error, "no credentials for TURN");
                IceServers::stun()
            }
        }
    }

    /// Members are gone: the application is told, and their sessions are left.
    pub(crate) fn gone(self: &Arc<Self>, room: &RoomName, entries: Vec<Entry>, reason: Reason) {
        for entry in entries {
            let after = Duration::from_millis(now().saturating_sub(entry.since));
            let member = &entry.member;
            tracing::info!(%room, member = %member.id, ?reason, "a member is gone");
            self.hooks.happened(room, Happened::Left { member, reason, after });
            for held in entry.sessions {
                self.leave(held.id);
            }
        }
    }

    /// Leaves a session in the background. What could not be closed is swept.
    pub(crate) fn leave(self: &Arc<Self>, session: SessionId) {
        let shared = Arc::clone(self);
        tokio::spawn(async move {
            let left = match shared.sessions.get(&session).await {
                Ok(Some(session)) => session.leave().await.map(|left| left.is_complete()),
                Ok(None) => Ok(true),
                Err(error) => {
                    tracing::warn!(%error, "a session was not found to be left");
                    return;
                }
            };
            match left {
                Ok(true) => {}
                Ok(false) => tracing::debug!("a session was left incompletely"),
                Err(error) => tracing::warn!(%error, "a session was not left"),
            }
        });
    }

    /// Leaves sessions that no member has: their process died, or their store was not
    /// there, when it was to be told.
    async fn leave_strays(self: &Arc<Self>) {
        for id in self.sessions.ids() {
            let Ok(Some(session)) = self.sessions.get(&id).await else { continue };
            // One that was just made may not be in its room yet.
            if session.idle() > SWEEP && self.is_stray(&session).await {
                tracing::debug!("a session that no member has is left");
                self.leave(id);
            }
        }
    }

    /// Whether a session of this server's is one of nobody. If that cannot be known, it is
    /// not.
    async fn is_stray(&self, session: &Session) -> bool {
        let label = session.correlation_id().and_then(|label| label.split_once('/'));
        // The application may have sessions of its own in the registry.
        let label = label.map(|(room, id)| (RoomName::new(room), MemberId::parse(id)));
        let Some((Ok(room), Some(member))) = label else { return false };
        let has_it = |entry: &Entry| entry.has(session.id());
        match self.rooms.find(&room).await {
            Ok(Some((_, record))) => !record.entry(&member).is_some_and(has_it),
            Ok(None) => true,
            Err(_) => false,
        }
    }

    /// Ends a session that the API does not have any more.
    pub(crate) async fn ended(
        &self,
        room: &RoomName,
        member: &MemberId,
        session: &SessionId,
    ) -> Result<(), Refused> {
        self.rooms.room(room).change(|record| record.let_go(member, session)).await
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("sessions", &self.shared.sessions).finish_non_exhaustive()
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// The time in milliseconds since 1970. It is for people: nothing waits for it.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Leaves sessions that are of no use to any agent, and again those that were left
/// incompletely.
async fn sweep(shared: Weak<Shared>) {
    let mut ticks = tokio::time::interval(SWEEP);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(shared) = shared.upgrade() else { return };
        shared.rates.tidy();
        if let Err(error) = shared.sessions.orphans(1_000).await {
            tracing::warn!(%error, "sessions of processes that have died were not found");
        }
        let is_over = |session: &Session| {
            matches!(session.status(), Status::Unusable(_)) || session.idle() > IDLE
        };
        shared.sessions.sweep(is_over).await;
        shared.leave_strays().await;
    }
}

/// Looks after members by WHIP and WHEP, which are there as long as their sessions.
async fn attend(shared: Weak<Shared>) {
    let mut ticks = tokio::time::interval(ATTEND);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(shared) = shared.upgrade() else { return };
        for room in shared.rooms.all() {
            let record = Arc::clone(&room.states().borrow());
            for member in unattended(&record) {
                crate::http::attend::attend(Arc::clone(&shared), Arc::clone(&room), member);
            }
        }
    }
}

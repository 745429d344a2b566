//! Server: its settings, and the state that its requests share.

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

/// The most sessions that one process keeps, if nothing else is set.
const SESSIONS: usize = 10_000;

/// Time between two sweeps of sessions that no agent can use.
const SWEEP: Duration = Duration::from_secs(60);

/// Time between two checks of sessions by WHIP and WHEP.
const ATTEND: Duration = Duration::from_secs(10);

/// Time without a change after which a session is left. Sessions of gone members are left earlier,
/// unless their process died just then.
const IDLE: Duration = Duration::from_secs(24 * 60 * 60);

/// Lifetime of the TURN credentials of agents.
const TURN_TTL: Duration = Duration::from_secs(12 * 60 * 60);

/// Backend of the diagram: sessions and rooms for agents. A clone is the same one.
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

/// Settings of a [`Server`].
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
    /// True once the server drains.
    pub(crate) draining: watch::Sender<bool>,
}

/// Source of servers for ICE.
enum Ice {
    Fixed(IceServers),
    Turn(TurnClient),
}

impl Server {
    /// Returns a builder, whose defaults can be changed. `hooks` decides who enters which room.
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

    /// Returns the routes, to be nested at any path of the application.
    pub fn router(&self) -> Router {
        http::router(Arc::clone(&self.shared))
    }

    /// Returns the sessions of this process.
    pub fn sessions(&self) -> &Registry {
        &self.shared.sessions
    }

    /// Ends the server before its process: agents are told to connect elsewhere, no new member or
    /// connection is taken, and changes under way are completed.
    pub async fn drain(&self) {
        self.shared.draining.send_replace(true);
        self.shared.sessions.drain().await;
    }
}

impl Builder {
    /// Keeps sessions in this registry, such as one over the store of a fleet. If it is not set,
    /// sessions are this process's own, up to 10,000.
    pub fn sessions(mut self, sessions: Registry) -> Self {
        self.sessions = Some(sessions);
        self
    }

    /// Keeps rooms in this store. Processes that share it have the same rooms, and need the same
    /// sessions as well. The store must not be that of the sessions, unless it has another prefix
    /// of its keys. If it is not set, rooms are this process's own.
    pub fn rooms(mut self, store: Arc<dyn Store>) -> Self {
        self.rooms = store;
        self
    }

    /// Sets the ICE servers of agents. If it is not set, they get Cloudflare's STUN server.
    pub fn ice_servers(mut self, servers: IceServers) -> Self {
        self.ice = Ice::Fixed(servers);
        self
    }

    /// Gives each agent credentials of its own for TURN, valid for 12 h.
    pub fn turn(mut self, client: TurnClient) -> Self {
        self.ice = Ice::Turn(client);
        self
    }

    /// Lets pages of these origins use the server, such as `https://app.example`, besides those of
    /// its own host. Pages of other origins need CORS as well, which `tower-http` has.
    pub fn origins(mut self, origins: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.origins = origins.into_iter().map(Into::into).collect();
        self
    }

    /// Sets other limits.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Starts the server's tasks in the current runtime. They end when the server and its routers
    /// are dropped.
    pub fn start(self) -> Server {
        let Self { client, hooks, sessions, rooms, ice, origins, limits } = self;
        let shared = Arc::new_cyclic(|shared: &Weak<Shared>| {
            let on_gone = {
                let shared = Weak::clone(shared);
                Box::new(move |room: &RoomName, entries: Vec<Entry>, reason: Reason| {
                    if let Some(shared) = shared.upgrade() {
                        shared.members_left(room, entries, reason);
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
    /// Returns ICE servers for one agent. If TURN does not reply, they have STUN only.
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

    /// Handles members that have gone: tells the application, and leaves their sessions.
    pub(crate) fn members_left(
        self: &Arc<Self>,
        room: &RoomName,
        entries: Vec<Entry>,
        reason: Reason,
    ) {
        for entry in entries {
            let after = Duration::from_millis(now().saturating_sub(entry.since));
            let member = &entry.member;
            tracing::info!(%room, member = %member.id, ?reason, "a member has left");
            self.hooks.happened(room, Happened::Left { member, reason, after });
            for held in entry.sessions {
                self.leave(held.id);
            }
        }
    }

    /// Leaves a session in the background. A later sweep closes the rest.
    pub(crate) fn leave(self: &Arc<Self>, session: SessionId) {
        let shared = Arc::clone(self);
        tokio::spawn(async move {
            let left = match shared.sessions.get(&session).await {
                Ok(Some(session)) => session.leave().await.map(|left| left.is_complete()),
                Ok(None) => Ok(true),
                Err(error) => {
                    tracing::warn!(%error, "a session to leave was not read");
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

    /// Leaves sessions without a member: their process died, or their store was not reachable when
    /// the member left.
    async fn leave_strays(self: &Arc<Self>) {
        for id in self.sessions.ids() {
            let Ok(Some(session)) = self.sessions.get(&id).await else { continue };
            // A new session may not be in its room yet.
            if session.idle() > SWEEP && self.is_stray(&session).await {
                tracing::debug!("a session without a member is left");
                self.leave(id);
            }
        }
    }

    /// Returns whether a session of this server has no member. False if that cannot be known.
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

    /// Handles a session that the API does not have any more.
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

/// Returns the time in milliseconds since 1970. It is for people only: no timer uses it.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Leaves sessions that no agent can use, and again those that were left incompletely.
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

/// Removes members by WHIP and WHEP whose sessions have ended.
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

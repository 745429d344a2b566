//! Process of the server: this program again, with `LOAD_PROCESS` set.

use std::env;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use cloudflare_calls::session::{Registry, Status};
use cloudflare_calls::types::AppId;
use cloudflare_calls::{Client, SecretString, Session, prelude::*};
use cloudflare_calls_redis::RedisStore;
use cloudflare_calls_server::{Admission, Entrance, Limits, NotAdmitted, Role, Server};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::redis::kill;

/// Prefix of sessions in Redis.
pub(crate) const SESSIONS: &str = "sessions";

/// Prefix of rooms in Redis.
pub(crate) const ROOMS: &str = "rooms";

/// Time of silence after which a member expires. It is short, so that vanished members expire
/// within the test.
pub(crate) const ABSENCE: Duration = Duration::from_secs(15);

/// Time between two signs of life on a connection for events.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// Lease of turns. It is short, so that the sessions of a killed process are free again within the
/// test.
const LEASE: Duration = Duration::from_secs(5);

/// Place of a process, which outlives it.
pub(crate) struct Process {
    pub(crate) port: u16,
    environment: Vec<(&'static str, String)>,
    child: Option<Child>,
    /// CPU time of earlier processes of this place.
    spent: Duration,
}

impl Process {
    pub(crate) fn start(port: u16, environment: &[(&'static str, String)]) -> Self {
        let environment = environment.to_vec();
        let mut process = Self { port, environment, child: None, spent: Duration::ZERO };
        process.restart();
        process
    }

    /// Ends the process at once, as a crash does.
    pub(crate) fn kill(&mut self) {
        self.spent += self.running();
        kill(&mut self.child);
    }

    pub(crate) fn restart(&mut self) {
        self.kill();
        let mut command = Command::new(env::current_exe().unwrap());
        command.env("LOAD_PROCESS", self.port.to_string());
        command.envs(self.environment.iter().map(|(name, value)| (*name, value)));
        self.child = Some(command.stdin(Stdio::piped()).spawn().unwrap());
    }

    /// Returns its memory, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        self.child.as_ref().map_or(0, |child| memory(child.id()))
    }

    /// Returns its CPU time.
    pub(crate) fn spent(&self) -> Duration {
        self.spent + self.running()
    }

    fn running(&self) -> Duration {
        self.child.as_ref().map_or(Duration::ZERO, |child| spent(&child.id().to_string()))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Returns the resident memory of a process, in bytes.
fn memory(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or_default() * 1024
}

/// Returns the CPU time of a process, by its id or as `self`.
pub(crate) fn spent(id: &str) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    // The name, in parentheses, can have spaces. A tick is 10 ms.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    let ticks: u64 = fields.filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

/// Runs the process itself.
pub(crate) async fn run(port: String) {
    let get_env = |name: &str| env::var(name).unwrap_or_else(|_| panic!("{name} is not set"));
    let level = match env::var("LOAD_LOG").is_ok() {
        true => tracing::Level::DEBUG,
        false => tracing::Level::ERROR,
    };
    tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).init();
    let (id, secret) = (AppId::new(get_env("APP")).unwrap(), SecretString::from(get_env("SECRET")));
    let client = Client::builder(id, secret).base_url(get_env("CALLS")).build().unwrap();
    let mut limits = Limits::default();
    (limits.absence, limits.heartbeat) = (ABSENCE, HEARTBEAT);
    let builder = Server::builder(client.clone(), admit).limits(limits);
    let mut builder = builder.ice_servers(serde_json::from_str("[]").unwrap());
    if let Ok(redis) = env::var("REDIS") {
        let store = async |prefix: &str| {
            let store = RedisStore::standalone(&redis).prefix(prefix).connect().await;
            Arc::new(store.unwrap())
        };
        let sessions = Registry::over(client, store(SESSIONS).await).lease(LEASE);
        builder = builder.sessions(sessions.start().await.unwrap()).rooms(store(ROOMS).await);
    }
    let server = builder.start();
    let app = Router::new()
        .nest("/calls", server.router())
        .route("/sessions", get(async move || axum::Json(remaining(server.sessions()).await)));
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.parse().unwrap()));
    let listener = TcpListener::bind(address).await.unwrap();
    // The process ends with the test, even if that fails.
    std::thread::spawn(|| {
        let _ = std::io::stdin().read(&mut [0]);
        std::process::exit(1);
    });
    axum::serve(listener, app).await.unwrap();
}

/// Admits everybody.
async fn admit(_: Entrance) -> Result<Admission, NotAdmitted> {
    Ok(Admission::new(Role::Member))
}

/// Returns the sessions that remain after all that are over were left, each with its status. A sweep
/// would wait before it leaves a session again whose offer has no answer.
async fn remaining(sessions: &Registry) -> Value {
    let _ = sessions.orphans(10_000).await;
    let is_over = |session: &Session| matches!(session.status(), Status::Unusable(_));
    let mut remaining = serde_json::Map::new();
    for id in sessions.ids() {
        if let Ok(Some(session)) = sessions.get(&id).await
            && is_over(&session)
        {
            let _ = session.leave().await;
        }
        if let Ok(Some(session)) = sessions.get(&id).await {
            remaining.insert(id.to_string(), json!(session.status()));
        }
    }
    Value::Object(remaining)
}

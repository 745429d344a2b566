//! Process of the backend: this program again, with `CHAOS_REPLICA` set.

use std::env;
use std::io::Read;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use cloudflare_calls::session::Registry;
use cloudflare_calls::token::TokenKeys;
use cloudflare_calls::types::AppId;
use cloudflare_calls::{Client, SecretString};
use tokio::net::TcpListener;

use crate::backend::Backend;
use crate::servers::connect;
use crate::support::{eventually, kill};

/// Lease of turns. It is short, so that the sessions of a killed process are free again within the
/// test.
pub(crate) const LEASE: Duration = Duration::from_secs(5);

/// Time without a change after which the store forgets a session.
pub(crate) const TTL: Duration = Duration::from_secs(60);

/// Time without a change after which the fleet leaves a session. Living agents change something
/// more often.
pub(crate) const IDLE: Duration = Duration::from_secs(30);

/// Place of a process, which outlives it.
pub(crate) struct Replica {
    pub(crate) name: &'static str,
    pub(crate) port: u16,
    environment: Vec<(&'static str, String)>,
    child: Option<Child>,
}

impl Replica {
    pub(crate) fn start(
        name: &'static str,
        port: u16,
        environment: &[(&'static str, String)],
    ) -> Self {
        let mut replica = Self { name, port, environment: environment.to_vec(), child: None };
        replica.restart();
        replica
    }

    /// Ends the process at once, as a crash does.
    pub(crate) fn kill(&mut self) {
        kill(&mut self.child);
    }

    pub(crate) fn restart(&mut self) {
        self.kill();
        let mut command = Command::new(env::current_exe().unwrap());
        command.env("CHAOS_REPLICA", self.name).env("PORT", self.port.to_string());
        command.envs(self.environment.iter().map(|(name, value)| (*name, value)));
        self.child = Some(command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap());
    }

    /// Lets the process end as an orchestrator does, and checks that it is quick.
    pub(crate) fn terminate(&mut self) {
        let mut child = self.child.take().unwrap();
        let status = Command::new("kill").arg(child.id().to_string()).status();
        assert!(status.unwrap().success());
        let mut ended = None;
        eventually("a replica ends after SIGTERM", || {
            ended = child.try_wait().unwrap();
            ended.is_some()
        });
        assert!(ended.unwrap().success(), "{}: {ended:?}", self.name);
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Runs the process itself.
pub(crate) async fn run(name: String) {
    let get = |name: &str| env::var(name).unwrap_or_else(|_| panic!("{name} is not set"));
    tracing_subscriber::fmt().with_max_level(tracing::Level::ERROR).init();
    let (id, secret) = (AppId::new(get("APP")).unwrap(), SecretString::from(get("SECRET")));
    let client = Client::builder(id.clone(), secret).base_url(get("CALLS")).build().unwrap();
    let store = connect(&get("STORE")).await;
    let over = Registry::over(client.clone(), Arc::new(store)).lease(LEASE).ttl(TTL);
    let sessions = over.start().await.unwrap();
    let keys = TokenKeys::new(id, "2026-01", "0123456789abcdef".repeat(2).into()).unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], get("PORT").parse().unwrap()));
    let listener = TcpListener::bind(address).await.unwrap();
    // The process ends with the test, even if that fails.
    std::thread::spawn(|| {
        let _ = std::io::stdin().read(&mut [0]);
        std::process::exit(1);
    });
    let name = name.leak();
    Backend { name, client, sessions, keys, idle: IDLE }.serve(listener).await.unwrap();
}

#![doc = include_str!("../README.md")]

mod adapters;
pub mod agent;
mod app;
mod engine;
pub mod faults;
mod http;
pub mod media;
mod netem;
pub mod rules;
mod sockets;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use app::{App, BadApp};
use engine::Engine;
use faults::{Network, Rule};
use http::Shared;
use rules::{Config, Snapshot};
use sockets::Sockets;

/// A running emulator. It stops when it is dropped; [`shutdown`](Self::shutdown)
/// lets the requests under way finish first.
#[derive(Debug)]
pub struct Emulator {
    shared: Shared,
    base_url: String,
    media: Vec<SocketAddr>,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
    engine: JoinHandle<()>,
}

/// Settings of an [`Emulator`] to be started.
#[derive(Clone, Debug)]
pub struct Builder {
    listen: SocketAddr,
    media: SocketAddr,
    apps: Vec<App>,
    turn_keys: Vec<App>,
    config: Config,
    seed: Option<u64>,
}

impl Emulator {
    /// Starts on free ports of 127.0.0.1, with one app.
    ///
    /// # Errors
    /// What the system says of the sockets.
    pub async fn start() -> io::Result<Self> {
        Self::builder().start().await
    }

    /// An emulator whose defaults can be changed.
    pub fn builder() -> Builder {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Builder {
            listen: any,
            media: any,
            apps: Vec::new(),
            turn_keys: Vec::new(),
            config: Config::default(),
            seed: None,
        }
    }

    /// Where the API is, as the client's `base_url` takes it.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Where agents reach media, over UDP: at the address that was asked for, and if
    /// that is a loopback one, at one of an interface as well, which takes datagrams of
    /// this machine only.
    pub fn media_addresses(&self) -> &[SocketAddr] {
        &self.media
    }

    /// The apps that are known.
    pub fn apps(&self) -> &[App] {
        self.shared.apps()
    }

    /// The TURN keys that are known, each with its API token as the secret.
    pub fn turn_keys(&self) -> &[App] {
        self.shared.turn_keys()
    }

    /// Orders a fault, besides those ordered before.
    ///
    /// # Errors
    /// The problem with the rule: numbers without sense, an operation that there is
    /// not, or more than 1,000 rules.
    pub fn fault(&self, rule: Rule) -> Result<(), &'static str> {
        self.shared.changing().faults.add(rule)
    }

    /// Takes all faults back.
    pub fn clear_faults(&self) {
        self.shared.changing().faults.clear();
    }

    /// What happens to UDP packets from now on.
    ///
    /// # Errors
    /// What is wrong with its numbers.
    pub async fn set_network(&self, network: Network) -> Result<(), &'static str> {
        self.shared.set_network(network).await
    }

    /// Everything that there is. None if the emulator has ended.
    pub async fn snapshot(&self) -> Option<Snapshot> {
        self.shared.engine().with(|state| state.snapshot()).await
    }

    /// Whether nothing is left of any connection. True if the emulator has ended.
    pub async fn is_media_empty(&self) -> bool {
        self.shared.engine().with(|state| state.media.is_empty()).await.unwrap_or(true)
    }

    /// Lets a session expire. False if there is none of that id.
    pub async fn expire(&self, session: &str) -> bool {
        let session = session.to_owned();
        self.shared.engine().with(move |state| state.expire(&session)).await.unwrap_or_default()
    }

    /// Lets a session lose its connection until [`reconnect`](Self::reconnect) is
    /// called: nothing of its agent's arrives, and nothing reaches it. It expires
    /// after [`Config::reuse`](rules::Config::reuse). False if there is none of
    /// that id.
    pub async fn disconnect(&self, session: &str) -> bool {
        let session = session.to_owned();
        self.shared.engine().with(move |state| state.disconnect(&session)).await.unwrap_or_default()
    }

    /// Gives a session its connection back. False if there is none of that id.
    pub async fn reconnect(&self, session: &str) -> bool {
        let session = session.to_owned();
        self.shared.engine().with(move |state| state.reconnect(&session)).await.unwrap_or_default()
    }

    /// Takes no more requests, finishes those under way and stops.
    pub async fn shutdown(mut self) {
        let _ = self.stop.send(true);
        // It ends by itself, or was cancelled with the runtime.
        let _ = (&mut self.serving).await;
        self.engine.abort();
        let _ = (&mut self.engine).await;
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
        self.serving.abort();
        self.engine.abort();
    }
}

impl Builder {
    /// Where the API listens; port 0 is a free one.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// Where media is exchanged, over UDP, as agents reach it; port 0 is a free one.
    /// A loopback address is for agents of this machine, which reach media at an address
    /// of an interface, too, if there is one: see [`Emulator::media_addresses`].
    pub fn media(mut self, address: SocketAddr) -> Self {
        self.media = address;
        self
    }

    /// An app to know. One is made up if there is none.
    pub fn app(mut self, app: App) -> Self {
        self.apps.push(app);
        self
    }

    /// A TURN key to know, with its API token. One is made up if there is none.
    pub fn turn_key(mut self, key: App) -> Self {
        self.turn_keys.push(key);
        self
    }

    /// Other times and limits.
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// The same ids at every start.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Starts the emulator.
    ///
    /// # Errors
    /// What the system says of the sockets.
    pub async fn start(mut self) -> io::Result<Emulator> {
        if self.apps.is_empty() {
            self.apps.push(App::random());
        }
        if self.turn_keys.is_empty() {
            self.turn_keys.push(App::random());
        }
        let listener = TcpListener::bind(self.listen).await;
        let listener = listener.map_err(|error| unusable("TCP", self.listen, &error))?;
        let sockets = Sockets::bind(self.media).await;
        let sockets = sockets.map_err(|error| unusable("UDP", self.media, &error))?;
        let (address, media) = (listener.local_addr()?, sockets.addresses());
        let (engine, running) = Engine::start(sockets, self.config, self.seed);
        let shared = Shared::new(engine, self.apps, self.turn_keys, &media);
        let (stop, stopping) = watch::channel(false);
        let router = http::router(shared.clone());
        let serving = tokio::spawn(http::serve(listener, router, stopping));
        let base_url = format!("http://{address}/v1");
        Ok(Emulator { shared, base_url, media, stop, serving, engine: running })
    }
}

fn unusable(protocol: &str, address: SocketAddr, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{protocol} {address} cannot be used: {error}"))
}

#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod account;
#[cfg(feature = "adapters")]
mod adapters;
pub mod agent;
mod app;
mod endpoints;
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
use engine::{Engine, MediaSide};
use faults::{BadRule, Call, Fault, Network, Rule, Watch};
use http::Shared;
use rules::{Config, SessionSnapshot, Snapshot, Violation};
use sockets::Sockets;

/// Running emulator. It stops when it is dropped. [`shutdown`](Self::shutdown) lets the requests
/// under way finish first.
#[derive(Debug)]
pub struct Emulator {
    shared: Shared,
    base_url: String,
    account_url: String,
    account: App,
    apps: Vec<App>,
    turn_keys: Vec<App>,
    media: Vec<SocketAddr>,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
    engine: JoinHandle<()>,
}

/// Settings of an [`Emulator`].
#[derive(Clone, Debug)]
pub struct Builder {
    listen: SocketAddr,
    media: SocketAddr,
    side: MediaSide,
    account: Option<App>,
    apps: Vec<App>,
    turn_keys: Vec<App>,
    config: Config,
    seed: Option<u64>,
}

impl Emulator {
    /// Starts on free ports of 127.0.0.1, with one app.
    ///
    /// # Errors
    /// The system's error about the sockets.
    pub async fn start() -> io::Result<Self> {
        Self::builder().start().await
    }

    /// Returns a builder, whose defaults can be changed.
    pub fn builder() -> Builder {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Builder {
            listen: any,
            media: any,
            side: MediaSide::WebRtc,
            account: None,
            apps: Vec::new(),
            turn_keys: Vec::new(),
            config: Config::default(),
            seed: None,
        }
    }

    /// Returns the URL of the API, as the client's `base_url` takes it.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Returns the UDP addresses at which agents reach media: the one that was asked for and, if
    /// that is a loopback one, an address of an interface as well, which takes datagrams of this
    /// machine only.
    pub fn media_addresses(&self) -> &[SocketAddr] {
        &self.media
    }

    /// Returns the base URL of the account API, which creates and deletes apps and TURN
    /// keys: the `base_url` of the client's `Account`.
    pub fn account_url(&self) -> &str {
        &self.account_url
    }

    /// Returns the account of the account API, with its API token as the secret.
    pub fn account(&self) -> &App {
        &self.account
    }

    /// Returns the apps of the start. The account API may have deleted some since, and
    /// created others.
    pub fn apps(&self) -> &[App] {
        &self.apps
    }

    /// Returns the TURN keys of the start, each with its API token as the secret. The
    /// account API may have deleted some since, and created others.
    pub fn turn_keys(&self) -> &[App] {
        &self.turn_keys
    }

    /// Adds a fault to those ordered before.
    ///
    /// # Errors
    /// A number out of range, a rule that can never match, or more than 1,000 rules.
    pub fn fault(&self, rule: Rule) -> Result<(), BadRule> {
        self.shared.changing().faults.add(rule)
    }

    /// Takes all faults back. Calls that are held continue.
    pub fn clear_faults(&self) {
        self.shared.clear_faults();
    }

    /// Calls `watch` for each call that has the right secret, before the call is carried out. The
    /// call meets the faults that `watch` returns, besides those that were ordered. A second
    /// `watch` replaces the first.
    pub fn watch(&self, watch: impl Fn(&Call) -> Vec<Fault> + Send + Sync + 'static) {
        self.shared.changing().watch = Some(Watch::new(watch));
    }

    /// Releases all calls that are held now ([`Fault::Hold`], [`Fault::HoldReply`]). Returns their
    /// number. At most 1,000 are held at a time.
    pub fn release(&self) -> usize {
        self.shared.holds().release()
    }

    /// Returns once this many calls are held.
    pub async fn held(&self, calls: usize) {
        self.shared.holds().wait_for(calls).await;
    }

    /// Returns once no call is being carried out, including calls whose sender has hung up.
    pub async fn idle(&self) {
        self.shared.idle().await;
    }

    /// Returns the requests that the original punishes, the oldest first, at most the newest 1,000.
    /// None if the emulator has ended.
    pub async fn violations(&self) -> Option<Vec<Violation>> {
        self.shared.engine().with(|state| state.rules.violations().collect()).await
    }

    /// Sets the network conditions of UDP packets from now on.
    ///
    /// # Errors
    /// The number that is out of range.
    pub async fn set_network(&self, network: Network) -> Result<(), BadRule> {
        self.shared.set_network(network).await
    }

    /// Returns the state of all sessions, subscriptions and adapters. None if the emulator has
    /// ended.
    pub async fn snapshot(&self) -> Option<Snapshot> {
        self.shared.engine().with(|state| state.snapshot()).await
    }

    /// Returns the state of one session. None if there is none of that id, it has expired, or the
    /// emulator has ended.
    pub async fn session(&self, session: &str) -> Option<SessionSnapshot> {
        let session = session.to_owned();
        self.shared.engine().with(move |state| state.session(&session)).await.flatten()
    }

    /// Returns true once no connection, address or subscription is left. True if the emulator has
    /// ended.
    pub async fn is_media_empty(&self) -> bool {
        self.shared.engine().with(|state| state.media.is_empty()).await.unwrap_or(true)
    }

    /// Lets a session expire. False if there is none of that id.
    pub async fn expire(&self, session: &str) -> bool {
        let session = session.to_owned();
        self.shared.engine().with(move |state| state.expire(&session)).await.unwrap_or_default()
    }

    /// Cuts a session's connection until [`reconnect`](Self::reconnect) is called: no packet passes
    /// in either direction. The session expires after [`Config::reuse`](rules::Config::reuse).
    /// False if there is none of that id.
    pub async fn disconnect(&self, session: &str) -> bool {
        let session = session.to_owned();
        self.shared.engine().with(move |state| state.disconnect(&session)).await.unwrap_or_default()
    }

    /// Restores a session's connection. False if there is none of that id.
    pub async fn reconnect(&self, session: &str) -> bool {
        let session = session.to_owned();
        self.shared.engine().with(move |state| state.reconnect(&session)).await.unwrap_or_default()
    }

    /// Takes no more requests, finishes those under way and stops.
    pub async fn shutdown(mut self) {
        let _ = self.stop.send(true);
        self.shared.holds().end();
        // The task ends by itself, or was cancelled with the runtime.
        let _ = (&mut self.serving).await;
        self.engine.abort();
        let _ = (&mut self.engine).await;
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
        self.shared.holds().end();
        self.serving.abort();
        self.engine.abort();
    }
}

impl Builder {
    /// Sets the address of the API. Port 0 is a free one.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// Sets the UDP address at which agents reach media. Port 0 is a free one. A loopback address
    /// is for agents of this machine. They reach media at an address of an interface, too, if there
    /// is one: see [`Emulator::media_addresses`].
    pub fn media(mut self, address: SocketAddr) -> Self {
        self.media = address;
        self
    }

    /// Leaves out WebRTC and endpoints of adapters, for tests of programs that talk to the API
    /// alone. Each session is connected at once, published tracks send all the time, and each
    /// endpoint counts as reached. Session descriptions are canned ([`media::canned`]).
    pub fn canned(mut self) -> Self {
        self.side = MediaSide::Canned;
        self
    }

    /// Sets the account, with its API token. Without it, the emulator makes one up.
    pub fn account(mut self, account: App) -> Self {
        self.account = Some(account);
        self
    }

    /// Adds an app. Without any, the emulator makes one up.
    pub fn app(mut self, app: App) -> Self {
        self.apps.push(app);
        self
    }

    /// Adds a TURN key with its API token. Without any, the emulator makes one up.
    pub fn turn_key(mut self, key: App) -> Self {
        self.turn_keys.push(key);
        self
    }

    /// Sets other times and limits.
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Sets the seed of ids, so that every start has the same ones.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Starts the emulator.
    ///
    /// # Errors
    /// The system's error about the sockets.
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
        let (engine, running) = Engine::start(sockets, self.side, self.config, self.seed);
        let Self { account, apps, turn_keys, .. } = self;
        let account = account.unwrap_or_else(App::random);
        let shared = Shared::new(engine, account.clone(), apps.clone(), turn_keys.clone(), &media);
        let (stop, stopping) = watch::channel(false);
        let router = http::router(shared.clone());
        let serving = tokio::spawn(http::serve(listener, router, stopping));
        Ok(Emulator {
            shared,
            base_url: format!("http://{address}/v1"),
            account_url: format!("http://{address}{}", http::account::PATH),
            account,
            apps,
            turn_keys,
            media,
            stop,
            serving,
            engine: running,
        })
    }
}

fn unusable(protocol: &str, address: SocketAddr, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{protocol} {address} cannot be used: {error}"))
}

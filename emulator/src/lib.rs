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

/// A running emulator. It stops when it is dropped; [`shutdown`](Self::shutdown)
/// lets the requests under way finish first.
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

/// Settings of an [`Emulator`] to be started.
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

    /// An emulator whose defaults can be changed.
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

    /// Base URL of the account API, which creates and deletes apps and TURN keys: the
    /// `base_url` of the client's `Account`.
    pub fn account_url(&self) -> &str {
        &self.account_url
    }

    /// The account that the account API is about, with its API token as the secret.
    pub fn account(&self) -> &App {
        &self.account
    }

    /// The apps that it was started with. The account API may have deleted some since,
    /// and created others.
    pub fn apps(&self) -> &[App] {
        &self.apps
    }

    /// The TURN keys that it was started with, each with its API token as the secret.
    /// The account API may have deleted some since, and created others.
    pub fn turn_keys(&self) -> &[App] {
        &self.turn_keys
    }

    /// Orders a fault, besides those ordered before.
    ///
    /// # Errors
    /// The problem with the rule: numbers without sense, that it can never match, or
    /// more than 1,000 rules.
    pub fn fault(&self, rule: Rule) -> Result<(), BadRule> {
        self.shared.changing().faults.add(rule)
    }

    /// Takes all faults back. Calls that are held go on.
    pub fn clear_faults(&self) {
        self.shared.clear_faults();
    }

    /// Tells `watch` of each call that has the right secret, before anything is done
    /// about it. The call meets the faults that it returns, besides those that were
    /// ordered. It takes the place of an earlier one.
    pub fn watch(&self, watch: impl Fn(&Call) -> Vec<Fault> + Send + Sync + 'static) {
        self.shared.changing().watch = Some(Watch::new(watch));
    }

    /// Lets all calls go on that are held now ([`Fault::Hold`], [`Fault::HoldReply`]).
    /// Returns how many there are. At most 1,000 are held at a time.
    pub fn release(&self) -> usize {
        self.shared.holds().release()
    }

    /// Returns once so many calls are held.
    pub async fn held(&self, calls: usize) {
        self.shared.holds().wait_for(calls).await;
    }

    /// Returns once no call is being carried out, not even one whose sender has hung
    /// up.
    pub async fn idle(&self) {
        self.shared.idle().await;
    }

    /// The requests that the original punishes, the oldest first, at most the
    /// newest 1,000. None if the emulator has ended.
    pub async fn violations(&self) -> Option<Vec<Violation>> {
        self.shared.engine().with(|state| state.rules.violations().collect()).await
    }

    /// Sets the network that UDP packets meet from now on.
    ///
    /// # Errors
    /// The number that makes no sense.
    pub async fn set_network(&self, network: Network) -> Result<(), BadRule> {
        self.shared.set_network(network).await
    }

    /// Everything that there is. None if the emulator has ended.
    pub async fn snapshot(&self) -> Option<Snapshot> {
        self.shared.engine().with(|state| state.snapshot()).await
    }

    /// One session. None if there is none of that id, it has expired, or the emulator
    /// has ended.
    pub async fn session(&self, session: &str) -> Option<SessionSnapshot> {
        let session = session.to_owned();
        self.shared.engine().with(move |state| state.session(&session)).await.flatten()
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
        self.shared.holds().end();
        // It ends by itself, or was cancelled with the runtime.
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

    /// Without WebRTC and without endpoints of adapters, to test what talks to the API
    /// alone: each session is connected at once, what is published sends all the
    /// time, each endpoint is there. Session descriptions are canned
    /// ([`media::canned`]).
    pub fn canned(mut self) -> Self {
        self.side = MediaSide::Canned;
        self
    }

    /// The account to know, with its API token. One is made up if there is none.
    pub fn account(mut self, account: App) -> Self {
        self.account = Some(account);
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

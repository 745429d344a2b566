//! Task that owns the rules, the media and their sockets.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use crate::endpoints::Endpoints;
use crate::faults::Network;
use crate::media::canned::Canned;
use crate::media::sfu::{self, Route, Sfu, Transmit};
use crate::media::side::Side;
use crate::netem::Netem;
use crate::rules::{
    AdapterSnapshot, Config, Cursor, Happening, Machine, Page, Reply, Request, Response,
    SessionSnapshot, Snapshot, Summary, Ticket, UnderWay,
};
use crate::sockets::Sockets;

/// The most datagrams of a socket that are taken before the replies to them are sent.
const BATCH: usize = 64;

/// The most datagrams that are sent by one call. All copies of a packet for a large room go
/// together, and the system call costs little beside them.
const BURST: usize = 128;

/// Wait if nothing is due.
const IDLE: Duration = Duration::from_secs(60);

/// Handle that gives requests to the engine. The engine ends with the last handle.
#[derive(Clone)]
pub(crate) struct Engine {
    commands: mpsc::Sender<Command>,
    start: Instant,
}

/// The kind of media side.
#[derive(Clone, Copy, Debug)]
pub(crate) enum MediaSide {
    /// WebRTC, and endpoints of adapters that are connected to.
    WebRtc,
    /// Neither WebRTC nor endpoints.
    Canned,
}

/// Action on the state of the engine.
type Command = Box<dyn FnOnce(&mut State) + Send>;

/// The state of the engine.
pub(crate) struct State {
    pub(crate) rules: Machine,
    pub(crate) media: Box<dyn Side>,
    pub(crate) netem: Netem<Route>,
    start: Instant,
    waiting: HashMap<Ticket, oneshot::Sender<Reply>>,
}

impl Engine {
    /// Starts with the sockets of media.
    pub(crate) fn start(
        sockets: Sockets,
        side: MediaSide,
        config: Config,
        seed: Option<u64>,
    ) -> (Self, tokio::task::JoinHandle<()>) {
        // Requests that wait for replies do not occupy a place here.
        let (commands, receiver) = mpsc::channel(1024);
        let start = Instant::now();
        let candidates = sockets.addresses();
        let (media, endpoints): (Box<dyn Side>, _) = match side {
            MediaSide::WebRtc => {
                (Box::new(Sfu::new(sfu::Config { candidates, start })), Endpoints::real())
            }
            MediaSide::Canned => (Box::new(Canned::new(start)), Endpoints::Canned),
        };
        let state = State {
            rules: Machine::new(config, seed),
            media,
            netem: Netem::default(),
            start,
            waiting: HashMap::new(),
        };
        let task = tokio::spawn(run(state, endpoints, sockets, receiver));
        (Self { commands, start }, task)
    }

    /// Returns the time since the start, which is the time of the rules.
    pub(crate) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// Carries out a request. None if the engine has ended.
    pub(crate) async fn request(&self, request: Request) -> Option<Reply> {
        let (sender, receiver) = oneshot::channel();
        self.command(move |state| {
            let now = state.now();
            match state.rules.request(now, request, &mut *state.media) {
                Response::Now(reply) => drop(sender.send(reply)),
                Response::Later(ticket) => drop(state.waiting.insert(ticket, sender)),
            }
        })
        .await?;
        receiver.await.ok()
    }

    /// Runs a function on the state. None if the engine has ended.
    pub(crate) async fn with<T: Send + 'static>(
        &self,
        action: impl FnOnce(&mut State) -> T + Send + 'static,
    ) -> Option<T> {
        let (sender, receiver) = oneshot::channel();
        self.command(move |state| drop(sender.send(action(state)))).await?;
        receiver.await.ok()
    }

    async fn command(&self, action: impl FnOnce(&mut State) + Send + 'static) -> Option<()> {
        self.commands.send(Box::new(action)).await.ok()
    }
}

impl State {
    /// Returns the time since the start, which is the time of the rules.
    pub(crate) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// Returns the state of all sessions, tracks, channels and adapters.
    pub(crate) fn snapshot(&self) -> Snapshot {
        self.rules.snapshot(self.now(), &*self.media)
    }

    /// Returns the state of one session.
    pub(crate) fn session(&self, id: &str) -> Option<SessionSnapshot> {
        self.rules.session(self.now(), id, &*self.media)
    }

    /// Returns the reply to a change that came during another one of its session.
    pub(crate) fn overlap(&mut self, request: Request, other: UnderWay) -> Reply {
        self.rules.overlap(self.now(), &request, other)
    }

    /// Returns some of the sessions from a place on, the totals, and at most as many adapters as
    /// sessions.
    pub(crate) fn look(
        &self,
        after: Option<Cursor>,
        limit: usize,
    ) -> (Page, Summary, Vec<AdapterSnapshot>) {
        let page = self.rules.page(self.now(), after, limit, &*self.media);
        (page, self.rules.summary(), self.rules.adapters(limit))
    }

    /// Returns one session and its history. None if no session of that id is remembered.
    pub(crate) fn details(&self, id: &str) -> Option<(SessionSnapshot, Vec<Happening>)> {
        self.rules.details(self.now(), id, &*self.media)
    }

    /// Lets a session expire. False if there is none of that id.
    pub(crate) fn expire(&mut self, session: &str) -> bool {
        self.rules.timeout(self.now(), &mut *self.media);
        self.rules.expire(session, &mut *self.media)
    }

    /// Cuts a session's connection. False if there is none of that id.
    pub(crate) fn disconnect(&mut self, session: &str) -> bool {
        self.rules.disconnect(self.now(), session, &mut *self.media)
    }

    /// Restores a session's connection. False if there is none of that id.
    pub(crate) fn reconnect(&mut self, session: &str) -> bool {
        self.rules.reconnect(self.now(), session, &mut *self.media)
    }

    pub(crate) fn set_network(&mut self, network: Network) {
        self.netem.set(network);
    }

    /// Returns the time at which something is due.
    fn deadline(&self) -> Instant {
        let rules = self.rules.poll_timeout().map(|at| self.start + at);
        let due = [rules, self.media.poll_timeout(), self.netem.poll_timeout()];
        due.into_iter().flatten().min().unwrap_or_else(|| Instant::now() + IDLE)
    }

    /// Passes events and orders between the parts.
    fn settle(&mut self) {
        while let Some(event) = self.media.poll_event() {
            let now = self.now();
            self.rules.event(now, event, &mut *self.media);
        }
        while let Some((ticket, reply)) = self.rules.poll_reply() {
            // A caller that has hung up does not want the reply.
            if let Some(sender) = self.waiting.remove(&ticket) {
                let _ = sender.send(reply);
            }
        }
    }

    /// Returns the next datagram that is to be sent by now.
    fn poll_transmit(&mut self, now: Instant) -> Option<Transmit> {
        while let Some(Transmit { route, data }) = self.media.poll_transmit() {
            if let Some((route, data)) = self.netem.sent(now, route, data) {
                return Some(Transmit { route, data });
            }
        }
        let (route, data) = self.netem.poll_sent(now)?;
        Some(Transmit { route, data })
    }

    /// Carries out what is due.
    fn due(&mut self) {
        let instant = Instant::now();
        self.media.handle_timeout(instant);
        while let Some((route, data)) = self.netem.poll_received(instant) {
            self.media.handle_datagram(instant, route, &data);
        }
        let now = self.now();
        self.rules.timeout(now, &mut *self.media);
    }
}

async fn run(
    mut state: State,
    mut endpoints: Endpoints,
    sockets: Sockets,
    mut commands: mpsc::Receiver<Command>,
) {
    let mut buffer = vec![0; 1 << 16];
    loop {
        state.settle();
        endpoints.settle(&mut state.rules, &mut *state.media);
        // An order that adapters refused can complete a reply.
        state.settle();
        send(&mut state, &sockets).await;
        tokio::select! {
            command = commands.recv() => {
                let Some(command) = command else { return };
                state.media.handle_timeout(Instant::now());
                command(&mut state);
            }
            () = sockets.readable() => receive(&mut state, &sockets, &mut buffer),
            happened = endpoints.next() => {
                state.media.handle_timeout(Instant::now());
                endpoints.happened(happened, &mut state.rules, &mut *state.media);
            }
            () = tokio::time::sleep_until(state.deadline().into()) => {}
        }
        // A stream of datagrams must not stop the clock.
        if state.deadline() <= Instant::now() {
            state.due();
        }
    }
}

/// Sends all datagrams that are due.
async fn send(state: &mut State, sockets: &Sockets) {
    let now = Instant::now();
    loop {
        let due = std::iter::from_fn(|| state.poll_transmit(now));
        let burst: Vec<Transmit> = due.take(BURST).collect();
        if burst.is_empty() {
            return;
        }
        sockets.send(&burst).await;
    }
}

/// Takes the datagrams that have come.
fn receive(state: &mut State, sockets: &Sockets, buffer: &mut [u8]) {
    sockets.receive(BATCH, buffer, |route, data| {
        let now = Instant::now();
        if let Some((route, data)) = state.netem.received(now, route, data) {
            state.media.handle_datagram(now, route, &data);
        }
    });
}

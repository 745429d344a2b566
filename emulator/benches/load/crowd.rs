//! Many agents, in the thread of the benchmark.
//!
//! All sockets are read, and the arrivals timed, before any packet is decrypted. Otherwise the last
//! of a hundred packets would seem late by the work of the agents on the others.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::http::Http;
use super::peer::Peer;
use super::publisher::TRACK;

/// Time between two ticks of the agents.
const TICK: Duration = Duration::from_millis(5);

/// Agents that subscribe, or are connected and do nothing. They stop when this
/// is dropped.
pub(crate) struct Crowd {
    shared: Rc<Shared>,
    /// Address for datagrams that do not pass the emulator.
    pub(crate) direct: SocketAddr,
    tasks: JoinSet<()>,
}

struct Shared {
    start: Instant,
    members: RefCell<Vec<Member>>,
    inbox: RefCell<VecDeque<Arrival>>,
    has_come: Notify,
    arrived: RefCell<Arrived>,
}

struct Member {
    session: String,
    socket: Rc<UdpSocket>,
    peer: Peer,
    received: u64,
}

struct Arrival {
    member: usize,
    at: Instant,
    from: SocketAddr,
    data: Vec<u8>,
}

/// Travel times of packets, in nanoseconds.
#[derive(Default)]
pub(crate) struct Arrived {
    pub(crate) forwarded: Vec<u64>,
    pub(crate) direct: Vec<u64>,
}

impl Crowd {
    /// Creates a crowd without members. Times count from `start`.
    pub(crate) async fn new(start: Instant) -> Self {
        let shared = Rc::new(Shared {
            start,
            members: RefCell::default(),
            inbox: RefCell::default(),
            has_come: Notify::new(),
            arrived: RefCell::default(),
        });
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let direct = socket.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn_local(drive(Rc::clone(&shared)));
        tasks.spawn_local(receive_direct(Rc::clone(&shared), socket));
        Self { shared, direct, tasks }
    }

    /// Adds an agent that does nothing. Its session is connected by a section on which it never
    /// sends.
    pub(crate) async fn add_idle(&mut self, http: &mut Http) {
        let (session, socket, mut peer) = join(http).await;
        let (offer, mid) = peer.offer();
        let answer = http.publish(&session, &offer, &mid, "nothing").await;
        peer.accept_answer(&answer);
        self.add(session, socket, peer).await;
    }

    /// Adds an agent that receives from a publisher.
    pub(crate) async fn add_subscriber(&mut self, http: &mut Http, publisher: &str) {
        let (session, socket, mut peer) = join(http).await;
        let offer = http.pull(&session, publisher, TRACK, 1).await;
        http.renegotiate(&session, &peer.answer(&offer)).await;
        self.add(session, socket, peer).await;
    }

    /// Pulls the publisher's track this many times more for a member.
    pub(crate) async fn pull(&self, member: usize, http: &mut Http, publisher: &str, times: usize) {
        let session = self.shared.members.borrow()[member].session.clone();
        let offer = http.pull(&session, publisher, TRACK, times).await;
        let answer = self.shared.members.borrow_mut()[member].peer.answer(&offer);
        http.renegotiate(&session, &answer).await;
    }

    /// Takes the packets that have arrived since the last call.
    pub(crate) fn take(&self) -> Arrived {
        std::mem::take(&mut *self.shared.arrived.borrow_mut())
    }

    /// Returns the number of members that have received something.
    pub(crate) fn receivers(&self) -> usize {
        self.shared.members.borrow().iter().filter(|member| member.received > 0).count()
    }

    /// Fails if an agent has failed.
    pub(crate) fn check(&mut self) {
        if let Some(ended) = self.tasks.try_join_next() {
            panic!("an agent has failed: {ended:?}");
        }
    }

    async fn add(&mut self, session: String, socket: UdpSocket, peer: Peer) {
        let socket = Rc::new(socket);
        let member = self.shared.members.borrow().len();
        self.tasks.spawn_local(receive(Rc::clone(&self.shared), member, Rc::clone(&socket)));
        self.shared.members.borrow_mut().push(Member { session, socket, peer, received: 0 });
        super::until("an agent is not connected", || {
            self.shared.members.borrow()[member].peer.is_connected
        })
        .await;
    }
}

async fn join(http: &mut Http) -> (String, UdpSocket, Peer) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let peer = Peer::new(socket.local_addr().unwrap());
    (http.new_session().await, socket, peer)
}

async fn receive(shared: Rc<Shared>, member: usize, socket: Rc<UdpSocket>) {
    let mut buffer = [0; 2000];
    loop {
        let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
        let (at, data) = (Instant::now(), buffer[..length].to_vec());
        shared.inbox.borrow_mut().push_back(Arrival { member, at, from, data });
        shared.has_come.notify_one();
    }
}

async fn receive_direct(shared: Rc<Shared>, socket: UdpSocket) {
    let mut buffer = [0; 2000];
    loop {
        socket.recv_from(&mut buffer).await.unwrap();
        let way = shared.way(Instant::now(), u64::from_be_bytes(buffer[..8].try_into().unwrap()));
        shared.arrived.borrow_mut().direct.push(way);
    }
}

async fn drive(shared: Rc<Shared>) {
    let mut ticked = Instant::now();
    loop {
        let arrival = shared.inbox.borrow_mut().pop_front();
        let is_idle = arrival.is_none();
        if let Some(arrival) = arrival {
            shared.take(&arrival);
        }
        let now = Instant::now();
        if now - ticked >= TICK {
            ticked = now;
            for member in shared.members.borrow_mut().iter_mut() {
                member.peer.tick(now);
                member.send();
            }
        }
        if is_idle {
            let _ = tokio::time::timeout(TICK, shared.has_come.notified()).await;
        } else {
            // Packets that have come meanwhile are timed before the next one is handled.
            tokio::task::yield_now().await;
        }
    }
}

impl Shared {
    /// Returns the travel time of a packet.
    fn way(&self, at: Instant, stamp: u64) -> u64 {
        (at.duration_since(self.start).as_nanos() as u64).saturating_sub(stamp)
    }

    fn take(&self, arrival: &Arrival) {
        let mut members = self.members.borrow_mut();
        // A member is added only after its session.
        let Some(member) = members.get_mut(arrival.member) else { return };
        member.peer.receive(arrival.from, &arrival.data);
        for stamp in member.peer.stamps.drain(..) {
            member.received += 1;
            self.arrived.borrow_mut().forwarded.push(self.way(arrival.at, stamp));
        }
        member.send();
    }
}

impl Member {
    fn send(&mut self) {
        while let Some((to, data)) = self.peer.transmits.pop_front() {
            // A datagram may get lost.
            let _ = self.socket.try_send_to(&data, to);
        }
    }
}

//! All connections, on one UDP port.

mod operations;
#[cfg(feature = "adapters")]
mod sound;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

pub use super::datagram::{Route, Transmit};
use super::forward::{Packet, Router, Slot, Verdict, Wanted, wanted};
use super::peer::{Effects, Local, Peer, Work, checked_ufrag};
use super::reports::is_arrival_report;
use super::section::codec_name;
use super::sound::Taps;
use super::{Direction, Event, Kind, SessionKey};

/// The largest datagram that is read, in bytes. WebRTC stays below an Ethernet frame.
const LARGEST_DATAGRAM: usize = 2000;

/// The most addresses of one session that are remembered. An agent has one at a time. A network
/// that changes it costs no more than this.
const MOST_ADDRESSES: usize = 8;

/// Settings of an [`Sfu`].
#[derive(Clone, Debug)]
pub struct Config {
    /// UDP addresses at which agents reach it, the best first.
    pub candidates: Vec<SocketAddr>,
    /// Time of its start.
    pub start: Instant,
}

/// An SFU without sockets and clocks: datagrams and times go in, datagrams,
/// times and events come out.
///
/// After each call, take all of [`Sfu::poll_transmit`] and [`Sfu::poll_event`], and call
/// [`Sfu::handle_timeout`] at the time of [`Sfu::poll_timeout`]. The methods of
/// [`Media`](super::Media) happen at the last time that was given.
///
/// Bandwidth is not estimated: a subscriber gets the layer that it prefers, and reports that only an
/// estimation reads are dropped.
pub struct Sfu {
    start: Instant,
    local: Arc<Local>,
    now: Instant,
    /// Sessions that have no connection yet. Making one is costly.
    new: BTreeSet<SessionKey>,
    peers: BTreeMap<SessionKey, Peer>,
    by_address: HashMap<SocketAddr, SessionKey>,
    by_ufrag: HashMap<String, SessionKey>,
    deadlines: BTreeSet<(Instant, SessionKey)>,
    router: Router,
    taps: Taps,
    effects: Effects,
    ignored: u64,
}

impl Sfu {
    /// Creates an SFU without sessions.
    pub fn new(config: Config) -> Self {
        Self {
            start: config.start,
            local: Arc::new(Local::new(config.candidates)),
            now: config.start,
            new: BTreeSet::new(),
            peers: BTreeMap::new(),
            by_address: HashMap::new(),
            by_ufrag: HashMap::new(),
            deadlines: BTreeSet::new(),
            router: Router::default(),
            taps: Taps::default(),
            effects: Effects::default(),
            ignored: 0,
        }
    }

    /// Takes a datagram. One of no session is counted and dropped.
    pub fn handle_datagram(&mut self, now: Instant, route: Route, data: &[u8]) {
        self.advance(now);
        let Some(session) = self.session_of(route, data) else {
            self.ignored += 1;
            return;
        };
        if is_arrival_report(data) {
            return;
        }
        let now = self.now;
        let is_good = self
            .with(session, |peer, effects| peer.handle(now, route, data, effects))
            .unwrap_or_default();
        self.ignored += u64::from(!is_good);
    }

    /// Carries out what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.advance(now);
        let now = self.now;
        let due: Vec<SessionKey> = self
            .deadlines
            .iter()
            .take_while(|(deadline, _)| *deadline <= now)
            .map(|(_, session)| *session)
            .collect();
        for session in due {
            self.with(session, |peer, effects| peer.handle_timeout(now, effects));
        }
    }

    /// Returns the next datagram to be sent.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.effects.transmits.pop_front()
    }

    /// Returns the time at which something is due. None if only a datagram can change that.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// Returns the next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.effects.events.pop_front()
    }

    /// Returns the number of datagrams that were of no use.
    pub fn ignored_datagrams(&self) -> u64 {
        self.ignored
    }

    /// Returns the number of messages on data channels that could not be sent.
    pub fn dropped_messages(&self) -> u64 {
        self.peers.values().map(|peer| peer.channels.dropped()).sum()
    }

    /// Returns the number of sessions.
    pub fn sessions(&self) -> usize {
        self.new.len() + self.peers.len()
    }

    /// Returns whether no session, address, time or subscription is kept.
    pub fn is_empty(&self) -> bool {
        self.new.is_empty()
            && self.peers.is_empty()
            && self.by_address.is_empty()
            && self.by_ufrag.is_empty()
            && self.deadlines.is_empty()
            && self.router.is_empty()
            && self.taps.is_empty()
    }

    /// Moves the time forward, never back.
    fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    /// Returns the session of a datagram. A check names it itself, even if the address was another
    /// session's. For other datagrams the address decides.
    fn session_of(&mut self, route: Route, data: &[u8]) -> Option<SessionKey> {
        if data.len() > LARGEST_DATAGRAM {
            return None;
        }
        let Some(ufrag) = checked_ufrag(data) else {
            // Other datagrams follow only after a successful check (RFC 8445 section 12).
            return self.by_address.get(&route.agent).copied();
        };
        let session = *self.by_ufrag.get(&ufrag)?;
        self.peers.get(&session).filter(|peer| peer.accepts(self.now, route, data))?;
        self.remember(session, route.agent);
        Some(session)
    }

    fn remember(&mut self, session: SessionKey, address: SocketAddr) {
        let old = self.by_address.insert(address, session);
        if old == Some(session) {
            return;
        }
        if let Some(peer) = old.and_then(|old| self.peers.get_mut(&old)) {
            peer.addresses.retain(|other| *other != address);
        }
        let Some(peer) = self.peers.get_mut(&session) else {
            return;
        };
        peer.addresses.push(address);
        if peer.addresses.len() > MOST_ADDRESSES {
            let oldest = peer.addresses.remove(0);
            self.by_address.remove(&oldest);
        }
    }

    /// Uses one connection, which is made if it is not there yet, then carries out its effects.
    /// None if there is no such session.
    fn with<R>(
        &mut self,
        session: SessionKey,
        f: impl FnOnce(&mut Peer, &mut Effects) -> R,
    ) -> Option<R> {
        if self.new.remove(&session) {
            self.begin(session);
        }
        let result = self.touch(session, f)?;
        self.work();
        Some(result)
    }

    /// Carries out the work that connections have for each other.
    fn work(&mut self) {
        while let Some(work) = self.effects.work.pop_front() {
            match work {
                Work::Packet(packet) => self.route(&packet),
                Work::Keyframe(to) => self.keyframe(to),
            }
        }
    }

    /// Uses one connection and notes the time at which it is to be driven again.
    fn touch<R>(
        &mut self,
        session: SessionKey,
        f: impl FnOnce(&mut Peer, &mut Effects) -> R,
    ) -> Option<R> {
        let peer = self.peers.get_mut(&session)?;
        let before = peer.deadline;
        let result = f(peer, &mut self.effects);
        if peer.deadline != before {
            if let Some(before) = before {
                self.deadlines.remove(&(before, session));
            }
            if let Some(deadline) = peer.deadline {
                self.deadlines.insert((deadline, session));
            }
        }
        Some(result)
    }

    /// Makes the connection of a session.
    fn begin(&mut self, session: SessionKey) {
        let mut peer = Peer::new(session, Arc::clone(&self.local), self.now);
        self.by_ufrag.insert(peer.ufrag(), session);
        self.peers.insert(session, peer);
    }

    /// Forwards a packet to all its subscribers.
    fn route(&mut self, packet: &Packet) {
        self.taps.hear(packet);
        let (publisher, from) = packet.from;
        let now = self.now;
        let mut is_waited_for = self
            .peers
            .get(&publisher)
            .and_then(|peer| peer.tracks.get(&from))
            .is_some_and(|track| track.owes_request(packet.rid, now))
            .then_some(packet.rid);
        for to in self.router.subscribers(packet.from) {
            let subscriber = self.peers.get_mut(&to.0).filter(|peer| peer.is_connected());
            let Some(subscriber) = subscriber else {
                continue;
            };
            let pt = subscriber.payload_type(to.1, &packet.params);
            let track = self.peers.get(&publisher).and_then(|peer| peer.tracks.get(&from));
            let Some(track) = track else {
                continue;
            };
            let bytes = packet.rtp.payload.len() as u64;
            let is_written = match self.router.judge(to, packet, track, pt, now) {
                Verdict::Write(write) => self
                    .touch(to.0, |peer, effects| peer.write(to.1, *write, now, effects))
                    .unwrap_or_default(),
                Verdict::Ignore => continue,
                Verdict::Wait(rid) => {
                    is_waited_for = Some(rid);
                    continue;
                }
                Verdict::Drop => false,
            };
            let track = self.peers.get_mut(&to.0).and_then(|peer| peer.tracks.get_mut(&to.1));
            if let Some(track) = track {
                if is_written {
                    if track.counters.packets_out == 0 {
                        let (session, mid) = (to.0, to.1.to_string());
                        let direction = Direction::ToAgent;
                        self.effects.events.push_back(Event::FirstPacket {
                            session,
                            mid,
                            direction,
                        });
                    }
                    track.counters.codec_out = codec_name(packet.params.spec().codec);
                }
                track.counters.packets_out += u64::from(is_written);
                track.counters.bytes_out += if is_written { bytes } else { 0 };
                track.counters.dropped += u64::from(!is_written);
            }
        }
        if let Some(rid) = is_waited_for {
            self.touch(publisher, |peer, effects| {
                peer.request_keyframe(from, rid, now, effects);
            });
        }
    }

    /// Gets a keyframe for a subscriber, old or new, of the stream that it receives.
    fn keyframe(&mut self, to: Slot) {
        let now = self.now;
        let peers = &self.peers;
        let source = self.router.source(to, |from, layers| {
            let track = peers.get(&from.0)?.tracks.get(&from.1)?;
            (track.kind == Kind::Video).then(|| wanted(layers, track, now))
        });
        if let Some(((publisher, from), Wanted(rid))) = source {
            self.touch(publisher, |peer, effects| {
                peer.request_keyframe(from, rid, now, effects);
            });
        }
    }
}

impl fmt::Debug for Sfu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sfu").field("sessions", &self.peers.len()).finish_non_exhaustive()
    }
}

//! Connection of one session.

mod local;
mod negotiation;
#[cfg(feature = "adapters")]
mod sound;
mod successor;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use str0m::format::PayloadParams;
use str0m::ice::StunMessage;
use str0m::media::{KeyframeRequest, KeyframeRequestKind, Mid, Pt, Rid};
use str0m::net::{self, Protocol, Receive};
use str0m::rtp::{RtpPacket, RtpWrite};
use str0m::{Input, Rtc};

use super::channels::Channels;
use super::datagram::{Route, Transmit};
use super::drive::{ConnectionOwner, drive};
use super::forward::{Packet, Slot};
use super::rewrite::Rtp;
use super::sdp::Line;
use super::section::Track;
use super::{Delivery, Direction, Event, Message, Place, SessionKey};

pub(super) use local::Local;

/// Output of a connection that is driven.
#[derive(Default)]
pub(super) struct Effects {
    pub(super) transmits: VecDeque<Transmit>,
    pub(super) events: VecDeque<Event>,
    pub(super) work: VecDeque<Work>,
}

/// Work for other connections than its source.
pub(super) enum Work {
    /// Packet to forward.
    Packet(Box<Packet>),
    /// Request of a subscriber for a keyframe.
    Keyframe(Slot),
}

/// Connection of one session.
pub(super) struct Peer {
    key: SessionKey,
    rtc: Rtc,
    local: Arc<Local>,
    /// The connection that takes over if the agent begins a new transport.
    successor: Option<successor::Successor>,
    pending: Option<negotiation::Pending>,
    /// Media sections as last negotiated.
    lines: Vec<Line>,
    /// Mids of all sections so far.
    used_mids: BTreeSet<String>,
    remote_credentials: Option<(String, String)>,
    pub(super) tracks: HashMap<Mid, Track>,
    pub(super) channels: Channels,
    /// True while no packet passes in either direction.
    pub(super) is_cut: bool,
    /// The state that the rules were told last.
    is_connected: bool,
    /// Addresses of the agent, the newest last.
    pub(super) addresses: Vec<SocketAddr>,
    /// Time at which the connection is to be driven.
    pub(super) deadline: Option<Instant>,
    /// Version of the next description.
    version: u64,
}

impl Peer {
    pub(super) fn new(key: SessionKey, local: Arc<Local>, now: Instant) -> Self {
        Self {
            key,
            rtc: local.connection(None, now),
            local,
            successor: None,
            pending: None,
            lines: Vec::new(),
            used_mids: BTreeSet::new(),
            remote_credentials: None,
            tracks: HashMap::new(),
            channels: Channels::default(),
            is_cut: false,
            is_connected: false,
            addresses: Vec::new(),
            deadline: None,
            version: 0,
        }
    }

    /// Returns the ICE user name by which the agent's first packets find this connection.
    pub(super) fn ufrag(&mut self) -> String {
        self.rtc.direct_api().local_ice_credentials().ufrag
    }

    pub(super) fn is_connected(&self) -> bool {
        self.is_connected && self.rtc.is_connected()
    }

    /// Returns whether a datagram is for this connection.
    pub(super) fn accepts(&self, now: Instant, route: Route, data: &[u8]) -> bool {
        receive(now, route, data).is_some_and(|input| self.rtc.accepts(&input))
    }

    /// Takes a datagram. Returns false if it is of no use.
    pub(super) fn handle(
        &mut self,
        now: Instant,
        route: Route,
        data: &[u8],
        out: &mut Effects,
    ) -> bool {
        if self.is_cut {
            return false;
        }
        self.succeed(now, route, data, out);
        let is_good =
            receive(now, route, data).is_some_and(|input| self.rtc.handle_input(input).is_ok());
        self.drive(now, out);
        is_good
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, out: &mut Effects) {
        self.forget_successor(now);
        let _ = self.rtc.handle_input(Input::Timeout(now));
        self.drive(now, out);
    }

    /// Writes one packet to a section. Returns false if the section does not send.
    pub(super) fn write(
        &mut self,
        mid: Mid,
        packet: RtpWrite,
        now: Instant,
        out: &mut Effects,
    ) -> bool {
        let mut api = self.rtc.direct_api();
        let Some(stream) = api.stream_tx_by_mid(mid, None) else {
            return false;
        };
        stream.write_rtp(packet);
        // The packet leaves once str0m is told the time. A drain before would only ask for that.
        self.handle_timeout(now, out);
        true
    }

    /// Asks the agent for a keyframe. If a request was made a moment ago, the next one waits until
    /// enough time has passed and the agent still sends.
    pub(super) fn request_keyframe(
        &mut self,
        mid: Mid,
        rid: Option<Rid>,
        now: Instant,
        out: &mut Effects,
    ) {
        let Some(track) = self.tracks.get_mut(&mid) else {
            return;
        };
        if track.may_request(rid, now) {
            let mut api = self.rtc.direct_api();
            if let Some(stream) = api.stream_rx_by_mid(mid, rid) {
                stream.request_keyframe(KeyframeRequestKind::Pli);
                track.requested(rid, now);
                self.drive(now, out);
            }
        }
    }

    pub(super) fn open_channel(
        &mut self,
        id: u16,
        name: &str,
        delivery: Delivery,
        now: Instant,
        out: &mut Effects,
    ) {
        self.channels.open(id, name, delivery);
        self.drive(now, out);
    }

    pub(super) fn close_channel(&mut self, id: u16, now: Instant, out: &mut Effects) {
        self.channels.close(&mut self.rtc, id);
        self.drive(now, out);
    }

    pub(super) fn send(&mut self, id: u16, message: Message, now: Instant, out: &mut Effects) {
        self.channels.send(id, message);
        self.drive(now, out);
    }

    /// Says goodbye to the agent.
    pub(super) fn close(&mut self, now: Instant, out: &mut Effects) {
        let _ = self.rtc.close();
        self.is_connected = false;
        self.drive(now, out);
    }

    /// Returns the agent's payload type for a codec on a section that it receives. None if the
    /// agent does not know the codec, or does not receive.
    pub(super) fn payload_type(&mut self, mid: Mid, params: &PayloadParams) -> Option<Pt> {
        let known = self.tracks.get(&mid).and_then(|track| track.payload_type);
        if let Some((_, pt)) = known.filter(|(of, _)| of == params) {
            return pt;
        }
        let pt = self.find_payload_type(mid, params);
        if let Some(track) = self.tracks.get_mut(&mid) {
            track.payload_type = Some((*params, pt));
        }
        pt
    }

    /// Forgets which payload types were found, because descriptions change them.
    fn forget_payload_types(&mut self) {
        for track in self.tracks.values_mut() {
            track.payload_type = None;
        }
    }

    fn find_payload_type(&self, mid: Mid, params: &PayloadParams) -> Option<Pt> {
        let media = self.rtc.media(mid)?;
        if !media.direction().is_sending() {
            return None;
        }
        let is_known = |pt| media.remote_pts().contains(&pt);
        let config = self.rtc.codec_config();
        let best = config.match_params(*params).map(|p| p.pt()).filter(|pt| is_known(*pt));
        let codec = params.spec().codec;
        best.or_else(|| {
            config.find(|p| p.spec().codec == codec && is_known(p.pt())).map(|p| p.pt())
        })
    }

    /// Tells the rules whether there is a connection, unless they know.
    fn tell(&mut self, is_connected: bool, out: &mut Effects) {
        if std::mem::replace(&mut self.is_connected, is_connected) != is_connected {
            out.events.push_back(match is_connected {
                true => Event::Connected(self.key),
                false => Event::Disconnected(self.key),
            });
        }
    }

    /// Follows every change of `rtc` before the next one.
    fn drive(&mut self, now: Instant, out: &mut Effects) {
        let was_driven = self.deadline.is_some();
        self.deadline = drive(&mut Driving { peer: self, now, out }, now);
        if self.deadline.is_none() && self.take_over(now, out) {
            self.deadline = drive(&mut Driving { peer: self, now, out }, now);
        }
        if was_driven && self.deadline.is_none() {
            tracing::debug!(session = self.key.0, "connection ended");
        }
    }
}

/// A connection while it is driven.
struct Driving<'a> {
    peer: &'a mut Peer,
    now: Instant,
    out: &'a mut Effects,
}

impl ConnectionOwner for Driving<'_> {
    fn connection(&mut self) -> (&mut Rtc, &mut Channels) {
        (&mut self.peer.rtc, &mut self.peer.channels)
    }

    fn transmit(&mut self, transmit: net::Transmit) {
        if !self.peer.is_cut {
            let route = Route { sfu: transmit.source, agent: transmit.destination };
            let data = transmit.contents.into();
            self.out.transmits.push_back(Transmit { route, data });
        }
    }

    fn connected(&mut self, is_connected: bool) {
        self.peer.tell(is_connected, self.out);
    }

    fn packet(&mut self, packet: RtpPacket) {
        let Peer { key, rtc, tracks, .. } = &mut *self.peer;
        let ssrc = packet.header.ssrc;
        let mut api = rtc.direct_api();
        let Some((mid, rid)) = api.stream_rx(&ssrc).map(|rx| (rx.mid(), rx.rid())) else {
            return;
        };
        let Some(track) = tracks.get_mut(&mid) else {
            return;
        };
        if track.counters.packets_in == 0 {
            let (session, direction) = (*key, Direction::FromAgent);
            let mid = mid.to_string();
            self.out.events.push_back(Event::FirstPacket { session, mid, direction });
        }
        if track.received(rid, packet.payload.len(), self.now) {
            let place = Place { session: *key, mid: mid.to_string() };
            self.out.events.push_back(Event::Flows(place));
        }
        let pt = packet.header.payload_type;
        let params = rtc.codec_config().find(|params| params.pt() == pt);
        let Some(params) = params.copied() else {
            track.counters.dropped += 1;
            return;
        };
        track.codec = Some(params.spec().codec);
        let rtp = Rtp {
            number: *packet.seq_no,
            time: packet.header.timestamp,
            marker: packet.header.marker,
            extensions: packet.header.ext_vals,
            payload: packet.payload,
            at: packet.timestamp,
        };
        let packet = Packet { from: (*key, mid), rid, params, rtp };
        self.out.work.push_back(Work::Packet(Box::new(packet)));
    }

    fn keyframe_requested(&mut self, request: KeyframeRequest) {
        self.out.work.push_back(Work::Keyframe((self.peer.key, request.mid)));
    }

    fn message(&mut self, id: u16, message: Message) {
        self.out.events.push_back(Event::Message { session: self.peer.key, id, message });
    }
}

/// Returns the name of the connection that the agent checks, if the datagram is a check.
pub(super) fn checked_ufrag(data: &[u8]) -> Option<String> {
    // The first two bits tell STUN from other protocols on the port (RFC 7983).
    if data.first().is_none_or(|first| *first > 3) {
        return None;
    }
    let message = StunMessage::parse(data).ok()?;
    message.split_username().map(|(local, _)| local.to_owned())
}

fn receive(now: Instant, route: Route, data: &[u8]) -> Option<Input<'_>> {
    let receive = Receive::new(Protocol::Udp, route.agent, route.sfu, data).ok()?;
    Some(Input::Receive(now, receive))
}

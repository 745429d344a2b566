//! One session's connection.

mod negotiation;
mod sound;

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use str0m::format::PayloadParams;
use str0m::ice::StunMessage;
use str0m::media::{KeyframeRequestKind, Mid, Pt, Rid};
use str0m::net::{Protocol, Receive};
use str0m::rtp::RtpWrite;
use str0m::{Candidate, IceConnectionState, Input, Output, Rtc, RtcConfig};

use super::channels::Channels;
use super::forward::{Packet, Slot};
use super::rewrite::Rtp;
use super::sdp::Line;
use super::section::Track;
use super::sfu::Transmit;
use super::{Delivery, Event, Message, SessionKey};

/// How often a connection may ask for time at once before it has to wait. It
/// asks two or three times; more would be a fault that must not stop the others.
const MOST_ROUNDS: usize = 16;

/// How long it then waits.
const PAUSE: Duration = Duration::from_millis(5);

/// What a connection brings forth when it is driven.
#[derive(Default)]
pub(super) struct Effects {
    pub(super) transmits: VecDeque<Transmit>,
    pub(super) events: VecDeque<Event>,
    pub(super) work: VecDeque<Work>,
}

/// What concerns other connections than the one that brought it forth.
pub(super) enum Work {
    /// A packet to be passed on.
    Packet(Box<Packet>),
    /// A subscriber cannot go on without a keyframe.
    Keyframe(Slot),
}

/// One session's connection.
pub(super) struct Peer {
    key: SessionKey,
    rtc: Rtc,
    candidate: SocketAddr,
    pending: Option<negotiation::Pending>,
    /// The media sections as last negotiated.
    lines: Vec<Line>,
    remote_credentials: Option<(String, String)>,
    pub(super) tracks: HashMap<Mid, Track>,
    pub(super) channels: Channels,
    /// Nothing goes in or out.
    pub(super) is_cut: bool,
    /// The last that the rules were told.
    is_connected: bool,
    /// When it wants to be driven.
    pub(super) deadline: Option<Instant>,
    /// Of descriptions; each has a new one.
    version: u64,
}

impl Peer {
    pub(super) fn new(key: SessionKey, candidate: SocketAddr, now: Instant) -> Self {
        Self {
            key,
            rtc: rtc(candidate, now),
            candidate,
            pending: None,
            lines: Vec::new(),
            remote_credentials: None,
            tracks: HashMap::new(),
            channels: Channels::default(),
            is_cut: false,
            is_connected: false,
            deadline: None,
            version: 0,
        }
    }

    /// The name by which the agent's first packets find this connection.
    pub(super) fn ufrag(&mut self) -> String {
        self.rtc.direct_api().local_ice_credentials().ufrag
    }

    pub(super) fn is_connected(&self) -> bool {
        self.is_connected && self.rtc.is_connected()
    }

    /// Whether a datagram is for this connection.
    pub(super) fn accepts(&self, now: Instant, from: SocketAddr, data: &[u8]) -> bool {
        receive(now, from, self.candidate, data).is_some_and(|input| self.rtc.accepts(&input))
    }

    /// Takes a datagram. False if it is of no use.
    pub(super) fn handle(
        &mut self,
        now: Instant,
        from: SocketAddr,
        data: &[u8],
        out: &mut Effects,
    ) -> bool {
        let is_good = receive(now, from, self.candidate, data)
            .filter(|_| !self.is_cut)
            .is_some_and(|input| self.rtc.handle_input(input).is_ok());
        self.drive(now, out);
        is_good
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, out: &mut Effects) {
        // An error here is one of the transport, and str0m then says `Closed`
        // or is dead, both of which the drive sees.
        let _ = self.rtc.handle_input(Input::Timeout(now));
        self.drive(now, out);
    }

    /// Writes one packet to a section. False if the section does not send.
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
        self.drive(now, out);
        true
    }

    /// Asks the agent for a keyframe, unless it was asked a moment ago; then as
    /// soon as more time has passed and it still sends.
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

    /// The payload type by which the agent knows a codec on a section that it
    /// receives. None if it does not know it, or does not receive.
    pub(super) fn payload_type(&self, mid: Mid, params: &PayloadParams) -> Option<Pt> {
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

    /// Lets str0m do all that it wants to do by now. Every change of `rtc` is
    /// followed by this before the next one.
    fn drive(&mut self, now: Instant, out: &mut Effects) {
        for _ in 0..MOST_ROUNDS {
            let Some(deadline) = self.drain(now, out) else {
                self.deadline = None;
                self.disconnected(out);
                return;
            };
            if self.channels.step(&mut self.rtc) {
                continue;
            }
            if deadline > now {
                self.deadline = Some(deadline);
                return;
            }
            let _ = self.rtc.handle_input(Input::Timeout(now));
        }
        // The last change is drained as well.
        if self.drain(now, out).is_none() {
            self.disconnected(out);
        }
        self.deadline = Some(now + PAUSE);
    }

    /// When str0m next wants time. None if it never will again.
    fn drain(&mut self, now: Instant, out: &mut Effects) -> Option<Instant> {
        loop {
            match self.rtc.poll_output() {
                Ok(Output::Timeout(deadline)) => return self.rtc.is_alive().then_some(deadline),
                Ok(Output::Transmit(_)) if self.is_cut => {}
                Ok(Output::Transmit(transmit)) => out.transmits.push_back(Transmit {
                    to: transmit.destination,
                    data: transmit.contents.into(),
                }),
                Ok(Output::Event(event)) => self.event(event, now, out),
                Err(_) => {
                    tracing::debug!(session = self.key.0, "connection failed");
                    self.rtc.disconnect();
                    return None;
                }
            }
        }
    }

    fn event(&mut self, event: str0m::Event, now: Instant, out: &mut Effects) {
        match event {
            str0m::Event::Connected => self.connected(out),
            str0m::Event::IceConnectionStateChange(IceConnectionState::Disconnected)
            | str0m::Event::Closed => self.disconnected(out),
            str0m::Event::IceConnectionStateChange(_) if self.rtc.is_connected() => {
                self.connected(out);
            }
            str0m::Event::RtpPacket(packet) => {
                let ssrc = packet.header.ssrc;
                let mut api = self.rtc.direct_api();
                let Some((mid, rid)) = api.stream_rx(&ssrc).map(|rx| (rx.mid(), rx.rid())) else {
                    return;
                };
                let Some(track) = self.tracks.get_mut(&mid) else {
                    return;
                };
                track.received(rid, packet.payload.len(), now);
                let pt = packet.header.payload_type;
                let params = self.rtc.codec_config().find(|params| params.pt() == pt);
                let Some(params) = params.copied() else {
                    track.counters.dropped += 1;
                    return;
                };
                let from = (self.key, mid);
                let rtp = Rtp {
                    number: *packet.seq_no,
                    time: packet.header.timestamp,
                    marker: packet.header.marker,
                    extensions: packet.header.ext_vals,
                    payload: packet.payload,
                    at: packet.timestamp,
                };
                let packet = Packet { from, rid, params, rtp };
                out.work.push_back(Work::Packet(Box::new(packet)));
            }
            str0m::Event::KeyframeRequest(request) => {
                out.work.push_back(Work::Keyframe((self.key, request.mid)));
            }
            str0m::Event::ChannelData(data) => {
                if let Some(id) = self.channels.id(data.id) {
                    let message = Message { is_binary: data.binary, data: data.data };
                    out.events.push_back(Event::Message { session: self.key, id, message });
                }
            }
            str0m::Event::ChannelClose(handle) => self.channels.closed(handle),
            _ => {}
        }
    }

    fn connected(&mut self, out: &mut Effects) {
        if !self.is_connected {
            self.is_connected = true;
            out.events.push_back(Event::Connected(self.key));
        }
    }

    fn disconnected(&mut self, out: &mut Effects) {
        if self.is_connected {
            self.is_connected = false;
            out.events.push_back(Event::Disconnected(self.key));
        }
    }
}

/// Whose connection the agent checks, if the datagram is a check.
pub(super) fn checked_ufrag(data: &[u8]) -> Option<String> {
    // The first two bits tell STUN from everything else on the port (RFC 7983).
    if data.first().is_none_or(|first| *first > 3) {
        return None;
    }
    let message = StunMessage::parse(data).ok()?;
    message.split_username().map(|(local, _)| local.to_owned())
}

/// A connection as every session has it.
fn rtc(candidate: SocketAddr, now: Instant) -> Rtc {
    let mut rtc = RtcConfig::new()
        .set_ice_lite(true)
        .set_rtp_mode(true)
        .clear_codecs()
        .enable_opus(true, false)
        .enable_pcmu(true, false)
        .enable_pcma(true, false)
        .enable_h264(true)
        .enable_vp8(true)
        .enable_vp9(true)
        .enable_av1(true)
        .build(now);
    if let Ok(candidate) = Candidate::host(candidate, Protocol::Udp) {
        rtc.add_local_candidate(candidate);
    }
    // It has not begun; there is nothing to send.
    while let Ok(Output::Event(_) | Output::Transmit(_)) = rtc.poll_output() {}
    rtc
}

fn receive<'a>(
    now: Instant,
    source: SocketAddr,
    destination: SocketAddr,
    data: &'a [u8],
) -> Option<Input<'a>> {
    let receive = Receive::new(Protocol::Udp, source, destination, data).ok()?;
    Some(Input::Receive(now, receive))
}

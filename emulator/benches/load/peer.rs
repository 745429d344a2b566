//! Agent without socket and clock, whose packets carry their sending time. The library's agent has
//! no such packets, and sends at the rate of real media only.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::format::Codec;
use str0m::media::{Direction, MediaKind, Mid};
use str0m::net::{Protocol, Receive};
use str0m::rtp::RtpWrite;
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};

/// Size of a packet's payload: a usual one of video.
pub(crate) const PAYLOAD: usize = 1_000;

/// Beginning of every payload: a VP8 descriptor and a keyframe, so that a subscriber may begin with
/// any packet.
const KEYFRAME: [u8; 11] = [0x10, 0x10, 0, 0, 0x9d, 0x01, 0x2a, 16, 0, 16, 0];

/// Connection of one agent.
pub(crate) struct Peer {
    rtc: Rtc,
    address: SocketAddr,
    pending: Option<SdpPendingOffer>,
    number: u64,
    /// Time of the next tick.
    pub(crate) deadline: Instant,
    pub(crate) is_connected: bool,
    /// Datagrams to send.
    pub(crate) transmits: VecDeque<(SocketAddr, Vec<u8>)>,
    /// Sending times of the packets that have come.
    pub(crate) stamps: Vec<u64>,
}

impl Peer {
    /// Creates an agent that can be reached at an address.
    pub(crate) fn new(address: SocketAddr) -> Self {
        let now = Instant::now();
        let mut rtc = RtcConfig::new().set_rtp_mode(true).build(now);
        rtc.add_local_candidate(Candidate::host(address, Protocol::Udp).unwrap());
        Self {
            rtc,
            address,
            pending: None,
            number: 0,
            deadline: now,
            is_connected: false,
            transmits: VecDeque::new(),
            stamps: Vec::new(),
        }
    }

    /// Offers one video. Returns the offer and its mid.
    pub(crate) fn offer(&mut self) -> (String, Mid) {
        let mut api = self.rtc.sdp_api();
        let mid = api.add_media(MediaKind::Video, Direction::SendOnly, None, None, None);
        let (offer, pending) = api.apply().unwrap();
        self.pending = Some(pending);
        self.drive();
        (offer.to_sdp_string(), mid)
    }

    pub(crate) fn accept_answer(&mut self, sdp: &str) {
        let answer = SdpAnswer::from_sdp_string(sdp).unwrap();
        self.rtc.sdp_api().accept_answer(self.pending.take().unwrap(), answer).unwrap();
        self.drive();
    }

    pub(crate) fn answer(&mut self, sdp: &str) -> String {
        let offer = SdpOffer::from_sdp_string(sdp).unwrap();
        let answer = self.rtc.sdp_api().accept_offer(offer).unwrap();
        self.drive();
        answer.to_sdp_string()
    }

    /// Writes a packet with its sending time.
    pub(crate) fn write(&mut self, mid: Mid, stamp: u64) {
        let params = self.rtc.codec_config().find(|params| params.spec().codec == Codec::Vp8);
        let pt = params.unwrap().pt();
        let mut payload = [KEYFRAME.as_slice(), &stamp.to_be_bytes()].concat();
        payload.resize(PAYLOAD, 0);
        self.number += 1;
        let time = (stamp / 1_000 * 9 / 100) as u32;
        let packet = RtpWrite::new(pt, self.number.into(), time, Instant::now(), payload);
        let mut api = self.rtc.direct_api();
        let stream = api.stream_tx_by_mid(mid, None).unwrap();
        stream.write_rtp(packet.marker(true).nackable(true));
        self.drive();
    }

    pub(crate) fn receive(&mut self, from: SocketAddr, data: &[u8]) {
        let receive = Receive::new(Protocol::Udp, from, self.address, data).unwrap();
        self.rtc.handle_input(Input::Receive(Instant::now(), receive)).unwrap();
        self.drive();
    }

    /// Carries out what is due.
    pub(crate) fn tick(&mut self, now: Instant) {
        if self.deadline <= now {
            self.drive();
        }
    }

    fn drive(&mut self) {
        loop {
            match self.rtc.poll_output().unwrap() {
                Output::Timeout(deadline) => {
                    self.deadline = deadline;
                    let now = Instant::now();
                    if deadline > now {
                        return;
                    }
                    self.rtc.handle_input(Input::Timeout(now)).unwrap();
                }
                Output::Transmit(transmit) => {
                    self.transmits.push_back((transmit.destination, transmit.contents.into()));
                }
                Output::Event(Event::Connected) => self.is_connected = true,
                Output::Event(Event::RtpPacket(packet)) => {
                    let stamp = packet.payload.get(KEYFRAME.len()..KEYFRAME.len() + 8);
                    self.stamps.push(u64::from_be_bytes(stamp.unwrap().try_into().unwrap()));
                }
                Output::Event(_) => {}
            }
        }
    }
}

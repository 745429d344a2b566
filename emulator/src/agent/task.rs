//! Task of an agent.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::format::Codec;
use str0m::media::{
    Direction, KeyframeRequest, KeyframeRequestKind, MediaKind, Mid, Rid, Simulcast, SimulcastLayer,
};
use str0m::net::{Protocol, Receive, Transmit};
use str0m::rtp::{RtpPacket, Vp8Descriptor};
use str0m::{Candidate, Input, Rtc, RtcConfig};
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};

use super::marker::Marker;
use super::stream::Stream;
use super::{AgentError, Change, Command, Received, Source, State};
use crate::media::channels::{Channels, placeholder};
use crate::media::drive::{ConnectionOwner, drive};
use crate::media::{Delivery, Message};

/// Wait if nothing is due.
const IDLE: Duration = Duration::from_secs(1);

/// RTP time that no stream skips: two seconds of video.
const LEAP: i32 = 2 * 90_000;

pub(super) struct Task {
    id: u64,
    address: SocketAddr,
    rtc: Rtc,
    pending: Option<SdpPendingOffer>,
    /// Mids of all sections, and the media that the agent offered to send on them.
    sections: BTreeMap<String, Option<Source>>,
    streams: Vec<Stream>,
    channels: Channels,
    progress: BTreeMap<Mid, Progress>,
    transmits: VecDeque<(SocketAddr, Vec<u8>)>,
    deadline: Instant,
    is_closed: bool,
    state: watch::Sender<State>,
    messages: mpsc::UnboundedSender<(u16, Message)>,
}

/// Place in a received stream.
#[derive(Clone, Copy)]
struct Progress {
    first: u64,
    highest: u64,
    time: u32,
    picture: Option<u16>,
}

impl Task {
    pub(super) fn new(
        id: u64,
        address: SocketAddr,
        state: watch::Sender<State>,
        messages: mpsc::UnboundedSender<(u16, Message)>,
    ) -> Self {
        let now = Instant::now();
        let mut rtc = RtcConfig::new().set_rtp_mode(true).build(now);
        if let Ok(candidate) = Candidate::host(address, Protocol::Udp) {
            rtc.add_local_candidate(candidate);
        }
        let mut task = Self {
            id,
            address,
            rtc,
            pending: None,
            sections: BTreeMap::new(),
            streams: Vec::new(),
            channels: Channels::default(),
            progress: BTreeMap::new(),
            transmits: VecDeque::new(),
            deadline: now,
            is_closed: false,
            state,
            messages,
        };
        task.drive(now);
        task
    }

    /// Runs until it is closed, or until nobody can give commands any more.
    pub(super) async fn run(mut self, socket: UdpSocket, mut commands: mpsc::Receiver<Command>) {
        let mut buffer = vec![0; 2000];
        loop {
            while let Some((to, data)) = self.transmits.pop_front() {
                // A datagram may get lost. Media and signalling that matter are repeated.
                let _ = socket.send_to(&data, to).await;
            }
            if self.is_closed {
                return;
            }
            let now = Instant::now();
            let deadline = self.streams.iter().map(Stream::next).fold(self.deadline, Instant::min);
            tokio::select! {
                command = commands.recv() => {
                    let Some(command) = command else {
                        return;
                    };
                    command(&mut self);
                }
                received = socket.recv_from(&mut buffer) => {
                    if let Ok((length, from)) = received {
                        self.receive(from, &buffer[..length]);
                    }
                }
                () = tokio::time::sleep_until(deadline.min(now + IDLE).into()) => self.tick(),
            }
        }
    }

    pub(super) fn offer(
        &mut self,
        changes: &[Change],
    ) -> Result<(String, Vec<String>), AgentError> {
        let mut mids = Vec::new();
        let mut has_data = false;
        let mut api = self.rtc.sdp_api();
        for change in changes {
            match change {
                Change::Add(source) => {
                    let layers = source.layers();
                    let simulcast = (!layers.is_empty()).then(|| {
                        let mut simulcast = Simulcast::new();
                        for layer in layers {
                            simulcast.add_send_layer(SimulcastLayer::new(layer));
                        }
                        simulcast
                    });
                    let kind = source.codec().kind();
                    let mid = api.add_media(kind, Direction::SendOnly, None, None, simulcast);
                    self.sections.insert(mid.to_string(), Some(*source));
                    mids.push(mid.to_string());
                }
                Change::Receive(kind) => {
                    let mid = api.add_media((*kind).into(), Direction::RecvOnly, None, None, None);
                    self.sections.insert(mid.to_string(), None);
                    mids.push(mid.to_string());
                }
                Change::Stop(mid) => api.stop_media(Mid::from(mid.as_str())),
                Change::Deactivate(mid) => {
                    api.set_direction(Mid::from(mid.as_str()), Direction::Inactive);
                }
                Change::Data => {
                    has_data = true;
                    api.add_channel_with_config(placeholder());
                }
            }
        }
        let applied = api.apply();
        self.drive(Instant::now());
        let (offer, pending) = applied.ok_or(AgentError::NothingToOffer)?;
        let offer = offer.to_sdp_string();
        if has_data {
            mids.extend(last_mid(&offer));
        }
        self.pending = Some(pending);
        Ok((offer, mids))
    }

    pub(super) fn accept_answer(&mut self, sdp: &str) -> Result<(), AgentError> {
        let pending = self.pending.take().ok_or(AgentError::BadDescription)?;
        let answer = SdpAnswer::from_sdp_string(sdp).map_err(|_| AgentError::BadDescription)?;
        let accepted = self.rtc.sdp_api().accept_answer(pending, answer);
        self.drive(Instant::now());
        accepted.map_err(|_| AgentError::BadDescription)?;
        self.negotiated(sdp);
        Ok(())
    }

    pub(super) fn answer(&mut self, sdp: &str) -> Result<String, AgentError> {
        let offer = SdpOffer::from_sdp_string(sdp).map_err(|_| AgentError::BadDescription)?;
        let answer = self.rtc.sdp_api().accept_offer(offer);
        self.drive(Instant::now());
        let answer = answer.map_err(|_| AgentError::BadDescription)?.to_sdp_string();
        self.negotiated(sdp);
        Ok(answer)
    }

    pub(super) fn request_keyframe(&mut self, mid: &str) {
        let mut api = self.rtc.direct_api();
        if let Some(stream) = api.stream_rx_by_mid(Mid::from(mid), None) {
            stream.request_keyframe(KeyframeRequestKind::Pli);
        }
        self.drive(Instant::now());
    }

    pub(super) fn set_paused(&mut self, mid: &str, layer: Option<&str>, is_paused: bool) {
        for stream in &mut self.streams {
            let is_layer = layer.is_none() || stream.rid.as_deref() == layer;
            if *stream.mid == *mid && is_layer {
                stream.is_paused = is_paused;
            }
        }
    }

    pub(super) fn open_channel(&mut self, id: u16, delivery: Delivery) {
        self.channels.open(id, "", delivery);
        self.drive(Instant::now());
    }

    pub(super) fn send(&mut self, id: u16, message: Message) {
        self.channels.send(id, message);
        self.drive(Instant::now());
    }

    pub(super) fn close(&mut self) {
        let _ = self.rtc.close();
        self.drive(Instant::now());
        self.is_closed = true;
    }

    fn receive(&mut self, from: SocketAddr, data: &[u8]) {
        let now = Instant::now();
        if let Ok(receive) = Receive::new(Protocol::Udp, from, self.address, data) {
            let input = Input::Receive(now, receive);
            if self.rtc.accepts(&input) {
                let _ = self.rtc.handle_input(input);
                self.drive(now);
            }
        }
    }

    fn tick(&mut self) {
        let now = Instant::now();
        let _ = self.rtc.handle_input(Input::Timeout(now));
        self.drive(now);
        for index in 0..self.streams.len() {
            while self.streams[index].next() <= now {
                self.streams[index].send(self.id, &mut self.rtc, now);
                self.drive(now);
            }
        }
    }

    /// Sends on all sections that the answer allows.
    fn negotiated(&mut self, sdp: &str) {
        let now = Instant::now();
        for mid in sdp.lines().filter_map(|line| line.strip_prefix("a=mid:")) {
            self.sections.entry(mid.trim().to_owned()).or_default();
        }
        if sdp.lines().any(|line| line.starts_with("m=application")) {
            self.channels.transport();
        }
        let mut streams = Vec::new();
        for (mid, source) in &self.sections {
            let mid = Mid::from(mid.as_str());
            let Some(media) = self.rtc.media(mid).filter(|media| media.direction().is_sending())
            else {
                continue;
            };
            let source = source.unwrap_or(match media.kind() {
                MediaKind::Audio => Source::Audio,
                MediaKind::Video => Source::Video,
            });
            let mut rids: Vec<_> =
                source.layers().iter().map(|rid| Some(Rid::from(*rid))).collect();
            if rids.is_empty() {
                rids.push(None);
            }
            for rid in rids {
                let is_old = |old: &&mut Stream| old.mid == mid && old.rid == rid;
                let old = self.streams.iter_mut().find(is_old);
                let new = || Stream::new(mid, rid, source, now);
                streams.push(old.map_or_else(new, |old| std::mem::replace(old, new())));
            }
        }
        self.streams = streams;
        // Connectivity checks begin with this, not with the change itself.
        let _ = self.rtc.handle_input(Input::Timeout(now));
        self.drive(now);
    }

    /// Follows every change of `rtc` before the next one.
    fn drive(&mut self, now: Instant) {
        self.deadline = drive(self, now).unwrap_or(now + IDLE);
    }
}

impl ConnectionOwner for Task {
    fn connection(&mut self) -> (&mut Rtc, &mut Channels) {
        (&mut self.rtc, &mut self.channels)
    }

    fn transmit(&mut self, transmit: Transmit) {
        self.transmits.push_back((transmit.destination, transmit.contents.into()));
    }

    fn connected(&mut self, is_connected: bool) {
        self.state.send_if_modified(|state| {
            std::mem::replace(&mut state.is_connected, is_connected) != is_connected
        });
    }

    fn keyframe_requested(&mut self, request: KeyframeRequest) {
        for stream in &mut self.streams {
            if stream.mid == request.mid && stream.rid == request.rid {
                stream.want_keyframe();
            }
        }
        self.state.send_modify(|state| state.keyframe_requests += 1);
    }

    fn message(&mut self, id: u16, message: Message) {
        // Without a receiver the message is dropped.
        let _ = self.messages.send((id, message));
    }

    fn packet(&mut self, packet: RtpPacket) {
        let mut api = self.rtc.direct_api();
        let Some(mid) = api.stream_rx(&packet.header.ssrc).map(|stream| stream.mid()) else {
            return;
        };
        let pt = packet.header.payload_type;
        let params = self.rtc.codec_config().find(|params| params.pt() == pt);
        let is_vp8 = params.is_some_and(|params| params.spec().codec == Codec::Vp8);
        let descriptor = is_vp8.then(|| Vp8Descriptor::parse(&packet.payload).ok()).flatten();
        let picture = descriptor.and_then(|descriptor| descriptor.picture_id());
        let is_keyframe =
            descriptor.is_some_and(|descriptor| descriptor.starts_keyframe(&packet.payload));

        let number = *packet.seq_no;
        let time = packet.header.timestamp;
        let start = Progress { first: number, highest: number, time, picture };
        let progress = self.progress.entry(mid).or_insert(start);
        let is_newer = number > progress.highest;
        let step = time.wrapping_sub(progress.time).cast_signed();
        let is_leap = is_newer && !(0..=LEAP).contains(&step);
        let is_picture_gap = is_newer
            && picture
                .zip(progress.picture)
                .is_some_and(|(new, old)| new.wrapping_sub(old) & 0x7fff > 1);
        if is_newer {
            *progress = Progress { first: progress.first, highest: number, time, picture };
        }
        let expected = progress.highest - progress.first + 1;

        let marker = Marker::read(&packet.payload);
        self.state.send_modify(|state| {
            let received: &mut Received = state.received.entry(mid.to_string()).or_default();
            received.packets += 1;
            received.bytes += packet.payload.len() as u64;
            received.keyframes += u64::from(is_keyframe);
            received.leaps += u64::from(is_leap);
            received.picture_gaps += u64::from(is_picture_gap);
            received.gaps = expected.saturating_sub(received.packets);
            let origin = |marker: &Option<Marker>| {
                marker
                    .as_ref()
                    .map(|marker| (marker.agent, marker.mid.clone(), marker.layer.clone()))
            };
            let is_switch = origin(&received.marker) != origin(&marker);
            received.blind_switches += u64::from(is_switch && is_vp8 && !is_keyframe);
            received.marker = marker;
        });
    }
}

/// Returns the mid of the last section.
fn last_mid(sdp: &str) -> Option<String> {
    sdp.lines().filter_map(|line| line.strip_prefix("a=mid:")).next_back().map(str::to_owned)
}

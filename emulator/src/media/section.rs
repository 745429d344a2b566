//! Media section of one session.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use str0m::format::{Codec, PayloadParams};
use str0m::media::{Pt, Rid};

use super::Kind;

/// Least time between two requests for a keyframe of a layer. Each keyframe costs as much as many
/// other frames, and several subscribers ask for the same.
const REQUEST_INTERVAL: Duration = Duration::from_millis(300);

/// Time without a packet after which a layer counts as not sent.
const ABSENCE: Duration = Duration::from_secs(1);

/// A media section.
pub(super) struct Track {
    pub(super) kind: Kind,
    /// Layers that the agent has announced, best first as listed.
    pub(super) rids: Vec<Rid>,
    pub(super) counters: Counters,
    pub(super) last_packet: Option<Instant>,
    /// Codec of the last packet.
    pub(super) codec: Option<Codec>,
    /// The agent's payload type for the codec of the last packet that it was sent, as found since
    /// the last description.
    pub(super) payload_type: Option<(PayloadParams, Option<Pt>)>,
    first_packet: Option<Instant>,
    layers: HashMap<Option<Rid>, Layer>,
}

/// Stream of a section.
#[derive(Default)]
struct Layer {
    last_packet: Option<Instant>,
    last_request: Option<Instant>,
    /// True if a keyframe was asked for too soon.
    is_requested: bool,
}

/// Counts of the packets that have passed through a media section.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Packets that the agent sent, without retransmissions.
    pub packets_in: u64,
    /// Bytes of their payloads.
    pub bytes_in: u64,
    /// Packets that the agent was sent, without retransmissions.
    pub packets_out: u64,
    /// Bytes of their payloads.
    pub bytes_out: u64,
    /// Packets in or out that could not be forwarded: of a codec that the other side does not know,
    /// too large, or too late.
    pub dropped: u64,
    /// Keyframes that the agent was asked for.
    pub keyframe_requests: u64,
    /// Codec of the last packet that the agent sent, named as in `a=rtpmap` (RFC 8866 section 6.6).
    /// None before the first.
    pub codec_in: Option<&'static str>,
    /// Codec of the last packet that the agent was sent. None before the first.
    pub codec_out: Option<&'static str>,
}

impl Track {
    pub(super) fn new(kind: Kind) -> Self {
        Self {
            kind,
            rids: Vec::new(),
            counters: Counters::default(),
            last_packet: None,
            codec: None,
            payload_type: None,
            first_packet: None,
            layers: HashMap::new(),
        }
    }

    /// Counts a packet. Returns whether it is the first one, or the first after a pause.
    pub(super) fn received(&mut self, rid: Option<Rid>, bytes: usize, now: Instant) -> bool {
        let begins = self.last_packet.is_none_or(|last| now.duration_since(last) > ABSENCE);
        self.counters.packets_in += 1;
        self.counters.bytes_in += bytes as u64;
        self.first_packet.get_or_insert(now);
        self.last_packet = Some(now);
        self.layers.entry(rid).or_default().last_packet = Some(now);
        begins
    }

    /// Returns whether a keyframe may be asked for now. A request that comes too soon is
    /// remembered.
    pub(super) fn may_request(&mut self, rid: Option<Rid>, now: Instant) -> bool {
        let layer = self.layers.entry(rid).or_default();
        layer.is_requested = true;
        layer.may_request(now)
    }

    /// Notes that a keyframe has been asked for.
    pub(super) fn requested(&mut self, rid: Option<Rid>, now: Instant) {
        self.counters.keyframe_requests += 1;
        let layer = self.layers.entry(rid).or_default();
        layer.last_request = Some(now);
        layer.is_requested = false;
    }

    /// Returns whether a delayed request may be made now.
    pub(super) fn owes_request(&self, rid: Option<Rid>, now: Instant) -> bool {
        self.layers.get(&rid).is_some_and(|layer| layer.is_requested && layer.may_request(now))
    }

    /// Returns whether a layer is being sent. A layer that has not begun has some time from the
    /// section's first packet on.
    pub(super) fn is_sent(&self, rid: Rid, now: Instant) -> bool {
        let last = self.layers.get(&Some(rid)).and_then(|layer| layer.last_packet);
        last.or(self.first_packet).is_none_or(|last| now.duration_since(last) <= ABSENCE)
    }
}

impl Layer {
    fn may_request(&self, now: Instant) -> bool {
        self.last_request.is_none_or(|last| now.duration_since(last) >= REQUEST_INTERVAL)
    }
}

/// Returns the name of a codec that the SFU forwards, as `a=rtpmap` has it.
pub(super) fn codec_name(codec: Codec) -> Option<&'static str> {
    Some(match codec {
        Codec::Opus => "opus",
        Codec::PCMU => "PCMU",
        Codec::PCMA => "PCMA",
        Codec::H264 => "H264",
        Codec::H265 => "H265",
        Codec::Vp8 => "VP8",
        Codec::Vp9 => "VP9",
        Codec::Av1 => "AV1",
        _ => return None,
    })
}

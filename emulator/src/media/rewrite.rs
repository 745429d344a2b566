//! Numbers and times that continue when the source changes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use str0m::format::Codec;
use str0m::rtp::{ExtensionValues, Vp8Descriptor, Vp8Patch};

/// First number of a subscription. A receiver cannot know how often numbers have wrapped, so they
/// begin small. They do not begin with 0, so that a late packet has a number, too.
const FIRST_NUMBER: u64 = 1000;

/// The least time between the last packet of the old source and the first of the new one.
const LEAST_STEP: Duration = Duration::from_millis(10);

/// Packet of a source.
pub(super) struct Rtp {
    /// Sequence number, with the wraps.
    pub(super) number: u64,
    pub(super) time: u32,
    pub(super) marker: bool,
    pub(super) extensions: ExtensionValues,
    pub(super) payload: Arc<[u8]>,
    /// Time of its arrival.
    pub(super) at: Instant,
}

/// Rewriter of one subscription's packets, whatever their source.
#[derive(Default)]
pub(super) struct Rewriter {
    /// The highest packet that has been written.
    last: Option<Last>,
    source: Option<Source>,
}

struct Last {
    number: u64,
    time: u32,
    at: Instant,
    pictures: Pictures,
}

/// Offsets that are added to the numbers of the current source. All of them wrap.
struct Source {
    /// The first number that the subscriber can use.
    first: u64,
    number: u64,
    time: u32,
    /// None as long as there was no other source.
    pictures: Option<Pictures>,
}

/// Counters of a VP8 descriptor.
#[derive(Clone, Copy, Default)]
struct Pictures {
    id: u16,
    base_layer: u8,
    keyframe: u8,
}

/// Numbers of a packet for the subscriber.
pub(super) struct New {
    pub(super) number: u64,
    pub(super) time: u32,
    pub(super) patch: Option<Vp8Patch>,
}

impl Rewriter {
    /// Begins a source with this packet.
    pub(super) fn switch(&mut self, packet: &Rtp, codec: Codec, clock_rate: u32, now: Instant) {
        let first = packet.number;
        let (number, time, pictures) = match &self.last {
            None => (FIRST_NUMBER, packet.time, None),
            Some(last) => {
                let pause = now.duration_since(last.at).max(LEAST_STEP);
                let ticks = pause.as_micros() * u128::from(clock_rate) / 1_000_000;
                let pictures = descriptor(packet, codec).map(|descriptor| {
                    let (now, last) = (Pictures::of(&descriptor), last.pictures);
                    Pictures {
                        id: last.id.wrapping_add(1).wrapping_sub(now.id),
                        base_layer: last.base_layer.wrapping_add(1).wrapping_sub(now.base_layer),
                        keyframe: last.keyframe.wrapping_add(1).wrapping_sub(now.keyframe),
                    }
                });
                // The time wraps after hours without a packet, as RTP's time does anyway.
                (last.number + 1, last.time.wrapping_add(ticks as u32), pictures)
            }
        };
        self.source = Some(Source {
            first,
            number: number.wrapping_sub(first),
            time: time.wrapping_sub(packet.time),
            pictures,
        });
    }

    /// Rewrites a packet. Returns None if it belongs before the switch to its source.
    pub(super) fn rewrite(&mut self, packet: &Rtp, codec: Codec, now: Instant) -> Option<New> {
        let source = self.source.as_ref()?;
        if packet.number < source.first {
            return None;
        }
        let number = packet.number.wrapping_add(source.number);
        let time = packet.time.wrapping_add(source.time);
        let mut pictures = None;
        let mut patch = None;
        if let Some(descriptor) = descriptor(packet, codec) {
            let offset = source.pictures.unwrap_or_default();
            let new = Pictures::of(&descriptor).plus(offset);
            if source.pictures.is_some() {
                patch = new.patch(&descriptor);
            }
            pictures = Some(new);
        }
        if self.last.as_ref().is_none_or(|last| last.number < number) {
            let before = self.last.as_ref().map(|last| last.pictures).unwrap_or_default();
            let pictures = pictures.unwrap_or(before);
            self.last = Some(Last { number, time, at: now, pictures });
        }
        Some(New { number, time, patch })
    }
}

impl Pictures {
    fn of(descriptor: &Vp8Descriptor) -> Self {
        Self {
            id: descriptor.picture_id().unwrap_or_default(),
            base_layer: descriptor.tl0_pic_idx().unwrap_or_default(),
            keyframe: descriptor.key_idx().unwrap_or_default(),
        }
    }

    fn plus(self, offset: Self) -> Self {
        Self {
            id: self.id.wrapping_add(offset.id) & 0x7fff,
            base_layer: self.base_layer.wrapping_add(offset.base_layer),
            keyframe: self.keyframe.wrapping_add(offset.keyframe) & 0x1f,
        }
    }

    /// Returns the changes for which the descriptor has room.
    fn patch(self, descriptor: &Vp8Descriptor) -> Option<Vp8Patch> {
        let mut patch = descriptor.patch();
        if descriptor.tl0_pic_idx().is_some() {
            patch = patch.tl0_pic_idx(self.base_layer);
        }
        if descriptor.key_idx().is_some() {
            patch = patch.key_idx(self.keyframe);
        }
        if descriptor.picture_id().is_none() {
            return patch.build().ok();
        }
        let long = patch.picture_id(self.id).build();
        long.or_else(|_| patch.picture_id(self.id & 0x7f).build()).ok()
    }
}

fn descriptor(packet: &Rtp, codec: Codec) -> Option<Vp8Descriptor> {
    (codec == Codec::Vp8).then(|| Vp8Descriptor::parse(&packet.payload).ok()).flatten()
}

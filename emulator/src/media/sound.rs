//! Packets that adapters take from sections or bring to them.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use str0m::format::Codec;
use str0m::media::Rid;

use super::SessionKey;
use super::forward::{Packet, Slot};

/// A packet of Opus or VP8.
#[derive(Clone)]
#[cfg_attr(not(feature = "adapters"), expect(dead_code, reason = "only adapters take it"))]
pub(crate) struct Heard {
    /// Sequence number, with the wraps.
    pub(crate) number: u64,
    /// Presentation time, in ticks of its codec.
    pub(crate) time: u32,
    /// True for the last packet of a picture.
    pub(crate) is_last: bool,
    /// Layer of the packet.
    pub(crate) layer: Option<Rid>,
    pub(crate) payload: Arc<[u8]>,
}

#[cfg(feature = "adapters")]
impl Heard {
    /// Creates an Opus packet.
    pub(crate) fn sound(number: u64, time: u32, payload: Arc<[u8]>) -> Self {
        Self { number, time, is_last: false, layer: None, payload }
    }
}

/// Sections that are listened to.
#[derive(Default)]
pub(super) struct Taps {
    open: HashSet<Slot>,
    heard: VecDeque<(Slot, Heard)>,
}

impl Taps {
    #[cfg(feature = "adapters")]
    pub(super) fn open(&mut self, from: Slot) {
        self.open.insert(from);
    }

    #[cfg(feature = "adapters")]
    pub(super) fn close(&mut self, from: Slot) {
        self.open.remove(&from);
        self.heard.retain(|(slot, _)| *slot != from);
    }

    /// Forgets all sections of one session.
    pub(super) fn forget(&mut self, session: SessionKey) {
        self.open.retain(|slot| slot.0 != session);
        self.heard.retain(|(slot, _)| slot.0 != session);
    }

    /// Keeps a packet if its section is listened to and adapters can use it.
    pub(super) fn hear(&mut self, packet: &Packet) {
        let is_of_use = matches!(packet.params.spec().codec, Codec::Opus | Codec::Vp8);
        if is_of_use && self.open.contains(&packet.from) {
            let rtp = &packet.rtp;
            let heard = Heard {
                number: rtp.number,
                time: rtp.time,
                is_last: rtp.marker,
                layer: packet.rid,
                payload: rtp.payload.clone(),
            };
            self.heard.push_back((packet.from, heard));
        }
    }

    #[cfg(feature = "adapters")]
    pub(super) fn poll(&mut self) -> Option<(Slot, Heard)> {
        self.heard.pop_front()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty() && self.heard.is_empty()
    }
}

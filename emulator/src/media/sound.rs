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
    /// Its sequence number, with the wraps.
    pub(crate) number: u64,
    /// When it is to be heard or seen, in ticks of its codec.
    pub(crate) time: u32,
    /// It is the last one of a picture.
    pub(crate) is_last: bool,
    /// The layer that it is of.
    pub(crate) layer: Option<Rid>,
    pub(crate) payload: Arc<[u8]>,
}

#[cfg(feature = "adapters")]
impl Heard {
    /// An Opus packet.
    pub(crate) fn sound(number: u64, time: u32, payload: Arc<[u8]>) -> Self {
        Self { number, time, is_last: false, layer: None, payload }
    }
}

/// The sections that are listened to.
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

    /// Forgets all of one session.
    pub(super) fn forget(&mut self, session: SessionKey) {
        self.open.retain(|slot| slot.0 != session);
        self.heard.retain(|(slot, _)| slot.0 != session);
    }

    /// Keeps a packet if its section is listened to and it is of use.
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

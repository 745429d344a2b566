//! Sound that adapters take from sections or bring to them.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use str0m::format::Codec;

use super::SessionKey;
use super::forward::{Packet, Slot};

/// An Opus packet.
#[derive(Clone)]
#[cfg_attr(not(feature = "adapters"), expect(dead_code, reason = "only adapters take it"))]
pub(crate) struct Sound {
    /// Its sequence number, with the wraps.
    pub(crate) number: u64,
    /// When it is to be heard, in samples of 48 kHz.
    pub(crate) time: u32,
    pub(crate) payload: Arc<[u8]>,
}

/// The sections that are listened to.
#[derive(Default)]
pub(super) struct Taps {
    open: HashSet<Slot>,
    heard: VecDeque<(Slot, Sound)>,
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

    /// Keeps a packet if its section is listened to and it is Opus.
    pub(super) fn hear(&mut self, packet: &Packet) {
        if packet.params.spec().codec == Codec::Opus && self.open.contains(&packet.from) {
            let rtp = &packet.rtp;
            let sound = Sound { number: rtp.number, time: rtp.time, payload: rtp.payload.clone() };
            self.heard.push_back((packet.from, sound));
        }
    }

    #[cfg(feature = "adapters")]
    pub(super) fn poll(&mut self) -> Option<(Slot, Sound)> {
        self.heard.pop_front()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty() && self.heard.is_empty()
    }
}

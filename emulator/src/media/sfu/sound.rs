//! Packets to and from adapters.

use std::time::Instant;

use super::super::{Heard, Place};
use super::Sfu;
use super::operations::slot;

impl Sfu {
    /// Hands out the packets of this section from now on.
    pub(crate) fn listen(&mut self, from: &Place) {
        let from = slot(from);
        if self.peers.contains_key(&from.0) {
            self.taps.open(from);
        }
    }

    /// Stops handing out the packets of this section.
    pub(crate) fn unlisten(&mut self, from: &Place) {
        self.taps.close(slot(from));
    }

    /// Asks the publisher of a section for a keyframe of its first layer.
    pub(crate) fn want_keyframe(&mut self, from: &Place) {
        let (session, mid) = slot(from);
        let now = self.now;
        self.with(session, |peer, effects| {
            let rid = peer.tracks.get(&mid).and_then(|track| track.rids.first()).copied();
            peer.request_keyframe(mid, rid, now, effects);
        });
    }

    /// Returns the next packet of the sections that are listened to.
    pub(crate) fn poll_sound(&mut self) -> Option<(Place, Heard)> {
        let ((session, mid), sound) = self.taps.poll()?;
        Some((Place { session, mid: mid.to_string() }, sound))
    }

    /// Takes a packet as if an agent had sent it on this section. The section need not have been
    /// negotiated.
    pub(crate) fn say(&mut self, now: Instant, to: &Place, sound: Heard) {
        self.advance(now);
        let now = self.now;
        let (session, mid) = slot(to);
        self.with(session, |peer, effects| peer.say(mid, sound, now, effects));
    }
}

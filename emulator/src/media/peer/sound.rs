//! Packets that adapters send.

use std::time::Instant;

use str0m::format::Codec;
use str0m::media::Mid;
use str0m::rtp::ExtensionValues;

use super::super::forward::Packet;
use super::super::rewrite::Rtp;
use super::super::section::Track;
use super::super::{Heard, Kind};
use super::{Effects, Peer, Work};

impl Peer {
    /// Takes a packet as if it had come on a section.
    pub(in crate::media) fn say(
        &mut self,
        mid: Mid,
        sound: Heard,
        now: Instant,
        out: &mut Effects,
    ) {
        let codecs = self.rtc.codec_config();
        let params = codecs.find(|params| params.spec().codec == Codec::Opus).copied();
        let Some(params) = params else { return };
        let track = self.tracks.entry(mid).or_insert_with(|| Track::new(Kind::Audio));
        track.received(None, sound.payload.len(), now);
        let rtp = Rtp {
            number: sound.number,
            time: sound.time,
            marker: false,
            extensions: ExtensionValues::default(),
            payload: sound.payload,
            at: now,
        };
        let packet = Packet { from: (self.key, mid), rid: None, params, rtp };
        out.work.push_back(Work::Packet(Box::new(packet)));
    }
}

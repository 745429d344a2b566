//! Subscriptions, and the rewriting of their packets.

use std::collections::HashMap;
use std::time::Instant;

use str0m::format::{Codec, PayloadParams};
use str0m::media::{Mid, Pt, Rid};
use str0m::rtp::{ExtensionValues, RtpWrite};

use super::rewrite::{Rewriter, Rtp};
use super::section::Track;
use super::{Kind, Layers, SessionKey};

/// Media section of a session.
pub(super) type Slot = (SessionKey, Mid);

/// The largest payload that is forwarded, in bytes. str0m writes packets of up to 2000 bytes with
/// header and authentication. Packets on a network are much smaller.
const LARGEST_PAYLOAD: usize = 1700;

/// A packet of a publisher.
pub(super) struct Packet {
    pub(super) from: Slot,
    pub(super) rid: Option<Rid>,
    pub(super) params: PayloadParams,
    pub(super) rtp: Rtp,
}

/// All subscriptions.
#[derive(Default)]
pub(super) struct Router {
    subscriptions: HashMap<Slot, Subscription>,
    /// Subscribers of each section, in the order in which they came.
    subscribers: HashMap<Slot, Vec<Slot>>,
}

/// Subscription of one section.
struct Subscription {
    from: Slot,
    layers: Layers,
    /// The stream that is forwarded. None before its first packet.
    current: Option<Option<Rid>>,
    rewriter: Rewriter,
}

/// Decision on a packet for one subscriber.
pub(super) enum Verdict {
    /// The packet is forwarded.
    Write(Box<RtpWrite>),
    /// The packet is of a layer that the subscriber does not receive.
    Ignore,
    /// The subscriber waits for a keyframe of this stream.
    Wait(Option<Rid>),
    /// The packet cannot be forwarded.
    Drop,
}

impl Router {
    /// Forwards the packets of `from` to `to` from now on. Their numbers and times continue those
    /// that `to` received before.
    pub(super) fn forward(&mut self, from: Slot, to: Slot, layers: Layers) {
        let mut rewriter = Rewriter::default();
        if let Some(old) = self.subscriptions.get_mut(&to) {
            if old.from == from {
                old.layers = layers;
                return;
            }
            rewriter = std::mem::take(&mut old.rewriter);
        }
        self.stop(to);
        self.subscribers.entry(from).or_default().push(to);
        self.subscriptions.insert(to, Subscription { from, layers, current: None, rewriter });
    }

    /// Ends the subscription of `to`.
    pub(super) fn stop(&mut self, to: Slot) {
        let Some(old) = self.subscriptions.remove(&to) else {
            return;
        };
        if let Some(subscribers) = self.subscribers.get_mut(&old.from) {
            subscribers.retain(|subscriber| *subscriber != to);
            if subscribers.is_empty() {
                self.subscribers.remove(&old.from);
            }
        }
    }

    /// Forgets all sections of one session for which `is_gone` holds, as source and as target.
    pub(super) fn forget(&mut self, is_gone: impl Fn(&Slot) -> bool) {
        let gone: Vec<Slot> = self
            .subscriptions
            .iter()
            .filter(|(to, subscription)| is_gone(to) || is_gone(&subscription.from))
            .map(|(to, _)| *to)
            .collect();
        for to in gone {
            self.stop(to);
        }
    }

    /// Returns the subscribers of a section.
    pub(super) fn subscribers(&self, from: Slot) -> Vec<Slot> {
        self.subscribers.get(&from).cloned().unwrap_or_default()
    }

    /// Returns the source of a subscription: the publisher's section and the stream, which `choose`
    /// picks before the first packet.
    pub(super) fn source(
        &self,
        to: Slot,
        choose: impl Fn(Slot, &Layers) -> Option<Wanted>,
    ) -> Option<(Slot, Wanted)> {
        let subscription = self.subscriptions.get(&to)?;
        let from = subscription.from;
        let chosen = choose(from, &subscription.layers)?;
        Some((from, subscription.current.map_or(chosen, Wanted)))
    }

    /// Returns whether there is no subscription.
    pub(super) fn is_empty(&self) -> bool {
        self.subscriptions.is_empty() && self.subscribers.is_empty()
    }

    /// Judges a packet for one subscriber. `pt` is the subscriber's payload type
    /// for its codec.
    pub(super) fn judge(
        &mut self,
        to: Slot,
        packet: &Packet,
        track: &Track,
        pt: Option<Pt>,
        now: Instant,
    ) -> Verdict {
        let Some(subscription) = self.subscriptions.get_mut(&to) else {
            return Verdict::Ignore;
        };
        let wanted = wanted(&subscription.layers, track, now).0;
        let is_current = subscription.current == Some(packet.rid);
        if !is_current && packet.rid != wanted {
            return Verdict::Ignore;
        }
        let Some(pt) = pt else {
            return Verdict::Drop;
        };
        let rtp = &packet.rtp;
        if rtp.payload.len() > LARGEST_PAYLOAD {
            return Verdict::Drop;
        }

        let codec = packet.params.spec().codec;
        let clock_rate = packet.params.spec().clock_rate.get();
        let rewriter = &mut subscription.rewriter;
        if !is_current {
            let is_start = track.kind == Kind::Audio || starts_keyframe(codec, &rtp.payload);
            if !is_start {
                return Verdict::Wait(wanted);
            }
            subscription.current = Some(packet.rid);
            rewriter.switch(rtp, codec, clock_rate, now);
        }
        let Some(new) = rewriter.rewrite(rtp, codec, now) else {
            return Verdict::Drop;
        };

        let mut write = RtpWrite::new(pt, new.number.into(), new.time, rtp.at, rtp.payload.clone())
            .marker(rtp.marker)
            .ext_vals(extensions(&rtp.extensions))
            .nackable(track.kind == Kind::Video);
        if let Some(patch) = new.patch {
            write = write.vp8_patch(patch);
        }
        Verdict::Write(Box::new(write))
    }
}

/// The stream that a subscriber should receive.
pub(super) struct Wanted(pub(super) Option<Rid>);

/// Chooses among a publisher's streams.
///
/// Chooses the preferred layer, or without a preference the first listed. While that layer is not
/// sent, another one is chosen if the subscriber wants that: the next in alphabetical order that is
/// sent, and after the last the first. Bandwidth is not estimated, so
/// [`Layers::falls_back_for_bandwidth`] changes nothing.
pub(super) fn wanted(layers: &Layers, track: &Track, now: Instant) -> Wanted {
    let preferred = layers.preferred.as_deref().map(Rid::from);
    let known = |rid: &Rid| track.rids.contains(rid);
    let first = match preferred {
        _ if track.rids.is_empty() => return Wanted(None),
        Some(rid) => rid,
        None => track.rids[0],
    };
    let may_fall_back = layers.falls_back_if_absent || preferred.is_none();
    if !may_fall_back || known(&first) && track.is_sent(first, now) {
        return Wanted(Some(first));
    }
    let mut rids: Vec<&Rid> = track.rids.iter().collect();
    rids.sort_by(|a, b| a.as_bytes().cmp(b.as_bytes()));
    let next = rids.partition_point(|rid| rid.as_bytes() <= first.as_bytes());
    rids.rotate_left(next);
    Wanted(Some(rids.into_iter().copied().find(|rid| track.is_sent(*rid, now)).unwrap_or(first)))
}

/// Returns the header extensions that hold for the next leg as well. str0m writes the others.
fn extensions(values: &ExtensionValues) -> ExtensionValues {
    let mut values = values.clone();
    values.mid = None;
    values.rid = None;
    values.rid_repair = None;
    values.abs_send_time = None;
    values.transport_cc = None;
    values
}

/// Returns whether a packet begins a picture that needs no other one. Every packet of an unknown
/// codec does.
fn starts_keyframe(codec: Codec, payload: &[u8]) -> bool {
    let byte = |at: usize| payload.get(at).copied().unwrap_or_default();
    match codec {
        Codec::Vp8 => str0m::rtp::Vp8Descriptor::parse(payload)
            .is_ok_and(|descriptor| descriptor.starts_keyframe(payload)),
        // The packet begins a frame that is not predicted from others (RFC 9628).
        Codec::Vp9 => byte(0) & 0x48 == 0x08,
        // The packet begins a coded video sequence.
        Codec::Av1 => byte(0) & 0x08 != 0,
        Codec::H264 => match byte(0) & 0x1f {
            // Parameter set or a whole IDR slice.
            5 | 7 => true,
            // Several units. Encoders put a parameter set first.
            24 => matches!(byte(3) & 0x1f, 5 | 7),
            // Fragment of a unit: the first of an IDR slice.
            28 => byte(1) & 0x9f == 0x85,
            _ => false,
        },
        Codec::H265 => match byte(0) >> 1 & 0x3f {
            // Picture without predecessors, or parameter set (RFC 7798 section 1.1.4).
            16..=21 | 32..=34 => true,
            // Several units.
            48 => matches!(byte(4) >> 1 & 0x3f, 16..=21 | 32..=34),
            // Fragment of a unit: the first.
            49 => byte(2) & 0x80 != 0 && matches!(byte(2) & 0x3f, 16..=21),
            _ => false,
        },
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn rid(wanted: &Wanted) -> &str {
        wanted.0.as_ref().unwrap()
    }

    #[test]
    fn an_absent_layer_is_replaced_by_the_next_in_the_alphabet() {
        let start = Instant::now();
        let mut track = Track::new(Kind::Video);
        track.rids = ["b", "a", "c"].map(Rid::from).to_vec();
        let preferring = |rid: &str, falls_back_if_absent| Layers {
            preferred: Some(rid.to_owned()),
            falls_back_for_bandwidth: false,
            falls_back_if_absent,
        };
        let b = preferring("b", true);
        assert_eq!(rid(&wanted(&Layers::default(), &track, start)), "b");

        track.received(Some("a".into()), 1, start);
        track.received(Some("c".into()), 1, start);
        assert_eq!(rid(&wanted(&b, &track, start)), "b", "it may be about to begin");
        let later = start + Duration::from_millis(1500);
        track.received(Some("a".into()), 1, later);
        assert_eq!(rid(&wanted(&b, &track, later)), "a", "c is not sent any more");
        track.received(Some("c".into()), 1, later);
        assert_eq!(rid(&wanted(&b, &track, later)), "c");
        assert_eq!(rid(&wanted(&preferring("b", false), &track, later)), "b");
        track.received(Some("b".into()), 1, later);
        assert_eq!(rid(&wanted(&b, &track, later)), "b", "it is back");
    }

    #[test]
    fn keyframes_are_told_from_other_packets() {
        assert!(starts_keyframe(Codec::Vp8, &[0x10, 0x10, 0, 0]));
        assert!(!starts_keyframe(Codec::Vp8, &[0x10, 0x11, 0, 0]));
        assert!(starts_keyframe(Codec::H264, &[0x78, 0, 9, 0x67]));
        assert!(starts_keyframe(Codec::H264, &[0x7c, 0x85]));
        assert!(!starts_keyframe(Codec::H264, &[0x7c, 0x05]), "a later part");
        assert!(!starts_keyframe(Codec::H264, &[0x61]));
        assert!(starts_keyframe(Codec::Vp9, &[0x08]));
        assert!(!starts_keyframe(Codec::Vp9, &[0x48]));
        assert!(starts_keyframe(Codec::Av1, &[0x18]));
        assert!(starts_keyframe(Codec::H265, &[0x40, 1]), "a parameter set");
        assert!(starts_keyframe(Codec::H265, &[0x60, 1, 0, 9, 0x40]));
        assert!(starts_keyframe(Codec::H265, &[0x62, 1, 0x93]));
        assert!(!starts_keyframe(Codec::H265, &[0x62, 1, 0x13]), "a later part");
        assert!(!starts_keyframe(Codec::H265, &[0x02, 1]));
        for codec in [Codec::Vp8, Codec::H264, Codec::H265, Codec::Vp9, Codec::Av1] {
            assert!(!starts_keyframe(codec, &[]));
        }
    }
}

//! Synthetic streams.

use std::time::{Duration, Instant};

use str0m::Rtc;
use str0m::format::Codec;
use str0m::media::{Mid, Rid};
use str0m::rtp::RtpWrite;

use super::Source;
use super::clip::Clip;
use super::marker::Marker;
use super::vp8;

/// Time between keyframes without a request.
const KEYFRAME_INTERVAL: Duration = Duration::from_secs(2);

/// The most that a packet may be late. After a longer delay the stream goes on from now instead of
/// catching up.
const LATEST: Duration = Duration::from_millis(200);

/// Size of a picture in bytes. It is small because only its delivery is tested.
const PICTURE: usize = 300;

/// A keyframe of VP8, 16 by 16 and red. A decoder ends before the marker.
pub(crate) const KEYFRAME: [u8; 38] = [
    0x70, 0x01, 0x00, 0x9d, 0x01, 0x2a, 0x10, 0x00, 0x10, 0x00, 0x07, 0x40, 0x96, 0x25, 0xa0, 0x02,
    0x74, 0x01, 0x40, 0x00, 0x00, 0xfe, 0xe0, 0xb9, 0x63, 0x09, 0xa4, 0x9d, 0x1f, 0xa3, 0xfe, 0xef,
    0xfd, 0x49, 0x3f, 0x00, 0x00, 0x00,
];

/// Stream that an agent sends.
pub(super) struct Stream {
    pub(super) mid: Mid,
    pub(super) rid: Option<Rid>,
    pub(super) is_paused: bool,
    codec: Codec,
    /// The clip that it plays instead of packets with markers.
    clip: Option<Clip>,
    next: Instant,
    frame: u32,
    number: u64,
    time: u32,
    last_keyframe: Option<Instant>,
    is_keyframe_wanted: bool,
}

impl Stream {
    pub(super) fn new(mid: Mid, rid: Option<Rid>, source: Source, now: Instant) -> Self {
        let clip = match source {
            Source::Tone(voice) => Some(Clip::tone(voice)),
            Source::Picture(scene) => Some(Clip::picture(scene)),
            Source::Audio | Source::Video | Source::H265 | Source::SimulcastVideo(_) => None,
        };
        Self {
            mid,
            rid,
            is_paused: false,
            codec: source.codec(),
            clip,
            next: now,
            frame: 0,
            // A number that differs between streams.
            number: u64::from(rid.map_or(1, |rid| rid.as_bytes().first().map_or(1, |c| *c))) * 100,
            time: u32::MAX - 90_000,
            last_keyframe: None,
            is_keyframe_wanted: true,
        }
    }

    /// Returns the time of the next packet.
    pub(super) fn next(&self) -> Instant {
        self.next
    }

    /// Makes the next frame a keyframe.
    pub(super) fn want_keyframe(&mut self) {
        self.is_keyframe_wanted = true;
    }

    /// Sends the next packet, or those of the next frame, if the connection has a stream for them.
    /// The caller drains the connection afterwards.
    pub(super) fn send(&mut self, agent: u64, rtc: &mut Rtc, now: Instant) {
        let (period, ticks) = match self.codec {
            Codec::Opus => (Duration::from_millis(20), 960),
            _ => (Duration::from_millis(40), 3600),
        };
        if now.duration_since(self.next) > LATEST {
            self.next = now;
        }
        self.next += period;
        self.time = self.time.wrapping_add(ticks);
        if self.is_paused {
            return;
        }
        let Some(media) = rtc.media(self.mid).filter(|media| media.direction().is_sending()) else {
            return;
        };
        let pts = media.remote_pts();
        let codec = self.codec;
        let params = rtc.codec_config().find(|p| p.spec().codec == codec && pts.contains(&p.pt()));
        let Some(pt) = params.map(|params| params.pt()) else {
            return;
        };
        let payloads = self.payloads(agent, now);
        let mut api = rtc.direct_api();
        let Some(stream) = api.stream_tx_by_mid(self.mid, self.rid) else {
            return;
        };
        let is_video = self.codec != Codec::Opus;
        let last = payloads.len().saturating_sub(1);
        for (index, payload) in payloads.into_iter().enumerate() {
            stream.write_rtp(
                RtpWrite::new(pt, self.number.into(), self.time, now, payload)
                    .marker(is_video && index == last)
                    .nackable(is_video),
            );
            self.number += 1;
        }
    }

    fn payloads(&mut self, agent: u64, now: Instant) -> Vec<Vec<u8>> {
        let Some(clip) = &mut self.clip else {
            return vec![self.synthetic(agent, now)];
        };
        if self.codec == Codec::Opus {
            return vec![clip.take().to_vec()];
        }
        if std::mem::take(&mut self.is_keyframe_wanted) {
            clip.skip_to_keyframe();
        }
        self.frame = self.frame.wrapping_add(1);
        vp8::split(clip.take(), self.frame)
    }

    /// Returns the payload of a packet for tests that count.
    fn synthetic(&mut self, agent: u64, now: Instant) -> Vec<u8> {
        let marker = Marker {
            agent,
            mid: self.mid.to_string(),
            layer: self.rid.map(|rid| rid.to_string()),
            frame: self.frame,
        };
        self.frame = self.frame.wrapping_add(1);
        if self.codec == Codec::Opus {
            // One silent frame of 20 ms. A decoder ends before the marker.
            let mut payload = vec![0xf8, 0xff, 0xfe];
            marker.write(&mut payload);
            return payload;
        }

        let is_due =
            self.last_keyframe.is_none_or(|last| now.duration_since(last) >= KEYFRAME_INTERVAL);
        let is_keyframe = is_due || self.is_keyframe_wanted;
        if is_keyframe {
            self.is_keyframe_wanted = false;
            self.last_keyframe = Some(now);
        }
        let mut payload = match self.codec {
            Codec::H265 => h265(is_keyframe),
            _ => picture(is_keyframe, self.frame),
        };
        marker.write(&mut payload);
        payload.resize(PICTURE, 0);
        payload
    }
}

/// Returns the header of a whole slice, of an IDR or a trailing picture (RFC 7798 section 1.1.4).
fn h265(is_keyframe: bool) -> Vec<u8> {
    vec![if is_keyframe { 0x26 } else { 0x02 }, 1]
}

/// Returns the descriptor and the header of a VP8 picture.
fn picture(is_keyframe: bool, number: u32) -> Vec<u8> {
    let mut payload = vp8::descriptor(true, number);
    payload.extend_from_slice(if is_keyframe { &KEYFRAME } else { &[0x11, 0, 0] });
    payload
}

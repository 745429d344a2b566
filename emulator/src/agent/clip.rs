//! Clips: loops of sound and pictures for decoders. They are made by `clips/make`.

use super::{Scene, Voice};

/// Length of every packet of a tone, in bytes.
const TONE_PACKET: usize = 80;

/// Length of the header of an IVF file, in bytes.
const FILE_HEADER: usize = 32;

/// Length of the header of each frame of an IVF file, which begins with the length of the frame.
const FRAME_HEADER: usize = 12;

/// A clip and the place in it.
pub(super) struct Clip {
    frames: Vec<&'static [u8]>,
    next: usize,
}

impl Clip {
    /// Opens a clip of Opus packets, each of 20 ms.
    pub(super) fn tone(voice: Voice) -> Self {
        let file: &[u8] = match voice {
            Voice::Low => include_bytes!("../../clips/low.packets"),
            Voice::High => include_bytes!("../../clips/high.packets"),
        };
        Self { frames: file.chunks(TONE_PACKET).collect(), next: 0 }
    }

    /// Opens a clip of VP8 frames, each of 40 ms.
    pub(super) fn picture(scene: Scene) -> Self {
        let file: &[u8] = match scene {
            Scene::Dusk => include_bytes!("../../clips/dusk.ivf"),
            Scene::Sea => include_bytes!("../../clips/sea.ivf"),
        };
        let mut rest = file.get(FILE_HEADER..).unwrap_or_default();
        Self { frames: std::iter::from_fn(|| frame(&mut rest)).collect(), next: 0 }
    }

    /// Takes the next frame. The first follows the last.
    pub(super) fn take(&mut self) -> &'static [u8] {
        let frame = self.frames.get(self.next).copied().unwrap_or_default();
        self.next += 1;
        if self.next >= self.frames.len() {
            self.next = 0;
        }
        frame
    }

    /// Goes to the next keyframe of a picture, unless it is at one.
    pub(super) fn skip_to_keyframe(&mut self) {
        let (before, after) = self.frames.split_at_checked(self.next).unwrap_or_default();
        let skipped = after.iter().chain(before).position(|frame| is_keyframe(frame));
        // An empty clip has no remainder, and nothing to skip.
        self.next = (self.next + skipped.unwrap_or_default()) % self.frames.len().max(1);
    }
}

/// Returns the next frame of an IVF file. None at its end.
fn frame(rest: &mut &'static [u8]) -> Option<&'static [u8]> {
    let length = u32::from_le_bytes(*rest.first_chunk()?);
    let (frame, after) =
        rest.get(FRAME_HEADER..)?.split_at_checked(usize::try_from(length).ok()?)?;
    *rest = after;
    Some(frame)
}

/// Returns whether a VP8 frame needs no other one (RFC 6386 section 9.1).
fn is_keyframe(frame: &[u8]) -> bool {
    frame.first().is_some_and(|first| first & 1 == 0)
}

#[cfg(test)]
mod tests {
    use super::super::marker::Marker;
    use super::*;

    const VOICES: [Voice; 2] = [Voice::Low, Voice::High];
    const SCENES: [Scene; 2] = [Scene::Dusk, Scene::Sea];

    #[test]
    fn tones_are_loops_of_opus_packets_of_20_ms() {
        for clip in VOICES.map(Clip::tone) {
            assert_eq!(clip.frames.len(), 100);
            for packet in clip.frames {
                assert_eq!(packet.len(), TONE_PACKET);
                // CELT of the full band, 20 ms, mono, one frame (RFC 6716 section 3.1).
                assert_eq!(packet[0], 31 << 3);
            }
        }
    }

    #[test]
    fn pictures_are_loops_of_shown_vp8_frames_with_a_keyframe_each_second() {
        for clip in SCENES.map(Clip::picture) {
            assert_eq!(clip.frames.len(), 100);
            for (number, frame) in clip.frames.iter().enumerate() {
                let tag = u32::from_le_bytes([frame[0], frame[1], frame[2], 0]);
                let (version, is_shown, first_part) = (tag >> 1 & 7, tag >> 4 & 1, tag >> 5);
                assert_eq!((version, is_shown), (0, 1), "frame {number}");
                assert!((first_part as usize) < frame.len(), "frame {number}");
                assert_eq!(is_keyframe(frame), number % 25 == 0, "frame {number}");
                if is_keyframe(frame) {
                    assert_eq!(frame[3..10], [0x9d, 0x01, 0x2a, 64, 1, 180, 0], "320 by 180");
                }
            }
        }
    }

    #[test]
    fn nothing_in_a_clip_is_taken_for_a_marker() {
        for clip in VOICES.map(Clip::tone).into_iter().chain(SCENES.map(Clip::picture)) {
            assert!(clip.frames.iter().all(|frame| Marker::read(frame).is_none()));
        }
    }

    #[test]
    fn a_clip_begins_again_and_skips_to_its_keyframes() {
        let mut clip = Clip::picture(Scene::Sea);
        let all = clip.frames.clone();
        clip.skip_to_keyframe();
        assert_eq!(clip.take(), all[0]);
        assert_eq!(clip.take(), all[1]);
        clip.skip_to_keyframe();
        assert_eq!(clip.take(), all[25]);
        for frame in &all[26..] {
            assert_eq!(clip.take(), *frame);
        }
        assert_eq!(clip.take(), all[0]);
        for _ in 1..80 {
            clip.take();
        }
        clip.skip_to_keyframe();
        assert_eq!(clip.take(), all[0]);
    }

    /// Returns a decoded tone, two times in a row.
    #[cfg(feature = "adapters")]
    fn heard(voice: Voice) -> Vec<i16> {
        use ropus::{Channels, DecodeMode, Decoder};

        let mut clip = Clip::tone(voice);
        let mut decoder = Decoder::new(48_000, Channels::Mono).unwrap();
        let mut pcm = Vec::new();
        for _ in 0..200 {
            let mut samples = [0; 960];
            let decoded = decoder.decode(clip.take(), &mut samples, DecodeMode::Normal);
            assert_eq!(decoded.unwrap(), 960);
            pcm.extend_from_slice(&samples);
        }
        pcm
    }

    #[cfg(feature = "adapters")]
    #[test]
    fn tones_are_soft_and_without_clicks() {
        for voice in VOICES {
            let pcm = heard(voice);
            let loudest = pcm.iter().map(|sample| sample.unsigned_abs()).max().unwrap();
            assert!((1_000..4_000).contains(&loudest), "{voice:?}: {loudest}");
            let step = pcm.windows(2).map(|pair| pair[0].abs_diff(pair[1])).max().unwrap();
            // The steepest step of 550 Hz and a quarter of 1100 Hz, with the error of Opus.
            assert!(step < 350, "{voice:?}: {step}");
        }
    }
}

//! Opus to PCM and back, 48 kHz and stereo.

use std::sync::Arc;

use ropus::{Application, Channels, DecodeMode, Decoder, Encoder};

use crate::media::Heard;

/// Samples of one channel in 20 ms.
const FRAME: u32 = 960;

/// Bytes of PCM in 20 ms.
pub(super) const FRAME_BYTES: usize = FRAME as usize * 2 * 2;

/// Samples of the longest Opus packet: 120 ms of two channels.
const LONGEST: usize = FRAME as usize * 6 * 2;

/// The largest Opus packet of 20 ms (RFC 6716 section 3.4).
const LARGEST_PACKET: usize = 1275;

/// A step in time of more than this, 10 s, is the beginning of something else.
const LEAP: u32 = 480_000;

/// Bits per second: enough for speech and music without audible loss.
const BITRATE: u32 = 64_000;

/// Complexity from 0 to 10. An emulator's sound need not be good, and is made while tests wait.
const COMPLEXITY: u8 = 1;

/// A piece of PCM.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) number: u16,
    pub(super) time: u32,
    pub(super) pcm: Vec<u8>,
}

/// Makes pieces of 20 ms from packets of any length.
pub(super) struct Unpacker {
    decoder: Decoder,
    buffer: Vec<i16>,
    next: Option<Next>,
}

/// Number and time of the buffer's first sample.
#[derive(Clone, Copy)]
struct Next {
    number: u16,
    time: u32,
}

impl Unpacker {
    /// Returns an unpacker, or None if the codec does not start.
    pub(super) fn new() -> Option<Self> {
        let decoder = Decoder::new(48_000, Channels::Stereo).ok()?;
        Some(Self { decoder, buffer: Vec::new(), next: None })
    }

    /// Returns the pieces that are complete with this packet. A packet that comes too late or is no
    /// Opus gives none.
    pub(super) fn unpack(&mut self, sound: &Heard) -> Vec<Piece> {
        // An empty payload stands for a lost packet to the decoder.
        if sound.payload.is_empty() || !self.seek(sound) {
            return Vec::new();
        }
        let mut pcm = [0; LONGEST];
        match self.decoder.decode(&sound.payload, &mut pcm, DecodeMode::Normal) {
            Ok(samples) => self.buffer.extend(pcm.iter().take(samples * 2)),
            Err(_) => return Vec::new(),
        }
        let mut pieces = Vec::new();
        while self.buffer.len() * 2 >= FRAME_BYTES {
            let Some(next) = &mut self.next else { break };
            let pcm = self.buffer.drain(..FRAME_BYTES / 2).flat_map(i16::to_le_bytes).collect();
            pieces.push(Piece { number: next.number, time: next.time, pcm });
            next.number = next.number.wrapping_add(1);
            next.time = next.time.wrapping_add(FRAME);
        }
        pieces
    }

    /// Moves to the packet's place. Returns false if that is already past.
    fn seek(&mut self, sound: &Heard) -> bool {
        let Some(next) = self.next else {
            self.next = Some(Next { number: sound.number as u16, time: sound.time });
            return true;
        };
        let buffered = (self.buffer.len() / 2) as u32;
        let skipped = sound.time.wrapping_sub(next.time.wrapping_add(buffered));
        if skipped == 0 {
            return true;
        }
        // Numbers wrap: a packet a little behind looks far ahead.
        if skipped > u32::MAX - LEAP {
            return false;
        }
        let number = if skipped < LEAP {
            next.number.wrapping_add(skipped.div_ceil(FRAME) as u16)
        } else {
            next.number
        };
        self.buffer.clear();
        self.next = Some(Next { number, time: sound.time });
        true
    }
}

/// Makes packets of 20 ms from PCM.
pub(super) struct Packer {
    encoder: Encoder,
    number: u64,
    time: u32,
}

impl Packer {
    /// Returns a packer, or None if the codec does not start.
    pub(super) fn new() -> Option<Self> {
        let encoder = Encoder::builder(48_000, Channels::Stereo, Application::Audio)
            .bitrate(ropus::Bitrate::Bits(BITRATE))
            .complexity(COMPLEXITY)
            .build()
            .ok()?;
        Some(Self { encoder, number: 0, time: 0 })
    }

    /// Skips this many silent samples.
    pub(super) fn skip(&mut self, samples: u32) {
        self.time = self.time.wrapping_add(samples);
    }

    /// Returns the packet of 20 ms. None if the codec refuses it.
    pub(super) fn pack(&mut self, pcm: &[u8]) -> Option<Heard> {
        let pcm: Vec<i16> =
            pcm.as_chunks().0.iter().map(|bytes| i16::from_le_bytes(*bytes)).collect();
        let mut packet = [0; LARGEST_PACKET];
        let length = self.encoder.encode(&pcm, &mut packet).ok()?;
        let payload = Arc::from(packet.get(..length)?);
        let sound = Heard::sound(self.number, self.time, payload);
        self.number += 1;
        self.time = self.time.wrapping_add(FRAME);
        Some(sound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packets(count: usize) -> Vec<Heard> {
        let mut packer = Packer::new().unwrap();
        (0..count).map(|_| packer.pack(&[0; FRAME_BYTES]).unwrap()).collect()
    }

    #[test]
    fn packed_sound_is_unpacked_with_its_numbers_and_times() {
        let mut unpacker = Unpacker::new().unwrap();
        for (index, packet) in packets(3).iter().enumerate() {
            let pieces = unpacker.unpack(packet);
            let [piece] = pieces.as_slice() else { panic!("{} pieces", pieces.len()) };
            assert_eq!((piece.number, piece.time), (index as u16, index as u32 * FRAME));
            assert_eq!(piece.pcm.len(), FRAME_BYTES);
        }
    }

    #[test]
    fn a_lost_packet_leaves_a_gap_and_a_late_one_is_left_out() {
        let packets = packets(3);
        let mut unpacker = Unpacker::new().unwrap();
        unpacker.unpack(&packets[0]);
        let pieces = unpacker.unpack(&packets[2]);
        assert_eq!((pieces[0].number, pieces[0].time), (2, 2 * FRAME));
        assert_eq!(unpacker.unpack(&packets[1]), []);
    }

    #[test]
    fn another_source_goes_on_in_number() {
        let mut packets = packets(2);
        packets[1].time = packets[0].time.wrapping_add(1 << 31);
        let mut unpacker = Unpacker::new().unwrap();
        unpacker.unpack(&packets[0]);
        assert_eq!(unpacker.unpack(&packets[1])[0].number, 1);
    }

    #[test]
    fn a_payload_that_is_no_opus_is_left_out() {
        let sound = Heard::sound(0, 0, Arc::from([0xff]));
        assert_eq!(Unpacker::new().unwrap().unpack(&sound), []);
    }
}

//! Keyframes of VP8 as JPEG.

use std::io::Cursor;

use image_webp::WebPDecoder;
use jpeg_encoder::{ColorType, Encoder};
use str0m::media::Rid;

use crate::media::Heard;

/// The largest keyframe that is assembled, in bytes.
const LARGEST: usize = 1 << 20;

/// Quality of the pictures, from 0 to 100. 80 is enough to recognise their content.
const QUALITY: u8 = 80;

/// Assembles keyframes from packets of one layer. Other pictures are left out, because they are
/// changes of earlier ones.
#[derive(Default)]
pub(super) struct Keyframes {
    layer: Option<Option<Rid>>,
    /// The picture so far, and the number of its next packet.
    part: Option<(Vec<u8>, u64)>,
}

impl Keyframes {
    /// Takes a packet. Returns the keyframe that it completes, without the
    /// descriptors of its packets.
    pub(super) fn push(&mut self, heard: &Heard) -> Option<Vec<u8>> {
        let begins = str0m::rtp::Vp8Descriptor::parse(&heard.payload)
            .is_ok_and(|descriptor| descriptor.starts_keyframe(&heard.payload));
        if *self.layer.get_or_insert(heard.layer) != heard.layer {
            return None;
        }
        let data = heard.payload.get(descriptor_length(&heard.payload)?..)?;
        let (mut picture, next) = match self.part.take() {
            _ if begins => (Vec::new(), heard.number),
            part => part?,
        };
        if next != heard.number || picture.len() + data.len() > LARGEST {
            return None;
        }
        picture.extend_from_slice(data);
        if heard.is_last {
            return Some(picture);
        }
        self.part = Some((picture, next + 1));
        None
    }
}

/// Returns a keyframe as JPEG. None if it cannot be decoded.
pub(super) fn jpeg(keyframe: &[u8]) -> Option<Vec<u8>> {
    let mut decoder = WebPDecoder::new(Cursor::new(webp(keyframe)?)).ok()?;
    let (width, height) = decoder.dimensions();
    let mut pixels = vec![0; decoder.output_buffer_size()?];
    decoder.read_image(&mut pixels).ok()?;
    let (width, height) = (u16::try_from(width).ok()?, u16::try_from(height).ok()?);
    let mut jpeg = Vec::new();
    Encoder::new(&mut jpeg, QUALITY).encode(&pixels, width, height, ColorType::Rgb).ok()?;
    Some(jpeg)
}

/// Returns a keyframe as the only picture of a lossy WebP file (RFC 9649 section 2.5).
fn webp(keyframe: &[u8]) -> Option<Vec<u8>> {
    let length = u32::try_from(keyframe.len()).ok()?;
    let padding = length % 2;
    let mut file = Vec::with_capacity(keyframe.len() + 21);
    file.extend_from_slice(b"RIFF");
    file.extend_from_slice(&(12 + length + padding).to_le_bytes());
    file.extend_from_slice(b"WEBPVP8 ");
    file.extend_from_slice(&length.to_le_bytes());
    file.extend_from_slice(keyframe);
    file.resize(file.len() + padding as usize, 0);
    Some(file)
}

/// Returns the length of the descriptor that begins each packet (RFC 7741 section 4.2).
fn descriptor_length(payload: &[u8]) -> Option<usize> {
    let mut length = 1;
    if payload.first()? & 0x80 != 0 {
        let extensions = payload.get(1)?;
        length += 1;
        if extensions & 0x80 != 0 {
            length += if payload.get(2)? & 0x80 != 0 { 2 } else { 1 };
        }
        length += usize::from(extensions & 0x40 != 0);
        length += usize::from(extensions & 0x30 != 0);
    }
    Some(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::KEYFRAME;

    fn packet(number: u64, is_last: bool, layer: Option<&str>, payload: &[u8]) -> Heard {
        let layer = layer.map(Rid::from);
        Heard { number, time: 0, is_last, layer, payload: payload.into() }
    }

    #[test]
    fn a_keyframe_in_several_packets_becomes_a_jpeg() {
        let mut keyframes = Keyframes::default();
        let (first, second) = KEYFRAME.split_at(20);
        // A descriptor with a picture number of 15 bits, a base layer and a keyframe number.
        let first = [&[0x90, 0xf0, 0x81, 7, 1, 2], first].concat();
        let second = [&[0x80, 0xf0, 0x81, 7, 1, 2], second].concat();
        assert_eq!(keyframes.push(&packet(5, false, None, &first)), None);
        let picture = keyframes.push(&packet(6, true, None, &second)).unwrap();
        assert_eq!(picture, KEYFRAME);
        let jpeg = jpeg(&picture).unwrap();
        assert!(jpeg.starts_with(&[0xff, 0xd8]) && jpeg.ends_with(&[0xff, 0xd9]));
    }

    #[test]
    fn incomplete_keyframes_and_other_pictures_are_left_out() {
        let mut keyframes = Keyframes::default();
        let begin = [&[0x10], &KEYFRAME[..20]].concat();
        let end = [&[0x00], &KEYFRAME[20..]].concat();
        keyframes.push(&packet(5, false, None, &begin));
        assert_eq!(keyframes.push(&packet(7, true, None, &end)), None, "one is lost");
        assert_eq!(keyframes.push(&packet(6, true, None, &end)), None, "it is given up");
        keyframes.push(&packet(8, false, None, &begin));
        assert_eq!(keyframes.push(&packet(9, true, Some("l"), &end)), None, "another layer");
        assert!(keyframes.push(&packet(9, true, None, &end)).is_some());
        assert_eq!(keyframes.push(&packet(10, true, None, &[])), None);
        assert_eq!(jpeg(&KEYFRAME[..12]), None);
        assert_eq!(jpeg(&[]), None);
    }
}

//! RTP payload of VP8 (RFC 7741).

/// The most bytes of a frame in one packet, which keeps it below any usual MTU.
const LARGEST: usize = 1100;

/// Returns the descriptor of a packet. It has a picture number of 15 bits, and says whether the
/// packet begins a frame.
pub(super) fn descriptor(is_first: bool, number: u32) -> Vec<u8> {
    let number = (number & 0x7fff) as u16;
    vec![if is_first { 0x90 } else { 0x80 }, 0x80, 0x80 | (number >> 8) as u8, number as u8]
}

/// Splits a frame into the payloads of its packets.
pub(super) fn split(frame: &[u8], number: u32) -> Vec<Vec<u8>> {
    let part = |(index, part): (usize, &[u8])| {
        let mut payload = descriptor(index == 0, number);
        payload.extend_from_slice(part);
        payload
    };
    frame.chunks(LARGEST).enumerate().map(part).collect()
}

#[cfg(test)]
mod tests {
    use str0m::rtp::Vp8Descriptor;

    use super::*;

    #[test]
    fn a_frame_is_the_parts_that_it_is_split_into() {
        for length in [1, LARGEST, LARGEST + 1, 2 * LARGEST, 5000] {
            // Bytes that begin as a keyframe does.
            let frame: Vec<u8> = (0..length).map(|at| (at % 127) as u8 * 2).collect();
            let payloads = split(&frame, 0x1_8123);
            assert_eq!(payloads.len(), length.div_ceil(LARGEST));
            for (index, payload) in payloads.iter().enumerate() {
                let descriptor = Vp8Descriptor::parse(payload).unwrap();
                assert_eq!(descriptor.picture_id(), Some(0x123));
                assert_eq!(descriptor.starts_keyframe(payload), index == 0);
                assert_eq!(payload[0] & 0x10 != 0, index == 0);
            }
            let joined: Vec<u8> =
                payloads.iter().flat_map(|payload| &payload[4..]).copied().collect();
            assert_eq!(joined, frame);
        }
    }
}

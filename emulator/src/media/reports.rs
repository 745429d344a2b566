//! Reports of agents that only an estimation of bandwidth reads.

/// Packet type of feedback about a transport (RFC 4585 section 6.1).
const FEEDBACK: u8 = 205;

/// First byte of feedback about arrival times: version 2 and format 15
/// (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1).
const ARRIVALS: u8 = 0x8f;

/// Bit of the first byte that tells of padding.
const PADDING: u8 = 0x20;

/// The most bytes behind the packets of an encrypted datagram: index and tag of AES-GCM (RFC 7714
/// section 9). Another packet is longer, with the 14 bytes of HMAC-SHA1-80 behind it.
const LONGEST_END: usize = 20;

/// Returns whether a datagram is a report of arrival times and nothing else. An agent sends up to
/// 20 a second. Type and length of the first packet are not encrypted (RFC 3711 section 3.4).
pub(super) fn is_arrival_report(data: &[u8]) -> bool {
    let [first, FEEDBACK, high, low, ..] = *data else {
        return false;
    };
    // The length is in words, and leaves the first one out (RFC 3550 section 6.4.1).
    let length = 4 * (usize::from(u16::from_be_bytes([high, low])) + 1);
    first & !PADDING == ARRIVALS && (length..=length + LONGEST_END).contains(&data.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns an encrypted datagram whose first packet has this beginning and these bytes.
    fn datagram(first: u8, kind: u8, bytes: u8, rest: usize) -> Vec<u8> {
        let mut data = vec![first, kind, 0, bytes / 4 - 1];
        data.resize(usize::from(bytes) + rest, 0);
        data
    }

    #[test]
    fn a_report_of_arrival_times_alone_is_told_from_all_others() {
        // The ends of HMAC-SHA1-80 and AES-GCM.
        for end in [14, 20] {
            assert!(is_arrival_report(&datagram(0x8f, 205, 24, end)));
            assert!(is_arrival_report(&datagram(0xaf, 205, 24, end)), "with padding");
            assert!(!is_arrival_report(&datagram(0x81, 205, 16, end)), "lost packets");
            assert!(!is_arrival_report(&datagram(0x8f, 206, 24, end)), "about media");
            assert!(!is_arrival_report(&datagram(0x81, 201, 32, end)), "a receiver report");
            assert!(!is_arrival_report(&datagram(0x8f, 205, 24, 8 + end)), "another one follows");
        }
        assert!(!is_arrival_report(&datagram(0x8f, 205, 24, 0)[..23]), "cut off");
        assert!(!is_arrival_report(&[0x8f, 205]));
    }
}

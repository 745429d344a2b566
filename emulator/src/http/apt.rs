//! Session description with a broken codec for retransmissions.

use std::collections::BTreeSet;

/// Returns the description with every `apt` (RFC 4588 section 8.6) changed to a payload type that
/// its section does not have. None if there is no `apt`.
pub(super) fn break_apt(sdp: &str) -> Option<String> {
    let mut free = None;
    let mut is_broken = false;
    let broken: String = sdp
        .split_inclusive('\n')
        .map(|line| {
            if let Some(media) = line.strip_prefix("m=") {
                let used: BTreeSet<u8> = media.split_whitespace().flat_map(str::parse).collect();
                free = (96..=127).rev().find(|payload_type| !used.contains(payload_type));
            }
            match (line.split_once("apt="), free) {
                (Some((before, after)), Some(free)) if line.starts_with("a=fmtp:") => {
                    is_broken = true;
                    let rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
                    format!("{before}apt={free}{rest}")
                }
                _ => line.to_owned(),
            }
        })
        .collect();
    is_broken.then_some(broken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_apt_points_at_what_its_section_does_not_have() {
        let sdp = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n\
            m=video 9 UDP/TLS/RTP/SAVPF 127 97\r\na=fmtp:127 apt=1\r\na=fmtp:97 apt=127;x=1\r\n";
        let broken = break_apt(sdp).expect("it has some");
        assert_eq!(
            broken,
            "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n\
             m=video 9 UDP/TLS/RTP/SAVPF 127 97\r\na=fmtp:127 apt=126\r\na=fmtp:97 apt=126;x=1\r\n"
        );
        assert_eq!(break_apt("v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"), None);
    }
}

//! Kinds of media sections of a session description.

use std::collections::{BTreeMap, HashMap};

use cloudflare_calls::Mid;
use cloudflare_calls::tracks::PublishedTrack;

use crate::room::record::NewTrack;
use crate::room::types::Kind;

/// Returns the kinds of the sections for media, by mid.
pub(super) fn kinds(sdp: &str) -> HashMap<&str, Kind> {
    sections(sdp).into_iter().collect()
}

/// Returns the kinds of the sections of an agent's offer, for the session's entry in its room.
pub(super) fn offered(sdp: &str) -> BTreeMap<Mid, Kind> {
    let valid = |(mid, kind)| Some((Mid::new(mid).ok()?, kind));
    sections(sdp).into_iter().filter_map(valid).collect()
}

/// Returns the mids and kinds of the sections for media, in their order (RFC 8866 section 5.14, RFC
/// 9143).
pub(super) fn sections(sdp: &str) -> Vec<(&str, Kind)> {
    let mut sections = Vec::new();
    let mut kind = None;
    for line in sdp.lines() {
        if let Some(section) = line.strip_prefix("m=") {
            kind = match section.split(' ').next() {
                Some("audio") => Some(Kind::Audio),
                Some("video") => Some(Kind::Video),
                _ => None,
            };
        } else if let (Some(mid), Some(kind)) = (line.strip_prefix("a=mid:"), kind) {
            sections.push((mid.trim(), kind));
        }
    }
    sections
}

/// Returns published tracks for the room, with their kinds from the session description that has
/// their sections.
pub(super) fn new_tracks(tracks: &[PublishedTrack], sdp: &str) -> Vec<NewTrack> {
    let kinds = kinds(sdp);
    let new = |track: &PublishedTrack| NewTrack {
        name: track.name.clone(),
        kind: kinds.get(track.mid.as_str()).copied(),
        mid: track.mid.clone(),
    };
    tracks.iter().map(new).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_for_media_have_kinds_by_mid() {
        let sdp = "v=0\r\na=mid:x\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n\
                   m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:1\r\n\
                   m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:two\r\n";
        assert_eq!(sections(sdp), [("0", Kind::Audio), ("two", Kind::Video)]);
        assert_eq!(kinds(sdp)["two"], Kind::Video);
        let mid = |mid| Mid::new(mid).unwrap();
        assert_eq!(
            offered(sdp),
            BTreeMap::from([(mid("0"), Kind::Audio), (mid("two"), Kind::Video)])
        );
    }
}

//! Session descriptions of the fake: text that looks right and holds secrets.

use serde_json::{Value, json};

/// The ICE password of every description, which no log may show.
pub(crate) const ICE_PWD: &str = "1cePassw0rd";
/// The ICE user name fragment of every description.
pub(crate) const ICE_UFRAG: &str = "uFr4g";

/// An offer with one audio section for each mid.
pub(crate) fn offer_sdp(mids: &[impl AsRef<str>]) -> String {
    let mut sdp = header();
    for mid in mids {
        let mid = mid.as_ref();
        sdp += &format!("m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:{mid}\r\na=sendonly\r\n");
    }
    sdp
}

/// An answer. The fake reads no media sections of it, so it has none.
pub(crate) fn answer_sdp() -> String {
    header() + "a=setup:passive\r\n"
}

/// The mids of an offer and whether each is a section that sends media.
pub(super) fn sections(sdp: &str) -> Vec<(String, bool)> {
    let mut sections = Vec::new();
    for section in sdp.split("\nm=").skip(1) {
        let lines: Vec<&str> = section.lines().collect();
        let sends = !section.starts_with("application")
            && !lines.iter().any(|line| matches!(*line, "a=recvonly" | "a=inactive"));
        if let Some(mid) = lines.iter().find_map(|line| line.strip_prefix("a=mid:")) {
            sections.push((mid.to_owned(), sends));
        }
    }
    sections
}

pub(super) fn offer(mids: &[impl AsRef<str>]) -> Value {
    json!({ "type": "offer", "sdp": offer_sdp(mids) })
}

pub(super) fn answer() -> Value {
    json!({ "type": "answer", "sdp": answer_sdp() })
}

fn header() -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=ice-lite\r\n\
         a=ice-ufrag:{ICE_UFRAG}\r\na=ice-pwd:{ICE_PWD}\r\n"
    )
}

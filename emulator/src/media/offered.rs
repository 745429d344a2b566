//! Sections that the SFU offers.
//!
//! The SFU counts its mids, and str0m makes them up. So str0m's offer gets other mids, and str0m
//! gets the answer as an offer of the agent's, because it keeps the mids of those. The streams that
//! the offer names for the SFU are kept until then.

use std::collections::BTreeSet;

use str0m::Rtc;
use str0m::rtp::Ssrc;

use super::BadDescription;
use super::sdp::{Description, Line, attribute, split};

/// Section of an offer without an answer yet.
pub(super) struct Added {
    pub(super) line: Line,
    /// The stream and track that the SFU's media belongs to (RFC 8830).
    msid: Option<String>,
    /// SSRC of the SFU's stream, and that of its retransmissions.
    stream: Option<(Ssrc, Option<Ssrc>)>,
}

/// Counts the mids of the sections after the first `known`. Numbers in `used` are
/// left out; the new ones are added. Returns the offer and the new sections.
pub(super) fn number(
    offer: &str,
    known: usize,
    used: &mut BTreeSet<String>,
) -> Result<(String, Vec<Added>), BadDescription> {
    let mut mids = Vec::new();
    let (_, sections) = split(offer.lines().skip(1));
    for section in sections.iter().skip(known) {
        let old = attribute(section, "mid").unwrap_or_default().to_owned();
        let mut free = (known..).map(|number| number.to_string());
        let Some(new) = free.find(|mid| !used.contains(mid)) else { continue };
        used.insert(new.clone());
        mids.push((old, new));
    }
    let offer = rename(offer, &mids);
    let added = described(&offer)?.split_off(known);
    Ok((offer, added))
}

/// Returns the sections of a description of the SFU's.
pub(super) fn described(ours: &str) -> Result<Vec<Added>, BadDescription> {
    let lines = Description::parse_own(ours)?.lines;
    let (_, sections) = split(ours.lines().skip(1));
    let sections = lines.into_iter().zip(&sections).map(|(line, section)| Added {
        line,
        msid: attribute(section, "msid").map(str::to_owned),
        stream: stream(section),
    });
    Ok(sections.collect())
}

/// Returns the answer with the offer's words on the SFU's media in place of the agent's words on
/// its own.
pub(super) fn as_offer(answer: &str, added: &[Added]) -> String {
    let (mut text, mut msid) = (String::with_capacity(answer.len()), None);
    for line in answer.lines() {
        if line.starts_with("m=") {
            msid = None;
        }
        let is_msid = line.starts_with("a=msid:");
        if let Some(mid) = line.strip_prefix("a=mid:") {
            let section = added.iter().find(|section| section.line.mid == mid.trim());
            msid = section.and_then(|section| section.msid.as_deref());
            if let Some(msid) = msid {
                text.push_str("a=msid:");
                text.push_str(msid);
                text.push_str("\r\n");
            }
        }
        if !(is_msid && msid.is_some()) {
            text.push_str(line);
            text.push_str("\r\n");
        }
    }
    text
}

impl Added {
    /// Lets the SFU send with the SSRCs that the offer named.
    pub(super) fn keep_stream(&self, rtc: &mut Rtc) {
        let mid = self.line.mid.as_str().into();
        let mut api = rtc.direct_api();
        // The stream is missing if the agent does not receive there.
        let Some(made) = api.stream_tx_by_mid(mid, None) else { return };
        let (made, has_repetitions) = (made.ssrc(), made.rtx().is_some());
        if let Some((ssrc, repetitions)) = self.stream.filter(|(ssrc, _)| *ssrc != made) {
            api.remove_stream_tx(made);
            api.declare_stream_tx(ssrc, repetitions.filter(|_| has_repetitions), mid, None);
        }
    }
}

fn stream(section: &[&str]) -> Option<(Ssrc, Option<Ssrc>)> {
    let number = |word: &str| word.parse::<u32>().ok().map(Ssrc::from);
    match attribute(section, "ssrc-group:FID") {
        Some(group) => {
            let mut words = group.split_whitespace();
            Some((number(words.next()?)?, words.next().and_then(number)))
        }
        None => Some((number(attribute(section, "ssrc")?.split(' ').next()?)?, None)),
    }
}

fn rename(text: &str, mids: &[(String, String)]) -> String {
    let new = |mid: &str| {
        let pair = mids.iter().find(|(old, _)| old == mid);
        pair.map_or_else(|| mid.to_owned(), |(_, new)| new.clone())
    };
    let mut renamed = String::with_capacity(text.len());
    for line in text.lines() {
        if let Some(mid) = line.strip_prefix("a=mid:") {
            renamed.push_str("a=mid:");
            renamed.push_str(&new(mid));
        } else if let Some(group) = line.strip_prefix("a=group:BUNDLE ") {
            let group: Vec<String> = group.split(' ').map(new).collect();
            renamed.push_str("a=group:BUNDLE ");
            renamed.push_str(&group.join(" "));
        } else {
            renamed.push_str(line);
        }
        renamed.push_str("\r\n");
    }
    renamed
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\r\no=x 1 2 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n\
        a=group:BUNDLE 1 Xy Zw\r\na=ice-ufrag:u\r\na=ice-pwd:p\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=recvonly\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:Xy\r\na=msid:s t\r\na=sendonly\r\n\
        a=ssrc:7 cname:c\r\na=ssrc:8 cname:c\r\na=ssrc-group:FID 7 8\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:Zw\r\na=sendonly\r\na=ssrc:9 cname:c\r\n";

    #[test]
    fn mids_are_counted_and_none_is_used_twice() {
        let mut used = BTreeSet::from(["1".to_owned(), "2".to_owned()]);
        let (offer, added) = number(OFFER, 1, &mut used).unwrap();
        assert!(offer.contains("a=group:BUNDLE 1 3 4\r\n"), "{offer}");
        let mids: Vec<&str> = added.iter().map(|section| section.line.mid.as_str()).collect();
        assert_eq!(mids, ["3", "4"]);
        assert_eq!(added[0].stream, Some((Ssrc::from(7), Some(Ssrc::from(8)))));
        assert_eq!(added[1].stream, Some((Ssrc::from(9), None)));
        assert_eq!(used.len(), 4);
    }

    #[test]
    fn an_answer_keeps_the_names_of_the_offers_streams() {
        let (_, added) = number(OFFER, 1, &mut BTreeSet::new()).unwrap();
        let answer = "v=0\r\nm=audio 9 X 96\r\na=mid:0\r\na=msid:own own\r\n\
            m=video 9 X 96\r\na=mid:1\r\na=msid:agent agent\r\n";
        let expected = "v=0\r\nm=audio 9 X 96\r\na=mid:0\r\na=msid:own own\r\n\
            m=video 9 X 96\r\na=msid:s t\r\na=mid:1\r\n";
        assert_eq!(as_offer(answer, &added), expected);
    }
}

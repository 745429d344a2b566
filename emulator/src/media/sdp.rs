//! Parts of a session description that the SFU reads and writes itself.
//!
//! str0m does the negotiation proper. This module reads the parts that are needed before it begins,
//! so that a description that is refused changes nothing. It also writes the parts of the SFU's
//! manner that str0m's descriptions lack.

use super::{BadDescription, Kind, Section};

/// The longest mid. str0m would cut a longer one off.
const LONGEST_MID: usize = 16;

/// The longest RID. str0m would cut a longer one off.
const LONGEST_RID: usize = 8;

/// A session description.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Description {
    pub(super) lines: Vec<Line>,
    /// ICE user and password: of the session, or of its first section that has
    /// any.
    pub(super) credentials: (String, String),
}

/// A media section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) mid: String,
    /// Kind of media. None for data channels.
    pub(super) kind: Option<Kind>,
    pub(super) direction: Direction,
    pub(super) is_rejected: bool,
    /// Layers that the writer sends, as listed.
    pub(super) rids: Vec<String>,
    /// Names of its codecs, in lower case, retransmissions among them.
    pub(super) codecs: Vec<String>,
    /// Payload types in the writer's order of preference.
    formats: Vec<String>,
}

/// Direction, as seen by the writer of the description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Both,
    Send,
    Receive,
    Inactive,
}

impl Description {
    /// Reads a description of an agent's.
    ///
    /// # Errors
    ///
    /// [`BadDescription`] if it lacks a part that every description has, or asks for something
    /// impossible.
    pub(super) fn parse(text: &str) -> Result<Self, BadDescription> {
        match Self::read(text)? {
            (_, true) => bad("ICE needs one side that is not lite"),
            (description, false) => Ok(description),
        }
    }

    /// Reads a description of the SFU's.
    pub(super) fn parse_own(text: &str) -> Result<Self, BadDescription> {
        Self::read(text).map(|(description, _)| description)
    }

    /// Reads a description. Returns it, and true if its writer is ICE-lite.
    fn read(text: &str) -> Result<(Self, bool), BadDescription> {
        if !text.ends_with('\n') {
            return unreadable("the session description does not end with a line break");
        }
        let mut lines = text.lines();
        if lines.next() != Some("v=0") {
            return unreadable("the session description does not begin with its version");
        }
        let (session, sections) = split(lines);
        if sections.is_empty() {
            return unreadable("there are no media sections");
        }
        let Some(credentials) =
            credentials(&session).or_else(|| sections.iter().find_map(|s| credentials(s)))
        else {
            return unreadable("there are no ICE credentials");
        };
        let group: Option<Vec<&str>> =
            attribute(&session, "group:BUNDLE").map(|mids| mids.split_whitespace().collect());
        let Some(group) = group else {
            return bad("the sections are not bundled");
        };
        let lines = sections
            .iter()
            .map(|section| Line::parse(section, &group))
            .collect::<Result<Vec<_>, _>>()?;
        if lines.iter().filter(|line| line.kind.is_none()).count() > 1 {
            return bad("more than one section is for data channels");
        }
        let is_lite = attribute(&session, "ice-lite").is_some();
        Ok((Self { lines, credentials }, is_lite))
    }

    /// Returns the sections, for the rules.
    pub(super) fn sections(&self) -> Vec<Section> {
        self.lines.iter().map(Line::section).collect()
    }
}

impl Line {
    fn parse(section: &[&str], group: &[&str]) -> Result<Self, BadDescription> {
        let first = section.first().and_then(|m| m.strip_prefix("m=")).unwrap_or_default();
        let mut words = first.split_whitespace();
        let kind = match words.next() {
            Some("audio") => Some(Kind::Audio),
            Some("video") => Some(Kind::Video),
            Some("application") => None,
            _ => return bad("a section is neither audio, video nor for data channels"),
        };
        let has_port = words.next() != Some("0");
        let Some(mid) = attribute(section, "mid").map(str::trim) else {
            return bad("a section has no mid");
        };
        if !is_plain(mid, LONGEST_MID) {
            return bad("a mid has other characters than letters, digits and _, or over 16");
        }
        let direction = match () {
            () if has(section, "a=sendrecv") => Direction::Both,
            () if has(section, "a=sendonly") => Direction::Send,
            () if has(section, "a=recvonly") => Direction::Receive,
            () if has(section, "a=inactive") => Direction::Inactive,
            () => Direction::Both,
        };
        let rids = rids(section);
        if !rids.iter().all(|rid| is_plain(rid, LONGEST_RID)) {
            return bad("a RID has other characters than letters, digits and _, or over 8");
        }
        Ok(Self {
            mid: mid.to_owned(),
            kind,
            direction,
            // Port 0 inside the bundle means only that the port belongs to another section.
            is_rejected: !has_port && !group.contains(&mid),
            rids,
            codecs: codecs(section),
            formats: words.skip(1).map(str::to_owned).collect(),
        })
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.is_rejected || self.direction == Direction::Inactive
    }

    pub(super) fn sends(&self) -> bool {
        !self.is_rejected && matches!(self.direction, Direction::Both | Direction::Send)
    }

    /// Returns the first line of the section, with its payload types in order of preference.
    fn sorted(&self, first: &str) -> String {
        let mut words: Vec<&str> = first.split(' ').collect();
        if let Some(formats) = words.get_mut(3..) {
            let place = |format: &&str| self.formats.iter().position(|other| other == format);
            formats.sort_by_key(|format| place(format).unwrap_or(usize::MAX));
        }
        words.join(" ")
    }

    fn section(&self) -> Section {
        let receives =
            !self.is_rejected && matches!(self.direction, Direction::Both | Direction::Receive);
        Section {
            mid: self.mid.clone(),
            kind: self.kind,
            sends: self.sends(),
            receives,
            is_stopped: self.is_stopped(),
            rids: self.rids.clone(),
            codecs: self.codecs.clone(),
        }
    }
}

/// Gives a description of str0m's the SFU's manner: the origin, one fingerprint
/// and one name for all that is sent, and all candidates at once in the first
/// section that is not rejected.
pub(super) fn dress(text: &str, id: u64, version: u64) -> String {
    let fingerprint = text.lines().find(|line| line.starts_with("a=fingerprint:"));
    let mut candidates: Vec<&str> =
        text.lines().filter(|line| line.starts_with("a=candidate:")).collect();
    if !candidates.is_empty() {
        candidates.push("a=end-of-candidates");
    }
    let mut dressed = String::with_capacity(text.len());
    let mut push = |line: &str| {
        dressed.push_str(line);
        dressed.push_str("\r\n");
    };
    let (mut is_in_session, mut has_port) = (true, false);
    for line in text.lines() {
        if line.starts_with("m=") {
            if is_in_session && let Some(fingerprint) = fingerprint {
                push(fingerprint);
            }
            is_in_session = false;
            has_port = line.split(' ').nth(1) != Some("0");
        }
        let is_left_out = line.starts_with("a=fingerprint:")
            || line.starts_with("a=candidate:")
            || line == "a=ice-options:trickle";
        if has_port && line.starts_with("a=") {
            candidates.drain(..).for_each(&mut push);
        }
        if line.starts_with("o=") {
            push(&format!("o=- {id} {version} IN IP4 0.0.0.0"));
        } else if let Some((stream, _)) = line.split_once(" cname:") {
            push(&format!("{stream} cname:{id}"));
        } else if !is_left_out {
            push(line);
        }
    }
    dressed
}

/// Lists the payload types of a description of the SFU's in the order in which the
/// agent prefers them (RFC 3264 section 6.1). `lines` are its sections as the agent
/// has described them.
pub(super) fn prefer(text: &str, lines: &[Line]) -> String {
    let mut lines = lines.iter();
    let mut preferred = String::with_capacity(text.len());
    for line in text.lines() {
        match line.strip_prefix("m=").and_then(|_| lines.next()) {
            Some(of) => preferred.push_str(&of.sorted(line)),
            None => preferred.push_str(line),
        }
        preferred.push_str("\r\n");
    }
    preferred
}

/// Returns the lines before the first section, and those of each section.
pub(super) fn split<'a>(lines: impl Iterator<Item = &'a str>) -> (Vec<&'a str>, Vec<Vec<&'a str>>) {
    let (mut session, mut sections) = (Vec::new(), Vec::<Vec<&str>>::new());
    for line in lines {
        if line.starts_with("m=") {
            sections.push(vec![line]);
        } else {
            sections.last_mut().unwrap_or(&mut session).push(line);
        }
    }
    (session, sections)
}

/// Returns the error for a description that cannot be applied.
pub(super) fn bad<T>(why: &str) -> Result<T, BadDescription> {
    Err(BadDescription::Refused(why.to_owned()))
}

/// Returns the error for a description that cannot be read.
pub(super) fn unreadable<T>(why: &str) -> Result<T, BadDescription> {
    Err(BadDescription::Unreadable(why.to_owned()))
}

/// Returns whether str0m keeps the name as it is.
fn is_plain(name: &str, longest: usize) -> bool {
    let is_plain = |c: u8| c.is_ascii_alphanumeric() || c == b'_';
    !name.is_empty() && name.len() <= longest && name.bytes().all(is_plain)
}

fn has(section: &[&str], line: &str) -> bool {
    section.iter().any(|l| l.trim_end() == line)
}

/// Returns the value of an attribute, empty if it has none.
pub(super) fn attribute<'a>(lines: &[&'a str], name: &str) -> Option<&'a str> {
    lines.iter().find_map(|line| {
        let rest = line.strip_prefix("a=")?.strip_prefix(name)?;
        match rest.chars().next() {
            None => Some(rest),
            Some(':' | ' ') => Some(&rest[1..]),
            Some(_) => None,
        }
    })
}

fn credentials(lines: &[&str]) -> Option<(String, String)> {
    let user = attribute(lines, "ice-ufrag")?;
    let password = attribute(lines, "ice-pwd")?;
    Some((user.trim().to_owned(), password.trim().to_owned()))
}

fn codecs(section: &[&str]) -> Vec<String> {
    let maps = section.iter().filter_map(|line| line.strip_prefix("a=rtpmap:"));
    let names = maps.filter_map(|map| map.split_once(' ')?.1.split('/').next());
    names.map(str::to_ascii_lowercase).collect()
}

/// Returns the layers that are sent, in the order of `a=simulcast`. Of alternatives it takes the
/// first.
fn rids(section: &[&str]) -> Vec<String> {
    let Some(simulcast) = attribute(section, "simulcast") else {
        return Vec::new();
    };
    let mut words = simulcast.split_whitespace();
    while let Some(word) = words.next() {
        let Some(list) = words.next() else {
            break;
        };
        if word == "send" {
            return list
                .split(';')
                .filter_map(|layer| layer.split(',').next())
                .map(|rid| rid.trim_start_matches('~').to_owned())
                .filter(|rid| !rid.is_empty())
                .collect();
        }
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\r\no=x 1 2 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n\
        a=group:BUNDLE 0 d\r\na=ice-ufrag:u\r\na=ice-pwd:p\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\na=sendonly\r\n\
        a=rid:h send\r\na=rid:l send\r\na=simulcast:send h;~l\r\n\
        m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:d\r\n\
        m=audio 0 UDP/TLS/RTP/SAVPF 0\r\na=mid:1\r\na=inactive\r\n";

    #[test]
    fn sections_are_read_as_the_agent_means_them() {
        let sections = Description::parse(OFFER).unwrap().sections();
        assert_eq!(sections.len(), 3);
        assert_eq!(sections[0].kind, Some(Kind::Video));
        assert!(sections[0].sends && !sections[0].receives && !sections[0].is_stopped);
        assert_eq!(sections[0].rids, ["h", "l"]);
        assert_eq!(sections[1].kind, None);
        assert!(!sections[1].is_stopped);
        assert!(sections[2].is_stopped && !sections[2].sends);
    }

    #[test]
    fn refusals_quote_nothing_of_the_description() {
        for (from, to) in [
            ("a=inactive\r\n", "a=inactive"),
            ("a=mid:0", "a=mid:secret-mid"),
            ("a=rid:l send\r\na=simulcast:send h;~l", "a=simulcast:send h;secret/rid"),
            ("a=ice-pwd:p\r\n", ""),
            ("a=group:BUNDLE 0 d\r\n", ""),
            ("v=0", "secret"),
        ] {
            let error = Description::parse(&OFFER.replace(from, to)).err().unwrap();
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_dressed_description_says_its_candidates_are_all() {
        let text = "v=0\r\no=str0m 1 2 IN IP4 0.0.0.0\r\ns=-\r\nm=audio 9 X 0\r\n\
            a=candidate:1 1 udp 1 127.0.0.1 1 typ host\r\na=ice-options:trickle\r\n\
            a=fingerprint:sha-256 00\r\nm=audio 9 X 0\r\na=fingerprint:sha-256 00\r\n";
        assert_eq!(
            dress(text, 7, 3),
            "v=0\r\no=- 7 3 IN IP4 0.0.0.0\r\ns=-\r\na=fingerprint:sha-256 00\r\n\
             m=audio 9 X 0\r\na=candidate:1 1 udp 1 127.0.0.1 1 typ host\r\n\
             a=end-of-candidates\r\nm=audio 9 X 0\r\n"
        );
    }

    #[test]
    fn payload_types_are_in_the_agents_order() {
        let agents = OFFER.replace("SAVPF 96\r", "SAVPF 98 96 97\r");
        let lines = Description::parse(&agents).unwrap().lines;
        let text = "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 100 96 97 98\r\na=mid:0\r\n\
            m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n";
        let preferred = "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 98 96 97 100\r\na=mid:0\r\n\
            m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n";
        assert_eq!(prefer(text, &lines), preferred);
    }

    #[test]
    fn candidates_stand_in_the_first_section_that_is_not_rejected() {
        let text = "v=0\r\nm=audio 0 X 0\r\na=candidate:1\r\na=mid:0\r\n\
            m=video 9 X 0\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=ssrc:5 cname:x\r\n";
        assert_eq!(
            dress(text, 7, 3),
            "v=0\r\nm=audio 0 X 0\r\na=mid:0\r\nm=video 9 X 0\r\nc=IN IP4 0.0.0.0\r\n\
             a=candidate:1\r\na=end-of-candidates\r\na=mid:1\r\na=ssrc:5 cname:7\r\n"
        );
    }
}

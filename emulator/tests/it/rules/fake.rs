//! WebRTC that only records calls. It complains of calls that the real one could not carry out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use cloudflare_calls_emulator::media::*;

/// Returns a session description of the fake: a line for each section.
pub(crate) fn sdp(sections: &[&str]) -> String {
    let lines: Vec<String> = sections.iter().map(|line| format!("m={line}\r\n")).collect();
    format!("v=0\r\n{}", lines.concat())
}

#[derive(Default)]
struct Peer {
    is_connected: bool,
    is_cut: bool,
    mids: BTreeSet<String>,
    offered: Option<Vec<String>>,
    channels: BTreeSet<u16>,
}

#[derive(Default)]
pub(crate) struct Fake {
    peers: BTreeMap<SessionKey, Peer>,
    packets: BTreeMap<Place, Duration>,
    /// Codecs of packets, where they are not those that all sections list.
    pub(crate) codecs: BTreeMap<Place, String>,
    /// Sources of each subscriber.
    pub(crate) forwards: BTreeMap<Place, (Place, Layers)>,
    pub(crate) sent: Vec<(SessionKey, u16, String)>,
    pub(crate) opened: Vec<(SessionKey, u16, String, Delivery)>,
    pub(crate) problems: Vec<String>,
    /// True if offers fail.
    pub(crate) is_broken: bool,
}

impl Fake {
    pub(crate) fn connect(&mut self, session: SessionKey, is_connected: bool) {
        if let Some(peer) = self.peers.get_mut(&session) {
            peer.is_connected = is_connected;
        }
    }

    pub(crate) fn packet(&mut self, place: Place, now: Duration) {
        self.packets.insert(place, now);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.peers.is_empty() && self.forwards.is_empty()
    }

    pub(crate) fn is_cut(&self, session: SessionKey) -> bool {
        self.peers.get(&session).is_some_and(|peer| peer.is_cut)
    }

    fn peer(&mut self, session: SessionKey, call: &str) -> &mut Peer {
        if !self.peers.contains_key(&session) {
            self.problems.push(format!("{call}: no session"));
        }
        self.peers.entry(session).or_default()
    }
}

fn section(line: &str) -> Option<Section> {
    let mut words = line.strip_prefix("m=")?.split(' ');
    let (mid, kind, way) = (words.next()?, words.next()?, words.next()?);
    let kind = match kind {
        "audio" => Some(Kind::Audio),
        "video" => Some(Kind::Video),
        _ => None,
    };
    Some(Section {
        mid: mid.to_owned(),
        kind,
        sends: matches!(way, "send" | "both"),
        receives: matches!(way, "recv" | "both"),
        is_stopped: way == "stop",
        rids: words.map(str::to_owned).collect(),
        codecs: vec!["opus".to_owned(), "vp8".to_owned()],
    })
}

impl Media for Fake {
    fn open(&mut self, session: SessionKey) {
        if self.peers.insert(session, Peer::default()).is_some() {
            self.problems.push("open: twice".to_owned());
        }
    }

    fn close(&mut self, session: SessionKey) {
        self.peer(session, "close");
        self.peers.remove(&session);
        self.forwards.retain(|to, _| to.session != session);
        if self.forwards.values().any(|(from, _)| from.session == session) {
            self.problems.push("close: still received by others".to_owned());
        }
    }

    fn read(&self, sdp: &str) -> Result<Vec<Section>, BadDescription> {
        Ok(sdp.lines().filter_map(section).collect())
    }

    fn accept_offer(&mut self, session: SessionKey, sdp: &str) -> Result<Accepted, BadDescription> {
        if sdp.contains("bad") {
            return Err(BadDescription::Refused("bad".to_owned()));
        }
        let peer = self.peer(session, "accept_offer");
        if peer.offered.is_some() {
            self.problems.push("accept_offer: during an exchange".to_owned());
        }
        let sections: Vec<Section> = sdp.lines().filter_map(section).collect();
        let peer = self.peer(session, "accept_offer");
        peer.mids.extend(sections.iter().map(|section| section.mid.clone()));
        Ok(Accepted { answer: "v=0 answer\r\n".to_owned(), sections })
    }

    fn offer(
        &mut self,
        session: SessionKey,
        add: &[NewSection],
    ) -> Result<Offered, BadDescription> {
        if self.is_broken {
            return Err(BadDescription::Refused("broken".to_owned()));
        }
        let peer = self.peer(session, "offer");
        let was_offered = peer.offered.is_some();
        let free = (0..).map(|number| format!("s{number}"));
        let mids: Vec<String> =
            free.filter(|mid| !peer.mids.contains(mid)).take(add.len()).collect();
        peer.offered = Some(mids.clone());
        if was_offered || add.is_empty() {
            self.problems.push("offer: not now".to_owned());
        }
        Ok(Offered { offer: format!("v=0 offer {add:?}\r\n"), mids })
    }

    fn accept_answer(&mut self, session: SessionKey, sdp: &str) -> Result<(), BadDescription> {
        if sdp.contains("bad") {
            return Err(BadDescription::Refused("bad".to_owned()));
        }
        let peer = self.peer(session, "accept_answer");
        match peer.offered.take() {
            Some(mids) => peer.mids.extend(mids),
            None => self.problems.push("accept_answer: no offer".to_owned()),
        }
        Ok(())
    }

    fn cut(&mut self, session: SessionKey, is_cut: bool) {
        self.peer(session, "cut").is_cut = is_cut;
    }

    fn is_connected(&self, session: SessionKey) -> bool {
        self.peers.get(&session).is_some_and(|peer| peer.is_connected)
    }

    fn last_packet(&self, place: &Place) -> Option<Duration> {
        self.packets.get(place).copied()
    }

    fn last_codec(&self, place: &Place) -> Option<String> {
        self.codecs.get(place).cloned()
    }

    fn counters(&self, place: &Place) -> Option<Counters> {
        let packets_in = u64::from(self.packets.contains_key(place));
        Some(Counters { packets_in, ..Counters::default() })
    }

    fn forward(&mut self, from: Place, to: Place, layers: Layers) {
        for place in [&from, &to] {
            if !self.peers.get(&place.session).is_some_and(|peer| {
                peer.mids.contains(&place.mid) || self.packets.contains_key(place)
            }) {
                self.problems.push(format!("forward: no {place:?}"));
            }
        }
        self.forwards.insert(to, (from, layers));
    }

    fn stop(&mut self, to: &Place) {
        if self.forwards.remove(to).is_none() {
            self.problems.push("stop: nothing flows".to_owned());
        }
    }

    fn open_channel(&mut self, session: SessionKey, id: u16, name: &str, delivery: Delivery) {
        if !self.peer(session, "open_channel").channels.insert(id) {
            self.problems.push("open_channel: twice".to_owned());
        }
        self.opened.push((session, id, name.to_owned(), delivery));
    }

    fn close_channel(&mut self, session: SessionKey, id: u16) {
        if !self.peer(session, "close_channel").channels.remove(&id) {
            self.problems.push("close_channel: not open".to_owned());
        }
    }

    fn send(&mut self, session: SessionKey, id: u16, message: &Message) {
        if !self.peer(session, "send").channels.contains(&id) {
            self.problems.push("send: not open".to_owned());
        }
        self.sent.push((session, id, String::from_utf8_lossy(&message.data).into_owned()));
    }
}

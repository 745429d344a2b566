//! Media side without WebRTC, for tests of programs that use only the API.
//!
//! Connections are up at once, published tracks send all the time, and no media is carried. Offers
//! of agents are read, and answered with the same sections. An answer may leave its sections out.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use super::sdp::{self, Description};
use super::side::Side;
use super::{
    Accepted, BadDescription, Counters, Delivery, Event, Kind, Layers, Media, Message, NewSection,
    Offered, Place, Section, SessionKey,
};

/// The ICE user name fragment in every description of the canned side, so that a
/// test can search its logs for it.
pub const ICE_UFRAG: &str = "c4nnedUfr4g";

/// The ICE password in every description of the canned side.
pub const ICE_PWD: &str = "c4nnedP4sswordOfTheEmulat0r";

/// Media side without WebRTC.
pub(crate) struct Canned {
    start: Instant,
    peers: BTreeMap<SessionKey, Peer>,
    events: VecDeque<Event>,
}

#[derive(Default)]
struct Peer {
    is_cut: bool,
    /// The lines of each section as the SFU writes them, by mid in their order.
    sections: Vec<(String, String)>,
}

impl Canned {
    /// Creates a media side that starts now.
    pub(crate) fn new(start: Instant) -> Self {
        Self { start, peers: BTreeMap::new(), events: VecDeque::new() }
    }

    fn peer(&mut self, session: SessionKey) -> Result<&mut Peer, BadDescription> {
        match self.peers.get_mut(&session) {
            Some(peer) => Ok(peer),
            None => sdp::bad("there is no such session"),
        }
    }
}

impl Side for Canned {
    fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn is_empty(&self) -> bool {
        self.peers.is_empty()
    }
}

impl Media for Canned {
    fn open(&mut self, session: SessionKey) {
        self.peers.insert(session, Peer::default());
        self.events.push_back(Event::Connected(session));
    }

    fn close(&mut self, session: SessionKey) {
        self.peers.remove(&session);
        self.events.retain(|event| event.session() != session);
    }

    fn read(&self, sdp: &str) -> Result<Vec<Section>, BadDescription> {
        // A canned answer may have no sections.
        if !sdp.contains("\nm=") {
            return Ok(Vec::new());
        }
        Description::parse(sdp).map(|description| description.sections())
    }

    fn accept_offer(&mut self, session: SessionKey, sdp: &str) -> Result<Accepted, BadDescription> {
        let sections = Description::parse(sdp)?.sections();
        let peer = self.peer(session)?;
        for section in &sections {
            peer.put(&section.mid, section.kind, answered(section));
        }
        Ok(Accepted { answer: peer.describe(), sections })
    }

    fn offer(
        &mut self,
        session: SessionKey,
        add: &[NewSection],
    ) -> Result<Offered, BadDescription> {
        let peer = self.peer(session)?;
        let mut mids = Vec::new();
        for section in add {
            let used: BTreeSet<&String> = peer.sections.iter().map(|(mid, _)| mid).collect();
            let free = (used.len()..).map(|number| number.to_string());
            let Some(mid) = free.into_iter().find(|mid| !used.contains(mid)) else { continue };
            let (kind, direction) = match *section {
                NewSection::Send { kind, is_bidirectional: false } => (Some(kind), "sendonly"),
                NewSection::Receive { kind, is_bidirectional: false } => (Some(kind), "recvonly"),
                NewSection::Send { kind, .. } | NewSection::Receive { kind, .. } => {
                    (Some(kind), "sendrecv")
                }
                NewSection::Data => (None, "sendrecv"),
            };
            peer.put(&mid, kind, direction);
            mids.push(mid);
        }
        Ok(Offered { offer: peer.describe(), mids })
    }

    fn accept_answer(&mut self, session: SessionKey, _sdp: &str) -> Result<(), BadDescription> {
        self.peer(session).map(drop)
    }

    fn cut(&mut self, session: SessionKey, is_cut: bool) {
        if let Some(peer) = self.peers.get_mut(&session) {
            peer.is_cut = is_cut;
        }
    }

    fn is_connected(&self, session: SessionKey) -> bool {
        self.peers.get(&session).is_some_and(|peer| !peer.is_cut)
    }

    fn last_packet(&self, place: &Place) -> Option<Duration> {
        self.is_connected(place.session).then(|| self.start.elapsed())
    }

    fn last_codec(&self, _place: &Place) -> Option<String> {
        None
    }

    fn counters(&self, _place: &Place) -> Option<Counters> {
        None
    }

    fn forward(&mut self, _from: Place, _to: Place, _layers: Layers) {}

    fn stop(&mut self, _to: &Place) {}

    fn open_channel(&mut self, _session: SessionKey, _id: u16, _name: &str, _delivery: Delivery) {}

    fn close_channel(&mut self, _session: SessionKey, _id: u16) {}

    fn send(&mut self, _session: SessionKey, _id: u16, _message: &Message) {}
}

impl Peer {
    fn put(&mut self, mid: &str, kind: Option<Kind>, direction: &str) {
        let media = match kind {
            Some(Kind::Audio) => "audio 9 UDP/TLS/RTP/SAVPF 111",
            Some(Kind::Video) => "video 9 UDP/TLS/RTP/SAVPF 96",
            None => "application 9 UDP/DTLS/SCTP webrtc-datachannel",
        };
        let lines = format!("m={media}\r\na=mid:{mid}\r\na={direction}\r\n");
        match self.sections.iter_mut().find(|(other, _)| other == mid) {
            Some((_, old)) => *old = lines,
            None => self.sections.push((mid.to_owned(), lines)),
        }
    }

    fn describe(&self) -> String {
        let mids: Vec<&str> = self.sections.iter().map(|(mid, _)| mid.as_str()).collect();
        let mut text = format!(
            "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=ice-lite\r\n\
             a=ice-ufrag:{ICE_UFRAG}\r\na=ice-pwd:{ICE_PWD}\r\na=group:BUNDLE {}\r\n",
            mids.join(" ")
        );
        for (_, lines) in &self.sections {
            text.push_str(lines);
        }
        text
    }
}

/// Returns the direction of an offered section in the answer.
fn answered(section: &Section) -> &'static str {
    match (section.sends, section.receives) {
        _ if section.is_stopped => "inactive",
        (true, true) => "sendrecv",
        (true, false) => "recvonly",
        (false, true) => "sendonly",
        (false, false) => "inactive",
    }
}

//! State of one session.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use serde_json::{Value, json};

use super::channel::{Channel, ChannelEnd, Subscriber};
use super::section::{Exchange, SectionState};
use super::track::{End, Found, Track};
use super::waiting::Waiting;
use crate::media::Kind;
use crate::rules::config::Config;
use crate::rules::read::reply::{Reply, item, ok};
use crate::rules::read::request::Location;

/// The window in which requests are counted.
const SECOND: Duration = Duration::from_secs(1);

/// Session that has not expired.
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) app: String,
    pub(crate) correlation_id: Option<String>,
    pub(crate) created: Duration,
    pub(crate) link: Link,
    /// True if an adapter feeds it: it has no agent.
    pub(crate) is_ingest: bool,
    /// True once an exchange of session descriptions has ended.
    pub(crate) was_negotiated: bool,
    /// The SFU's offer that awaits its answer.
    pub(crate) exchange: Option<Exchange>,
    /// The change that waits.
    pub(crate) waiting: Option<Waiting>,
    /// The media sections, by mid.
    pub(crate) sections: BTreeMap<String, SectionState>,
    pub(crate) tracks: Vec<Track>,
    /// True if data channels can be opened.
    pub(crate) has_data: bool,
    /// True once `datachannels/establish` has succeeded.
    pub(crate) is_established: bool,
    /// Data channels, without the transport's own one.
    pub(crate) channels: BTreeMap<u16, Channel>,
    pub(crate) last_channel: u16,
    /// True if the SFU answers the next negotiated close with an offer of its own.
    pub(crate) is_glaring: bool,
    /// Switches of layers that are not due yet.
    pub(crate) switches: Vec<Switch>,
    /// Times of the requests of the last second.
    recent: VecDeque<Duration>,
}

/// State of a session's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// The session had none yet.
    New,
    /// The connection carries packets.
    Up,
    /// The connection was lost. `is_cut`: by order, so that it stays lost.
    Down { since: Duration, is_cut: bool },
}

/// Switch of a subscription to another layer, which is not due yet.
pub(crate) struct Switch {
    pub(crate) at: Duration,
    pub(crate) mid: String,
}

impl Session {
    pub(crate) fn new(id: String, app: String, created: Duration) -> Self {
        Self {
            id,
            app,
            correlation_id: None,
            created,
            link: Link::New,
            is_ingest: false,
            was_negotiated: false,
            exchange: None,
            waiting: None,
            sections: BTreeMap::new(),
            tracks: Vec::new(),
            has_data: false,
            is_established: false,
            channels: BTreeMap::new(),
            last_channel: 0,
            is_glaring: false,
            switches: Vec::new(),
            recent: VecDeque::new(),
        }
    }

    /// Returns whether a section for data channels has been negotiated.
    pub(crate) fn carries_data(&self) -> bool {
        self.sections.values().any(|section| section.kind.is_none() && !section.is_stopped)
    }

    /// Returns the time at which it expires if its connection stays as it is.
    pub(crate) fn expires_at(&self, config: &Config) -> Option<Duration> {
        match self.link {
            _ if self.is_ingest => None,
            Link::New => Some(self.created.saturating_add(config.unconnected)),
            Link::Up => None,
            Link::Down { since, .. } => Some(since.saturating_add(config.reuse)),
        }
    }

    /// Returns whether its connection was lost.
    pub(crate) fn is_down(&self) -> bool {
        matches!(self.link, Link::Down { .. })
    }

    /// Counts a request. Returns false if there are too many.
    pub(crate) fn admit(&mut self, now: Duration, limit: usize) -> bool {
        while self.recent.front().is_some_and(|at| now.saturating_sub(*at) >= SECOND) {
            self.recent.pop_front();
        }
        let is_admitted = self.recent.len() < limit;
        if is_admitted {
            self.recent.push_back(now);
        }
        is_admitted
    }

    pub(crate) fn show(&self) -> Reply {
        let tracks: Vec<Value> = self.tracks.iter().map(Track::show).collect();
        let is_up = self.link == Link::Up;
        let channels: Vec<Value> = self
            .channels
            .iter()
            .map(|(id, channel)| {
                item(json!({ "location": channel.location(), "sessionId": channel.publisher(),
                    "dataChannelName": channel.name, "id": id, "status": channel.status(is_up) }))
            })
            .collect();
        ok(json!({ "tracks": tracks, "dataChannels": channels }))
    }

    /// Returns the time at which its tracks have to be checked for silence.
    pub(crate) fn idle_at(&self, track_idle: Duration) -> Option<Duration> {
        if self.link != Link::Up {
            return None;
        }
        let heard =
            self.tracks.iter().filter(|track| track.is_open).filter_map(|track| match &track.end {
                End::Local(publication) => Some(publication.heard),
                End::Remote(_) => None,
            });
        heard.min().map(|heard| heard.saturating_add(track_idle))
    }

    /// Returns the mid of the transceiver of `#name`, if it can carry this kind in this direction.
    pub(crate) fn transceiver(&self, name: &str, kind: Kind, location: Location) -> Option<String> {
        let is_meant = |track: &&Track| {
            let section = self.sections.get(&track.mid);
            track.is_open
                && track.name == name
                && section.is_some_and(|section| section.carries(kind, location))
        };
        self.tracks.iter().rev().find(is_meant).map(|track| track.mid.clone())
    }

    /// Adds a track, in the place of one of the same mid and end.
    pub(crate) fn put(&mut self, track: Track) -> Value {
        let (mid, location) = (track.mid.clone(), track.location());
        self.tracks.retain(|other| other.mid != mid || other.location() != location);
        let entry = track.entry();
        self.tracks.push(track);
        entry
    }

    /// Returns the open track of a section in one direction. At most one is open.
    pub(crate) fn open_on(&self, mid: &str, location: Location) -> Option<&Track> {
        let is_it =
            |track: &&Track| track.is_open && track.mid == mid && track.location() == location;
        self.tracks.iter().find(is_it)
    }

    /// Returns a section on which the agent waits for media of that kind and codec, and that is not
    /// taken.
    pub(crate) fn idle_section(&self, found: &Found, taken: &BTreeSet<String>) -> Option<String> {
        let is_free = |mid: &String, section: &SectionState| {
            section.is_idle(found.kind)
                && found.codec.as_ref().is_none_or(|codec| section.codecs.contains(codec))
                && !taken.contains(mid)
                && self.open_on(mid, Location::Remote).is_none()
        };
        let mut sections = self.sections.iter();
        sections.find(|(mid, section)| is_free(mid, section)).map(|(mid, _)| mid.clone())
    }

    pub(crate) fn switch_at(&self) -> Option<Duration> {
        self.switches.iter().map(|switch| switch.at).min()
    }

    /// Returns the time at which the first channel without its acknowledgement ends.
    pub(crate) fn ack_until(&self) -> Option<Duration> {
        let gates = self.channels.values().filter_map(|channel| match &channel.end {
            ChannelEnd::Remote(Subscriber { gate: Some(gate), .. }) if channel.is_open => {
                Some(gate.until)
            }
            _ => None,
        });
        gates.min()
    }

    /// Returns the time at which something is due if no event comes.
    pub(crate) fn due_at(&self, config: &Config) -> Option<Duration> {
        let times = [
            self.expires_at(config),
            self.waiting.as_ref().map(Waiting::wakes_at),
            self.idle_at(config.track_idle),
            self.ack_until(),
            self.switch_at(),
        ];
        times.into_iter().flatten().min()
    }
}

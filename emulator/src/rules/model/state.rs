//! State of the rules.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use fastrand::Rng;

use super::adapter::{Adapter, Job};
use super::channel::{Channel, ChannelEnd, Port};
use super::history::{History, What};
use super::past_ids::PastIds;
use super::session::Session;
use super::timers::Timers;
use super::track::{Source, Track};
use super::violations::{UnderWay, ViolationKind, Violations};
use super::waiting::Stage;
use crate::media::{Delivery, Direction, SessionKey};
use crate::rules::config::Config;
use crate::rules::read::endpoints::AdapterCommand;
use crate::rules::read::reply::{Reply, bad_description, disconnected, not_found, too_many};
use crate::rules::read::request::{Location, Operation, Request, Ticket};

/// State of the rules.
pub(crate) struct State {
    pub(crate) config: Config,
    random: Rng,
    /// Counter of sessions, tracks and tickets.
    count: u64,
    pub(crate) sessions: BTreeMap<SessionKey, Session>,
    /// The sessions by id.
    pub(crate) ids: BTreeMap<String, SessionKey>,
    /// Times at which sessions are due.
    pub(crate) timers: Timers,
    /// Sessions with a change that waits for packets.
    pub(crate) awaiting_packets: BTreeSet<SessionKey>,
    /// The expired sessions.
    pub(crate) expired_sessions: PastIds,
    pub(crate) adapters: BTreeMap<String, Adapter>,
    pub(crate) closed_adapters: PastIds,
    /// Subscribers of each published channel that has some.
    pub(crate) listeners: BTreeMap<Port, BTreeSet<Port>>,
    pub(crate) history: History,
    /// Requests that wait for adapters.
    pub(crate) jobs: Vec<Job>,
    pub(crate) replies: VecDeque<(Ticket, Reply)>,
    pub(crate) commands: VecDeque<AdapterCommand>,
    pub(crate) violations: Violations,
}
impl State {
    /// Creates a state without any session. The same seed gives the same ids. Without one they
    /// differ from start to start.
    pub(crate) fn new(config: Config, seed: Option<u64>) -> Self {
        Self {
            config,
            random: seed.map_or_else(Rng::new, Rng::with_seed),
            count: 0,
            sessions: BTreeMap::new(),
            ids: BTreeMap::new(),
            timers: Timers::default(),
            awaiting_packets: BTreeSet::new(),
            expired_sessions: PastIds::default(),
            adapters: BTreeMap::new(),
            closed_adapters: PastIds::default(),
            listeners: BTreeMap::new(),
            history: History::default(),
            jobs: Vec::new(),
            replies: VecDeque::new(),
            commands: VecDeque::new(),
            violations: Violations::default(),
        }
    }

    /// Returns the key that a session has on the media side.
    pub(crate) fn key(&self, session: &str) -> Option<SessionKey> {
        self.ids.get(session).copied()
    }

    /// Returns a number that was not used before.
    pub(crate) fn next(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    /// Returns 32 hexadecimal digits.
    pub(crate) fn new_id(&mut self) -> String {
        format!("{:032x}", self.random.u128(..))
    }

    /// Returns a name in the form of a random UUID.
    pub(crate) fn new_name(&mut self) -> String {
        // Version 4, variant 1 (RFC 9562 section 5.4).
        let bits = self.random.u128(..) & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
        let id = format!("{bits:032x}");
        let part = |from: usize, to: usize| id.get(from..to).unwrap_or_default();
        [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
    }

    /// Takes the number of bytes that went through an adapter so far.
    pub(crate) fn adapter_bytes(&mut self, id: &str, total: u64) {
        if let Some(adapter) = self.adapters.get_mut(id) {
            adapter.bytes = Some(total);
        }
    }

    /// Refuses a change that came during another one of its session that the rules do not know of.
    pub(crate) fn overlap(&mut self, now: Duration, request: &Request, other: UnderWay) -> Reply {
        let kind = match other {
            UnderWay::Awaited => ViolationKind::Overlap,
            UnderWay::Abandoned => ViolationKind::OverlapAfterHangUp,
        };
        match self.admit(now, request) {
            Ok(key) => {
                self.note(now, key, request.operation, kind);
                bad_description("another change of the session is under way")
            }
            Err(refused) => refused,
        }
    }

    /// Returns the session of a request, unless it does not exist or has had too many requests.
    pub(crate) fn admit(&mut self, now: Duration, request: &Request) -> Result<SessionKey, Reply> {
        let id = request.session.as_deref().unwrap_or_default();
        let Some(key) = self.key(id) else {
            return Err(match self.expired_sessions.was_of(id, &request.app) {
                true => {
                    self.violations.say_gone(now, request);
                    disconnected()
                }
                false => not_found("session not found"),
            });
        };
        let limit = self.config.requests_per_second;
        let session = self.sessions.get_mut(&key);
        let session = session.filter(|session| session.app == request.app);
        match session.ok_or_else(|| not_found("session not found"))?.admit(now, limit) {
            true => Ok(key),
            false => {
                let kind = ViolationKind::TooManyRequests;
                self.note(now, key, request.operation, kind);
                Err(too_many())
            }
        }
    }

    /// Notes a violation by a request about a session.
    pub(crate) fn note(
        &mut self,
        now: Duration,
        key: SessionKey,
        operation: Operation,
        kind: ViolationKind,
    ) {
        let Some(session) = self.sessions.get(&key) else { return };
        let of = (session.app.as_str(), session.id.as_str());
        self.violations.push(now, of, operation, kind);
    }

    /// Returns the session, or the refusal for one that has ended.
    pub(crate) fn live(&mut self, key: SessionKey) -> Result<&mut Session, Reply> {
        self.sessions.get_mut(&key).ok_or_else(disconnected)
    }

    /// Sets the session's next time, and removes it if the session has ended. Has to be called
    /// after every change of a session.
    pub(crate) fn schedule(&mut self, key: SessionKey) {
        let at = self.sessions.get(&key).and_then(|session| session.due_at(&self.config));
        self.timers.set(key, at);
    }

    /// Makes the changes that wait for packets due.
    pub(crate) fn look_again(&mut self) {
        for key in self.awaiting_packets.clone() {
            let waiting = self.sessions.get_mut(&key).and_then(|session| session.waiting.as_mut());
            if let Some(Stage::Packets { until, .. }) = waiting.map(|waiting| &mut waiting.stage) {
                *until = Duration::ZERO;
            }
            self.schedule(key);
        }
    }

    /// Returns the publisher's channel of that name, and its policy.
    pub(crate) fn find_channel(
        &self,
        app: &str,
        publisher: &str,
        name: &str,
    ) -> Option<(Port, Delivery)> {
        let key = *self.ids.get(publisher)?;
        let session = self.sessions.get(&key).filter(|session| session.app == app)?;
        session.channels.iter().rev().find_map(|(id, channel)| match channel.end {
            ChannelEnd::Local if channel.is_open && channel.name == name => {
                Some(((key, *id), channel.delivery))
            }
            _ => None,
        })
    }

    pub(crate) fn channel(&mut self, (key, id): Port) -> Option<&mut Channel> {
        self.sessions.get_mut(&key)?.channels.get_mut(&id)
    }

    /// Returns the subscribers of a published channel.
    pub(crate) fn listeners(&self, source: Port) -> Vec<Port> {
        self.listeners.get(&source).into_iter().flatten().copied().collect()
    }

    /// Removes a closed subscriber of a published channel.
    pub(crate) fn unlisten(&mut self, source: Port, to: Port) {
        if let Some(listeners) = self.listeners.get_mut(&source) {
            listeners.remove(&to);
            if listeners.is_empty() {
                self.listeners.remove(&source);
            }
        }
    }

    /// Gives or takes the permission to reply. Only the newest holder has it.
    pub(crate) fn set_reply(&mut self, key: SessionKey, id: u16, can_reply: bool) {
        let source = self.channel((key, id)).and_then(|channel| channel.source());
        let others = source.filter(|_| can_reply).map(|source| self.listeners(source));
        for (port, can_reply) in
            others.into_iter().flatten().map(|port| (port, false)).chain([((key, id), can_reply)])
        {
            if let Some(ChannelEnd::Remote(subscriber)) = self.channel(port).map(|c| &mut c.end) {
                subscriber.can_reply = can_reply;
            }
        }
    }

    /// Cuts the subscribers of a channel off from it.
    pub(crate) fn starve_channels(&mut self, key: SessionKey, id: u16) {
        for port in self.listeners.remove(&(key, id)).into_iter().flatten() {
            if let Some(ChannelEnd::Remote(subscriber)) = self.channel(port).map(|c| &mut c.end) {
                subscriber.source = None;
                subscriber.can_reply = false;
            }
        }
    }

    /// Returns whether a publication still exists.
    pub(crate) fn is_published(&self, source: Source) -> bool {
        self.publication(source).is_some()
    }

    pub(crate) fn publication(&self, source: Source) -> Option<(&Session, &Track)> {
        let session = self.sessions.get(&source.session)?;
        let is_meant = |track: &&Track| track.is_open && track.serial == source.serial;
        session.tracks.iter().find(is_meant).map(|track| (session, track))
    }

    /// Notes the first packet of a section, with the open track on it.
    pub(crate) fn note_first_packet(&mut self, key: SessionKey, mid: &str, direction: Direction) {
        let location = match direction {
            Direction::FromAgent => Location::Local,
            Direction::ToAgent => Location::Remote,
        };
        let Some(session) = self.sessions.get(&key) else { return };
        let track = session.open_on(mid, location);
        let track = track.map(|track| track.name.as_str().into());
        self.history.note(key, What::FirstPacket { track, mid: mid.into(), location });
    }

    /// Ends the adapters that read a publication that has ended.
    pub(crate) fn end_egress(&mut self, source: Source) {
        self.end_adapters(|adapter| adapter.reads == Some(source));
    }

    /// Ends the adapter that feeds a session that has ended.
    pub(crate) fn end_ingest(&mut self, key: SessionKey) {
        self.end_adapters(|adapter| adapter.feeds == Some(key));
    }

    pub(crate) fn end_adapters(&mut self, is_meant: impl Fn(&Adapter) -> bool) {
        let is_meant = |adapter: &Adapter| adapter.is_open && is_meant(adapter);
        let ended = self.adapters.iter().filter(|(_, adapter)| is_meant(adapter));
        for id in ended.map(|(id, _)| id.clone()).collect::<Vec<_>>() {
            self.retire(&id);
            self.commands.push_back(AdapterCommand::Close { id });
        }
    }

    /// Forgets an adapter, except that it is closed.
    pub(crate) fn retire(&mut self, id: &str) -> Option<Adapter> {
        let adapter = self.adapters.remove(id)?;
        tracing::info!(adapter = id, "closed");
        self.closed_adapters.insert(id.to_owned(), adapter.app.clone());
        Some(adapter)
    }

    pub(crate) fn next_job(&self) -> Option<Duration> {
        self.jobs.iter().map(|job| job.until).min()
    }

    pub(crate) fn finish_jobs(&mut self) {
        let replies = &mut self.replies;
        self.jobs.retain(|job| match job.reply() {
            Some(reply) => {
                replies.push_back((job.ticket, reply));
                false
            }
            None => true,
        });
    }
}

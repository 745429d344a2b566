//! The API's rules: a state machine without sockets, clocks and HTTP.
//!
//! A [`Request`] gets its [`Reply`] at once, or a [`Ticket`] for one that
//! [`Rules::poll_reply`] hands out later. Time is a `Duration` since the start
//! that every call brings along; [`Rules::poll_timeout`] says when
//! [`Rules::timeout`] has to be called. After each call there may be replies
//! and [`AdapterCommand`]s to take.
//!
//! # What the rules go by
//!
//! Evidence: **D** is documented by Cloudflare, in its reference or its own
//! examples. **O** was observed against the live service by several projects, **o**
//! by one. **U** is unknown, and a choice was made.
//!
//! | Question | Here | Evidence |
//! |---|---|---|
//! | A pull with the agent's offer | The answer is in the reply; the tracks take sections of their kind that receive, in order, or the one that `mid` names | D |
//! | An entry for which that offer has no such section | Fails with `not_found_track_error`; the offer is answered | U |
//! | A pull without an offer while an idle `recvonly` section of the agent's is there | Uses it, without an exchange | O |
//! | Such a section once its track was closed by force | Is not used again | U |
//! | Audio or video and `m=application` in one offer | `establish` is not needed | D |
//! | `establish` all the same | No exchange | U |
//! | A published entry with a mid, without a description and without `kind` | On the section that is there: 200 once connected, 425 before | O |
//! | `sessions/new` with an offer | Answered in the reply | O |
//! | Mids of the SFU's sections | Counted per connection, none used twice | D |
//! | An offer that rejects all sections | The connection ends | O |
//! | An answer, or an offer for a pull, without the codec that the publisher sends | 406 `invalid_session_description`, with the original's words | O |
//! | A track that sends nothing yet | `not_found_track_error` after [`Config::first_packet_wait`] | O |
//! | A track that has stopped to send, or whose section was closed by force | `empty_track_error` after [`Config::stopped_wait`] | O |
//! | When a track has stopped to send | After [`Config::pause`] without a packet | U |
//! | `tracks/update` just after a pull | `update_track_error` if [`Config::pull_settles`] is set | O |
//! | How long a switch of layers takes | [`Config::layer_switch`], if set | o |
//! | A session that has lost its connection | 410 after [`Config::connect_wait`], and it can come back for [`Config::reuse`] | o |
//! | When a session that never connects expires | After 60 s, then 410; a maintainer says 30 s, up to 2 min were seen | o, conflicting |
//! | `tracks/close` without `force`, and a mid that is null | 400 `decoding_error` | O |
//! | Egress of a publication that sends nothing yet | 503, item `not_found_track_error` | o |
//! | A track without packets | Is collected after [`Config::track_idle`], a data channel is not | D |
//! | What a change gets while another one waits | 406 `invalid_session_description`, as for an open exchange; 409 was seen as well | O, conflicting |
//! | Whether an open exchange gives way to a forced close | No, 406 as for any change | U |
//! | What the open exchange is after an answer that is not acceptable | Still open | U |
//! | `renegotiate` while no offer is open | 406 `invalid_session_description` | U |
//! | `renegotiate` without a description | 406 `invalid_session_description` | U |
//! | Which operations wait for the transport | All changes but: what has an offer of its own, the first exchange of a session, `renegotiate`, a forced close. Requests that are invalid are refused first | U |
//! | The body of 429 | None | U |
//! | Which requests count for 429 | All on a session that is there, refused ones too, but not those that got 429; in any period of 1 s | U |
//! | Status and limit of `payload_too_large` | 413, 1 MiB | U |
//! | A mid that is no section of the offer that the agent sends on | The entry fails with `not_found_track_error`; the offer is answered | U |
//! | A second name on a mid whose track is open | 406 `invalid_params` | U |
//! | The same name on the same mid again | Nothing changes, and the entry is as before | U |
//! | Two open tracks of one name in a session | The newer one is found | U |
//! | Pulling a track that was collected or closed | `not_found_track_error`, at once | D |
//! | Publishing on a mid after a negotiated close, or after its track was collected | As on a new mid | U |
//! | Which packets count after publishing | Those that come from then on | U |
//! | A reply with entries that succeed and entries that wait | Waits for all | U |
//! | A subscription whose publication has ended | `inactive`, but closing it succeeds, and an update gives it another source | U |
//! | A pull by `#name` where something is pulled already | Takes its place | U |
//! | `#name` that cannot carry the track's kind or direction | `not_found_track_error` | U |
//! | `simulcast` in a pull of a track without layers | Accepted, no effect | U |
//! | Update to a source that sends nothing yet | Waits as a pull does | U |
//! | An offer in `tracks/update` | Checked, not used | U |
//! | A subscriber that asks for another delivery policy than the publisher | The publisher's is used | U |
//! | Messages for a subscriber that has to acknowledge | Kept, at most 1024, the oldest make room | U |
//! | The acknowledging message | For the SFU only, not handed to the publisher | U |
//! | A publisher's channel that closes | Its subscribers' become `inactive` but stay open; updates of them get `not_found_track_error` | U |
//! | Ids of closed data channels | Not used again | U |
//! | The status of a channel that awaits its acknowledgement, or whose session is not connected | `initializing` | U |
//! | What collects a subscription without packets | Nothing | U |
//! | Tracks of a session that lost its connection | Not collected until it is back; then their time begins anew | U |
//! | An egress adapter whose codec is not of the track's kind | `not_found_track_error` | U |
//! | An egress adapter whose track ends | Is closed | U |
//! | An egress adapter whose connection breaks | Is made again within [`Config::egress_reconnect`], with a second of sound or the last picture | D |
//! | An egress adapter whose endpoint says goodbye | Is closed | U |
//! | An ingest adapter whose connection breaks | Is closed, and its session ends | D |
//! | How long a request waits for its endpoints | 10 s, then `websocket_connection_timeout` | U |
//! | Changes of a session that an adapter feeds | 406 `invalid_params`, but for a forced close | U |
//! | An SFU offer that cannot be made | 500 `backend_error` | U |

mod adapters;
mod body;
mod changes;
mod channel_entries;
mod channels;
mod closing;
mod config;
mod endpoints;
mod gone;
mod history;
mod negotiation;
mod paging;
mod publications;
mod pulls;
mod relay;
mod reply;
mod request;
mod sessions;
mod snapshot;
mod timers;
mod tracks;
mod violations;
mod waiting;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use fastrand::Rng;

use crate::media::{Event, Media, SessionKey};

pub use config::Config;
pub use endpoints::{AdapterCommand, AdapterFailure, AdapterStream, Endpoint, OutputCodec};
pub use history::{Happening, Label, What};
pub use paging::{BadCursor, Cursor, Page, Summary};
pub use reply::Reply;
pub use request::{Location, Operation, Query, Request, Response, Ticket};
pub use snapshot::{
    AdapterSnapshot, ChannelSnapshot, SessionSnapshot, SessionState, Snapshot,
    SubscriptionSnapshot, TrackSnapshot,
};

pub use violations::{UnderWay, Violation, ViolationKind};

use changes::Change;
use sessions::{Link, Session};

/// The rules, and everything that they know.
pub struct Rules {
    config: Config,
    random: Rng,
    /// Counts sessions, tracks and tickets.
    count: u64,
    sessions: BTreeMap<SessionKey, Session>,
    /// The sessions by id.
    ids: BTreeMap<String, SessionKey>,
    /// When which session is due.
    timers: timers::Timers,
    /// The sessions with a change that waits for packets.
    awaiting_packets: BTreeSet<SessionKey>,
    /// The expired sessions.
    gone: gone::Gone,
    adapters: BTreeMap<String, adapters::Adapter>,
    closed_adapters: gone::Gone,
    history: history::History,
    /// Requests that wait for adapters.
    jobs: Vec<adapters::Job>,
    replies: VecDeque<(Ticket, Reply)>,
    commands: VecDeque<AdapterCommand>,
    violations: violations::Violations,
}

impl Rules {
    /// Rules without any session. The same seed gives the same ids; without
    /// one they differ from start to start.
    pub fn new(config: Config, seed: Option<u64>) -> Self {
        Self {
            config,
            random: seed.map_or_else(Rng::new, Rng::with_seed),
            count: 0,
            sessions: BTreeMap::new(),
            ids: BTreeMap::new(),
            timers: timers::Timers::default(),
            awaiting_packets: BTreeSet::new(),
            gone: gone::Gone::default(),
            adapters: BTreeMap::new(),
            closed_adapters: gone::Gone::default(),
            history: history::History::default(),
            jobs: Vec::new(),
            replies: VecDeque::new(),
            commands: VecDeque::new(),
            violations: violations::Violations::default(),
        }
    }

    /// Carries out a request, or begins to.
    pub fn request(&mut self, now: Duration, request: Request, media: &mut dyn Media) -> Response {
        self.timeout(now, media);
        let response = match request.operation {
            Operation::NewSession => self.create(now, request, media).map(Response::Now),
            Operation::NewWebsocketAdapters => self.new_adapters(now, request, media),
            Operation::CloseWebsocketAdapters => {
                self.close_adapters(&request, media).map(Response::Now)
            }
            _ => self.request_on_session(now, &request, media),
        };
        response.unwrap_or_else(Response::Now)
    }

    /// Takes what happened on a connection.
    pub fn event(&mut self, now: Duration, event: Event, media: &mut dyn Media) {
        self.history.set_time(now);
        let key = event.session();
        match event {
            Event::Connected(_) => {
                self.connected(now, key);
                self.resume(now, key, media);
            }
            Event::Disconnected(_) => {
                if let Some(session) = self.sessions.get_mut(&key)
                    && session.link == Link::Up
                {
                    session.link = Link::Down { since: now, is_cut: false };
                    tracing::info!(session = session.id, "disconnected");
                    self.history.note(key, What::Disconnected);
                }
            }
            Event::FirstPacket { mid, direction, .. } => {
                self.note_first_packet(key, &mid, direction);
            }
            Event::Flows(_) => self.look_again(),
            Event::Message { id, message, .. } => self.relay(key, id, &message, media),
        }
        self.schedule(key);
    }

    /// Does what is due by now.
    pub fn timeout(&mut self, now: Duration, media: &mut dyn Media) {
        self.history.set_time(now);
        for key in self.timers.due(now) {
            let session = self.sessions.get(&key);
            let at = session.and_then(|session| session.expires_at(&self.config));
            if at.is_some_and(|at| at <= now) {
                self.note_expiry(now, key);
                self.remove(key, media);
                continue;
            }
            let waiting = session.and_then(|session| session.waiting.as_ref());
            if waiting.is_some_and(|waiting| waiting.wakes_at() <= now) {
                self.resume(now, key, media);
            }
            self.switch_layers(now, key, media);
            self.collect(now, key, media);
            self.close_unanswered(now, key, media);
            self.schedule(key);
        }
        self.give_up_adapters(now, media);
    }

    /// When [`timeout`](Self::timeout) has to be called next.
    pub fn poll_timeout(&self) -> Option<Duration> {
        self.timers.first().into_iter().chain(self.next_job()).min()
    }

    /// The next reply that somebody has waited for.
    pub fn poll_reply(&mut self) -> Option<(Ticket, Reply)> {
        self.replies.pop_front()
    }

    /// The next thing to do with an endpoint.
    pub fn poll_adapter(&mut self) -> Option<AdapterCommand> {
        self.commands.pop_front()
    }

    /// The key that a session has on the media side.
    pub fn key(&self, session: &str) -> Option<SessionKey> {
        self.ids.get(session).copied()
    }

    /// Lets a session expire. False if there is none of that id.
    pub fn expire(&mut self, session: &str, media: &mut dyn Media) -> bool {
        match self.key(session) {
            Some(key) => self.remove(key, media),
            None => false,
        }
    }

    /// Lets a session lose its connection until [`reconnect`](Self::reconnect):
    /// it expires unless that comes in time. False if there is none of that id.
    pub fn disconnect(&mut self, now: Duration, session: &str, media: &mut dyn Media) -> bool {
        let Some(key) = self.key(session) else { return false };
        media.cut(key, true);
        if let Some(session) = self.sessions.get_mut(&key)
            && !matches!(session.link, Link::Down { is_cut: true, .. })
        {
            session.link = Link::Down { since: now, is_cut: true };
            self.history.set_time(now);
            self.history.note(key, What::Disconnected);
        }
        self.schedule(key);
        true
    }

    /// Takes back a [`disconnect`](Self::disconnect). The session is connected
    /// if the media side says so. False if there is none of that id.
    pub fn reconnect(&mut self, now: Duration, session: &str, media: &mut dyn Media) -> bool {
        let Some(key) = self.key(session) else { return false };
        self.history.set_time(now);
        media.cut(key, false);
        if let Some(session) = self.sessions.get_mut(&key)
            && let Link::Down { is_cut, .. } = &mut session.link
        {
            *is_cut = false;
        }
        if self.is_up(now, key, media) {
            self.resume(now, key, media);
        }
        self.schedule(key);
        true
    }

    fn request_on_session(
        &mut self,
        now: Duration,
        request: &Request,
        media: &mut dyn Media,
    ) -> Result<Response, Reply> {
        let key = self.admit(now, request)?;
        let Some(session) = self.sessions.get(&key) else { return Err(reply::disconnected()) };
        if request.operation == Operation::GetSession {
            return Ok(Response::Now(session.show()));
        }
        if let Err(refused) = negotiation::check_turn(session, request.operation) {
            if let Some(kind) = ViolationKind::out_of_turn(session, request) {
                self.note(now, key, request.operation, kind);
            }
            return Err(refused);
        }
        let change = Change::read(request.operation, &request.body, session, &self.config)?;
        let response = self.begin(now, key, change, media);
        self.schedule(key);
        Ok(response)
    }

    /// The session of a request, unless it is not there or has had too many.
    fn admit(&mut self, now: Duration, request: &Request) -> Result<SessionKey, Reply> {
        let id = request.session.as_deref().unwrap_or_default();
        let Some(key) = self.key(id) else {
            return Err(match self.gone.was_of(id, &request.app) {
                true => {
                    self.violations.say_gone(now, request);
                    reply::disconnected()
                }
                false => reply::not_found("session not found"),
            });
        };
        let limit = self.config.requests_per_second;
        let session = self.sessions.get_mut(&key).filter(|session| session.app == request.app);
        let session = session.ok_or_else(|| reply::not_found("session not found"))?;
        match session.admit(now, limit) {
            true => Ok(key),
            false => {
                self.note(now, key, request.operation, ViolationKind::TooManyRequests);
                Err(reply::too_many())
            }
        }
    }

    /// A number that no other thing has.
    fn next(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    /// 32 hexadecimal digits.
    fn new_id(&mut self) -> String {
        format!("{:032x}", self.random.u128(..))
    }

    /// A name as a random UUID is written.
    fn new_name(&mut self) -> String {
        // Version 4, variant 1 (RFC 9562 section 5.4).
        let bits = self.random.u128(..) & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
        let id = format!("{bits:032x}");
        let part = |from: usize, to: usize| id.get(from..to).unwrap_or_default();
        [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
    }
}

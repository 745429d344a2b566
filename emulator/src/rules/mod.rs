//! The API's rules: a state machine without sockets, clocks and HTTP.
//!
//! A [`Request`] gets its [`Reply`] at once, or a [`Ticket`] for one that
//! [`Machine::poll_reply`] hands out later. Time is a `Duration` since the start
//! that every call brings along; [`Machine::poll_timeout`] says when
//! [`Machine::timeout`] has to be called. After each call there may be replies
//! and [`AdapterCommand`]s to take.
//!
//! # Evidence
//!
//! Marks: **D** is documented by Cloudflare, in its reference or its own
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
//! | The order of codecs in the SFU's descriptions | The agent's (RFC 3264 section 6.1), in sections that it has described | U |
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

mod act;
mod config;
mod look;
mod model;
mod read;

use std::time::Duration;

use crate::media::{Event, Media, SessionKey};

use self::act::step::Step;
use self::look::view::View;
use self::model::state::State;

pub use self::config::Config;
pub use self::look::paging::{BadCursor, Cursor, Page, Summary};
pub use self::look::snapshot::{
    AdapterSnapshot, ChannelSnapshot, SessionSnapshot, SessionState, Snapshot,
    SubscriptionSnapshot, TrackSnapshot,
};
pub use self::model::history::{Happening, Label, What};
pub use self::model::violations::{UnderWay, Violation, ViolationKind};
pub use self::read::endpoints::{
    AdapterCommand, AdapterFailure, AdapterStream, Endpoint, OutputCodec,
};
pub use self::read::reply::Reply;
pub use self::read::request::{Location, Operation, Query, Request, Response, Ticket};

/// State machine of the API. Methods without a time happen at the last one that was given.
pub struct Machine {
    state: State,
}

impl Machine {
    /// Creates rules without any session. The same seed gives the same ids. Without one they differ
    /// from start to start.
    pub fn new(config: Config, seed: Option<u64>) -> Self {
        Self { state: State::new(config, seed) }
    }

    /// Carries out a request, or begins to.
    pub fn request(&mut self, now: Duration, request: Request, media: &mut dyn Media) -> Response {
        self.step(now, media).request(request)
    }

    /// Refuses a change that came during another one of its session that the rules do not know of,
    /// because the emulator holds it, or its reply, back.
    pub fn overlap(&mut self, now: Duration, request: &Request, other: UnderWay) -> Reply {
        self.state.overlap(now, request, other)
    }

    /// Takes an event of a connection.
    pub fn event(&mut self, now: Duration, event: Event, media: &mut dyn Media) {
        self.step(now, media).event(event);
    }

    /// Carries out what is due.
    pub fn timeout(&mut self, now: Duration, media: &mut dyn Media) {
        self.step(now, media).timeout();
    }

    /// Returns the time at which [`timeout`](Self::timeout) has to be called next.
    pub fn poll_timeout(&self) -> Option<Duration> {
        self.state.timers.first().into_iter().chain(self.state.next_job()).min()
    }

    /// Returns the next reply that a request waited for.
    pub fn poll_reply(&mut self) -> Option<(Ticket, Reply)> {
        self.state.replies.pop_front()
    }

    /// Returns the next order for an endpoint.
    pub fn poll_adapter(&mut self) -> Option<AdapterCommand> {
        self.state.commands.pop_front()
    }

    /// Takes the result of connecting an adapter.
    pub fn adapter_opened(
        &mut self,
        id: &str,
        result: Result<(), AdapterFailure>,
        media: &mut dyn Media,
    ) {
        self.step(self.state.history.now(), media).adapter_opened(id, result);
    }

    /// Takes the number of bytes that went through an adapter so far.
    pub fn adapter_bytes(&mut self, id: &str, total: u64) {
        self.state.adapter_bytes(id, total);
    }

    /// Ends an adapter whose endpoint has hung up, and the session that it fed.
    pub fn adapter_closed(&mut self, id: &str, media: &mut dyn Media) {
        self.step(self.state.history.now(), media).adapter_closed(id);
    }

    /// Returns the key that a session has on the media side.
    pub fn key(&self, session: &str) -> Option<SessionKey> {
        self.state.key(session)
    }

    /// Lets a session expire. False if there is none of that id.
    pub fn expire(&mut self, session: &str, media: &mut dyn Media) -> bool {
        let now = self.state.history.now();
        self.key(session).is_some_and(|key| self.step(now, media).remove(key))
    }

    /// Cuts a session's connection until [`reconnect`](Self::reconnect). The session expires unless
    /// that comes in time. False if there is none of that id.
    pub fn disconnect(&mut self, now: Duration, session: &str, media: &mut dyn Media) -> bool {
        self.key(session).map(|key| self.step(now, media).disconnect(key)).is_some()
    }

    /// Takes back a [`disconnect`](Self::disconnect). The session is connected
    /// if the media side says so. False if there is none of that id.
    pub fn reconnect(&mut self, now: Duration, session: &str, media: &mut dyn Media) -> bool {
        self.key(session).map(|key| self.step(now, media).reconnect(key)).is_some()
    }

    /// Lets the SFU answer the next negotiated close of a session with an offer of its
    /// own: the agent has to roll its offer back and answer. False if there is no
    /// session of that id.
    pub fn glare(&mut self, session: &str) -> bool {
        let session = self.key(session).and_then(|key| self.state.sessions.get_mut(&key));
        session.map(|session| session.is_glaring = true).is_some()
    }

    /// Returns the requests that the original punishes, the oldest first. The newest 1,000 are
    /// kept.
    pub fn violations(&self) -> impl Iterator<Item = Violation> {
        self.state.violations.list.iter().cloned()
    }

    /// Returns the state of all sessions, subscriptions and adapters.
    pub fn snapshot(&self, now: Duration, media: &dyn Media) -> Snapshot {
        self.view(now, media).snapshot()
    }

    /// Returns the state of one session. None if there is none of that id, or it has expired.
    pub fn session(&self, now: Duration, id: &str, media: &dyn Media) -> Option<SessionSnapshot> {
        self.view(now, media).session(id)
    }

    /// Returns at most `limit` sessions from a place on, and no more of them than have 2,000 tracks
    /// and data channels together. A session that has more is alone on its page, without the rest
    /// of them.
    pub fn page(
        &self,
        now: Duration,
        after: Option<Cursor>,
        limit: usize,
        media: &dyn Media,
    ) -> Page {
        self.view(now, media).page(after, limit)
    }

    /// Returns the numbers of sessions and adapters.
    pub fn summary(&self) -> Summary {
        Summary::of(&self.state)
    }

    /// Returns one session, and its remembered history, oldest first. None if no session of that id
    /// is remembered.
    pub fn details(
        &self,
        now: Duration,
        id: &str,
        media: &dyn Media,
    ) -> Option<(SessionSnapshot, Vec<Happening>)> {
        self.view(now, media).details(id)
    }

    /// Returns at most `limit` of the adapters that are not closed.
    pub fn adapters(&self, limit: usize) -> Vec<AdapterSnapshot> {
        AdapterSnapshot::all(&self.state, limit)
    }

    fn step<'a>(&'a mut self, now: Duration, media: &'a mut dyn Media) -> Step<'a> {
        self.state.history.set_time(now);
        Step { state: &mut self.state, now, media }
    }

    fn view<'a>(&'a self, now: Duration, media: &'a dyn Media) -> View<'a> {
        View { state: &self.state, now, media }
    }
}

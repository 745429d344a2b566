//! Events of a room, over a WebSocket or as server-sent events.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, rejection};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::header;
use axum::response::sse::{Event as SseEvent, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::{Instant, Interval, MissedTickBehavior};

use super::caller::Caller;
use super::members::Snapshot;
use super::parts::Query;
use crate::name::MemberId;
use crate::refusal::Refused;
use crate::room::record::{News, Record};
use crate::room::types::Reason;
use crate::room::{Room, Seat};
use crate::server::Shared;

/// Subprotocol of events.
const PROTOCOL: &str = "calls.v1";

/// The largest message of an agent, in bytes. An agent sends only signs of life.
const MAX_MESSAGE: usize = 4 * 1024;

/// Longest time that one message may take to be sent. After that the agent counts as lost.
const PATIENCE: Duration = Duration::from_secs(20);

/// Close codes. Those from 4000 on are for applications (RFC 6455 section 7.4.2).
const GONE: u16 = 4001;
const EXPIRED: u16 = 4002;
const ENDED: u16 = 4003;
/// Code for "try again later" (IANA's registry of close codes).
const AGAIN: u16 = 1013;

#[derive(Default, Deserialize)]
struct From {
    after: Option<u64>,
}

/// Opens a connection for events.
pub(super) async fn connect(
    State(shared): State<Arc<Shared>>,
    request: Request,
) -> Result<Response, Refused> {
    let (mut parts, _) = request.into_parts();
    let caller = Caller::from_request_parts(&mut parts, &shared).await?;
    if *shared.draining.borrow() {
        return Err(Refused::Draining);
    }
    let last = parts.headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let Query(From { after }) = Query::from_request_parts(&mut parts, &shared).await?;
    let after = after.or(last);
    let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &shared).await;
    match upgrade {
        Ok(upgrade) => {
            let feed = Feed::new(&caller, after).await?;
            let upgrade = upgrade.protocols([PROTOCOL]).max_message_size(MAX_MESSAGE);
            // Each connection allocates this buffer at once: 128 KiB if not set.
            let upgrade = upgrade.read_buffer_size(MAX_MESSAGE);
            Ok(upgrade.on_upgrade(|socket| async { serve(feed, socket).await }))
        }
        Err(rejection::WebSocketUpgradeRejection::ConnectionNotUpgradable(_)) => {
            Err(Refused::Undecodable("the connection cannot be upgraded".to_owned()))
        }
        Err(_) if parts.headers.contains_key(header::UPGRADE) => {
            Err(Refused::Undecodable("this is no WebSocket".to_owned()))
        }
        Err(_) => {
            let feed = Feed::new(&caller, after).await?;
            Ok(Sse::new(events(feed)).into_response())
        }
    }
}

/// News of a room for one connection.
struct Feed {
    room: Arc<Room>,
    member: MemberId,
    states: watch::Receiver<Arc<Record>>,
    draining: watch::Receiver<bool>,
    /// Number of the last event that was sent.
    seen: Option<u64>,
    /// News to send, the next one at the end.
    queue: Vec<Told>,
    pings: Interval,
    heartbeat: Duration,
    is_over: bool,
    /// The seat is given up with the connection.
    _seat: Seat,
}

/// Message on a connection.
enum Told {
    Json { seq: Option<u64>, text: String },
    Close(u16),
}

/// Reason to send a message.
enum Happened {
    Changed,
    Silence,
    /// The process or its rooms end.
    Ending,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Other<'a> {
    Snapshot(Snapshot<'a>),
    Ping,
}

impl Feed {
    async fn new(caller: &Caller, seen: Option<u64>) -> Result<Self, Refused> {
        let room = Arc::clone(&caller.room);
        let seat = room.sit(&caller.id).await?;
        let heartbeat = caller.shared.limits.heartbeat;
        let mut pings = tokio::time::interval_at(Instant::now() + heartbeat, heartbeat);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut states = room.states();
        // The first state is sent at once.
        states.mark_changed();
        Ok(Self {
            member: caller.id.clone(),
            states,
            draining: caller.shared.draining.subscribe(),
            seen,
            queue: Vec::new(),
            pings,
            heartbeat,
            is_over: false,
            room,
            _seat: seat,
        })
    }

    /// Returns the next news. None once the connection has ended.
    async fn next(&mut self) -> Option<Told> {
        loop {
            if let Some(told) = self.queue.pop() {
                return Some(told);
            }
            if self.is_over {
                return None;
            }
            let happened = tokio::select! {
                biased;
                changed = self.states.changed() => match changed {
                    Ok(()) => Happened::Changed,
                    Err(_) => Happened::Ending,
                },
                _ = self.draining.wait_for(|drains| *drains) => Happened::Ending,
                _ = self.pings.tick() => Happened::Silence,
            };
            match happened {
                Happened::Changed => self.look(),
                Happened::Ending => self.end(AGAIN),
                Happened::Silence => self.tell(None, &Other::Ping),
            }
        }
    }

    /// Queues the news of the state.
    fn look(&mut self) {
        let record = Arc::clone(&self.states.borrow_and_update());
        let is_member = record.entry(&self.member).is_some();
        match record.since(self.seen) {
            News::Events(events) => {
                for event in events {
                    self.tell(Some(event.seq), event);
                }
            }
            // A removed member gets no state of the others.
            News::Snapshot if !is_member => {}
            News::Snapshot => {
                self.tell(Some(record.seq), &Other::Snapshot(Snapshot::of(&record)));
            }
        }
        self.queue.reverse();
        self.seen = Some(record.seq);
        if !is_member {
            let code = match record.why_gone(&self.member) {
                Some(Reason::Left | Reason::Removed) => GONE,
                Some(Reason::Expired) => EXPIRED,
                Some(Reason::Ended) | None => ENDED,
            };
            self.queue.insert(0, Told::Close(code));
            self.is_over = true;
        }
    }

    fn tell(&mut self, seq: Option<u64>, what: &impl Serialize) {
        // These types always serialize.
        if let Ok(text) = serde_json::to_string(what) {
            self.queue.push(Told::Json { seq, text });
        }
    }

    fn end(&mut self, code: u16) {
        self.queue.push(Told::Close(code));
        self.is_over = true;
    }
}

async fn serve(mut feed: Feed, mut socket: WebSocket) {
    // Two and a half heartbeats without a sign of life.
    let silence = feed.heartbeat.mul_f64(2.5);
    let mut heard = Instant::now();
    loop {
        let message = tokio::select! {
            told = feed.next() => match told {
                Some(Told::Json { text, .. }) => Message::Text(text.into()),
                Some(Told::Close(code)) => {
                    Message::Close(Some(CloseFrame { code, reason: "".into() }))
                }
                None => break,
            },
            received = socket.recv() => match received {
                Some(Ok(_)) => {
                    heard = Instant::now();
                    continue;
                }
                Some(Err(_)) | None => break,
            },
            () = tokio::time::sleep_until(heard + silence) => break,
        };
        let sent = tokio::time::timeout(PATIENCE, socket.send(message)).await;
        if !matches!(sent, Ok(Ok(()))) {
            break;
        }
    }
    tracing::debug!(room = %feed.room.name, member = %feed.member, "a connection has ended");
}

fn events(feed: Feed) -> impl stream::Stream<Item = Result<SseEvent, Infallible>> + Send {
    let next = |mut feed: Feed| -> Pin<Box<dyn Future<Output = _> + Send>> {
        Box::pin(async move {
            let event = match feed.next().await? {
                Told::Json { seq, text } => {
                    let event = SseEvent::default().data(text);
                    match seq {
                        Some(seq) => event.id(seq.to_string()),
                        None => event,
                    }
                }
                // Server-sent events have no close code, so they just end.
                Told::Close(_) => return None,
            };
            Some((Ok(event), feed))
        })
    };
    stream::unfold(feed, next)
}

//! State that all members share: the server's address, the publishers, and requests.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cloudflare_calls::reqwest::{Client, Method};
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::member::Status;
use crate::tally::Tally;
use crate::view::text;

/// Longest time of a reply.
const REPLY: Duration = Duration::from_secs(60);

/// The most replies in a row that say "try again".
const WAITS: u32 = 8;

/// The most connections in a row that are refused.
const REFUSED: u32 = 100;

/// Time after the end of a process in which that end excuses failures.
const AFTERMATH: Duration = Duration::from_secs(60);

/// Phase of the test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Members come and go.
    Churn,
    /// All members are present and stay.
    Quiet,
    /// All members leave.
    Leave,
}

/// State that all members share.
pub(crate) struct World {
    pub(crate) ports: Vec<u16>,
    pub(crate) http: Client,
    pub(crate) tally: Tally,
    pub(crate) phase: watch::Sender<Phase>,
    /// Publishers, by session.
    pub(crate) publishers: Mutex<HashMap<String, Arc<Publisher>>>,
    /// Members that are present, by the numbers of their places.
    pub(crate) members: Mutex<BTreeMap<usize, Arc<Status>>>,
    pub(crate) killed: Mutex<Option<Instant>>,
}

/// Publisher, and the number of subscribers that wait for its first packets.
pub(crate) struct Publisher {
    pub(crate) agent: u64,
    pub(crate) demand: watch::Sender<usize>,
}

/// Demand for a publisher's packets, which ends when this is dropped.
pub(crate) struct Demand(pub(crate) Arc<Publisher>);

/// Sender of requests for a room.
pub(crate) struct Caller {
    pub(crate) world: Arc<World>,
    pub(crate) room: String,
    pub(crate) token: String,
    /// Number of requests so far, by which processes take turns.
    pub(crate) turn: AtomicUsize,
}

/// Request that did not succeed.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    /// Status. 0 stands for no reply.
    pub(crate) status: u16,
    pub(crate) step: &'static str,
    code: String,
    remedy: String,
    words: String,
}

impl World {
    pub(crate) fn new(ports: Vec<u16>) -> Self {
        Self {
            ports,
            http: Client::new(),
            tally: Tally::default(),
            phase: watch::Sender::new(Phase::Churn),
            publishers: Mutex::default(),
            members: Mutex::default(),
            killed: Mutex::default(),
        }
    }

    pub(crate) fn publisher(&self, session: &str) -> Option<Arc<Publisher>> {
        self.publishers.lock().unwrap().get(session).cloned()
    }

    /// Returns whether the end of a process may be the reason of a failure.
    pub(crate) fn is_excused(&self) -> bool {
        self.killed.lock().unwrap().is_some_and(|killed| killed.elapsed() < AFTERMATH)
    }
}

impl Demand {
    pub(crate) fn new(publisher: Arc<Publisher>) -> Self {
        publisher.demand.send_modify(|demand| *demand += 1);
        Self(publisher)
    }
}

impl Drop for Demand {
    fn drop(&mut self) {
        self.0.demand.send_modify(|demand| *demand -= 1);
    }
}

impl Caller {
    pub(crate) fn new(world: &Arc<World>, room: &str, place: usize) -> Self {
        let (token, turn) = (String::new(), AtomicUsize::new(place));
        Self { world: Arc::clone(world), room: room.to_owned(), token, turn }
    }

    /// Makes a request, and repeats it as long as the reply says "try again".
    pub(crate) async fn ask(
        &self,
        step: &'static str,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Result<Value, Refusal> {
        let tally = &self.world.tally;
        let (mut waits, mut refused) = (0, 0);
        loop {
            let began = Instant::now();
            let sent = self.send(method.clone(), path, body).await;
            let (status, retry_after, text_of) = match sent {
                Ok(reply) => reply,
                Err(error) if error.is_connect() && refused < REFUSED => {
                    refused += 1;
                    tally.repeated(format!("{step}: the process is not there"));
                    sleep(Duration::from_millis(100)).await;
                    continue;
                }
                Err(error) => {
                    if !self.world.is_excused() {
                        tally.fail("no reply", format!("{step}: {error:?}"));
                    }
                    return Err(Refusal::none(step, "no reply"));
                }
            };
            let reply: Value = serde_json::from_str(&text_of).unwrap_or_default();
            if (200..300).contains(&status) {
                tally.request(step, began.elapsed());
                return Ok(reply);
            }
            let refusal = Refusal {
                status,
                step,
                code: text(&reply["errorCode"]),
                remedy: text(&reply["remedy"]),
                words: text(&reply["errorDescription"]),
            };
            if refusal.words == "the store does not reply" {
                tally.fail("the store did not take it", refusal.to_string());
            }
            let is_early = matches!(status, 425 | 429) || refusal.remedy == "wait";
            if !is_early || waits == WAITS {
                return Err(refusal);
            }
            tally.repeated(refusal.to_string());
            sleep(retry_after.unwrap_or_else(|| backoff(waits))).await;
            waits += 1;
        }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Result<(u16, Option<Duration>, String), cloudflare_calls::reqwest::Error> {
        let ports = &self.world.ports;
        let port = ports[self.turn.fetch_add(1, Ordering::Relaxed) % ports.len()];
        let url = format!("http://127.0.0.1:{port}/calls/rooms/{}{path}", self.room);
        let mut request = self.world.http.request(method, url).timeout(REPLY);
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        if !body.is_null() {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let reply = request.send().await?;
        let status = reply.status().as_u16();
        let retry_after = reply.headers().get("retry-after");
        let retry_after = retry_after.and_then(|after| after.to_str().ok()?.parse().ok());
        Ok((status, retry_after.map(Duration::from_secs), reply.text().await?))
    }
}

impl Refusal {
    pub(crate) fn none(step: &'static str, words: impl Into<String>) -> Self {
        let words = words.into();
        Self { status: 0, step, code: String::new(), remedy: String::new(), words }
    }

    /// Returns whether only a new session helps.
    pub(crate) fn is_fatal(&self) -> bool {
        let is_of_exchange = matches!(
            self.code.as_str(),
            "invalid_session_description" | "signaling_state_not_stable"
        );
        let is_unclear = matches!(self.remedy.as_str(), "rejoin" | "inspect") || self.status >= 500;
        is_unclear || is_of_exchange || matches!(self.status, 0 | 401 | 410 | 425)
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { status, step, code, remedy, words } = self;
        write!(f, "{step}: {status} {code} {remedy} ({words})")
    }
}

/// Returns a pause that doubles each time, and differs between callers.
pub(crate) fn backoff(tries: u32) -> Duration {
    let most = Duration::from_secs(3);
    let longest = Duration::from_millis(300).saturating_mul(1 << tries.min(10)).min(most);
    longest.mul_f64(0.5 + fastrand::f64() / 2.0)
}

//! The HTTP side: routes, faults, and whether calls of one session overlap.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::faults::{Call, Faults, Plan, Scripted};
use super::state::{Operation, Reply, State, refusal};
use crate::{APP, SECRET};

/// How long after an overlap was met its first call is looked at: long enough
/// to notice that its client has hung up.
const HANG_UP: Duration = Duration::from_millis(5);

/// A call that arrived, and what became of it.
#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    pub(crate) operation: Operation,
    pub(crate) session: Option<String>,
    /// `null` if there is none or it is no JSON.
    pub(crate) body: Value,
    /// From 1, in the order of arrival.
    pub(crate) position: usize,
    /// None if it is under way or got no reply.
    pub(crate) status: Option<u16>,
    /// The client hung up before the reply.
    pub(crate) is_abandoned: bool,
}

/// What the handlers of all connections share.
pub(super) struct Shared {
    inner: Mutex<Inner>,
    /// How many calls are being carried out.
    pub(super) active: watch::Sender<usize>,
    /// How many of them are held.
    pub(super) held: watch::Sender<usize>,
    /// Changes at each release, ends with the fake.
    releases: watch::Receiver<()>,
}

pub(super) struct Inner {
    pub(super) state: State,
    pub(super) faults: Faults,
    pub(super) calls: Vec<Recorded>,
    /// Overlaps with a call whose client had hung up.
    pub(super) abandoned_overlaps: Vec<String>,
    /// One call in so many sleeps for some milliseconds; 0 for none.
    pub(super) sleeps_one_in: u32,
    counts: BTreeMap<Operation, usize>,
    /// Sessions that are being changed, and the position of the call.
    busy: BTreeMap<String, usize>,
    random: fastrand::Rng,
}

impl Shared {
    pub(super) fn new(seed: u64, releases: watch::Receiver<()>) -> Self {
        let inner = Inner {
            state: State::default(),
            faults: Faults::default(),
            calls: Vec::new(),
            abandoned_overlaps: Vec::new(),
            sleeps_one_in: 8,
            counts: BTreeMap::new(),
            busy: BTreeMap::new(),
            random: fastrand::Rng::with_seed(seed),
        };
        let (active, held) = (watch::Sender::new(0), watch::Sender::new(0));
        Self { inner: Mutex::new(inner), active, held, releases }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no handler has panicked")
    }

    /// Records a call and counts it.
    fn arrive(&self, operation: Operation, session: Option<&str>, body: &[u8]) -> Call {
        let mut inner = self.lock();
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let session = session.map(str::to_owned);
        let total = inner.calls.len() + 1;
        inner.calls.push(Recorded {
            operation,
            session: session.clone(),
            body: body.clone(),
            position: total,
            status: None,
            is_abandoned: false,
        });
        let nth = inner.counts.entry(operation).or_default();
        *nth += 1;
        Call { operation, session, nth: *nth, total, body }
    }

    /// The rule runs without the lock, so that it may look at the fake.
    fn plan(&self, call: &Call) -> Plan {
        let (queued, rule) = {
            let mut inner = self.lock();
            (inner.faults.take(call), inner.faults.rule())
        };
        queued.or_else(|| rule.and_then(|rule| rule(call))).into()
    }

    /// Waits for a release. False if the fake ends.
    async fn hold(&self) -> bool {
        let mut releases = self.releases.clone();
        releases.mark_unchanged();
        self.held.send_modify(|held| *held += 1);
        let is_released = releases.changed().await.is_ok();
        self.held.send_modify(|held| *held -= 1);
        is_released
    }

    /// Gives calls that should not be there the time to arrive.
    async fn dawdle(&self) {
        let (yields, sleep) = {
            let mut inner = self.lock();
            let one_in = inner.sleeps_one_in;
            let sleeps = one_in > 0 && inner.random.u32(..one_in) == 0;
            (inner.random.u32(1..8), sleeps.then(|| inner.random.u64(0..=3)))
        };
        for _ in 0..yields {
            tokio::task::yield_now().await;
        }
        if let Some(sleep) = sleep {
            tokio::time::sleep(Duration::from_millis(sleep)).await;
        }
    }

    /// Takes the session for one change. False if another is under way.
    async fn enter(&self, call: &Call, session: &str) -> bool {
        let first = {
            let mut inner = self.lock();
            match inner.busy.get(session).copied() {
                Some(first) => first,
                None => {
                    inner.busy.insert(session.to_owned(), call.total);
                    return true;
                }
            }
        };
        tokio::time::sleep(HANG_UP).await;
        let mut inner = self.lock();
        let other = &inner.calls[first - 1];
        let text = format!("{:?} on {session} overlaps {:?}", call.operation, other.operation);
        match other.is_abandoned {
            true => inner.abandoned_overlaps.push(text),
            false => inner.state.violations.push(text),
        }
        false
    }
}

/// Accepts connections until the task is aborted, which ends them too.
pub(super) async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let _ = stream.set_nodelay(true);
        let shared = shared.clone();
        connections.spawn(async move {
            let service = service_fn(|request| serve(shared.clone(), request));
            let http = hyper::server::conn::http1::Builder::new();
            let _ = http.serve_connection(TokioIo::new(stream), service).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

/// Makes hyper close the connection without a reply.
#[derive(Debug)]
struct Broken;

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("broken by order of the test")
    }
}

impl std::error::Error for Broken {}

async fn serve(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Broken> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Broken)?.to_bytes();
    let Some((operation, app, session)) = route(head.method.as_str(), head.uri.path()) else {
        return Ok(response(refusal(404, "not_found", "no such operation").into()));
    };
    let call = shared.arrive(operation, session, &body);
    let mut client = Client { shared: &shared, position: call.total, is_served: false };
    let authorization = head.headers.get("authorization").map(|value| value.as_bytes());
    let scripted = if authorization != Some(format!("Bearer {SECRET}").as_bytes()) {
        Some(refusal(401, "unauthorized", "the secret is not accepted").into())
    } else if app != APP {
        Some(refusal(404, "not_found", "the app is unknown").into())
    } else {
        // A task of its own: the SFU goes on after its client hung up.
        shared.active.send_modify(|active| *active += 1);
        let plan = shared.plan(&call);
        let run = run(Active(shared.clone()), call, plan, body);
        tokio::spawn(run).await.map_err(|_| Broken)?
    };
    client.is_served = true;
    let position = client.position;
    shared.lock().calls[position - 1].status = scripted.as_ref().map(|reply| reply.status);
    scripted.map(response).ok_or(Broken)
}

/// Carries out one call. None if it gets no reply.
async fn run(active: Active, call: Call, plan: Plan, body: Bytes) -> Option<Scripted> {
    let shared = &*active.0;
    let session = call.session.as_deref().filter(|_| call.operation != Operation::GetSession);
    let _busy = match session {
        Some(session) if !shared.enter(&call, session).await => {
            let overlap = "another change of the session is under way";
            return Some(refusal(406, "invalid_session_description", overlap).into());
        }
        Some(session) => Some(Busy { shared, session }),
        None => None,
    };
    if let Some(delay) = plan.delay {
        tokio::time::sleep(delay).await;
    }
    if plan.holds && !shared.hold().await {
        return None;
    }
    shared.dawdle().await;
    let reply = (!plan.skips_action).then(|| {
        let session = call.session.as_deref();
        let mut reply = shared.lock().state.act(call.operation, session, &body, &plan.failing);
        omit(&mut reply.body, &plan);
        Scripted::from(reply)
    });
    if plan.holds_reply && !shared.hold().await {
        return None;
    }
    plan.reply.or(reply).filter(|_| !plan.drops)
}

/// A call that is being carried out.
struct Active(Arc<Shared>);

impl Drop for Active {
    fn drop(&mut self) {
        self.0.active.send_modify(|active| *active -= 1);
    }
}

/// A change of a session that is under way.
struct Busy<'a> {
    shared: &'a Shared,
    session: &'a str,
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.shared.lock().busy.remove(self.session);
    }
}

/// A client that waits for a reply.
struct Client<'a> {
    shared: &'a Shared,
    position: usize,
    is_served: bool,
}

impl Drop for Client<'_> {
    fn drop(&mut self) {
        if !self.is_served {
            self.shared.lock().calls[self.position - 1].is_abandoned = true;
        }
    }
}

impl From<Reply> for Scripted {
    fn from(reply: Reply) -> Self {
        let headers = [("content-type", "application/json"), ("vary", "Origin")];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self { status: reply.status, headers: headers.into(), body: reply.body.to_string() }
    }
}

fn response(scripted: Scripted) -> Response<Full<Bytes>> {
    let mut response = Response::builder().status(scripted.status);
    for (name, value) in scripted.headers {
        response = response.header(name, value);
    }
    response.body(Full::from(scripted.body)).expect("a valid reply from the test")
}

fn omit(body: &mut Value, plan: &Plan) {
    for list in ["tracks", "dataChannels"] {
        if let Some(items) = body.get_mut(list).and_then(Value::as_array_mut) {
            let mut index = 0..;
            items.retain(|_| index.next().is_none_or(|index| !plan.omitted.contains(&index)));
        }
    }
}

/// The operation, the app and the session of a path.
fn route<'a>(method: &str, path: &'a str) -> Option<(Operation, &'a str, Option<&'a str>)> {
    let parts: Vec<&str> = path.strip_prefix("/v1/apps/")?.split('/').collect();
    let (app, rest) = parts.split_first()?;
    let (operation, session) = match (method, rest) {
        ("POST", ["sessions", "new"]) => (Operation::NewSession, None),
        ("POST", ["adapters", "websocket", "new"]) => (Operation::NewWebsocketAdapters, None),
        ("POST", ["adapters", "websocket", "close"]) => (Operation::CloseWebsocketAdapters, None),
        (method, ["sessions", session, rest @ ..]) => {
            let operation = match (method, rest) {
                ("GET", []) => Operation::GetSession,
                ("POST", ["tracks", "new"]) => Operation::NewTracks,
                ("PUT", ["renegotiate"]) => Operation::Renegotiate,
                ("PUT", ["tracks", "close"]) => Operation::CloseTracks,
                ("PUT", ["tracks", "update"]) => Operation::UpdateTracks,
                ("POST", ["datachannels", "establish"]) => Operation::EstablishDataChannels,
                ("POST", ["datachannels", "new"]) => Operation::NewDataChannels,
                ("PUT", ["datachannels", "update"]) => Operation::UpdateDataChannels,
                ("PUT", ["datachannels", "close"]) => Operation::CloseDataChannels,
                _ => return None,
            };
            (operation, Some(*session))
        }
        _ => return None,
    };
    Some((operation, app, session))
}

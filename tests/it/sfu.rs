//! SFU of the tests: the emulator without WebRTC, with additions for tests: faults in a queue, and
//! a record of the calls.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use cloudflare_calls::Client;
use cloudflare_calls_emulator::rules::{Config, SessionSnapshot, Violation};
use cloudflare_calls_emulator::{App, Emulator};
use fastrand::Rng;
use serde_json::{Value, json};

pub(crate) use cloudflare_calls_emulator::faults::{Call, Fault};
pub(crate) use cloudflare_calls_emulator::media::canned::{ICE_PWD, ICE_UFRAG};
pub(crate) use cloudflare_calls_emulator::rules::Operation;

use crate::{APP, SECRET};

/// Words of the emulator for faults.
pub(crate) const SAYS: &str = "a fault of the emulator";

/// Running emulator. It ends when it is dropped.
pub(crate) struct Sfu {
    emulator: Emulator,
    orders: Arc<Mutex<Orders>>,
}

/// Orders of a test, and its calls.
struct Orders {
    queue: Vec<(Matcher, Vec<Fault>)>,
    rule: Option<Rule>,
    calls: Vec<Call>,
    /// One call in this many is delayed for up to 3 ms. 0 delays none.
    sleeps_one_in: u32,
    random: Rng,
}

type Rule = Arc<dyn Fn(&Call) -> Option<Fault> + Send + Sync>;

impl Sfu {
    pub(crate) async fn start() -> Self {
        Self::seeded(0).await
    }

    /// Starts an emulator. The seed decides the pause of each call before it is carried out, so
    /// that wrong calls have the time to arrive.
    pub(crate) async fn seeded(seed: u64) -> Self {
        let config = Config { requests_per_second: usize::MAX, ..Config::default() };
        let builder = Emulator::builder().canned().app(App::new(APP, SECRET)).config(config);
        let emulator = builder.seed(seed).start().await.expect("free ports");
        let orders = Arc::new(Mutex::new(Orders {
            queue: Vec::new(),
            rule: None,
            calls: Vec::new(),
            sleeps_one_in: 8,
            random: Rng::with_seed(seed),
        }));
        let watched = Arc::clone(&orders);
        emulator.watch(move |call| watch(&watched, call));
        Self { emulator, orders }
    }

    pub(crate) fn base_url(&self) -> &str {
        self.emulator.base_url()
    }

    /// Returns a client of the emulator with the right app and secret.
    pub(crate) fn client(&self) -> Client {
        crate::client(self.base_url())
    }

    fn orders(&self) -> MutexGuard<'_, Orders> {
        self.orders.lock().expect("nobody has panicked")
    }
}

/// Records a call, and returns its faults: those that are first in the queue for it, or else those
/// of the rule.
fn watch(orders: &Mutex<Orders>, call: &Call) -> Vec<Fault> {
    let (mut faults, rule) = {
        let mut orders = orders.lock().expect("nobody has panicked");
        orders.calls.push(call.clone());
        let one_in = orders.sleeps_one_in;
        let sleeps = one_in > 0 && orders.random.u32(..one_in) == 0;
        let pause = sleeps.then(|| Fault::Delay { ms: orders.random.u64(1..=3) });
        let ordered = orders.take(call);
        let rule = orders.rule.clone().filter(|_| ordered.is_none());
        (pause.into_iter().chain(ordered.into_iter().flatten()).collect::<Vec<_>>(), rule)
    };
    faults.extend(rule.and_then(|rule| rule(call)));
    faults
}

impl Orders {
    /// Takes the faults that were ordered for this call. The first matcher that fits counts it.
    /// Later ones do not see it.
    fn take(&mut self, call: &Call) -> Option<Vec<Fault>> {
        let index = self.queue.iter().position(|(matcher, _)| matcher.fits(call))?;
        let (matcher, faults) = &mut self.queue[index];
        let faults = faults.clone();
        matcher.times -= 1;
        if matcher.times == 0 {
            self.queue.remove(index);
        }
        Some(faults)
    }
}

/// These methods order faults and pauses.
impl Sfu {
    /// Orders a fault, or several, for the next call that fits, after those ordered
    /// before.
    pub(crate) fn fault(&self, matcher: impl Into<Matcher>, faults: impl Faults) {
        self.orders().queue.push((matcher.into(), faults.list()));
    }

    /// Asks `rule` about each call without an ordered fault. It replaces an earlier rule.
    pub(crate) fn faults(&self, rule: impl Fn(&Call) -> Option<Fault> + Send + Sync + 'static) {
        self.orders().rule = Some(Arc::new(rule));
    }

    /// Releases all calls that are held now.
    pub(crate) fn release(&self) {
        self.emulator.release();
    }

    /// Returns once this many calls are held.
    pub(crate) async fn held(&self, calls: usize) {
        self.emulator.held(calls).await;
    }

    /// Returns once no call is being carried out, including calls whose client has hung up.
    pub(crate) async fn idle(&self) {
        self.emulator.idle().await;
    }

    /// Delays one call in this many. 0 delays none. The default is 8.
    pub(crate) fn set_sleeps(&self, one_in: u32) {
        self.orders().sleeps_one_in = one_in;
    }
}

/// These methods read calls and state.
impl Sfu {
    /// Returns the requests that the original punishes.
    pub(crate) async fn violations(&self) -> Vec<Violation> {
        self.emulator.violations().await.expect("it runs")
    }

    /// Returns all calls with the right secret, in the order of arrival.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.orders().calls.clone()
    }

    pub(crate) fn count(&self, operation: Operation) -> usize {
        self.orders().calls.iter().filter(|call| call.operation == operation).count()
    }

    /// Returns the statuses of the newest replies, the oldest first.
    pub(crate) async fn statuses(&self) -> Vec<u16> {
        let state = self.base_url().replace("/v1", "/__emulator/state");
        let reply = cloudflare_calls::reqwest::get(state).await.expect("a reply");
        let state: Value =
            serde_json::from_slice(&reply.bytes().await.expect("all of it")).expect("JSON");
        let requests = state["requests"].as_array().expect("a list");
        requests
            .iter()
            .map(|one| serde_json::from_value(one["status"].clone()).expect("one"))
            .collect()
    }

    /// Returns the mids of the session's open tracks, local and remote.
    pub(crate) async fn open_tracks(&self, session: impl AsRef<str>) -> BTreeSet<String> {
        open_mids(&self.session(session).await)
    }

    /// Returns the open tracks that can carry media, as the API's state has it. A pulled track
    /// whose publication has ended cannot, and need not be closed.
    pub(crate) async fn active_tracks(&self, session: impl AsRef<str>) -> BTreeSet<String> {
        let tracks = self.session(session).await.tracks;
        tracks.into_iter().filter(|track| track.is_active).map(|track| track.mid).collect()
    }

    /// Ends a session.
    pub(crate) async fn expire(&self, session: impl AsRef<str>) {
        self.emulator.expire(session.as_ref()).await;
    }

    /// Returns the open tracks of every session that has any.
    pub(crate) async fn all_open_tracks(&self) -> BTreeMap<String, BTreeSet<String>> {
        let sessions = self.emulator.snapshot().await.expect("it runs").sessions;
        let open = sessions.iter().map(|session| (session.id.clone(), open_mids(session)));
        open.filter(|(_, mids)| !mids.is_empty()).collect()
    }

    /// Returns the ids of the session's open data channels, without `server-events`.
    pub(crate) async fn open_channels(&self, session: impl AsRef<str>) -> BTreeSet<u16> {
        let session = self.session(session).await;
        let open = session.channels.iter().filter(|channel| channel.status != "inactive");
        open.map(|channel| channel.id).collect()
    }

    /// Returns whether the subscriber of a channel may reply.
    pub(crate) async fn can_reply(&self, session: impl AsRef<str>, id: u16) -> bool {
        let session = self.session(session).await;
        session.channels.iter().any(|channel| channel.id == id && channel.can_reply)
    }

    pub(crate) async fn open_adapters(&self) -> BTreeSet<String> {
        let adapters = self.emulator.snapshot().await.expect("it runs").adapters;
        adapters.into_iter().filter(|one| one.is_open).map(|one| one.id).collect()
    }

    async fn session(&self, session: impl AsRef<str>) -> SessionSnapshot {
        self.emulator.session(session.as_ref()).await.expect("a session of this emulator")
    }
}

fn open_mids(session: &SessionSnapshot) -> BTreeSet<String> {
    session.tracks.iter().filter(|track| track.is_open).map(|track| track.mid.clone()).collect()
}

/// Fault, or several for one call.
pub(crate) trait Faults {
    fn list(self) -> Vec<Fault>;
}

impl Faults for Fault {
    fn list(self) -> Vec<Fault> {
        vec![self]
    }
}

impl Faults for Vec<Fault> {
    fn list(self) -> Vec<Fault> {
        self
    }
}

/// Returns a reply with this body as it is, to a request that is not carried out.
pub(crate) fn reply(status: u16, body: impl Into<String>) -> Fault {
    Fault::Reply { status, headers: BTreeMap::new(), body: Value::String(body.into()) }
}

/// Returns a reply to a request that is carried out.
pub(crate) fn reply_after(status: u16, body: impl Into<String>) -> Fault {
    let whole = json!([{ "op": "replace", "path": "", "value": body.into() }]);
    let patch = serde_json::from_value(whole).expect("a patch");
    Fault::EditReply { status: Some(status), headers: BTreeMap::new(), patch }
}

/// Returns the refusal of a session that is not connected yet.
pub(crate) fn not_ready() -> Fault {
    Fault::refuse(425, "session_error")
}

/// Lets these entries fail.
pub(crate) fn fail_items(code: &str, indices: impl IntoIterator<Item = usize>) -> Fault {
    Fault::FailItems { code: code.to_owned(), indices: indices.into_iter().collect() }
}

/// Leaves this entry out of the reply. The request is carried out.
pub(crate) fn omit_item(index: usize) -> Fault {
    Fault::OmitItems { indices: vec![index] }
}

/// Calls that a fault is for. By default it is the next one that fits.
#[derive(Clone, Debug)]
pub(crate) struct Matcher {
    operation: Option<Operation>,
    session: Option<String>,
    times: usize,
}

impl Matcher {
    /// Matches every operation.
    pub(crate) fn any() -> Self {
        Self { operation: None, session: None, times: 1 }
    }

    /// Matches only calls about this session.
    pub(crate) fn session(self, session: impl AsRef<str>) -> Self {
        Self { session: Some(session.as_ref().to_owned()), ..self }
    }

    /// Matches this many calls instead of one.
    pub(crate) fn times(self, times: usize) -> Self {
        Self { times, ..self }
    }

    fn fits(&self, call: &Call) -> bool {
        self.operation.is_none_or(|operation| operation == call.operation)
            && (self.session.is_none() || self.session == call.session)
    }
}

impl From<Operation> for Matcher {
    fn from(operation: Operation) -> Self {
        Self { operation: Some(operation), ..Self::any() }
    }
}

/// Returns an offer with one audio section for each mid.
pub(crate) fn offer_sdp(mids: &[impl AsRef<str>]) -> String {
    let names: Vec<&str> = mids.iter().map(AsRef::as_ref).collect();
    let sections: String = names
        .iter()
        .map(|mid| format!("m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:{mid}\r\na=sendrecv\r\n"))
        .collect();
    format!("{}a=group:BUNDLE {}\r\n{sections}", header(), names.join(" "))
}

/// Returns an offer with a section for data channels.
pub(crate) fn data_offer_sdp(mid: &str) -> String {
    format!(
        "{}a=group:BUNDLE {mid}\r\n\
         m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:{mid}\r\n",
        header()
    )
}

/// Returns an answer. The emulator needs no media sections in it, so it has none.
pub(crate) fn answer_sdp() -> String {
    header() + "a=setup:passive\r\n"
}

fn header() -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n\
         a=ice-ufrag:{ICE_UFRAG}\r\na=ice-pwd:{ICE_PWD}\r\n"
    )
}

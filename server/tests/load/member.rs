//! Member: from joining to its end, by the documented protocol alone.

use std::collections::{BTreeSet, HashMap};
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cloudflare_calls::reqwest::Method;
use cloudflare_calls_emulator::agent::{Agent, Source};
use fastrand::Rng;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::{sleep, sleep_until, timeout, timeout_at};

use crate::events::{Ended, Feed, Heard};
use crate::view::{Key, View, text};
use crate::world::{Caller, Demand, Phase, Publisher, Refusal, World, backoff};

/// Name of the one track of a publisher.
const TRACK: &str = "microphone";

/// Longest time for ICE and DTLS.
const CONNECT: Duration = Duration::from_secs(15);

/// Longest time until a track of the room is heard.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The most sessions in a row that are given up.
const SESSIONS: u32 = 8;

/// Time for which a publisher sends at first, so that the SFU knows its track.
const FIRST: Duration = Duration::from_millis(500);

/// Time for which a publisher still sends after its last waiting subscriber.
const TALK: Duration = Duration::from_millis(100);

/// Place of a room, taken by one member after another.
pub(crate) struct Place {
    pub(crate) world: Arc<World>,
    pub(crate) number: usize,
    pub(crate) room: String,
    /// Size of the room, for the tally.
    pub(crate) size: &'static str,
    pub(crate) publishes: bool,
    pub(crate) rng: Rng,
    /// Time before its first member joins.
    pub(crate) delay: Duration,
    /// Shortest and longest stay of a member in one state, in seconds.
    pub(crate) stay: (f32, f32),
}

/// Member, as the test sees it.
pub(crate) struct Status {
    pub(crate) room: String,
    pub(crate) id: String,
    pub(crate) token: String,
    pub(crate) heard: watch::Receiver<Heard>,
    /// Tracks that have been heard on the current session.
    pub(crate) tracks: Arc<Mutex<BTreeSet<Key>>>,
}

/// Member.
struct Member<'a> {
    place: &'a mut Place,
    caller: Caller,
    id: String,
    joined: Instant,
    /// Tracks that existed when it joined, and that it has not heard yet.
    first: Arc<Mutex<BTreeSet<Key>>>,
    feed: Feed,
    status: Arc<Status>,
    link: Option<Link>,
    /// Session that the next one replaces.
    old: Option<String>,
    /// Number of sessions that were given up in a row.
    tries: u32,
}

/// Session with its agent.
struct Link {
    agent: Arc<Agent>,
    session: String,
    is_connected: bool,
    pulls: HashMap<Key, Pull>,
    /// Mids of tracks that are not in the room any more.
    closing: Vec<String>,
    talk: Option<AbortHandle>,
}

/// Track that is pulled, or is to be.
struct Pull {
    seen: Instant,
    mid: Option<String>,
    tries: u32,
    /// Reply to the last try.
    last: String,
    not_before: Instant,
    is_late: bool,
    /// Demand for a track without a packet at the SFU so far.
    demand: Option<Demand>,
    ear: Option<JoinHandle<()>>,
}

/// Reason for which a member ends its state.
#[derive(Debug)]
enum End {
    /// The time of the member, or of all, is over.
    Time,
    /// The member has lost its membership.
    NoMember(String),
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Some(talk) = &self.talk {
            talk.abort();
        }
    }
}

impl Drop for Pull {
    fn drop(&mut self) {
        if let Some(ear) = &self.ear {
            ear.abort();
        }
    }
}

impl Drop for Member<'_> {
    fn drop(&mut self) {
        self.place.world.members.lock().unwrap().remove(&self.place.number);
    }
}

impl Place {
    /// Lets members come and go, until all have to leave.
    pub(crate) async fn run(mut self) {
        sleep(self.delay).await;
        loop {
            let Some(member) = Member::join(&mut self).await else {
                sleep(Duration::from_millis(500)).await;
                continue;
            };
            if member.stay().await == Phase::Leave {
                return;
            }
            sleep(Duration::from_secs_f32(self.rng.f32() * 2.0)).await;
        }
    }
}

impl<'a> Member<'a> {
    async fn join(place: &'a mut Place) -> Option<Self> {
        let (world, joined) = (Arc::clone(&place.world), Instant::now());
        let mut caller = Caller::new(&world, &place.room, place.rng.usize(..64));
        let body =
            json!({ "name": format!("place {}", place.number), "data": { "size": place.size } });
        let reply = match caller.ask("join", Method::POST, "/members", &body).await {
            Ok(reply) => reply,
            Err(refusal) => {
                world.tally.rejoined(refusal.to_string());
                return None;
            }
        };
        world.tally.count("joins");
        caller.token = text(&reply["token"]);
        let id = text(&reply["member"]["id"]);
        let view = View::of(&reply["room"]);
        let first = Arc::new(Mutex::new(view.tracks(&id).into_iter().collect()));
        let (room, home) = (place.room.clone(), place.rng.usize(..64));
        let feed = Feed::open(&world, &room, (&id, &caller.token), view, home);
        let status = Arc::new(Status {
            room,
            id: id.clone(),
            token: caller.token.clone(),
            heard: feed.heard.clone(),
            tracks: Arc::default(),
        });
        world.members.lock().unwrap().insert(place.number, Arc::clone(&status));
        let (link, old, tries) = (None, None, 0);
        Some(Self { place, caller, id, joined, first, feed, status, link, old, tries })
    }

    fn world(&self) -> &Arc<World> {
        &self.caller.world
    }

    /// Stays until its end. Returns the phase of the end.
    async fn stay(mut self) -> Phase {
        let world = Arc::clone(self.world());
        loop {
            let (least, most) = self.place.stay;
            let stay = Duration::from_secs_f32(least + self.place.rng.f32() * (most - least));
            let end = Instant::now() + stay;
            let what = self.place.rng.u32(..100);
            let phase = *world.phase.borrow();
            let lived = match (phase, what) {
                // The member ends in the middle of any step. After that nobody knows the state of
                // its session, so the member cannot go on in another phase either.
                (Phase::Churn, 80..) => match timeout_at(end.into(), self.live(None)).await {
                    Ok(lived) => lived,
                    Err(_) => {
                        self.vanish();
                        return *world.phase.borrow();
                    }
                },
                (Phase::Churn, _) => self.live(Some(end)).await,
                _ => self.live(None).await,
            };
            if let End::NoMember(why) = lived {
                self.lost_membership(&why);
                return phase;
            }
            let now = *world.phase.borrow();
            match (now, what) {
                (Phase::Quiet, _) => {}
                (Phase::Leave, _) => {
                    self.leave(false).await;
                    return now;
                }
                (Phase::Churn, 0..35) => {
                    self.leave(false).await;
                    return now;
                }
                (Phase::Churn, 35..45) => {
                    self.leave(true).await;
                    return now;
                }
                (Phase::Churn, 45..65) => {
                    world.tally.count("sessions replaced at will");
                    self.give_up();
                }
                (Phase::Churn, _) => {
                    world.tally.count("connections for events cut");
                    self.feed.blip();
                }
            }
        }
    }

    /// Takes the steps that events require, until its time or a phase ends.
    async fn live(&mut self, end: Option<Instant>) -> End {
        let mut heard = self.feed.heard.clone();
        let mut phases = self.world().phase.subscribe();
        phases.mark_unchanged();
        loop {
            let ended = heard.borrow_and_update().ended;
            if let Some(ended) = ended {
                return End::NoMember(format!("{ended:?}"));
            }
            let due = match self.step().await {
                // More may be missing.
                Ok(None) => continue,
                Ok(Some(due)) => due,
                Err(refusal) if refusal.status == 401 => return End::NoMember(refusal.to_string()),
                Err(refusal) => {
                    self.trouble(&refusal).await;
                    continue;
                }
            };
            let until = |at: Option<Instant>| async move {
                match at {
                    Some(at) => sleep_until(at.into()).await,
                    None => pending().await,
                }
            };
            let link = self.link.as_ref().filter(|link| link.is_connected);
            let agent = link.map(|link| Arc::clone(&link.agent));
            let is_lost = tokio::select! {
                changed = heard.changed() => match changed {
                    Ok(()) => false,
                    Err(_) => return End::NoMember("no events".to_owned()),
                },
                () = until(Some(due)) => false,
                () = until(end) => return End::Time,
                _ = phases.changed() => return End::Time,
                () = disconnected(agent) => true,
            };
            if is_lost {
                self.trouble(&Refusal::none("the connection", "it is lost")).await;
            }
        }
    }

    /// Handles a refusal after which the session cannot be used.
    async fn trouble(&mut self, refusal: &Refusal) {
        let world = Arc::clone(self.world());
        world.tally.rejoined(refusal.to_string());
        if let Some(link) = &self.link {
            world.tally.explain(&link.session, "given up by its agent");
        }
        self.tries += 1;
        if self.tries > SESSIONS {
            let what = format!("{} in {}: {refusal}", self.id, self.status.room);
            world.tally.fail("too many sessions given up in a row", what);
        }
        self.give_up();
        sleep(backoff(self.tries)).await;
    }

    /// Gives the session up. The next one takes its place.
    fn give_up(&mut self) {
        self.status.tracks.lock().unwrap().clear();
        if let Some(link) = self.link.take() {
            self.world().publishers.lock().unwrap().remove(&link.session);
            self.old = Some(link.session.clone());
        }
    }

    /// Takes the next step that is missing. Returns the time of the next look, or None if more may
    /// be missing.
    async fn step(&mut self) -> Result<Option<Instant>, Refusal> {
        if self.link.is_none() {
            self.open().await?;
            return Ok(None);
        }
        self.look();
        let Some(link) = self.link.as_mut() else { return Ok(None) };
        if !link.closing.is_empty() {
            self.close().await?;
            return Ok(None);
        }
        let now = Instant::now();
        let waiting = || link.pulls.iter().filter(|(_, pull)| pull.mid.is_none());
        // A reply waits for tracks that do not flow. Tracks that did not flow before must not delay
        // others.
        let due = |is_fresh: bool| {
            let due = waiting().filter(|(_, pull)| pull.not_before <= now);
            let due = due.filter(|(_, pull)| (pull.tries == 0) == is_fresh);
            let mut due: Vec<Key> = due.map(|(key, _)| key.clone()).collect();
            due.sort();
            due
        };
        let next = waiting().map(|(_, pull)| pull.not_before).filter(|at| *at > now).min();
        let keys = Some(due(true)).filter(|fresh| !fresh.is_empty()).unwrap_or_else(|| due(false));
        if keys.is_empty() {
            let soon = now + Duration::from_secs(5);
            return Ok(Some(next.map_or(soon, |next| next.min(soon))));
        }
        self.pull(keys).await?;
        self.tries = 0;
        Ok(None)
    }

    /// Compares the pulled tracks with those of the room.
    fn look(&mut self) {
        let view = self.feed.heard.borrow().view.clone();
        let world = Arc::clone(&self.caller.world);
        let Some(link) = self.link.as_mut() else { return };
        let there: BTreeSet<Key> = view.tracks(&self.id).into_iter().collect();
        let closing = &mut link.closing;
        link.pulls.retain(|key, pull| {
            let stays = there.contains(key);
            if !stays {
                closing.extend(pull.mid.take());
            }
            stays
        });
        self.status.tracks.lock().unwrap().retain(|key| there.contains(key));
        self.first.lock().unwrap().retain(|key| there.contains(key));
        let heard = self.status.tracks.lock().unwrap().clone();
        for (key, pull) in &mut link.pulls {
            let is_late = pull.seen.elapsed() > PATIENCE && !heard.contains(key);
            if is_late && !std::mem::replace(&mut pull.is_late, true) {
                let Key { session, .. } = key;
                let (room, id, own) = (&self.status.room, &self.id, &link.session);
                let Pull { mid, tries, last, .. } = pull;
                let fault = world.tally.reason(session);
                let demand = world.publisher(session).map(|it| *it.demand.borrow());
                let what = format!(
                    "{id} in {room} on {own}: track of {session} ({fault:?}), pulled as {mid:?} \
                     after {tries} failures ({last:?}), demanded of its publisher: {demand:?}"
                );
                world.tally.fail("a track was never heard", what);
            }
        }
        let now = Instant::now();
        for key in there {
            link.pulls.entry(key).or_insert_with(|| Pull {
                seen: now,
                mid: None,
                tries: 0,
                last: String::new(),
                // Several tracks that come at once are pulled together.
                not_before: now + Duration::from_millis(100),
                is_late: false,
                demand: None,
                ear: None,
            });
        }
    }

    /// Opens a session with its agent, and publishes on it.
    async fn open(&mut self) -> Result<(), Refusal> {
        let agent = Arc::new(Agent::start().await.unwrap());
        let replaced = self.old.as_ref().map(|old| format!("?replaces={old}"));
        let path = format!("/sessions/new{}", replaced.unwrap_or_default());
        let made = self.caller.ask("sessions/new", Method::POST, &path, &Value::Null).await?;
        let session = text(&made["sessionId"]);
        let (pulls, closing) = (HashMap::new(), Vec::new());
        let link = Link { agent, session, is_connected: false, pulls, closing, talk: None };
        self.old = None;
        // From here on the session is given up with all that it has.
        let link = self.link.insert(link);
        if !self.place.publishes {
            return Ok(());
        }
        let (agent, session) = (Arc::clone(&link.agent), link.session.clone());
        let (offer, mids) = agent.offer(&[Source::Audio]).await.unwrap();
        let publisher = Arc::new(Publisher { agent: agent.id(), demand: watch::Sender::new(0) });
        let world = Arc::clone(&self.caller.world);
        world.publishers.lock().unwrap().insert(session.clone(), Arc::clone(&publisher));
        let tracks = json!([{ "location": "local", "mid": mids[0], "trackName": TRACK }]);
        let body = json!({
            "sessionDescription": { "type": "offer", "sdp": offer }, "tracks": tracks,
        });
        let published = self.session("publish", Method::POST, "tracks/new", &body).await?;
        let failed = &published["tracks"][0]["errorCode"];
        if !failed.is_null() {
            return Err(Refusal::none("publish", failed.to_string()));
        }
        let answer = text(&published["sessionDescription"]["sdp"]);
        let accepted = agent.accept_answer(&answer).await;
        accepted.map_err(|error| Refusal::none("the answer", error.to_string()))?;
        self.connect().await?;
        let Some(link) = self.link.as_mut() else { return Ok(()) };
        link.talk = Some(tokio::spawn(talk(agent, mids[0].clone(), publisher)).abort_handle());
        Ok(())
    }

    async fn connect(&mut self) -> Result<(), Refusal> {
        let Some(link) = self.link.as_mut() else { return Ok(()) };
        let connected = link.agent.connected(CONNECT).await;
        connected.map_err(|error| Refusal::none("the connection", error.to_string()))?;
        link.is_connected = true;
        Ok(())
    }

    async fn session(
        &self,
        step: &'static str,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Result<Value, Refusal> {
        let session = self.link.as_ref().map(|link| link.session.as_str()).unwrap_or_default();
        self.caller.ask(step, method, &format!("/sessions/{session}/{path}"), body).await
    }

    /// Pulls tracks, all in one request.
    async fn pull(&mut self, keys: Vec<Key>) -> Result<(), Refusal> {
        let remote = |key: &Key| json!({ "location": "remote", "sessionId": key.session, "trackName": key.name });
        let tracks: Vec<Value> = keys.iter().map(remote).collect();
        let body = json!({ "tracks": tracks });
        let reply = match self.session("pull", Method::POST, "tracks/new", &body).await {
            Ok(reply) => reply,
            Err(refusal) if refusal.is_fatal() => return Err(refusal),
            Err(refusal) => {
                self.world().tally.repeated(refusal.to_string());
                keys.iter().for_each(|key| self.postpone(key, refusal.to_string()));
                return Ok(());
            }
        };
        let offer = &reply["sessionDescription"];
        if offer["type"] == "offer" {
            let Some(link) = self.link.as_ref() else { return Ok(()) };
            let is_first = !link.is_connected;
            let answer = link.agent.answer(&text(&offer["sdp"])).await;
            let answer = answer.map_err(|error| Refusal::none("the offer", error.to_string()))?;
            let body = json!({ "sessionDescription": { "type": "answer", "sdp": answer } });
            self.session("answer", Method::PUT, "renegotiate", &body).await?;
            if is_first {
                self.connect().await?;
            }
        }
        for item in reply["tracks"].as_array().into_iter().flatten() {
            let key = Key { session: text(&item["sessionId"]), name: text(&item["trackName"]) };
            let mid = text(&item["mid"]);
            if !item["errorCode"].is_null() || mid.is_empty() {
                let code = &item["errorCode"];
                self.world().tally.repeated(format!("pull: {code} of a track"));
                self.postpone(&key, code.to_string());
                continue;
            }
            self.listen(key, mid);
        }
        Ok(())
    }

    fn postpone(&mut self, key: &Key, why: String) {
        let publisher = self.world().publisher(&key.session);
        let pull = self.link.as_mut().and_then(|link| link.pulls.get_mut(key));
        let Some(pull) = pull else { return };
        pull.not_before = Instant::now() + backoff(pull.tries);
        pull.tries += 1;
        pull.last = why;
        pull.demand = publisher.map(Demand::new);
    }

    /// Notes when a track is heard. Its packets have to be of its publisher.
    fn listen(&mut self, key: Key, mid: String) {
        let (world, size, joined) = (Arc::clone(self.world()), self.place.size, self.joined);
        let (first, tracks) = (Arc::clone(&self.first), Arc::clone(&self.status.tracks));
        let Some(link) = self.link.as_mut() else { return };
        let Some(pull) = link.pulls.get_mut(&key) else { return link.closing.push(mid) };
        pull.mid = Some(mid.clone());
        let agent = Arc::clone(&link.agent);
        let demand = pull.demand.take().or_else(|| world.publisher(&key.session).map(Demand::new));
        pull.ear = Some(tokio::spawn(async move {
            let publisher = demand.as_ref().map(|demand| demand.0.agent);
            let is_it = |got: &cloudflare_calls_emulator::agent::Received| {
                got.marker.as_ref().map(|marker| marker.agent) == publisher
            };
            if agent.until_received(&mid, 2 * PATIENCE, is_it).await.is_ok() {
                tracks.lock().unwrap().insert(key.clone());
                world.tally.count("tracks heard");
                if first.lock().unwrap().remove(&key) {
                    world.tally.first_packet(size, joined.elapsed());
                }
            }
        }));
    }

    /// Closes tracks that are not in the room any more.
    async fn close(&mut self) -> Result<(), Refusal> {
        let Some(link) = self.link.as_mut() else { return Ok(()) };
        let tracks: Vec<Value> = link.closing.drain(..).map(|mid| json!({ "mid": mid })).collect();
        let body = json!({ "tracks": tracks, "force": true });
        let closed = self.session("close", Method::PUT, "tracks/close", &body).await;
        match closed {
            Err(refusal) if refusal.is_fatal() => Err(refusal),
            Err(refusal) => {
                self.world().tally.fail("a close was refused", refusal.to_string());
                Ok(())
            }
            Ok(_) => Ok(()),
        }
    }

    /// Leaves, and hears that it has left, or hangs up before.
    async fn leave(self, hangs_up: bool) {
        let tally = &self.world().tally;
        let path = format!("/members/{}", self.id);
        let leaving = self.caller.ask("leave", Method::DELETE, &path, &Value::Null);
        self.forget();
        if hangs_up {
            tally.count("leaves without waiting for the reply");
            let _ = timeout(Duration::from_millis(fastrand::u64(1..30)), leaving).await;
            return;
        }
        tally.count("leaves");
        let mut left = leaving.await;
        // The process was killed, before or after the request was done.
        while matches!(&left, Err(refusal) if refusal.status == 0) {
            left = self.caller.ask("leave", Method::DELETE, &path, &Value::Null).await;
        }
        match left {
            Err(refusal) if refusal.status == 401 && self.world().is_excused() => {}
            Err(refusal) => tally.fail("a member could not leave", refusal.to_string()),
            Ok(_) => {
                let mut heard = self.feed.heard.clone();
                let is_told = heard.wait_for(|heard| heard.ended.is_some());
                let told = timeout(Duration::from_secs(20), is_told).await;
                let told = told.ok().and_then(|heard| heard.ok()?.ended);
                if !matches!(told, Some(Ended::Closed(4001) | Ended::Unauthorized)) {
                    let what = format!("{} in {}: {told:?}", self.id, self.status.room);
                    tally.fail("a member that has left was not told", what);
                }
            }
        }
    }

    /// Vanishes without a word.
    fn vanish(self) {
        self.world().tally.count("members that vanish");
        if let Some(link) = &self.link {
            self.world().tally.explain(&link.session, "its agent has vanished");
        }
        self.forget();
    }

    /// Reports a membership that was lost unexpectedly.
    fn lost_membership(self, why: &str) {
        let what = format!("{} in {}: {why}", self.id, self.status.room);
        match self.world().is_excused() {
            true => self.world().tally.rejoined(format!("as another member: {why}")),
            false => self.world().tally.fail("a member was thrown out", what),
        }
        self.forget();
    }

    fn forget(&self) {
        if let Some(link) = &self.link {
            self.world().publishers.lock().unwrap().remove(&link.session);
        }
    }
}

/// Waits until an agent has lost its connection, if there is one.
async fn disconnected(agent: Option<Arc<Agent>>) {
    match agent {
        Some(agent) => drop(agent.disconnected(Duration::from_secs(60 * 60)).await),
        None => pending().await,
    }
}

/// Sends as long as a subscriber waits, and a little longer: media of so many agents at once would
/// occupy the whole machine.
async fn talk(agent: Arc<Agent>, mid: String, publisher: Arc<Publisher>) {
    let mut demand = publisher.demand.subscribe();
    sleep(FIRST).await;
    loop {
        let is_quiet = async {
            let _ = demand.wait_for(|demand| *demand == 0).await;
        };
        is_quiet.await;
        if let Ok(Ok(_)) = timeout(TALK, demand.wait_for(|demand| *demand > 0)).await {
            continue;
        }
        if agent.pause(&mid, None).await.is_err() {
            return;
        }
        let _ = demand.wait_for(|demand| *demand > 0).await;
        if agent.resume(&mid, None).await.is_err() {
            return;
        }
    }
}

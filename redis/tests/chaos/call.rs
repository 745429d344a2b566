//! Agent in a call: from joining to leaving, with random steps.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cloudflare_calls::reqwest::{self, Method, StatusCode};
use cloudflare_calls_emulator::agent::{Agent, Received, Source};
use cloudflare_calls_emulator::media::{Delivery, Message};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::replica::IDLE;
use crate::tally::{Cause, Tally};

/// Longest time of a step, including the lease of a process that was killed in it.
const PATIENCE: Duration = Duration::from_secs(45);

/// The most publications of an agent, and its most subscriptions.
const MOST: usize = 3;

/// Time for which an agent sends media between two steps.
const TALK: Duration = Duration::from_millis(700);

/// Steps in a call, about.
const STEPS: u32 = 12;

/// Shared state of all agents.
pub(crate) struct World {
    pub(crate) url: String,
    pub(crate) http: reqwest::Client,
    pub(crate) tally: Tally,
    /// True once the agents' calls have to stay as they are.
    pub(crate) is_over: AtomicBool,
    /// Tracks and channels for subscribers, by session.
    pub(crate) room: Mutex<HashMap<String, Shown>>,
    /// Sessions that their agents gave up in any step, or left after a process had been killed.
    pub(crate) given_up: Mutex<BTreeSet<String>>,
    /// Agents of calls that have ended. They stay connected: once an agent has gone the SFU ends its
    /// session, and the fleet would have nothing to close. It may have to, because an agent has left
    /// as soon as the fleet knows it, in a process that is killed before all is closed.
    ghosts: Mutex<Vec<Agent>>,
    pub(crate) pause: (f32, f32),
}

impl World {
    pub(crate) fn new(name: &'static str, url: String, pause: (f32, f32)) -> Self {
        Self {
            url,
            http: reqwest::Client::new(),
            tally: Tally::new(name),
            is_over: AtomicBool::new(false),
            room: Mutex::default(),
            given_up: Mutex::default(),
            ghosts: Mutex::default(),
            pause,
        }
    }
}

/// Publications of an agent.
#[derive(Clone, Default)]
pub(crate) struct Shown {
    agent: u64,
    tracks: Vec<String>,
    channels: Vec<String>,
}

/// Call of one agent.
pub(crate) struct Call {
    world: Arc<World>,
    agent: Agent,
    pub(crate) session: String,
    token: String,
    /// Mids and names of its publications.
    published: Vec<(String, String)>,
    /// Mids of its subscriptions.
    pulled: Vec<String>,
    has_data: bool,
    /// Channels that it publishes.
    channels: Mutex<Vec<u16>>,
    number: u32,
    /// True once a request of it was in a process that was killed.
    was_hit: AtomicBool,
    /// True after such a request, until a change succeeds.
    is_excused: AtomicBool,
    /// Time of its last request for a change.
    changed: Mutex<Instant>,
}

/// Reason for which a call has to be given up.
#[derive(Debug)]
pub(crate) struct Lost {
    step: &'static str,
    detail: String,
}

/// Reply to a request, or none, because its process was killed.
type Reply = Result<Option<Value>, Lost>;

/// Joins again and again, until the test is over. Returns the last call.
pub(crate) async fn run(world: Arc<World>) -> Call {
    sleep(Duration::from_secs_f32(fastrand::f32() * world.pause.1)).await;
    loop {
        let Some(mut call) = Call::join(&world).await else { continue };
        let end = loop {
            if world.is_over.load(Ordering::Acquire) {
                return call;
            }
            call.talk().await;
            let (least, more) = (world.pause.0, world.pause.1 - world.pause.0);
            sleep(Duration::from_secs_f32(least + more * fastrand::f32())).await;
            if world.is_over.load(Ordering::Acquire) {
                return call;
            }
            if fastrand::u32(..STEPS) == 0 {
                break call.leave().await;
            }
            call.chat().await;
            if let Err(lost) = call.step().await {
                break Err(lost);
            }
        };
        if let Err(lost) = end {
            call.give_up(lost).await;
        }
        world.ghosts.lock().unwrap().push(call.agent);
    }
}

impl Call {
    /// Joins and publishes. None if the process was killed.
    async fn join(world: &Arc<World>) -> Option<Self> {
        let agent = Agent::start().await.unwrap();
        let (offer, mids) = agent.offer(&[Source::Audio]).await.unwrap();
        let offer = json!({ "type": "offer", "sdp": offer });
        let tracks = json!([{ "mid": mids[0], "trackName": "microphone" }]);
        let mut call = Self {
            world: Arc::clone(world),
            agent,
            session: String::new(),
            token: String::new(),
            published: vec![(mids[0].clone(), "microphone".into())],
            pulled: Vec::new(),
            has_data: false,
            channels: Mutex::default(),
            number: 0,
            was_hit: AtomicBool::new(false),
            is_excused: AtomicBool::new(false),
            changed: Mutex::new(Instant::now()),
        };
        let wanted = json!({ "offer": offer, "tracks": tracks });
        let end = async {
            let Some(joined) = call.ask("join", Method::POST, "", &wanted).await? else {
                return Err(Lost::new("join", "no reply"));
            };
            call.session = format!("/{}", text(&joined["session"]));
            call.token = text(&joined["token"]);
            call.connect("join", &joined["published"]["answer"]).await
        };
        if let Err(lost) = end.await {
            call.give_up(lost).await;
            world.ghosts.lock().unwrap().push(call.agent);
            return None;
        }
        world.tally.joined();
        call.show();
        Some(call)
    }

    async fn connect(&self, step: &'static str, answer: &Value) -> Result<(), Lost> {
        let accepted = self.agent.accept_answer(&text(&answer["sdp"])).await;
        accepted.map_err(|error| Lost::new(step, format!("the answer: {error}")))?;
        let connected = self.agent.connected(PATIENCE).await;
        connected.map_err(|error| Lost::new(step, format!("the connection: {error}")))
    }

    /// Sends media for a short time, and then stops: media of so many agents at once would occupy
    /// the whole machine.
    async fn talk(&self) {
        for (mid, _) in &self.published {
            self.agent.resume(mid, None).await.unwrap();
        }
        sleep(TALK).await;
        for (mid, _) in &self.published {
            self.agent.pause(mid, None).await.unwrap();
        }
    }

    /// Takes one step. After a change that succeeds, earlier faults are no excuse any more.
    async fn step(&mut self) -> Result<(), Lost> {
        let began = Instant::now();
        let was_excused = self.is_excused.swap(false, Ordering::AcqRel);
        let end = self.any_step().await;
        let has_changed = *self.changed.lock().unwrap() >= began;
        if was_excused && (end.is_err() || !has_changed) {
            self.is_excused.store(true, Ordering::Release);
        }
        end
    }

    async fn any_step(&mut self) -> Result<(), Lost> {
        let idle = self.changed.lock().unwrap().elapsed();
        match fastrand::u32(..10) {
            // The fleet would take an idle agent for a lost one.
            _ if idle > IDLE / 3 && self.has_data => self.open_channel().await,
            _ if idle > IDLE / 3 => self.establish().await,
            0 | 1 if self.published.len() < MOST => self.publish().await,
            0..=5 if self.pulled.len() < MOST => self.pull().await,
            6 | 7 => self.close().await,
            _ if !self.has_data => self.establish().await,
            _ => match fastrand::bool() {
                true => self.open_channel().await,
                false => self.pull_channel().await,
            },
        }
    }

    async fn publish(&mut self) -> Result<(), Lost> {
        self.world.tally.step("publish");
        let (offer, mids) = self.agent.offer(&[Source::Audio]).await.unwrap();
        let name = self.name();
        let tracks = json!([{ "mid": mids[0], "trackName": name }]);
        let wanted = json!({ "offer": { "type": "offer", "sdp": offer }, "tracks": tracks });
        let Some(published) = self.ask("publish", Method::POST, "/publish", &wanted).await? else {
            return Err(self.look("publish").await);
        };
        self.connect("publish", &published["answer"]).await?;
        if published["outcome"]["done"].as_array().is_none_or(|done| done.len() != 1) {
            return Err(Lost::new("publish", published["outcome"].to_string()));
        }
        self.published.push((mids[0].clone(), name));
        self.show();
        Ok(())
    }

    /// Subscribes to a track of another agent. Now and then a channel is opened at the same time,
    /// which has to wait for the answer.
    async fn pull(&mut self) -> Result<(), Lost> {
        let Some((publisher, shown)) = self.someone(|shown| !shown.tracks.is_empty()) else {
            return Ok(());
        };
        let name = fastrand::choice(&shown.tracks).unwrap().clone();
        self.world.tally.step("pull");
        let wanted = json!([{ "sessionId": &publisher[1..], "trackName": name }]);
        let channel = (self.has_data && fastrand::bool()).then(|| self.name());
        let (pulled, opened) = tokio::join!(
            async {
                match self.ask("pull", Method::POST, "/pull", &wanted).await? {
                    Some(reply) => self.answered("pull", reply).await,
                    None => Err(self.look("pull").await),
                }
            },
            async {
                match channel {
                    Some(name) => self.publish_channel(name).await,
                    None => Ok(None),
                }
            }
        );
        let pulled = pulled?;
        self.opened(opened?).await?;
        let Some(track) = pulled.as_ref().and_then(|done| done.first()) else { return Ok(()) };
        let mid = text(&track["mid"]);
        self.pulled.push(mid.clone());
        // The publisher may have left.
        let is_it = |got: &Received| {
            got.packets >= 5 && got.marker.as_ref().is_some_and(|from| from.agent == shown.agent)
        };
        let shows = || {
            let room = self.world.room.lock().unwrap();
            room.get(&publisher).is_some_and(|shown| shown.tracks.contains(&name))
        };
        let began = Instant::now();
        while shows() && !self.world.is_over.load(Ordering::Acquire) {
            // The other agent may wait for this one.
            let heard = self.agent.until_received(&mid, Duration::from_secs(1), is_it);
            if tokio::join!(heard, self.talk()).0.is_ok() {
                self.world.tally.media();
                return Ok(());
            }
            if began.elapsed() > PATIENCE {
                return Err(Lost::new("pull", "no media comes"));
            }
        }
        Ok(())
    }

    /// Answers an offer, if there is one. Returns the entries of the result, or None if the reply
    /// to the answer was lost with its process.
    async fn answered(&self, step: &'static str, reply: Value) -> Result<Option<Vec<Value>>, Lost> {
        if let Some(done) = reply.get("done") {
            return Ok(Some(done["done"].as_array().cloned().unwrap_or_default()));
        }
        let kept = &reply["offer"];
        let answer = self.agent.answer(&text(&kept["sessionDescription"]["sdp"])).await;
        let answer = answer.map_err(|error| Lost::new(step, format!("the offer: {error}")))?;
        let path = format!("/answer/{}", text(&kept["exchange"]));
        let answer = json!({ "type": "answer", "sdp": answer });
        // The answer goes to any process, a little later.
        sleep(Duration::from_millis(fastrand::u64(..500))).await;
        loop {
            match self.ask("answer", Method::POST, &path, &answer).await? {
                Some(exchanged) => {
                    let done = exchanged["outcome"]["done"].as_array();
                    return Ok(Some(done.cloned().unwrap_or_default()));
                }
                // The process was killed before it had the turn, or after.
                None => match self.state().await? {
                    Some(state) if state == "awaitingAnswer" => {}
                    Some(state) if state == "ready" => return Ok(None),
                    state => return Err(Lost::new("answer", format!("{state:?}"))),
                },
            }
        }
    }

    async fn close(&mut self) -> Result<(), Lost> {
        self.world.tally.step("close");
        let is_own = self.published.len() > 1 && fastrand::bool();
        let mid = match (is_own, self.pulled.is_empty()) {
            (true, _) => {
                let (mid, _) = self.published.pop().unwrap();
                self.show();
                mid
            }
            (false, false) => self.pulled.swap_remove(fastrand::usize(..self.pulled.len())),
            (false, true) => return Ok(()),
        };
        // A track that is closed already needs no request.
        while self.ask("close", Method::POST, "/close", &json!([mid])).await?.is_none() {}
        Ok(())
    }

    async fn establish(&mut self) -> Result<(), Lost> {
        self.world.tally.step("data");
        let Some(reply) = self.ask("data", Method::POST, "/data", &Value::Null).await? else {
            return Err(self.look("data").await);
        };
        if self.answered("data", reply).await?.is_none() {
            return Err(Lost::new("data", "not known"));
        }
        self.has_data = true;
        Ok(())
    }

    async fn open_channel(&mut self) -> Result<(), Lost> {
        let name = self.name();
        let opened = self.publish_channel(name).await?;
        self.opened(opened).await
    }

    async fn publish_channel(&self, name: String) -> Result<Option<(u16, String)>, Lost> {
        self.world.tally.step("channel");
        let wanted = json!([{ "dataChannelName": name, "delivery": {} }]);
        let Some(reply) = self.ask("channel", Method::POST, "/channels", &wanted).await? else {
            // The name is not used again, whether the channel was opened or not.
            return self.state().await.map(|_| None);
        };
        match reply["done"][0]["id"].as_u64() {
            Some(id) => Ok(Some((u16::try_from(id).unwrap(), name))),
            None => Err(Lost::new("channel", reply.to_string())),
        }
    }

    /// Shows a channel that it has published.
    async fn opened(&self, channel: Option<(u16, String)>) -> Result<(), Lost> {
        let Some((id, name)) = channel else { return Ok(()) };
        self.agent.open_channel(id, Delivery::RELIABLE).await.unwrap();
        if let Some(shown) = self.world.room.lock().unwrap().get_mut(&self.session) {
            shown.channels.push(name);
        }
        self.channels.lock().unwrap().push(id);
        Ok(())
    }

    /// Sends messages on its channels, and receives those of others.
    async fn chat(&self) {
        let channels = self.channels.lock().unwrap().clone();
        for id in channels {
            let message = Message { is_binary: false, data: b"hello".to_vec() };
            self.agent.send(id, message).await.unwrap();
        }
        let soon = Duration::from_millis(1);
        while let Ok(Some(_)) = tokio::time::timeout(soon, self.agent.recv()).await {
            self.world.tally.message();
        }
    }

    async fn pull_channel(&mut self) -> Result<(), Lost> {
        let Some((publisher, shown)) = self.someone(|shown| !shown.channels.is_empty()) else {
            return Ok(());
        };
        self.world.tally.step("chat");
        let name = fastrand::choice(&shown.channels).unwrap();
        let wanted = json!([{
            "sessionId": &publisher[1..], "dataChannelName": name, "delivery": {},
        }]);
        let reply = self.ask("chat", Method::POST, "/channels/pull", &wanted).await?;
        let Some(reply) = reply else { return self.state().await.map(drop) };
        if let Some(id) = reply["done"][0]["id"].as_u64() {
            self.agent.open_channel(u16::try_from(id).unwrap(), Delivery::RELIABLE).await.unwrap();
        }
        Ok(())
    }

    pub(crate) async fn leave(&self) -> Result<(), Lost> {
        self.hide();
        // An agent that has left already has ended.
        while self.ask("leave", Method::DELETE, "", &Value::Null).await?.is_none() {
            if let Err(_gone) = self.state().await {
                break;
            }
        }
        // An answer may have been lost with a process: as long as that has the turn, the session
        // seems ready.
        if self.was_hit() {
            self.world.given_up.lock().unwrap().insert(self.id());
        }
        self.world.tally.left();
        Ok(())
    }

    /// Notes the reason. One agent of two leaves its session open, and the fleet has to find it.
    async fn give_up(&self, lost: Lost) {
        self.hide();
        self.world.given_up.lock().unwrap().insert(self.id());
        let phase = self.world.tally.phase();
        let cause = match phase {
            _ if self.is_excused.load(Ordering::Acquire) => Cause::KilledProcess,
            crate::PAUSED => Cause::LeaseLost,
            crate::FAILED_OVER => Cause::LostWrites,
            _ => Cause::Unexplained,
        };
        let detail = format!("session {}: {}", self.session, lost.detail);
        self.world.tally.disturbed(cause, lost.step, &detail);
        if !self.session.is_empty() && fastrand::bool() {
            let _ = self.ask("leave", Method::DELETE, "", &Value::Null).await;
        }
    }

    /// Returns the status of its session. None if the process that was asked was killed.
    pub(crate) async fn state(&self) -> Result<Option<Value>, Lost> {
        let state = self.ask("state", Method::GET, "", &Value::Null).await?;
        match &state {
            Some(state) if state.get("unusable").is_some() => {
                Err(Lost::new("state", state.to_string()))
            }
            _ => Ok(state),
        }
    }

    /// Reads the state after a lost reply. The offer or the answer in the reply is lost in any
    /// state.
    async fn look(&self, step: &'static str) -> Lost {
        match self.state().await {
            Ok(state) => Lost::new(step, format!("{state:?}")),
            Err(lost) => lost,
        }
    }

    /// Sends a request, and repeats it as long as it was not carried out.
    async fn ask(&self, step: &'static str, method: Method, path: &str, body: &Value) -> Reply {
        let world = &self.world;
        let url = format!("{}/sessions{}{path}", world.url, self.session);
        let began = Instant::now();
        if step != "state" {
            *self.changed.lock().unwrap() = began;
        }
        loop {
            world.tally.request();
            let request = world.http.request(method.clone(), &url).bearer_auth(&self.token);
            let request = request.header("content-type", "application/json");
            let reply = request.body(body.to_string()).send().await;
            let reply = reply.map_err(|error| Lost::new(step, format!("{error:?}")))?;
            let (status, replica) = (reply.status(), reply.headers().get("x-replica").cloned());
            let Ok(text) = reply.text().await else {
                // The process was killed in the middle of its reply.
                self.hit();
                return Ok(None);
            };
            let is_late = began.elapsed() > PATIENCE;
            let body: Value = serde_json::from_str(&text).unwrap_or_default();
            let detail = || format!("{status} of {replica:?} to {step}: {}", short(&text));
            match (status, &replica) {
                (StatusCode::BAD_GATEWAY, None) => {
                    self.hit();
                    return Ok(None);
                }
                (StatusCode::SERVICE_UNAVAILABLE, None) if !is_late => {
                    world.tally.repeated("no process (503 of the balancer)".into());
                }
                (StatusCode::OK, _) => return Ok(Some(body)),
                (StatusCode::NO_CONTENT | StatusCode::ACCEPTED, _) => {
                    return Ok(Some(Value::Null));
                }
                // The agent has left already.
                (StatusCode::GONE, _) if step == "leave" => return Ok(Some(Value::Null)),
                (_, Some(_)) if body["remedy"] == "wait" && !is_late => {
                    world.tally.repeated(format!("{status} to {step} {}", body["errorCode"]));
                }
                // The store did not take the session, which has nothing open.
                (StatusCode::SERVICE_UNAVAILABLE, Some(_)) if step == "join" && !is_late => {
                    world.tally.repeated("503 to join".into());
                }
                _ => return Err(Lost::new(step, detail())),
            }
            sleep(Duration::from_millis(100 + fastrand::u64(..200))).await;
        }
    }

    fn hit(&self) {
        self.world.tally.hit();
        self.was_hit.store(true, Ordering::Release);
        self.is_excused.store(true, Ordering::Release);
    }

    fn id(&self) -> String {
        self.session.trim_start_matches('/').to_owned()
    }

    pub(crate) fn was_hit(&self) -> bool {
        self.was_hit.load(Ordering::Acquire)
    }

    /// Returns the mids of all its tracks.
    pub(crate) fn mids(&self) -> BTreeSet<String> {
        self.published.iter().map(|(mid, _)| mid).chain(&self.pulled).cloned().collect()
    }

    /// Returns a name that it has not used.
    fn name(&mut self) -> String {
        self.number += 1;
        format!("name-{}", self.number)
    }

    fn someone(&self, rule: impl Fn(&Shown) -> bool) -> Option<(String, Shown)> {
        let room = self.world.room.lock().unwrap();
        let others: Vec<_> =
            room.iter().filter(|(id, shown)| **id != self.session && rule(shown)).collect();
        fastrand::choice(others).map(|(id, shown)| (id.clone(), shown.clone()))
    }

    fn show(&self) {
        let tracks = self.published.iter().map(|(_, name)| name.clone()).collect();
        let mut room = self.world.room.lock().unwrap();
        let shown = room.entry(self.session.clone()).or_default();
        (shown.agent, shown.tracks) = (self.agent.id(), tracks);
    }

    fn hide(&self) {
        self.world.room.lock().unwrap().remove(&self.session);
    }
}

impl Lost {
    fn new(step: &'static str, detail: impl Into<String>) -> Self {
        Self { step, detail: detail.into() }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Returns the beginning of a text. An error has no session description.
fn short(text: &str) -> String {
    text.chars().take(200).collect()
}

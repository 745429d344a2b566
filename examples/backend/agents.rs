//! Two agents of the example: they join, pull each other's microphone and leave, over HTTP.

use std::time::Duration;

use axum::http::StatusCode;
use cloudflare_calls::reqwest::{self, Method};
use cloudflare_calls::session::Registry;
use cloudflare_calls_emulator::Emulator;
use cloudflare_calls_emulator::agent::{self, Agent, Source};
use serde_json::{Value, json};

type Failure = Box<dyn std::error::Error>;

/// Longest time of a step on one machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// Goes through the lifecycle. Fails if packets do not arrive, or if something is open at the end.
pub(crate) async fn drive(
    url: &str,
    emulator: &Emulator,
    sessions: &Registry,
) -> Result<(), Failure> {
    let (alice, bob) = (User::join("alice", url).await?, User::join("bob", url).await?);
    for (user, other) in [(&alice, &bob), (&bob, &alice)] {
        let mid = user.pull(other).await?;
        let enough = |got: &agent::Received| got.packets >= 25;
        let got = user.agent.until_received(&mid, PATIENCE, enough).await?;
        println!("{} received {} packets of {}'s microphone", user.name, got.packets, other.name);
    }
    let (status, _) = request(Method::DELETE, &alice.url, &bob.token, &Value::Null).await?;
    println!("DELETE sessions/…           {status} with a token for another session");
    for user in [&alice, &bob] {
        user.call(Method::DELETE, "", &Value::Null).await?;
        println!("DELETE sessions/…           {} has left", user.name);
    }

    let there = emulator.snapshot().await.ok_or("the emulator has ended")?;
    let is_open = there.sessions.iter().flat_map(|session| &session.tracks).any(|t| t.is_open);
    let is_over = !is_open && there.subscriptions.is_empty() && sessions.is_empty();
    match is_over && status == StatusCode::FORBIDDEN {
        true => Ok(()),
        false => Err(format!("not the whole lifecycle: {there:?}").into()),
    }
}

/// User with an agent, who sends requests to the backend.
struct User {
    name: &'static str,
    agent: Agent,
    url: String,
    token: String,
    session: Value,
}

impl User {
    async fn join(name: &'static str, url: &str) -> Result<Self, Failure> {
        let (agent, url) = (Agent::start().await?, url.to_owned());
        let mut user = Self { name, agent, url, token: String::new(), session: Value::Null };
        let (offer, mids) = user.agent.offer(&[Source::Audio]).await?;
        let offer = json!({ "type": "offer", "sdp": offer });
        let tracks = json!([{ "mid": mids[0], "trackName": "microphone" }]);
        let wanted = json!({ "offer": offer, "tracks": tracks });
        let joined = user.call(Method::POST, "", &wanted).await?;
        user.agent.accept_answer(text(&joined["published"]["answer"]["sdp"])?).await?;
        user.agent.connected(PATIENCE).await?;
        println!("POST   sessions             {name} has joined, publishes and is connected");
        user.url = format!("{}/{}", user.url, text(&joined["session"])?);
        user.token = text(&joined["token"])?.to_owned();
        user.session = joined["session"].clone();
        Ok(user)
    }

    /// Pulls the microphone of another user. Returns its mid.
    async fn pull(&self, other: &Self) -> Result<String, Failure> {
        let tracks = json!([{ "sessionId": other.session, "trackName": "microphone" }]);
        let kept = &self.call(Method::POST, "/pull", &tracks).await?["offer"];
        println!("POST   sessions/…/pull      {} gets an offer", self.name);
        let sdp = self.agent.answer(text(&kept["sessionDescription"]["sdp"])?).await?;
        let path = format!("/answer/{}", text(&kept["exchange"])?);
        let answer = json!({ "type": "answer", "sdp": sdp });
        let exchanged = self.call(Method::POST, &path, &answer).await?;
        println!("POST   sessions/…/answer/…  {} has answered", self.name);
        Ok(text(&exchanged["outcome"]["done"][0]["mid"])?.to_owned())
    }

    async fn call(&self, method: Method, path: &str, body: &Value) -> Result<Value, Failure> {
        match request(method, &format!("{}{path}", self.url), &self.token, body).await? {
            (StatusCode::OK, reply) => Ok(serde_json::from_str(&reply)?),
            (StatusCode::NO_CONTENT, _) => Ok(Value::Null),
            (status, reply) => Err(format!("{path}: {status}: {reply}").into()),
        }
    }
}

async fn request(
    method: Method,
    url: &str,
    token: &str,
    body: &Value,
) -> Result<(StatusCode, String), Failure> {
    let request = reqwest::Client::new().request(method, url).bearer_auth(token);
    let request = request.header("content-type", "application/json").body(body.to_string());
    let reply = request.send().await?;
    Ok((reply.status(), reply.text().await?))
}

fn text(value: &Value) -> Result<&str, Failure> {
    value.as_str().ok_or_else(|| format!("a text was expected, not {value}").into())
}

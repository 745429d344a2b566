//! Backend of two processes with their sessions in Redis, and two agents with media. An offer of
//! one process is answered at the other one, also when the first one has been killed meanwhile.
//!
//! ```sh
//! cargo run -p cloudflare-calls-redis --example replicas              # starts redis-server
//! cargo run -p cloudflare-calls-redis --example replicas redis://…    # uses this one
//! ```

mod backend;

use std::env;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use backend::Backend;
use cloudflare_calls::reqwest::{self, Method};
use cloudflare_calls::session::Registry;
use cloudflare_calls::store::Store;
use cloudflare_calls::token::TokenKeys;
use cloudflare_calls::types::{AppId, SessionId};
use cloudflare_calls::{Client, SecretString};
use cloudflare_calls_emulator::Emulator;
use cloudflare_calls_emulator::agent::{Agent, Received, Source};
use cloudflare_calls_redis::RedisStore;
use serde_json::{Value, json};
use tokio::net::TcpListener;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Longest time of a step on one machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// Process that is killed when it is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    match env::args().nth(1).as_deref() {
        Some("replica") => replica().await,
        url => fleet(url).await,
    }
}

/// Runs one process of the backend. Its settings are in its environment.
async fn replica() -> Result<(), Failure> {
    let (id, secret) = (AppId::new(env::var("APP")?)?, SecretString::from(env::var("SECRET")?));
    let client = Client::builder(id.clone(), secret).base_url(env::var("CALLS")?).build()?;
    let store = RedisStore::standalone(env::var("REDIS")?).connect().await?;
    let lease = Duration::from_secs(5);
    let sessions = Registry::over(client.clone(), Arc::new(store)).lease(lease).start().await?;
    // A real key is random and as secret as the app's: `openssl rand -hex 32`.
    let keys = TokenKeys::new(id, "2026-01", "0123456789abcdef".repeat(2).into())?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}", listener.local_addr()?);
    // The process ends with the example.
    std::thread::spawn(|| std::process::exit(std::io::stdin().lines().count() as i32));
    let idle = Duration::from_secs(30 * 60);
    Ok(Backend { name: "one of two", client, sessions, keys, idle }.serve(listener).await?)
}

async fn fleet(url: Option<&str>) -> Result<(), Failure> {
    let emulator = Emulator::start().await?;
    let folder = tempfile::tempdir()?;
    let (_redis, redis) = match url {
        Some(url) => (None, url.to_owned()),
        None => start_redis(folder.path()).await.map(|(redis, url)| (Some(redis), url))?,
    };
    let store = RedisStore::standalone(&redis).connect().await?;
    let (mut first, one) = start_replica(&emulator, &redis)?;
    let (_second, two) = start_replica(&emulator, &redis)?;

    let alice = User::join("alice", "replica 1", &one).await?;
    let bob = User::join("bob", "replica 2", &two).await?;
    let offer = alice.pull(&bob, "replica 1", &one).await?;
    alice.answer(&offer, "replica 2", &two, &bob).await?;
    let offer = bob.pull(&alice, "replica 1", &one).await?;
    first.0.kill()?;
    println!("replica 1 is killed");
    bob.answer(&offer, "replica 2", &two, &alice).await?;
    for user in [&alice, &bob] {
        user.call(Method::DELETE, &two, "", &Value::Null).await?;
        println!("{} leaves at replica 2", user.name);
        if store.read(&user.session).await?.is_some() {
            return Err(format!("{} is still in the store", user.name).into());
        }
    }
    let there = emulator.snapshot().await.ok_or("the emulator has ended")?;
    let is_open = there.sessions.iter().flat_map(|session| &session.tracks).any(|t| t.is_open);
    if is_open || !emulator.violations().await.unwrap_or_default().is_empty() {
        return Err(format!("not the whole lifecycle: {there:?}").into());
    }
    println!("nothing is open, and nothing is left in Redis");
    Ok(())
}

/// Starts Redis on a free port.
async fn start_redis(folder: &std::path::Path) -> Result<(Running, String), Failure> {
    let port = TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port().to_string();
    let mut command = Command::new("redis-server");
    command.args(["--port", &port, "--bind", "127.0.0.1", "--save", ""]).current_dir(folder);
    let redis = command.stdout(Stdio::null()).spawn().map_err(|error| {
        format!(
            "redis-server does not start ({error}). Install it by `apt-get install \
             redis-server`, `brew install redis` or the same of Valkey, or give the URL of one"
        )
    })?;
    let (redis, url) = (Running(redis), format!("redis://127.0.0.1:{port}"));
    for _ in 0..100 {
        if RedisStore::standalone(&url).connect().await.is_ok() {
            return Ok((redis, url));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err("redis-server does not reply".into())
}

/// Starts this program again, as one process of the backend. Returns its URL.
fn start_replica(emulator: &Emulator, redis: &str) -> Result<(Running, String), Failure> {
    let app = &emulator.apps()[0];
    let mut command = Command::new(env::current_exe()?);
    command.arg("replica").env("APP", app.id()).env("SECRET", app.expose_secret());
    command.env("CALLS", emulator.base_url()).env("REDIS", redis);
    let mut child = Running(command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?);
    let mut url = String::new();
    let output = child.0.stdout.take().ok_or("no output")?;
    std::io::BufRead::read_line(&mut std::io::BufReader::new(output), &mut url)?;
    match url.trim() {
        "" => Err("a replica does not start".into()),
        url => Ok((child, url.to_owned())),
    }
}

/// User with an agent, who sends requests to the backend.
struct User {
    name: &'static str,
    agent: Agent,
    session: SessionId,
    token: String,
}

impl User {
    async fn join(name: &'static str, at: &str, url: &str) -> Result<Self, Failure> {
        let agent = Agent::start().await?;
        let (offer, mids) = agent.offer(&[Source::Audio]).await?;
        let tracks = json!([{ "mid": mids[0], "trackName": "microphone" }]);
        let wanted = json!({ "offer": { "type": "offer", "sdp": offer }, "tracks": tracks });
        let joined = request(Method::POST, &format!("{url}/sessions"), "", &wanted).await?;
        agent.accept_answer(text(&joined["published"]["answer"]["sdp"])?).await?;
        agent.connected(PATIENCE).await?;
        println!("{name} joins and publishes at {at}");
        let (session, token) =
            (SessionId::new(text(&joined["session"])?)?, text(&joined["token"])?);
        Ok(Self { name, agent, session, token: token.to_owned() })
    }

    /// Asks for the microphone of another user. Returns the offer, with the id of its exchange.
    async fn pull(&self, other: &Self, at: &str, url: &str) -> Result<Value, Failure> {
        let tracks = json!([{ "sessionId": other.session, "trackName": "microphone" }]);
        let offer = self.call(Method::POST, url, "/pull", &tracks).await?["offer"].take();
        println!("{} gets an offer with the microphone of {} at {at}", self.name, other.name);
        Ok(offer)
    }

    /// Answers the offer, and receives the other's packets.
    async fn answer(&self, offer: &Value, at: &str, url: &str, of: &Self) -> Result<(), Failure> {
        let sdp = self.agent.answer(text(&offer["sessionDescription"]["sdp"])?).await?;
        let path = format!("/answer/{}", text(&offer["exchange"])?);
        let answer = json!({ "type": "answer", "sdp": sdp });
        let exchanged = self.call(Method::POST, url, &path, &answer).await?;
        let mid = text(&exchanged["outcome"]["done"][0]["mid"])?;
        let enough = |got: &Received| got.packets >= 25;
        let got = self.agent.until_received(mid, PATIENCE, enough).await?;
        let (name, other) = (self.name, of.name);
        println!("{name} answers at {at} and receives {} packets of {other}", got.packets);
        Ok(())
    }

    async fn call(
        &self,
        method: Method,
        url: &str,
        path: &str,
        body: &Value,
    ) -> Result<Value, Failure> {
        request(method, &format!("{url}/sessions/{}{path}", self.session), &self.token, body).await
    }
}

async fn request(method: Method, url: &str, token: &str, body: &Value) -> Result<Value, Failure> {
    let request = reqwest::Client::new().request(method, url).bearer_auth(token);
    let request = request.header("content-type", "application/json").body(body.to_string());
    let reply = request.send().await?;
    let (status, body) = (reply.status(), reply.text().await?);
    match status.as_u16() {
        200 => Ok(serde_json::from_str(&body)?),
        204 => Ok(Value::Null),
        _ => Err(format!("{url}: {status}: {body}").into()),
    }
}

fn text(value: &Value) -> Result<&str, Failure> {
    value.as_str().ok_or_else(|| format!("a text was expected, not {value}").into())
}

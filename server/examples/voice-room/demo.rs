//! Two members without a browser, so that a newcomer alone sees and hears a call.

use std::time::Duration;

use cloudflare_calls::reqwest::{Client, Method, RequestBuilder};
use cloudflare_calls_emulator::agent::{Agent, Scene, Send, Voice};
use serde_json::{Value, json};

use crate::Failure;

/// The time between two signs of life.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// Keeps two members in the room. One that fails comes again.
pub(crate) async fn run(room: String) {
    let dusk = [Send::Tone(Voice::Low), Send::Picture(Scene::Dusk)];
    let sea = [Send::Tone(Voice::High), Send::Picture(Scene::Sea)];
    tokio::join!(keep(&room, "Dusk", &dusk), keep(&room, "Sea", &sea));
}

async fn keep(room: &str, name: &str, sends: &[Send]) {
    loop {
        if let Err(error) = attend(room, name, sends).await {
            eprintln!("{name} has to come again: {error}");
        }
        tokio::time::sleep(HEARTBEAT / 5).await;
    }
}

/// Joins, publishes, and stays until something fails.
async fn attend(room: &str, name: &str, sends: &[Send]) -> Result<(), Failure> {
    let http = Client::new();
    let joining = json!({ "name": name, "data": { "demo": true } });
    let joined = sent(http.post(format!("{room}/members")), &joining).await?;
    let request = |method, path: &str| {
        let token = joined["token"].as_str().unwrap_or_default();
        http.request(method, format!("{room}/{path}")).bearer_auth(token)
    };
    let made = sent(request(Method::POST, "sessions/new"), &Value::Null).await?;
    let session = made["sessionId"].as_str().unwrap_or_default();
    let agent = Agent::start().await?;
    let (offer, mids) = agent.offer(sends).await?;
    let tracks = mids.iter().zip(["microphone", "camera"]);
    let tracks =
        tracks.map(|(mid, name)| json!({ "location": "local", "mid": mid, "trackName": name }));
    let offer = json!({ "type": "offer", "sdp": offer });
    let publish = json!({ "sessionDescription": offer, "tracks": tracks.collect::<Vec<_>>() });
    let path = format!("sessions/{session}/tracks/new");
    let published = sent(request(Method::POST, &path), &publish).await?;
    let answer = published["sessionDescription"]["sdp"].as_str().unwrap_or_default();
    agent.accept_answer(answer).await?;
    agent.connected(HEARTBEAT).await?;
    let id = joined["member"]["id"].as_str().unwrap_or_default();
    let heartbeat = format!("members/{id}/heartbeat");
    loop {
        tokio::time::sleep(HEARTBEAT).await;
        sent(request(Method::POST, &heartbeat), &Value::Null).await?;
        // A session that is over is not noticed by who only sends.
        sent(request(Method::GET, &format!("sessions/{session}")), &Value::Null).await?;
    }
}

async fn sent(request: RequestBuilder, body: &Value) -> Result<Value, Failure> {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let reply = request.body(body).send().await?;
    let (status, text) = (reply.status(), reply.text().await?);
    match status.is_success() {
        true if text.is_empty() => Ok(Value::Null),
        true => Ok(serde_json::from_str(&text)?),
        false => Err(format!("{status}: {text}").into()),
    }
}

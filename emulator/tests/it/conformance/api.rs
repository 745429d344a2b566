//! Requests by hand, so that they can be wrong, and the check of each reply.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use cloudflare_calls::reqwest::{Client, Method};
use cloudflare_calls_emulator::agent::{Agent, Source};
use cloudflare_calls_emulator::rules::{Config, Location};
use cloudflare_calls_emulator::{App, Emulator};
use serde_json::{Value, json};

use super::contract::{NEW_SESSION, NEW_TRACKS, Operation, RENEGOTIATE};
use super::coverage;

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
pub(crate) const APP: &str = "a1b2c3";
pub(crate) const SECRET: &str = "s3cret";

/// Emulator, with counts of its validated replies.
pub(crate) struct Api {
    pub(crate) emulator: Emulator,
    client: Client,
    /// Numbers of replies, by path and status.
    seen: Mutex<BTreeMap<(&'static str, u16), usize>>,
}

/// Reply that the document allows.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Api {
    pub(crate) async fn start(config: Config) -> Self {
        let builder = Emulator::builder().app(App::new(APP, SECRET)).config(config);
        let emulator = builder.start().await.unwrap();
        Self { emulator, client: Client::new(), seen: Mutex::default() }
    }

    /// Sends a request with the right app and secret.
    pub(crate) async fn call(
        &self,
        operation: &Operation,
        session: &str,
        body: impl ToString,
    ) -> Reply {
        self.call_as(APP, Some(SECRET), operation, session, body).await
    }

    pub(crate) async fn call_as(
        &self,
        app: &str,
        secret: Option<&str>,
        operation: &Operation,
        session: &str,
        body: impl ToString,
    ) -> Reply {
        let path = operation.path.replace("{appId}", app).replace("{sessionId}", session);
        let method = Method::from_bytes(operation.method.to_uppercase().as_bytes()).unwrap();
        let url = format!("{}{path}", self.emulator.base_url());
        let mut request = self.client.request(method, url).body(body.to_string());
        if let Some(secret) = secret {
            request = request.bearer_auth(secret);
        }
        let reply = request.send().await.unwrap();
        let status = reply.status().as_u16();
        let content_type = reply.headers().get("content-type").cloned();
        let text = reply.text().await.unwrap();
        let body = match &*text {
            "" => Value::Null,
            text => serde_json::from_str(text).unwrap(),
        };
        if !body.is_null() {
            assert_eq!(content_type.unwrap(), "application/json");
        }
        assert_eq!(operation.faults(status, &body), [""; 0], "{operation:?} {status}: {body:#}");
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        *seen.entry((operation.path, status)).or_default() += 1;
        Reply { status, body }
    }

    /// Panics unless all replies of the theme were validated.
    pub(crate) fn finish(self, theme: &str) {
        let seen = self.seen.into_inner().unwrap_or_else(PoisonError::into_inner);
        coverage::assert_covered(theme, &seen);
    }

    /// Creates a session without a connection.
    pub(crate) async fn session(&self) -> String {
        let reply = self.call(&NEW_SESSION, "", "").await.is(201);
        reply["sessionId"].as_str().unwrap().to_owned()
    }

    /// Creates a connected session that publishes these tracks under their names. Returns its
    /// agent, its id and the mids.
    pub(crate) async fn join(&self, tracks: &[(Source, &str)]) -> (Agent, String, Vec<String>) {
        let (agent, session) = (Agent::start().await.unwrap(), self.session().await);
        let sends: Vec<Source> = tracks.iter().map(|(send, _)| *send).collect();
        let (offer, mids) = agent.offer(&sends).await.unwrap();
        let entries: Vec<Value> = mids
            .iter()
            .zip(tracks)
            .map(|(mid, (_, name))| json!({ "location": "local", "mid": mid, "trackName": name }))
            .collect();
        let body = json!({ "tracks": entries, "sessionDescription": offered(&offer) });
        let reply = self.call(&NEW_TRACKS, &session, body).await.is(200);
        assert_eq!(codes(&reply["tracks"]), vec![""; tracks.len()]);
        agent.accept_answer(sdp(&reply, "answer")).await.unwrap();
        agent.connected(PATIENCE).await.unwrap();
        self.flowing(&session).await;
        (agent, session, mids)
    }

    /// Waits until packets have come on all published tracks of a session.
    pub(crate) async fn flowing(&self, session: &str) {
        let wait = async {
            loop {
                let snapshot = self.emulator.snapshot().await.unwrap();
                let session = snapshot.sessions.iter().find(|other| other.id == session).unwrap();
                let mut local = session.tracks.iter().filter(|t| t.location == Location::Local);
                if local.all(|track| track.packets > 0) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("it sends nothing");
    }

    /// Answers the offer of a reply.
    pub(crate) async fn answer(&self, agent: &Agent, session: &str, reply: &Value) {
        assert_eq!(reply["requiresImmediateRenegotiation"], true);
        let answer = agent.answer(sdp(reply, "offer")).await.unwrap();
        let mut body = RENEGOTIATE.example("");
        body["sessionDescription"]["sdp"] = answer.into();
        self.call(&RENEGOTIATE, session, body).await.is(200);
    }
}

impl Reply {
    /// Returns the body. Panics unless the status is this one.
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{:#}", self.body);
        assert_eq!(self.body.get("errorCode"), None);
        self.body
    }

    /// Panics unless the reply is this error.
    #[track_caller]
    pub(crate) fn fails(&self, status: u16, code: &str) {
        assert_eq!((self.status, self.body["errorCode"].as_str()), (status, Some(code)));
    }
}

/// Returns an agent's offer, as part of a body.
pub(crate) fn offered(sdp: &str) -> Value {
    json!({ "type": "offer", "sdp": sdp })
}

/// Returns the session description of a reply.
#[track_caller]
pub(crate) fn sdp<'a>(reply: &'a Value, kind: &str) -> &'a str {
    assert_eq!(reply["sessionDescription"]["type"], kind);
    reply["sessionDescription"]["sdp"].as_str().unwrap()
}

/// Returns the codes of a reply's entries, empty for those that worked.
#[track_caller]
pub(crate) fn codes(entries: &Value) -> Vec<&str> {
    let entries = entries.as_array().unwrap();
    entries.iter().map(|entry| entry["errorCode"].as_str().unwrap_or_default()).collect()
}

//! Server over an emulator, and members of its rooms.

use std::net::Ipv4Addr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use cloudflare_calls::reqwest::{self, Method, RequestBuilder, header};
use cloudflare_calls::types::AppId;
use cloudflare_calls::{Client, SecretString};
use cloudflare_calls_emulator::rules::{Config, Snapshot};
use cloudflare_calls_emulator::{App, Builder, Emulator};
use cloudflare_calls_server::{Admission, Entrance, Hooks, Limits, NotAdmitted, Role, Server, Via};
use serde_json::{Value, json};

/// Long enough for two busy cores.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// App of all tests, and its secret.
pub(crate) const APP: &str = "a1b2c3";
pub(crate) const SECRET: &str = "s3cret-0f-the-4pp";

/// Key that [`admit`] accepts from publishers and players that are no members.
pub(crate) const STREAM_KEY: &str = "str3am-k3y-0f-the-enc0der";

/// Room of most tests.
pub(crate) const ROOM: &str = "lobby";

/// Media type of session descriptions.
pub(crate) const SDP: &str = "application/sdp";

/// Offer of an agent with a section for sound and one to receive pictures on.
pub(crate) const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n\
    a=group:BUNDLE 0 1\r\na=ice-ufrag:ag3ntUfr4g\r\na=ice-pwd:ag3ntP4ssw0rdOfTheAgent\r\n\
    m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=sendonly\r\n\
    m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=recvonly\r\n";

/// Answer, which the emulator without media does not read.
pub(crate) const ANSWER: &str = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n";

/// Server on a free port, and the emulator behind it.
pub(crate) struct World {
    pub(crate) emulator: Emulator,
    pub(crate) server: Server,
    /// Host with its port.
    pub(crate) host: String,
    /// URL that the router is nested at.
    pub(crate) url: String,
    http: reqwest::Client,
    calls: Arc<AtomicUsize>,
}

/// Member of a room.
#[derive(Clone)]
pub(crate) struct Member {
    pub(crate) id: String,
    pub(crate) token: String,
    /// URL of the room.
    pub(crate) room: String,
    http: reqwest::Client,
}

/// Reply.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: header::HeaderMap,
    pub(crate) text: String,
}

/// State at the API, and the number of its requests.
#[derive(Debug, PartialEq)]
pub(crate) struct Footprint {
    snapshot: Snapshot,
    calls: usize,
}

/// Returns an emulator without media that takes any number of requests.
pub(crate) fn canned() -> Builder {
    with_media().canned()
}

/// Returns an emulator that takes any number of requests.
pub(crate) fn with_media() -> Builder {
    let config = Config { requests_per_second: 10_000, ..Config::default() };
    Emulator::builder().app(App::new(APP, SECRET)).config(config)
}

/// Returns limits that no test meets by chance.
pub(crate) fn limits() -> Limits {
    let many = NonZeroU32::new(10_000).unwrap();
    let mut limits = Limits::default();
    (limits.requests, limits.entrances) = (many, many);
    limits.absence = Duration::from_secs(60 * 60);
    limits
}

/// Admits everybody, in the role of the query. By WHIP and WHEP it admits the key.
pub(crate) async fn admit(entrance: Entrance) -> Result<Admission, NotAdmitted> {
    let key = format!("Bearer {STREAM_KEY}");
    let given = entrance.headers.get(header::AUTHORIZATION);
    if entrance.via != Via::Members && given.is_none_or(|given| *given != *key) {
        return Err(NotAdmitted);
    }
    let query = entrance.query.as_deref().unwrap_or_default();
    let has = |wanted: &str| query.split('&').any(|part| part == wanted);
    Ok(Admission::new(match () {
        () if has("role=moderator") => Role::Moderator,
        () if has("role=listener") => Role::Listener,
        () => Role::Member,
    }))
}

impl World {
    /// Creates a world without media and limits.
    pub(crate) async fn canned() -> Self {
        Self::start(canned(), admit, limits()).await
    }

    pub(crate) async fn start(emulator: Builder, hooks: impl Hooks, limits: Limits) -> Self {
        Self::with(emulator, hooks, |server| server.limits(limits)).await
    }

    pub(crate) async fn with(
        emulator: Builder,
        hooks: impl Hooks,
        set: impl FnOnce(cloudflare_calls_server::Builder) -> cloudflare_calls_server::Builder,
    ) -> Self {
        let emulator = emulator.start().await.unwrap();
        let calls = Arc::new(AtomicUsize::new(0));
        emulator.watch({
            let calls = Arc::clone(&calls);
            move |_| {
                calls.fetch_add(1, Ordering::SeqCst);
                Vec::new()
            }
        });
        let (id, secret) = (AppId::new(APP).unwrap(), SecretString::from(SECRET));
        let client = Client::builder(id, secret).base_url(emulator.base_url()).build().unwrap();
        let server = set(Server::builder(client, hooks)).start();
        let app = Router::new().nest("/calls", server.router());
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        tokio::spawn(async { axum::serve(listener, app).await.unwrap() });
        let url = format!("http://{host}/calls");
        Self { emulator, server, host, url, http: reqwest::Client::new(), calls }
    }

    /// Returns a request without a token.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}/{path}", self.url))
    }

    /// Returns the number of requests that the API has had.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// Returns the state at the API once nothing is under way. Ages change, so they are left out.
    pub(crate) async fn footprint(&self) -> Footprint {
        self.emulator.idle().await;
        let mut snapshot = self.emulator.snapshot().await.unwrap();
        for session in &mut snapshot.sessions {
            session.age = 0;
            for track in &mut session.tracks {
                (track.packets, track.bytes, track.codec) = (0, 0, None);
            }
        }
        Footprint { snapshot, calls: self.calls() }
    }

    /// Lets a member enter a room, with a query such as `role=listener`.
    pub(crate) async fn join(&self, room: &str, query: &str) -> Member {
        let path = format!("rooms/{room}/members?{query}");
        let joined = sent(self.request(Method::POST, &path)).await.is(201);
        Member {
            id: joined["member"]["id"].as_str().unwrap().to_owned(),
            token: joined["token"].as_str().unwrap().to_owned(),
            room: format!("{}/rooms/{room}", self.url),
            http: self.http.clone(),
        }
    }
}

impl Member {
    /// Returns a request with the member's token, to a path below the room.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.bare(method, path).bearer_auth(&self.token)
    }

    /// Returns such a request without a token.
    pub(crate) fn bare(&self, method: Method, path: &str) -> RequestBuilder {
        let slash = if path.is_empty() || path.starts_with('?') { "" } else { "/" };
        self.http.request(method, format!("{}{slash}{path}", self.room))
    }

    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.http
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        sent(self.request(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        sent(self.request(Method::POST, path).body(body.to_string())).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Reply {
        sent(self.request(Method::PUT, path).body(body.to_string())).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Reply {
        sent(self.request(Method::DELETE, path)).await
    }

    /// Creates a session. Returns its id.
    pub(crate) async fn session(&self) -> String {
        let made = sent(self.request(Method::POST, "sessions/new")).await.is(201);
        made["sessionId"].as_str().unwrap().to_owned()
    }

    /// Publishes a track on the first section of the canned offer.
    pub(crate) async fn publish(&self, session: &str, name: &str) -> Value {
        self.post(&format!("sessions/{session}/tracks/new"), &publication(name)).await.is(200)
    }

    /// Returns the number of the room's last event.
    pub(crate) async fn seq(&self) -> u64 {
        self.get("").await.is(200)["seq"].as_u64().unwrap()
    }

    /// Returns the room's members once they meet a condition.
    pub(crate) async fn until(&self, is_right: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let mut members = Vec::new();
        let wait = async {
            loop {
                let room = self.get("").await.is(200);
                members = room["members"].as_array().unwrap().clone();
                if is_right(&members) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, wait).await;
        assert!(waited.is_ok(), "the room stays so: {members:#?}");
        members
    }
}

impl Reply {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        match serde_json::from_str(&self.text) {
            Ok(value) => value,
            Err(error) => panic!("{}: {error}: {}", self.status, self.text),
        }
    }

    /// Returns the body of a success; null for none.
    #[track_caller]
    pub(crate) fn is(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        if self.text.is_empty() { Value::Null } else { self.json() }
    }

    /// Panics unless the reply is this refusal, in the API's shape.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, code: &str) {
        self.is_refusal();
        let body = self.json();
        assert_eq!((self.status, body["errorCode"].as_str()), (status, Some(code)), "{body:#}");
    }

    /// Panics unless the reply is a refusal in the API's shape.
    #[track_caller]
    pub(crate) fn is_refusal(&self) {
        let body = self.json();
        assert!(self.status >= 400, "{} {body:#}", self.status);
        for field in ["errorCode", "errorDescription"] {
            assert!(body[field].as_str().is_some_and(|text| !text.is_empty()), "{body:#}");
        }
        let fields = body.as_object().unwrap();
        let is_known =
            |field: &String| matches!(&**field, "errorCode" | "errorDescription" | "remedy");
        assert!(fields.keys().all(is_known), "{body:#}");
        assert_eq!(self.headers[header::CONTENT_TYPE], "application/json");
        assert_eq!(self.headers[header::CACHE_CONTROL], "no-store");
        let is_told = self.headers.contains_key(header::WWW_AUTHENTICATE);
        assert_eq!(is_told, self.status == 401);
    }

    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        let Some(value) = self.headers.get(name) else { panic!("no {name}: {self:?}") };
        value.to_str().unwrap()
    }
}

/// Sends a request, and reads the whole reply.
pub(crate) async fn sent(request: RequestBuilder) -> Reply {
    let reply = request.send().await.unwrap();
    let (status, headers) = (reply.status().as_u16(), reply.headers().clone());
    Reply { status, headers, text: reply.text().await.unwrap() }
}

pub(crate) fn offered(sdp: &str) -> Value {
    json!({ "type": "offer", "sdp": sdp })
}

pub(crate) fn answered(sdp: &str) -> Value {
    json!({ "type": "answer", "sdp": sdp })
}

/// Returns the body that publishes a track on the first section of the canned offer.
pub(crate) fn publication(name: &str) -> Value {
    let track = json!({ "location": "local", "mid": "0", "trackName": name });
    json!({ "sessionDescription": offered(OFFER), "tracks": [track] })
}

/// Returns the body that subscribes to a track.
pub(crate) fn pull(publisher: &str, name: &str) -> Value {
    let track = json!({ "location": "remote", "sessionId": publisher, "trackName": name });
    json!({ "tracks": [track] })
}

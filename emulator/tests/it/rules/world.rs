//! Machine with a simulated clock and WebRTC.

use std::collections::BTreeMap;
use std::time::Duration;

use cloudflare_calls_emulator::media::{Event, Message, Place, SessionKey};
use cloudflare_calls_emulator::rules::*;
use serde_json::{Value, json};

use super::fake::{Fake, sdp};

pub(crate) const APP: &str = "app";

pub(crate) struct World {
    pub(crate) rules: Machine,
    pub(crate) media: Fake,
    pub(crate) now: Duration,
    pub(crate) replies: BTreeMap<Ticket, Reply>,
    pub(crate) commands: Vec<AdapterCommand>,
    /// App of the next requests.
    pub(crate) app: &'static str,
}

/// Returns a description as part of a body.
pub(crate) fn offer(sections: &[&str]) -> Value {
    json!({ "type": "offer", "sdp": sdp(sections) })
}

pub(crate) fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

pub(crate) fn request(operation: Operation, session: Option<&str>, body: Vec<u8>) -> Request {
    let session = session.map(str::to_owned);
    Request { app: APP.to_owned(), operation, session, query: Query::default(), body }
}

/// Returns the status and the code of a refusal.
pub(crate) fn code(reply: &Reply) -> (u16, &str) {
    (reply.status, reply.body["errorCode"].as_str().unwrap_or(""))
}

/// Returns the code of each entry, empty for those that succeeded.
pub(crate) fn codes<'a>(reply: &'a Reply, list: &str) -> Vec<&'a str> {
    let items = reply.body[list].as_array().expect("a list");
    items.iter().map(|item| item["errorCode"].as_str().unwrap_or("")).collect()
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(Config::default())
    }

    pub(crate) fn with(config: Config) -> Self {
        Self {
            rules: Machine::new(config, Some(7)),
            media: Fake::default(),
            now: ms(1000),
            replies: BTreeMap::new(),
            commands: Vec::new(),
            app: APP,
        }
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        self.rules.snapshot(self.now, &self.media)
    }

    pub(crate) fn send(&mut self, request: Request) -> Response {
        let response = self.rules.request(self.now, request, &mut self.media);
        self.drain();
        response
    }

    pub(crate) fn start(&mut self, operation: Operation, session: &str, body: Value) -> Response {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let session = Some(session).filter(|session| !session.is_empty());
        let request = Request { app: self.app.to_owned(), ..request(operation, session, body) };
        self.send(request)
    }

    /// Sends a request. Panics unless it is answered at once.
    #[track_caller]
    pub(crate) fn call(&mut self, operation: Operation, session: &str, body: Value) -> Reply {
        match self.start(operation, session, body) {
            Response::Now(reply) => reply,
            Response::Later(_) => panic!("it waits"),
        }
    }

    /// Sends a request. Panics unless it waits.
    #[track_caller]
    pub(crate) fn wait(&mut self, operation: Operation, session: &str, body: Value) -> Ticket {
        match self.start(operation, session, body) {
            Response::Now(reply) => panic!("it does not wait: {:?}", reply.body),
            Response::Later(ticket) => ticket,
        }
    }

    /// Returns the reply to a request that waited.
    #[track_caller]
    pub(crate) fn reply(&self, ticket: Ticket) -> &Reply {
        self.replies.get(&ticket).expect("a reply")
    }

    pub(crate) fn is_waiting(&self, ticket: Ticket) -> bool {
        !self.replies.contains_key(&ticket)
    }

    /// Lets time pass, with all that is due in between.
    pub(crate) fn pass(&mut self, milliseconds: u64) {
        let end = self.now + ms(milliseconds);
        while let Some(at) = self.rules.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.rules.timeout(self.now, &mut self.media);
            self.drain();
            assert_ne!(self.rules.poll_timeout(), Some(at), "time stands still");
        }
        self.now = end;
    }

    /// Takes all replies and commands. Panics if the rules have misused WebRTC.
    pub(crate) fn drain(&mut self) {
        while let Some((ticket, reply)) = self.rules.poll_reply() {
            assert!(self.replies.insert(ticket, reply).is_none(), "answered twice");
        }
        while let Some(command) = self.rules.poll_adapter() {
            self.commands.push(command);
        }
        assert_eq!(self.media.problems, [""; 0]);
    }

    #[track_caller]
    pub(crate) fn session(&mut self) -> String {
        let reply = self.call(Operation::NewSession, "", Value::Null);
        assert_eq!(reply.status, 201);
        reply.body["sessionId"].as_str().expect("an id").to_owned()
    }

    pub(crate) fn key(&self, session: &str) -> SessionKey {
        self.rules.key(session).expect("a session")
    }

    pub(crate) fn place(&self, session: &str, mid: &str) -> Place {
        Place { session: self.key(session), mid: mid.to_owned() }
    }

    pub(crate) fn connect(&mut self, session: &str) {
        let key = self.key(session);
        self.media.connect(key, true);
        self.event(Event::Connected(key));
    }

    pub(crate) fn disconnect(&mut self, session: &str) {
        let key = self.key(session);
        self.media.connect(key, false);
        self.event(Event::Disconnected(key));
    }

    pub(crate) fn event(&mut self, event: Event) {
        self.rules.event(self.now, event, &mut self.media);
        self.drain();
    }

    /// Creates a connected session.
    pub(crate) fn up(&mut self) -> String {
        let session = self.session();
        self.connect(&session);
        session
    }

    pub(crate) fn packet(&mut self, session: &str, mid: &str) {
        let place = self.place(session, mid);
        self.media.packet(place.clone(), self.now);
        self.event(Event::Flows(place));
    }

    #[track_caller]
    pub(crate) fn publish(&mut self, session: &str, section: &str, name: &str) {
        let mid = section.split(' ').next().expect("a mid");
        let body = json!({ "sessionDescription": offer(&[section]),
            "tracks": [{ "location": "local", "mid": mid, "trackName": name }] });
        let reply = self.call(Operation::NewTracks, session, body);
        assert_eq!((reply.status, codes(&reply, "tracks")), (200, vec![""]));
    }

    /// Creates a connected session that sends a track on mid 0.
    pub(crate) fn publisher(&mut self, name: &str) -> String {
        let session = self.up();
        self.publish(&session, "0 audio send", name);
        self.packet(&session, "0");
        session
    }

    #[track_caller]
    pub(crate) fn answer(&mut self, session: &str) {
        let body = json!({ "sessionDescription": { "type": "answer", "sdp": sdp(&[]) } });
        let reply = self.call(Operation::Renegotiate, session, body);
        assert_eq!((reply.status, &reply.body), (200, &json!({})));
    }

    /// Pulls a track and answers the offer. Returns the mid.
    #[track_caller]
    pub(crate) fn pull(&mut self, session: &str, publisher: &str, name: &str) -> String {
        let reply = self.call(Operation::NewTracks, session, pulling(publisher, &[name]));
        assert_eq!(reply.body["requiresImmediateRenegotiation"], json!(true), "{}", reply.body);
        self.answer(session);
        reply.body["tracks"][0]["mid"].as_str().expect("a mid").to_owned()
    }

    /// Creates a connected session with the transport of data channels.
    pub(crate) fn data_session(&mut self) -> String {
        let session = self.up();
        let body = json!({ "dataChannel": server_events() });
        self.call(Operation::EstablishDataChannels, &session, body);
        self.answer(&session);
        session
    }

    pub(crate) fn say(&mut self, session: &str, id: u16, text: &str) {
        let message = Message { is_binary: false, data: text.into() };
        let session = self.key(session);
        self.event(Event::Message { session, id, message });
    }

    /// Returns the messages to an agent since the last call.
    pub(crate) fn heard(&mut self, session: &str) -> Vec<String> {
        let key = self.key(session);
        let sent = std::mem::take(&mut self.media.sent);
        let (mine, others) = sent.into_iter().partition(|(to, _, _)| *to == key);
        self.media.sent = others;
        let mine: Vec<(SessionKey, u16, String)> = mine;
        mine.into_iter().map(|(_, id, text)| format!("{id} {text}")).collect()
    }

    /// Returns the mids or ids of the session with the status of each.
    #[track_caller]
    pub(crate) fn statuses(&mut self, session: &str) -> Vec<String> {
        let reply = self.call(Operation::GetSession, session, Value::Null);
        assert_eq!(reply.status, 200);
        let (tracks, channels) = (&reply.body["tracks"], &reply.body["dataChannels"]);
        let all = tracks.as_array().into_iter().chain(channels.as_array()).flatten();
        all.map(|item| {
            let name = item["mid"].as_str().map_or(item["id"].to_string(), str::to_owned);
            format!("{name} {}", item["status"].as_str().unwrap_or("-"))
        })
        .collect()
    }
}

pub(crate) fn pulling(publisher: &str, names: &[&str]) -> Value {
    let tracks: Vec<Value> = names
        .iter()
        .map(|name| json!({ "location": "remote", "sessionId": publisher, "trackName": name }))
        .collect();
    json!({ "tracks": tracks })
}

pub(crate) fn server_events() -> Value {
    json!({ "location": "remote", "dataChannelName": "server-events" })
}

/// Returns the body that closes a section by the agent's offer.
pub(crate) fn negotiated_close(mid: &str, section: &str) -> Value {
    json!({ "tracks": [{ "mid": mid }], "force": false, "sessionDescription": offer(&[section]) })
}

pub(crate) fn force_close(mids: &[&str]) -> Value {
    let tracks: Vec<Value> = mids.iter().map(|mid| json!({ "mid": mid })).collect();
    json!({ "tracks": tracks, "force": true })
}

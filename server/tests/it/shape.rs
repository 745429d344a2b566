//! Router in the API's own shape: the same requests to both get the same statuses, fields and
//! values.
//!
//! The differences are in [`TRACKS`], [`CHANNELS`] and [`REFUSED_OTHERWISE`]. Besides, refusals
//! have `remedy` if the Calls API has failed.

use std::collections::BTreeMap;

use cloudflare_calls::SecretString;
use cloudflare_calls::ice::{TurnClient, TurnKeyId};
use cloudflare_calls::reqwest::{self, Method};
use cloudflare_calls_emulator::App;
use serde_json::{Value, json};

use super::scene::{establishment, establishment_by};
use super::support::{
    ANSWER, APP, OFFER, ROOM, SECRET, World, admit, answered, canned, offered, publication, pull,
    sent,
};

/// Differences of replies about tracks: the step, the place in the reply, the API's value and the
/// router's. A dash stands for a missing value.
///
/// A close of a closed track is a success: the client counts it as done.
const TRACKS: [[&str; 4]; 4] = [
    ["closed already", "/tracks/0/errorCode", "\"close_track_error\"", "-"],
    ["closed already", "/tracks/0/errorDescription", CLOSED, "-"],
    ["closed in part", "/tracks/1/errorCode", "\"close_track_error\"", "-"],
    ["closed in part", "/tracks/1/errorDescription", CLOSED, "-"],
];

const CLOSED: &str = "\"Track doesn't exist or was already closed\"";

/// Differences of replies about data channels.
///
/// - A second request for the transport succeeds.
/// - An update changes only the right to reply. The client has no operation that acknowledges a
///   subscription made with `waitForAck`, so that one waits for its agent.
/// - The client reports neither the id of an updated channel nor the name of a closed one, because
///   the request has named the channel by the other.
const CHANNELS: [[&str; 4]; 26] = [
    ["established already", "/dataChannel/dataChannelName", "-", "\"server-events\""],
    ["established already", "/dataChannel/id", "-", "0"],
    ["established already", "/errorCode", "\"invalid_params\"", "-"],
    ["established already", "/errorDescription", "\"the transport is established already\"", "-"],
    ["established already", "/requiresImmediateRenegotiation", "-", "false"],
    ["established already", "status", "406", "200"],
    ["reply revoked", "/dataChannels/0/id", "1", "-"],
    ["reply granted", "/dataChannels/0/id", "1", "-"],
    ["acknowledged", "/dataChannels/0/dataChannelName", "\"unordered\"", "-"],
    ["acknowledged", "/dataChannels/0/id", "2", "-"],
    ["acknowledged", "/dataChannels/0/location", "\"remote\"", "-"],
    ["acknowledged", "/dataChannels/0/sessionId", "\"<publisher>\"", "-"],
    ["acknowledged", "/dataChannels/0/waitForAck", "false", "-"],
    ["acknowledged", "/errorCode", "-", "\"invalid_params\""],
    ["acknowledged", "/errorDescription", "-", "\"canReply: is missing\""],
    ["acknowledged", "status", "200", "406"],
    ["state", "/dataChannels/1/status", "\"active\"", "\"initializing\""],
    ["closed in part", "/dataChannels/0/dataChannelName", "\"chat\"", "-"],
    ["closed in part", "/dataChannels/0/location", "\"remote\"", "-"],
    ["closed in part", "/dataChannels/0/sessionId", "\"<publisher>\"", "-"],
    ["closed in part", "/dataChannels/1/errorCode", "\"close_track_error\"", "-"],
    ["closed in part", "/dataChannels/1/errorDescription", CLOSED, "-"],
    ["closed", "/dataChannels/0/dataChannelName", "\"chat\"", "-"],
    ["closed", "/dataChannels/0/location", "\"local\"", "-"],
    ["closed", "/dataChannels/1/dataChannelName", "\"unordered\"", "-"],
    ["closed", "/dataChannels/1/location", "\"local\"", "-"],
];

/// Refusals that differ: the step, the API's status and code, and the router's.
///
/// - A body is read before the open offer is checked.
/// - Bodies are read by the client's types, which require more fields and refuse fewer values.
/// - A session that does not exist is refused like one of another member.
const REFUSED_OTHERWISE: [[&str; 3]; 8] = [
    ["answer: no JSON", "406 invalid_session_description", "400 decoding_error"],
    ["tracks: another location", "400 decoding_error", "406 invalid_params"],
    ["tracks: a null for a mid", "400 decoding_error", "406 invalid_params"],
    ["answer: to no offer", "406 invalid_session_description", "409 signaling_state_not_stable"],
    ["answer: nothing", "406 invalid_session_description", "406 invalid_params"],
    ["close: nothing", "406 invalid_params", "400 decoding_error"],
    ["close: no mid", "406 invalid_params", "400 decoding_error"],
    ["state: no such session", "404 not_found", "403 forbidden"],
];

/// Way to the API: directly, or by the router.
struct Way {
    http: reqwest::Client,
    /// URL above the operations.
    base: String,
    token: String,
}

/// Replies, step by step.
#[derive(Default)]
struct Script {
    /// Names for random ids, by id.
    names: BTreeMap<String, String>,
    replies: Vec<(&'static str, u16, Value)>,
}

impl Way {
    fn direct(world: &World) -> Self {
        let api = world.emulator.base_url();
        Self {
            http: reqwest::Client::new(),
            base: format!("{api}/apps/{APP}"),
            token: SECRET.to_owned(),
        }
    }

    async fn by_the_router(world: &World) -> Self {
        let member = world.join(ROOM, "").await;
        Self { http: reqwest::Client::new(), base: member.room, token: member.token }
    }

    async fn call(&self, method: &Method, path: &str, body: String) -> (u16, Value) {
        let request = self.http.request(method.clone(), format!("{}/{path}", self.base));
        let reply = sent(request.bearer_auth(&self.token).body(body)).await;
        (reply.status, reply.json())
    }
}

impl Script {
    /// Takes a step. Notes the reply without random values.
    async fn step(
        &mut self,
        way: &Way,
        step: &'static str,
        method: Method,
        path: &str,
        body: impl ToString,
    ) -> Value {
        let (status, reply) = way.call(&method, path, body.to_string()).await;
        let mut noted = reply.clone();
        self.anonymous(&mut noted);
        self.replies.push((step, status, noted));
        reply
    }

    async fn post(&mut self, way: &Way, step: &'static str, path: &str, body: &Value) -> Value {
        self.step(way, step, Method::POST, path, body).await
    }

    async fn put(&mut self, way: &Way, step: &'static str, path: &str, body: &Value) -> Value {
        self.step(way, step, Method::PUT, path, body).await
    }

    async fn session(&mut self, way: &Way, step: &'static str, name: &str, body: &Value) -> String {
        let (status, mut reply) = match body {
            Value::Null => way.call(&Method::POST, "sessions/new", String::new()).await,
            body => way.call(&Method::POST, "sessions/new", body.to_string()).await,
        };
        let id = reply["sessionId"].as_str().unwrap().to_owned();
        self.names.insert(id.clone(), format!("<{name}>"));
        self.anonymous(&mut reply);
        self.replies.push((step, status, reply));
        format!("sessions/{id}")
    }

    /// Answers the SFU's offer.
    async fn answer(&mut self, way: &Way, step: &'static str, session: &str) {
        let body = json!({ "sessionDescription": answered(ANSWER) });
        self.put(way, step, &format!("{session}/renegotiate"), &body).await;
    }

    /// Replaces random values by names.
    fn anonymous(&self, value: &mut Value) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| self.anonymous(item)),
            Value::Object(fields) => {
                for (field, value) in fields {
                    match (&**field, &*value) {
                        ("sdp", Value::String(sdp)) if sdp.starts_with("v=0") => {
                            *value = "<sdp>".into();
                        }
                        ("username" | "credential", Value::String(_)) => *value = "<any>".into(),
                        _ => self.anonymous(value),
                    }
                }
            }
            Value::String(text) => {
                if let Some(name) = self.names.get(text) {
                    name.clone_into(text);
                }
            }
            _ => {}
        }
    }
}

/// Collects the leaves of a reply by their places.
fn leaves(value: &Value, at: &str, into: &mut BTreeMap<String, String>) {
    match value {
        Value::Array(items) if !items.is_empty() => {
            for (index, item) in items.iter().enumerate() {
                leaves(item, &format!("{at}/{index}"), into);
            }
        }
        Value::Object(fields) if !fields.is_empty() => {
            for (field, value) in fields {
                leaves(value, &format!("{at}/{field}"), into);
            }
        }
        leaf => drop(into.insert(at.to_owned(), leaf.to_string())),
    }
}

/// Returns all differences.
fn differences(direct: &Script, routed: &Script) -> Vec<[String; 4]> {
    let mut differences = Vec::new();
    assert_eq!(direct.replies.len(), routed.replies.len());
    for ((step, status, reply), (_, routed_status, routed)) in
        direct.replies.iter().zip(&routed.replies)
    {
        let (mut before, mut after) = (BTreeMap::new(), BTreeMap::new());
        before.insert("status".to_owned(), status.to_string());
        after.insert("status".to_owned(), routed_status.to_string());
        leaves(reply, "", &mut before);
        leaves(routed, "", &mut after);
        let places: std::collections::BTreeSet<&String> =
            before.keys().chain(after.keys()).collect();
        for place in places {
            let text = |side: &BTreeMap<String, String>| side.get(place).cloned();
            let (a, b) = (text(&before), text(&after));
            if a != b {
                let dash = || "-".to_owned();
                let (a, b) = (a.unwrap_or_else(dash), b.unwrap_or_else(dash));
                differences.push([(*step).to_owned(), place.clone(), a, b]);
            }
        }
    }
    differences
}

/// Runs the steps of media.
async fn media(way: &Way) -> Script {
    let mut script = Script::default();
    let publisher = script.session(way, "a session", "publisher", &Value::Null).await;
    let body = json!({ "sessionDescription": offered(OFFER) });
    let joined = script.session(way, "a session with an offer", "joined", &body).await;
    let new = |session: &str| format!("{session}/tracks/new");
    let state = async |script: &mut Script, step, session: &str| {
        script.step(way, step, Method::GET, session, "").await;
    };
    script.post(way, "published", &new(&publisher), &publication("mic")).await;
    script.post(way, "published again", &new(&publisher), &publication("mic")).await;
    let mut partly = publication("mic");
    let unknown = json!({ "location": "local", "mid": "9", "trackName": "unknown" });
    partly["tracks"].as_array_mut().unwrap().push(unknown.clone());
    script.post(way, "published in part", &new(&publisher), &partly).await;
    partly["tracks"] = json!([unknown]);
    script.post(way, "nothing published", &new(&publisher), &partly).await;
    let named = json!({ "tracks": [{ "location": "local", "mid": "0", "trackName": "named" }] });
    script.post(way, "published on a section", &new(&joined), &named).await;
    let named = json!({ "tracks": [{ "location": "local", "mid": "7", "trackName": "no" }] });
    script.post(way, "published on no section", &new(&joined), &named).await;
    state(&mut script, "state of a publisher", &publisher).await;

    let subscriber = script.session(way, "another session", "subscriber", &Value::Null).await;
    let mic = pull(publisher.strip_prefix("sessions/").unwrap(), "mic");
    script.post(way, "pulled", &new(&subscriber), &mic).await;
    script.answer(way, "answered", &subscriber).await;
    let mut layer = mic.clone();
    layer["tracks"][0]["simulcast"] = json!({ "preferredRid": "l" });
    script.post(way, "pulled in a layer", &new(&subscriber), &layer).await;
    script.answer(way, "answered in a layer", &subscriber).await;
    let mut some = mic.clone();
    some["tracks"].as_array_mut().unwrap().push(mic["tracks"][0].clone());
    some["tracks"][0]["trackName"] = "unknown".into();
    script.post(way, "pulled in part", &new(&subscriber), &some).await;
    script.answer(way, "answered in part", &subscriber).await;
    let mut none = mic.clone();
    none["tracks"][0]["trackName"] = "unknown".into();
    script.post(way, "nothing pulled", &new(&subscriber), &none).await;
    let update = |entry: Value| {
        let mut body = mic.clone();
        for (field, value) in entry.as_object().unwrap() {
            body["tracks"][0][field] = value.clone();
        }
        body
    };
    let path = format!("{subscriber}/tracks/update");
    script.put(way, "updated", &path, &update(json!({ "mid": "0" }))).await;
    let layer = update(json!({ "mid": "0", "simulcast": { "preferredRid": "l" } }));
    script.put(way, "updated to no layer", &path, &layer).await;
    script.put(way, "updated nothing", &path, &update(json!({ "mid": "9" }))).await;
    state(&mut script, "state of a subscriber", &subscriber).await;

    let offering = script.session(way, "a session to pull by an offer", "player", &Value::Null);
    let offering = offering.await;
    let mut body = mic.clone();
    body["sessionDescription"] = offered(&OFFER.replace("a=sendonly", "a=recvonly"));
    script.post(way, "pulled by an offer", &new(&offering), &body).await;
    body["tracks"][0]["mid"] = "0".into();
    let path = format!("{offering}/tracks/close");
    let close = |mids: &[&str]| {
        let mids: Vec<Value> = mids.iter().map(|mid| json!({ "mid": mid })).collect();
        json!({ "force": true, "tracks": mids })
    };
    script.put(way, "closed by force", &path, &close(&["0"])).await;
    script.post(way, "pulled on a section", &new(&offering), &body).await;
    let path = format!("{publisher}/tracks/close");
    let mut negotiated = close(&["0"]);
    negotiated["force"] = false.into();
    negotiated["sessionDescription"] = offered(OFFER);
    script.put(way, "closed by an offer", &path, &negotiated).await;
    script.put(way, "closed already", &path, &close(&["0"])).await;
    script.put(way, "closed in part", &format!("{joined}/tracks/close"), &close(&["0", "9"])).await;
    state(&mut script, "state after closing", &publisher).await;
    script
}

/// Runs publications that the SFU names or offers.
async fn publications(way: &Way) -> Script {
    let mut script = Script::default();
    let new = |session: &str| format!("{session}/tracks/new");
    let found = script.session(way, "a session", "found", &Value::Null).await;
    let body = json!({ "sessionDescription": offered(OFFER), "autoDiscover": true });
    let (status, mut reply) = way.call(&Method::POST, &new(&found), body.to_string()).await;
    let name = reply["tracks"][0]["trackName"].as_str().unwrap().to_owned();
    script.names.insert(name, "<name>".to_owned());
    script.anonymous(&mut reply);
    script.replies.push(("discovered", status, reply));
    script.post(way, "discovered nothing", &new(&found), &body).await;

    let asked = script.session(way, "another session", "asked", &Value::Null).await;
    let entry = |name, kind| json!({ "location": "local", "trackName": name, "kind": kind });
    let body = json!({ "tracks": [entry("mic", "audio"), entry("camera", "video")] });
    script.post(way, "offered", &new(&asked), &body).await;
    script.answer(way, "answered", &asked).await;
    let mut both = entry("both", "audio");
    both["bidirectionalMediaStream"] = true.into();
    script
        .post(way, "offered in both directions", &new(&asked), &json!({ "tracks": [both] }))
        .await;
    script.answer(way, "answered in both directions", &asked).await;
    let id = asked.strip_prefix("sessions/").unwrap();
    let mut back = pull(id, "both");
    back["tracks"][0]["mid"] = "#both".into();
    back["tracks"][0]["kind"] = "audio".into();
    script.post(way, "pulled on the transceiver", &new(&found), &back).await;
    script.post(way, "pulled on the own transceiver", &new(&asked), &back).await;
    script.step(way, "state", Method::GET, &asked, "").await;
    script
}

/// Runs the steps of data channels.
async fn channels(way: &Way) -> Script {
    let mut script = Script::default();
    let publisher = script.session(way, "a session", "publisher", &Value::Null).await;
    let id = publisher.strip_prefix("sessions/").unwrap().to_owned();
    let path = |session: &str, operation: &str| format!("{session}/datachannels/{operation}");
    let establish = path(&publisher, "establish");
    script.post(way, "established", &establish, &establishment()).await;
    script.answer(way, "answered", &publisher).await;
    script.post(way, "established already", &establish, &establishment()).await;
    let subscriber = script.session(way, "another session", "subscriber", &Value::Null).await;
    let data =
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:0\r\na=sctp-port:5000\r\n";
    let (session, _) = OFFER.split_once("m=audio").unwrap();
    let body = establishment_by(&format!("{session}{data}"));
    script.post(way, "established by an offer", &path(&subscriber, "establish"), &body).await;

    let local = |entries: Value| {
        let mut entries = entries;
        for entry in entries.as_array_mut().unwrap() {
            entry["location"] = "local".into();
        }
        json!({ "dataChannels": entries })
    };
    let remote = |entries: Value| {
        let mut entries = entries;
        for entry in entries.as_array_mut().unwrap() {
            entry["location"] = "remote".into();
            entry["sessionId"] = (&*id).into();
        }
        json!({ "dataChannels": entries })
    };
    let body = local(json!([
        { "dataChannelName": "chat" },
        { "dataChannelName": "unordered", "ordered": false },
        { "dataChannelName": "few", "maxRetransmits": 2 },
        { "dataChannelName": "short", "ordered": false, "maxPacketLifeTime": 50 },
    ]));
    script.post(way, "published", &path(&publisher, "new"), &body).await;
    let body = local(json!([{ "dataChannelName": "chat" }, { "dataChannelName": "next" }]));
    script.post(way, "published in part", &path(&publisher, "new"), &body).await;
    let body = remote(json!([{ "dataChannelName": "chat", "canReply": true },
        { "dataChannelName": "unordered", "ordered": false, "waitForAck": true },
        { "dataChannelName": "unknown" }]));
    script.post(way, "subscribed in part", &path(&subscriber, "new"), &body).await;
    for (step, can_reply) in [("reply revoked", false), ("reply granted", true)] {
        let body = remote(json!([{ "dataChannelName": "chat", "canReply": can_reply }]));
        script.put(way, step, &path(&subscriber, "update"), &body).await;
    }
    let body = remote(json!([{ "dataChannelName": "unordered", "waitForAck": false }]));
    script.put(way, "acknowledged", &path(&subscriber, "update"), &body).await;
    let body = remote(json!([{ "dataChannelName": "unknown", "canReply": true }]));
    script.put(way, "updated nothing", &path(&subscriber, "update"), &body).await;
    script.step(way, "state", Method::GET, &subscriber, "").await;
    let close = |ids: &[u16]| {
        let ids: Vec<Value> = ids.iter().map(|id| json!({ "id": id })).collect();
        json!({ "dataChannels": ids })
    };
    script.put(way, "closed in part", &path(&subscriber, "close"), &close(&[1, 99])).await;
    script.put(way, "closed", &path(&publisher, "close"), &close(&[1, 2])).await;
    script.step(way, "state after closing", Method::GET, &publisher, "").await;
    script
}

/// Runs requests that are refused.
async fn refusals(way: &Way) -> Script {
    let mut script = Script::default();
    let session = script.session(way, "a session", "session", &Value::Null).await;
    let id = session.strip_prefix("sessions/").unwrap();
    let path = |operation: &str| format!("{session}/{operation}");
    for (step, operation) in [
        ("tracks: no JSON", "tracks/new"),
        ("channels: no JSON", "datachannels/new"),
        ("transport: no JSON", "datachannels/establish"),
    ] {
        script.step(way, step, Method::POST, &path(operation), "{").await;
    }
    for (step, operation) in [
        ("answer: no JSON", "renegotiate"),
        ("update: no JSON", "tracks/update"),
        ("close: no JSON", "tracks/close"),
        ("update of channels: no JSON", "datachannels/update"),
        ("close of channels: no JSON", "datachannels/close"),
    ] {
        script.step(way, step, Method::PUT, &path(operation), "{").await;
    }
    script.step(way, "session: no JSON", Method::POST, "sessions/new", "{").await;
    script.step(way, "session: a list", Method::POST, "sessions/new", "[]").await;
    let new = path("tracks/new");
    let mic = publication("mic");
    let with = |pointer: &str, value: Value| {
        let mut body = mic.clone();
        *body.pointer_mut(pointer).unwrap() = value;
        body
    };
    let without = |pointer: &str, field: &str| {
        let mut body = mic.clone();
        body.pointer_mut(pointer).unwrap().as_object_mut().unwrap().remove(field);
        body
    };
    let many: Vec<Value> = (0..65)
        .map(|mid| json!({ "location": "local", "mid": mid.to_string(), "trackName": "a" }))
        .collect();
    let remote = pull(id, "mic")["tracks"][0].clone();
    for (step, body) in [
        ("tracks: nothing", json!({})),
        ("tracks: none", with("/tracks", json!([]))),
        ("tracks: a number", with("/tracks", json!(1))),
        ("tracks: numbers", with("/tracks", json!([1]))),
        ("tracks: too many", with("/tracks", json!(many))),
        ("tracks: both locations", with("/tracks", json!([mic["tracks"][0], remote]))),
        ("tracks: no location", without("/tracks/0", "location")),
        ("tracks: another location", with("/tracks/0/location", json!("here"))),
        ("tracks: no mid", without("/tracks/0", "mid")),
        ("tracks: a null for a mid", with("/tracks/0/mid", Value::Null)),
        ("tracks: no name", without("/tracks/0", "trackName")),
        ("tracks: an empty name", with("/tracks/0/trackName", json!(""))),
        ("tracks: a number for a name", with("/tracks/0/trackName", json!(7))),
        ("tracks: an answer", with("/sessionDescription/type", json!("answer"))),
        ("tracks: no type", without("/sessionDescription", "type")),
        ("tracks: no SDP", without("/sessionDescription", "sdp")),
        ("tracks: another SDP", with("/sessionDescription/sdp", json!("hello"))),
        ("tracks: an SDP without an end", with("/sessionDescription/sdp", json!("v=0\r\na"))),
        ("tracks: an SDP of nonsense", with("/sessionDescription/sdp", json!("v=0\r\nm=\r\n"))),
        ("tracks: discovery without an offer", json!({ "autoDiscover": true })),
        ("tracks: no kind", json!({ "tracks": [{ "location": "local", "trackName": "a" }] })),
        (
            "tracks: another kind",
            json!({ "tracks": [{ "location": "local", "trackName": "a", "kind": "text" }] }),
        ),
        ("pull: no publisher", json!({ "tracks": [{ "location": "remote", "trackName": "a" }] })),
        ("pull: no name", json!({ "tracks": [{ "location": "remote", "sessionId": id }] })),
    ] {
        script.post(way, step, &new, &body).await;
    }
    let answer = json!({ "sessionDescription": answered(ANSWER) });
    for (step, operation, body) in [
        ("answer: to no offer", "renegotiate", answer),
        ("answer: an offer", "renegotiate", json!({ "sessionDescription": offered(OFFER) })),
        ("answer: nothing", "renegotiate", json!({})),
        ("update: nothing", "tracks/update", json!({})),
        ("update: no mid", "tracks/update", pull(id, "mic")),
        ("close: nothing", "tracks/close", json!({})),
        ("close: no force", "tracks/close", json!({ "tracks": [{ "mid": "0" }] })),
        ("close: no offer", "tracks/close", json!({ "force": false, "tracks": [{ "mid": "0" }] })),
        ("close: no mid", "tracks/close", json!({ "force": true, "tracks": [{}] })),
        ("close: none", "tracks/close", json!({ "force": true, "tracks": [] })),
        ("update of channels: nothing", "datachannels/update", json!({})),
        (
            "update of channels: local",
            "datachannels/update",
            json!({ "dataChannels": [{ "location": "local", "dataChannelName": "a" }] }),
        ),
        ("close of channels: nothing", "datachannels/close", json!({})),
        ("close of channels: no id", "datachannels/close", json!({ "dataChannels": [{}] })),
    ] {
        script.put(way, step, &path(operation), &body).await;
    }
    let local = json!({ "location": "local", "dataChannelName": "a" });
    let mut doubly = local.clone();
    (doubly["maxRetransmits"], doubly["maxPacketLifeTime"]) = (1.into(), 1.into());
    let remote = json!({ "location": "remote", "dataChannelName": "a", "sessionId": id });
    for (step, operation, body) in [
        ("channels: no transport", "datachannels/new", json!({ "dataChannels": [local] })),
        ("channels: nothing", "datachannels/new", json!({})),
        ("channels: no location", "datachannels/new", json!({ "dataChannels": [{}] })),
        (
            "channels: both locations",
            "datachannels/new",
            json!({ "dataChannels": [local, remote] }),
        ),
        ("channels: both limits", "datachannels/new", json!({ "dataChannels": [doubly] })),
        (
            "channels: no name",
            "datachannels/new",
            json!({ "dataChannels": [{ "location": "local" }] }),
        ),
        (
            "channels: no publisher",
            "datachannels/new",
            json!({ "dataChannels": [{ "location": "remote", "dataChannelName": "a" }] }),
        ),
        ("transport: nothing", "datachannels/establish", json!({})),
        (
            "transport: another channel",
            "datachannels/establish",
            json!({ "dataChannel": { "location": "remote", "dataChannelName": "other" } }),
        ),
        (
            "transport: no location",
            "datachannels/establish",
            json!({ "dataChannel": { "dataChannelName": "server-events" } }),
        ),
        ("transport: an offer without data", "datachannels/establish", establishment_by(OFFER)),
    ] {
        script.post(way, step, &path(operation), &body).await;
    }
    let description = |description: Value| json!({ "sessionDescription": description });
    for (step, body) in [
        ("session: nothing", json!({})),
        ("session: an answer", description(answered(ANSWER))),
        ("session: another SDP", description(offered("hello"))),
        ("session: an SDP of nonsense", description(offered("v=0\r\nm=\r\n"))),
    ] {
        // Some requests succeed, so random values are not compared.
        let (status, mut reply) = way.call(&Method::POST, "sessions/new", body.to_string()).await;
        if reply.get("sessionId").is_some() {
            reply = json!({ "sessionId": "<made>" });
        }
        script.replies.push((step, status, reply));
    }
    let unknown = "sessions/e017a2629c754fedc1f7d8587e06d126";
    script.step(way, "state: no such session", Method::GET, unknown, "").await;
    script
}

fn assert_same(direct: &Script, routed: &Script, known: &[[&str; 4]]) {
    let found = differences(direct, routed);
    let found: Vec<[&str; 4]> =
        found.iter().map(|row| [&*row[0], &*row[1], &*row[2], &*row[3]]).collect();
    assert_eq!(found, known, "{found:#?}");
}

#[tokio::test]
async fn tracks_are_published_pulled_updated_and_closed_as_by_the_api() {
    let world = World::canned().await;
    let (direct, routed) = (Way::direct(&world), Way::by_the_router(&world).await);
    let (direct, routed) = tokio::join!(media(&direct), media(&routed));
    assert_same(&direct, &routed, &TRACKS);
}

#[tokio::test]
async fn tracks_are_discovered_and_offered_as_by_the_api() {
    let world = World::canned().await;
    let (direct, routed) = (Way::direct(&world), Way::by_the_router(&world).await);
    let (direct, routed) = tokio::join!(publications(&direct), publications(&routed));
    assert_same(&direct, &routed, &[]);
}

#[tokio::test]
async fn data_channels_are_as_by_the_api() {
    let world = World::canned().await;
    let (direct, routed) = (Way::direct(&world), Way::by_the_router(&world).await);
    let (direct, routed) = tokio::join!(channels(&direct), channels(&routed));
    assert_same(&direct, &routed, &CHANNELS);
}

#[tokio::test]
async fn refusals_have_the_statuses_and_codes_of_the_api() {
    let world = World::canned().await;
    let (direct, routed) = (Way::direct(&world), Way::by_the_router(&world).await);
    let (direct, routed) = tokio::join!(refusals(&direct), refusals(&routed));
    let mut found = Vec::new();
    for ((step, status, reply), (_, other, routed)) in direct.replies.iter().zip(&routed.replies) {
        let text = |status: &u16, reply: &Value| match reply["errorCode"].as_str() {
            Some(code) => format!("{status} {code}"),
            None => status.to_string(),
        };
        let (api, router) = (text(status, reply), text(other, routed));
        if api != router {
            found.push([(*step).to_owned(), api, router]);
        }
    }
    let found: Vec<[&str; 3]> = found.iter().map(|row| [&*row[0], &*row[1], &*row[2]]).collect();
    assert_eq!(found, REFUSED_OTHERWISE, "{found:#?}");
}

/// The URLs on port 53 are left out: browsers refuse it.
#[tokio::test]
async fn servers_for_ice_are_as_by_the_api() {
    let key = App::new("turn-key", "turn-token");
    let emulator = canned().turn_key(key).start().await.unwrap();
    let url = emulator.base_url().to_owned();
    let turn =
        TurnClient::builder(TurnKeyId::new("turn-key").unwrap(), SecretString::from("turn-token"));
    let turn = turn.base_url(&url).build().unwrap();
    let world = World::with(canned(), admit, |server| server.turn(turn)).await;
    let direct = format!("{url}/turn/keys/turn-key/credentials/generate-ice-servers");
    let request = reqwest::Client::new().post(direct).bearer_auth("turn-token");
    let mut direct = sent(request.body(r#"{ "ttl": 60 }"#)).await.is(201);
    let member = world.join(ROOM, "").await;
    let mut routed = member.post("generate-ice-servers", &json!({ "ttl": 60 })).await.is(201);
    let mut got = member.get("generate-ice-servers").await.is(200);
    assert_ne!(routed, got, "each has its own");
    let script = Script::default();
    for reply in [&mut direct, &mut routed, &mut got] {
        script.anonymous(reply);
    }
    let has_port = |url: &Value| {
        let url = url.as_str().unwrap();
        url.ends_with(":53") || url.contains(":53?")
    };
    for server in direct["iceServers"].as_array_mut().unwrap() {
        server["urls"].as_array_mut().unwrap().retain(|url| !has_port(url));
    }
    assert_eq!(routed, direct);
    assert_eq!(got, direct);
}

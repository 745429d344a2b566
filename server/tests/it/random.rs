//! Random requests: each reply is in the API's shape and no fault of the server, and the server
//! stays up.

use cloudflare_calls::reqwest::Method;
use cloudflare_calls::reqwest::header::{HeaderName, HeaderValue};
use futures_util::{StreamExt, stream};
use proptest::collection::{hash_map, vec};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::Value;

use super::scene::{Needs, Route, Scene, routes};
use super::support::{OFFER, ROOM, Reply, SDP, World, admit, canned, limits, sent};

/// Number of requests of a test, and of those at a time.
const CASES: usize = 400;
const AT_A_TIME: usize = 16;

/// Fields of all bodies.
const FIELDS: [&str; 24] = [
    "tracks",
    "sessionDescription",
    "type",
    "sdp",
    "location",
    "mid",
    "trackName",
    "sessionId",
    "kind",
    "simulcast",
    "preferredRid",
    "bidirectionalMediaStream",
    "autoDiscover",
    "force",
    "dataChannel",
    "dataChannels",
    "dataChannelName",
    "id",
    "ordered",
    "canReply",
    "maxRetransmits",
    "name",
    "data",
    "muted",
];

/// Texts with a meaning.
const WORDS: [&str; 14] = [
    "",
    "local",
    "remote",
    "0",
    "#alice",
    "alice",
    "audio",
    "offer",
    "answer",
    "server-events",
    "..",
    "null",
    "v=0\r\n",
    OFFER,
];

#[derive(Clone, Debug)]
enum Body {
    /// Random bytes.
    Bytes(Vec<u8>),
    Json(Value),
    /// A right body, with the field of this number replaced or left out.
    Mutated {
        at: usize,
        by: Option<Value>,
    },
    /// A right body.
    Right,
}

/// Request of a route.
#[derive(Clone, Debug)]
struct Case {
    route: usize,
    body: Body,
    /// Text for a session, a member or a file.
    name: Option<String>,
    room: Option<String>,
    query: Option<String>,
    header: Option<(&'static str, Vec<u8>)>,
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (-2..70_000_i64).prop_map(Value::from),
        proptest::sample::select(&WORDS[..]).prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        let field = prop_oneof![
            4 => proptest::sample::select(&FIELDS[..]).prop_map(str::to_owned),
            1 => ".{0,8}".prop_map(String::from),
        ];
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            hash_map(field, inner, 0..6).prop_map(Value::from_iter),
        ]
    })
}

fn body() -> impl Strategy<Value = Body> {
    let mutated = (any::<usize>(), proptest::option::of(json()));
    prop_oneof![
        1 => vec(any::<u8>(), 0..2_000).prop_map(Body::Bytes),
        2 => json().prop_map(Body::Json),
        6 => mutated.prop_map(|(at, by)| Body::Mutated { at, by }),
    ]
}

/// Returns any route with a right path and a wrong body.
fn wrong_body() -> impl Strategy<Value = Case> {
    (0..routes().len(), body()).prop_map(|(route, body)| Case {
        route,
        body,
        name: None,
        room: None,
        query: None,
        header: None,
    })
}

/// Returns any route with a right body and a wrong path, query or header.
fn wrong_request() -> impl Strategy<Value = Case> {
    let name = || proptest::option::of(".{0,80}");
    let header = proptest::sample::select(
        &[
            "authorization",
            "cookie",
            "origin",
            "content-type",
            "last-event-id",
            "upgrade",
            "sec-websocket-key",
            "sec-websocket-protocol",
            "accept",
        ][..],
    );
    let header = proptest::option::of((header, vec(0x20_u8..=0xff, 0..60)));
    let keys = proptest::sample::select(&["after", "replaces", "name", "member", "role"][..]);
    let query = vec((keys, ".{0,20}"), 0..4).prop_map(|pairs| {
        let pairs = pairs.into_iter().map(|(key, value)| format!("{key}={}", encoded(&value)));
        pairs.collect::<Vec<_>>().join("&")
    });
    (0..routes().len(), name(), name(), proptest::option::of(query), header).prop_map(
        |(route, name, room, query, header)| Case {
            route,
            body: Body::Right,
            name,
            room,
            query,
            header,
        },
    )
}

/// Returns a text as part of a path. One byte in eight is not UTF-8.
fn encoded(text: &str) -> String {
    let bytes = text.bytes().map(|byte| if byte % 8 == 7 { byte | 0x80 } else { byte });
    bytes.map(|byte| format!("%{byte:02X}")).collect()
}

/// Replaces one field by another value.
fn mutate(value: &mut Value, at: &mut usize, by: &Option<Value>) -> bool {
    let fields: Vec<String> = match value {
        Value::Object(fields) => fields.keys().cloned().collect(),
        Value::Array(items) => (0..items.len()).map(|index| index.to_string()).collect(),
        _ => return false,
    };
    for field in fields {
        if *at == 0 {
            match (&mut *value, by) {
                (Value::Object(object), Some(by)) => drop(object.insert(field, by.clone())),
                (Value::Object(object), None) => drop(object.remove(&field)),
                (Value::Array(items), by) => items[0] = by.clone().unwrap_or_default(),
                _ => {}
            }
            return true;
        }
        *at -= 1;
        let inner = match value {
            Value::Object(object) => object.get_mut(&field),
            Value::Array(items) => items.get_mut(field.parse::<usize>().unwrap()),
            _ => None,
        };
        if inner.is_some_and(|inner| mutate(inner, at, by)) {
            return true;
        }
    }
    false
}

/// Returns the number of fields of a value, nested ones included.
fn size(value: &Value) -> usize {
    match value {
        Value::Object(fields) => fields.values().map(|field| 1 + size(field)).sum(),
        Value::Array(items) => items.iter().map(|item| 1 + size(item)).sum(),
        _ => 0,
    }
}

impl Case {
    fn bytes(&self, scene: &Scene, route: &Route) -> Vec<u8> {
        let mut right = scene.body(route);
        match &self.body {
            Body::Bytes(bytes) => bytes.clone(),
            Body::Json(json) => json.to_string().into_bytes(),
            Body::Mutated { at, by } => {
                let mut at = at % size(&right).max(1);
                mutate(&mut right, &mut at, by);
                right.to_string().into_bytes()
            }
            Body::Right if right.is_null() => Vec::new(),
            Body::Right => right.to_string().into_bytes(),
        }
    }

    /// Sends the request. None if the reply has no end.
    async fn send(&self, scene: &Scene, route: &Route) -> Option<Reply> {
        let name = self.name.as_deref().map(encoded);
        let mut path = match &name {
            Some(name) => scene.path_of(route, name, name),
            None => scene.path(route),
        };
        if let Some(query) = &self.query {
            path = format!("{path}?{query}");
        }
        let mut alice = scene.alice.clone();
        if route.needs == Needs::Nothing && route.path == "/{file}" {
            alice.room = alice.room.split("/rooms/").next().unwrap().to_owned();
            path = path.replace("{file}", name.as_deref().unwrap_or("calls.js"));
        } else if let Some(room) = &self.room {
            let (base, _) = alice.room.rsplit_once('/').unwrap();
            alice.room = format!("{base}/{}", encoded(room));
        }
        let mut request = alice.request(route.method.clone(), &path);
        if route.needs == Needs::Credential {
            request = request.header("content-type", SDP);
        }
        let mut request = request.body(self.bytes(scene, route)).build().unwrap();
        if let Some((name, value)) = &self.header
            && let Ok(value) = HeaderValue::from_bytes(value)
        {
            request.headers_mut().insert(HeaderName::from_static(name), value);
        }
        let reply = alice.http().execute(request).await.unwrap();
        if reply.headers().get("content-type").is_some_and(|kind| kind == "text/event-stream") {
            assert_eq!(reply.status(), 200);
            return None;
        }
        let (status, headers) = (reply.status().as_u16(), reply.headers().clone());
        Some(Reply { status, headers, text: reply.text().await.unwrap() })
    }
}

/// Sends a request in a room of its own, and checks the reply.
async fn check(world: &World, number: usize, case: Case) {
    let routes = routes();
    let route = &routes[case.route];
    let query = if number.is_multiple_of(2) { "role=moderator" } else { "" };
    let scene = Scene::in_room(world, &format!("room-{number}"), query).await;
    let what = format!("{} {}: {case:?}", route.method, route.path);
    let Some(reply) = case.send(&scene, route).await else { return };
    let kind = reply.headers.get("content-type").map(|kind| kind.to_str().unwrap());
    match (reply.status, kind) {
        (200..300, None) => assert_eq!(reply.text, "", "{what}"),
        (200..300, Some("application/json")) => drop(reply.json()),
        (200..300, Some(kind)) => {
            let is_other = kind == SDP || kind.starts_with("text/");
            assert!(is_other, "{what}: {kind}");
        }
        (400..=499, _) => {
            let is_shaped = std::panic::AssertUnwindSafe(|| reply.is_refusal());
            let is_shaped = std::panic::catch_unwind(is_shaped);
            assert!(is_shaped.is_ok(), "{what}: {reply:?}");
        }
        // The SFU takes no trickle ICE.
        _ if route.status == 501 => reply.refused(501, "not_implemented"),
        _ => panic!("{what}: {reply:?}"),
    }
}

/// Checks that the members of an earlier room are served, and a new one, too.
async fn goes_on(world: &World) {
    let scene = Scene::in_room(world, ROOM, "").await;
    scene.alice.until(|members| members.len() == 2).await;
}

async fn check_all(cases: Vec<Case>) {
    let mut limits = limits();
    limits.sessions = 16;
    let world = World::start(canned(), admit, limits).await;
    let cases = stream::iter(cases.into_iter().enumerate());
    let world = &world;
    let checked = cases.map(async |(number, case)| check(world, number, case).await);
    checked.buffer_unordered(AT_A_TIME).collect::<Vec<()>>().await;
    goes_on(world).await;
}

/// Returns random values, which differ each time.
fn sample<T: std::fmt::Debug>(strategy: impl Strategy<Value = T>) -> Vec<T> {
    let mut runner = TestRunner::default();
    (0..CASES).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn random_bodies_get_replies_in_shape() {
    check_all(sample(wrong_body())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn random_paths_and_headers_get_replies_in_shape() {
    check_all(sample(wrong_request())).await;
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused_by_every_route_that_reads_one() {
    let mut limits = limits();
    limits.body = 8 * 1024;
    let world = World::start(canned(), admit, limits.clone()).await;
    let scene = Scene::new(&world).await;
    let (calls, seq) = (world.calls(), scene.bob.seq().await);
    let mut count = 0;
    for route in routes() {
        let path = scene.path(&route);
        let reads = !scene.body(&route).is_null()
            || route.needs == Needs::Credential
            || path == "sessions/new";
        if !reads {
            continue;
        }
        let request = |size: usize| {
            let request = scene.alice.request(route.method.clone(), &path);
            request.header("content-type", SDP).body(" ".repeat(size))
        };
        let reply = sent(request(limits.body + 1)).await;
        assert_eq!(reply.status, 413, "{} {path}: {}", route.method, reply.text);
        reply.refused(413, "payload_too_large");
        count += 1;
    }
    assert_eq!(count, 13);
    assert_eq!(world.calls(), calls, "nothing was sent");
    assert_eq!(scene.bob.seq().await, seq);
    // Bodies are read up to the limit, and spaces are no JSON.
    let most = scene.alice.request(Method::POST, "sessions/new").body(" ".repeat(limits.body));
    sent(most).await.is(201);
}

//! Refused requests: each is refused as the protocol says, and neither the API nor the room
//! changes.

use std::collections::BTreeSet;

use cloudflare_calls::reqwest::{Method, RequestBuilder};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use super::scene::{Needs, Route, Scene, answer, establishment_by, publisher, routes};
use super::support::{
    Footprint, Member, OFFER, ROOM, Reply, SDP, STREAM_KEY, World, admit, canned, limits, offered,
    publication, pull, sent,
};

/// Session that does not exist, in the form that the API gives.
const UNKNOWN: &str = "e017a2629c754fedc1f7d8587e06d126";

/// Origin of a foreign page.
const FOREIGN: &str = "https://evil.example";

/// Watch over the state that must not change.
struct Still<'a> {
    world: &'a World,
    observer: &'a Member,
    footprint: Footprint,
    seq: u64,
}

impl<'a> Still<'a> {
    async fn new(world: &'a World, observer: &'a Member) -> Self {
        let (footprint, seq) = (world.footprint().await, observer.seq().await);
        Self { world, observer, footprint, seq }
    }

    /// Panics if anything has changed at the API or in the room.
    async fn holds(&self, what: &str) {
        assert_eq!(self.world.footprint().await, self.footprint, "{what}");
        assert_eq!(self.observer.seq().await, self.seq, "{what}");
    }
}

/// Creates a world in which one member can have the sessions of all requests of a table.
async fn world() -> World {
    let mut limits = limits();
    limits.sessions = 16;
    World::start(canned(), admit, limits).await
}

fn name(route: &Route) -> String {
    format!("{} {}", route.method, route.path)
}

/// Returns the request of a route about Alice, without a token.
fn bare(scene: &Scene, route: &Route) -> RequestBuilder {
    scene.fill(route, scene.alice.bare(route.method.clone(), &scene.path(route)))
}

fn cookie(token: &str) -> String {
    format!("calls={token}")
}

/// Returns the routes that need a token, and true for those whose session or member counts.
fn guarded() -> Vec<Route> {
    let is_guarded = |route: &Route| {
        matches!(route.needs, Needs::Token | Needs::Self_ | Needs::Session | Needs::Moderator)
    };
    routes().into_iter().filter(is_guarded).collect()
}

/// Names of methods in `axum::routing`.
const METHODS: [&str; 6] = ["get", "post", "put", "patch", "delete", "options"];

#[test]
fn the_table_has_every_route() {
    let source = include_str!("../../src/http/mod.rs");
    let (nested, root) = source.split_once("\n    Router::new()").expect("the root router");
    let mut found = BTreeSet::new();
    for (prefix, part) in [("/rooms/{room}", nested), ("", root)] {
        for route in part.split(".route(").skip(1) {
            let path = route.split('"').nth(1).expect("a path");
            for method in METHODS {
                if route.contains(&format!("{method}(")) {
                    found.insert(format!("{} {prefix}{path}", method.to_uppercase()));
                }
            }
        }
    }
    let table: BTreeSet<String> = routes().iter().map(name).collect();
    assert_eq!(found, table);
}

#[tokio::test]
async fn every_route_does_its_part_for_who_may() {
    let world = world().await;
    let scene = Scene::new(&world).await;
    let moderator = world.join(ROOM, "role=moderator").await;
    for route in routes() {
        let mut path = scene.path(&route);
        match (&*path, route.needs) {
            (_, Needs::OwnCredential) => {
                path = scene.path_of(&route, &scene.alice.session().await, "");
            }
            ("{file}", _) => {
                let reply = world.request(Method::GET, "calls.js").send().await.unwrap();
                assert_eq!(reply.status(), 200);
                continue;
            }
            (path, _) if path.ends_with("renegotiate") => {
                // The SFU offers a second section.
                let pulled = format!("sessions/{}/tracks/new", scene.alices);
                let pulled = scene.alice.post(&pulled, &pull(&scene.bobs, "bob")).await.is(200);
                assert_eq!(pulled["requiresImmediateRenegotiation"], true, "{pulled:#}");
            }
            _ => {}
        }
        let member = if route.needs == Needs::Moderator { &moderator } else { &scene.alice };
        let request = scene.fill(&route, member.request(route.method.clone(), &path));
        // Events have no end, so the body is not read.
        let reply = request.send().await.unwrap();
        // The offer is open for 15 s only, which is little on a busy machine.
        let is_late = path.ends_with("renegotiate") && reply.status() == 410;
        if reply.status() != route.status && !is_late {
            panic!("{}: {}: {}", name(&route), reply.status(), reply.text().await.unwrap());
        }
    }
}

#[tokio::test]
async fn nobody_without_a_good_token_gets_anything() {
    let world = world().await;
    let scene = Scene::new(&world).await;
    let left = world.join(ROOM, "role=moderator").await;
    left.delete(&format!("members/{}", left.id)).await.is(204);
    let elsewhere = world.join("elsewhere", "role=moderator").await;
    let ended = world.join("ended", "role=moderator").await;
    ended.delete("").await.is(204);
    let guess = format!("{}.{}", scene.alice.id, "A".repeat(43));
    let swapped = {
        let (_, secret) = elsewhere.token.split_once('.').unwrap();
        format!("{}.{secret}", scene.alice.id)
    };
    let tokens = [
        ("garbage", "garbage"),
        ("a long one", &"a.".repeat(400)),
        ("a guess", &guess),
        ("another member's secret", &swapped),
        ("a member's that has left", &left.token),
        ("of another room", &elsewhere.token),
        ("of a room that has ended", &ended.token),
        ("the application's key", STREAM_KEY),
    ];
    let observer = scene.bob.clone();
    let still = Still::new(&world, &observer).await;
    for route in guarded() {
        sent(bare(&scene, &route)).await.refused(401, "unauthorized");
        for (what, token) in tokens {
            let by_header = bare(&scene, &route).bearer_auth(token);
            let by_cookie = bare(&scene, &route)
                .header("cookie", cookie(token))
                .header("origin", format!("http://{}", world.host));
            for request in [by_header, by_cookie] {
                let reply = sent(request).await;
                assert_eq!(reply.status, 401, "{} with {what}: {reply:?}", name(&route));
                reply.refused(401, "unauthorized");
            }
        }
        let basic = bare(&scene, &route).basic_auth(&scene.alice.id, Some(&scene.alice.token));
        sent(basic).await.refused(401, "unauthorized");
        // An invalid room name has no members either.
        let path = format!("rooms/no%2Fname/{}", scene.path(&route));
        let odd = path.trim_end_matches('/');
        let odd = world.request(route.method.clone(), odd).bearer_auth(&scene.alice.token);
        sent(scene.fill(&route, odd)).await.refused(401, "unauthorized");
    }
    still.holds("without a good token").await;
}

#[tokio::test]
async fn a_member_does_nothing_with_a_session_that_is_not_its_own() {
    let world = world().await;
    let scene = Scene::new(&world).await;
    let stranger = world.join("elsewhere", "").await;
    let strangers = stranger.session().await;
    let moderator = world.join(ROOM, "role=moderator").await;
    let (leaver, left_session) = publisher(&world, "leaver").await;
    leaver.delete(&format!("members/{}", leaver.id)).await.is(204);
    let left = async |snapshot: &str| {
        let session = world.emulator.session(snapshot).await.unwrap();
        session.tracks.iter().all(|track| !track.is_open)
    };
    while !left(&left_session).await {
        tokio::task::yield_now().await;
    }
    let observer = scene.bob.clone();
    let still = Still::new(&world, &observer).await;
    let sessions = [UNKNOWN, &scene.alices, &strangers, &left_session, "..%2F..", "a"];
    let with_session = |route: &Route| matches!(route.needs, Needs::Session | Needs::OwnCredential);
    for route in routes().into_iter().filter(with_session) {
        for member in [&scene.bob, &moderator] {
            let mut first: Option<Reply> = None;
            for session in sessions {
                let path = scene.path_of(&route, session, "");
                let request = scene.fill(&route, member.request(route.method.clone(), &path));
                let mut reply = sent(request).await;
                reply.refused(403, "forbidden");
                reply.headers.remove("date");
                let first = first.get_or_insert(Reply {
                    text: reply.text.clone(),
                    headers: reply.headers.clone(),
                    ..reply
                });
                let what = format!("{} about {session}", name(&route));
                assert_eq!((&reply.text, &reply.headers), (&first.text, &first.headers), "{what}");
            }
        }
    }
    still.holds("sessions of others").await;
}

#[tokio::test]
async fn whip_and_whep_need_the_credential_that_made_the_session() {
    let world = world().await;
    let scene = Scene::new(&world).await;
    let (left, lefts) = publisher(&world, "left").await;
    left.delete(&format!("members/{}", left.id)).await.is(204);
    let visit = scene.bob.bare(Method::POST, "whip").bearer_auth(STREAM_KEY);
    let made = sent(visit.header("content-type", SDP).body(OFFER)).await;
    made.is_created();
    let observer = scene.bob.clone();
    // The session of a member that has left is closed in the background.
    scene.bob.until(|members| members.len() == 3).await;
    while world.emulator.session(&lefts).await.unwrap().tracks.iter().any(|track| track.is_open) {
        tokio::task::yield_now().await;
    }
    let still = Still::new(&world, &observer).await;
    for endpoint in ["whip", "whep"] {
        let post = || {
            let request = scene.bob.bare(Method::POST, endpoint);
            request.header("content-type", SDP).body(OFFER)
        };
        let delete = || scene.bob.bare(Method::DELETE, &format!("{endpoint}/{}", scene.alices));
        sent(post()).await.refused(401, "unauthorized");
        sent(delete()).await.refused(401, "unauthorized");
        // Browsers' cookies are for pages, which have the other routes.
        for request in [post(), delete()] {
            let request = request
                .header("cookie", cookie(&scene.alice.token))
                .header("origin", format!("http://{}", world.host));
            sent(request).await.refused(401, "unauthorized");
        }
        for token in ["garbage", &left.token, &scene.bob.token[..20]] {
            sent(post().bearer_auth(token)).await.refused(403, "forbidden");
            sent(delete().bearer_auth(token)).await.refused(403, "forbidden");
        }
        // The key is the application's, and no member's.
        sent(delete().bearer_auth(STREAM_KEY)).await.refused(403, "forbidden");
    }
    let odd = world.request(Method::POST, "rooms/no%2Fname/whip").bearer_auth(STREAM_KEY);
    let odd = sent(odd.header("content-type", SDP).body(OFFER)).await;
    odd.refused(406, "invalid_params");
    still.holds("other credentials").await;
}

impl Reply {
    #[track_caller]
    fn is_created(&self) {
        assert_eq!(self.status, 201, "{}", self.text);
    }
}

#[tokio::test]
async fn a_listener_publishes_nothing() {
    let world = world().await;
    let scene = Scene::new(&world).await;
    let listener = world.join(ROOM, "role=listener").await;
    let session = listener.session().await;
    let tracks = format!("sessions/{session}/tracks/new");
    let channels = format!("sessions/{session}/datachannels/new");
    listener.post(&tracks, &pull(&scene.bobs, "bob")).await.is(200);
    answer(&listener, &session).await;
    let establish = format!("sessions/{session}/datachannels/establish");
    let data = OFFER.replace(
        "m=video 9 UDP/TLS/RTP/SAVPF 96",
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
    );
    let data = data.replace("a=recvonly\r\n", "a=sctp-port:5000\r\n");
    listener.post(&establish, &establishment_by(&data)).await.is(200);
    let bobs = json!({ "location": "remote", "sessionId": scene.bobs, "dataChannelName": "bob" });
    listener.post(&channels, &json!({ "dataChannels": [bobs] })).await.is(200);

    let still = Still::new(&world, &listener).await;
    let local = json!({ "location": "local", "trackName": "mine", "kind": "audio" });
    let named = json!({ "location": "local", "trackName": "mine", "mid": "0" });
    let mut replies = bobs.clone();
    replies["canReply"] = true.into();
    let refused = [
        (Method::POST, &tracks, publication("mine")),
        (
            Method::POST,
            &tracks,
            json!({ "autoDiscover": true, "sessionDescription": offered(OFFER) }),
        ),
        (Method::POST, &tracks, json!({ "tracks": [local] })),
        (Method::POST, &tracks, json!({ "tracks": [named] })),
        (
            Method::POST,
            &channels,
            json!({ "dataChannels": [{ "location": "local", "dataChannelName": "mine" }] }),
        ),
        (Method::POST, &channels, json!({ "dataChannels": [replies] })),
        (
            Method::PUT,
            &format!("sessions/{session}/datachannels/update"),
            json!({ "dataChannels": [replies] }),
        ),
    ];
    for (method, path, body) in refused {
        let reply = sent(listener.request(method, path).body(body.to_string())).await;
        assert_eq!(reply.status, 403, "{path} {body:#}: {}", reply.text);
        reply.refused(403, "forbidden");
        still.holds(&format!("{path} {body}")).await;
    }
    let whip = listener.request(Method::POST, "whip").header("content-type", SDP).body(OFFER);
    sent(whip).await.refused(403, "forbidden");
    still.holds("WHIP of a listener").await;
    let whip = listener.bare(Method::POST, "whip?role=listener").bearer_auth(STREAM_KEY);
    sent(whip.header("content-type", SDP).body(OFFER)).await.refused(403, "forbidden");
    let footprint = world.footprint().await;
    assert_eq!(footprint, still.footprint, "a listener that the application lets in by WHIP");
    assert_eq!(listener.get("").await.is(200)["members"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_member_moderates_nobody() {
    let world = world().await;
    let scene = Scene::new(&world).await;
    let listener = world.join(ROOM, "role=listener").await;
    let still = Still::new(&world, &scene.alice).await;
    let nobody = "0123456789abcdef";
    for member in [&scene.bob, &listener] {
        member.delete("").await.refused(403, "forbidden");
        for other in [&scene.alice.id, nobody] {
            let path = format!("members/{other}");
            member.delete(&path).await.refused(403, "forbidden");
            for body in [json!({}), json!({ "muted": { "alice": true } }), json!({ "data": 1 })] {
                let request = member.request(Method::PATCH, &path).body(body.to_string());
                sent(request).await.refused(403, "forbidden");
            }
            let heartbeat = format!("{path}/heartbeat");
            member.post(&heartbeat, &Value::Null).await.refused(403, "forbidden");
        }
    }
    still.holds("members as moderators").await;

    let moderator = world.join(ROOM, "role=moderator").await;
    let still = Still::new(&world, &scene.alice).await;
    let path = format!("members/{}", scene.alice.id);
    let change = async |path: &str, body: Value| {
        sent(moderator.request(Method::PATCH, path).body(body.to_string())).await
    };
    // A moderator changes no data of others, and unmutes nobody.
    change(&path, json!({ "data": 1 })).await.refused(403, "forbidden");
    change(&path, json!({ "muted": { "alice": false } })).await.refused(403, "forbidden");
    change(&path, json!({ "muted": { "other": true } })).await.refused(404, "not_found");
    change("members/nobody", json!({})).await.refused(404, "not_found");
    moderator.delete("members/nobody").await.refused(404, "not_found");
    let heartbeat = format!("{path}/heartbeat");
    moderator.post(&heartbeat, &Value::Null).await.refused(403, "forbidden");
    still.holds("a moderator's mistakes").await;
}

#[tokio::test]
async fn a_cookie_counts_for_pages_of_the_own_origin_alone() {
    let world = world().await;
    let scene = Scene::new(&world).await;
    let observer = scene.bob.clone();
    let still = Still::new(&world, &observer).await;
    let with_cookie =
        |route: &Route| bare(&scene, route).header("cookie", cookie(&scene.alice.token));
    for route in guarded() {
        for origin in [FOREIGN, "null", "http://127.0.0.1", "file://"] {
            let reply = sent(with_cookie(&route).header("origin", origin)).await;
            assert_eq!(reply.status, 403, "{} of {origin}", name(&route));
            reply.refused(403, "forbidden");
        }
        if route.method != Method::GET {
            let reply = sent(with_cookie(&route)).await;
            assert_eq!(reply.status, 403, "{} without an origin", name(&route));
            reply.refused(403, "forbidden");
        }
    }
    let join = scene.bob.bare(Method::POST, "members").header("origin", FOREIGN);
    sent(join).await.refused(403, "forbidden");
    still.holds("pages of others").await;

    // A read is no change, and the server's own page may do all.
    for path in ["", "generate-ice-servers"] {
        let request = scene.alice.bare(Method::GET, path);
        sent(request.header("cookie", cookie(&scene.alice.token))).await.is(200);
    }
    let own = scene.alice.bare(Method::POST, "sessions/new");
    let own = own.header("cookie", format!("a=b; {}", cookie(&scene.alice.token)));
    sent(own.header("origin", format!("https://{}", world.host))).await.is(201);
    // The header takes precedence.
    let both = scene.alice.bare(Method::GET, "").header("cookie", cookie(&scene.alice.token));
    sent(both.bearer_auth("garbage")).await.refused(401, "unauthorized");
}

#[tokio::test]
async fn pages_of_named_origins_may_what_the_own_may() {
    let named = |server: cloudflare_calls_server::Builder| server.origins(["https://app.example"]);
    let world = World::with(canned(), admit, named).await;
    let member = world.join(ROOM, "").await;
    let request = |origin: &str| {
        let request = member.bare(Method::POST, "sessions/new");
        request.header("cookie", cookie(&member.token)).header("origin", origin.to_owned())
    };
    sent(request("https://app.example")).await.is(201);
    sent(request("https://app.example.org")).await.refused(403, "forbidden");
    sent(request("http://app.example")).await.refused(403, "forbidden");
}

/// Tries to connect by a WebSocket. Returns the status of a refusal, with its body.
async fn socket(
    member: &Member,
    headers: &[(&'static str, String)],
) -> Result<Value, (u16, Value)> {
    let url = member.room.replacen("http", "ws", 1) + "/events";
    let mut request = url.into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    match tokio_tungstenite::connect_async(request).await {
        Ok((mut socket, _)) => {
            let message = socket.next().await.unwrap().unwrap();
            Ok(serde_json::from_str(message.to_text().unwrap()).unwrap())
        }
        Err(tungstenite::Error::Http(reply)) => {
            let body = reply.body().as_deref().unwrap_or_default();
            Err((reply.status().as_u16(), serde_json::from_slice(body).unwrap_or_default()))
        }
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_websocket_of_a_foreign_page_is_refused_whatever_its_token() {
    let world = world().await;
    let scene = Scene::new(&world).await;
    let token = &scene.alice.token;
    let subprotocols = ("sec-websocket-protocol", format!("calls.v1, calls.token.{token}"));
    let bearer = ("authorization", format!("Bearer {token}"));
    let by_cookie = ("cookie", cookie(token));
    let foreign = ("origin", FOREIGN.to_owned());
    let own = ("origin", format!("http://{}", world.host));
    let wrong = ("sec-websocket-protocol", "calls.v1, calls.token.garbage".to_owned());
    let observer = scene.bob.clone();
    let still = Still::new(&world, &observer).await;
    let refusals: [(&[_], u16, &str); 6] = [
        (&[subprotocols.clone(), foreign.clone()], 403, "forbidden"),
        (&[bearer, foreign.clone()], 403, "forbidden"),
        (&[by_cookie.clone(), foreign], 403, "forbidden"),
        (std::slice::from_ref(&by_cookie), 403, "forbidden"),
        (&[wrong, own.clone()], 401, "unauthorized"),
        (std::slice::from_ref(&own), 401, "unauthorized"),
    ];
    for (headers, status, code) in refusals {
        let (refused, body) = socket(&scene.alice, headers).await.unwrap_err();
        // The client's library reads no body that comes later.
        assert_eq!(refused, status, "{headers:?}");
        assert!(body.is_null() || body["errorCode"] == code, "{headers:?}: {body}");
    }
    still.holds("sockets of others").await;
    for headers in
        [vec![subprotocols.clone(), own.clone()], vec![subprotocols], vec![by_cookie, own]]
    {
        // A client that asks for no subprotocol gets none.
        let first = socket(&scene.alice, &headers).await.unwrap();
        assert_eq!(first["type"], "snapshot", "{first}");
    }
}

#[tokio::test]
async fn nothing_of_another_room_is_pulled() {
    let world = world().await;
    let scene = Scene::new(&world).await;
    let stranger = world.join("elsewhere", "").await;
    let strangers = stranger.session().await;
    stranger.publish(&strangers, "mic").await;
    let (leaver, left_session) = publisher(&world, "leaver").await;
    leaver.delete(&format!("members/{}", leaver.id)).await.is(204);
    while world
        .emulator
        .session(&left_session)
        .await
        .unwrap()
        .tracks
        .iter()
        .any(|track| track.is_open)
    {
        tokio::task::yield_now().await;
    }
    let still = Still::new(&world, &scene.bob).await;
    let (alice, session) = (&scene.alice, format!("sessions/{}", scene.alices));
    for outside in [&*strangers, &*left_session, UNKNOWN] {
        let mut offering = pull(outside, "mic");
        offering["sessionDescription"] = offered(OFFER);
        let channel = json!({ "location": "remote", "sessionId": outside,
            "dataChannelName": "chat", "canReply": true });
        let mut update = pull(outside, "mic");
        update["tracks"][0]["mid"] = scene.mid.as_str().into();
        let refused = [
            (Method::POST, "tracks/new", pull(outside, "mic")),
            (Method::POST, "tracks/new", offering),
            (Method::PUT, "tracks/update", update),
            (Method::POST, "datachannels/new", json!({ "dataChannels": [channel] })),
            (Method::PUT, "datachannels/update", json!({ "dataChannels": [channel] })),
        ];
        for (method, path, body) in refused {
            let path = format!("{session}/{path}");
            let reply = sent(alice.request(method, &path).body(body.to_string())).await;
            reply.refused(403, "forbidden");
            still.holds(&format!("{path} {body}")).await;
        }
    }
    // By WHEP, too, only members of the room can be played.
    let whep = alice.request(Method::POST, &format!("whep?member={}", stranger.id));
    let offer = OFFER.replace("a=sendonly", "a=recvonly");
    sent(whep.header("content-type", SDP).body(offer)).await.refused(404, "not_found");
    still.holds("a member of another room").await;
}

#[tokio::test]
async fn nobody_uses_up_the_requests_of_another_member() {
    let mut limits = limits();
    limits.requests = std::num::NonZeroU32::MIN;
    let world = World::start(canned(), admit, limits).await;
    let member = world.join(ROOM, "").await;
    // An id is no secret: all members of the room know it.
    let guess = format!("{}.{}", member.id, "A".repeat(43));
    for _ in 0..20 {
        sent(member.bare(Method::GET, "").bearer_auth(&guess)).await.refused(401, "unauthorized");
    }
    member.get("").await.is(200);
}

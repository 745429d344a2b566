//! WHIP and WHEP: encoders and players without another protocol.

use std::time::Duration;

use cloudflare_calls::SecretString;
use cloudflare_calls::ice::{TurnClient, TurnKeyId};
use cloudflare_calls::reqwest::{Method, RequestBuilder};
use cloudflare_calls_emulator::agent::{Agent, Change, Source};
use cloudflare_calls_emulator::media::Kind;
use cloudflare_calls_emulator::rules::Config;
use cloudflare_calls_emulator::{App, Emulator};
use serde_json::{Value, json};

use super::support::{
    APP, Member, OFFER, PATIENCE, ROOM, Reply, SDP, SECRET, STREAM_KEY, World, admit, canned,
    limits, sent, with_media,
};

/// Returns the request of an encoder or a player, to `whip`, `whep` or a session's URL.
fn request(world: &World, method: Method, path: &str, token: &str) -> RequestBuilder {
    world.request(method, &format!("rooms/{ROOM}/{path}")).bearer_auth(token)
}

async fn post(world: &World, path: &str, token: &str, offer: &str) -> Reply {
    let request = request(world, Method::POST, path, token);
    sent(request.header("content-type", SDP).body(offer.to_owned())).await
}

/// Returns the session of a reply's location.
fn session(reply: &Reply) -> String {
    reply.header("location").rsplit('/').next().unwrap().to_owned()
}

/// Returns the path of a reply's location below the room.
fn path(reply: &Reply) -> &str {
    let (_, path) = reply.header("location").split_once(&format!("/rooms/{ROOM}/")).unwrap();
    path
}

/// Sends the offer of an agent, which takes the answer and connects.
async fn negotiate(world: &World, path: &str, token: &str, agent: &Agent, offer: &str) -> Reply {
    let reply = post(world, path, token, offer).await;
    assert_eq!(reply.status, 201, "{}", reply.text);
    assert_eq!(reply.header("content-type"), SDP);
    agent.accept_answer(&reply.text).await.unwrap();
    agent.connected(PATIENCE).await.unwrap();
    reply
}

/// Creates an encoder that publishes, and whose packets have come.
async fn encoder(world: &World, path: &str, token: &str, sends: &[Source]) -> (Agent, Reply) {
    let agent = Agent::start().await.unwrap();
    let (offer, _) = agent.offer(sends).await.unwrap();
    let reply = negotiate(world, path, token, &agent, &offer).await;
    let flowing = async {
        let has_packets = async |session: &str| {
            let session = world.emulator.session(session).await.unwrap();
            session.tracks.iter().all(|track| track.packets > 0)
        };
        while !has_packets(&session(&reply)).await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, flowing).await.expect("it sends nothing");
    (agent, reply)
}

/// Creates a player of sound and pictures. Returns the mids on which it receives them.
async fn player(world: &World, path: &str, token: &str) -> (Agent, Reply, Vec<String>) {
    let agent = Agent::start().await.unwrap();
    let both = [Change::Receive(Kind::Audio), Change::Receive(Kind::Video)];
    let (offer, mids) = agent.offer_changes(&both).await.unwrap();
    let reply = negotiate(world, path, token, &agent, &offer).await;
    (agent, reply, mids)
}

/// Waits until a player gets packets of this encoder.
async fn hears(player: &Agent, mid: &str, encoder: &Agent) {
    let id = encoder.id();
    let is_its = |received: &cloudflare_calls_emulator::agent::Received| {
        received.packets >= 5 && received.marker.as_ref().is_some_and(|marker| marker.agent == id)
    };
    player.until_received(mid, PATIENCE, is_its).await.unwrap();
}

fn named<'a>(members: &'a [Value], name: &str) -> Option<&'a Value> {
    members.iter().find(|member| member["name"] == name)
}

/// Waits until a session has nothing open at the API.
async fn closed(world: &World, session: &str) {
    let wait = async {
        loop {
            let session = world.emulator.session(session).await;
            if session.is_none_or(|session| session.tracks.iter().all(|track| !track.is_open)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.expect("it stays open");
}

/// Waits until the sessions of this room at the API have nothing open.
async fn empty(world: &World, room: &Member) {
    for session in world.emulator.snapshot().await.unwrap().sessions {
        closed(world, &session.id).await;
    }
    assert_eq!(room.get("").await.is(200)["members"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn media_of_an_encoder_arrive_at_players_until_it_ends() {
    let world = World::start(with_media(), admit, limits()).await;
    let observer = world.join(ROOM, "").await;
    let sends = [Source::Audio, Source::Video];
    let (alice, published) = encoder(&world, "whip?name=Camera", STREAM_KEY, &sends).await;
    let prefix = format!("/calls/rooms/{ROOM}/whip/");
    assert!(published.header("location").starts_with(&prefix), "{published:?}");
    assert_eq!(published.header("cache-control"), "no-store");
    assert_eq!(published.header("link"), "<stun:stun.cloudflare.com:3478>; rel=\"ice-server\"");
    let is_here = |members: &[Value]| {
        named(members, "Camera").is_some_and(|member| member["presence"] == "here")
    };
    let members = observer.until(is_here).await;
    let camera = named(&members, "Camera").unwrap();
    let track = |name: &str, kind: &str| {
        json!({ "sessionId": session(&published), "trackName": name, "kind": kind,
            "muted": false })
    };
    let tracks = json!([track("audio", "audio"), track("video", "video")]);
    assert_eq!(camera["tracks"], tracks, "{camera:#}");

    let (bob, played, mids) = player(&world, "whep?name=Player", STREAM_KEY).await;
    let prefix = format!("/calls/rooms/{ROOM}/whep/");
    assert!(played.header("location").starts_with(&prefix), "{played:?}");
    for mid in &mids {
        hears(&bob, mid, &alice).await;
    }
    let ours = published.header("location").to_owned();
    for path in [path(&published), path(&played)] {
        let wrong = request(&world, Method::DELETE, path, &observer.token);
        sent(wrong).await.refused(403, "forbidden");
    }
    sent(request(&world, Method::DELETE, path(&played), STREAM_KEY)).await.is(200);
    closed(&world, &session(&played)).await;
    observer.until(|members| named(members, "Player").is_none()).await;
    let url = format!("http://{}{ours}", world.host);
    let ended = cloudflare_calls::reqwest::Client::new().delete(&url).bearer_auth(STREAM_KEY);
    sent(ended).await.is(200);
    closed(&world, &session(&published)).await;
    observer.until(|members| members.len() == 1).await;
    // The session has ended, so the request is refused like any other.
    let again = request(&world, Method::DELETE, path(&published), STREAM_KEY);
    sent(again).await.refused(403, "forbidden");
}

#[tokio::test]
async fn a_player_picks_whom_it_plays() {
    let world = World::start(with_media(), admit, limits()).await;
    let observer = world.join(ROOM, "").await;
    let sends = [Source::Video, Source::Audio];
    let (first, _) = encoder(&world, "whip?name=First", STREAM_KEY, &sends).await;
    let (second, _) = encoder(&world, "whip?name=Second", STREAM_KEY, &sends).await;
    let members = observer.until(|members| members.len() == 3).await;
    let id = named(&members, "Second").unwrap()["id"].as_str().unwrap();
    let picks = format!("whep?member={id}");
    for (path, encoder) in [("whep", &first), (&*picks, &second)] {
        let (player, _, mids) = player(&world, path, STREAM_KEY).await;
        for mid in &mids {
            hears(&player, mid, encoder).await;
        }
    }
    // The observer publishes nothing, and the room has no other member.
    let before = world.calls();
    for member in [&*observer.id, "nobody"] {
        let path = format!("whep?name=Nobody&member={member}");
        let offer = OFFER.replace("a=sendonly", "a=recvonly");
        post(&world, &path, STREAM_KEY, &offer).await.refused(404, "not_found");
    }
    assert_eq!(world.calls(), before, "no session was made");
    observer.until(|members| named(members, "Nobody").is_none()).await;
}

#[tokio::test]
async fn a_player_gets_only_kinds_that_are_published() {
    let world = World::start(with_media(), admit, limits()).await;
    let (alice, _) = encoder(&world, "whip", STREAM_KEY, &[Source::Audio]).await;
    let (bob, _, mids) = player(&world, "whep", STREAM_KEY).await;
    hears(&bob, &mids[0], &alice).await;
    let carol = Agent::start().await.unwrap();
    let (offer, _) = carol.offer_changes(&[Change::Receive(Kind::Video)]).await.unwrap();
    post(&world, "whep", STREAM_KEY, &offer).await.refused(404, "not_found");
}

#[tokio::test]
async fn a_member_publishes_and_plays_with_its_own_token_and_stays() {
    let world = World::start(with_media(), admit, limits()).await;
    let member = world.join(ROOM, "").await;
    let (alice, published) = encoder(&world, "whip", &member.token, &[Source::Audio]).await;
    let members = member.until(|members| members[0]["tracks"][0].is_object()).await;
    assert_eq!(members.len(), 1, "{members:#?}");
    assert_eq!(members[0]["tracks"][0]["trackName"], "audio");
    let (bob, played, mids) = player(&world, "whep", &member.token).await;
    hears(&bob, &mids[0], &alice).await;
    // The API's own routes have the session, too.
    member.get(&format!("sessions/{}", session(&published))).await.is(200);
    for reply in [&published, &played] {
        sent(request(&world, Method::DELETE, path(reply), STREAM_KEY))
            .await
            .refused(403, "forbidden");
        sent(request(&world, Method::DELETE, path(reply), &member.token)).await.is(200);
        closed(&world, &session(reply)).await;
    }
    let members = member.until(|members| members[0]["tracks"] == json!([])).await;
    assert_eq!(members[0]["id"], *member.id, "the member stays");
    member.get(&format!("sessions/{}", session(&published))).await.refused(403, "forbidden");
}

#[tokio::test]
async fn a_visitor_that_vanishes_leaves_the_room() {
    let config = Config { reuse: Duration::from_millis(200), ..Config::default() };
    let emulator = Emulator::builder().app(App::new(APP, SECRET)).config(config);
    let world = World::start(emulator, admit, limits()).await;
    let observer = world.join(ROOM, "").await;
    let (_alice, published) =
        encoder(&world, "whip?name=Camera", STREAM_KEY, &[Source::Audio]).await;
    let (_bob, played, _) = player(&world, "whep?name=Player", STREAM_KEY).await;
    observer.until(|members| members.len() == 3).await;
    assert!(world.emulator.disconnect(&session(&played)).await);
    observer.until(|members| named(members, "Player").is_none()).await;
    let members = observer.until(|_| true).await;
    assert!(named(&members, "Camera").is_some(), "{members:#?}");
    assert!(world.emulator.disconnect(&session(&published)).await);
    observer.until(|members| members.len() == 1).await;
}

#[tokio::test]
async fn a_moderator_removes_an_encoder_and_ends_the_room_of_a_player() {
    let world = World::start(with_media(), admit, limits()).await;
    let moderator = world.join(ROOM, "role=moderator").await;
    let (_a, first) = encoder(&world, "whip?name=First", STREAM_KEY, &[Source::Audio]).await;
    let (_b, second) = encoder(&world, "whip?name=Second", STREAM_KEY, &[Source::Audio]).await;
    let (_c, played, _) = player(&world, "whep?name=Player", STREAM_KEY).await;
    let members = moderator.until(|members| members.len() == 4).await;
    let id = named(&members, "First").unwrap()["id"].as_str().unwrap();
    moderator.delete(&format!("members/{id}")).await.is(204);
    closed(&world, &session(&first)).await;
    moderator.delete("").await.is(204);
    closed(&world, &session(&second)).await;
    closed(&world, &session(&played)).await;
    for reply in [&first, &second, &played] {
        let ended = request(&world, Method::DELETE, path(reply), STREAM_KEY);
        sent(ended).await.refused(403, "forbidden");
    }
}

#[tokio::test]
async fn other_bodies_than_session_descriptions_are_refused_and_make_nothing() {
    let world = World::canned().await;
    let observer = world.join(ROOM, "").await;
    let (footprint, seq) = (world.footprint().await, observer.seq().await);
    for endpoint in ["whip", "whep"] {
        for kind in ["application/json", "text/plain", "application/sdp2", "", "sdp"] {
            let request = request(&world, Method::POST, endpoint, STREAM_KEY);
            let request = request.header("content-type", kind).body(OFFER);
            sent(request).await.refused(415, "unsupported_media_type");
        }
        let bare = request(&world, Method::POST, endpoint, STREAM_KEY).body(OFFER.as_bytes());
        sent(bare).await.refused(415, "unsupported_media_type");
        for body in [&b""[..], b"hello", b"v=0", b"v=0\r\n\xff\r\n", b"{}"] {
            let request = request(&world, Method::POST, endpoint, STREAM_KEY);
            let request = request.header("content-type", SDP).body(body);
            sent(request).await.refused(400, "decoding_error");
        }
        let path = format!("{endpoint}?name=a&name=b");
        post(&world, &path, STREAM_KEY, OFFER).await.refused(400, "decoding_error");
        let path = format!("{endpoint}?name={}", "a".repeat(65));
        post(&world, &path, STREAM_KEY, OFFER).await.refused(406, "invalid_params");
    }
    assert_eq!(world.footprint().await, footprint);
    assert_eq!(observer.seq().await, seq, "nobody came");
    // A session that only the API can refuse leaves nothing behind.
    post(&world, "whip", STREAM_KEY, "v=0\r\ns=-\r\n").await.refused(406, "invalid_params");
    let nonsense = "v=0\r\nm=audio\r\na=mid:0\r\n";
    let refused = post(&world, "whip", STREAM_KEY, nonsense).await;
    refused.refused(400, "invalid_session_description");
    let only_receives = OFFER.replace("a=sendonly", "a=recvonly");
    let refused = post(&world, "whip", STREAM_KEY, &only_receives).await;
    refused.refused(406, "invalid_params");
    empty(&world, &observer).await;
}

#[tokio::test]
async fn media_types_are_compared_as_http_says() {
    let world = World::canned().await;
    for kind in ["application/sdp; charset=utf-8", "Application/SDP"] {
        let request = request(&world, Method::POST, "whip", STREAM_KEY);
        let reply = sent(request.header("content-type", kind).body(OFFER)).await;
        assert_eq!(reply.status, 201, "{kind}: {}", reply.text);
    }
}

#[tokio::test]
async fn endpoints_say_what_they_take_and_sessions_take_no_trickle() {
    let world = World::canned().await;
    for endpoint in ["whip", "whep"] {
        let path = format!("rooms/{ROOM}/{endpoint}");
        let reply = sent(world.request(Method::OPTIONS, &path)).await;
        assert_eq!(reply.status, 204);
        assert_eq!(reply.header("accept-post"), SDP);
        let trickle = request(&world, Method::PATCH, &format!("{endpoint}/any"), STREAM_KEY);
        let trickle = trickle.header("content-type", "application/trickle-ice-sdpfrag");
        sent(trickle.body("a=ice-ufrag:a\r\n")).await.refused(501, "not_implemented");
        let get = request(&world, Method::GET, endpoint, STREAM_KEY);
        sent(get).await.refused(405, "method_not_allowed");
    }
}

#[tokio::test]
async fn links_have_the_credentials_of_turn() {
    let key = App::new("turn-key", "turn-token");
    let emulator = canned().turn_key(key).start().await.unwrap();
    let token = SecretString::from("turn-token");
    let turn = TurnClient::builder(TurnKeyId::new("turn-key").unwrap(), token);
    let turn = turn.base_url(emulator.base_url()).build().unwrap();
    let world = World::with(canned(), admit, |server| server.turn(turn)).await;
    let reply = post(&world, "whip", STREAM_KEY, OFFER).await;
    let links: Vec<&str> =
        reply.headers.get_all("link").iter().map(|link| link.to_str().unwrap()).collect();
    assert!(links.contains(&"<stun:stun.invalid:3478>; rel=\"ice-server\""), "{links:?}");
    let turn = "<turn:turn.invalid:3478?transport=udp>; rel=\"ice-server\"; username=\"";
    let turn = links.iter().find(|link| link.starts_with(turn)).expect("a link for TURN");
    assert!(turn.contains("; credential=\""), "{turn}");
    assert!(turn.ends_with("; credential-type=\"password\""), "{turn}");
}

#[tokio::test]
async fn a_member_has_no_more_sessions_and_tracks_by_whip_than_by_the_other_routes() {
    let mut limits = limits();
    (limits.sessions, limits.publications) = (2, 3);
    let world = World::start(canned(), admit, limits).await;
    let member = world.join(ROOM, "").await;
    let sound = OFFER.split("m=video").next().unwrap();
    for _ in 0..2 {
        let reply = post(&world, "whip", &member.token, sound).await;
        assert_eq!(reply.status, 201, "{}", reply.text);
    }
    post(&world, "whip", &member.token, sound).await.refused(409, "room_full");
    assert_eq!(member.until(|_| true).await[0]["tracks"].as_array().unwrap().len(), 2);
    let other = world.join(ROOM, "").await;
    let (header, section) = sound.split_once("m=audio").unwrap();
    let many: String = (0..4)
        .map(|mid| format!("m=audio{}", section.replace("mid:0", &format!("mid:{mid}"))))
        .collect();
    let before = world.calls();
    let reply = post(&world, "whip", &other.token, &format!("{header}{many}")).await;
    reply.refused(409, "room_full");
    assert_eq!(world.calls(), before, "nothing was sent");
}

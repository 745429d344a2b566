//! Hooks of the application, and limits.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cloudflare_calls::reqwest::Method;
use cloudflare_calls_server::{
    Admission, Entrance, Happened, Hooks, NotAdmitted, Reason, Role, RoomName, Via,
};
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::support::{
    Member, OFFER, PATIENCE, ROOM, Reply, SDP, STREAM_KEY, World, admit, canned, limits,
    publication, sent,
};

/// Requests to the application, and the events that it was told.
#[derive(Clone, Default)]
struct Diary {
    entrances: Arc<Mutex<Vec<Entrance>>>,
    heard: Arc<Mutex<Vec<Heard>>>,
}

/// Event, with the names of its members.
#[derive(Clone, Debug, PartialEq)]
enum Heard {
    Joined { room: String, id: String, role: Role },
    Left { room: String, id: String, reason: Reason },
    Muted { by: String, id: String, track: String },
}

impl Hooks for Diary {
    async fn admit(&self, entrance: Entrance) -> Result<Admission, NotAdmitted> {
        self.entrances.lock().unwrap().push(entrance.clone());
        if entrance.headers.contains_key("x-stranger") {
            return Err(NotAdmitted);
        }
        admit(entrance).await
    }

    fn happened(&self, room: &RoomName, happened: Happened<'_>) {
        let room = room.to_string();
        let heard = match happened {
            Happened::Joined { member } => {
                Heard::Joined { room, id: member.id.to_string(), role: member.role }
            }
            Happened::Left { member, reason, after } => {
                // A clock that is wrong by years would show.
                assert!(after < Duration::from_secs(60 * 60), "{after:?}");
                Heard::Left { room, id: member.id.to_string(), reason }
            }
            Happened::Muted { by, member, track } => {
                Heard::Muted { by: by.to_string(), id: member.to_string(), track: track.to_owned() }
            }
            other => panic!("{other:?}"),
        };
        self.heard.lock().unwrap().push(heard);
    }
}

impl Diary {
    fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }

    fn entrances(&self) -> Vec<Entrance> {
        self.entrances.lock().unwrap().clone()
    }

    /// Waits until this many events were told.
    async fn until(&self, count: usize) -> Vec<Heard> {
        let wait = async {
            while self.heard().len() < count {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, wait).await;
        assert!(waited.is_ok(), "{:#?}", self.heard());
        self.heard()
    }
}

/// Tries to enter, with a body.
async fn join(world: &World, room: &str, query: &str, body: &Value) -> Reply {
    let path = format!("rooms/{room}/members?{query}");
    sent(world.request(Method::POST, &path).body(body.to_string())).await
}

fn joined(member: &Member, room: &str, role: Role) -> Heard {
    Heard::Joined { room: room.to_owned(), id: member.id.clone(), role }
}

fn left(member: &Member, room: &str, reason: Reason) -> Heard {
    Heard::Left { room: room.to_owned(), id: member.id.clone(), reason }
}

#[tokio::test]
async fn a_refused_entrance_gets_nothing_and_makes_nothing() {
    let diary = Diary::default();
    let world = World::start(canned(), diary.clone(), limits()).await;
    let observer = world.join(ROOM, "").await;
    let (footprint, seq) = (world.footprint().await, observer.seq().await);
    let path = format!("rooms/{ROOM}/members");
    let stranger = sent(world.request(Method::POST, &path).header("x-stranger", "1")).await;
    stranger.refused(403, "forbidden");
    assert!(!stranger.headers.contains_key("set-cookie"));
    for endpoint in ["whip", "whep"] {
        let path = format!("rooms/{ROOM}/{endpoint}");
        let request = world.request(Method::POST, &path).header("content-type", SDP);
        let request = request.header("x-stranger", "1").bearer_auth(STREAM_KEY).body(OFFER);
        sent(request).await.refused(403, "forbidden");
    }
    assert_eq!(world.footprint().await, footprint);
    assert_eq!(observer.seq().await, seq);
    assert_eq!(diary.heard(), [joined(&observer, ROOM, Role::Member)]);
    assert_eq!(diary.entrances().len(), 4);
}

#[tokio::test]
async fn the_application_is_told_who_asks_and_is_not_asked_in_vain() {
    let diary = Diary::default();
    let world = World::start(canned(), diary.clone(), limits()).await;
    for (room, query, body, status) in [
        (ROOM, "", json!({ "name": "" }), 406),
        (ROOM, "", json!({ "name": "a\nb" }), 406),
        (ROOM, "", json!({ "name": "a".repeat(65) }), 406),
        (ROOM, "", json!({ "name": 7 }), 400),
        (ROOM, "", json!([1]), 400),
        (ROOM, "", json!({ "data": "a".repeat(2 * 1024) }), 406),
        ("no.name", "", json!({}), 406),
        (&"a".repeat(65), "", json!({}), 406),
    ] {
        let reply = join(&world, room, query, &body).await;
        assert_eq!(reply.status, status, "{body}: {}", reply.text);
        reply.is_refusal();
    }
    assert!(diary.entrances().is_empty());
    let first = json!({ "name": "  Ada  ", "data": { "a": 1 } });
    let path = format!("rooms/{ROOM}/members?ticket=a%20b&role=listener");
    let request = world.request(Method::POST, &path).header("x-user", "ada");
    let reply = sent(request.body(first.to_string())).await.is(201);
    assert_eq!(reply["member"]["name"], "Ada");
    assert_eq!(reply["member"]["role"], "listener");
    assert_eq!(reply["member"]["data"], json!({ "a": 1 }));
    assert_eq!(reply["room"]["members"], json!([reply["member"]]));
    let whip = world.request(Method::POST, &format!("rooms/{ROOM}/whip?name=OBS"));
    let whip = whip.bearer_auth(STREAM_KEY).header("content-type", SDP).body(OFFER);
    assert_eq!(sent(whip).await.status, 201);
    let entrances = diary.entrances();
    let [ada, obs] = &entrances[..] else { panic!("{entrances:#?}") };
    assert_eq!((ada.room.as_str(), ada.via, ada.members), (ROOM, Via::Members, 0));
    assert_eq!(ada.headers["x-user"], "ada");
    assert_eq!(ada.query.as_deref(), Some("ticket=a%20b&role=listener"));
    assert_eq!(ada.name.as_deref(), Some("Ada"));
    assert_eq!((obs.room.as_str(), obs.via, obs.members), (ROOM, Via::Whip, 1));
    assert_eq!(obs.name.as_deref(), Some("OBS"));
}

#[tokio::test]
async fn the_application_gives_names_which_are_cut() {
    let hooks = async |entrance: Entrance| {
        let admission = Admission::new(Role::Moderator);
        Ok::<_, NotAdmitted>(match entrance.name {
            Some(name) if name == "keep" => admission,
            Some(_) => admission.name("ä".repeat(70)),
            None => admission,
        })
    };
    let world = World::start(canned(), hooks, limits()).await;
    for (body, name) in [
        (json!({ "name": "keep" }), "keep".to_owned()),
        (json!({ "name": "other" }), "ä".repeat(64)),
        (json!({}), "guest".to_owned()),
    ] {
        let reply = join(&world, ROOM, "", &body).await.is(201);
        assert_eq!(reply["member"]["name"], name);
        assert_eq!(reply["member"]["role"], "moderator");
    }
}

#[tokio::test]
async fn a_full_room_takes_nobody() {
    let hooks = async |entrance: Entrance| {
        let admission = Admission::new(Role::Member);
        Ok::<_, NotAdmitted>(match entrance.query.as_deref() {
            Some("capacity=1") => admission.capacity(1),
            Some("capacity=4") => admission.capacity(4),
            _ => admission,
        })
    };
    let mut limits = limits();
    limits.members = 2;
    let world = World::start(canned(), hooks, limits).await;
    let first = world.join(ROOM, "capacity=1").await;
    join(&world, ROOM, "capacity=1", &json!({})).await.refused(409, "room_full");
    world.join(ROOM, "").await;
    join(&world, ROOM, "", &json!({})).await.refused(409, "room_full");
    let whip = world.request(Method::POST, &format!("rooms/{ROOM}/whip"));
    let whip = whip.bearer_auth(STREAM_KEY).header("content-type", SDP).body(OFFER);
    sent(whip).await.refused(409, "room_full");
    assert_eq!(world.calls(), 0, "nothing was sent");
    world.join(ROOM, "capacity=4").await;
    assert_eq!(first.until(|_| true).await.len(), 3);
    world.join("other", "capacity=1").await;
    // Of many requests at once, only as many get in as have room.
    let many =
        join_all((0..8).map(|_| world.request(Method::POST, "rooms/third/members")).map(sent));
    let statuses: Vec<u16> = many.await.iter().map(|reply| reply.status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 2, "{statuses:?}");
    assert!(statuses.iter().all(|status| matches!(status, 201 | 409)), "{statuses:?}");
}

#[tokio::test]
async fn the_application_hears_of_each_thing_once() {
    let diary = Diary::default();
    let world = World::start(canned(), diary.clone(), limits()).await;
    let moderator = world.join(ROOM, "role=moderator").await;
    let alice = world.join(ROOM, "").await;
    let bob = world.join(ROOM, "role=listener").await;
    let carol = world.join(ROOM, "").await;
    let session = alice.session().await;
    alice.publish(&session, "mic").await;
    let mute = moderator.request(Method::PATCH, &format!("members/{}", alice.id));
    let muted = sent(mute.body(json!({ "muted": { "mic": true } }).to_string())).await.is(200);
    assert_eq!(muted["tracks"], json!([]), "it has to be published anew");
    // A member that mutes itself tells only the others.
    alice.publish(&session, "mic").await;
    let own = alice.request(Method::PATCH, &format!("members/{}", alice.id));
    sent(own.body(json!({ "muted": { "mic": true } }).to_string())).await.is(200);
    alice.delete(&format!("members/{}", alice.id)).await.is(204);
    alice.delete(&format!("members/{}", alice.id)).await.refused(401, "unauthorized");
    moderator.delete(&format!("members/{}", bob.id)).await.is(204);
    moderator.delete(&format!("members/{}", bob.id)).await.refused(404, "not_found");
    moderator.delete("").await.is(204);
    moderator.delete("").await.refused(401, "unauthorized");
    let expected = [
        joined(&moderator, ROOM, Role::Moderator),
        joined(&alice, ROOM, Role::Member),
        joined(&bob, ROOM, Role::Listener),
        joined(&carol, ROOM, Role::Member),
        Heard::Muted { by: moderator.id.clone(), id: alice.id.clone(), track: "mic".to_owned() },
        left(&alice, ROOM, Reason::Left),
        left(&bob, ROOM, Reason::Removed),
        left(&moderator, ROOM, Reason::Ended),
        left(&carol, ROOM, Reason::Ended),
    ];
    assert_eq!(diary.heard(), expected);
    // The sessions of members that have gone are left.
    let is_open = async || {
        let session = world.emulator.session(&session).await.unwrap();
        session.tracks.iter().any(|track| track.is_open)
    };
    let closed = async {
        while is_open().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, closed).await.expect("it stays open");
}

#[tokio::test]
async fn a_silent_member_expires_and_the_application_hears_it_once() {
    let diary = Diary::default();
    let mut limits = limits();
    limits.absence = Duration::from_millis(1500);
    let world = World::start(canned(), diary.clone(), limits).await;
    let gone = world.join(ROOM, "").await;
    let other = world.join("other", "").await;
    let heard = diary.until(4).await;
    for (member, room) in [(&gone, ROOM), (&other, "other")] {
        let count = |wanted: Heard| heard.iter().filter(|heard| **heard == wanted).count();
        assert_eq!(count(joined(member, room, Role::Member)), 1, "{heard:#?}");
        assert_eq!(count(left(member, room, Reason::Expired)), 1, "{heard:#?}");
    }
    gone.get("").await.refused(401, "unauthorized");
    let next = world.join(ROOM, "").await;
    assert_eq!(diary.until(5).await[4], joined(&next, ROOM, Role::Member));
}

#[tokio::test]
async fn an_encoder_comes_and_goes_like_a_member() {
    let diary = Diary::default();
    let world = World::start(canned(), diary.clone(), limits()).await;
    let whip = |method, path: &str| {
        let request = world.request(method, &format!("rooms/{ROOM}/{path}"));
        request.bearer_auth(STREAM_KEY).header("content-type", SDP).body(OFFER)
    };
    let reply = sent(whip(Method::POST, "whip")).await;
    assert_eq!(reply.status, 201, "{}", reply.text);
    let (_, path) = reply.header("location").split_once(&format!("/rooms/{ROOM}/")).unwrap();
    sent(whip(Method::DELETE, path)).await.is(200);
    let heard = diary.until(2).await;
    let [Heard::Joined { id, .. }, Heard::Left { id: other, reason, .. }] = &heard[..] else {
        panic!("{heard:#?}");
    };
    assert_eq!((id, *reason), (other, Reason::Left));
}

#[tokio::test]
async fn a_member_that_asks_too_often_has_to_wait_and_no_other() {
    let mut limits = limits();
    limits.requests = NonZeroU32::MIN;
    let world = World::start(canned(), admit, limits).await;
    let (member, other) = (world.join(ROOM, "").await, world.join(ROOM, "").await);
    let replies = join_all((0..30).map(|_| sent(member.request(Method::GET, "")))).await;
    let (good, refused): (Vec<_>, Vec<_>) =
        replies.into_iter().partition(|reply| reply.status == 200);
    assert!(good.len() >= 2, "as many as in two seconds may come at once");
    assert!(!refused.is_empty(), "no machine takes half a minute for this");
    for reply in refused {
        reply.refused(429, "too_many_requests");
        let seconds: u64 = reply.header("retry-after").parse().unwrap();
        assert!((1..=60).contains(&seconds), "{seconds}");
        assert_eq!(reply.json()["remedy"], "wait");
    }
    other.get("").await.is(200);
}

#[tokio::test]
async fn a_room_that_too_many_enter_makes_them_wait_and_no_other_room() {
    let mut limits = limits();
    limits.entrances = NonZeroU32::MIN;
    let world = World::start(canned(), admit, limits).await;
    let path = format!("rooms/{ROOM}/members");
    let replies = join_all((0..30).map(|_| sent(world.request(Method::POST, &path)))).await;
    let (good, refused): (Vec<_>, Vec<_>) =
        replies.into_iter().partition(|reply| reply.status == 201);
    assert!(good.len() >= 2 && !refused.is_empty());
    for reply in refused {
        reply.refused(429, "too_many_requests");
        assert!(reply.header("retry-after").parse::<u64>().unwrap() >= 1);
    }
    world.join("other", "").await;
}

#[tokio::test]
async fn sessions_and_publications_are_limited_before_anything_is_sent() {
    let mut limits = limits();
    (limits.sessions, limits.publications) = (2, 2);
    let world = World::start(canned(), admit, limits).await;
    let member = world.join(ROOM, "").await;
    let (first, second) = (member.session().await, member.session().await);
    let before = world.calls();
    member.post("sessions/new", &Value::Null).await.is_refusal();
    let refused = sent(member.request(Method::POST, "sessions/new")).await;
    refused.refused(409, "room_full");
    assert_eq!(world.calls(), before, "nothing was sent");
    // A session that replaces another one is within the limit.
    let path = format!("sessions/new?replaces={first}");
    sent(member.request(Method::POST, &path)).await.is(201);
    member.get(&format!("sessions/{first}")).await.refused(403, "forbidden");

    member.publish(&second, "mic").await;
    let path = format!("sessions/{second}/tracks/new");
    let offered = |name| json!({ "location": "local", "trackName": name, "kind": "audio" });
    let local = |name| json!({ "location": "local", "dataChannelName": name });
    let before = world.calls();
    let mut two = publication("mic");
    let entry = json!({ "location": "local", "mid": "8", "trackName": "other" });
    two["tracks"].as_array_mut().unwrap().push(entry);
    member.post(&path, &two).await.refused(409, "room_full");
    let two = json!({ "tracks": [offered("a"), offered("b")] });
    member.post(&path, &two).await.refused(409, "room_full");
    let two = json!({ "dataChannels": [local("a"), local("b")] });
    let path = format!("sessions/{second}/datachannels/new");
    member.post(&path, &two).await.refused(409, "room_full");
    assert_eq!(world.calls(), before, "nothing was sent");
}

#[tokio::test]
async fn data_is_limited_by_its_text() {
    let world = World::canned().await;
    let member = world.join(ROOM, "").await;
    let change = async |data: Value| {
        let request = member.request(Method::PATCH, &format!("members/{}", member.id));
        sent(request.body(json!({ "data": data }).to_string())).await
    };
    // Two of the bytes are quotes.
    change("a".repeat(2046).into()).await.is(200);
    let seq = member.seq().await;
    change("a".repeat(2047).into()).await.refused(406, "invalid_params");
    assert_eq!(member.seq().await, seq);
}

#[tokio::test]
async fn a_server_that_drains_takes_nobody_and_serves_who_is_there() {
    let world = World::canned().await;
    let member = world.join(ROOM, "").await;
    member.session().await;
    world.server.drain().await;
    let refused = join(&world, ROOM, "", &json!({})).await;
    refused.refused(503, "temporarily_unavailable_error");
    assert_eq!(refused.json()["remedy"], "wait");
    member.get("events").await.refused(503, "temporarily_unavailable_error");
    member.get("").await.is(200);
    member.delete(&format!("members/{}", member.id)).await.is(204);
}

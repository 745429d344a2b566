//! Sessions: created, lost, expired.

use cloudflare_calls_emulator::rules::Operation::*;
use cloudflare_calls_emulator::rules::{Machine, Query, Response, SessionState};
use serde_json::{Value, json};

use super::world::*;

#[test]
fn a_session_without_a_body_has_an_id_of_32_digits() {
    let mut world = World::new();
    let reply = world.call(NewSession, "", Value::Null);
    let id = reply.body["sessionId"].as_str().unwrap();
    assert_eq!(reply.status, 201);
    assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert_eq!(reply.body.as_object().unwrap().len(), 1);
}

#[test]
fn a_session_with_an_offer_is_answered_in_the_same_reply() {
    let mut world = World::new();
    let body = json!({ "sessionDescription": offer(&["0 audio send"]) });
    let reply = world.call(NewSession, "", body);
    assert_eq!(reply.status, 201);
    assert_eq!(reply.body["sessionDescription"]["type"], "answer");
}

#[test]
fn a_session_whose_offer_is_refused_was_never_there() {
    let mut world = World::new();
    world.call(NewSession, "", json!({ "sessionDescription": offer(&["bad"]) }));
    assert!(world.snapshot().sessions.is_empty() && world.media.is_empty());
}

#[test]
fn the_seed_decides_the_ids() {
    let id = |seed| {
        let mut world = World::new();
        world.rules = Machine::new(Default::default(), seed);
        world.session()
    };
    assert_eq!(id(Some(1)), id(Some(1)));
    assert_ne!(id(Some(1)), id(Some(2)));
    assert_ne!(id(None), id(None));
}

#[test]
fn a_session_of_another_app_is_unknown() {
    let mut world = World::new();
    let publisher = world.publisher("mic");
    let mut stranger = request(GetSession, Some(&publisher), Vec::new());
    stranger.app = "other".to_owned();
    for _ in 0..2 {
        let Response::Now(reply) = world.send(stranger.clone()) else { panic!() };
        assert_eq!(code(&reply), (404, "not_found"));
        world.rules.expire(&publisher, &mut world.media);
    }
}

#[test]
fn a_session_that_never_connects_expires() {
    let mut world = World::new();
    let session = world.session();
    world.pass(59_999);
    assert_eq!(world.statuses(&session), [""; 0]);
    world.pass(1);
    for operation in [GetSession, NewTracks, CloseTracks, Renegotiate] {
        let reply = world.call(operation, &session, Value::Null);
        assert_eq!(code(&reply), (410, "session_error"));
    }
    assert!(world.media.is_empty());
}

#[test]
fn a_connected_session_stays() {
    let mut world = World::new();
    let session = world.up();
    world.pass(1_000_000);
    assert_eq!(world.statuses(&session), [""; 0]);
}

#[test]
fn a_session_that_lost_its_connection_can_come_back_for_30_s() {
    let mut world = World::new();
    let session = world.up();
    world.disconnect(&session);
    world.pass(29_999);
    world.connect(&session);
    world.pass(60_000);
    assert_eq!(world.statuses(&session), [""; 0]);
    world.disconnect(&session);
    world.pass(30_000);
    assert_eq!(code(&world.call(GetSession, &session, Value::Null)), (410, "session_error"));
}

#[test]
fn a_session_that_is_cut_off_expires_unless_that_is_taken_back() {
    let mut world = World::new();
    let session = world.up();
    assert!(world.rules.disconnect(world.now, &session, &mut world.media));
    let key = world.rules.key(&session).unwrap();
    assert!(world.media.is_cut(key));
    world.connect(&session);
    assert_eq!(world.snapshot().sessions[0].state, SessionState::Disconnected);
    let ticket = world.wait(UpdateTracks, &session, json!({ "tracks": [{ "mid": "9" }] }));
    assert!(world.rules.reconnect(world.now, &session, &mut world.media));
    assert!(!world.media.is_cut(key));
    world.pass(0);
    assert_eq!(world.rules.poll_reply().map(|(ticket, _)| ticket), Some(ticket));
    world.rules.disconnect(world.now, &session, &mut world.media);
    world.pass(30_000);
    assert_eq!(world.call(GetSession, &session, Value::Null).status, 410);
    assert!(!world.rules.disconnect(world.now, &session, &mut world.media));
    assert!(!world.rules.expire(&session, &mut world.media));
}

#[test]
fn an_expired_publisher_feeds_nobody() {
    let mut world = World::new();
    let (publisher, session) = (world.publisher("mic"), world.up());
    let mid = world.pull(&session, &publisher, "mic");
    assert_eq!(world.media.forwards.len(), 1);
    assert!(world.rules.expire(&publisher, &mut world.media));
    assert!(world.media.forwards.is_empty());
    assert_eq!(world.statuses(&session), ["s0 inactive"]);
    let reply = world.call(NewTracks, &session, pulling(&publisher, &["mic"]));
    assert_eq!(codes(&reply, "tracks"), ["not_found_track_error"]);
    let reply = world.call(CloseTracks, &session, force_close(&[&mid]));
    assert_eq!(codes(&reply, "tracks"), [""], "it can be closed still");
}

#[test]
fn the_snapshot_shows_what_there_is() {
    let mut world = World::new();
    let (publisher, session) = (world.publisher("mic"), world.up());
    world.pull(&session, &publisher, "mic");
    let mut labelled = request(NewSession, None, Vec::new());
    labelled.query = Query { third_party: true, correlation_id: Some("room 7".to_owned()) };
    world.send(labelled);
    world.pass(500);
    let snapshot = serde_json::to_value(world.snapshot()).unwrap();
    assert_eq!(snapshot["apps"], json!([APP]));
    assert_eq!(snapshot["sessions"][0]["age"], 500);
    let tracks = |session: usize| &snapshot["sessions"][session]["tracks"][0];
    assert_eq!(tracks(0)["name"], "mic");
    assert_eq!(tracks(0)["packets"], 1, "those that came");
    assert_eq!(tracks(1)["packets"], 0, "those that went out");
    assert_eq!(snapshot["sessions"][2]["correlationId"], "room 7");
    assert_eq!(
        snapshot["subscriptions"],
        json!([{ "publisher": publisher, "track": "mic", "subscriber": session, "mid": "s0" }])
    );
}

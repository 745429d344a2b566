//! Requests that the original punishes.

use std::time::Duration;

use cloudflare_calls_emulator::rules::{Config, Operation, UnderWay, ViolationKind};
use serde_json::{Value, json};

use super::fake::sdp;
use super::world::{World, code, force_close, ms, negotiated_close, pulling, request};

fn kinds(world: &World) -> Vec<(Operation, ViolationKind)> {
    world.rules.violations().map(|violation| (violation.operation, violation.kind)).collect()
}

#[test]
fn an_answer_to_no_offer_and_a_change_while_one_waits_are_violations() {
    let mut world = World::new();
    let publisher = world.publisher("mic");
    let session = world.up();
    let answer = json!({ "sessionDescription": { "type": "answer", "sdp": sdp(&[]) } });
    world.call(Operation::Renegotiate, &session, answer);
    world.call(Operation::NewTracks, &session, pulling(&publisher, &["mic"]));
    world.call(Operation::UpdateTracks, &session, json!({}));
    world.call(Operation::CloseTracks, &session, negotiated_close("0", "0 audio stop"));
    // An agent that leaves may try, and a read changes nothing.
    world.call(Operation::CloseTracks, &session, force_close(&["0"]));
    world.call(Operation::CloseDataChannels, &session, json!({ "dataChannels": [{ "id": 1 }] }));
    world.call(Operation::GetSession, &session, Value::Null);
    let expected = [
        (Operation::Renegotiate, ViolationKind::NoOpenOffer),
        (Operation::UpdateTracks, ViolationKind::OpenOffer),
        (Operation::CloseTracks, ViolationKind::OpenOffer),
    ];
    assert_eq!(kinds(&world), expected);
    world.answer(&session);
    assert_eq!(kinds(&world).len(), 3);
    let first = world.rules.violations().next().unwrap();
    assert_eq!((first.at_ms, first.session, first.app), (1000, session, "app".to_owned()));
}

#[test]
fn a_change_during_one_that_waits_or_is_kept_back_overlaps() {
    let mut world = World::new();
    let session = world.session();
    world.publish(&session, "0 audio send", "mic");
    let update = json!({ "tracks": [{ "location": "remote", "mid": "0" }] });
    world.wait(Operation::UpdateTracks, &session, update);
    world.call(Operation::CloseTracks, &session, force_close(&["0"]));
    let close =
        || request(Operation::CloseTracks, Some(&session), force_close(&["0"]).to_string().into());
    for other in [UnderWay::Awaited, UnderWay::Abandoned] {
        let refused = world.rules.overlap(world.now, &close(), other);
        assert_eq!(code(&refused), (406, "invalid_session_description"));
    }
    let expected =
        [ViolationKind::Overlap, ViolationKind::Overlap, ViolationKind::OverlapAfterHangUp];
    assert_eq!(kinds(&world), expected.map(|kind| (Operation::CloseTracks, kind)));
}

#[test]
fn only_who_was_told_that_a_session_is_gone_breaks_a_rule_by_changing_it() {
    let mut world = World::new();
    let session = world.session();
    world.rules.expire(&session, &mut world.media);
    world.drain();
    assert_eq!(world.call(Operation::CloseTracks, &session, force_close(&["0"])).status, 410);
    assert_eq!(world.call(Operation::GetSession, &session, Value::Null).status, 410);
    assert_eq!(kinds(&world), []);
    assert_eq!(world.call(Operation::CloseTracks, &session, force_close(&["0"])).status, 410);
    assert_eq!(kinds(&world), [(Operation::CloseTracks, ViolationKind::SessionGone)]);
}

#[test]
fn an_offer_that_is_never_answered_is_noted_when_its_session_expires() {
    let mut world = World::new();
    let publisher = world.publisher("mic");
    let (left, answered) = (world.session(), world.session());
    world.call(Operation::NewTracks, &left, pulling(&publisher, &["mic"]));
    world.pull(&answered, &publisher, "mic");
    world.pass(120_000);
    assert_eq!(world.call(Operation::GetSession, &left, Value::Null).status, 410);
    assert_eq!(kinds(&world), [(Operation::NewTracks, ViolationKind::OfferExpired)]);
    assert_eq!(world.rules.violations().next().unwrap().session, left);
}

#[test]
fn too_many_requests_and_a_mid_that_was_closed_by_force_are_violations() {
    let config = Config { requests_per_second: 3, ..Config::default() };
    let mut world = World::with(config);
    let session = world.publisher("mic");
    world.call(Operation::CloseTracks, &session, force_close(&["0"]));
    world.publish(&session, "0 audio send", "again");
    assert_eq!(world.call(Operation::GetSession, &session, Value::Null).status, 429);
    let expected = [
        (Operation::NewTracks, ViolationKind::ForcedMid),
        (Operation::GetSession, ViolationKind::TooManyRequests),
    ];
    assert_eq!(kinds(&world), expected);
}

#[test]
fn the_oldest_make_room() {
    let mut world = World::with(Config { requests_per_second: usize::MAX, ..Config::default() });
    let session = world.up();
    for _ in 0..1_001 {
        let answer = json!({ "sessionDescription": { "type": "answer", "sdp": sdp(&[]) } });
        world.call(Operation::Renegotiate, &session, answer);
        world.now += ms(1);
    }
    assert_eq!(world.rules.violations().count(), 1_000);
    let first = world.rules.violations().next().unwrap();
    assert_eq!(Duration::from_millis(first.at_ms), ms(1001));
}

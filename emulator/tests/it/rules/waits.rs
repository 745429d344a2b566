//! Changes that wait for the transport or for packets.

use cloudflare_calls_emulator::rules::Config;
use cloudflare_calls_emulator::rules::Operation::*;
use serde_json::{Value, json};

use super::world::*;

fn update() -> Value {
    json!({ "tracks": [{ "mid": "s0" }] })
}

#[test]
fn a_change_that_needs_the_transport_gets_425_after_5_s() {
    let mut world = World::new();
    let session = world.session();
    let ticket = world.wait(UpdateTracks, &session, update());
    world.pass(4999);
    assert!(world.is_waiting(ticket));
    world.pass(1);
    assert_eq!(code(world.reply(ticket)), (425, "session_error"));
}

#[test]
fn a_change_that_waits_goes_on_once_the_transport_is_up() {
    let mut world = World::new();
    let session = world.session();
    let ticket = world.wait(UpdateTracks, &session, update());
    world.pass(3000);
    world.connect(&session);
    assert_eq!(codes(world.reply(ticket), "tracks"), ["not_found_track_error"]);
}

#[test]
fn no_wait_is_no_ticket() {
    let mut world = World::with(Config { connect_wait: ms(0), ..Config::default() });
    let session = world.session();
    assert_eq!(code(&world.call(UpdateTracks, &session, update())), (425, "session_error"));
}

#[test]
fn while_a_change_waits_others_are_refused_and_get_is_not() {
    let mut world = World::new();
    let (session, other) = (world.session(), world.session());
    let ticket = world.wait(UpdateTracks, &session, update());
    for operation in [UpdateTracks, CloseTracks, Renegotiate, NewTracks, CloseDataChannels] {
        let reply = world.call(operation, &session, force_close(&["0"]));
        assert_eq!(code(&reply), (406, "invalid_session_description"), "{operation:?}");
    }
    assert_eq!(world.statuses(&session), [""; 0]);
    world.wait(UpdateTracks, &other, update());
    world.pass(5000);
    assert!(!world.is_waiting(ticket));
    assert_eq!(world.call(CloseTracks, &session, force_close(&["0"])).status, 200);
}

#[test]
fn changes_that_bring_the_transport_up_do_not_wait_for_it() {
    let mut world = World::new();
    let publisher = world.publisher("mic");
    let session = world.session();
    world.call(NewTracks, &session, pulling(&publisher, &["mic"]));
    world.answer(&session);
    let ticket = world.wait(NewTracks, &session, pulling(&publisher, &["mic"]));
    world.pass(5000);
    assert_eq!(world.reply(ticket).status, 425, "the second one does");
    world.publish(&session, "0 audio send", "x");
    assert_eq!(world.call(CloseTracks, &session, force_close(&["0"])).status, 200);
    world.wait(CloseTracks, &session, negotiated_close("0", "0 audio stop"));
}

#[test]
fn a_request_that_is_not_valid_does_not_wait() {
    let mut world = World::new();
    let session = world.session();
    assert_eq!(world.call(UpdateTracks, &session, json!({})).status, 406);
    assert_eq!(world.call(NewDataChannels, &session, json!({})).status, 406);
}

#[test]
fn a_lost_connection_is_waited_for() {
    let mut world = World::new();
    let session = world.up();
    world.disconnect(&session);
    let ticket = world.wait(UpdateTracks, &session, update());
    world.pass(1000);
    world.connect(&session);
    assert_eq!(world.reply(ticket).status, 200);
}

#[test]
fn a_session_that_expires_answers_what_waits() {
    let mut world = World::new();
    let session = world.session();
    world.pass(57_000);
    let ticket = world.wait(UpdateTracks, &session, update());
    world.pass(3000);
    assert_eq!(code(world.reply(ticket)), (410, "session_error"));
}

#[test]
fn a_track_that_has_sent_nothing_is_waited_for() {
    let mut world = World::new();
    let (publisher, session) = (world.up(), world.up());
    world.publish(&publisher, "0 audio send", "mic");
    let ticket = world.wait(NewTracks, &session, pulling(&publisher, &["mic"]));
    world.pass(500);
    assert!(world.is_waiting(ticket));
    world.packet(&publisher, "0");
    world.pass(0);
    assert_eq!(codes(world.reply(ticket), "tracks"), [""]);
    world.answer(&session);
    assert_eq!(world.media.forwards.len(), 1);
}

#[test]
fn a_track_that_sends_nothing_is_not_found_after_1_s() {
    let mut world = World::new();
    let (publisher, session) = (world.publisher("mic"), world.up());
    world.publish(&publisher, "1 audio send", "silent");
    let ticket = world.wait(NewTracks, &session, pulling(&publisher, &["silent", "mic", "none"]));
    world.pass(999);
    assert!(world.is_waiting(ticket));
    world.pass(1);
    let reply = world.reply(ticket);
    assert_eq!(codes(reply, "tracks"), ["not_found_track_error", "", "not_found_track_error"]);
    assert_eq!(reply.body["tracks"][0]["mid"], "");
    assert_eq!(reply.body["tracks"][1]["mid"], "s0");
}

#[test]
fn a_track_that_has_stopped_is_empty_after_8_25_s() {
    let mut world = World::new();
    let (publisher, session) = (world.publisher("mic"), world.up());
    world.pass(5001);
    let ticket = world.wait(NewTracks, &session, pulling(&publisher, &["mic"]));
    world.pass(8249);
    assert!(world.is_waiting(ticket));
    world.pass(1);
    assert_eq!(codes(world.reply(ticket), "tracks"), ["empty_track_error"]);

    let ticket = world.wait(NewTracks, &session, pulling(&publisher, &["mic"]));
    world.pass(8000);
    world.packet(&publisher, "0");
    world.pass(0);
    assert_eq!(codes(world.reply(ticket), "tracks"), [""], "it sends again");
}

#[test]
fn changes_that_need_a_lost_connection_are_a_410_after_5_s() {
    let mut world = World::new();
    let (publisher, session) = (world.publisher("mic"), world.up());
    world.pull(&session, &publisher, "mic");
    world.disconnect(&session);
    let ticket = world.wait(NewTracks, &session, pulling(&publisher, &["mic"]));
    world.pass(4999);
    assert!(world.is_waiting(ticket));
    world.pass(1);
    assert_eq!(code(world.reply(ticket)), (410, "session_error"));
    world.connect(&session);
    world.pull(&session, &publisher, "mic");
}

#[test]
fn packets_from_before_the_publication_do_not_count() {
    let mut world = World::new();
    let (publisher, session) = (world.publisher("mic"), world.up());
    world.call(CloseTracks, &publisher, negotiated_close("0", "0 audio recv"));
    world.pass(10);
    world.publish(&publisher, "0 audio send", "again");
    world.wait(NewTracks, &session, pulling(&publisher, &["again"]));
}

#[test]
fn a_publication_that_ends_ends_the_wait() {
    let mut world = World::new();
    let (publisher, session) = (world.up(), world.up());
    world.publish(&publisher, "0 audio send", "mic");
    let ticket = world.wait(NewTracks, &session, pulling(&publisher, &["mic"]));
    world.rules.expire(&publisher, &mut world.media);
    world.pass(0);
    assert_eq!(codes(world.reply(ticket), "tracks"), ["not_found_track_error"]);
}

#[test]
fn both_waits_follow_each_other() {
    let mut world = World::new();
    let (publisher, session) = (world.up(), world.session());
    world.publish(&publisher, "0 audio send", "mic");
    world.publish(&session, "0 audio send", "x");
    let ticket = world.wait(NewTracks, &session, pulling(&publisher, &["mic"]));
    world.pass(4000);
    world.connect(&session);
    world.pass(999);
    assert!(world.is_waiting(ticket));
    world.pass(1);
    assert_eq!(codes(world.reply(ticket), "tracks"), ["not_found_track_error"]);
}

#[test]
fn an_update_waits_for_its_new_source() {
    let mut world = World::new();
    let (publisher, session) = (world.publisher("mic"), world.up());
    world.pull(&session, &publisher, "mic");
    world.publish(&publisher, "1 audio send", "silent");
    let body = json!({ "tracks": [{ "mid": "s0", "trackName": "silent" }] });
    let ticket = world.wait(UpdateTracks, &session, body);
    world.pass(1000);
    assert_eq!(codes(world.reply(ticket), "tracks"), ["not_found_track_error"]);
    assert_eq!(world.media.forwards.len(), 1, "the old one stays");
}

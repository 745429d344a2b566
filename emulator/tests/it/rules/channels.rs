//! Data channels.

use cloudflare_calls_emulator::media::Delivery;
use cloudflare_calls_emulator::rules::Operation::*;
use serde_json::{Value, json};

use super::world::*;

const LIST: &str = "dataChannels";

fn local(names: &[&str]) -> Value {
    let channels: Vec<Value> =
        names.iter().map(|name| json!({ "location": "local", "dataChannelName": name })).collect();
    json!({ LIST: channels })
}

fn remote(publisher: &str, flags: Value) -> Value {
    let mut channel =
        json!({ "location": "remote", "sessionId": publisher, "dataChannelName": "chat" });
    for (flag, value) in flags.as_object().into_iter().flatten() {
        channel[flag] = value.clone();
    }
    json!({ LIST: [channel] })
}

/// Creates a session that publishes `chat`.
fn chat(world: &mut World) -> String {
    let session = world.data_session();
    assert_eq!(world.call(NewDataChannels, &session, local(&["chat"])).status, 200);
    session
}

fn subscriber(world: &mut World, publisher: &str, flags: Value) -> String {
    let session = world.data_session();
    let reply = world.call(NewDataChannels, &session, remote(publisher, flags));
    assert_eq!(codes(&reply, LIST), [""]);
    session
}

#[test]
fn the_transport_is_established_once_by_the_sfus_offer() {
    let mut world = World::new();
    let session = world.session();
    let body = json!({ "dataChannel": server_events() });
    let reply = world.call(EstablishDataChannels, &session, body.clone());
    assert_eq!(reply.body["requiresImmediateRenegotiation"], json!(true));
    assert_eq!(reply.body["dataChannel"], json!({ "dataChannelName": "server-events", "id": 0 }));
    assert_eq!(reply.body["sessionDescription"]["type"], "offer");
    assert!(world.media.opened.is_empty());
    world.answer(&session);
    assert_eq!(world.media.opened[0].1, 0);
    assert_eq!(code(&world.call(EstablishDataChannels, &session, body)), (406, "invalid_params"));
    assert_eq!(world.statuses(&session), [""; 0]);
}

#[test]
fn the_transport_is_established_by_the_agents_offer() {
    let mut world = World::new();
    let session = world.session();
    let body =
        json!({ "dataChannel": server_events(), "sessionDescription": offer(&["0 data both"]) });
    let reply = world.call(EstablishDataChannels, &session, body);
    assert_eq!(reply.body["requiresImmediateRenegotiation"], json!(false));
    assert_eq!(reply.body["sessionDescription"]["type"], "answer");
    assert_eq!(world.media.opened.len(), 1);
}

#[test]
fn a_transport_that_is_there_needs_no_exchange() {
    let mut world = World::new();
    let session = world.up();
    let body = json!({ "sessionDescription": offer(&["0 audio send", "1 data both"]), "autoDiscover": true });
    world.call(NewTracks, &session, body);
    let reply =
        world.call(EstablishDataChannels, &session, json!({ "dataChannel": server_events() }));
    assert_eq!(reply.body["requiresImmediateRenegotiation"], json!(false));
    assert!(reply.body.get("sessionDescription").is_none());
}

#[test]
fn each_session_has_ids_of_its_own() {
    let mut world = World::new();
    let publisher = world.data_session();
    let reply = world.call(NewDataChannels, &publisher, local(&["x", "chat"]));
    let expected = json!([{ "location": "local", "dataChannelName": "x", "id": 1 },
        { "location": "local", "dataChannelName": "chat", "id": 2 }]);
    assert_eq!(reply.body[LIST], expected);
    let session = world.data_session();
    let reply = world.call(NewDataChannels, &session, remote(&publisher, json!({})));
    let expected = json!([{ "location": "remote", "sessionId": publisher,
        "dataChannelName": "chat", "id": 1 }]);
    assert_eq!(reply.body[LIST], expected);
    assert_eq!(world.statuses(&session), ["1 active"]);
}

#[test]
fn a_repeated_or_unknown_channel_fails_alone() {
    let mut world = World::new();
    let publisher = chat(&mut world);
    let reply = world.call(NewDataChannels, &publisher, local(&["chat", "new"]));
    assert_eq!(codes(&reply, LIST), ["repeated_local_track_error", ""]);
    let session = subscriber(&mut world, &publisher, json!({}));
    let reply = world.call(NewDataChannels, &session, remote(&publisher, json!({})));
    assert_eq!(codes(&reply, LIST), ["repeated_local_track_error"]);
    let reply = world.call(NewDataChannels, &session, remote("unknown", json!({})));
    assert_eq!(codes(&reply, LIST), ["not_found_track_error"]);
}

#[test]
fn the_delivery_policy_is_the_publishers() {
    let mut world = World::new();
    let publisher = world.data_session();
    let mut body = local(&["chat"]);
    body[LIST][0]["ordered"] = false.into();
    body[LIST][0]["maxRetransmits"] = 3.into();
    world.call(NewDataChannels, &publisher, body.clone());
    subscriber(&mut world, &publisher, json!({}));
    let unordered =
        Delivery { is_ordered: false, max_retransmits: Some(3), max_packet_life_time: None };
    let opened: Vec<Delivery> =
        world.media.opened.iter().filter(|opened| opened.1 == 1).map(|opened| opened.3).collect();
    assert_eq!(opened, [unordered; 2]);
    body[LIST][0]["maxPacketLifeTime"] = 3.into();
    assert_eq!(code(&world.call(NewDataChannels, &publisher, body)), (406, "invalid_params"));
}

#[test]
fn messages_go_to_all_subscribers() {
    let mut world = World::new();
    let publisher = chat(&mut world);
    let a = subscriber(&mut world, &publisher, json!({}));
    let b = subscriber(&mut world, &publisher, json!({}));
    world.say(&publisher, 1, "hello");
    assert_eq!(
        (world.heard(&a), world.heard(&b)),
        (vec!["1 hello".to_owned()], vec!["1 hello".to_owned()])
    );
    world.say(&a, 1, "not allowed");
    world.say(&a, 0, "nor this");
    world.say(&a, 9, "nor that");
    assert!(world.media.sent.is_empty());
}

#[test]
fn only_the_newest_grant_may_reply() {
    let mut world = World::new();
    let publisher = chat(&mut world);
    let a = subscriber(&mut world, &publisher, json!({ "canReply": true }));
    world.say(&a, 1, "a");
    assert_eq!(world.heard(&publisher), ["1 a"]);
    let b = subscriber(&mut world, &publisher, json!({ "canReply": true }));
    world.say(&a, 1, "a");
    world.say(&b, 1, "b");
    assert_eq!(world.heard(&publisher), ["1 b"]);
    let cases = [
        (json!({ "canReply": true }), true),
        (json!({}), true),
        (json!({ "canReply": false }), false),
    ];
    for (flags, expected) in cases {
        let reply = world.call(UpdateDataChannels, &a, remote(&publisher, flags.clone()));
        assert_eq!(codes(&reply, LIST), [""]);
        assert_eq!(reply.body[LIST][0].get("canReply"), flags.get("canReply"));
        world.say(&a, 1, "a");
        world.say(&b, 1, "b");
        assert_eq!(world.heard(&publisher).len(), usize::from(expected), "{flags}");
    }
    let reply = world.call(UpdateDataChannels, &a, remote("unknown", json!({ "canReply": true })));
    assert_eq!(codes(&reply, LIST), ["not_found_track_error"]);
}

#[test]
fn messages_are_held_back_until_the_subscriber_says_something() {
    let mut world = World::new();
    let publisher = chat(&mut world);
    let session =
        subscriber(&mut world, &publisher, json!({ "waitForAck": true, "canReply": true }));
    assert_eq!(world.statuses(&session), ["1 initializing"]);
    world.say(&publisher, 1, "one");
    world.say(&publisher, 1, "two");
    assert!(world.media.sent.is_empty());
    world.pass(29_999);
    world.say(&session, 1, "ack");
    assert_eq!(world.heard(&session), ["1 one", "1 two"]);
    assert!(world.heard(&publisher).is_empty(), "the acknowledgement is for the SFU");
    world.say(&publisher, 1, "three");
    assert_eq!(world.heard(&session), ["1 three"]);
    world.pass(100_000);
    assert_eq!(world.statuses(&session), ["1 active"]);
}

#[test]
fn a_channel_without_its_acknowledgement_in_30_s_is_closed() {
    let mut world = World::new();
    let publisher = chat(&mut world);
    let session = subscriber(&mut world, &publisher, json!({ "waitForAck": true }));
    world.pass(30_000);
    assert_eq!(world.statuses(&session), ["1 inactive"]);
    world.say(&session, 1, "late");
    world.say(&publisher, 1, "nobody there");
    assert!(world.media.sent.is_empty());
}

#[test]
fn an_update_closes_and_opens_the_gate() {
    let mut world = World::new();
    let publisher = chat(&mut world);
    let session = subscriber(&mut world, &publisher, json!({}));
    world.call(UpdateDataChannels, &session, remote(&publisher, json!({ "waitForAck": true })));
    world.say(&publisher, 1, "held");
    assert!(world.heard(&session).is_empty());
    world.call(UpdateDataChannels, &session, remote(&publisher, json!({ "waitForAck": false })));
    assert_eq!(world.heard(&session), ["1 held"]);
}

#[test]
fn channels_are_closed_by_id() {
    let mut world = World::new();
    let publisher = chat(&mut world);
    let session = subscriber(&mut world, &publisher, json!({ "canReply": true }));
    let close = |ids: &[u16]| {
        let channels: Vec<Value> = ids.iter().map(|id| json!({ "id": id })).collect();
        json!({ LIST: channels })
    };
    let reply = world.call(CloseDataChannels, &session, close(&[1, 1, 0]));
    assert_eq!(codes(&reply, LIST), ["", "close_track_error", "close_track_error"]);
    let expected = json!({ "location": "remote", "sessionId": publisher,
        "dataChannelName": "chat", "id": 1 });
    assert_eq!(reply.body[LIST][0], expected);
    assert_eq!(world.statuses(&session), ["1 inactive"]);
    world.say(&publisher, 1, "hello");
    assert!(world.media.sent.is_empty());
    let reply = world.call(NewDataChannels, &session, remote(&publisher, json!({})));
    assert_eq!(reply.body[LIST][0]["id"], 2, "ids are not used again");
    world.call(CloseDataChannels, &publisher, close(&[1]));
    assert_eq!(world.statuses(&session), ["1 inactive", "2 inactive"]);
    world.call(NewDataChannels, &publisher, local(&["chat"]));
    let reply = world.call(NewDataChannels, &session, remote(&publisher, json!({})));
    assert_eq!(reply.body[LIST][0]["id"], 3, "a new publication");
}

#[test]
fn an_expired_publisher_leaves_its_subscribers() {
    let mut world = World::new();
    let publisher = chat(&mut world);
    let session = subscriber(&mut world, &publisher, json!({ "canReply": true }));
    world.rules.expire(&publisher, &mut world.media);
    world.say(&session, 1, "anybody?");
    assert!(world.media.sent.is_empty());
    assert_eq!(world.statuses(&session), ["1 inactive"]);
    let grant = remote(&publisher, json!({ "canReply": true }));
    let reply = world.call(UpdateDataChannels, &session, grant);
    assert_eq!(codes(&reply, LIST), ["not_found_track_error"]);
}

#[test]
fn channels_of_a_lost_connection_are_initializing() {
    let mut world = World::new();
    let publisher = chat(&mut world);
    world.disconnect(&publisher);
    assert_eq!(world.statuses(&publisher), ["1 initializing"]);
}

#[test]
fn a_channel_of_another_app_is_not_there() {
    let mut world = World::new();
    let publisher = chat(&mut world);
    let own = world.data_session();
    world.app = "another";
    let foreign = world.data_session();
    let reply = world.call(NewDataChannels, &foreign, remote(&publisher, json!({})));
    assert_eq!(codes(&reply, LIST), ["not_found_track_error"]);
    let update = remote(&publisher, json!({ "canReply": true }));
    let reply = world.call(UpdateDataChannels, &foreign, update);
    assert_ne!(codes(&reply, LIST), [""]);
    world.app = APP;
    let reply = world.call(NewDataChannels, &own, remote(&publisher, json!({})));
    assert_eq!(codes(&reply, LIST), [""], "its own app has it");
}

#[test]
fn data_channels_of_the_first_offer_need_not_be_established() {
    let mut world = World::new();
    let body = json!({ "sessionDescription": offer(&["0 audio send", "1 data both"]),
        "tracks": [{ "location": "local", "mid": "0", "trackName": "mic" }] });
    let session = world.session();
    world.call(NewTracks, &session, body);
    world.connect(&session);
    let body = json!({ "dataChannels": [{ "location": "local", "dataChannelName": "chat" }] });
    let reply = world.call(NewDataChannels, &session, body);
    assert_eq!((reply.status, &reply.body["dataChannels"][0]["id"]), (200, &json!(1)));

    let reply =
        world.call(EstablishDataChannels, &session, json!({ "dataChannel": server_events() }));
    assert_eq!((reply.status, reply.body.get("sessionDescription")), (200, None), "no exchange");
}

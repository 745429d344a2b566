//! Tracks: published, pulled, changed, closed, collected.

use cloudflare_calls_emulator::media::Layers;
use cloudflare_calls_emulator::rules::Config;
use cloudflare_calls_emulator::rules::Operation::*;
use serde_json::{Value, json};

use super::world::*;

const MUST: &str = "requiresImmediateRenegotiation";

fn local(mid: &str, name: &str) -> Value {
    json!({ "location": "local", "mid": mid, "trackName": name })
}

#[test]
fn a_publication_with_an_offer_is_answered() {
    let mut world = World::new();
    let session = world.session();
    let body =
        json!({ "sessionDescription": offer(&["4 audio send"]), "tracks": [local("4", "mic")] });
    let reply = world.call(NewTracks, &session, body);
    assert_eq!(reply.body["tracks"], json!([{ "mid": "4", "trackName": "mic" }]));
    assert_eq!(reply.body[MUST], json!(false));
    assert_eq!(reply.body["sessionDescription"]["type"], "answer");
    assert_eq!(world.statuses(&session), ["4 active"]);
}

#[test]
fn a_mid_that_the_agent_does_not_send_on_fails_alone() {
    let mut world = World::new();
    let session = world.session();
    let sections = ["0 audio send", "1 audio recv", "2 data both", "3 video stop"];
    let tracks: Vec<Value> = (0..5).map(|mid| local(&mid.to_string(), "x")).collect();
    let body = json!({ "sessionDescription": offer(&sections), "tracks": tracks });
    let reply = world.call(NewTracks, &session, body);
    let failure = "not_found_track_error";
    assert_eq!(codes(&reply, "tracks"), ["", failure, failure, failure, failure]);
    assert_eq!(reply.body["tracks"][1]["mid"], "");
    assert_eq!(reply.body["sessionDescription"]["type"], "answer");
}

#[test]
fn a_mid_is_published_under_one_name() {
    let mut world = World::new();
    let session = world.publisher("mic");
    let body =
        json!({ "sessionDescription": offer(&["0 audio send"]), "tracks": [local("0", "other")] });
    assert_eq!(code(&world.call(NewTracks, &session, body)), (406, "invalid_params"));
    let tracks = [local("1", "a"), local("1", "b")];
    let body = json!({ "sessionDescription": offer(&["1 audio send"]), "tracks": tracks });
    assert_eq!(code(&world.call(NewTracks, &session, body)), (406, "invalid_params"));
    world.publish(&session, "0 audio send", "mic");
    assert_eq!(world.statuses(&session), ["0 active"], "the same again changes nothing");
}

#[test]
fn new_tracks_of_an_offer_are_discovered() {
    let mut world = World::new();
    let session = world.publisher("mic");
    let sections = ["0 audio send", "1 video send", "2 audio recv", "3 data both", "4 audio send"];
    let body = json!({ "sessionDescription": offer(&sections), "autoDiscover": true,
        "tracks": [local("4", "named")] });
    let reply = world.call(NewTracks, &session, body);
    let tracks = reply.body["tracks"].as_array().unwrap();
    assert_eq!((tracks.len(), &tracks[0]["trackName"]), (2, &json!("named")));
    assert_eq!(tracks[1]["mid"], "1");
    let name = tracks[1]["trackName"].as_str().unwrap();
    assert!(name.len() == 36 && name.as_bytes()[14] == b'4', "{name}");
    assert!(matches!(name.as_bytes()[19], b'8' | b'9' | b'a' | b'b'), "{name}");
}

#[test]
fn without_an_offer_the_sfu_offers_to_receive() {
    let mut world = World::new();
    let session = world.session();
    let track = json!({ "location": "local", "trackName": "mic", "kind": "audio", "bidirectionalMediaStream": true });
    let reply = world.call(NewTracks, &session, json!({ "tracks": [track] }));
    assert_eq!(reply.body["tracks"][0]["mid"], "s0");
    assert_eq!(reply.body[MUST], json!(true));
    let sdp = reply.body["sessionDescription"]["sdp"].as_str().unwrap();
    assert!(sdp.contains("Receive { kind: Audio, is_bidirectional: true }"));
    world.answer(&session);
    world.connect(&session);
    world.packet(&session, "s0");
    let subscriber = world.up();
    world.pull(&subscriber, &session, "mic");
    assert_eq!(world.media.forwards[&world.place(&subscriber, "s0")].0.mid, "s0");
}

#[test]
fn a_pull_flows_once_its_offer_is_answered() {
    let mut world = World::new();
    let (publisher, session) = (world.publisher("mic"), world.session());
    let reply = world.call(NewTracks, &session, pulling(&publisher, &["mic"]));
    let entry = json!({ "mid": "s0", "sessionId": publisher, "trackName": "mic" });
    assert_eq!(reply.body["tracks"], json!([entry]));
    assert_eq!(reply.body["sessionDescription"]["type"], "offer");
    assert!(world.media.forwards.is_empty());
    world.answer(&session);
    let (from, to) = (world.place(&publisher, "0"), world.place(&session, "s0"));
    assert_eq!(world.media.forwards[&to], (from, Layers::default()));
}

#[test]
fn a_publication_that_ends_before_the_answer_does_not_flow() {
    let mut world = World::new();
    let (publisher, session) = (world.publisher("mic"), world.up());
    world.call(NewTracks, &session, pulling(&publisher, &["mic"]));
    world.call(CloseTracks, &publisher, force_close(&["0"]));
    world.answer(&session);
    assert!(world.media.forwards.is_empty());
    assert_eq!(world.statuses(&session), ["s0 inactive"]);
}

#[test]
fn a_pull_that_fails_in_part_is_offered_in_part() {
    let mut world = World::new();
    let (publisher, session) = (world.publisher("mic"), world.up());
    let reply = world.call(NewTracks, &session, pulling(&publisher, &["none", "mic"]));
    assert_eq!((reply.status, &reply.body[MUST]), (200, &json!(true)));
    assert_eq!(codes(&reply, "tracks"), ["not_found_track_error", ""]);
    assert_eq!(
        (&reply.body["tracks"][0]["mid"], &reply.body["tracks"][1]["mid"]),
        (&json!(""), &json!("s0"))
    );
}

#[test]
fn a_pull_that_fails_as_a_whole_has_no_description() {
    let mut world = World::new();
    let (publisher, session) = (world.publisher("mic"), world.up());
    for body in [pulling(&publisher, &["none", "no"]), pulling("unknown", &["mic"])] {
        let reply = world.call(NewTracks, &session, body);
        assert_eq!((reply.status, &reply.body[MUST]), (200, &json!(false)));
        assert!(reply.body.get("sessionDescription").is_none());
        assert!(codes(&reply, "tracks").iter().all(|code| *code == "not_found_track_error"));
    }
    world.pull(&session, &publisher, "mic");
}

#[test]
fn a_bidirectional_transceiver_is_reused_without_an_exchange() {
    let mut world = World::new();
    let (publisher, session) = (world.publisher("voice"), world.up());
    world.publish(&session, "0 audio both", "mic");
    let mut body = pulling(&publisher, &["voice"]);
    body["tracks"][0]["mid"] = "#mic".into();
    let reply = world.call(NewTracks, &session, body.clone());
    assert_eq!((&reply.body[MUST], &reply.body["tracks"][0]["mid"]), (&json!(false), &json!("0")));
    assert!(reply.body.get("sessionDescription").is_none());
    assert_eq!(world.media.forwards.len(), 1);
    body["tracks"][0]["mid"] = "#nothing".into();
    let reply = world.call(NewTracks, &session, body.clone());
    assert_eq!(codes(&reply, "tracks"), ["not_found_track_error"]);
    world.call(CloseTracks, &session, force_close(&["0"]));
    assert_eq!(world.statuses(&session), ["0 inactive", "0 inactive"], "both directions");
    assert!(world.media.forwards.is_empty());
}

#[test]
fn a_transceiver_of_one_direction_or_another_kind_is_not_reused() {
    let mut world = World::new();
    let (publisher, session) = (world.publisher("voice"), world.up());
    world.publish(&session, "0 audio send", "mic");
    world.publish(&session, "1 video both", "cam");
    for name in ["#mic", "#cam"] {
        let mut body = pulling(&publisher, &["voice"]);
        body["tracks"][0]["mid"] = name.into();
        let reply = world.call(NewTracks, &session, body);
        assert_eq!(codes(&reply, "tracks"), ["not_found_track_error"]);
    }
}

#[test]
fn a_pulled_transceiver_is_published_on() {
    let mut world = World::new();
    let (publisher, session) = (world.publisher("voice"), world.up());
    let mut body = pulling(&publisher, &["voice"]);
    body["tracks"][0]["bidirectionalMediaStream"] = true.into();
    world.call(NewTracks, &session, body);
    world.answer(&session);
    let track =
        json!({ "location": "local", "trackName": "mic", "kind": "audio", "mid": "#voice" });
    let reply = world.call(NewTracks, &session, json!({ "tracks": [track] }));
    assert_eq!((&reply.body[MUST], &reply.body["tracks"][0]["mid"]), (&json!(false), &json!("s0")));
    assert_eq!(world.statuses(&session), ["s0 active", "s0 active"]);
}

#[test]
fn a_track_closed_by_force_stops_and_stays_listed() {
    let mut world = World::new();
    let (publisher, session) = (world.publisher("mic"), world.up());
    world.pull(&session, &publisher, "mic");
    let reply = world.call(CloseTracks, &session, force_close(&["s0", "nothing"]));
    assert_eq!(codes(&reply, "tracks"), ["", "close_track_error"]);
    assert_eq!(reply.body["tracks"][1]["mid"], "nothing");
    assert_eq!(reply.body[MUST], json!(false));
    assert!(world.media.forwards.is_empty());
    assert_eq!(world.statuses(&session), ["s0 inactive"]);
    let reply = world.call(CloseTracks, &session, force_close(&["s0"]));
    assert_eq!(codes(&reply, "tracks"), ["close_track_error"]);
}

#[test]
fn a_negotiated_close_is_answered() {
    let mut world = World::new();
    let session = world.publisher("mic");
    let reply = world.call(CloseTracks, &session, negotiated_close("0", "0 audio stop"));
    assert_eq!(reply.body["sessionDescription"]["type"], "answer");
    assert_eq!(world.statuses(&session), ["0 inactive"]);
    let body = json!({ "tracks": [{ "mid": "0" }], "force": false, "sessionDescription": { "type": "offer", "sdp": "v=0 bad\n" } });
    assert_eq!(code(&world.call(CloseTracks, &session, body)).0, 406);
}

#[test]
fn a_mid_that_was_closed_by_force_publishes_nothing() {
    let mut world = World::new();
    let (publisher, session) = (world.publisher("mic"), world.up());
    world.call(CloseTracks, &publisher, force_close(&["0"]));
    world.publish(&publisher, "0 audio send", "again");
    world.pass(10);
    world.packet(&publisher, "0");
    let ticket = world.wait(NewTracks, &session, pulling(&publisher, &["again"]));
    world.pass(8250);
    assert_eq!(codes(world.reply(ticket), "tracks"), ["empty_track_error"]);
}

#[test]
fn a_mid_that_was_closed_by_negotiation_publishes_again() {
    let mut world = World::new();
    let (publisher, session) = (world.publisher("mic"), world.up());
    world.call(CloseTracks, &publisher, negotiated_close("0", "0 audio recv"));
    world.pass(10);
    world.publish(&publisher, "0 audio send", "again");
    world.packet(&publisher, "0");
    world.pull(&session, &publisher, "again");
}

#[test]
fn an_update_changes_the_source() {
    let mut world = World::new();
    let (a, b, session) = (world.publisher("mic"), world.publisher("voice"), world.up());
    world.pull(&session, &a, "mic");
    let update = |publisher: &str, name: &str, mid: &str| {
        let track =
            json!({ "location": "remote", "mid": mid, "sessionId": publisher, "trackName": name });
        json!({ "tracks": [track] })
    };
    let reply = world.call(UpdateTracks, &session, update(&b, "voice", "s0"));
    assert_eq!(
        reply.body["tracks"],
        json!([{ "mid": "s0", "sessionId": b, "trackName": "voice" }])
    );
    assert_eq!(world.media.forwards[&world.place(&session, "s0")].0, world.place(&b, "0"));
    for body in [update(&b, "none", "s0"), update(&b, "voice", "other")] {
        let reply = world.call(UpdateTracks, &session, body);
        assert_eq!(codes(&reply, "tracks"), ["not_found_track_error"]);
        assert_eq!(reply.body["tracks"][0]["mid"], "");
    }
    world.publish(&b, "1 video send", "cam");
    world.packet(&b, "1");
    let reply = world.call(UpdateTracks, &session, update(&b, "cam", "s0"));
    assert_eq!(codes(&reply, "tracks"), ["not_found_track_error"], "of another kind");
    assert_eq!(world.statuses(&session), ["s0 active"]);
    world.rules.expire(&b, &mut world.media);
    assert_eq!(world.statuses(&session), ["s0 inactive"]);
    world.call(UpdateTracks, &session, update(&a, "mic", "s0"));
    assert_eq!(world.statuses(&session), ["s0 active"], "another source for an orphan");
}

#[test]
fn an_update_chooses_a_layer_where_there_are_any() {
    let mut world = World::new();
    let (publisher, session) = (world.publisher("mic"), world.up());
    world.publish(&publisher, "1 video send h l", "cam");
    world.packet(&publisher, "1");
    let simulcast = json!({ "preferredRid": "h", "priorityOrdering": "asciibetical" });
    let mut body = pulling(&publisher, &["cam", "mic"]);
    for index in [0, 1] {
        body["tracks"][index]["simulcast"] = simulcast.clone();
    }
    let reply = world.call(NewTracks, &session, body);
    assert_eq!(reply.body["tracks"][0]["simulcast"], simulcast);
    world.answer(&session);
    let layers = |world: &World, mid| world.media.forwards[&world.place(&session, mid)].1.clone();
    let preferred = |rid: &str, falls_back_for_bandwidth| {
        let preferred = Some(rid.to_owned());
        Layers { preferred, falls_back_for_bandwidth, falls_back_if_absent: false }
    };
    assert_eq!(layers(&world, "s0"), preferred("h", true));
    assert_eq!(layers(&world, "s1"), Layers::default());
    let tracks = ["s0", "s1"].map(|mid| json!({ "mid": mid, "simulcast": { "preferredRid": "l", "priorityOrdering": "none" } }));
    let reply = world.call(UpdateTracks, &session, json!({ "tracks": tracks }));
    assert_eq!(codes(&reply, "tracks"), ["", "update_track_error"]);
    assert_eq!(layers(&world, "s0"), preferred("l", false));
}

#[test]
fn a_track_without_packets_is_collected() {
    let mut world = World::new();
    let (publisher, session) = (world.publisher("mic"), world.up());
    world.pull(&session, &publisher, "mic");
    world.pass(20_000);
    world.packet(&publisher, "0");
    world.pass(29_999);
    assert_eq!(world.statuses(&publisher), ["0 active"]);
    world.pass(1);
    assert_eq!(world.statuses(&publisher), ["0 inactive"]);
    assert_eq!(world.statuses(&session), ["s0 inactive"]);
    assert!(world.media.forwards.is_empty());
    let reply = world.call(NewTracks, &session, pulling(&publisher, &["mic"]));
    assert_eq!(codes(&reply, "tracks"), ["not_found_track_error"]);
}

#[test]
fn a_lost_connection_does_not_cost_the_tracks() {
    let mut world = World::new();
    let publisher = world.publisher("mic");
    world.pass(25_000);
    world.disconnect(&publisher);
    world.pass(20_000);
    world.connect(&publisher);
    world.pass(29_000);
    assert_eq!(world.statuses(&publisher), ["0 active"]);
    world.pass(1000);
    assert_eq!(world.statuses(&publisher), ["0 inactive"]);
}

/// Returns an entry for a pull on the agent's offer, and the sections of that offer.
fn pulling_on(publisher: &str, names: &[&str], sections: &[&str]) -> Value {
    let mut body = pulling(publisher, names);
    body["sessionDescription"] = offer(sections);
    body
}

#[test]
fn a_pull_on_the_agents_offer_is_answered_and_flows_at_once() {
    let mut world = World::new();
    let (publisher, session) = (world.publisher("mic"), world.session());
    let body = pulling_on(&publisher, &["mic"], &["0 video recv", "1 audio send", "2 audio recv"]);
    let reply = world.call(NewTracks, &session, body);
    assert_eq!(reply.body["sessionDescription"]["type"], "answer");
    assert_eq!((&reply.body[MUST], &reply.body["tracks"][0]["mid"]), (&json!(false), &json!("2")));
    assert_eq!(world.media.forwards[&world.place(&session, "2")].0, world.place(&publisher, "0"));
}

#[test]
fn an_offer_without_a_section_of_the_kind_is_answered_and_the_entry_fails() {
    let mut world = World::new();
    let (publisher, session) = (world.publisher("mic"), world.session());
    let body = pulling_on(&publisher, &["mic", "mic"], &["0 video recv", "1 audio recv"]);
    let reply = world.call(NewTracks, &session, body);
    assert_eq!(codes(&reply, "tracks"), ["", "not_found_track_error"], "one section for one");
    assert_eq!(reply.body["sessionDescription"]["type"], "answer");
    world.connect(&session);
    let body = pulling_on(&publisher, &["mic"], &["0 video recv", "1 audio recv"]);
    let reply = world.call(NewTracks, &session, body);
    assert_eq!(codes(&reply, "tracks"), ["not_found_track_error"], "it is taken");
}

#[test]
fn a_section_of_the_offer_can_be_named() {
    let mut world = World::new();
    let (publisher, session) = (world.publisher("mic"), world.session());
    let mut body = pulling_on(&publisher, &["mic"], &["0 audio recv", "1 audio recv"]);
    body["tracks"][0]["mid"] = "1".into();
    let reply = world.call(NewTracks, &session, body);
    assert_eq!(reply.body["tracks"][0]["mid"], "1");
}

#[test]
fn an_idle_section_of_the_agents_is_used_without_an_exchange() {
    let mut world = World::new();
    let (publisher, session) = (world.publisher("mic"), world.up());
    world.publish(&session, "0 audio send", "own");
    let body = json!({ "sessionDescription": offer(&["0 audio send", "1 video recv", "2 audio recv"]),
        "tracks": [local("0", "own")] });
    world.call(NewTracks, &session, body);
    let reply = world.call(NewTracks, &session, pulling(&publisher, &["mic", "mic"]));
    assert_eq!(reply.body["tracks"][0]["mid"], "2");
    assert_eq!(reply.body["tracks"][1]["mid"], "s0", "there is only one of its kind");
    assert_eq!(reply.body[MUST], json!(true));
    world.answer(&session);

    world.call(CloseTracks, &session, force_close(&["2"]));
    let reply = world.call(NewTracks, &session, pulling(&publisher, &["mic"]));
    assert_eq!(reply.body["tracks"][0]["mid"], "s1", "one that was closed by force stays unused");
}

#[test]
fn a_section_that_the_sfu_has_offered_is_never_idle() {
    let mut world = World::new();
    let (publisher, session) = (world.publisher("mic"), world.up());
    world.pull(&session, &publisher, "mic");
    world.call(CloseTracks, &session, negotiated_close("s0", "s0 audio recv"));
    assert_eq!(world.pull(&session, &publisher, "mic"), "s1");
}

#[test]
fn a_track_is_published_on_a_section_that_is_there_by_mid_and_name() {
    let mut world = World::new();
    let body = json!({ "sessionDescription": offer(&["0 audio send", "1 audio recv"]) });
    let created = world.call(NewSession, "", body);
    let session = created.body["sessionId"].as_str().unwrap().to_owned();
    let body = json!({ "tracks": [local("0", "mic"), local("1", "x"), local("9", "y")] });
    let ticket = world.wait(NewTracks, &session, body.clone());
    world.pass(5000);
    assert_eq!(code(world.reply(ticket)), (425, "session_error"), "not connected yet");
    world.connect(&session);
    let reply = world.call(NewTracks, &session, body);
    let failure = "not_found_track_error";
    assert_eq!(codes(&reply, "tracks"), ["", failure, failure]);
    assert_eq!(reply.body["tracks"][0], json!({ "mid": "0", "trackName": "mic" }));
    assert_eq!(reply.body[MUST], json!(false));
    assert!(reply.body.get("sessionDescription").is_none());
    assert_eq!(world.statuses(&session), ["0 active"]);
}

#[test]
fn a_description_without_the_codec_of_the_track_is_refused() {
    let text = "The subscriber's SDP is missing the published track's codec";
    let mut world = World::new();
    let (publisher, session) = (world.publisher("mic"), world.session());
    let place = world.place(&publisher, "0");
    world.media.codecs.insert(place, "pcmu".to_owned());
    let body = pulling_on(&publisher, &["mic"], &["0 audio recv"]);
    let reply = world.call(NewTracks, &session, body);
    assert_eq!(code(&reply), (406, "invalid_session_description"));
    assert_eq!(reply.body["errorDescription"], text);

    let offered = world.call(NewTracks, &session, pulling(&publisher, &["mic"]));
    assert_eq!(offered.body[MUST], json!(true));
    let answer = json!({ "type": "answer", "sdp": super::fake::sdp(&["s0 audio recv"]) });
    let reply = world.call(Renegotiate, &session, json!({ "sessionDescription": answer }));
    assert_eq!(code(&reply), (406, "invalid_session_description"));
    assert_eq!(reply.body["errorDescription"], text);
    // The exchange is still open.
    world.answer(&session);
}

#[test]
fn just_after_a_pull_updates_fail_if_that_is_set() {
    let config = Config { pull_settles: ms(2000), ..Config::default() };
    let mut world = World::with(config);
    let (publisher, session) = (world.up(), world.up());
    world.publish(&publisher, "1 video send h l", "cam");
    world.packet(&publisher, "1");
    let mid = world.pull(&session, &publisher, "cam");
    let body = json!({ "tracks": [{ "mid": mid, "simulcast": { "preferredRid": "l" } }] });
    let reply = world.call(UpdateTracks, &session, body.clone());
    assert_eq!(codes(&reply, "tracks"), ["update_track_error"]);
    world.pass(2000);
    let reply = world.call(UpdateTracks, &session, body);
    assert_eq!(codes(&reply, "tracks"), [""]);
}

#[test]
fn a_switch_of_layers_takes_its_time_if_that_is_set() {
    let config = Config { layer_switch: ms(8000), ..Config::default() };
    let mut world = World::with(config);
    let (publisher, session) = (world.up(), world.up());
    world.publish(&publisher, "1 video send h l", "cam");
    world.packet(&publisher, "1");
    let mid = world.pull(&session, &publisher, "cam");
    let body = json!({ "tracks": [{ "mid": mid, "simulcast": { "preferredRid": "l" } }] });
    let reply = world.call(UpdateTracks, &session, body);
    assert_eq!(codes(&reply, "tracks"), [""]);
    let layer =
        |world: &World| world.media.forwards[&world.place(&session, &mid)].1.preferred.clone();
    world.pass(7999);
    assert_eq!(layer(&world), None);
    world.pass(1);
    assert_eq!(layer(&world).as_deref(), Some("l"));
}

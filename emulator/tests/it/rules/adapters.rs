//! WebSocket adapters.

use cloudflare_calls_emulator::media::Place;
use cloudflare_calls_emulator::rules::Operation::*;
use cloudflare_calls_emulator::rules::*;
use serde_json::{Value, json};

use super::world::*;

fn ingest(name: &str) -> Value {
    json!({ "location": "local", "trackName": name, "endpoint": "ws://e.example/in",
        "inputCodec": "pcm" })
}

fn egress(publisher: &str, name: &str, codec: &str) -> Value {
    json!({ "location": "remote", "sessionId": publisher, "trackName": name,
        "endpoint": "wss://e.example/out?key=secret", "outputCodec": codec })
}

fn ids(world: &mut World) -> Vec<String> {
    let commands = std::mem::take(&mut world.commands);
    commands
        .into_iter()
        .map(|command| match command {
            AdapterCommand::Open { id, .. } => id,
            AdapterCommand::Close { id } => format!("close {id}"),
        })
        .collect()
}

fn opened(world: &mut World, id: &str, result: Result<(), AdapterFailure>) {
    world.rules.adapter_opened(id, result, &mut world.media);
    world.pass(0);
    while let Some((ticket, reply)) = world.rules.poll_reply() {
        world.replies.insert(ticket, reply);
    }
    while let Some(command) = world.rules.poll_adapter() {
        world.commands.push(command);
    }
}

fn ingested(world: &mut World) -> (String, String) {
    let ticket = world.wait(NewWebsocketAdapters, "", json!({ "tracks": [ingest("tts")] }));
    let id = ids(world).remove(0);
    opened(world, &id, Ok(()));
    let session = world.reply(ticket).body["tracks"][0]["sessionId"].as_str().unwrap().to_owned();
    (id, session)
}

#[test]
fn entries_are_checked() {
    let mut world = World::new();
    let changed = |field: &str, value: Value| {
        let mut entry = ingest("tts");
        entry[field] = value;
        json!({ "tracks": [entry] })
    };
    let cases = [
        (changed("location", Value::Null), 406),
        (changed("trackName", "".into()), 406),
        (changed("endpoint", "https://e.example".into()), 406),
        (changed("endpoint", "ws://".into()), 406),
        (changed("inputCodec", Value::Null), 406),
        (changed("inputCodec", "jpeg".into()), 400),
        (changed("location", "remote".into()), 406),
        (json!({ "tracks": [] }), 406),
        (json!({ "tracks": vec![ingest("tts"); 5] }), 406),
    ];
    for (body, status) in cases {
        let reply = world.call(NewWebsocketAdapters, "", body.clone());
        assert_eq!(reply.status, status, "{body}");
    }
    assert!(world.commands.is_empty() && world.media.is_empty());
}

#[test]
fn an_ingest_publishes_in_a_session_of_its_own() {
    let mut world = World::new();
    let ticket = world.wait(NewWebsocketAdapters, "", json!({ "tracks": [ingest("tts")] }));
    let AdapterCommand::Open { id, endpoint, stream: AdapterStream::Ingest { to } } =
        world.commands.remove(0)
    else {
        panic!("no ingest")
    };
    assert_eq!(endpoint.as_str(), "ws://e.example/in");
    opened(&mut world, &id, Ok(()));
    let reply = world.reply(ticket).clone();
    let session = reply.body["tracks"][0]["sessionId"].as_str().unwrap().to_owned();
    let expected = json!([{ "trackName": "tts", "adapterId": id, "sessionId": session,
        "endpoint": "ws://e.example/in" }]);
    assert_eq!((reply.status, &reply.body["tracks"]), (200, &expected));
    assert_eq!(to, Place { session: world.key(&session), mid: "0".to_owned() });
    world.pass(100_000);
    world.packet(&session, "0");
    let subscriber = world.up();
    world.pull(&subscriber, &session, "tts");
    assert_eq!(world.media.forwards.len(), 1);
    let reply = world.call(NewTracks, &session, pulling("x", &["y"]));
    assert_eq!(code(&reply), (406, "invalid_params"));
}

#[test]
fn an_egress_reads_a_track_of_the_codecs_kind() {
    let mut world = World::new();
    let publisher = world.publisher("mic");
    let body = json!({ "tracks": [egress(&publisher, "mic", "pcm"), egress(&publisher, "mic", "jpeg"),
        egress(&publisher, "none", "pcm"), egress("unknown", "mic", "pcm")] });
    let ticket = world.wait(NewWebsocketAdapters, "", body);
    let from = world.place(&publisher, "0");
    let [AdapterCommand::Open { id, stream, .. }] = &*world.commands else { panic!("not one") };
    assert_eq!(
        *stream,
        AdapterStream::Egress { from, codec: OutputCodec::Pcm, reconnect: ms(15_000) }
    );
    let id = id.clone();
    assert!(!format!("{:?}", world.commands).contains("secret"));
    opened(&mut world, &id, Ok(()));
    let failure = "not_found_track_error";
    assert_eq!(codes(world.reply(ticket), "tracks"), ["", failure, failure, failure]);
    assert_eq!(world.reply(ticket).status, 200);
}

#[test]
fn the_reply_waits_for_all_and_is_503_if_all_failed() {
    let mut world = World::new();
    for last in [Ok(()), Err(AdapterFailure::Localhost)] {
        let tracks = ["a", "b", "c"].map(ingest);
        let ticket = world.wait(NewWebsocketAdapters, "", json!({ "tracks": tracks }));
        let ids = ids(&mut world);
        opened(&mut world, &ids[1], Err(AdapterFailure::Timeout));
        opened(&mut world, &ids[0], Err(AdapterFailure::Handshake));
        assert!(world.is_waiting(ticket));
        opened(&mut world, &ids[2], last);
        let reply = world.reply(ticket);
        let failed = ["websocket_handshake_failed", "websocket_connection_timeout"];
        assert_eq!(codes(reply, "tracks")[..2], failed);
        let expected =
            if last.is_ok() { (200, "") } else { (503, "websocket_localhost_not_allowed") };
        assert_eq!((reply.status, codes(reply, "tracks")[2]), expected);
    }
    assert_eq!(world.snapshot().sessions.len(), 1, "failed ones leave no session");
}

#[test]
fn an_endpoint_that_says_nothing_is_given_up() {
    let mut world = World::new();
    let ticket = world.wait(NewWebsocketAdapters, "", json!({ "tracks": [ingest("tts")] }));
    let id = ids(&mut world).remove(0);
    world.pass(10_000);
    assert_eq!(world.reply(ticket).status, 503);
    assert_eq!(codes(world.reply(ticket), "tracks"), ["websocket_connection_timeout"]);
    assert_eq!(ids(&mut world), [format!("close {id}")]);
    opened(&mut world, &id, Ok(()));
    assert!(world.media.is_empty());
}

#[test]
fn an_adapter_is_closed_once_and_closing_it_again_succeeds() {
    let mut world = World::new();
    let (id, session) = ingested(&mut world);
    world.rules.adapter_bytes(&id, 83_492);
    let body = json!({ "tracks": [{ "adapterId": id }, { "adapterId": "unknown" }] });
    let reply = world.call(CloseWebsocketAdapters, "", body.clone());
    assert_eq!(reply.status, 200);
    assert_eq!(reply.body["tracks"][0], json!({ "adapterId": id, "bytesProcessed": 83_492 }));
    assert_eq!(codes(&reply, "tracks"), ["", "adapter_not_found"]);
    assert_eq!(ids(&mut world), [format!("close {id}")]);
    assert_eq!(world.call(GetSession, &session, Value::Null).status, 410);
    let reply = world.call(CloseWebsocketAdapters, "", body.clone());
    assert_eq!(reply.body["tracks"][0], json!({ "adapterId": id }));
    let mut stranger = request(CloseWebsocketAdapters, None, body.to_string().into());
    stranger.app = "other".to_owned();
    let Response::Now(reply) = world.send(stranger) else { panic!() };
    assert_eq!((reply.status, codes(&reply, "tracks")[0]), (503, "adapter_not_found"));
}

#[test]
fn an_ingest_and_its_session_end_together() {
    let mut world = World::new();
    let (id, session) = ingested(&mut world);
    world.rules.adapter_closed(&id, &mut world.media);
    assert_eq!(world.call(GetSession, &session, Value::Null).status, 410);
    let (id, session) = ingested(&mut world);
    world.rules.expire(&session, &mut world.media);
    world.pass(0);
    opened(&mut world, "none", Ok(()));
    assert_eq!(ids(&mut world), [format!("close {id}")]);
}

#[test]
fn an_egress_ends_with_its_track_even_while_it_connects() {
    let mut world = World::new();
    let publisher = world.publisher("mic");
    let body =
        json!({ "tracks": [egress(&publisher, "mic", "pcm"), egress(&publisher, "mic", "pcm")] });
    world.wait(NewWebsocketAdapters, "", body);
    let adapters = ids(&mut world);
    opened(&mut world, &adapters[0], Ok(()));
    world.call(CloseTracks, &publisher, force_close(&["0"]));
    assert_eq!(ids(&mut world), [format!("close {}", adapters[0])]);
    opened(&mut world, &adapters[1], Ok(()));
    assert_eq!(ids(&mut world), [format!("close {}", adapters[1])]);
}

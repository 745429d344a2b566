//! Sessions that the API does not have any more.

use cloudflare_calls_emulator::faults::{Fault, Rule};
use cloudflare_calls_emulator::rules::Operation;
use serde_json::json;

use crate::support::{ROOM, World, pull};

#[tokio::test]
async fn a_close_that_finds_the_session_gone_tells_its_agent_and_the_room() {
    let world = World::canned().await;
    let member = world.join(ROOM, "").await;
    let session = member.session().await;
    member.publish(&session, "microphone").await;
    member.until(|members| members[0]["tracks"][0]["trackName"] == "microphone").await;
    let expires = Rule::new(Fault::ExpireSession).operation(Operation::CloseTracks);
    world.emulator.fault(expires).unwrap();
    let body = json!({ "tracks": [{ "mid": "7" }], "force": true });
    let closed = member.put(&format!("sessions/{session}/tracks/close"), &body).await;
    closed.refused(410, "session_error");
    member.until(|members| members[0]["tracks"] == json!([])).await;
}

#[tokio::test]
async fn a_publisher_that_has_just_left_takes_no_other_pull_along() {
    let world = World::canned().await;
    let (ada, bob) = (world.join(ROOM, "").await, world.join(ROOM, "").await);
    let (adas, bobs) = (ada.session().await, bob.session().await);
    ada.publish(&adas, "mic").await;
    let mut pulls = pull("0123456789abcdef0123456789abcdef", "mic");
    pulls["tracks"].as_array_mut().unwrap().push(pull(&adas, "mic")["tracks"][0].clone());
    let reply = bob.post(&format!("sessions/{bobs}/tracks/new"), &pulls).await.is(200);
    let entries = reply["tracks"].as_array().unwrap();
    let of = |session: &str| entries.iter().find(|entry| entry["sessionId"] == session).unwrap();
    assert_eq!(of("0123456789abcdef0123456789abcdef")["errorCode"], "not_found_track_error");
    assert_eq!(of("0123456789abcdef0123456789abcdef")["mid"], "");
    assert_eq!(of(&adas)["errorCode"], json!(null));
    assert_ne!(of(&adas)["mid"], "");
    let there = world.emulator.session(&bobs).await.unwrap().tracks;
    assert_eq!(there.len(), 1, "what is not of the room is not asked for");
}

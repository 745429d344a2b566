//! Sessions that the API does not have any more.

use cloudflare_calls_emulator::faults::{Fault, Rule};
use cloudflare_calls_emulator::rules::Operation;
use serde_json::json;

use crate::support::{ROOM, World};

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

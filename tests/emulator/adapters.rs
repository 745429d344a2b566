//! WebSocket adapters: the API's answers about endpoints. The flow of sound is tested with the
//! emulator, which has a WebSocket server for it.

use cloudflare_calls::adapters::Adapter;
use cloudflare_calls::prelude::*;
use cloudflare_calls::types::{AdapterId, OutputCodec};
use cloudflare_calls_emulator::agent::Source;
use cloudflare_calls_emulator::faults::{Fault, Rule};
use cloudflare_calls_emulator::rules::Operation;

use super::room::Room;

#[tokio::test]
async fn adapters_that_cannot_be_made_are_items_that_failed() {
    let room = Room::start().await;
    let alice = room.join(&[(Source::Audio, "mic")]).await;
    room.until(|state| state.sessions[0].tracks[0].packets > 0).await;
    let publisher = alice.session.id();
    // The emulator speaks HTTP and no WebSocket here.
    let endpoint = room.emulator.base_url().replace("http", "ws");
    let egress = |name: &str| Adapter::egress(&endpoint, publisher.clone(), name, OutputCodec::Pcm);
    let adapters = [egress("mic"), egress("unknown"), Adapter::ingest(&endpoint, "speech")];
    let created = room.client.create_adapters(adapters).await.unwrap();
    assert_eq!(created.done, []);
    let failed: Vec<_> = created
        .failed
        .iter()
        .map(|failed| (failed.item.name(), failed.error.code().unwrap().as_str()))
        .collect();
    let handshake = "websocket_handshake_failed";
    assert_eq!(
        failed,
        [("mic", handshake), ("unknown", "not_found_track_error"), ("speech", handshake)]
    );
    assert_eq!(room.snapshot().await.sessions.len(), 1, "none for the endpoint's sound");
}

#[tokio::test]
async fn an_adapter_that_is_not_there_counts_as_closed() {
    let room = Room::start().await;
    let id = AdapterId::new("none").unwrap();
    let lost = Rule::new(Fault::DropReply).operation(Operation::CloseWebsocketAdapters).times(1);
    room.emulator.fault(lost).unwrap();
    let closed = room.client.close_adapters([id.clone()]).await.unwrap();
    assert_eq!((closed.done, closed.failed), (vec![id], vec![]));
    assert_eq!(room.operations(None).await, ["close_websocket_adapters"; 2], "a lost reply");
}

#[tokio::test]
async fn a_lost_reply_about_an_adapter_is_not_asked_for_again() {
    for fault in [Fault::DropRequest, Fault::DropReply] {
        let room = Room::start().await;
        let lost = Rule::new(fault).operation(Operation::NewWebsocketAdapters).times(1);
        room.emulator.fault(lost).unwrap();
        let endpoint = room.emulator.base_url().replace("http", "ws");
        let adapter = [Adapter::ingest(&endpoint, "speech")];
        let error = room.client.create_adapters(adapter).await.unwrap_err();
        assert!(error.outcome_unknown() && !error.is_retryable(), "{error}");
        assert_eq!(room.operations(None).await, ["new_websocket_adapters"]);
    }
}

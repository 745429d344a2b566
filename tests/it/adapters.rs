//! WebSocket adapters.

use cloudflare_calls::adapters::Adapter;
use cloudflare_calls::error::Problem;
use cloudflare_calls::prelude::*;
use cloudflare_calls::types::{AdapterId, ErrorCode, OutputCodec};

use super::session;
use super::sfu::{Fault, Operation, Sfu, fail_items};

#[tokio::test]
async fn adapters_are_created_and_closed_item_by_item() {
    let sfu = Sfu::start().await;
    let client = sfu.client();
    let fails = fail_items("websocket_handshake_failed", [1]);
    sfu.fault(Operation::NewWebsocketAdapters, fails);
    let created = client
        .create_adapters([
            Adapter::ingest("wss://example.com/in", "speech"),
            Adapter::egress("wss://example.com/out", session(), "mic", OutputCodec::Pcm),
        ])
        .await
        .unwrap();
    assert_eq!(created.done.len(), 1);
    assert_eq!(created.done[0].name, "speech");
    assert!(created.done[0].session.is_some(), "the new session that publishes it");
    let failed = &created.failed[0];
    assert_eq!(failed.item.to_string(), "mic");
    assert_eq!(failed.error.code(), Some(&ErrorCode::WebsocketHandshakeFailed));
    let id = created.done[0].id.clone();
    assert!(created.into_result().is_err());

    let closed = client.close_adapters([id.clone()]).await.unwrap();
    assert_eq!(closed.done, std::slice::from_ref(&id));
    let unknown = AdapterId::new("unknown").unwrap();
    let closed = client.close_adapters([id.clone(), unknown.clone()]).await.unwrap();
    assert_eq!(closed.done, [id, unknown], "not there is as good as closed");
    assert!(sfu.open_adapters().await.is_empty());
}

#[tokio::test]
async fn if_all_adapters_fail_the_outcome_is_that_of_each() {
    let sfu = Sfu::start().await;
    let fails = fail_items("websocket_handshake_failed", [0, 1]);
    sfu.fault(Operation::NewWebsocketAdapters, fails);
    let adapters = ["a", "b"].map(|name| Adapter::ingest("wss://example.com/in", name));
    let created = sfu.client().create_adapters(adapters).await.unwrap();
    assert_eq!(created.done, []);
    assert_eq!(created.failed.len(), 2);
    assert_eq!(sfu.count(Operation::NewWebsocketAdapters), 1, "a creation is not repeated");
    assert_eq!(sfu.statuses().await, [503]);
}

#[tokio::test]
async fn closing_more_than_the_limit_is_split_and_reports_the_batch_that_failed() {
    let sfu = Sfu::start().await;
    let client = sfu.client();
    let mut ids = Vec::new();
    for batch in 0..3 {
        let adapters = (0..4)
            .map(|index| Adapter::ingest("wss://example.com/in", format!("track-{batch}-{index}")));
        let created = client.create_adapters(adapters).await.unwrap();
        ids.extend(created.done.into_iter().map(|adapter| adapter.id));
    }
    sfu.fault(Operation::CloseWebsocketAdapters, Fault::refuse(406, "invalid_params"));
    let closed = client.close_adapters(ids.clone()).await.unwrap();
    assert_eq!(closed.done, ids[4..]);
    assert_eq!(
        closed.failed.iter().map(|failed| failed.item.clone()).collect::<Vec<_>>(),
        ids[..4]
    );
    assert_eq!(sfu.open_adapters().await.len(), 4);
    client.close_adapters(ids[..4].to_vec()).await.unwrap().into_result().unwrap();
}

#[tokio::test]
async fn wrong_adapters_are_refused_before_anything_is_sent() {
    let app = cloudflare_calls::types::AppId::new("app").unwrap();
    let secret = cloudflare_calls::SecretString::from("secret");
    // The check refuses it before anything is sent to this foreign host.
    let remote = cloudflare_calls::Client::new(app, secret).unwrap();
    let wrong = [
        ("ws://localhost/in", Problem::Loopback),
        ("wss://LOCALHOST:8443/in", Problem::Loopback),
        ("ws://media.localhost/in", Problem::Loopback),
        ("ws://127.0.0.1:9/in", Problem::Loopback),
        ("ws://[::1]/in", Problem::Loopback),
        ("ws://[::ffff:127.0.0.1]/in", Problem::Loopback),
        ("ws://0.0.0.0/in", Problem::Loopback),
        ("https://example.com/in", Problem::NotWebSocket),
        ("example.com", Problem::NotWebSocket),
        ("", Problem::NotWebSocket),
    ];
    for (endpoint, problem) in wrong {
        let error = remote.create_adapters([Adapter::ingest(endpoint, "a")]).await.unwrap_err();
        let cloudflare_calls::Error::Invalid { source, .. } = error else { panic!("{endpoint}") };
        assert_eq!((&*source.field, source.problem), ("tracks[0].endpoint", problem), "{endpoint}");
    }
    let sfu = Sfu::start().await;
    let client = sfu.client();
    let adapter = || Adapter::ingest("ws://127.0.0.1:9/in", "a");
    let created = client.create_adapters([adapter()]).await;
    created.expect("the emulator is on this machine, too").into_result().unwrap();
    for count in [0, 5] {
        let error = client.create_adapters((0..count).map(|_| adapter())).await.unwrap_err();
        assert!(error.to_string().contains("tracks"), "{count}: {error}");
    }
    let error = client.create_adapters([Adapter::ingest("ws://example.com", "")]).await;
    assert!(error.unwrap_err().to_string().contains("tracks[0].trackName"));
    assert_eq!(sfu.calls().len(), 1);
    assert_eq!(client.close_adapters([]).await.unwrap().done, []);
    assert_eq!(sfu.calls().len(), 1);
}

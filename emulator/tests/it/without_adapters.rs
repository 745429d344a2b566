//! Adapters without the feature `adapters`: requests are answered, and no adapter exists.

use cloudflare_calls::adapters::Adapter;
use cloudflare_calls::error::ItemError;
use cloudflare_calls::prelude::*;
use cloudflare_calls::types::ErrorCode;
use cloudflare_calls_emulator::Emulator;

use crate::support::client;

#[tokio::test]
async fn an_adapter_fails_as_the_api_says_it_and_nothing_is_left_of_it() {
    let emulator = Emulator::start().await.unwrap();
    let adapter = Adapter::ingest("ws://127.0.0.1:9/in", "speech");
    let created = client(&emulator).create_adapters([adapter]).await.unwrap();
    assert!(created.done.is_empty());
    let ItemError::Refused { code, .. } = &created.failed[0].error else {
        panic!("{:?}", created.failed);
    };
    assert_eq!(*code, ErrorCode::BackendError);
    let snapshot = emulator.snapshot().await.unwrap();
    assert!(snapshot.sessions.is_empty() && snapshot.adapters.iter().all(|one| !one.is_open));
}

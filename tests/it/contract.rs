//! Contract of stores, on the one in memory.

use std::sync::Arc;

use cloudflare_calls::store::{Memory, contract};

#[tokio::test]
async fn memory_keeps_the_contract() {
    contract::check(Arc::new(Memory::new())).await;
}

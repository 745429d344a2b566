//! A string is no session id, and neither is the id of an app.

use cloudflare_calls::Client;
use cloudflare_calls::types::SessionId;

async fn _read(client: Client, id: SessionId) {
    let _ = client.get_session(client.app_id()).send().await;
}

fn main() {}

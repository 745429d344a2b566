//! A string is no session id, and neither is the id of an app.

use cloudflare_calls::Client;
use cloudflare_calls::types::SessionId;

async fn _read(client: Client, id: SessionId) {
    let _ = client.get_session(&id).send().await;
}

fn main() {}

//! The generated client against the document, scripted servers and misuse.

// A test fails by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod errors;
mod examples;
#[cfg(feature = "codegen")]
mod golden;
mod ids;
mod operations;
mod privacy;
mod sfu;
mod types;

use cloudflare_calls::types::{AppId, SessionId};
use cloudflare_calls::{Client, SecretString};

/// The app of all tests.
const APP: &str = "a1b2c3";
/// Its secret, which must not be seen anywhere.
const SECRET: &str = "s3cret-0f-the-4pp";
/// A session, in the form that the API gives.
const SESSION: &str = "e017a2629c754fedc1f7d8587e06d126";

/// A client of the server at `base_url`.
fn client(base_url: &str) -> Client {
    let app = AppId::new(APP).expect("a safe id");
    Client::builder(app, SecretString::from(SECRET))
        .base_url(base_url)
        .build()
        .expect("valid settings")
}

fn session() -> SessionId {
    SessionId::new(SESSION).expect("a safe id")
}

/// A server that answers each connection with the same bytes and closes it.
/// It ends with the runtime of the test.
async fn raw_server(reply: impl Into<Vec<u8>>) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let reply = reply.into();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 64 * 1024];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(&reply).await;
            let _ = stream.shutdown().await;
        }
    });
    format!("http://{address}")
}

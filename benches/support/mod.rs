//! Shared parts of the benchmarks: the HTTP client, and a minimal server, so that the client's part
//! shows.

use std::sync::Arc;

use cloudflare_calls::types::AppId;
use cloudflare_calls::{CONNECT_TIMEOUT, Client, DEFAULT_TIMEOUT, SecretString, reqwest};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

pub(crate) const SESSION: &str = "e017a2629c754fedc1f7d8587e06d126";
pub(crate) const SDP: &str = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n";

/// Returns a runtime of one thread for client and server. With two, the noise of the system's
/// scheduler would hide the difference.
pub(crate) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Returns the HTTP client of both sides, with the time-outs that a backend needs.
pub(crate) fn http() -> reqwest::Client {
    reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(DEFAULT_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
}

pub(crate) fn client(base: &str, http: &reqwest::Client) -> Client {
    Client::builder(AppId::new("app").unwrap(), SecretString::from("secret"))
        .base_url(base)
        .http_client(http.clone())
        .build()
        .unwrap()
}

/// Returns a reply to `tracks/new` with `count` tracks and an offer of the usual length.
pub(crate) fn tracks_reply(count: usize) -> String {
    let track = |index: usize| {
        json!({ "trackName": format!("1a037563-c35c-4bf6-a9ee-2b474cbb{index:04}"),
            "mid": index.to_string(), "sessionId": SESSION, "location": "remote", "kind": "audio" })
    };
    let tracks: Vec<Value> = (0..count).map(track).collect();
    let sdp = SDP.repeat(20 + 10 * count);
    json!({ "requiresImmediateRenegotiation": true, "tracks": tracks,
        "sessionDescription": { "type": "offer", "sdp": sdp } })
    .to_string()
}

/// Starts the server in the current runtime. Returns its base URL.
///
/// `tracks/new` gets an offer with one track, `tracks/close` a closed mid `0`, other paths get
/// `{}`.
pub(crate) async fn start() -> String {
    start_with(1).await
}

/// Starts the server as [`start`] does, with this many tracks in the offer.
pub(crate) async fn start_with(tracks: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/v1", listener.local_addr().unwrap());
    let replies = Arc::new([
        ("/tracks/new ", with_head(&tracks_reply(tracks))),
        ("/tracks/close ", with_head(r#"{"tracks":[{"mid":"0"}]}"#)),
        ("", with_head("{}")),
    ]);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let replies = Arc::clone(&replies);
            tokio::spawn(async move { serve(stream, &*replies).await });
        }
    });
    base
}

fn with_head(body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

async fn serve(mut stream: TcpStream, replies: &[(&str, Vec<u8>)]) {
    let (mut request, mut length) = (vec![0; 64 * 1024], 0);
    loop {
        match stream.read(&mut request[length..]).await {
            Ok(0) | Err(_) => return,
            Ok(read) => length += read,
        }
        let Some(line) = complete(&request[..length]) else { continue };
        let reply = replies.iter().find(|(path, _)| line.contains(path)).unwrap();
        if stream.write_all(&reply.1).await.is_err() {
            return;
        }
        length = 0;
    }
}

/// Returns the first line of a request that is complete.
fn complete(request: &[u8]) -> Option<&str> {
    let end = request.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&request[..end]).unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.map_or(0, |length| length.parse().unwrap());
    (request.len() == end + 4 + length).then(|| head.lines().next().unwrap())
}

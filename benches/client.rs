//! The generated client against the same work done by hand.
//!
//! `cargo bench --bench client`; compare the two rows of each group.

// A benchmark fails by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::hint::black_box;

use cloudflare_calls::types::*;
use cloudflare_calls::{CONNECT_TIMEOUT, Client, DEFAULT_TIMEOUT, SecretString, reqwest};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const SESSION: &str = "e017a2629c754fedc1f7d8587e06d126";
const SDP: &str = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n";

/// A reply with `count` tracks and an answer of the usual length.
fn reply(count: usize) -> String {
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

/// Answers every request on every connection with the same reply. It does as
/// little as a server can, so that the client's part shows.
async fn serve(listener: tokio::net::TcpListener, body: String) {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let reply = std::sync::Arc::new((head + &body).into_bytes());
    while let Ok((mut stream, _)) = listener.accept().await {
        let reply = std::sync::Arc::clone(&reply);
        tokio::spawn(async move {
            let (mut request, mut length) = (vec![0; 64 * 1024], 0);
            while let Ok(read) = stream.read(&mut request[length..]).await {
                length += read;
                if read == 0 {
                    break;
                }
                // All requests of this benchmark end with this.
                if request[..length].ends_with(b"}]}") {
                    length = 0;
                    if stream.write_all(&reply).await.is_err() {
                        break;
                    }
                }
            }
        });
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HandRequest<'a> {
    tracks: [HandTrack<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HandTrack<'a> {
    location: &'a str,
    session_id: &'a str,
    track_name: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code)]
struct HandReply {
    error_code: Option<String>,
    error_description: Option<String>,
    requires_immediate_renegotiation: Option<bool>,
    session_description: Option<HandDescription>,
    #[serde(default)]
    tracks: Vec<HandResult>,
}

#[derive(Deserialize)]
#[allow(dead_code)]
struct HandDescription {
    r#type: Option<String>,
    sdp: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code)]
struct HandResult {
    track_name: Option<String>,
    mid: Option<String>,
    session_id: Option<String>,
    location: Option<String>,
    kind: Option<String>,
    error_code: Option<String>,
    error_description: Option<String>,
}

fn operation(criterion: &mut Criterion) {
    // One thread for client and server: what the scheduler of the system does
    // with two of them would drown the difference.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let base = format!("http://{}/v1", listener.local_addr().unwrap());
    runtime.spawn(serve(listener, reply(1)));
    let mut group = criterion.benchmark_group("one operation over loopback");
    group.measurement_time(std::time::Duration::from_secs(10));

    // The same HTTP client for both, with the time-outs that a backend needs.
    let http = reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(DEFAULT_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    group.bench_function("by hand with reqwest and serde_json", |bencher| {
        bencher.to_async(&runtime).iter(|| async {
            let body = HandRequest {
                tracks: [HandTrack { location: "remote", session_id: SESSION, track_name: "mic" }],
            };
            let reply = http
                .post(format!("{base}/apps/app/sessions/{SESSION}/tracks/new"))
                .bearer_auth("secret")
                .header("content-type", "application/json")
                .body(serde_json::to_vec(&body).unwrap())
                .send()
                .await
                .unwrap();
            let bytes = reply.bytes().await.unwrap();
            serde_json::from_slice::<HandReply>(&bytes).unwrap()
        });
    });

    let client = Client::builder(AppId::new("app").unwrap(), SecretString::from("secret"))
        .base_url(&base)
        .http_client(http.clone())
        .build()
        .unwrap();
    let session = SessionId::new(SESSION).unwrap();
    group.bench_function("through the client", |bencher| {
        bencher.to_async(&runtime).iter(|| async {
            let track = Track::new()
                .location(TrackLocation::Remote)
                .session_id(session.clone())
                .track_name("mic");
            let body = TracksRequest::new().tracks([track]);
            client.new_tracks(&session, &body).send().await.unwrap()
        });
    });
    group.finish();
}

fn decoding(criterion: &mut Criterion) {
    let bytes = reply(64).into_bytes();
    let mut group = criterion.benchmark_group("decoding a reply with 64 tracks");
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("by hand", |bencher| {
        bencher.iter(|| serde_json::from_slice::<HandReply>(black_box(&bytes)).unwrap());
    });
    group.bench_function("generated types", |bencher| {
        bencher.iter(|| serde_json::from_slice::<TracksResponse>(black_box(&bytes)).unwrap());
    });
    group.finish();
}

criterion_group!(benches, operation, decoding);
criterion_main!(benches);

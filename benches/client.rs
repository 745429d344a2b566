//! Generated client against the same work by hand.
//!
//! `cargo bench --bench client`; compare the two rows of each group.

// A benchmark fails by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::hint::black_box;

use cloudflare_calls::types::*;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde::{Deserialize, Serialize};

#[allow(dead_code)] // Each benchmark uses a part.
mod support;

use support::{SESSION, client, http, runtime, tracks_reply};

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
    let runtime = runtime();
    let base = runtime.block_on(support::start());
    let mut group = criterion.benchmark_group("one operation over loopback");
    group.measurement_time(std::time::Duration::from_secs(10));

    let http = http();
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

    let client = client(&base, &http);
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
    let bytes = tracks_reply(64).into_bytes();
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

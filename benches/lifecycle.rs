//! Steps of the lifecycle through the extension traits against the same
//! requests by hand, and many sessions at once.
//!
//! `cargo bench --bench lifecycle`; compare the two rows of each group.

// A benchmark fails by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use cloudflare_calls::session::Negotiation;
use cloudflare_calls::tracks::RemoteTrack;
use cloudflare_calls::types::{CloseTracksRequest, SessionId};
use cloudflare_calls::{Answer, Mid, Session, prelude::*, reqwest};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use futures_util::future::join_all;
use serde::Deserialize;
use serde_json::json;

#[allow(dead_code)] // Each benchmark uses a part.
mod support;

use support::{SDP, SESSION, client, http, runtime};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HandReply {
    requires_immediate_renegotiation: bool,
    session_description: HandDescription,
    tracks: Vec<HandTrack>,
}

#[derive(Deserialize)]
struct HandDescription {
    sdp: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HandTrack {
    mid: String,
    error_code: Option<String>,
}

async fn send_by_hand(request: reqwest::RequestBuilder, body: serde_json::Value) -> Vec<u8> {
    let reply = request
        .bearer_auth("secret")
        .header("content-type", "application/json")
        .body(serde_json::to_vec(&body).unwrap())
        .send()
        .await
        .unwrap();
    reply.error_for_status().unwrap().bytes().await.unwrap().to_vec()
}

/// Measures "Remote client joins": the SFU's offer, and the answer to it.
fn subscribe(criterion: &mut Criterion) {
    let runtime = runtime();
    let base = runtime.block_on(support::start());
    let http = http();
    let mut group = criterion.benchmark_group("subscribe and answer");
    group.measurement_time(std::time::Duration::from_secs(10));

    let name = "1a037563-c35c-4bf6-a9ee-2b474cbb0000";
    group.bench_function("by hand with reqwest and serde_json", |bencher| {
        bencher.to_async(&runtime).iter(|| async {
            let path = format!("{base}/apps/app/sessions/{SESSION}");
            let body = json!({ "tracks": [
                { "location": "remote", "sessionId": SESSION, "trackName": name }] });
            let reply = send_by_hand(http.post(format!("{path}/tracks/new")), body).await;
            let reply: HandReply = serde_json::from_slice(&reply).unwrap();
            assert!(reply.requires_immediate_renegotiation);
            assert!(!reply.session_description.sdp.is_empty());
            let failed = |track: &&HandTrack| track.error_code.is_some() || track.mid.is_empty();
            assert_eq!(reply.tracks.iter().filter(failed).count(), 0);
            let answer = json!({ "sessionDescription": { "type": "answer", "sdp": SDP } });
            send_by_hand(http.put(format!("{path}/renegotiate")), answer).await;
            reply.tracks.into_iter().map(|track| track.mid).collect::<Vec<_>>()
        });
    });

    let client = client(&base, &http);
    let publisher = SessionId::new(SESSION).unwrap();
    let session = runtime.block_on(client.adopt(publisher.clone()).send()).unwrap();
    group.bench_function("through the traits", |bencher| {
        bencher.to_async(&runtime).iter(|| async {
            let track = RemoteTrack::new(publisher.clone(), name);
            let Negotiation::Offer(pending) = session.subscribe([track]).await.unwrap() else {
                panic!("no offer");
            };
            let subscribed = pending.answer(Answer::new(SDP).unwrap()).await.unwrap();
            subscribed.into_result().unwrap()
        });
    });
    group.finish();
}

/// Measures one change on each of many sessions at once. If turns of different sessions delayed
/// each other, the throughput would fall with their number more than it does by hand, where there
/// are no turns.
fn sessions(criterion: &mut Criterion) {
    let runtime = runtime();
    let base = runtime.block_on(support::start());
    let http = http();
    let client = client(&base, &http);
    let mut group = criterion.benchmark_group("a change on each of many sessions");
    group.sample_size(20).measurement_time(std::time::Duration::from_secs(10));
    for count in [1, 10, 100, 1_000] {
        group.throughput(Throughput::Elements(count));
        let ids: Vec<SessionId> =
            (0..count).map(|number| SessionId::new(format!("{number:032x}")).unwrap()).collect();
        group.bench_with_input(BenchmarkId::new("by hand", count), &ids, |bencher, ids| {
            bencher.to_async(&runtime).iter(|| {
                join_all(ids.iter().map(|id| {
                    let url = format!("{base}/apps/app/sessions/{id}/tracks/close");
                    let http = &http;
                    async move {
                        let body = json!({ "force": true, "tracks": [{ "mid": "0" }] });
                        let reply = send_by_hand(http.put(url), body).await;
                        let reply: serde_json::Value = serde_json::from_slice(&reply).unwrap();
                        assert_eq!(reply["tracks"][0]["mid"], "0");
                    }
                }))
            });
        });
        let request = CloseTracksRequest::forced(["0"]);
        group.bench_with_input(
            BenchmarkId::new("through the generated client", count),
            &ids,
            |bencher, ids| {
                bencher.to_async(&runtime).iter(|| {
                    join_all(ids.iter().map(|id| async {
                        let reply = client.close_tracks(id, &request).send().await.unwrap();
                        assert_eq!(reply.tracks[0].mid, "0");
                    }))
                });
            },
        );
        let adopt = |id: &SessionId| runtime.block_on(client.adopt(id.clone()).send()).unwrap();
        let sessions: Vec<Session> = ids.iter().map(adopt).collect();
        group.bench_with_input(
            BenchmarkId::new("through the traits", count),
            &sessions,
            |bencher, sessions| {
                bencher.to_async(&runtime).iter(|| {
                    join_all(sessions.iter().map(|session| async {
                        let closed = session.close([Mid::new("0").unwrap()]).await.unwrap();
                        closed.into_result().unwrap();
                    }))
                });
            },
        );
    }
    group.finish();
}

criterion_group!(benches, subscribe, sessions);
criterion_main!(benches);

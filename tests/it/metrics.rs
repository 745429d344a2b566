//! Counters, as a recorder gets them.

use std::collections::BTreeMap;

use cloudflare_calls::prelude::*;
use cloudflare_calls::session::Negotiation;
use cloudflare_calls::tracks::RemoteTrack;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};

use super::sfu::{Fault, Operation, Sfu, fail_items, not_ready};
use super::{answer, join, mids, publish};

async fn a_lifecycle() {
    let sfu = Sfu::start().await;
    let publisher = join(&sfu).await;
    publish(&publisher, &["a", "b"]).await;
    let session = join(&sfu).await;
    sfu.fault(Operation::NewTracks, not_ready());
    sfu.fault(Operation::NewTracks, fail_items("not_found_track_error", [0, 1]));
    sfu.fault(Operation::NewTracks, fail_items("a_code_of_next_year", [1]));
    let tracks = ["a", "b"].map(|name| RemoteTrack::new(publisher.id().clone(), name));
    let Negotiation::Offer(pending) = session.subscribe(tracks).await.unwrap() else {
        panic!("an offer");
    };
    assert_eq!(pending.answer(answer()).await.unwrap().failed.len(), 1);
    let a = [RemoteTrack::new(publisher.id().clone(), "a")];
    let b = [RemoteTrack::new(publisher.id().clone(), "b")];
    drop(session.subscribe(b).await.unwrap());
    session.subscribe(a).await.expect_err("the session is unfinished");
    sfu.fault(Operation::CloseTracks, Fault::refuse(406, "invalid_params"));
    publisher.close(mids(&["0"])).await.expect_err("it is refused");
    assert!(publisher.leave().await.unwrap().is_complete());
}

#[test]
fn every_counter_of_the_table_counts() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(&recorder, || runtime.block_on(a_lifecycle()));
    let mut counted = BTreeMap::new();
    let mut waits = 0;
    for (key, _, _, value) in snapshotter.snapshot().into_vec() {
        let key = key.key();
        let labels: Vec<&str> = key.labels().map(|label| label.value()).collect();
        match value {
            DebugValue::Counter(count) => {
                counted.insert(format!("{} {}", key.name(), labels.join(" ")), count);
            }
            DebugValue::Histogram(values) => {
                assert_eq!(key.name(), "calls_turn_wait_seconds");
                waits += values.len();
            }
            other => panic!("{other:?}"),
        }
    }
    let expected = [
        ("calls_answers_total ", 1),
        ("calls_failed_items_total subscribe other", 1),
        ("calls_failures_total close close_tracks reply invalid_params", 1),
        ("calls_failures_total subscribe none turn none", 1),
        ("calls_repeats_total subscribe", 2),
        ("calls_sessions_total joined", 2),
        ("calls_sessions_total left", 1),
        ("calls_steps_total answer", 1),
        ("calls_steps_total close", 1),
        ("calls_steps_total join", 2),
        ("calls_steps_total leave", 1),
        ("calls_steps_total publish", 1),
        ("calls_steps_total subscribe", 3),
        ("calls_unfinished_total answer_dropped", 1),
    ];
    let expected: BTreeMap<String, u64> =
        expected.into_iter().map(|(name, count)| (name.to_owned(), count)).collect();
    assert_eq!(counted, expected);
    assert_eq!(waits, 6, "one for each turn that was taken");
}

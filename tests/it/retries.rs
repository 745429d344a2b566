//! Rules of the table of repetitions.

use std::time::{Duration, Instant};

use cloudflare_calls::session::Negotiation;
use cloudflare_calls::tracks::{LocalTrack, RemoteTrack};
use cloudflare_calls::types::SessionId;
use cloudflare_calls::{Error, RetryPolicy, Session, prelude::*};

use super::sfu::{Fault, Matcher, Operation, Sfu, fail_items, not_ready, reply, reply_after};
use super::{SESSION, answer, client, join, mid, mids, offer, publish, quick};

/// Column of the table.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Read,
    Close,
    Change,
    Creation,
}

use Kind::*;

impl Kind {
    fn operation(self) -> Operation {
        match self {
            Read => Operation::GetSession,
            Close => Operation::CloseTracks,
            Change => Operation::NewTracks,
            Creation => Operation::NewSession,
        }
    }

    async fn call(self, sfu: &Sfu, session: &Session) -> Result<(), Error> {
        match self {
            Read => session.state().await.map(drop),
            Close => session.close(mids(&["0"])).await?.into_result().map(drop),
            Change => {
                let track = LocalTrack::new(mid("1"), "new");
                session.publish(offer(&["0", "1"]), [track]).await?.outcome.into_result().map(drop)
            }
            Creation => sfu.client().join().retry(quick()).send().await.map(drop),
        }
    }
}

/// Returns the number of requests of a kind when the fault comes `faults` times.
async fn tries(kind: Kind, fault: Fault, faults: usize) -> (usize, Result<(), Error>) {
    let sfu = Sfu::start().await;
    let session = join(&sfu).await;
    publish(&session, &["mic"]).await;
    let before = sfu.count(kind.operation());
    sfu.fault(Matcher::from(kind.operation()).times(faults), fault);
    let result = kind.call(&sfu, &session).await;
    assert_eq!(sfu.violations().await, [], "{kind:?}");
    (sfu.count(kind.operation()) - before, result)
}

/// Checks that the kinds in `again` repeat the request after the fault, and the others do not.
async fn assert_row(fault: Fault, again: &[Kind]) {
    for kind in [Read, Close, Change, Creation] {
        let (count, result) = tries(kind, fault.clone(), 2).await;
        match again.contains(&kind) {
            true => {
                assert_eq!(count, 3, "{kind:?} {fault:?}: two failures and a success");
                result.unwrap_or_else(|error| panic!("{kind:?} {fault:?}: {error}"));
                let (count, result) = tries(kind, fault.clone(), usize::MAX).await;
                assert_eq!(count, 4, "{kind:?} {fault:?}: not for ever");
                assert!(result.unwrap_err().is_retryable(), "{kind:?} {fault:?}");
            }
            false => {
                assert_eq!(count, 1, "{kind:?} {fault:?}");
                // A close of a missing track has succeeded.
                if let Err(error) = result {
                    assert!(!error.is_retryable(), "{kind:?} {fault:?}: {error}");
                }
            }
        }
    }
}

#[tokio::test]
async fn no_connection_was_made_so_all_are_tried_again() {
    // The port has no listener. A client cannot count its connections there, so the test measures
    // time.
    let nobody = client("http://127.0.0.1:1");
    let wait = Duration::from_millis(20);
    let policy = RetryPolicy::default().attempts(3).delays(wait, wait);
    let started = Instant::now();
    let error = nobody.join().retry(policy.clone()).send().await.unwrap_err();
    assert!(started.elapsed() >= 2 * wait, "two waits between three tries");
    assert!(error.is_retryable() && !error.outcome_unknown(), "{error}");
    let id = SessionId::new(SESSION).unwrap();
    let started = Instant::now();
    let error = nobody.adopt(id).retry(policy).send().await.unwrap_err();
    assert!(started.elapsed() >= 2 * wait && error.is_retryable());

    // A change and a close, on a session whose API goes away.
    let sfu = Sfu::start().await;
    let policy = RetryPolicy::default().attempts(3).delays(wait, wait);
    let session = sfu.client().join().retry(policy).send().await.unwrap();
    drop(sfu);
    // The old connection is closed first, which is no refusal to connect.
    let _ = session.state().await;
    let started = Instant::now();
    let error = session.publish_all(offer(&["0"])).await.unwrap_err();
    assert!(started.elapsed() >= 2 * wait, "{error}");
    assert!(error.is_retryable() && !error.outcome_unknown(), "{error}");
    let error = session.close(mids(&["0"])).await.unwrap_err();
    assert!(error.is_retryable() && !error.outcome_unknown(), "{error}");
}

#[tokio::test]
async fn a_lost_reply_is_made_good_by_reads_and_closes_only() {
    assert_row(Fault::DropRequest, &[Read, Close]).await;
    assert_row(Fault::DropReply, &[Read, Close]).await;
}

#[tokio::test]
async fn too_many_requests_are_tried_again_by_all() {
    let page = reply(429, "slow down");
    assert_row(page, &[Read, Close, Change, Creation]).await;
}

#[tokio::test]
async fn a_session_that_is_not_connected_yet_is_waited_for() {
    let (count, result) = tries(Change, not_ready(), 3).await;
    result.unwrap();
    assert_eq!(count, 4, "425, 425, 425, 200");
    for kind in [Read, Close] {
        let (count, result) = tries(kind, not_ready(), usize::MAX).await;
        assert_eq!(count, 4, "{kind:?}");
        assert!(result.unwrap_err().is_not_connected());
    }
}

#[tokio::test]
async fn codes_that_the_api_calls_retryable_are_tried_again_by_all() {
    let codes = [
        "retryable_transient_error",
        "temporarily_unavailable_error",
        "transport_unavailable_error",
    ];
    for code in codes {
        assert_row(Fault::refuse(503, code), &[Read, Close, Change, Creation]).await;
    }
}

#[tokio::test]
async fn other_faults_of_the_service_are_made_good_by_reads_and_closes_only() {
    let page = reply(502, "<html>");
    for fault in [page, Fault::refuse(500, "internal_error"), Fault::refuse(500, "backend_error")] {
        assert_row(fault, &[Read, Close]).await;
    }
}

#[tokio::test]
async fn a_session_that_is_gone_is_never_asked_again() {
    assert_row(Fault::refuse(410, "session_error"), &[]).await;
}

#[tokio::test]
async fn a_wrong_request_and_a_reply_that_is_not_understood_are_never_repeated() {
    assert_row(Fault::refuse(406, "invalid_params"), &[]).await;
    assert_row(Fault::refuse(400, "decoding_error"), &[]).await;
    let reply = reply_after(200, "{");
    assert_row(reply, &[]).await;
}

#[tokio::test]
async fn only_the_missing_tracks_are_asked_for_again() {
    let sfu = Sfu::start().await;
    let publisher = join(&sfu).await;
    // Subscriptions on the subscriber's own transceivers need no offer, so
    // that some succeed before others are asked for again.
    let session = join(&sfu).await;
    publish(&publisher, &["a", "b"]).await;
    publish(&session, &["x", "y"]).await;
    sfu.fault(Operation::NewTracks, fail_items("empty_track_error", [1]));
    let kind = cloudflare_calls::types::TrackKind::Audio;
    let track = |name: &str, on: &str| {
        RemoteTrack::new(publisher.id().clone(), name).on_transceiver_of(on, kind.clone())
    };
    let Negotiation::Done(subscribed) =
        session.subscribe([track("a", "x"), track("b", "y")]).await.unwrap()
    else {
        panic!("nothing to answer");
    };
    assert_eq!(subscribed.into_result().unwrap().len(), 2, "the first is kept");
    let asked: Vec<usize> = sfu
        .calls()
        .iter()
        .filter(|call| call.session.as_deref() == Some(session.id().as_str()))
        .filter(|call| call.json()["tracks"][0]["location"] == "remote")
        .map(|call| call.json()["tracks"].as_array().unwrap().len())
        .collect();
    assert_eq!(asked, [2, 1]);
}

#[tokio::test]
async fn a_track_that_is_published_in_time_is_found() {
    let sfu = Sfu::start().await;
    let publisher = join(&sfu).await;
    let session = join(&sfu).await;
    let fault = fail_items("not_found_track_error", [0]);
    sfu.fault(Matcher::from(Operation::NewTracks).session(session.id()).times(2), fault);
    publish(&publisher, &["mic"]).await;
    let track = RemoteTrack::new(publisher.id().clone(), "mic");
    let Negotiation::Offer(pending) = session.subscribe([track]).await.unwrap() else {
        panic!("the third try has an offer");
    };
    pending.answer(answer()).await.unwrap().into_result().unwrap();
    assert_eq!(sfu.count(Operation::NewTracks), 4);
}

#[tokio::test]
async fn tracks_that_fail_next_to_an_offer_are_kept_for_after_the_answer() {
    let sfu = Sfu::start().await;
    let publisher = join(&sfu).await;
    publish(&publisher, &["a", "b"]).await;
    let session = join(&sfu).await;
    sfu.fault(Operation::NewTracks, fail_items("empty_track_error", [1]));
    let tracks = ["a", "b"].map(|name| RemoteTrack::new(publisher.id().clone(), name));
    let Negotiation::Offer(pending) = session.subscribe(tracks).await.unwrap() else {
        panic!("an offer");
    };
    assert_eq!(sfu.count(Operation::NewTracks), 2, "no other request while the offer is open");
    let subscribed = pending.answer(answer()).await.unwrap();
    let again = subscribed.retryable();
    assert_eq!(again, [RemoteTrack::new(publisher.id().clone(), "b")]);
    assert!(matches!(session.subscribe(again).await.unwrap(), Negotiation::Offer(_)));
}

#[tokio::test]
async fn retry_after_is_waited_for_and_one_beyond_the_budget_is_not() {
    let limited = |seconds: &str| Fault::Reply {
        status: 429,
        headers: [("retry-after".into(), seconds.into())].into(),
        body: "".into(),
    };
    let sfu = Sfu::start().await;
    let session = join(&sfu).await;
    sfu.fault(Operation::GetSession, limited("1"));
    let started = Instant::now();
    session.state().await.unwrap();
    assert!(started.elapsed() >= Duration::from_secs(1));
    assert_eq!(sfu.count(Operation::GetSession), 2);

    sfu.fault(Operation::GetSession, limited("3600"));
    let error = session.state().await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(3600)));
    assert!(error.is_retryable(), "but not now");
    assert_eq!(sfu.count(Operation::GetSession), 3);
}

#[tokio::test]
async fn a_policy_can_forbid_all_repetitions() {
    let sfu = Sfu::start().await;
    let session = sfu.client().join().retry(RetryPolicy::never()).send().await.unwrap();
    sfu.fault(Operation::GetSession, Fault::refuse(503, "retryable_transient_error"));
    assert!(session.state().await.unwrap_err().is_retryable());
    assert_eq!(sfu.count(Operation::GetSession), 1);
}

#[tokio::test]
async fn no_try_begins_after_the_budget() {
    let sfu = Sfu::start().await;
    let wait = Duration::from_secs(60);
    let policy = RetryPolicy::default().delays(wait, wait).budget(Duration::from_secs(5));
    let session = sfu.client().join().retry(policy).send().await.unwrap();
    sfu.fault(Operation::GetSession, not_ready());
    let started = Instant::now();
    assert!(session.state().await.unwrap_err().is_not_connected());
    assert!(started.elapsed() < Duration::from_secs(30), "it is not waited for in vain");
    assert_eq!(sfu.count(Operation::GetSession), 1);
}

#[tokio::test]
async fn settings_without_sense_are_harmless() {
    let sfu = Sfu::start().await;
    let policy = RetryPolicy::default()
        .attempts(0)
        .delays(Duration::MAX, Duration::ZERO)
        .budget(Duration::MAX);
    let session = sfu.client().join().retry(policy).send().await.unwrap();
    sfu.fault(Operation::GetSession, not_ready());
    assert!(session.state().await.is_err());
    assert_eq!(sfu.count(Operation::GetSession), 1);
}

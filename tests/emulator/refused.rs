//! Replies that are not the API's, and replies that ask to wait.

use std::time::{Duration, Instant};

use cloudflare_calls::error::Stage;
use cloudflare_calls::session::{Status, Unfinished, Unusable};
use cloudflare_calls::types::ErrorCode;
use cloudflare_calls::{Answer, prelude::*};
use cloudflare_calls_emulator::agent::Source;
use cloudflare_calls_emulator::faults::Fault;
use cloudflare_calls_emulator::rules::Operation;

use super::room::Room;

#[tokio::test]
async fn the_page_of_an_edge_is_no_reply_of_the_api() {
    let room = Room::start().await;
    let alice = room.join(&[(Source::Audio, "mic"), (Source::Video, "camera")]).await;
    let bob = room.enter().await;
    let pulled = bob.pull(&alice, &["mic", "camera"]).await;
    room.fault(&bob.session, Operation::CloseTracks, Fault::Html { status: 503 });
    let closed = bob.session.close([pulled[1].clone()]).await.unwrap();
    assert_eq!(closed.done, [pulled[1].clone()], "tried again");
    bob.hears_nothing(&pulled[1], &pulled[0]).await;

    room.fault(&bob.session, Operation::NewTracks, Fault::Html { status: 503 });
    let error = bob.session.subscribe([alice.track("camera")]).await.unwrap_err();
    assert!(error.outcome_unknown() && !error.is_retryable(), "{error}");
    assert_eq!((error.stage(), error.code()), (Stage::Reply, None));
    assert!(error.to_string().contains("HTML page \"Error\""), "{error}");
    assert_eq!(error.status().unwrap().as_u16(), 503);
    let reason = Unusable::Unfinished(Unfinished::ReplyLost);
    assert_eq!(bob.session.status(), Status::Unusable(reason));
    bob.hears(&pulled[0], &alice, "mic").await;
    let departure = bob.session.leave().await.unwrap();
    assert!(departure.was_inspected && departure.is_complete(), "{departure:?}");
}

#[tokio::test]
async fn a_reply_that_ends_in_its_middle_leaves_the_outcome_unknown() {
    let room = Room::start().await;
    let alice = room.join(&[(Source::Audio, "mic"), (Source::Audio, "music")]).await;
    room.fault(&alice.session, Operation::NewTracks, Fault::Truncate);
    let (offer, local) = alice.offer(&[(Source::Video, "camera")]).await;
    let error = alice.session.publish(offer, local).await.unwrap_err();
    assert!(error.outcome_unknown() && !error.is_retryable(), "{error}");
    assert_eq!(error.stage(), Stage::Reply);
    assert_eq!(room.open_mids(&alice.session).await.len(), 3, "it was made");
    let departure = alice.session.leave().await.unwrap();
    assert!(departure.is_complete(), "{departure:?}");
    assert_eq!(departure.tracks.done.len(), 3);
    assert!(room.open_mids(&alice.session).await.is_empty());
}

#[tokio::test]
async fn too_many_requests_are_waited_out_for_as_long_as_the_reply_says() {
    let room = Room::start().await;
    let alice = room.join(&[(Source::Audio, "mic")]).await;
    let bob = room.enter().await;
    let headers = [("retry-after".to_owned(), "1".to_owned())].into();
    let body = serde_json::Value::Null;
    room.fault(&bob.session, Operation::NewTracks, Fault::Reply { status: 429, headers, body });
    let started = Instant::now();
    let pulled = bob.pull(&alice, &["mic"]).await;
    assert!(started.elapsed() >= Duration::from_secs(1));
    bob.hears(&pulled[0], &alice, "mic").await;
}

#[tokio::test]
async fn an_answer_that_the_sfu_refuses_makes_the_session_unusable() {
    let room = Room::start().await;
    let alice = room.join(&[(Source::Audio, "mic")]).await;
    let bob = room.enter().await;
    let pending = bob.offered(alice.track("mic")).await;
    let error = pending.answer(Answer::new("v=0\r\n").unwrap()).await.unwrap_err();
    assert_eq!(error.code(), Some(&ErrorCode::InvalidSessionDescription));
    let reason = Unusable::Unfinished(Unfinished::AnswerRefused);
    assert_eq!(bob.session.status(), Status::Unusable(reason));
    assert!(bob.session.subscribe([alice.track("mic")]).await.is_err());
    let departure = bob.session.leave().await.unwrap();
    assert_eq!(departure.tracks.failed.len(), 1, "the SFU takes no close: {departure:?}");
}

#[tokio::test]
async fn a_client_with_another_secret_is_refused() {
    let room = Room::start().await;
    let id = cloudflare_calls::types::AppId::new(room.emulator.apps()[0].id()).unwrap();
    let secret = cloudflare_calls::SecretString::from("another secret");
    let client = cloudflare_calls::Client::builder(id, secret)
        .base_url(room.emulator.base_url())
        .build()
        .unwrap();
    let error = client.join().send().await.unwrap_err();
    assert_eq!(error.code(), Some(&ErrorCode::Unauthorized));
    assert!(!error.is_retryable() && !error.outcome_unknown());
    assert_eq!(room.snapshot().await.sessions, []);
}

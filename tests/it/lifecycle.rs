//! Items that fail or are left out, which the API does not do by itself.

use cloudflare_calls::error::ItemError;
use cloudflare_calls::prelude::*;
use cloudflare_calls::session::{Negotiation, Status};
use cloudflare_calls::tracks::{LocalTrack, RemoteTrack};
use cloudflare_calls::types::{ErrorCode, TrackKind};

use super::sfu::{Fault, Operation, Sfu, fail_items, omit_item};
use super::{join, mid, mids, offer, publish, pull};

#[tokio::test]
async fn join_sends_its_options() {
    use wiremock::matchers::{method, path, query_param};
    let server = wiremock::MockServer::start().await;
    let created = wiremock::ResponseTemplate::new(201)
        .set_body_json(serde_json::json!({ "sessionId": super::SESSION }));
    wiremock::Mock::given(method("POST"))
        .and(path(format!("/apps/{}/sessions/new", super::APP)))
        .and(query_param("correlationId", "room 7"))
        .and(query_param("thirdparty", "true"))
        .respond_with(created)
        .expect(1)
        .mount(&server)
        .await;
    let client = super::client(&server.uri());
    let session = client.join().correlation_id("room 7").third_party().send().await.unwrap();
    assert_eq!(*session.id(), super::session());
    assert_eq!(session.status(), Status::Ready);
}

#[tokio::test]
async fn a_bidirectional_local_track_says_so_with_its_kind() {
    let sfu = Sfu::start().await;
    let session = join(&sfu).await;
    let track = LocalTrack::new(mid("0"), "mic").bidirectional(TrackKind::Audio);
    session.publish(offer(&["0"]), [track]).await.unwrap().outcome.into_result().unwrap();
    let body = &sfu.calls()[1].json()["tracks"][0];
    assert_eq!(
        (body["bidirectionalMediaStream"].as_bool(), body["kind"].as_str()),
        (Some(true), Some("audio"))
    );
}

#[tokio::test]
async fn an_item_that_the_reply_leaves_out_is_not_taken_for_a_success() {
    let sfu = Sfu::start().await;
    let publisher = join(&sfu).await;
    publish(&publisher, &["mic", "camera"]).await;
    let session = join(&sfu).await;
    sfu.fault(Operation::NewTracks, omit_item(0));
    let subscribed = pull(&session, &publisher, &["mic", "camera"]).await;
    assert_eq!(subscribed.done.len(), 1);
    assert_eq!(subscribed.failed[0].error, ItemError::Unreported);
    assert_eq!(session.uncertain()[0].names, ["mic"]);
    // The track exists, and leaving finds it.
    let departure = session.leave().await.unwrap();
    assert!(departure.was_inspected && departure.is_complete(), "{departure:?}");
    assert_eq!(departure.tracks.done.len(), 2);
    assert!(sfu.open_tracks(session.id()).await.is_empty());
}

#[tokio::test]
async fn a_subscription_that_nobody_asked_for_is_known_to_be_open() {
    use wiremock::matchers::method;
    let server = wiremock::MockServer::start().await;
    let reply = |status: u16, body: serde_json::Value| {
        wiremock::ResponseTemplate::new(status).set_body_json(body)
    };
    // An empty code is no error.
    let tracks = serde_json::json!({ "tracks": [
        { "trackName": "mic", "mid": "0" },
        { "trackName": "camera", "mid": "1", "errorCode": "" },
        { "trackName": "screen", "mid": "2", "errorCode": "not_found_track_error" },
    ] });
    let state = reply(200, serde_json::json!({ "tracks": [] }));
    wiremock::Mock::given(method("GET")).respond_with(state).mount(&server).await;
    wiremock::Mock::given(method("POST")).respond_with(reply(200, tracks)).mount(&server).await;
    let session = super::client(&server.uri()).adopt(super::session()).send().await.unwrap();
    let wanted = [RemoteTrack::new(super::session(), "mic")];
    let Negotiation::Done(subscribed) = session.subscribe(wanted).await.unwrap() else {
        panic!("nothing is to be negotiated");
    };
    assert_eq!((subscribed.done.len(), subscribed.failed.len()), (1, 0));
    assert_eq!(session.mids(), [mid("0"), mid("1")]);
}

#[tokio::test]
async fn close_tells_closed_failed_and_unreported_apart() {
    let sfu = Sfu::start().await;
    let session = join(&sfu).await;
    publish(&session, &["a", "b", "c", "d"]).await;
    session.close(mids(&["0"])).await.unwrap().into_result().unwrap();
    sfu.fault(Operation::CloseTracks, vec![fail_items("internal_error", [2]), omit_item(3)]);
    let closed = session.close(mids(&["0", "1", "2", "3", "1"])).await.unwrap();
    assert_eq!(closed.done, mids(&["0", "1"]), "close_track_error is as good as closed");
    assert_eq!(closed.failed[0].error.code(), Some(&ErrorCode::InternalError));
    assert_eq!(closed.failed[1].error, ItemError::Unreported);
    assert_eq!(
        closed.failed.iter().map(|failed| failed.item.clone()).collect::<Vec<_>>(),
        mids(&["2", "3"])
    );
    assert_eq!(session.mids(), mids(&["2", "3"]), "both are kept for another try");
    assert_eq!(closed.into_result().unwrap_err().items().len(), 2);

    let departure = session.leave().await.unwrap();
    assert!(departure.is_complete(), "{departure:?}");
    assert!(sfu.all_open_tracks().await.is_empty());
}

#[tokio::test]
async fn forced_closes_over_64_are_split() {
    let sfu = Sfu::start().await;
    let session = join(&sfu).await;
    let names: Vec<String> = (0..64).map(|index| format!("t{index}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    publish(&session, &names).await;
    let publisher = join(&sfu).await;
    publish(&publisher, &names).await;
    pull(&session, &publisher, &names).await.into_result().unwrap();
    sfu.fault(Operation::CloseTracks, Fault::refuse(406, "invalid_params"));
    let departure = session.leave().await.unwrap();
    assert_eq!(departure.tracks.failed.len(), 64, "the refused batch is reported");
    assert_eq!(departure.tracks.done.len(), 64, "the other one is closed");
    assert!(departure.error().is_some() && !departure.is_complete());
    let open: Vec<_> = departure.tracks.failed.iter().map(|open| open.item.to_string()).collect();
    assert_eq!(sfu.open_tracks(session.id()).await, open.into_iter().collect());
    let departure = session.leave().await.unwrap();
    assert!(departure.is_complete(), "{departure:?}");
    let batches: Vec<usize> = sfu
        .calls()
        .iter()
        .filter(|call| call.operation == Operation::CloseTracks)
        .map(|call| call.json()["tracks"].as_array().unwrap().len())
        .collect();
    assert_eq!(batches, [64, 64, 64]);
}

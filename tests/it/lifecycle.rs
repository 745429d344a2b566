//! Each arrow of the sequence diagram, and what becomes of single items.

use cloudflare_calls::types::{ErrorCode, SessionResourceStatus, Simulcast, TrackKind};
use cloudflare_calls::{
    Error, ItemError, LocalTrack, Negotiation, OfferedTrack, Origin, RemoteTrack, Stage, Status,
    TrackUpdate, Unfinished, Unusable, prelude::*,
};

use super::sfu::{Fault, Location, Matcher, Operation, Sfu};
use super::{answer, join, mid, mids, offer, publish, pull};

#[tokio::test]
async fn the_whole_diagram_leaves_nothing_open() {
    let sfu = Sfu::start().await;
    let alice = join(&sfu).await;
    let bob = join(&sfu).await;
    publish(&alice, &["mic"]).await;
    publish(&bob, &["mic", "camera"]).await;

    let subscribed = pull(&alice, &bob, &["mic", "camera"]).await;
    assert_eq!(subscribed.failed, []);
    let names: Vec<&str> = subscribed.tracks.iter().map(|track| track.name.as_str()).collect();
    assert_eq!(names, ["mic", "camera"]);
    assert_eq!(alice.status(), Status::Ready);
    assert_eq!(sfu.open_tracks(alice.id()).len(), 3);

    let departure = bob.leave().await.unwrap();
    assert!(departure.is_complete(), "{departure:?}");
    assert_eq!(departure.closed, mids(&["0", "1"]));
    let closed = alice.close(subscribed.tracks.into_iter().map(|track| track.mid)).await.unwrap();
    assert_eq!((closed.closed.len(), closed.gone.len(), closed.failed.len()), (2, 0, 0));

    let departure = alice.leave().await.unwrap();
    assert!(departure.is_complete(), "{departure:?}");
    assert_eq!(departure.closed, mids(&["0"]));
    assert!(sfu.all_open_tracks().is_empty());
    assert_eq!(sfu.violations(), [""; 0]);
    let operations: Vec<Operation> = sfu.calls().iter().map(|call| call.operation).collect();
    use Operation::*;
    assert_eq!(
        operations,
        [
            NewSession,
            NewSession,
            NewTracks,
            NewTracks,
            NewTracks,
            Renegotiate,
            CloseTracks,
            CloseTracks,
            CloseTracks
        ]
    );
}

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
async fn publish_gives_the_answer_and_sorts_what_failed() {
    let sfu = Sfu::start().await;
    let session = join(&sfu).await;
    sfu.fault(Operation::NewTracks, Fault::fail_items("internal_error", [0]));
    let tracks = [LocalTrack::new(mid("0"), "mic"), LocalTrack::new(mid("1"), "camera")];
    let published = session.publish(offer(&["0", "1"]), tracks).await.unwrap();
    assert!(published.answer.sdp().starts_with("v=0"));
    assert_eq!(published.tracks.len(), 1);
    assert_eq!(published.tracks[0].name, "camera");
    assert_eq!(published.tracks[0].mid, mid("1"));
    assert_eq!(published.tracks[0].session, *session.id());
    assert_eq!(published.failed.len(), 1);
    assert_eq!(published.failed[0].item, "mic");
    assert_eq!(published.failed[0].error.code(), Some(&ErrorCode::InternalError));
    let error = published.complete().unwrap_err();
    assert_eq!((error.stage(), error.operation()), (Stage::Items, "new_tracks"));
    assert_eq!(error.items()[0].item, "mic");
    assert_eq!(session.mids(), mids(&["1"]), "what failed is not there to be closed");
}

#[tokio::test]
async fn publish_all_takes_the_names_that_the_sfu_makes_up() {
    let sfu = Sfu::start().await;
    let session = join(&sfu).await;
    let published = session.publish_all(offer(&["0", "1"])).await.unwrap();
    assert_eq!(published.tracks.len(), 2);
    assert!(published.tracks.iter().all(|track| !track.name.is_empty()));
    let body = &sfu.calls()[1].body;
    assert_eq!(body["autoDiscover"], true);
    assert_eq!(session.mids(), mids(&["0", "1"]));
}

#[tokio::test]
async fn a_track_without_an_offer_is_published_once_the_agent_has_answered() {
    let sfu = Sfu::start().await;
    let session = join(&sfu).await;
    let microphone = OfferedTrack::audio("mic").bidirectional();
    let negotiation = session.publish_without_offer([microphone]).await.unwrap();
    let Negotiation::Offer(pending) = negotiation else { panic!("the SFU has to offer") };
    assert_eq!(session.status(), Status::AwaitingAnswer);
    let published = pending.answer(answer()).await.unwrap();
    assert_eq!(published.tracks[0].name, "mic");
    assert_eq!(sfu.open_tracks(session.id()).len(), 1);

    // A subscription on the same transceiver needs no exchange.
    let other = join(&sfu).await;
    publish(&other, &["speech"]).await;
    let speech =
        RemoteTrack::new(other.id().clone(), "speech").on_transceiver_of("mic", TrackKind::Audio);
    let Negotiation::Done(subscribed) = session.subscribe([speech]).await.unwrap() else {
        panic!("nothing to answer");
    };
    assert_eq!(subscribed.tracks[0].mid, published.tracks[0].mid);
    assert_eq!(sfu.violations(), [""; 0]);
    assert!(session.leave().await.unwrap().is_complete());
}

#[tokio::test]
async fn a_bidirectional_local_track_says_so_with_its_kind() {
    let sfu = Sfu::start().await;
    let session = join(&sfu).await;
    let track = LocalTrack::new(mid("0"), "mic").bidirectional(TrackKind::Audio);
    session.publish(offer(&["0"]), [track]).await.unwrap().complete().unwrap();
    let body = &sfu.calls()[1].body["tracks"][0];
    assert_eq!(
        (body["bidirectionalMediaStream"].as_bool(), body["kind"].as_str()),
        (Some(true), Some("audio"))
    );
}

#[tokio::test]
async fn an_empty_mid_never_becomes_a_mid() {
    let sfu = Sfu::start().await;
    let publisher = join(&sfu).await;
    publish(&publisher, &["mic", "camera"]).await;
    let session = join(&sfu).await;
    sfu.fault(Operation::NewTracks, Fault::fail_items("backend_error", [0]));
    let subscribed = pull(&session, &publisher, &["mic", "camera"]).await;
    assert_eq!(subscribed.tracks.len(), 1);
    assert_eq!(subscribed.tracks[0].name, "camera");
    assert_eq!(subscribed.failed.len(), 1);
    assert_eq!(subscribed.failed[0].item, RemoteTrack::new(publisher.id().clone(), "mic"));
    assert_eq!(subscribed.retryable(), [], "backend_error is not for another try");
    assert_eq!(session.mids().len(), 1);

    // A success without a name is no success.
    let body = serde_json::json!({ "tracks": [{ "trackName": "mic", "mid": "",
        "sessionId": publisher.id() }] });
    let reply = Fault::Reply { status: 200, headers: Vec::new(), body: body.to_string() };
    sfu.fault(Operation::NewTracks, reply);
    let subscribed = pull(&session, &publisher, &["mic"]).await;
    assert_eq!(subscribed.tracks, []);
    assert_eq!(subscribed.failed[0].error, ItemError::Unnamed);
}

#[tokio::test]
async fn if_all_items_fail_there_is_nothing_to_answer() {
    let sfu = Sfu::start().await;
    let session = join(&sfu).await;
    let publisher = join(&sfu).await;
    let missing = RemoteTrack::new(publisher.id().clone(), "mic");
    let negotiation = session.subscribe([missing.clone()]).await.unwrap();
    let Negotiation::Done(subscribed) = negotiation else { panic!("nothing to answer") };
    assert_eq!(subscribed.tracks, []);
    assert_eq!(subscribed.retryable(), [missing]);
    let error = subscribed.complete().unwrap_err();
    assert!(error.is_not_yet_published() && error.is_retryable() && !error.outcome_unknown());
    assert_eq!(error.code(), Some(&ErrorCode::NotFoundTrackError));
    assert_eq!(session.status(), Status::Ready);
}

#[tokio::test]
async fn an_item_that_the_reply_leaves_out_is_not_taken_for_a_success() {
    let sfu = Sfu::start().await;
    let publisher = join(&sfu).await;
    publish(&publisher, &["mic", "camera"]).await;
    let session = join(&sfu).await;
    sfu.fault(Operation::NewTracks, Fault::OmitItems(vec![0]));
    let subscribed = pull(&session, &publisher, &["mic", "camera"]).await;
    assert_eq!(subscribed.tracks.len(), 1);
    assert_eq!(subscribed.failed[0].error, ItemError::Unreported);
    assert_eq!(session.uncertain()[0].names, ["mic"]);
    // It does exist, and leaving finds it.
    let departure = session.leave().await.unwrap();
    assert!(departure.was_inspected && departure.is_complete(), "{departure:?}");
    assert_eq!(departure.closed.len(), 2);
    assert!(sfu.open_tracks(session.id()).is_empty());
}

#[tokio::test]
async fn simulcast_preferences_are_sent_and_can_be_changed() {
    let sfu = Sfu::start().await;
    let publisher = join(&sfu).await;
    publish(&publisher, &["camera", "screen"]).await;
    let session = join(&sfu).await;
    let high = Simulcast::new().preferred_rid("h");
    let camera = RemoteTrack::new(publisher.id().clone(), "camera").simulcast(high);
    let Negotiation::Offer(pending) = session.subscribe([camera]).await.unwrap() else {
        panic!("an offer");
    };
    let track = pending.answer(answer()).await.unwrap().tracks.remove(0);

    let low = Simulcast::new().preferred_rid("l");
    let updated = session.update([TrackUpdate::layer(track.mid.clone(), low)]).await.unwrap();
    updated.complete().unwrap();
    assert_eq!(updated.mids, std::slice::from_ref(&track.mid));
    let source = TrackUpdate::source(track.mid.clone(), publisher.id().clone(), "screen");
    session.update([source]).await.unwrap().complete().unwrap();
    let there = sfu.tracks(session.id());
    assert_eq!((there[0].name.as_str(), &there[0].location), ("screen", &Location::Remote));
    assert_eq!(sfu.calls().last().unwrap().body["tracks"][0]["trackName"], "screen");

    // The layer of the new source: the name is known.
    let high = Simulcast::new().preferred_rid("h");
    session.update([TrackUpdate::layer(track.mid, high)]).await.unwrap().complete().unwrap();
    assert_eq!(sfu.calls().last().unwrap().body["tracks"][0]["trackName"], "screen");
    let error =
        session.update([TrackUpdate::layer(mid("77"), Simulcast::new())]).await.unwrap_err();
    assert!(error.to_string().contains("tracks[0].trackName"), "{error}");
}

#[tokio::test]
async fn an_update_that_fails_is_told_apart() {
    let sfu = Sfu::start().await;
    let publisher = join(&sfu).await;
    publish(&publisher, &["a", "b"]).await;
    let session = join(&sfu).await;
    let subscribed = pull(&session, &publisher, &["a", "b"]).await;
    sfu.fault(Operation::UpdateTracks, Fault::fail_items("update_track_error", [1]));
    let updates = subscribed
        .tracks
        .iter()
        .map(|track| TrackUpdate::layer(track.mid.clone(), Simulcast::new().preferred_rid("h")));
    let updated = session.update(updates).await.unwrap();
    assert_eq!(updated.mids, [subscribed.tracks[0].mid.clone()]);
    assert_eq!(updated.failed[0].error.code(), Some(&ErrorCode::UpdateTrackError));
}

#[tokio::test]
async fn close_tells_closed_gone_failed_and_unreported_apart() {
    let sfu = Sfu::start().await;
    let session = join(&sfu).await;
    publish(&session, &["a", "b", "c", "d"]).await;
    session.close(mids(&["0"])).await.unwrap().complete().unwrap();
    sfu.fault(
        Operation::CloseTracks,
        Fault::All(vec![Fault::fail_items("internal_error", [2]), Fault::OmitItems(vec![3])]),
    );
    let closed = session.close(mids(&["0", "1", "2", "3", "1"])).await.unwrap();
    assert_eq!(closed.closed, mids(&["1"]));
    assert_eq!(closed.gone, mids(&["0"]), "close_track_error is as good as closed");
    assert_eq!(closed.failed[0].error.code(), Some(&ErrorCode::InternalError));
    assert_eq!(closed.failed[1].error, ItemError::Unreported);
    assert_eq!(closed.not_closed().cloned().collect::<Vec<_>>(), mids(&["2", "3"]));
    assert_eq!(session.mids(), mids(&["2", "3"]), "both are kept for another try");
    assert_eq!(closed.complete().unwrap_err().items().len(), 2);

    let departure = session.leave().await.unwrap();
    assert!(departure.is_complete(), "{departure:?}");
    assert!(sfu.all_open_tracks().is_empty());
}

#[tokio::test]
async fn a_close_of_what_the_api_does_not_know_any_more_counts_as_closed() {
    for status in [404, 410] {
        let sfu = Sfu::start().await;
        let session = join(&sfu).await;
        publish(&session, &["a"]).await;
        sfu.fault(Operation::CloseTracks, Fault::refuse(status, "session_error"));
        let closed = session.close(mids(&["0"])).await.unwrap();
        assert_eq!((closed.gone.len(), closed.failed.len()), (1, 0), "{status}");
        assert!(session.mids().is_empty());
    }
}

#[tokio::test]
async fn a_negotiated_close_brings_the_answer() {
    let sfu = Sfu::start().await;
    let session = join(&sfu).await;
    publish(&session, &["a", "b"]).await;
    let closed = session.close_negotiated(offer(&["0", "1"]), mids(&["0"])).await.unwrap();
    assert!(closed.answer.is_some());
    assert_eq!(closed.closed, mids(&["0"]));
    assert_eq!(sfu.calls().last().unwrap().body["force"], false);
    sfu.expire(session.id());
    let closed = session.close_negotiated(offer(&["0", "1"]), mids(&["1"])).await.unwrap();
    assert_eq!((closed.answer, closed.gone), (None, mids(&["1"])));
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
    pull(&session, &publisher, &names).await;
    sfu.fault(Operation::CloseTracks, Fault::refuse(406, "invalid_params"));
    let departure = session.leave().await.unwrap();
    assert_eq!(departure.open_tracks.len(), 64, "the refused batch is reported");
    assert_eq!(departure.closed.len(), 64, "the other one is closed");
    assert!(departure.error.is_some() && !departure.is_complete());
    let open: Vec<_> = departure.open_tracks.iter().map(|open| open.item.to_string()).collect();
    assert_eq!(sfu.open_tracks(session.id()), open.into_iter().collect());
    let departure = session.leave().await.unwrap();
    assert!(departure.is_complete(), "{departure:?}");
    let batches: Vec<usize> = sfu
        .calls()
        .iter()
        .filter(|call| call.operation == Operation::CloseTracks)
        .map(|call| call.body["tracks"].as_array().unwrap().len())
        .collect();
    assert_eq!(batches, [64, 64, 64]);
}

#[tokio::test]
async fn leaving_gives_up_an_offer_that_waits_for_its_answer() {
    let sfu = Sfu::start().await;
    let publisher = join(&sfu).await;
    publish(&publisher, &["mic"]).await;
    let session = join(&sfu).await;
    let track = RemoteTrack::new(publisher.id().clone(), "mic");
    let Negotiation::Offer(pending) = session.subscribe([track]).await.unwrap() else {
        panic!("an offer");
    };
    let departure = session.leave().await.unwrap();
    // The SFU refuses to close while it waits for an answer.
    assert_eq!(departure.open_tracks.len(), 1);
    assert_eq!(departure.open_tracks[0].error, ItemError::RequestFailed);
    assert_eq!(sfu.refused_closes().len(), 1);
    let error = pending.answer(answer()).await.unwrap_err();
    assert!(matches!(error, Error::Unusable { reason: Unusable::Left, .. }), "{error:?}");
    assert_eq!(sfu.violations(), [""; 0]);
}

#[tokio::test]
async fn after_leaving_nothing_begins() {
    let sfu = Sfu::start().await;
    let session = join(&sfu).await;
    publish(&session, &["mic"]).await;
    assert!(session.leave().await.unwrap().is_complete());
    let calls = sfu.calls().len();
    let error = session.publish_all(offer(&["0"])).await.unwrap_err();
    assert!(matches!(error, Error::Unusable { reason: Unusable::Left, .. }), "{error:?}");
    assert_eq!(error.stage(), Stage::Turn);
    assert!(session.close(mids(&["0"])).await.is_err());
    assert_eq!(sfu.calls().len(), calls);
    assert_eq!(session.status(), Status::Unusable(Unusable::Left));
}

#[tokio::test]
async fn a_session_that_is_gone_needs_no_closing() {
    let sfu = Sfu::start().await;
    let session = join(&sfu).await;
    publish(&session, &["mic"]).await;
    sfu.expire(session.id());
    let error = session.publish_all(offer(&["1"])).await.unwrap_err();
    assert!(error.is_session_gone() && !error.is_retryable() && !error.outcome_unknown());
    let calls = sfu.calls().len();
    let again = session.publish_all(offer(&["1"])).await.unwrap_err();
    assert!(again.is_session_gone() && again.stage() == Stage::Turn, "known without a request");
    let departure = session.leave().await.unwrap();
    assert!(departure.is_complete());
    assert_eq!(departure.closed, mids(&["0"]));
    assert_eq!(sfu.calls().len(), calls);
}

#[tokio::test]
async fn the_state_is_typed() {
    let sfu = Sfu::start().await;
    let publisher = join(&sfu).await;
    publish(&publisher, &["mic"]).await;
    let session = join(&sfu).await;
    publish(&session, &["camera"]).await;
    pull(&session, &publisher, &["mic"]).await;
    session.close(mids(&["0"])).await.unwrap();
    let state = session.state().await.unwrap();
    assert_eq!(state.tracks.len(), 2);
    let of = |origin: &Origin| state.tracks.iter().find(|track| track.origin == *origin).unwrap();
    let published = of(&Origin::Published);
    assert_eq!(published.name.as_deref(), Some("camera"));
    assert_eq!(published.status, Some(SessionResourceStatus::Inactive));
    let subscribed = of(&Origin::Subscribed(publisher.id().clone()));
    assert_eq!(subscribed.name.as_deref(), Some("mic"));
    assert_eq!(subscribed.status, Some(SessionResourceStatus::Active));
    assert!(subscribed.mid.is_some());
}

#[tokio::test]
async fn an_adopted_session_can_be_left() {
    let sfu = Sfu::start().await;
    let publisher = join(&sfu).await;
    publish(&publisher, &["mic"]).await;
    let session = join(&sfu).await;
    publish(&session, &["camera"]).await;
    let subscribed = pull(&session, &publisher, &["mic"]).await;
    let id = session.id().clone();
    drop(session);

    let adopted = sfu.client().adopt(id.clone()).send().await.unwrap();
    assert_eq!(adopted.mids().len(), 2);
    let layer = TrackUpdate::layer(subscribed.tracks[0].mid.clone(), Simulcast::new());
    adopted.update([layer]).await.unwrap().complete().unwrap();
    assert!(adopted.leave().await.unwrap().is_complete());
    assert!(sfu.open_tracks(&id).is_empty());

    sfu.expire(&id);
    let error = sfu.client().adopt(id).send().await.unwrap_err();
    assert!(error.is_session_gone());
}

#[tokio::test]
async fn an_offer_that_is_answered_too_late_or_never_makes_the_session_unusable() {
    let sfu = Sfu::start().await;
    let publisher = join(&sfu).await;
    publish(&publisher, &["mic"]).await;
    let deadline = std::time::Duration::from_millis(50);
    for is_dropped in [false, true] {
        let session = sfu.client().join().answer_deadline(deadline).send().await.unwrap();
        let track = RemoteTrack::new(publisher.id().clone(), "mic");
        let Negotiation::Offer(pending) = session.subscribe([track.clone()]).await.unwrap() else {
            panic!("an offer");
        };
        let why = if is_dropped { Unfinished::AnswerDropped } else { Unfinished::AnswerLate };
        let kept = (!is_dropped).then_some(pending);
        // It waits for the turn, and gets it when the exchange is given up.
        let calls = sfu.calls().len();
        let error = session.subscribe([track]).await.unwrap_err();
        let reason = Unusable::Unfinished(why);
        assert!(
            matches!(&error, Error::Unusable { reason: got, .. } if *got == reason),
            "{error:?}"
        );
        assert!(error.to_string().contains("has to be replaced"), "{error}");
        if let Some(pending) = kept {
            let error = pending.answer(answer()).await.unwrap_err();
            assert!(matches!(&error, Error::Unusable { reason: got, .. } if *got == reason));
        }
        assert_eq!(sfu.calls().len(), calls, "no request was made that the SFU would refuse");
        assert_eq!(session.status(), Status::Unusable(reason));
        assert!(session.state().await.is_ok(), "reading goes on");
    }
    assert_eq!(sfu.violations(), [""; 0]);
}

#[tokio::test]
async fn an_answer_that_the_sfu_refuses_makes_the_session_unusable() {
    let sfu = Sfu::start().await;
    let publisher = join(&sfu).await;
    publish(&publisher, &["mic"]).await;
    let session = join(&sfu).await;
    let refused = Fault::refuse(406, "invalid_session_description");
    sfu.fault(Matcher::from(Operation::Renegotiate), refused);
    let track = RemoteTrack::new(publisher.id().clone(), "mic");
    let Negotiation::Offer(pending) = session.subscribe([track]).await.unwrap() else {
        panic!("an offer");
    };
    let error = pending.answer(answer()).await.unwrap_err();
    assert_eq!(error.code(), Some(&ErrorCode::InvalidSessionDescription));
    let reason = Unusable::Unfinished(Unfinished::AnswerRefused);
    assert_eq!(session.status(), Status::Unusable(reason));
}

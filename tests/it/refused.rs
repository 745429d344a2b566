//! Replies with a status of success that carry an error at their top. Cloudflare documents the
//! field in every reply, so such a reply refuses the whole request.

use std::collections::BTreeMap;

use cloudflare_calls::adapters::Adapter;
use cloudflare_calls::data_channels::{ChannelId, Delivery, LocalDataChannel, RemoteDataChannel};
use cloudflare_calls::error::{OperationError, Remedy, Stage};
use cloudflare_calls::session::{Status, Unfinished, Unusable};
use cloudflare_calls::tracks::{LocalTrack, OfferedTrack, RemoteTrack, TrackUpdate};
use cloudflare_calls::types::{
    AdapterId, ApiError, CloseAdapterRequest, CloseDataChannelsRequest, CloseTracksRequest,
    DataChannelsRequest, EstablishDataChannelsTransportRequest, NewAdapterRequest,
    RenegotiateRequest, Simulcast, TracksRequest, UpdateTracksRequest,
};
use cloudflare_calls::{Error, Session, prelude::*};
use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::sfu::{Fault, Matcher, Operation, Sfu, fail_items, not_ready};
use super::{SECRET, answer, client, data_offer, join, mid, mids, offer, publish, pull, session};

fn refusal() -> Value {
    json!({ "errorCode": "internal_error", "errorDescription": format!("with {SECRET} it fails") })
}

/// Returns the refusal with a status of success. The request is not carried out.
fn refuses() -> Fault {
    Fault::Reply { status: 200, headers: BTreeMap::new(), body: refusal() }
}

async fn server(status: u16, body: Value) -> MockServer {
    let server = MockServer::start().await;
    let reply = ResponseTemplate::new(status).set_body_json(body);
    Mock::given(any()).respond_with(reply).mount(&server).await;
    server
}

/// Returns the outcome of each of the twelve operations.
async fn all_operations(server: &MockServer) -> Vec<(&'static str, Result<(), String>)> {
    let (client, id) = (client(&server.uri()), session());
    macro_rules! outcome {
        ($call:expr) => {
            match $call.send().await {
                Ok(_) => Ok(()),
                Err(error) => Err(match &error {
                    OperationError::Refused { reply, .. } => {
                        format!("{} {error}", reply.status.as_u16())
                    }
                    other => format!("{other:?}"),
                }),
            }
        };
    }
    vec![
        ("new_session", outcome!(client.new_session())),
        ("get_session", outcome!(client.get_session(&id))),
        ("new_tracks", outcome!(client.new_tracks(&id, &TracksRequest::new()))),
        ("renegotiate", outcome!(client.renegotiate(&id, &RenegotiateRequest::new()))),
        ("update_tracks", outcome!(client.update_tracks(&id, &UpdateTracksRequest::new()))),
        ("close_tracks", outcome!(client.close_tracks(&id, &CloseTracksRequest::forced([""; 0])))),
        (
            "establish_data_channels",
            outcome!(
                client.establish_data_channels(&id, &EstablishDataChannelsTransportRequest::new())
            ),
        ),
        ("new_data_channels", outcome!(client.new_data_channels(&id, &DataChannelsRequest::new()))),
        (
            "update_data_channels",
            outcome!(client.update_data_channels(&id, &DataChannelsRequest::new())),
        ),
        (
            "close_data_channels",
            outcome!(client.close_data_channels(&id, &CloseDataChannelsRequest::new())),
        ),
        (
            "new_websocket_adapters",
            outcome!(client.new_websocket_adapters(&NewAdapterRequest::new([]))),
        ),
        (
            "close_websocket_adapters",
            outcome!(client.close_websocket_adapters(&CloseAdapterRequest::new([]))),
        ),
    ]
}

#[tokio::test]
async fn an_error_at_the_top_of_a_200_is_an_error_of_every_operation() {
    let mut body = refusal();
    body["sessionId"] = json!(super::SESSION);
    for status in [200, 201] {
        for (operation, outcome) in all_operations(&server(status, body.clone()).await).await {
            let expected = format!(
                "{status} {operation}: refused with {status}: internal_error: with [secret] it fails"
            );
            assert_eq!(outcome, Err(expected), "{operation}");
        }
    }
}

#[tokio::test]
async fn a_200_without_an_error_at_its_top_is_a_success_of_every_operation() {
    for none in [json!(null), json!("")] {
        let body = json!({ "sessionId": super::SESSION, "errorCode": none });
        for (operation, outcome) in all_operations(&server(200, body.clone()).await).await {
            assert_eq!(outcome, Ok(()), "{operation}");
        }
    }
}

const UNFINISHED: Status = Status::Unusable(Unusable::Unfinished(Unfinished::ReplyContradictory));

/// Returns the error of a step that meets such a refusal. Checks the session's status after it.
async fn refused(sfu: &Sfu, session: &Session, step: &str) -> Error {
    let other = session.id().clone();
    let channel = RemoteDataChannel::new(other.clone(), "chat", Delivery::default());
    sfu.fault(Matcher::any().times(4), refuses());
    let error = match step {
        "join" => sfu.client().join().send().await.err(),
        "join_with" => sfu.client().join_with(offer(&["9"])).send().await.err(),
        "adopt" => sfu.client().adopt(other).retry(super::quick()).send().await.err(),
        "state" => session.state().await.err(),
        "publish" => session.publish(offer(&["9"]), [LocalTrack::new(mid("9"), "x")]).await.err(),
        "publish_all" => session.publish_all(offer(&["9"])).await.err(),
        "publish_without_offer" => {
            session.publish_without_offer([OfferedTrack::audio("x")]).await.err()
        }
        "publish_negotiated" => {
            session.publish_negotiated([LocalTrack::new(mid("9"), "x")]).await.err()
        }
        "subscribe_with" => {
            session.subscribe_with(offer(&["9"]), [RemoteTrack::new(other, "a")]).await.err()
        }
        "subscribe" => session.subscribe([RemoteTrack::new(other, "a")]).await.err(),
        "update" => {
            let update = TrackUpdate::source(mid("0"), other, "a").simulcast(Simulcast::new());
            session.update([update]).await.err()
        }
        "close" => session.close(mids(&["0"])).await.err(),
        "close_negotiated" => session.close_negotiated(offer(&["0"]), mids(&["0"])).await.err(),
        "establish_data_channels" => session.establish_data_channels().await.err(),
        "establish_data_channels_with" => {
            session.establish_data_channels_with(data_offer("9")).await.err()
        }
        "publish_data_channels" => {
            session.publish_data_channels([LocalDataChannel::new("x")]).await.err()
        }
        "subscribe_data_channels" => session.subscribe_data_channels([channel]).await.err(),
        "close_data_channels" => {
            session.close_data_channels([ChannelId::new(1).unwrap()]).await.err()
        }
        "create_adapters" => {
            let adapter = Adapter::ingest("ws://127.0.0.1:9/in", "x");
            sfu.client().create_adapters([adapter]).await.err()
        }
        "close_adapters" => sfu.client().close_adapters([AdapterId::new("a").unwrap()]).await.err(),
        other => panic!("no step {other}"),
    };
    error.unwrap_or_else(|| panic!("{step} is taken for a success"))
}

#[tokio::test]
async fn an_error_at_the_top_of_a_200_is_an_error_of_every_step() {
    let exchanges = [
        "publish",
        "publish_all",
        "publish_without_offer",
        "publish_negotiated",
        "subscribe",
        "subscribe_with",
        "close_negotiated",
        "establish_data_channels",
        "establish_data_channels_with",
    ];
    let others = [
        "join",
        "join_with",
        "adopt",
        "state",
        "update",
        "close",
        "publish_data_channels",
        "subscribe_data_channels",
        "close_data_channels",
        "create_adapters",
        "close_adapters",
    ];
    for step in exchanges.into_iter().chain(others) {
        let sfu = Sfu::start().await;
        let session = join(&sfu).await;
        publish(&session, &["a"]).await;
        if step.ends_with("data_channels") && !step.starts_with("establish") {
            let _ = session.establish_data_channels_with(data_offer("8")).await.unwrap();
        }
        let error = refused(&sfu, &session, step).await;
        assert_eq!(error.step().as_str(), step);
        assert_eq!(error.stage(), Stage::Reply, "{step}");
        assert_eq!(error.status().map(|status| status.as_u16()), Some(200), "{step}");
        assert_eq!(error.code().map(|code| code.as_str()), Some("internal_error"), "{step}");
        assert_eq!(error.description(), Some("with [secret] it fails"), "{step}");
        let reads = matches!(step, "adopt" | "state");
        assert_eq!(error.outcome_unknown(), !reads, "{step}: the effect is unknown");
        let remedy = if reads { Remedy::Wait } else { Remedy::Inspect };
        assert_eq!(error.remedy(), remedy, "{step}");
        let status = if exchanges.contains(&step) { UNFINISHED } else { Status::Ready };
        assert_eq!(session.status(), status, "{step}");
        if step == "publish" || step == "close" || step == "publish_data_channels" {
            let departure = session.leave().await.unwrap();
            assert!(departure.was_inspected, "{step}: the state is needed");
            assert!(departure.is_complete(), "{step}: {departure:?}");
            assert!(sfu.all_open_tracks().await.is_empty(), "{step}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_gets_an_error_at_the_top_of_a_200_was_not_taken() {
    let sfu = Sfu::start().await;
    let publisher = join(&sfu).await;
    publish(&publisher, &["mic"]).await;
    let session = join(&sfu).await;
    let track = RemoteTrack::new(publisher.id().clone(), "mic");
    let cloudflare_calls::session::Negotiation::Offer(pending) =
        session.subscribe([track]).await.unwrap()
    else {
        panic!("an offer");
    };
    sfu.fault(Matcher::from(Operation::Renegotiate).times(4), refuses());
    let error = pending.answer(answer()).await.unwrap_err();
    assert_eq!(error.code().map(|code| code.as_str()), Some("internal_error"));
    assert!(error.outcome_unknown());
    assert!(matches!(session.status(), Status::Unusable(Unusable::Unfinished(_))));
}

#[tokio::test]
async fn leaving_is_not_complete_if_the_close_gets_an_error_at_the_top_of_a_200() {
    let sfu = Sfu::start().await;
    let session = join(&sfu).await;
    publish(&session, &["a"]).await;
    sfu.fault(Matcher::from(Operation::CloseTracks).times(4), refuses());
    let departure = session.leave().await.unwrap();
    assert!(!departure.is_complete(), "{departure:?}");
    assert_eq!(departure.tracks.failed.len(), 1);
    assert!(departure.error().is_some_and(Error::outcome_unknown));
    assert!(session.leave().await.unwrap().is_complete());
    assert!(sfu.all_open_tracks().await.is_empty());
}

#[tokio::test]
async fn granting_a_reply_is_not_done_if_it_gets_an_error_at_the_top_of_a_200() {
    let sfu = Sfu::start().await;
    let publisher = join(&sfu).await;
    let _ = publisher.establish_data_channels_with(data_offer("8")).await.unwrap();
    let chat = publisher.publish_data_channels([LocalDataChannel::new("chat")]).await.unwrap();
    let chat = RemoteDataChannel::from(&chat.into_result().unwrap()[0]);
    let session = join(&sfu).await;
    let _ = session.establish_data_channels_with(data_offer("8")).await.unwrap();
    let chat = session.subscribe_data_channels([chat]).await.unwrap().into_result().unwrap();
    for step in ["grant_reply", "revoke_reply"] {
        sfu.fault(Operation::UpdateDataChannels, refuses());
        let result = match step {
            "grant_reply" => session.grant_reply(&chat[0]).await,
            _ => session.revoke_reply(&chat[0]).await,
        };
        let error = result.unwrap_err();
        assert_eq!(error.step().as_str(), step);
        assert!(error.outcome_unknown());
    }
}

#[tokio::test]
async fn an_error_of_the_api_on_its_way_is_no_body_of_another_kind() {
    let body = ApiErrorText("not_found");
    let error = client(&server(404, body.json()).await.uri()).get_session(&session()).send().await;
    let error = error.unwrap_err();
    let api: &ApiError = error.body().expect("an error of the API");
    assert_eq!(api.error_code.as_str(), body.0);
}

struct ApiErrorText(&'static str);

impl ApiErrorText {
    fn json(&self) -> Value {
        json!({ "errorCode": self.0, "errorDescription": "x" })
    }
}

#[tokio::test]
async fn tracks_pulled_before_a_retry_fails_as_a_whole_are_kept_with_the_error() {
    let sfu = Sfu::start().await;
    let publisher = join(&sfu).await;
    publish(&publisher, &["a", "b"]).await;
    let session = join(&sfu).await;
    // The first try pulls `a` without an exchange; the second is refused.
    let kind = cloudflare_calls::types::TrackKind::Audio;
    for (name, sections) in [("x", &["x"][..]), ("y", &["x", "y"])] {
        let track = LocalTrack::new(mid(name), name).bidirectional(kind.clone());
        session.publish(offer(sections), [track]).await.unwrap().outcome.into_result().unwrap();
    }
    sfu.fault(
        Matcher::from(Operation::NewTracks).session(session.id()),
        fail_items("not_found_track_error", [1]),
    );
    sfu.fault(
        Matcher::from(Operation::NewTracks).session(session.id()),
        Fault::refuse(410, "session_error"),
    );
    sfu.fault(Operation::GetSession, Fault::refuse(410, "session_error"));
    let track = |name: &str, on: &str| {
        RemoteTrack::new(publisher.id().clone(), name).on_transceiver_of(on, kind.clone())
    };
    let negotiation = session.subscribe([track("a", "x"), track("b", "y")]).await.unwrap();
    let subscribed = negotiation.outcome();
    assert_eq!((subscribed.done.len(), subscribed.failed.len()), (1, 1));
    assert_eq!(subscribed.failed[0].item.name(), "b");
    assert!(subscribed.error.as_ref().is_some_and(Error::is_session_gone));
    assert_eq!(session.status(), Status::Unusable(Unusable::Gone));
    let cloudflare_calls::session::Negotiation::Done(subscribed) = negotiation else {
        panic!("nothing to answer");
    };
    assert!(subscribed.into_result().unwrap_err().is_session_gone(), "it is not taken for Ok");
}

#[tokio::test]
async fn channels_before_a_retry_fails_as_a_whole_are_kept_with_the_error() {
    let sfu = Sfu::start().await;
    let publisher = join(&sfu).await;
    let _ = publisher.establish_data_channels_with(data_offer("8")).await.unwrap();
    let names = ["a", "b"].map(LocalDataChannel::new);
    publisher.publish_data_channels(names).await.unwrap().into_result().unwrap();
    let session = join(&sfu).await;
    let _ = session.establish_data_channels_with(data_offer("8")).await.unwrap();
    let of_session = || Matcher::from(Operation::NewDataChannels).session(session.id());
    sfu.fault(of_session(), fail_items("not_found_track_error", [1]));
    sfu.fault(of_session(), Fault::refuse(406, "invalid_params"));
    let wanted = ["a", "b"]
        .map(|name| RemoteDataChannel::new(publisher.id().clone(), name, Delivery::default()));
    let subscribed = session.subscribe_data_channels(wanted).await.unwrap();
    assert_eq!((subscribed.done.len(), subscribed.failed.len()), (1, 1));
    let error = subscribed.into_result().unwrap_err();
    assert_eq!(error.code().map(|code| code.as_str()), Some("invalid_params"));
}

#[tokio::test]
async fn one_subscribe_of_four_attempts_makes_four_requests() {
    let sfu = Sfu::start().await;
    let publisher = join(&sfu).await;
    publish(&publisher, &["a"]).await;
    let session = join(&sfu).await;
    let before = sfu.count(Operation::NewTracks);
    // Requests and items fail in turn.
    let of_session = || Matcher::from(Operation::NewTracks).session(session.id());
    for _ in 0..8 {
        sfu.fault(of_session(), not_ready());
        sfu.fault(of_session(), fail_items("not_found_track_error", [0]));
    }
    let subscribed = pull(&session, &publisher, &["a"]).await;
    assert!(subscribed.into_result().unwrap_err().is_not_yet_published());
    assert_eq!(sfu.count(Operation::NewTracks) - before, 4);
}

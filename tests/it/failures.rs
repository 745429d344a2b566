//! Each row of the table of errors, and lost replies of every operation.

use cloudflare_calls::types::{ErrorCode, OutputCodec};
use cloudflare_calls::{
    Adapter, Delivery, Error, LocalDataChannel, LocalTrack, Negotiation, OfferedTrack,
    RemoteDataChannel, RemoteTrack, Stage, Status, TrackUpdate, Unfinished, Unusable, prelude::*,
};

use super::logs::assert_clean_error;
use super::sfu::{Fault, Matcher, Operation, Sfu};
use super::{answer, join, mid, mids, offer, publish, pull, quick};

/// What an error says of itself, in the order of the table.
#[derive(Debug, PartialEq)]
struct Says {
    retryable: bool,
    gone: bool,
    not_connected: bool,
    not_yet_published: bool,
    unknown: bool,
}

const NOTHING: Says = Says {
    retryable: false,
    gone: false,
    not_connected: false,
    not_yet_published: false,
    unknown: false,
};

fn says(error: &Error) -> Says {
    Says {
        retryable: error.is_retryable(),
        gone: error.is_session_gone(),
        not_connected: error.is_not_connected(),
        not_yet_published: error.is_not_yet_published(),
        unknown: error.outcome_unknown(),
    }
}

#[tokio::test]
async fn request_errors_are_told_apart_by_status_and_code() {
    let rows = [
        (401, "unauthorized", NOTHING),
        (404, "not_found", NOTHING),
        (400, "decoding_error", NOTHING),
        (406, "invalid_params", NOTHING),
        (413, "payload_too_large", NOTHING),
        (406, "invalid_session_description", NOTHING),
        (425, "session_error", Says { retryable: true, not_connected: true, ..NOTHING }),
        (410, "session_error", Says { gone: true, ..NOTHING }),
        (503, "retryable_transient_error", Says { retryable: true, ..NOTHING }),
        (500, "temporarily_unavailable_error", Says { retryable: true, ..NOTHING }),
        (400, "transport_unavailable_error", Says { retryable: true, ..NOTHING }),
        (500, "backend_error", Says { unknown: true, ..NOTHING }),
        (400, "internal_error", Says { unknown: true, ..NOTHING }),
        (406, "some_code_of_next_year", NOTHING),
    ];
    for (status, code, expected) in rows {
        let sfu = Sfu::start().await;
        let session = join(&sfu).await;
        sfu.fault(Matcher::from(Operation::NewTracks).times(4), Fault::refuse(status, code));
        let error = session.publish_all(offer(&["0"])).await.unwrap_err();
        assert_eq!(says(&error), expected, "{status} {code}");
        assert_eq!(error.operation(), "new_tracks");
        assert_eq!(error.stage(), Stage::Reply);
        assert_eq!(error.status().unwrap().as_u16(), status);
        assert_eq!(error.code().unwrap().as_str(), code);
        assert_eq!(error.description().unwrap(), format!("the fake says {code}"));
        assert!(error.to_string().contains(code), "{error}");
        assert_eq!(error.to_string().contains("unknown"), expected.unknown, "{error}");
        assert_clean_error(&error);
        let status = match (expected.gone, expected.unknown) {
            (true, _) => Status::Unusable(Unusable::Gone),
            (_, true) => Status::Unusable(Unusable::Unfinished(Unfinished::ReplyLost)),
            _ => Status::Ready,
        };
        assert_eq!(session.status(), status, "{code}");
    }
}

#[tokio::test]
async fn item_errors_are_told_apart_by_code() {
    let not_yet = Says { retryable: true, not_yet_published: true, ..NOTHING };
    let rows = [
        ("not_found_track_error", not_yet),
        ("empty_track_error", Says { retryable: true, not_yet_published: true, ..NOTHING }),
        ("retryable_transient_error", Says { retryable: true, ..NOTHING }),
        ("backend_error", NOTHING),
        ("internal_error", NOTHING),
        ("some_code_of_next_year", NOTHING),
    ];
    for (code, expected) in rows {
        let sfu = Sfu::start().await;
        let publisher = join(&sfu).await;
        publish(&publisher, &["mic"]).await;
        let session = join(&sfu).await;
        let fails = Fault::fail_items(code, [0]);
        sfu.fault(Matcher::from(Operation::NewTracks).times(4), fails);
        let error = pull(&session, &publisher, &["mic"]).await.complete().unwrap_err();
        assert_eq!(says(&error), expected, "{code}");
        assert_eq!((error.stage(), error.items().len()), (Stage::Items, 1));
        assert_eq!(error.items()[0].item, "mic");
        assert_eq!(error.code().unwrap().as_str(), code);
        assert_eq!(error.status(), None, "the request itself succeeded");
        assert!(error.to_string().contains(code), "{error}");
        assert_eq!(session.status(), Status::Ready);
    }
}

#[tokio::test]
async fn a_reply_that_contradicts_itself_is_no_success() {
    let replies = [
        // An exchange is required, and there is no offer.
        r#"{"requiresImmediateRenegotiation":true,"tracks":[{"mid":"1","trackName":"mic"}]}"#,
        // An answer where an offer belongs.
        r#"{"requiresImmediateRenegotiation":true,"tracks":[{"mid":"1","trackName":"mic"}],
            "sessionDescription":{"type":"answer","sdp":"v=0\r\na=ice-pwd:1cePassw0rd\r\n"}}"#,
    ];
    for reply in replies {
        let sfu = Sfu::start().await;
        let publisher = join(&sfu).await;
        let session = join(&sfu).await;
        let reply = Fault::ReplyAfter { status: 200, headers: Vec::new(), body: reply.to_owned() };
        sfu.fault(Operation::NewTracks, reply);
        let track = RemoteTrack::new(publisher.id().clone(), "mic");
        let error = session.subscribe([track]).await.unwrap_err();
        assert!(matches!(error, Error::Contradiction { operation: "new_tracks", .. }), "{error}");
        assert!(error.outcome_unknown());
        assert_clean_error(&error);
        let why = Unusable::Unfinished(Unfinished::ReplyContradictory);
        assert_eq!(session.status(), Status::Unusable(why));
    }
}

#[tokio::test]
async fn an_offer_without_an_answer_is_an_error_only_if_something_was_published() {
    let sfu = Sfu::start().await;
    let session = join(&sfu).await;
    let failed = r#"{"tracks":[{"mid":"","trackName":"mic","errorCode":"internal_error"}]}"#;
    let reply = Fault::Reply { status: 200, headers: Vec::new(), body: failed.to_owned() };
    sfu.fault(Operation::NewTracks, reply);
    let track = || [LocalTrack::new(mid("0"), "mic")];
    let error = session.publish(offer(&["0"]), track()).await.unwrap_err();
    assert!(matches!(error, Error::Items { .. }), "{error}");
    assert_eq!(session.status(), Status::Ready, "nothing was negotiated");

    let published = r#"{"tracks":[{"mid":"0","trackName":"mic"}]}"#;
    let reply = Fault::ReplyAfter { status: 200, headers: Vec::new(), body: published.to_owned() };
    sfu.fault(Operation::NewTracks, reply);
    let error = session.publish(offer(&["0"]), track()).await.unwrap_err();
    assert!(matches!(error, Error::Contradiction { .. }), "{error}");
    assert_eq!(session.mids(), mids(&["0"]), "it is there to be closed");
    assert!(session.leave().await.unwrap().is_complete());
    assert!(sfu.all_open_tracks().is_empty());
}

#[tokio::test]
async fn a_lost_reply_to_a_creation_is_reported_and_not_repeated() {
    for fault in [Fault::DropBefore, Fault::DropAfter] {
        let sfu = Sfu::start().await;
        sfu.fault(Operation::NewSession, fault.clone());
        let error = sfu.client().join().retry(quick()).send().await.unwrap_err();
        assert!(error.outcome_unknown() && !error.is_retryable(), "{error}");
        assert_eq!((error.operation(), error.stage()), ("new_session", Stage::Request));
        assert_eq!(sfu.count(Operation::NewSession), 1);

        sfu.fault(Operation::NewWebsocketAdapters, fault);
        let adapter = Adapter::ingest("wss://example.com/in", "speech");
        let error = sfu.client().create_adapters([adapter]).await.unwrap_err();
        assert!(error.outcome_unknown() && !error.is_retryable(), "{error}");
        assert_eq!(sfu.count(Operation::NewWebsocketAdapters), 1);
    }
}

#[tokio::test]
async fn a_lost_reply_to_an_exchange_makes_the_session_unusable_and_leaving_finds_what_it_made() {
    for operation in
        ["publish", "publish_without_offer", "subscribe", "close_negotiated", "establish"]
    {
        for fault in [Fault::DropBefore, Fault::DropAfter] {
            let sfu = Sfu::start().await;
            let publisher = join(&sfu).await;
            publish(&publisher, &["mic"]).await;
            let session = join(&sfu).await;
            publish(&session, &["own"]).await;
            let calls = sfu.calls().len();
            sfu.fault(Matcher::any(), fault.clone());
            let error = match operation {
                "publish" => {
                    let track = LocalTrack::new(mid("1"), "new");
                    session.publish(offer(&["0", "1"]), [track]).await.err()
                }
                "publish_without_offer" => {
                    session.publish_without_offer([OfferedTrack::audio("new")]).await.err()
                }
                "subscribe" => {
                    let track = RemoteTrack::new(publisher.id().clone(), "mic");
                    session.subscribe([track]).await.err()
                }
                "close_negotiated" => {
                    session.close_negotiated(offer(&["0"]), mids(&["0"])).await.err()
                }
                _ => session.establish_data_channels().await.err(),
            };
            let error = error.unwrap_or_else(|| panic!("{operation}"));
            assert!(error.outcome_unknown() && !error.is_retryable(), "{operation}: {error}");
            assert_eq!(error.stage(), Stage::Request);
            assert!(error.to_string().contains("whether it took effect is unknown"), "{error}");
            assert_eq!(sfu.calls().len(), calls + 1, "{operation} is not repeated");
            let why = Unusable::Unfinished(Unfinished::ReplyLost);
            assert_eq!(session.status(), Status::Unusable(why), "{operation}");
            assert_eq!(session.uncertain().len(), 1, "{operation}");

            let departure = session.leave().await.unwrap();
            assert!(departure.was_inspected && departure.uncertain.len() == 1, "{operation}");
            let open: std::collections::BTreeSet<String> =
                departure.open_tracks.iter().map(|open| open.item.to_string()).collect();
            assert_eq!(sfu.open_tracks(session.id()), open, "{operation}: {departure:?}");
            assert_eq!(open.is_empty(), !sfu.exchange_open(session.id()), "{operation}");
            assert_eq!(sfu.violations(), [""; 0], "{operation}");
        }
    }
}

#[tokio::test]
async fn a_lost_reply_to_an_answer_makes_the_session_unusable() {
    for fault in [Fault::DropBefore, Fault::DropAfter] {
        let sfu = Sfu::start().await;
        let publisher = join(&sfu).await;
        publish(&publisher, &["mic"]).await;
        let session = join(&sfu).await;
        let track = RemoteTrack::new(publisher.id().clone(), "mic");
        let Negotiation::Offer(pending) = session.subscribe([track]).await.unwrap() else {
            panic!("an offer");
        };
        sfu.fault(Operation::Renegotiate, fault);
        let error = pending.answer(answer()).await.unwrap_err();
        assert!(error.outcome_unknown() && !error.is_retryable(), "{error}");
        assert_eq!(sfu.count(Operation::Renegotiate), 1, "it is not repeated");
        let why = Unusable::Unfinished(Unfinished::ReplyLost);
        assert_eq!(session.status(), Status::Unusable(why));
    }
}

#[tokio::test]
async fn a_lost_reply_to_another_change_leaves_the_session_usable() {
    for operation in ["update", "publish_data_channels", "subscribe_data_channels", "grant_reply"] {
        for fault in [Fault::DropBefore, Fault::DropAfter] {
            let sfu = Sfu::start().await;
            let publisher = join(&sfu).await;
            publish(&publisher, &["mic"]).await;
            publisher.establish_data_channels_with(offer(&["0"])).await.unwrap();
            let both = ["chat", "game"].map(LocalDataChannel::new);
            publisher.publish_data_channels(both).await.unwrap();
            let session = join(&sfu).await;
            let pulled = pull(&session, &publisher, &["mic"]).await.tracks.remove(0).mid;
            session.establish_data_channels_with(offer(&["0"])).await.unwrap();
            let channel =
                |name| RemoteDataChannel::new(publisher.id().clone(), name, Delivery::default());
            let chat = session.subscribe_data_channels([channel("chat")]).await.unwrap();
            sfu.fault(Matcher::any(), fault.clone());
            let error = match operation {
                "update" => {
                    let update = TrackUpdate::source(pulled, publisher.id().clone(), "mic");
                    session.update([update]).await.err()
                }
                "publish_data_channels" => {
                    session.publish_data_channels([LocalDataChannel::new("own")]).await.err()
                }
                "subscribe_data_channels" => {
                    session.subscribe_data_channels([channel("game")]).await.err()
                }
                _ => session.grant_reply(&chat.channels[0]).await.err(),
            };
            let error = error.unwrap_or_else(|| panic!("{operation}"));
            assert!(error.outcome_unknown() && !error.is_retryable(), "{operation}: {error}");
            assert_eq!(session.status(), Status::Ready, "{operation}");
            assert_eq!(session.uncertain().len(), 1, "{operation}");
            let departure = session.leave().await.unwrap();
            assert!(departure.is_complete(), "{operation}: {departure:?}");
            assert!(sfu.open_tracks(session.id()).is_empty(), "{operation}");
            assert!(sfu.open_channels(session.id()).is_empty(), "{operation}");
        }
    }
}

#[tokio::test]
async fn a_lost_reply_to_a_close_or_a_read_is_made_good_by_another_try() {
    for fault in [Fault::DropBefore, Fault::DropAfter] {
        let sfu = Sfu::start().await;
        let session = join(&sfu).await;
        publish(&session, &["mic"]).await;
        session.establish_data_channels_with(offer(&["0"])).await.unwrap();
        let chat = session.publish_data_channels([LocalDataChannel::new("chat")]).await.unwrap();
        let egress =
            Adapter::egress("wss://example.com/out", session.id().clone(), "mic", OutputCodec::Pcm);
        let adapter = sfu.client().create_adapters([egress]).await.unwrap().adapters.remove(0);
        for operation in [
            Operation::GetSession,
            Operation::CloseTracks,
            Operation::CloseDataChannels,
            Operation::CloseWebsocketAdapters,
        ] {
            sfu.fault(operation, fault.clone());
        }
        assert_eq!(session.state().await.unwrap().tracks.len(), 1);
        let closed = session.close(mids(&["0"])).await.unwrap();
        assert_eq!(closed.closed.len() + closed.gone.len(), 1);
        let closed = session.close_data_channels([chat.channels[0].id]).await.unwrap();
        assert_eq!(closed.closed.len() + closed.gone.len(), 1);
        sfu.client().close_adapters([adapter.id]).await.unwrap().complete().unwrap();
        assert_eq!(sfu.count(Operation::CloseTracks), 2);
        assert!(session.is_empty() && sfu.all_open_tracks().is_empty());
    }
}

#[tokio::test]
async fn if_every_reply_to_leaving_is_lost_everything_is_reported_for_another_try() {
    let sfu = Sfu::start().await;
    let session = join(&sfu).await;
    publish(&session, &["a", "b"]).await;
    sfu.fault(Matcher::from(Operation::CloseTracks).times(4), Fault::DropAfter);
    let departure = session.leave().await.unwrap();
    assert_eq!(departure.open_tracks.len(), 2);
    assert!(departure.error.as_ref().is_some_and(Error::outcome_unknown));
    assert!(!departure.is_complete());
    let departure = session.leave().await.unwrap();
    assert!(departure.is_complete(), "{departure:?}");
}

#[tokio::test]
async fn the_page_of_an_edge_is_no_reply_of_the_api() {
    let sfu = Sfu::start().await;
    let session = join(&sfu).await;
    publish(&session, &["mic"]).await;
    let page = || Fault::Reply {
        status: 502,
        headers: vec![("content-type".into(), "text/html".into())],
        body: "<html><h1>Bad gateway</h1></html>".into(),
    };
    sfu.fault(Matcher::from(Operation::CloseTracks).times(2), page());
    assert_eq!(session.close(mids(&["0"])).await.unwrap().closed, mids(&["0"]), "a third try");
    sfu.fault(Operation::NewTracks, page());
    let error = session.publish_all(offer(&["1"])).await.unwrap_err();
    assert!(error.outcome_unknown() && !error.is_retryable());
    assert_eq!((error.stage(), error.code()), (Stage::Reply, None));
    assert_eq!(error.status().unwrap().as_u16(), 502);
    assert_eq!(sfu.count(Operation::NewTracks), 2, "it is not repeated");
    assert!(matches!(error, Error::Request { .. }));
    assert!(error.to_string().contains("Bad gateway"), "{error}");
}

#[tokio::test]
async fn the_code_of_an_unauthorized_client_is_kept() {
    let sfu = Sfu::start().await;
    let app = cloudflare_calls::types::AppId::new(super::APP).unwrap();
    let secret = cloudflare_calls::SecretString::from("another secret");
    let client =
        cloudflare_calls::Client::builder(app, secret).base_url(sfu.base_url()).build().unwrap();
    let error = client.join().send().await.unwrap_err();
    assert_eq!(error.code(), Some(&ErrorCode::Unauthorized));
    assert!(!error.is_retryable() && !error.outcome_unknown());
}

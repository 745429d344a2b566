//! Rows of the table of errors, and replies that contradict themselves.

use cloudflare_calls::data_channels::LocalDataChannel;
use cloudflare_calls::error::{Stage, Step};
use cloudflare_calls::session::{Status, Unfinished, Unusable};
use cloudflare_calls::tracks::{LocalTrack, RemoteTrack};
use cloudflare_calls::{Error, prelude::*};
use serde_json::{Value, json};

use super::logs::assert_clean_error;
use super::sfu::{Fault, Matcher, Operation, SAYS, Sfu, fail_items, reply, reply_after};
use super::{join, mid, mids, offer, publish, pull};

/// Answers of an error's methods, in the order of the table.
#[derive(Debug, PartialEq)]
struct Says {
    retryable: bool,
    session_gone: bool,
    not_connected: bool,
    not_yet_published: bool,
    unknown: bool,
}

const NOTHING: Says = Says {
    retryable: false,
    session_gone: false,
    not_connected: false,
    not_yet_published: false,
    unknown: false,
};

fn says(error: &Error) -> Says {
    Says {
        retryable: error.is_retryable(),
        session_gone: error.is_session_gone(),
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
        (410, "session_error", Says { session_gone: true, ..NOTHING }),
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
        assert_eq!(error.operation(), Some("new_tracks"));
        assert_eq!(error.stage(), Stage::Reply);
        assert_eq!(error.status().unwrap().as_u16(), status);
        assert_eq!(error.code().unwrap().as_str(), code);
        assert_eq!(error.description().unwrap(), SAYS);
        assert!(error.to_string().contains(code), "{error}");
        assert_eq!(error.to_string().contains("unknown"), expected.unknown, "{error}");
        assert_clean_error(&error);
        let status = match (expected.session_gone, expected.unknown) {
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
        let fails = fail_items(code, [0]);
        sfu.fault(Matcher::from(Operation::NewTracks).times(4), fails);
        let error = pull(&session, &publisher, &["mic"]).await.into_result().unwrap_err();
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
        // The reply requires an exchange, and has no offer.
        r#"{"requiresImmediateRenegotiation":true,"tracks":[{"mid":"1","trackName":"mic"}]}"#,
        // The reply has an answer in the place of an offer.
        r#"{"requiresImmediateRenegotiation":true,"tracks":[{"mid":"1","trackName":"mic"}],
            "sessionDescription":{"type":"answer","sdp":"v=0\r\na=ice-pwd:1cePassw0rd\r\n"}}"#,
    ];
    for reply in replies {
        let sfu = Sfu::start().await;
        let publisher = join(&sfu).await;
        let session = join(&sfu).await;
        let reply = reply_after(200, reply.to_owned());
        sfu.fault(Operation::NewTracks, reply);
        let track = RemoteTrack::new(publisher.id().clone(), "mic");
        let error = session.subscribe([track]).await.unwrap_err();
        assert!(matches!(error, Error::Contradiction { step: Step::Subscribe, .. }), "{error}");
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
    let reply = reply(200, failed.to_owned());
    sfu.fault(Operation::NewTracks, reply);
    let track = || [LocalTrack::new(mid("0"), "mic")];
    let error = session.publish(offer(&["0"]), track()).await.unwrap_err();
    assert!(matches!(error, Error::Items { .. }), "{error}");
    assert_eq!(session.status(), Status::Ready, "nothing was negotiated");

    let published = r#"{"tracks":[{"mid":"0","trackName":"mic"}]}"#;
    let reply = reply_after(200, published.to_owned());
    sfu.fault(Operation::NewTracks, reply);
    let error = session.publish(offer(&["0"]), track()).await.unwrap_err();
    assert!(matches!(error, Error::Contradiction { .. }), "{error}");
    assert_eq!(session.mids(), mids(&["0"]), "it is there to be closed");
    assert!(session.leave().await.unwrap().is_complete());
    assert!(sfu.all_open_tracks().await.is_empty());
}

/// Returns the reply that an axum handler makes of an error.
async fn replied(error: impl axum::response::IntoResponse) -> (u16, String) {
    let response = error.into_response();
    let status = response.status().as_u16();
    let body = axum::body::to_bytes(response.into_body(), 4096).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn an_error_has_a_remedy_and_a_reply_for_the_agent() {
    use cloudflare_calls::error::Remedy::*;
    let rows = [
        (401, "unauthorized", Fix, 502),
        (400, "decoding_error", Fix, 502),
        (406, "invalid_session_description", Fix, 400),
        (413, "payload_too_large", Fix, 400),
        (425, "session_error", Wait, 425),
        (410, "session_error", Rejoin, 410),
        (503, "retryable_transient_error", Wait, 503),
        (500, "internal_error", Inspect, 502),
        (406, "some_code_of_next_year", Refused, 502),
    ];
    for (status, code, remedy, to_agent) in rows {
        let sfu = Sfu::start().await;
        let session = join(&sfu).await;
        sfu.fault(Matcher::from(Operation::NewTracks).times(4), Fault::refuse(status, code));
        let error = session.publish_all(offer(&["0"])).await.unwrap_err();
        assert_eq!((error.remedy(), error.http_status().as_u16()), (remedy, to_agent), "{code}");
        let remedy = serde_json::to_value(remedy).unwrap();
        let expected = json!({ "step": "publish_all", "remedy": remedy, "errorCode": code });
        assert_eq!(serde_json::to_value(&error).unwrap(), expected);
        let (status, body) = replied(error).await;
        assert_eq!((status, serde_json::from_str::<Value>(&body).unwrap()), (to_agent, expected));
        assert!(!body.contains(SAYS), "the API's words stay with the backend");
    }
    let sfu = Sfu::start().await;
    let session = join(&sfu).await;
    let error = session.publish(offer(&["0"]), []).await.unwrap_err();
    assert_eq!((error.remedy(), error.http_status().as_u16()), (Fix, 400));
    let error = session.publish_data_channels([LocalDataChannel::new("x")]).await.unwrap_err();
    assert_eq!((error.remedy(), error.http_status().as_u16()), (Fix, 409));
    let _ = session.leave().await.unwrap();
    let error = session.publish_all(offer(&["0"])).await.unwrap_err();
    assert_eq!((error.remedy(), error.http_status().as_u16()), (Rejoin, 410));
    let registry = cloudflare_calls::session::Registry::new(0);
    assert_eq!(replied(registry.insert(session).await.unwrap_err()).await, (503, String::new()));
    let invalid = cloudflare_calls::Mid::new("").unwrap_err();
    assert_eq!(replied(invalid).await, (400, "mid: is empty".to_owned()));
}

#[tokio::test]
async fn a_refusal_that_asks_to_wait_says_how_long_to_the_agent() {
    let sfu = Sfu::start().await;
    let session = join(&sfu).await;
    let headers = [("retry-after".to_owned(), "100".to_owned())].into();
    let reply = Fault::Reply { status: 429, headers, body: "".into() };
    sfu.fault(Operation::NewTracks, reply);
    let error = session.publish_all(offer(&["0"])).await.unwrap_err();
    let response = axum::response::IntoResponse::into_response(error);
    assert_eq!(response.status().as_u16(), 503);
    assert_eq!(response.headers()["retry-after"], "100");
}

#[tokio::test]
async fn a_message_has_the_cause_the_title_of_a_page_and_the_right_plural() {
    let sfu = Sfu::start().await;
    let session = join(&sfu).await;
    let page = "<!DOCTYPE html>\n<html><head><title>502 Bad gateway</title></head>…</html>";
    sfu.fault(Operation::NewTracks, reply(502, page));
    let error = session.publish_all(offer(&["0"])).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "publish_all: new_tracks: unexpected reply with 502: HTML page \"502 Bad gateway\"; \
         whether it took effect is unknown"
    );

    let sfu = Sfu::start().await;
    let session = join(&sfu).await;
    let said = json!({ "errorCode": "invalid_params", "errorDescription": "No such track." });
    sfu.fault(Operation::NewTracks, reply(406, said.to_string()));
    let error = session.publish_all(offer(&["0"])).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "publish_all: new_tracks: refused with 406: invalid_params: No such track"
    );

    for (mids, items) in [(&["0"][..], "1 item failed: a"), (&["0", "1"], "2 items failed: a")] {
        let sfu = Sfu::start().await;
        let session = join(&sfu).await;
        sfu.fault(Operation::NewTracks, fail_items("internal_error", 0..mids.len()));
        let tracks = mids.iter().zip(["a", "b"]).map(|(at, name)| LocalTrack::new(mid(at), name));
        let error = session.publish(offer(mids), tracks).await.unwrap_err();
        assert_eq!(error.to_string(), format!("publish: {items}: internal_error: {SAYS}"));
    }

    let error = super::client("http://127.0.0.1:1").join().send().await.unwrap_err();
    assert_eq!(error.to_string(), "join: new_session: no connection: connection refused");
}

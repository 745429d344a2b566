//! Each row of the table of errors, and replies that contradict themselves.

use cloudflare_calls::error::{Stage, Step};
use cloudflare_calls::session::{Status, Unfinished, Unusable};
use cloudflare_calls::tracks::{LocalTrack, RemoteTrack};
use cloudflare_calls::{Error, prelude::*};

use super::logs::assert_clean_error;
use super::sfu::{Fault, Matcher, Operation, Sfu};
use super::{join, mid, mids, offer, publish, pull};

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
        assert_eq!(error.operation(), Some("new_tracks"));
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

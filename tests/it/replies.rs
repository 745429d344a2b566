//! Parts of replies beside their bodies, and the limit of reading.

use std::time::{Duration, SystemTime};

use cloudflare_calls::error::{OperationError, Stage};
use cloudflare_calls::prelude::*;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::sfu::{Fault, Operation, Sfu};
use super::{SECRET, client, join, offer, session};

/// Starts a server whose reply begins with this head and never ends.
async fn endless(head: &'static str, part: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = stream.read(&mut vec![0; 64 * 1024]).await;
                let _ = stream.write_all(head.as_bytes()).await;
                while stream.write_all(part).await.is_ok() {}
            });
        }
    });
    format!("http://{address}")
}

#[tokio::test]
async fn an_error_reply_without_end_is_read_to_its_bound() {
    let base = endless("HTTP/1.1 502 Bad Gateway\r\n\r\n<html>", &[b's'; 8192]).await;
    let error = client(&base).get_session(&session()).send().await.unwrap_err();
    let OperationError::Unexpected { excerpt, .. } = &error else { panic!("{error:?}") };
    assert!(excerpt.starts_with("<html>s"), "{excerpt}");
    let base = endless("HTTP/1.1 200 OK\r\n\r\n", &[b' '; 8192]).await;
    let error = client(&base).get_session(&session()).send().await.unwrap_err();
    assert!(matches!(error, OperationError::TooLarge { .. }), "{error:?}");
}

#[tokio::test]
async fn the_secret_is_cut_out_of_an_error_wherever_it_stands() {
    // The body has beginnings of the secret, and the secret across its parts.
    let half = &SECRET[..SECRET.len() / 2];
    let body = format!("{half}{SECRET}{half}x{SECRET}{SECRET}s");
    let server = MockServer::start().await;
    let reply = ResponseTemplate::new(500).set_body_string(body);
    Mock::given(any()).respond_with(reply).mount(&server).await;
    let error = client(&server.uri()).get_session(&session()).send().await.unwrap_err();
    let OperationError::Unexpected { excerpt, .. } = &error else { panic!("{error:?}") };
    assert_eq!(*excerpt, format!("{half}[secret]{half}x[secret][secret]s"));
}

#[tokio::test]
async fn a_reply_of_more_entries_than_any_session_has_is_refused_while_it_is_read() {
    let server = MockServer::start().await;
    for (entries, is_refused) in [(100_000, false), (100_001, true)] {
        server.reset().await;
        let body = format!(r#"{{"tracks":[{}{{}}]}}"#, "{},".repeat(entries - 1));
        let reply = ResponseTemplate::new(200).set_body_string(body);
        Mock::given(any()).respond_with(reply).mount(&server).await;
        match client(&server.uri()).get_session(&session()).send().await {
            Ok(state) => assert!(!is_refused && state.tracks.len() == entries),
            Err(OperationError::Undecodable { problem, .. }) => {
                assert!(is_refused, "{problem}");
                assert!(problem.contains("expected a list of at most 100000 entries"), "{problem}");
            }
            Err(error) => panic!("{error:?}"),
        }
    }
}

#[tokio::test]
async fn a_request_that_was_never_sent_is_not_reported_as_unknown() {
    let sfu = Sfu::start().await;
    let label = "x".repeat(66_000);
    let error = sfu.client().join().correlation_id(label).send().await.unwrap_err();
    assert!(!error.outcome_unknown(), "{error}");
    assert_eq!(error.stage(), Stage::Check);
    assert_eq!(error.to_string(), "join: new_session: not sent: it is too long for a request");
    assert_eq!(sfu.calls().len(), 0);
}

#[tokio::test]
async fn retry_after_may_be_a_date() {
    let soon = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(3600));
    let long_ago = httpdate::fmt_http_date(SystemTime::now() - Duration::from_secs(3600));
    for (value, seconds) in
        [("7", Some(7..=7)), (&soon, Some(3590..=3600)), (&long_ago, Some(0..=0)), ("soon", None)]
    {
        let server = MockServer::start().await;
        let reply = ResponseTemplate::new(429).insert_header("retry-after", value);
        Mock::given(any()).respond_with(reply).mount(&server).await;
        let error = client(&server.uri()).get_session(&session()).send().await.unwrap_err();
        let waits = error.retry_after().map(|wait| wait.as_secs());
        match seconds {
            Some(range) => assert!(range.contains(&waits.unwrap()), "{value}: {waits:?}"),
            None => assert_eq!(waits, None, "{value}"),
        }
    }
}

#[tokio::test]
async fn an_error_names_the_ray_and_the_time_taken() {
    super::logs::capture();
    let sfu = Sfu::start().await;
    let session = join(&sfu).await;
    let headers = [("cf-ray".to_owned(), "8f3c2b1a0d9e7f65-FRA".to_owned())].into();
    let body = json!({ "errorCode": "invalid_params" });
    sfu.fault(Operation::NewTracks, Fault::Reply { status: 406, headers, body });
    let error = session.publish_all(offer(&["0"])).await.unwrap_err();
    assert_eq!(error.ray(), Some("8f3c2b1a0d9e7f65-FRA"));
    assert!(error.elapsed().is_some_and(|elapsed| elapsed > Duration::ZERO));
    assert!(super::logs::checked().contains("8f3c2b1a0d9e7f65-FRA"), "it is in the span");
    sfu.fault(Operation::NewTracks, Fault::DropRequest);
    let error = session.publish_all(offer(&["0"])).await.unwrap_err();
    assert_eq!(error.ray(), None);
    assert!(error.elapsed().is_some());
}

#[tokio::test]
async fn a_request_says_who_it_is_from() {
    let server = MockServer::start().await;
    let reply = ResponseTemplate::new(200).set_body_json(json!({}));
    Mock::given(any()).respond_with(reply).mount(&server).await;
    client(&server.uri()).get_session(&session()).send().await.unwrap();
    let agent = &server.received_requests().await.unwrap()[0].headers["user-agent"];
    assert_eq!(agent, concat!("cloudflare-calls/", env!("CARGO_PKG_VERSION")));
}

//! Ways of sending the secret, and replies that are read while they arrive.

// A test fails by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc;
use std::time::Duration;

use expanded::runtime::error::OperationError;
use expanded::runtime::security::Scheme;
use expanded::runtime::setup::ConfigError;
use expanded::secured::types::{ChatRequest, ChatSuccess, MixedSuccess};
use expanded::secured::{Client, ClientBuilder};
use secrecy::SecretString;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

async fn server(reply: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(reply).mount(&server).await;
    server
}

fn builder(server: &MockServer, secret: &str) -> ClientBuilder {
    Client::builder(SecretString::from(secret)).base_url(server.uri())
}

/// Returns the last request that the server received.
async fn last(server: &MockServer) -> Request {
    server.received_requests().await.unwrap().pop().unwrap()
}

#[tokio::test]
async fn the_secret_is_sent_as_each_operation_wants_it() {
    let server = server(ResponseTemplate::new(204)).await;
    let client = builder(&server, "me:s3cret").build().unwrap();

    client.by_header().send().await.unwrap();
    let request = last(&server).await;
    assert_eq!(request.headers["x-key"], "me:s3cret");
    assert!(!request.headers.contains_key("authorization"));

    client.by_query().send().await.unwrap();
    let request = last(&server).await;
    assert_eq!(request.url.query(), Some("key=me%3As3cret"));
    assert!(!request.headers.contains_key("authorization"));

    client.by_cookie().send().await.unwrap();
    let request = last(&server).await;
    assert_eq!(request.headers["cookie"], "sid=me:s3cret");
    assert!(!request.headers.contains_key("authorization"));

    client.by_login().send().await.unwrap();
    // "me:s3cret" in base64.
    assert_eq!(last(&server).await.headers["authorization"], "Basic bWU6czNjcmV0");

    client.open().send().await.unwrap();
    let request = last(&server).await;
    assert!(!request.headers.contains_key("authorization"));
    assert!(!request.headers.iter().any(|(_, value)| value.as_bytes().ends_with(b"s3cret")));
}

#[tokio::test]
async fn of_several_ways_the_caller_chooses() {
    let server = server(ResponseTemplate::new(204)).await;
    let client = builder(&server, "me:s3cret").build().unwrap();
    client.by_any().send().await.unwrap();
    assert_eq!(last(&server).await.headers["authorization"], "Bearer me:s3cret");

    let client = builder(&server, "me:s3cret").send_secret_as(Scheme::Basic).build().unwrap();
    client.by_any().send().await.unwrap();
    assert_eq!(last(&server).await.headers["authorization"], "Basic bWU6czNjcmV0");
    // An operation that does not permit the preferred way uses its own.
    client.by_header().send().await.unwrap();
    assert_eq!(last(&server).await.headers["x-key"], "me:s3cret");
}

#[tokio::test]
async fn schemes_that_are_wanted_together_have_their_own_secrets() {
    let server = server(ResponseTemplate::new(204)).await;
    let own = |text: &str| SecretString::from(text);
    let all = builder(&server, "general").secret_of_header(own("h")).secret_of_cookie(own("c"));
    let client = all.build().unwrap();
    client.by_both().theme("dark").send().await.unwrap();
    let request = last(&server).await;
    assert_eq!(request.headers["x-key"], "h");
    assert_eq!(request.headers["cookie"], "theme=dark; sid=c");
    assert_eq!(request.headers["authorization"], "Bearer general");
    assert_eq!(request.url.query(), None);
    // A scheme has its secret wherever it is wanted.
    client.by_header().send().await.unwrap();
    assert_eq!(last(&server).await.headers["x-key"], "h");
    client.by_login().send().await.unwrap();
    // "general:" in base64.
    assert_eq!(last(&server).await.headers["authorization"], "Basic Z2VuZXJhbDo=");

    // Of the ways that the document names, the first counts for which there are secrets.
    let client = builder(&server, "general").secret_of_login(own("me:s3cret")).build().unwrap();
    client.by_both().send().await.unwrap();
    let request = last(&server).await;
    assert_eq!(request.url.query(), Some("key=general"));
    assert_eq!(request.headers["authorization"], "Basic bWU6czNjcmV0");
    assert!(!request.headers.contains_key("x-key"));
}

#[tokio::test]
async fn an_operation_that_wants_two_secrets_is_not_sent_with_one() {
    let server = server(ResponseTemplate::new(204)).await;
    let error = builder(&server, "s3cret").build().unwrap().by_both().send().await.unwrap_err();
    let OperationError::Invalid(reason) = &error else { panic!("{error:?}") };
    let text = "by_both: not sent: it wants a secret that the client does not have";
    assert_eq!(reason.to_string(), text);
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn no_secret_of_a_scheme_is_shown() {
    let echo = "<p>h3ader, c0okie, t0ken</p>";
    let server = server(ResponseTemplate::new(500).set_body_string(echo)).await;
    let own = |text: &str| SecretString::from(text);
    let builder = builder(&server, "t0ken").secret_of_header(own("h3ader"));
    let builder = builder.secret_of_cookie(own("c0okie"));
    let shown = format!("{builder:?}");
    let client = builder.build().unwrap();
    let error = client.by_both().send().await.unwrap_err();
    let text = format!("{error} {error:?} {client:?} {shown}");
    assert!(text.contains("[secret], [secret], [secret]"), "{text}");
    for secret in ["h3ader", "c0okie", "t0ken"] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[test]
fn a_secret_that_no_header_can_carry_is_refused_by_the_builder() {
    for secret in ["", "a\nb"] {
        let builder = Client::builder(SecretString::from("s"));
        let built = builder.secret_of_token(SecretString::from(secret)).build();
        assert_eq!(built.unwrap_err(), ConfigError::Secret);
    }
}

#[tokio::test]
async fn no_form_of_the_secret_is_in_an_error() {
    let echo = "<p>me:s3cret or bWU6czNjcmV0</p>";
    let server = server(ResponseTemplate::new(500).set_body_string(echo)).await;
    let client = builder(&server, "me:s3cret").build().unwrap();
    let errors = [
        client.by_login().send().await.unwrap_err(),
        client.by_header().send().await.unwrap_err(),
        client.by_query().send().await.unwrap_err(),
        client.by_cookie().send().await.unwrap_err(),
    ];
    for error in &errors {
        let text = format!("{error} {error:?}");
        assert!(text.contains("[secret] or "), "{text}");
        assert!(!text.contains("s3cret"), "{text}");
    }
    assert!(!format!("{:?}", errors[0]).contains("bWU6czNjcmV0"));
    // The error of a transport does not show the secret in its URL either.
    let client = Client::builder(SecretString::from("me:s3cret")).base_url("http://127.0.0.1:1");
    let error = client.build().unwrap().by_query().send().await.unwrap_err();
    assert!(matches!(error, OperationError::Transport { .. }), "{error:?}");
    assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
}

#[tokio::test]
async fn a_secret_that_no_cookie_can_carry_is_refused_before_anything_is_sent() {
    let server = server(ResponseTemplate::new(204)).await;
    let client = builder(&server, "a; admin=1").build().unwrap();
    let error = client.by_cookie().send().await.unwrap_err();
    assert!(matches!(error, OperationError::Invalid(_)), "{error:?}");
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_stream_is_handed_out_before_it_ends_and_outlasts_the_time_out() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (go, wait) = mpsc::channel::<()>();
    let server = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut head = [0; 4096];
        let read = socket.read(&mut head).unwrap();
        let head = String::from_utf8_lossy(&head[..read]).to_lowercase();
        assert!(head.contains("accept: text/event-stream, */*"), "{head}");
        let begin = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
                     connection: close\r\n\r\ndata: one\n\n";
        socket.write_all(begin.as_bytes()).unwrap();
        wait.recv().unwrap();
        socket.write_all(b"data: two\n\n").unwrap();
    });
    let timeout = Duration::from_millis(200);
    let client = Client::builder(SecretString::from("s")).base_url(format!("http://{address}"));
    let client = client.timeout(timeout).build().unwrap();
    let mut stream = client.events().send().await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap(), b"data: one\n\n");
    // The reply takes longer than the time-out of other operations.
    tokio::time::sleep(2 * timeout).await;
    go.send(()).unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap(), b"data: two\n\n");
    assert_eq!(stream.next().await.unwrap(), None);
    server.join().unwrap();
}

#[tokio::test]
async fn a_stream_that_is_refused_is_an_error_with_its_body() {
    let body = serde_json::json!({ "errorCode": "no", "errorDescription": "not today" });
    let server = server(ResponseTemplate::new(403).set_body_json(body)).await;
    let client = builder(&server, "s").build().unwrap();
    let error = client.events().send().await.unwrap_err();
    assert_eq!(error.body().unwrap().error_code, "no");
}

#[tokio::test]
async fn the_status_tells_a_stream_from_another_reply() {
    let accepted = ResponseTemplate::new(202).set_body_json(serde_json::json!({ "wait": 3 }));
    let slow = server(accepted).await;
    let reply = builder(&slow, "s").build().unwrap().mixed().send().await.unwrap();
    assert!(matches!(reply, MixedSuccess::MixedResponse(body) if body.wait == Some(3)));
    let ready = server(ResponseTemplate::new(200).set_body_string("data: x\n\n")).await;
    let reply = builder(&ready, "s").build().unwrap().mixed().send().await.unwrap();
    let MixedSuccess::ByteStream(mut stream) = reply else { panic!("{reply:?}") };
    assert_eq!(stream.next().await.unwrap().unwrap(), b"data: x\n\n");
}

#[tokio::test]
async fn a_reply_that_may_be_a_stream_has_a_method_for_it() {
    let whole = ResponseTemplate::new(200).set_body_json(serde_json::json!({ "text": "hi" }));
    let whole = server(whole).await;
    let client = builder(&whole, "s").build().unwrap();
    let reply = client.chat(&ChatRequest::new()).send_as_stream_(true).send().await.unwrap();
    assert!(matches!(reply, ChatSuccess::ChatResponse(body) if body.text.as_deref() == Some("hi")));
    let request = whole.received_requests().await.unwrap().remove(0);
    assert_eq!(request.headers["accept"], "application/json");

    let streamed = server(ResponseTemplate::new(200).set_body_string("data: hi\n\n")).await;
    let client = builder(&streamed, "s").build().unwrap();
    let body = ChatRequest::new().stream(true);
    let mut stream = client.chat(&body).send_as_stream().await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap(), b"data: hi\n\n");
    let request = streamed.received_requests().await.unwrap().remove(0);
    assert_eq!(request.headers["accept"], "text/event-stream, */*");
    assert_eq!(request.body, br#"{"stream":true}"#);

    let refused = server(ResponseTemplate::new(403)).await;
    let client = builder(&refused, "s").build().unwrap();
    let error = client.chat(&body).send_as_stream().await.unwrap_err();
    assert_eq!(error.status().unwrap(), 403);
}

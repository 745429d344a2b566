//! Target of the secret, and time limits of connections.

use std::process::Command;
use std::time::Duration;

use cloudflare_calls::error::{ConfigError, OperationError};
use cloudflare_calls::types::AppId;
use cloudflare_calls::{CONNECT_TIMEOUT, Client, SecretString, prelude::*};
use tokio::net::{TcpSocket, TcpStream};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::{APP, SECRET, session};

fn builder(base_url: &str) -> cloudflare_calls::ClientBuilder {
    Client::builder(AppId::new(APP).unwrap(), SecretString::from(SECRET)).base_url(base_url)
}

#[test]
fn the_secret_goes_in_plain_text_to_this_machine_only_unless_asked_for() {
    for here in ["http://127.0.0.1:1", "http://[::1]/v1", "http://localhost", "http://a.localhost"]
    {
        assert!(builder(here).build().is_ok(), "{here}");
    }
    for elsewhere in ["http://10.0.0.1/v1", "http://calls.example", "http://localhost.example"] {
        let refused = builder(elsewhere).build().map(drop);
        assert_eq!(refused, Err(ConfigError::Plaintext), "{elsewhere}");
        assert!(builder(elsewhere).allow_plaintext().build().is_ok(), "{elsewhere}");
        assert!(builder(&elsewhere.replace("http:", "https:")).build().is_ok());
    }
    for name in ["a\nb", "a\0"] {
        let refused = builder("https://x").user_agent(name).build().map(drop);
        assert_eq!(refused, Err(ConfigError::UserAgent));
    }
}

const PROXY_TEST: &str = "CALLS_PROXY_TEST";

/// Makes one request. The test below runs this in a process that has a proxy.
#[tokio::test]
#[ignore = "run by another test, in a process of its own"]
async fn request_with_a_proxy_in_the_environment() {
    let base_url = std::env::var(PROXY_TEST).expect("the other test sets it");
    let client = match std::env::var("CALLS_PLAINTEXT") {
        Ok(_) => builder(&base_url).allow_plaintext().build().unwrap(),
        Err(_) => builder(&base_url).build().unwrap(),
    };
    let _ = client.get_session(&session()).send().await;
}

#[tokio::test]
async fn a_proxy_in_the_environment_does_not_get_the_secret_in_plain_text_unless_asked_for() {
    let (server, proxy) = (MockServer::start().await, MockServer::start().await);
    for server in [&server, &proxy] {
        let reply = ResponseTemplate::new(200).set_body_json(serde_json::json!({}));
        Mock::given(any()).respond_with(reply).mount(server).await;
    }
    let (base, proxy_url) = (server.uri(), proxy.uri());
    let request = move |plaintext: bool| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "transport::request_with_a_proxy_in_the_environment", "--ignored"])
            .env(PROXY_TEST, &base)
            .env("HTTP_PROXY", &proxy_url)
            .env("http_proxy", &proxy_url)
            .env_remove("NO_PROXY")
            .env_remove("no_proxy");
        if plaintext {
            command.env("CALLS_PLAINTEXT", "1");
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{output:?}");
    };
    let request = std::sync::Arc::new(request);
    for (plaintext, at_server, at_proxy) in [(false, 1, 0), (true, 1, 1)] {
        let request = std::sync::Arc::clone(&request);
        tokio::task::spawn_blocking(move || request(plaintext)).await.unwrap();
        let got = |requests: Option<Vec<wiremock::Request>>| requests.unwrap().len();
        assert_eq!(got(server.received_requests().await), at_server, "{plaintext}");
        assert_eq!(got(proxy.received_requests().await), at_proxy, "{plaintext}");
    }
}

#[tokio::test]
async fn a_connection_that_is_not_made_in_time_is_given_up_before_the_request_is() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    // The listener accepts no connection, so the queue is full after a few, and further ones hang.
    let mut queued = Vec::new();
    while let Ok(stream) =
        tokio::time::timeout(Duration::from_millis(500), TcpStream::connect(address)).await
    {
        queued.push(stream.unwrap());
    }
    let patient = 10 * CONNECT_TIMEOUT;
    let client = builder(&format!("http://{address}")).timeout(patient).build().unwrap();
    let error = tokio::time::timeout(patient / 2, client.get_session(&session()).send()).await;
    let error = error.expect("the connection is still tried").unwrap_err();
    let OperationError::Transport { source, .. } = &error else { panic!("{error:?}") };
    assert!(source.is_connect(), "nothing was sent: {error:?}");
}

#[tokio::test]
async fn the_clients_defaults_hold_for_sessions_and_adapters() {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(425)).mount(&server).await;
    let asked = async || server.received_requests().await.unwrap().len();
    let policy = super::quick().attempts(3);
    let client = builder(&server.uri()).retry(policy).label("eu 1").build().unwrap();
    client.adopt(session()).send().await.unwrap_err();
    assert_eq!(asked().await, 3);
    let id = cloudflare_calls::types::AdapterId::new("a").unwrap();
    client.close_adapters([id]).await.unwrap_err();
    assert_eq!(asked().await, 6);
    client.adopt(session()).retry(super::quick().attempts(2)).send().await.unwrap_err();
    assert_eq!(asked().await, 8, "the session's own goes before");
    client.join().retry(super::quick().attempts(1)).send().await.unwrap_err();
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests[8].url.query(), Some("correlationId=eu+1"));
}

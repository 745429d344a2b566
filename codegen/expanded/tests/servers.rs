//! Operations whose server is not the document's.

// A test fails by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::thread::JoinHandle;

use expanded::runtime::setup::ConfigError;
use expanded::secured::{Client, ClientBuilder, DEFAULT_BASE_URL};
use secrecy::SecretString;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

async fn server() -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(204)).mount(&server).await;
    server
}

fn builder(base_url: &str) -> ClientBuilder {
    Client::builder(SecretString::from("s3cret")).base_url(base_url)
}

/// Returns the paths that the server was asked for, and forgets them.
async fn paths(server: &MockServer) -> Vec<String> {
    let requests = server.received_requests().await.unwrap();
    server.reset().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(204)).mount(server).await;
    requests.iter().map(|request| request.url.path().to_owned()).collect()
}

async fn ask(client: &Client) {
    client.by_header().send().await.unwrap();
    client.upload().send().await.unwrap();
    client.list().send().await.unwrap();
    client.health().send().await.unwrap();
}

#[tokio::test]
async fn another_base_url_stands_for_all_servers_and_relative_ones_are_at_its_host() {
    let all = server().await;
    let client = builder(&format!("{}/v1", all.uri())).build().unwrap();
    ask(&client).await;
    assert_eq!(paths(&all).await, ["/v1/header", "/v1/files", "/beta/files", "/health"]);
}

#[tokio::test]
async fn each_server_can_have_a_url_of_its_own() {
    let (one, other) = (server().await, server().await);
    let client = builder(&one.uri()).base_url_of_files_secured_example(other.uri() + "/up");
    let client = client.base_url_of_beta(other.uri()).build().unwrap();
    ask(&client).await;
    assert_eq!(paths(&one).await, ["/header", "/health"]);
    assert_eq!(paths(&other).await, ["/up/files", "/files"]);
}

/// Starts a proxy that accepts one connection and closes it. Returns its URL, and the first line
/// that it was sent.
fn proxy() -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let line = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        BufReader::new(stream).lines().next().unwrap().unwrap()
    });
    (url, line)
}

#[tokio::test]
async fn a_server_of_the_document_is_asked_if_the_base_url_is_the_documents() {
    let (url, line) = proxy();
    let http = reqwest::Client::builder().proxy(reqwest::Proxy::all(url).unwrap());
    let client = builder(DEFAULT_BASE_URL).http_client(http.build().unwrap()).build().unwrap();
    client.upload().send().await.unwrap_err();
    assert_eq!(line.join().unwrap(), "CONNECT files.secured.example:443 HTTP/1.1");
}

#[test]
fn a_server_that_cannot_be_used_is_refused_before_anything_is_sent() {
    let build = |url: &str| builder(DEFAULT_BASE_URL).base_url_of_beta(url).build();
    assert_eq!(build("beta").unwrap_err(), ConfigError::BaseUrl);
    assert_eq!(build("https://beta.example?x=1").unwrap_err(), ConfigError::BaseUrl);
    assert_eq!(build("http://beta.example").unwrap_err(), ConfigError::Plaintext);
    // The proxies of an HTTP client for https get no secret in plain text.
    assert_eq!(build("http://127.0.0.1:9").unwrap_err(), ConfigError::Plaintext);
    assert!(builder("http://127.0.0.1:9").base_url_of_beta("http://[::1]:9").build().is_ok());
}

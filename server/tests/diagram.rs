//! Requests to the Calls API for the diagram. The test is a program of its own: tests without a
//! subscriber turn spans off for the whole process.

// A test fails by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use cloudflare_calls::types::AppId;
use cloudflare_calls::{Client, SecretString, reqwest};
use cloudflare_calls_emulator::Emulator;
use cloudflare_calls_server::diagram::Diagram;
use cloudflare_calls_server::{Admission, Entrance, NotAdmitted, Role, Server};
use serde_json::{Value, json};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

#[tokio::test]
async fn each_request_to_the_api_is_an_arrow_with_the_member_that_it_is_for() {
    let diagram = Diagram::new();
    let mut arrows = diagram.arrows();
    tracing_subscriber::registry().with(diagram).init();
    let emulator = Emulator::builder().canned().start().await.unwrap();
    let app = &emulator.apps()[0];
    let secret = SecretString::from(app.expose_secret());
    let client = Client::builder(AppId::new(app.id()).unwrap(), secret);
    let client = client.base_url(emulator.base_url()).build().unwrap();
    let admit = async |_: Entrance| Ok::<_, NotAdmitted>(Admission::new(Role::Member));
    let server = Server::builder(client, admit).start();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let room = format!("http://{}/rooms/lobby", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, server.router()).await });

    let http = reqwest::Client::new();
    let post = async |path: &str, token: &str, body: String| -> Value {
        let request = http.post(format!("{room}/{path}")).bearer_auth(token).body(body);
        let reply = request.send().await.unwrap();
        assert!(reply.status().is_success(), "{path}: {}", reply.status());
        serde_json::from_str(&reply.text().await.unwrap()).unwrap()
    };
    let joined = post("members", "", String::new()).await;
    let token = joined["token"].as_str().unwrap();
    let session = post("sessions/new", token, String::new()).await;
    let session = session["sessionId"].as_str().unwrap();
    let track = json!({ "location": "local", "trackName": "mic", "kind": "audio",
        "bidirectionalMediaStream": true });
    let body = json!({ "tracks": [track] }).to_string();
    post(&format!("sessions/{session}/tracks/new"), token, body).await;
    for expected in ["new_session", "new_tracks"] {
        let arrow = arrows.recv().await.unwrap();
        assert_eq!(arrow.operation, expected);
        assert_eq!(arrow.method, "POST");
        assert!(matches!(arrow.status, Some(200 | 201)), "{:?}", arrow.status);
        assert!(arrow.ms.is_some() && arrow.at > 0);
        assert_eq!(arrow.label, format!("lobby/{}", joined["member"]["id"].as_str().unwrap()));
    }
}

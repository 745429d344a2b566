//! Events of a room, over WebSockets and as server-sent events.

use std::time::Duration;

use cloudflare_calls::reqwest::Method;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::ClientRequestBuilder;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::support::{Member, PATIENCE, ROOM, World, admit, canned, limits, sent};

struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    async fn open(member: &Member, query: &str) -> Self {
        let url = format!("{}/events{query}", member.room.replace("http", "ws"));
        let token = format!("calls.token.{}", member.token);
        let request = ClientRequestBuilder::new(url.parse().unwrap());
        let request = request.with_sub_protocol("calls.v1").with_sub_protocol(token);
        let (socket, reply) = connect_async(request).await.unwrap();
        // The token is not repeated.
        assert_eq!(reply.headers()["sec-websocket-protocol"], "calls.v1");
        Self(socket)
    }

    /// Returns the next message but pings, which are answered. A number stands for the code of a
    /// close.
    async fn next(&mut self) -> Value {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.0.next()).await.unwrap();
            match message.unwrap().unwrap() {
                Message::Text(text) => {
                    let event: Value = serde_json::from_str(&text).unwrap();
                    if event["type"] != "ping" {
                        return event;
                    }
                    self.0.send(Message::text(r#"{"type":"pong"}"#)).await.unwrap();
                }
                Message::Close(frame) => return json!(u16::from(frame.unwrap().code)),
                _ => {}
            }
        }
    }

    /// Returns the type and the number of each of the next events.
    async fn events(&mut self, count: usize) -> Vec<(String, u64)> {
        let mut events = Vec::new();
        for _ in 0..count {
            let event = self.next().await;
            let kind = event["type"].as_str().unwrap_or_else(|| panic!("{event}")).to_owned();
            events.push((kind, event["seq"].as_u64().unwrap()));
        }
        events
    }
}

#[tokio::test]
async fn a_snapshot_comes_first_and_then_events_without_a_gap() {
    let world = World::canned().await;
    let ada = world.join(ROOM, "").await;
    let mut socket = Socket::open(&ada, "").await;
    let snapshot = socket.next().await;
    assert_eq!((&snapshot["type"], &snapshot["seq"]), (&json!("snapshot"), &json!(2)));
    assert_eq!(snapshot["members"][0]["presence"], "here");
    let bob = world.join(ROOM, "").await;
    let session = bob.session().await;
    bob.publish(&session, "mic").await;
    bob.delete(&format!("members/{}", bob.id)).await.is(204);
    let expected = [("joined", 3), ("published", 4), ("left", 5)];
    assert_eq!(socket.events(3).await, expected.map(|(kind, seq)| (kind.to_owned(), seq)));
}

#[tokio::test]
async fn a_connection_that_comes_back_gets_what_it_missed_and_no_snapshot() {
    let world = World::canned().await;
    let ada = world.join(ROOM, "").await;
    let mut socket = Socket::open(&ada, "").await;
    assert_eq!(socket.next().await["seq"], 2);
    drop(socket);
    ada.until(|members| members[0]["presence"] == "away").await;
    world.join(ROOM, "").await;
    let mut socket = Socket::open(&ada, "?after=2").await;
    let expected = [("away", 3), ("joined", 4), ("here", 5)];
    assert_eq!(socket.events(3).await, expected.map(|(kind, seq)| (kind.to_owned(), seq)));
    // An unknown number is answered with the whole state.
    let mut other = Socket::open(&ada, "?after=99").await;
    assert_eq!(other.next().await["type"], "snapshot");
}

#[tokio::test]
async fn the_close_says_why_a_member_is_not_there_any_more() {
    let world = World::canned().await;
    let moderator = world.join(ROOM, "role=moderator").await;
    let removed = world.join(ROOM, "").await;
    let mut of_removed = Socket::open(&removed, "").await;
    assert_eq!(of_removed.next().await["type"], "snapshot");
    moderator.delete(&format!("members/{}", removed.id)).await.is(204);
    let left = of_removed.next().await;
    assert_eq!((&left["type"], &left["reason"]), (&json!("left"), &json!("removed")));
    assert_eq!(of_removed.next().await, 4001);

    let mut of_moderator = Socket::open(&moderator, "").await;
    assert_eq!(of_moderator.next().await["type"], "snapshot");
    moderator.delete("").await.is(204);
    assert_eq!(of_moderator.next().await["reason"], "ended");
    assert_eq!(of_moderator.next().await, 4003);

    let another = world.join(ROOM, "").await;
    let mut socket = Socket::open(&another, "").await;
    assert_eq!(socket.next().await["type"], "snapshot");
    world.server.drain().await;
    assert_eq!(socket.next().await, 1013, "connect elsewhere");
}

#[tokio::test]
async fn a_connection_on_which_nothing_comes_is_closed_and_its_member_expires() {
    let mut limits = limits();
    limits.heartbeat = Duration::from_millis(200);
    limits.absence = Duration::from_secs(1);
    let world = World::start(canned(), admit, limits).await;
    let silent = world.join(ROOM, "").await;
    let mut socket = Socket::open(&silent, "").await;
    assert_eq!(socket.next().await["type"], "snapshot");
    let mut watching = Socket::open(&world.join(ROOM, "").await, "").await;
    let event = loop {
        let event = watching.next().await;
        if event["type"] == "left" {
            break event;
        }
        assert!(event.is_object(), "who answers stays: {event}");
    };
    assert_eq!((&event["member"], &event["reason"]), (&json!(silent.id), &json!("expired")));
}

#[tokio::test]
async fn server_sent_events_go_on_from_the_last_id() {
    let world = World::canned().await;
    let ada = world.join(ROOM, "").await;
    let mut stream = sse(&ada, None).await;
    assert!(until(&mut stream, "\"type\":\"snapshot\"").await.contains("id: 2\n"));
    let bob = world.join(ROOM, "").await;
    assert!(until(&mut stream, "\"type\":\"joined\"").await.contains("id: 3\n"));
    let mut again = sse(&bob, Some("2")).await;
    let missed = until(&mut again, "\"type\":\"here\"").await;
    assert!(missed.contains("\"type\":\"joined\"") && !missed.contains("snapshot"), "{missed}");
    // The stream ends with the membership.
    bob.delete(&format!("members/{}", bob.id)).await.is(204);
    let rest = async { while again.chunk().await.unwrap().is_some() {} };
    tokio::time::timeout(PATIENCE, rest).await.unwrap();
    sent(bob.request(Method::GET, "events")).await.refused(401, "unauthorized");
}

type Stream = cloudflare_calls::reqwest::Response;

async fn sse(member: &Member, last: Option<&str>) -> Stream {
    let request = member.request(Method::GET, "events").header("accept", "text/event-stream");
    let request = match last {
        Some(last) => request.header("last-event-id", last),
        None => request,
    };
    let reply = request.send().await.unwrap();
    assert_eq!(reply.headers()["content-type"], "text/event-stream");
    reply
}

/// Returns the text of the stream up to the end of the event that contains this.
async fn until(stream: &mut Stream, wanted: &str) -> String {
    let mut text = String::new();
    let read = async {
        while !(text.contains(wanted) && text.ends_with("\n\n")) {
            let chunk = stream.chunk().await.unwrap().expect("the stream goes on");
            text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    };
    let read = tokio::time::timeout(PATIENCE, read).await;
    assert!(read.is_ok(), "{text}");
    text
}

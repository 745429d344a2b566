//! Requests and replies that Calls does not have.

// A test fails by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use expanded::odd::Client;
use expanded::odd::types::*;
use expanded::runtime::error::OperationError;
use secrecy::SecretString;
use serde_json::json;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

async fn server(reply: ResponseTemplate) -> (MockServer, Client) {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(reply).mount(&server).await;
    let client = Client::builder(SecretString::from("s")).base_url(server.uri()).build().unwrap();
    (server, client)
}

fn room() -> RoomId {
    RoomId::new("r1").unwrap()
}

#[tokio::test]
async fn query_and_header_parameters_are_sent_as_declared() {
    let (server, client) = server(ResponseTemplate::new(204)).await;
    let reply = client
        .get_room(&room(), 3, "tenant")
        .fields([Field::Name, Field::from("other")])
        .tags(["a", "b c"].map(str::to_owned))
        .send_(true)
        .x_trace_id("t-1")
        .send()
        .await;
    assert_eq!(reply.unwrap(), GetRoomSuccess::Empty);
    let requests = server.received_requests().await.unwrap();
    let query: Vec<_> = requests[0].url.query_pairs().into_owned().collect();
    let expected = [
        ("depth", "3"),
        ("fields", "name"),
        ("fields", "other"),
        ("tags", "a,b c"),
        ("send", "true"),
    ];
    assert_eq!(query, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert_eq!(requests[0].headers["x-tenant"], "tenant");
    assert_eq!(requests[0].headers["x-trace-id"], "t-1");
}

#[tokio::test]
async fn parameters_of_every_named_kind_are_sent_as_text() {
    let (server, client) = server(ResponseTemplate::new(404)).await;
    let door = DoorId::new("d1").unwrap();
    let stamp = Stamp::new("2026-01-01T00:00:00Z").unwrap();
    let maybe_color = MaybeColor::from("other");
    let request = client
        .find(&door, &Color::Red, &maybe_color, &stamp, Color::DarkGreen, 0.5)
        .color(Color::from("grey"))
        .tint(Color::Red)
        .maybe_color(MaybeColor::Blue)
        .ticket_id("t 1")
        .door_id(door.clone())
        .door(door.clone())
        .label("a&b")
        .stamp(stamp.clone())
        .uuid(uuid::Uuid::nil())
        .maybe_label("m")
        .limit(u64::MAX)
        .offset(-1)
        .maybe_limit(2)
        .level(1)
        .ratio(0.25)
        .weight(1.5)
        .flag(true)
        .maybe_flag(false)
        .labels(["a", "b"].map(str::to_owned))
        .colors([Color::Red, Color::DarkGreen])
        .doors([door.clone()])
        .limits([1, -2])
        .moods([Mood::Glad, Mood::from("new")])
        .more_labels(["c".to_owned()]);
    let request = request
        .x_color(Color::DarkGreen)
        .x_ticket_id("t-1")
        .x_door(door.clone())
        .x_label("l")
        .x_limit(7)
        .x_weight(2.5)
        .x_flag(true)
        .x_labels(["a", "b"].map(str::to_owned))
        .x_colors([Color::Red, Color::DarkGreen])
        .x_limits([3, 4])
        .x_moods([Mood::Calm]);
    request.send().await.unwrap_err();
    client.measure(5, -6, 1.25, false).send().await.unwrap_err();
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests[0].url.path(), "/named/d1/red/other/2026-01-01T00:00:00Z");
    assert_eq!(requests[1].url.path(), "/named/5/-6/1.25/false/measure");
    let query: Vec<_> = requests[0].url.query_pairs().into_owned().collect();
    let expected = [
        ("shade", "dark green"),
        ("color", "grey"),
        ("tint", "red"),
        ("maybeColor", "blue"),
        ("ticketId", "t 1"),
        ("doorId", "d1"),
        ("door", "d1"),
        ("label", "a&b"),
        ("stamp", "2026-01-01T00:00:00Z"),
        ("uuid", "00000000-0000-0000-0000-000000000000"),
        ("maybeLabel", "m"),
        ("limit", "18446744073709551615"),
        ("offset", "-1"),
        ("maybeLimit", "2"),
        ("level", "1"),
        ("ratio", "0.25"),
        ("weight", "1.5"),
        ("flag", "true"),
        ("maybeFlag", "false"),
        ("labels", "a,b"),
        ("colors", "red"),
        ("colors", "dark green"),
        ("doors", "d1"),
        ("limits", "1,-2"),
        ("moods", "glad"),
        ("moods", "new"),
        ("moreLabels", "c"),
    ];
    assert_eq!(query, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    for (name, value) in [
        ("x-color", "dark green"),
        ("x-ticketid", "t-1"),
        ("x-door", "d1"),
        ("x-label", "l"),
        ("x-limit", "7"),
        ("x-ratio", "0.5"),
        ("x-weight", "2.5"),
        ("x-flag", "true"),
        ("x-labels", "a,b"),
        ("x-colors", "red,dark green"),
        ("x-limits", "3,4"),
        ("x-moods", "calm"),
    ] {
        assert_eq!(requests[0].headers[name], value, "{name}");
    }
}

#[tokio::test]
async fn a_named_value_may_be_null_in_a_reply() {
    let body = json!({ "color": "red", "maybeColor": null, "label": "l", "limit": 3,
        "maybeLabel": null, "limits": null, "door": "d", "choice": null, "lastDoor": "" });
    let (_server, client) = server(ResponseTemplate::new(200).set_body_json(body)).await;
    let (door, stamp) = (DoorId::new("d").unwrap(), Stamp::new("s").unwrap());
    let request = client.find(&door, &Color::Red, &MaybeColor::Blue, &stamp, Color::Red, 1.0);
    let named = request.send().await.unwrap();
    assert_eq!((named.color, named.maybe_color, named.door), (Color::Red, None, Some(door)));
    assert_eq!((named.label.as_str(), named.limit), ("l", 3));
    assert_eq!((named.choice, named.last_door), (None, None));
}

#[tokio::test]
async fn a_header_that_cannot_be_sent_is_refused_before_anything_is() {
    let (server, client) = server(ResponseTemplate::new(204)).await;
    let error = client.get_room(&room(), 0, "a\r\nx: y").send().await.unwrap_err();
    assert_eq!(error.to_string(), "get_room: not sent: invalid value for the header x-tenant");
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn each_documented_success_is_told_apart() {
    let room_body = json!({ "name": "n", "parent2": null, "list": [] });
    let (_server, client) = server(ResponseTemplate::new(200).set_body_json(room_body)).await;
    let reply = client.get_room(&room(), 0, "t").send().await.unwrap();
    assert!(
        matches!(reply, GetRoomSuccess::Room(room) if room.name == "n" && room.parent2.is_none())
    );
    let (_server, client) =
        server(ResponseTemplate::new(202).set_body_json(json!({ "retryIn": 1.5 }))).await;
    let reply = client.get_room(&room(), 0, "t").send().await.unwrap();
    assert!(
        matches!(reply, GetRoomSuccess::GetRoomResponse(later) if later.retry_in == Some(1.5.into()))
    );
}

#[tokio::test]
async fn each_documented_error_is_told_apart() {
    let refused = |status: u16| async move {
        let body = json!({ "what": "door", "detail": "locked" });
        let (_server, client) = server(ResponseTemplate::new(status).set_body_json(body)).await;
        client.get_room(&room(), 0, "t").send().await.unwrap_err()
    };
    let error = refused(404).await;
    assert!(matches!(error.body(), Some(GetRoomError::Missing(body)) if body.what == "door"));
    let error = refused(500).await;
    assert!(matches!(error.body(), Some(GetRoomError::Problem(body)) if body.detail.is_some()));
}

#[tokio::test]
async fn a_path_parameter_that_is_an_enum_cannot_lead_elsewhere() {
    let (server, client) = server(ResponseTemplate::new(200)).await;
    let error = client.head_kind(1, &Kind::from("..")).send().await.unwrap_err();
    assert!(matches!(error, OperationError::Invalid(_)), "{error:?}");
    for kind in [Kind::A, Kind::from("../d")] {
        client.head_kind(-1, &kind).send().await.unwrap();
    }
    let requests = server.received_requests().await.unwrap();
    let paths: Vec<&str> = requests.iter().map(|request| request.url.path()).collect();
    assert_eq!(paths, ["/levels/-1/kinds/a", "/levels/-1/kinds/..%2Fd"]);
}

#[tokio::test]
async fn an_optional_body_is_sent_only_if_it_is_set() {
    let (server, client) = server(ResponseTemplate::new(200).set_body_json(json!([]))).await;
    client.replace_room(&room()).send().await.unwrap();
    let body = Room::new(["x".to_owned()], "n").type_("t").with_new("new");
    client.replace_room(&room()).body(&body).send().await.unwrap();
    let requests = server.received_requests().await.unwrap();
    assert!(requests[0].body.is_empty());
    let sent: serde_json::Value = serde_json::from_slice(&requests[1].body).unwrap();
    let expected =
        json!({ "list": ["x"], "name": "n", "new": "new", "parent2": null, "type": "t" });
    assert_eq!(sent, expected);
}

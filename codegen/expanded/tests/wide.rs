//! Requests and replies of generated clients, for parts of OpenAPI that few documents use.

// A test fails by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use expanded::runtime::error::OperationError;
use expanded::runtime::forms::File;
use expanded::wide::types::*;
use expanded::wide::{Client, DEFAULT_BASE_URL};
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

fn point() -> Point {
    Point::new().x(1).y(2)
}

#[tokio::test]
async fn every_style_is_sent_as_the_standard_says() {
    let (server, client) = server(ResponseTemplate::new(204)).await;
    let request = client
        .styles([3, 4], ["a".to_owned(), "b/c".to_owned()], 7, &Format::Html)
        .deep(point())
        .spread(point())
        .flat(point())
        .piped(point())
        .spaced(point())
        .pipes(["p".to_owned(), "q".to_owned()])
        .spaces(["r".to_owned(), "s".to_owned()])
        .filter(point())
        .x_point(point())
        .x_spread(point())
        .session("c")
        .flags([1, 2]);
    request.send().await.unwrap();
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests[0].url.path(), "/styles/;matrix=3,4/.a.b%2Fc/7.html/");
    let query: Vec<_> = requests[0].url.query_pairs().into_owned().collect();
    let expected = [
        ("deep[x]", "1"),
        ("deep[y]", "2"),
        ("x", "1"),
        ("y", "2"),
        ("flat", "x,1,y,2"),
        ("piped", "x|1|y|2"),
        ("spaced", "x 1 y 2"),
        ("pipes", "p|q"),
        ("spaces", "r s"),
        ("filter", r#"{"x":1,"y":2}"#),
    ];
    assert_eq!(query, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert_eq!(requests[0].headers["x-point"], "x,1,y,2");
    assert_eq!(requests[0].headers["x-spread"], "x=1,y=2");
    assert_eq!(requests[0].headers["cookie"], "session=c; flags=1,2");
    let again = client.styles([1], ["a".to_owned()], 1, &Format::Json).session("c; admin=1");
    assert!(matches!(again.send().await, Err(OperationError::Invalid(_))));
}

#[tokio::test]
async fn text_is_sent_and_read_as_it_is() {
    let (server, client) = server(ResponseTemplate::new(200).set_body_string("grüße")).await;
    assert_eq!(client.say("hello").send().await.unwrap(), "grüße");
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests[0].body, b"hello");
    assert_eq!(requests[0].headers["content-type"], "text/plain");
    assert_eq!(requests[0].headers["accept"], "text/plain, */*;q=0.1");
}

#[tokio::test]
async fn a_list_may_be_the_body_of_an_error() {
    let (_server, client) = server(ResponseTemplate::new(422).set_body_json(json!(["no"]))).await;
    let error = client.say("hello").send().await.unwrap_err();
    assert!(matches!(error.body(), Some(SayError::SayErrorBody(list)) if list == &["no"]));
}

#[tokio::test]
async fn replies_of_several_kinds_are_told_apart() {
    let reply = |template: ResponseTemplate| async move {
        let (server, client) = server(template).await;
        let reply = client.store().body([0_u8, 255]).send().await.unwrap();
        assert_eq!(server.received_requests().await.unwrap()[0].body, [0, 255]);
        reply
    };
    let bytes = ResponseTemplate::new(200).set_body_bytes([1, 2]);
    assert_eq!(reply(bytes).await, StoreSuccess::RawBytes(vec![1, 2]));
    let json = ResponseTemplate::new(201).set_body_json(json!({ "x": 1, "y": 2 }));
    assert!(matches!(reply(json).await, StoreSuccess::Point(point) if point.x == Some(1)));
    let text = ResponseTemplate::new(202).set_body_string("later");
    assert_eq!(reply(text).await, StoreSuccess::PlainText("later".to_owned()));
    assert_eq!(reply(ResponseTemplate::new(204)).await, StoreSuccess::Empty);
}

#[tokio::test]
async fn forms_are_encoded() {
    let (server, client) = server(ResponseTemplate::new(204)).await;
    let form = Form::new("a&b").tags(["one".to_owned(), "two".to_owned()]).point(point());
    client.submit(&form).send().await.unwrap();
    let requests = server.received_requests().await.unwrap();
    let sent = String::from_utf8(requests[0].body.clone()).unwrap();
    assert_eq!(sent, "name=a%26b&point=%7B%22x%22%3A1%2C%22y%22%3A2%7D&tags=one&tags=two");
    assert_eq!(requests[0].headers["content-type"], "application/x-www-form-urlencoded");
    assert!(requests[0].url.query().is_none());
}

#[tokio::test]
async fn a_property_of_a_form_has_its_style() {
    let (server, client) = server(ResponseTemplate::new(204)).await;
    let form = Form::new("a").tags(["one".to_owned(), "two".to_owned()]).point(point());
    client.submit_deep(&form).send().await.unwrap();
    client.submit_flat(&form).send().await.unwrap();
    let requests = server.received_requests().await.unwrap();
    let sent = requests.iter().map(|request| str::from_utf8(&request.body).unwrap());
    let sent: Vec<String> = sent.map(|body| body.replace("%5B", "[").replace("%5D", "]")).collect();
    let deep = "name=a&point[x]=1&point[y]=2&tags[0]=one&tags[1]=two";
    assert_eq!(sent, [deep, "name=a&x=1&y=2&tags=one%2Ctwo"]);
    assert_eq!(requests[0].headers["content-type"], "application/x-www-form-urlencoded");
}

#[tokio::test]
async fn a_multipart_body_has_a_part_for_each_value() {
    let (server, client) = server(ResponseTemplate::new(204)).await;
    let upload = Upload::new(File::new("a\".txt", "--part-boundary-0"))
        .more([File::new("b", [0_u8, 1])])
        .title("t")
        .point(point())
        .numbers([5, 6]);
    client.upload(&upload).send().await.unwrap();
    let requests = server.received_requests().await.unwrap();
    let media = requests[0].headers["content-type"].to_str().unwrap();
    assert_eq!(media, "multipart/form-data; boundary=part-boundary-1");
    let sent = String::from_utf8_lossy(&requests[0].body).into_owned();
    let parts: Vec<&str> = sent.split("--part-boundary-1").collect();
    assert_eq!(parts.len(), 8, "{sent}");
    assert!(parts[1].contains("name=\"file\"; filename=\"a%22.txt\"\r\nContent-Type: application/octet-stream\r\n\r\n--part-boundary-0\r\n"), "{sent}");
    assert!(parts[2].contains("name=\"more\"; filename=\"b\""), "{sent}");
    assert!(parts[3].ends_with("name=\"numbers\"\r\n\r\n5\r\n"), "{sent}");
    assert!(parts[5].contains("Content-Type: application/json\r\n\r\n{\"x\":1,\"y\":2}"), "{sent}");
    assert!(parts[6].contains("name=\"title\"\r\nContent-Type: text/markdown\r\n\r\nt"), "{sent}");
    assert_eq!(parts[7], "--\r\n");
    assert!(!format!("{upload:?}").contains("part-boundary"));
}

#[tokio::test]
async fn another_kind_of_json_says_so() {
    let (server, client) = server(ResponseTemplate::new(204)).await;
    client.amend().body(&point()).send().await.unwrap();
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests[0].headers["content-type"], "application/merge-patch+json");
}

#[tokio::test]
async fn the_kinds_of_replies_are_asked_for() {
    let (server, client) = server(ResponseTemplate::new(200).set_body_json(point())).await;
    assert_eq!(client.vendor().send().await.unwrap(), point());
    client.store().send().await.unwrap();
    client.adopt(&Pet::Cat(Cat::new("Cat"))).send().await.unwrap();
    let requests = server.received_requests().await.unwrap();
    let accepted: Vec<_> = requests.iter().map(|request| &request.headers["accept"]).collect();
    let store = "application/octet-stream, application/json, text/html, */*;q=0.1";
    assert_eq!(accepted, ["application/vnd.wide+json; version=2", store, "application/json"]);
}

#[tokio::test]
async fn the_kind_of_a_union_decides_how_it_is_read() {
    let body = json!({
        "pet": { "kind": "dog", "name": "n", "trick": "roll" },
        "animal": { "kind": "Bird", "wings": 2 },
        "either": [{ "a": "1", "b": "2" }, { "a": "1" }, 7, "none of them"],
        "tree": { "left": { "all": [{}] } }, "matrix": [[], [[]]],
        "vote": "-1", "maybe": null, "many": [null, "x"], "unknown": 3,
    });
    let (server, client) = server(ResponseTemplate::new(200).set_body_json(&body)).await;
    let pet = Pet::Dog(Dog::new("wrong").trick("sit"));
    let reply = client.adopt(&pet).send().await.unwrap();
    let sent = &server.received_requests().await.unwrap()[0].body;
    let sent: serde_json::Value = serde_json::from_slice(sent).unwrap();
    assert_eq!(sent, json!({ "kind": "dog", "trick": "sit" }));
    assert!(matches!(&reply.pet, Some(Pet::Dog(dog)) if dog.trick.as_deref() == Some("roll")));
    assert!(matches!(&reply.animal, Some(Animal::Bird(bird)) if bird.wings == Some(2)));
    let Some(Either::EitherList(list)) = &reply.either else { panic!("{:?}", reply.either) };
    assert!(
        matches!(&list[0], Either::EitherB(both) if both.b.as_deref() == Some("2")),
        "{list:?}"
    );
    assert!(matches!(&list[2], Either::Integer(7)), "{list:?}");
    assert!(matches!(&list[3], Either::Other(_)), "{list:?}");
    assert_eq!(reply.vote, Some(Vote::Minus1));
    assert_eq!(reply.many, [None, Some("x".to_owned())]);
    assert_eq!(reply.extra["unknown"], 3);
    assert_eq!(serde_json::to_value(&reply).unwrap(), body);
}

#[tokio::test]
async fn a_tag_that_no_alternative_has_is_kept() {
    let body = json!({ "pet": { "kind": "fish", "fins": 2 }, "maybe": { "x": 1 } });
    let (_server, client) = server(ResponseTemplate::new(200).set_body_json(&body)).await;
    let reply = client.adopt(&Pet::Cat(Cat::new("Cat"))).send().await.unwrap();
    assert!(matches!(&reply.pet, Some(Pet::Other(value)) if value["fins"] == 2));
}

#[test]
fn variables_of_the_server_have_their_defaults() {
    assert_eq!(DEFAULT_BASE_URL, "https://eu.example/v1");
}

#[test]
fn alternatives_within_alternatives_take_no_time_that_doubles() {
    let nest = |levels: usize| {
        let mut value = json!({ "cold": "at the end" });
        for level in 0..levels {
            let own = if level % 2 == 0 { "warm" } else { "cold" };
            value = json!({ "inner": value, own: "x" });
        }
        value
    };
    // If each level doubled the time, this would not end.
    let value = nest(60);
    let read: Nest = serde_json::from_value(value.clone()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), value);
    // A choice is forgotten after its value.
    let (warm, cold): (Nest, Nest) = (
        serde_json::from_value(json!({ "warm": "x" })).unwrap(),
        serde_json::from_value(json!({ "cold": "x" })).unwrap(),
    );
    assert!(matches!(warm, Nest::NestWarm(_)), "{warm:?}");
    assert!(matches!(cold, Nest::NestCold(_)), "{cold:?}");
}

#[tokio::test]
async fn the_query_of_a_path_is_a_query_and_its_fragment_is_not_sent() {
    let (server, client) = server(ResponseTemplate::new(204)).await;
    client.find_one("a&b=c").n(3).send().await.unwrap();
    client.find_one("d").send().await.unwrap();
    client.find_many(7).send().await.unwrap();
    let requests = server.received_requests().await.unwrap();
    let sent = requests
        .iter()
        .map(|request| format!("{}?{}", request.url.path(), request.url.query().unwrap()));
    let expected = ["/find%20it?v=2&q=a%26b%3Dc&n=3", "/find%20it?v=2&q=d", "/find%20it?all=&v=7"];
    assert_eq!(sent.collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn text_in_a_path_is_escaped() {
    let (server, client) = server(ResponseTemplate::new(204)).await;
    client.file("a b/../ü%?#", "1.0").send().await.unwrap();
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests[0].url.path(), "/files/a%20b%2F..%2F%C3%BC%25%3F%23/1.0");
    // Parsers of URLs leave out tabs and line breaks.
    for lost in ["", ".", "..", ".\t.", "a\nb", "\r"] {
        let error = client.file("a", lost).send().await.unwrap_err();
        assert!(matches!(error, OperationError::Invalid(_)), "{lost:?}: {error}");
    }
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_empty_list_and_null_are_sent_if_they_are_set() {
    let reply = r#"{"kept":[],"owner":{"name":"o"},"text":null,"by":["a"],"editors":[null,"one"]}"#;
    let (server, client) = server(ResponseTemplate::new(200).set_body_string(reply)).await;
    let none: [String; 0] = [];
    let full =
        Note::new(none.clone()).tags(none.clone()).labels(Default::default()).more(none.clone());
    let full = full.null_due().with_null_text().by(none).null_text(true);
    let read = client.change(&full).send().await.unwrap();
    assert_eq!((read.text, read.due), (Some(None), None));
    assert_eq!(read.owner.unwrap().name.unwrap(), "o");
    assert_eq!(read.editors, Some(vec![None, Some(Editor::One)]));
    assert_eq!((read.by, read.tags), (Some(Some(vec!["a".to_owned()])), None));
    client.change(&Note::new(["a".to_owned()]).text("b")).send().await.unwrap();
    let sent: Vec<serde_json::Value> = server
        .received_requests()
        .await
        .unwrap()
        .iter()
        .map(|request| request.body_json().unwrap())
        .collect();
    let first = json!({ "kept": [], "tags": [], "labels": {}, "due": null, "text": null,
        "by": [], "null_text": true, "owner": null });
    assert_eq!(sent, [first, json!({ "kept": ["a"], "text": "b", "owner": null })]);
}

#[tokio::test]
async fn a_reply_may_be_null_where_the_document_says_so() {
    for (reply, kept) in [("null", None), (r#"{"kept":["a"],"owner":null}"#, Some(1))] {
        let (_server, client) = server(ResponseTemplate::new(200).set_body_string(reply)).await;
        let note = client.newest().send().await.unwrap();
        assert_eq!(note.map(|note| note.kept.len()), kept, "{reply}");
    }
}

#[test]
fn of_alternatives_that_keep_all_the_one_that_adds_nothing_is_taken() {
    for place in [json!({ "row": 1 }), json!({ "row": 1, "floor": null })] {
        let note = json!({ "kept": [], "owner": null, "place": place });
        let read: Note = serde_json::from_value(note.clone()).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), note);
    }
}

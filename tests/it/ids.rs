//! Ids, each of which leads only to its own path.

use cloudflare_calls::error::InvalidId;
use cloudflare_calls::types::{AdapterId, AppId, NewSessionResponse, SessionId};
use proptest::prelude::*;
use serde_json::json;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

#[test]
fn a_text_that_could_lead_elsewhere_is_no_id() {
    for (text, reason) in [
        ("", InvalidId::Empty),
        (".", InvalidId::LeadingDot),
        ("..", InvalidId::LeadingDot),
        ("..;x", InvalidId::LeadingDot),
        ("a/b", InvalidId::Character),
        ("a\\b", InvalidId::Character),
        ("a?x=1", InvalidId::Character),
        ("a#b", InvalidId::Character),
        ("%2e%2e", InvalidId::Character),
        ("a b", InvalidId::Character),
        ("a\0b", InvalidId::Character),
        ("a\r\nHost: x", InvalidId::Character),
        ("\u{7f}", InvalidId::Character),
        ("\u{2025}", InvalidId::Character),
        (&"a".repeat(257), InvalidId::TooLong),
    ] {
        assert_eq!(SessionId::new(text), Err(reason), "{text:?}");
        assert_eq!(AppId::try_from(text), Err(reason), "{text:?}");
        assert_eq!(text.parse::<AdapterId>(), Err(reason), "{text:?}");
    }
}

#[test]
fn ids_of_the_api_are_accepted() {
    for text in [super::SESSION, "a", "A-b_c~d.e", "1:2@3", &"a".repeat(256)] {
        assert_eq!(SessionId::new(text).unwrap().as_str(), text);
    }
}

#[test]
fn an_id_from_the_network_is_held_to_the_same_rule() {
    for text in ["..", "a/b", ""] {
        assert!(serde_json::from_value::<SessionId>(json!(text)).is_err(), "{text}");
        assert!(
            serde_json::from_value::<NewSessionResponse>(json!({ "sessionId": text })).is_err(),
            "{text}"
        );
    }
}

#[test]
fn the_reason_does_not_repeat_the_id() {
    let error = SessionId::new("pass word").unwrap_err();
    assert_eq!(error.to_string(), "the id has a character that no id has");
}

proptest! {
    #[test]
    fn an_accepted_id_is_one_segment_of_a_path(text in "[!-~]{0,12}|\\PC{0,8}") {
        let Ok(id) = SessionId::new(text.as_str()) else { return Ok(()) };
        prop_assert_eq!(id.as_str(), &text);
        let url = cloudflare_calls::reqwest::Url::parse(&format!("http://h/sessions/{text}/tracks/new")).unwrap();
        let segments: Vec<_> = url.path_segments().unwrap().collect();
        prop_assert_eq!(segments.len(), 4);
        prop_assert_eq!((segments[0], segments[2], segments[3]), ("sessions", "tracks", "new"));
        prop_assert!(url.query().is_none() && url.fragment().is_none());
    }

    #[test]
    fn any_printable_id_is_accepted_or_named(text in "[ -~]{1,40}") {
        let expected = !text.starts_with('.') && !text.contains(['/', '\\', '?', '#', '%', ' ']);
        prop_assert_eq!(SessionId::new(text).is_ok(), expected);
    }
}

#[tokio::test]
async fn every_accepted_character_arrives_as_it_was() {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({})))
        .mount(&server)
        .await;
    let client = super::client(&server.uri());
    let accepted: String =
        (b'!'..=b'~').map(char::from).filter(|c| !"/\\?#%".contains(*c)).collect();
    let id = SessionId::new(format!("x{accepted}")).unwrap();
    client.get_session(&id).send().await.unwrap();
    let requests = server.received_requests().await.unwrap();
    let segments: Vec<_> = requests[0].url.path_segments().unwrap().collect();
    assert_eq!(segments.len(), 4, "{segments:?}");
    let escaped = segments[3].to_owned();
    let mut bytes = escaped.bytes();
    let mut decoded = String::new();
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b'%' => {
                let digits: String = bytes.by_ref().take(2).map(char::from).collect();
                u8::from_str_radix(&digits, 16).unwrap()
            }
            byte => byte,
        };
        decoded.push(char::from(byte));
    }
    assert_eq!(decoded, id.as_str());
}

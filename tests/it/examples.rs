//! Examples of the document: each goes through the generated types and comes back equal.

use cloudflare_calls::types::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Returns the examples of one body: the media type's own, and those of its schema.
fn examples(body: &Value) -> Vec<Value> {
    let media = &body["content"]["application/json"];
    let named =
        media["examples"].as_object().into_iter().flatten().map(|(_, example)| &example["value"]);
    let branches = media["schema"]["allOf"].as_array().into_iter().flatten();
    let own = media.get("example").into_iter();
    own.chain(named).chain(branches.filter_map(|branch| branch.get("example"))).cloned().collect()
}

fn round_trip<T: DeserializeOwned + Serialize>(example: &Value) -> Value {
    let value: T = serde_json::from_value(example.clone())
        .unwrap_or_else(|error| panic!("{error}: {example:#}"));
    serde_json::to_value(value).expect("JSON")
}

type RoundTrip = fn(&Value) -> Value;

/// Returns the types of an operation's request and successful response.
fn bodies(place: &str) -> (Option<RoundTrip>, RoundTrip) {
    let place =
        place.trim_start_matches("/apps/{appId}/").trim_start_matches("sessions/{sessionId}");
    match place {
        "sessions/new" => (None, round_trip::<NewSessionResponse>),
        "adapters/websocket/new" => {
            (Some(round_trip::<NewAdapterRequest>), round_trip::<NewAdapterResponse>)
        }
        "adapters/websocket/close" => {
            (Some(round_trip::<CloseAdapterRequest>), round_trip::<CloseAdapterResponse>)
        }
        "/tracks/new" => (Some(round_trip::<TracksRequest>), round_trip::<TracksResponse>),
        "/renegotiate" => {
            (Some(round_trip::<RenegotiateRequest>), round_trip::<RenegotiateResponse>)
        }
        "/tracks/close" => {
            (Some(round_trip::<CloseTracksRequest>), round_trip::<CloseTracksResponse>)
        }
        "/tracks/update" => {
            (Some(round_trip::<UpdateTracksRequest>), round_trip::<UpdateTracksResponse>)
        }
        "/datachannels/establish" => (
            Some(round_trip::<EstablishDataChannelsTransportRequest>),
            round_trip::<EstablishDataChannelsTransportResponse>,
        ),
        "/datachannels/new" | "/datachannels/update" => {
            (Some(round_trip::<DataChannelsRequest>), round_trip::<DataChannelsResponse>)
        }
        "/datachannels/close" => {
            (Some(round_trip::<CloseDataChannelsRequest>), round_trip::<CloseDataChannelsResponse>)
        }
        "" => (None, round_trip::<GetSessionStateResponse>),
        other => panic!("an operation that this test does not know: {other}"),
    }
}

#[test]
fn every_example_of_the_document_comes_back_equal() {
    let document: Value = serde_json::from_str(include_str!("../../openapi.json")).expect("JSON");
    let (mut requests, mut responses) = (0, 0);
    for (path, item) in document["paths"].as_object().expect("paths") {
        let (request, response) = bodies(path);
        for operation in item.as_object().expect("a path item").values() {
            for example in examples(&operation["requestBody"]) {
                let request = request.expect("only operations with a body have examples of one");
                assert_eq!(request(&example), example, "{path}");
                requests += 1;
            }
            for (status, body) in operation["responses"].as_object().expect("responses") {
                for example in examples(body) {
                    let decoded = match status.as_str() {
                        "400" | "406" => round_trip::<ApiError>(&example),
                        _ => response(&example),
                    };
                    assert_eq!(decoded, example, "{path} {status}");
                    responses += 1;
                }
            }
        }
    }
    assert_eq!(
        (requests, responses),
        (REQUESTS, RESPONSES),
        "the document has other examples than before"
    );
}

/// Numbers of examples of requests and of responses in the document: 57 in all.
const REQUESTS: usize = 28;
const RESPONSES: usize = 29;

#[test]
fn examples_that_only_a_schema_has_are_found() {
    let body = json!({ "content": { "application/json": { "schema": { "allOf": [{}, { "example": 1 }] } } } });
    assert_eq!(examples(&body), [json!(1)]);
}

//! Generated types: kept fields, sent fields and refusals.

use std::collections::BTreeMap;

use cloudflare_calls::types::*;
use serde_json::{json, to_value};

#[test]
fn fields_that_are_not_set_are_not_sent() {
    assert_eq!(to_value(DataChannel::new()).unwrap(), json!({}));
    assert_eq!(to_value(TracksRequest::new()).unwrap(), json!({}));
    assert_eq!(to_value(Simulcast::new()).unwrap(), json!({}));
}

#[test]
fn false_true_and_unset_are_three_things() {
    for (channel, sent) in [
        (DataChannel::new(), json!({})),
        (DataChannel::new().can_reply(false), json!({ "canReply": false })),
        (DataChannel::new().can_reply(true), json!({ "canReply": true })),
    ] {
        assert_eq!(to_value(&channel).unwrap(), sent);
        assert_eq!(serde_json::from_value::<DataChannel>(sent).unwrap(), channel);
    }
}

#[test]
fn zero_retransmits_is_not_unset() {
    let channel = DataChannel::new().ordered(false).max_retransmits(0);
    assert_eq!(to_value(channel).unwrap(), json!({ "ordered": false, "maxRetransmits": 0 }));
}

#[test]
fn a_value_that_the_document_does_not_know_is_kept_and_written_back() {
    let received = json!({ "location": "relay", "errorCode": "brand_new_error", "kind": "screen" });
    let track: TrackResult = serde_json::from_value(received.clone()).unwrap();
    assert_eq!(track.location, Some(TrackLocation::Other("relay".to_owned())));
    assert_eq!(track.error_code.as_ref().map(ErrorCode::as_str), Some("brand_new_error"));
    assert_eq!(to_value(&track).unwrap(), received);
}

#[test]
fn known_text_never_becomes_the_unknown_value() {
    assert_eq!(TrackLocation::from("local"), TrackLocation::Local);
    assert_eq!(TrackLocation::from("remote".to_owned()), TrackLocation::Remote);
    assert_eq!(ErrorCode::from("session_error").to_string(), "session_error");
    assert_eq!(TrackLocation::Other("local".to_owned()), TrackLocation::Local);
    assert!(TrackLocation::Local < TrackLocation::Remote, "by the text");
}

#[test]
fn ids_and_counts_are_integers() {
    let channel: DataChannelResult = serde_json::from_value(json!({ "id": 65534 })).unwrap();
    let id: u16 = channel.id.unwrap();
    assert_eq!(id, 65534);
    let adapter: CloseAdapterResult =
        serde_json::from_value(json!({ "bytesProcessed": u64::MAX })).unwrap();
    assert_eq!(adapter.bytes_processed, Some(u64::MAX));
    assert!(serde_json::from_value::<DataChannelResult>(json!({ "id": 1.5 })).is_err());
}

#[test]
fn a_field_that_the_document_does_not_know_is_no_error() {
    let reply = json!({ "sessionId": super::SESSION, "region": "x", "stats": { "a": [1] } });
    let reply: NewSessionResponse = serde_json::from_value(reply).unwrap();
    assert_eq!(reply.session_id.as_str(), super::SESSION);
}

#[test]
fn null_for_an_optional_list_or_value_is_none() {
    let reply = json!({ "tracks": null, "sessionDescription": null, "errorCode": null });
    let reply: TracksResponse = serde_json::from_value(reply).unwrap();
    assert!(reply.tracks.is_empty());
    assert!(reply.session_description.is_none());
    assert!(reply.error_code.is_none());
}

#[test]
fn the_empty_mid_and_id_of_a_failed_item_do_not_spoil_the_reply() {
    let reply = json!({ "tracks": [
        { "mid": "0", "trackName": "a" },
        { "mid": "", "sessionId": "", "errorCode": "not_found_track_error", "errorDescription": "gone" },
    ]});
    let reply: TracksResponse = serde_json::from_value(reply).unwrap();
    assert_eq!(reply.tracks[1].mid.as_deref(), Some(""));
    assert_eq!(reply.tracks[1].session_id, None);
    assert_eq!(reply.tracks[1].error_code, Some(ErrorCode::NotFoundTrackError));
}

#[test]
fn debug_shows_no_session_description() {
    let description = SessionDescription::offer("v=0\r\na=ice-pwd:hunter2\r\n");
    let shown = format!("{:?}", TracksRequest::new().session_description(description));
    assert!(!shown.contains("v=0") && !shown.contains("hunter2"), "{shown}");
    assert!(shown.contains("[24 bytes hidden]"), "{shown}");
    let reply: TracksResponse =
        serde_json::from_value(json!({ "errorDescription": "bad line in v=0\r\na=x" })).unwrap();
    let shown = format!("{reply:?}");
    assert!(shown.contains("bad line in [SDP removed]"), "{shown}");
}

/// Types that differ only in their names are one type, or an alias.
#[test]
fn no_two_types_have_the_same_fields_or_values() {
    let text = include_str!("../../generated/client.rs");
    let types = text
        .split("pub mod types {")
        .nth(1)
        .and_then(|rest| rest.split("\npub mod operations").next());
    let mut shapes: BTreeMap<Vec<&str>, &str> = BTreeMap::new();
    let (mut name, mut members, mut count) = ("", Vec::new(), 0);
    for line in types.expect("the module of types").lines() {
        let line_text = line.trim();
        if let Some(rest) =
            line_text.strip_prefix("pub struct ").or_else(|| line_text.strip_prefix("pub enum "))
        {
            (name, members) = (rest.trim_end_matches(" {"), Vec::new());
        } else if line == "    }" && !name.is_empty() {
            count += 1;
            if let Some(other) = shapes.insert(members.clone(), name) {
                panic!("{name} and {other} are the same: {members:?}");
            }
            name = "";
        } else if !name.is_empty() && !line_text.starts_with("///") && !line_text.starts_with('#') {
            members.push(line_text);
        }
    }
    assert!(count > 35, "only {count} types were found: does this test still read the text right?");
}

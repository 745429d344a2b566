//! Requests that are refused before anything is sent, by the field.

use cloudflare_calls::data_channels::{Delivery, LocalDataChannel, RetryLimit};
use cloudflare_calls::error::{Invalid, Problem};
use cloudflare_calls::tracks::{LocalTrack, OfferedTrack, RemoteTrack, TrackUpdate};
use cloudflare_calls::types::*;
use cloudflare_calls::{Answer, Error, Mid, Offer, prelude::*};
use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};
use serde_json::{Value, json};

use super::sfu::{Operation, Sfu};
use super::{data_offer, join, mid, offer, session};

/// Returns the field and the problem of a refusal.
fn refused<T: std::fmt::Debug>(result: Result<T, Error>) -> (String, Problem) {
    match result.expect_err("it is refused") {
        Error::Invalid { source: Invalid { field, problem, .. }, .. } => (field.into(), problem),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn wrong_steps_are_refused_before_the_network_and_lose_nothing() {
    let sfu = Sfu::start().await;
    let session = join(&sfu).await;
    let other = super::session();
    let too_many = Problem::TooMany { max: 64, given: 65 };

    let track = |index: usize| LocalTrack::new(mid(&index.to_string()), format!("t{index}"));
    let publish = |tracks: Vec<LocalTrack>| session.publish(offer(&["0"]), tracks);
    let field = |field: &str| field.to_owned();
    assert_eq!(refused(publish(vec![]).await), (field("tracks"), Problem::Empty));
    assert_eq!(refused(publish((0..65).map(track).collect()).await), (field("tracks"), too_many));
    let unnamed = vec![track(0), LocalTrack::new(mid("1"), "")];
    assert_eq!(refused(publish(unnamed).await), (field("tracks[1].trackName"), Problem::Empty));
    let twice = vec![track(0), LocalTrack::new(mid("0"), "b")];
    assert_eq!(refused(publish(twice).await), (field("tracks[1].mid"), Problem::Duplicate));
    let offered = session.publish_without_offer([OfferedTrack::video("")]).await;
    assert_eq!(refused(offered), (field("tracks[0].trackName"), Problem::Empty));

    let remote = |name: &str| RemoteTrack::new(other.clone(), name);
    let subscribed = session.subscribe((0..65).map(|index| remote(&format!("t{index}")))).await;
    assert_eq!(refused(subscribed), (field("tracks"), too_many));
    assert_eq!(refused(session.subscribe([]).await), (field("tracks"), Problem::Empty));
    let subscribed = session.subscribe([remote("a"), remote("")]).await;
    assert_eq!(refused(subscribed), (field("tracks[1].trackName"), Problem::Empty));

    let closed = session.close_negotiated(offer(&["0"]), []).await;
    assert_eq!(refused(closed), (field("tracks"), Problem::Empty));
    let closed =
        session.close_negotiated(offer(&["0"]), (0..65).map(|m| mid(&m.to_string()))).await;
    assert_eq!(refused(closed), (field("tracks"), too_many));
    let layer = (0..65).map(|m| TrackUpdate::source(mid(&m.to_string()), other.clone(), "a"));
    assert_eq!(refused(session.update(layer).await), (field("tracks"), too_many));
    assert_eq!(refused(session.update([]).await), (field("tracks"), Problem::Empty));

    let _ = session.establish_data_channels_with(data_offer("0")).await.unwrap();
    let channels = session.publish_data_channels([LocalDataChannel::new("")]).await;
    assert_eq!(refused(channels), (field("dataChannels[0].dataChannelName"), Problem::Empty));
    assert_eq!(
        refused(session.publish_data_channels([]).await),
        (field("dataChannels"), Problem::Empty)
    );

    assert_eq!(sfu.calls().len(), 2, "to join and for the transport");
    assert_eq!(sfu.count(Operation::NewTracks), 0);
    publish(vec![track(0)]).await.expect("the session is as it was").outcome.into_result().unwrap();
}

#[test]
fn requests_made_by_hand_can_be_checked_as_well() {
    let local = || Track::new().location(TrackLocation::Local).mid("0").track_name("a");
    let remote =
        || Track::new().location(TrackLocation::Remote).session_id(session()).track_name("a");
    let sdp = "v=0\r\ns=-\r\n";
    let with_offer = |tracks: Vec<Track>| {
        TracksRequest::new().tracks(tracks).session_description(SessionDescription::offer(sdp))
    };
    let without = |tracks: Vec<Track>| TracksRequest::new().tracks(tracks);
    let expect = |request: TracksRequest, field: &str, problem| {
        let invalid = request.check().unwrap_err();
        assert_eq!((&*invalid.field, invalid.problem), (field, problem));
    };
    with_offer(vec![local()]).check().unwrap();
    without(vec![remote()]).check().unwrap();
    without(vec![local().kind(TrackKind::Audio)]).check().unwrap();
    expect(without(vec![remote(), local()]), "tracks", Problem::MixedLocations);
    let mut no_mid = local();
    no_mid.mid = None;
    expect(with_offer(vec![no_mid]), "tracks[0].mid", Problem::Missing);
    expect(with_offer(vec![local().mid("")]), "tracks[0].mid", Problem::Empty);
    without(vec![local()]).check().expect("a section that is there already");
    expect(without(vec![local().mid("#a")]), "tracks[0].kind", Problem::Missing);
    let mut no_name = remote();
    no_name.track_name = None;
    expect(without(vec![no_name]), "tracks[0].trackName", Problem::Missing);
    let mut no_session = remote();
    no_session.session_id = None;
    expect(without(vec![no_session]), "tracks[0].sessionId", Problem::Missing);
    let mut nowhere = remote();
    nowhere.location = None;
    expect(without(vec![nowhere]), "tracks[0].location", Problem::Missing);
    expect(without(vec![]).auto_discover(true), "sessionDescription", Problem::Missing);
    let of = |description| TracksRequest::new().tracks([local()]).session_description(description);
    let is_no_offer = Problem::SdpType { expected: "offer" };
    expect(of(SessionDescription::answer(sdp)), "sessionDescription.type", is_no_offer);
    expect(of(SessionDescription::new().sdp(sdp)), "sessionDescription.type", is_no_offer);
    expect(of(SessionDescription::offer("hello")), "sessionDescription.sdp", Problem::NotSdp);
    expect(of(SessionDescription::offer("v=0\r\ns=-")), "sessionDescription.sdp", Problem::SdpEnd);
    expect(of(SessionDescription::offer("")), "sessionDescription.sdp", Problem::Empty);

    let invalid = CloseTracksRequest::new(false, [CloseTrack::new("0")]).check().unwrap_err();
    assert_eq!(&*invalid.field, "sessionDescription");
    assert!(CloseTracksRequest::forced(["0"]).check().is_ok());
    assert!(CloseTracksRequest::forced([""]).check().is_err());
    let answer = |description| RenegotiateRequest::new().session_description(description).check();
    assert!(answer(SessionDescription::answer(sdp)).is_ok());
    let invalid = answer(SessionDescription::offer(sdp)).unwrap_err();
    assert_eq!(invalid.problem, Problem::SdpType { expected: "answer" });
    assert!(RenegotiateRequest::new().check().is_err());
}

#[test]
fn an_offer_is_no_answer() {
    let sdp = "v=0\r\ns=-\r\n";
    let offer = json!({ "type": "offer", "sdp": sdp });
    assert!(serde_json::from_value::<Offer>(offer.clone()).is_ok());
    let error = serde_json::from_value::<Answer>(offer).unwrap_err();
    assert_eq!(error.to_string(), "sessionDescription.type: is no answer");
    for wrong in [json!({}), json!({ "type": "offer" }), json!({ "sdp": sdp })] {
        assert!(serde_json::from_value::<Offer>(wrong).is_err());
    }
    assert_eq!(format!("{:?}", Offer::new(sdp).unwrap()), "Offer([10 bytes hidden])");
}

#[test]
fn a_delivery_policy_is_read_as_it_is_written() {
    let policies = [
        (Delivery::default(), json!({})),
        (Delivery::default().unordered(), json!({ "ordered": false })),
        (Delivery::default().limit(RetryLimit::Retransmits(0)), json!({ "maxRetransmits": 0 })),
        (Delivery::default().limit(RetryLimit::LifeTime(9)), json!({ "maxPacketLifeTime": 9 })),
    ];
    for (policy, text) in policies {
        assert_eq!(serde_json::to_value(policy).unwrap(), text);
        assert_eq!(serde_json::from_value::<Delivery>(text).unwrap(), policy);
    }
    let both = json!({ "maxRetransmits": 0, "maxPacketLifeTime": 0 });
    assert!(serde_json::from_value::<Delivery>(both).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn a_mid_is_never_empty_and_never_a_reference(text in any::<String>()) {
        match Mid::new(text.clone()) {
            Ok(mid) => {
                prop_assert!(!text.is_empty() && !text.starts_with('#'));
                prop_assert!(text.bytes().all(|byte| byte.is_ascii_graphic()));
                prop_assert_eq!(mid.as_str(), &text);
                let json = serde_json::to_string(&mid).unwrap();
                prop_assert_eq!(serde_json::from_str::<Mid>(&json).unwrap(), mid);
            }
            Err(invalid) => {
                // The problem is one of two, whatever the text is.
                let problem = if text.is_empty() { Problem::Empty } else { Problem::Malformed };
                prop_assert_eq!(invalid.problem, problem);
                prop_assert_eq!(invalid.to_string(), format!("mid: {problem}"));
                prop_assert!(serde_json::from_value::<Mid>(Value::from(text)).is_err());
            }
        }
    }

    #[test]
    fn other_text_than_a_session_description_never_becomes_an_offer(text in "(v=0\r\n)?[a-z=\r\n]{0,20}\n?") {
        let is_right = (text.starts_with("v=0\r\n") || text.starts_with("v=0\n")) && text.ends_with('\n');
        prop_assert_eq!(Offer::new(text.clone()).is_ok(), is_right);
        let json = json!({ "type": "offer", "sdp": text });
        match serde_json::from_value::<Offer>(json.clone()) {
            Ok(offer) => prop_assert_eq!(serde_json::to_value(offer).unwrap(), json),
            Err(_) => prop_assert!(!is_right),
        }
    }

    #[test]
    fn checking_never_panics_and_refuses_all_that_is_too_much(
        locations in proptest::collection::vec(any::<Option<bool>>(), 0..80),
        has_offer in any::<bool>(),
        texts in proptest::collection::vec(any::<Option<String>>(), 2),
    ) {
        let tracks: Vec<Track> = locations.iter().map(|location| {
            let mut track = Track::new();
            track.location = location.map(|is_local| match is_local {
                true => TrackLocation::Local,
                false => TrackLocation::Remote,
            });
            track.mid = texts[0].clone();
            track.track_name = texts[1].clone();
            track
        }).collect();
        let mut request = TracksRequest::new().tracks(tracks);
        if has_offer {
            request = request.session_description(SessionDescription::offer("v=0\r\n"));
        }
        if request.check().is_ok() {
            prop_assert!((1..=64).contains(&locations.len()));
            prop_assert!(locations.iter().all(|location| *location == locations[0]));
            prop_assert!(texts[1].as_ref().is_some_and(|name| !name.is_empty()));
        }
    }
}

//! The rules of the API, as the fake has them.

use cloudflare_calls::types::*;
use cloudflare_calls::{Client, reqwest};
use serde_json::{Value, json};

use super::super::{ICE_PWD, ICE_UFRAG, Location, Sfu, offer_sdp};
use super::{answer, close, mids, publish, refusal, remote, subscribe};
use crate::{APP, SECRET};

fn channel(location: TrackLocation, name: &str) -> DataChannel {
    DataChannel::new().location(location).data_channel_name(name)
}

#[tokio::test]
async fn a_reused_transceiver_and_failures_alone_need_no_exchange() {
    let sfu = Sfu::start().await;
    let client = sfu.client();
    let (a, b) = (sfu.new_session(), sfu.new_session());
    sfu.publish(&a, "voice");
    publish(&client, &b, "0", "mic").await.unwrap();
    let body = TracksRequest::new().tracks([remote(&a, "voice").mid("#mic"), remote(&a, "none")]);
    let reply = client.new_tracks(&b, &body).send().await.unwrap();
    assert_eq!(reply.tracks[0].mid.as_deref(), Some("0"));
    assert_eq!(reply.requires_immediate_renegotiation, Some(false));
    assert!(reply.session_description.is_none());
    assert_eq!(sfu.tracks(&b)[1].location, Location::Remote);

    let body = UpdateTracksRequest::new().tracks([remote(&a, "none").mid("0")]);
    let reply = client.update_tracks(&b, &body).send().await.unwrap();
    assert_eq!(reply.tracks[0].error_code, Some(ErrorCode::NotFoundTrackError));
    sfu.publish(&a, "other");
    let body = UpdateTracksRequest::new().tracks([remote(&a, "other").mid("0")]);
    client.update_tracks(&b, &body).send().await.unwrap();
    assert_eq!(sfu.tracks(&b)[1].name, "other");
    close(&client, &b, &["0"]).await.unwrap();
    assert_eq!(sfu.open_tracks(&b), mids(&[]), "both directions");

    publish(&client, &b, "0", "again").await.unwrap();
    let reply = subscribe(&client, &a, &b, &["again"]).await.unwrap();
    assert_eq!(reply.tracks[0].error_code, Some(ErrorCode::EmptyTrackError), "a mid used twice");
}

#[tokio::test]
async fn tracks_are_discovered_in_the_offer_or_offered_by_the_sfu() {
    let sfu = Sfu::start().await;
    let client = sfu.client();
    let a = sfu.new_session();
    publish(&client, &a, "0", "mic").await.unwrap();
    let offer = SessionDescription::offer(offer_sdp(&["0", "1"]));
    let body = TracksRequest::new().session_description(offer).auto_discover(true);
    let reply = client.new_tracks(&a, &body).send().await.unwrap();
    assert_eq!(reply.tracks.len(), 1);
    assert_eq!(reply.tracks[0].mid.as_deref(), Some("1"));
    assert!(reply.tracks[0].track_name.is_some());

    let track = Track::new().location(TrackLocation::Local).track_name("late");
    let body = TracksRequest::new().tracks([track.kind(TrackKind::Audio)]);
    let reply = client.new_tracks(&a, &body).send().await.unwrap();
    assert_eq!(reply.tracks[0].mid.as_deref(), Some("2"));
    let offer = reply.session_description.unwrap();
    assert_eq!(offer.type_, Some(SdpType::Offer));
    let sdp = offer.sdp.unwrap();
    assert!(sdp.contains("a=mid:2\r\n") && sdp.contains(ICE_PWD) && sdp.contains(ICE_UFRAG));
    answer(&client, &a).await.unwrap();
    let body = CloseTracksRequest::negotiated(["0", "2"], offer_sdp(&["0"]));
    let reply = client.close_tracks(&a, &body).send().await.unwrap();
    assert_eq!(reply.session_description.unwrap().type_, Some(SdpType::Answer));
    assert_eq!(sfu.open_tracks(&a), mids(&["1"]));
}

#[tokio::test]
async fn what_is_malformed_is_refused_with_the_code_of_the_api() {
    let sfu = Sfu::start().await;
    let id = sfu.new_session();
    let url = format!("{}/apps/{APP}/sessions/{id}/tracks", sfu.base_url());
    let offer = |kind: &str, sdp: &str| json!({ "type": kind, "sdp": sdp });
    let local = json!({ "location": "local", "trackName": "x", "mid": "0", "kind": "audio" });
    let remote = json!({ "location": "remote", "trackName": "x", "sessionId": id.as_str() });
    let description = "invalid_session_description";
    let cases = [
        (
            "new",
            json!({ "tracks": [{ "location": "local" }], "sessionDescription": offer("offer", "v=0\n") }),
            406,
            "invalid_params",
        ),
        ("new", json!({ "tracks": [local, remote] }), 406, "invalid_params"),
        ("new", json!({ "tracks": vec![&remote; 65] }), 406, "invalid_params"),
        ("new", json!({ "tracks": [] }), 406, "invalid_params"),
        ("new", json!({ "tracks": [{ "location": "sideways" }] }), 400, "decoding_error"),
        ("new", json!({ "tracks": 5 }), 400, "decoding_error"),
        (
            "new",
            json!({ "tracks": [local], "sessionDescription": offer("answer", "v=0\n") }),
            406,
            description,
        ),
        (
            "new",
            json!({ "tracks": [local], "sessionDescription": offer("offer", "v=0") }),
            406,
            description,
        ),
        (
            "new",
            json!({ "tracks": [local], "sessionDescription": offer("offer", "o=\n") }),
            406,
            description,
        ),
        ("close", json!({ "tracks": [{ "mid": "0" }] }), 406, "invalid_params"),
        ("close", json!({ "tracks": [{ "mid": "0" }], "force": false }), 406, "invalid_params"),
        ("update", json!({ "tracks": [remote] }), 406, "invalid_params"),
    ];
    let http = reqwest::Client::new();
    for (operation, body, status, code) in cases {
        let method = if operation == "new" { reqwest::Method::POST } else { reqwest::Method::PUT };
        let request = http.request(method, format!("{url}/{operation}")).bearer_auth(SECRET);
        let reply = request.body(body.to_string()).send().await.unwrap();
        let seen = reply.status().as_u16();
        let text = reply.text().await.unwrap();
        let reply: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((seen, &reply["errorCode"]), (status, &code.into()), "{body} {text}");
    }
    assert_eq!(sfu.violations(), [""; 0]);
    assert_eq!(sfu.open_tracks(&id), mids(&[]));
}

#[tokio::test]
async fn who_is_unknown_is_refused() {
    let sfu = Sfu::start().await;
    let client = sfu.client();
    let error = close(&client, &crate::session(), &["0"]).await.unwrap_err();
    assert_eq!(refusal(&error), (404, "not_found"));
    for (app, secret, expected) in
        [(APP, "other", (401, "unauthorized")), ("other", SECRET, (404, "not_found"))]
    {
        let app = AppId::new(app).unwrap();
        let stranger =
            Client::builder(app, secret.into()).base_url(sfu.base_url()).build().unwrap();
        assert_eq!(refusal(&stranger.new_session().send().await.unwrap_err()), expected);
    }
}

#[tokio::test]
async fn data_channels_live_from_establishing_to_closing() {
    let sfu = Sfu::start().await;
    let client = sfu.client();
    let sessions = [sfu.new_session(), sfu.new_session(), sfu.new_session()];
    let chat = |location| DataChannelsRequest::new().data_channels([channel(location, "chat")]);
    let publication = chat(TrackLocation::Local);
    let events = channel(TrackLocation::Remote, "server-events");
    let establish = EstablishDataChannelsTransportRequest::new().data_channel(events);
    let error = client.new_data_channels(&sessions[0], &publication).send().await.unwrap_err();
    assert_eq!(refusal(&error), (406, "invalid_params"));
    for session in &sessions {
        let reply = client.establish_data_channels(session, &establish).send().await.unwrap();
        assert_eq!(reply.requires_immediate_renegotiation, Some(true));
        assert_eq!(reply.data_channel.unwrap().id, Some(0));
        answer(&client, session).await.unwrap();
    }
    let error = client.establish_data_channels(&sessions[0], &establish).send().await.unwrap_err();
    assert_eq!(refusal(&error), (406, "invalid_params"));

    let send = |index: usize, body| {
        let (client, session) = (&client, &sessions[index]);
        async move { client.new_data_channels(session, &body).send().await }
    };
    let reply = send(0, publication.clone()).await.unwrap();
    assert_eq!(reply.data_channels[0].id, Some(1));
    let reply = send(0, publication).await.unwrap();
    assert_eq!(reply.data_channels[0].error_code, Some(ErrorCode::RepeatedLocalTrackError));
    let subscription = channel(TrackLocation::Remote, "chat").session_id(sessions[0].clone());
    for index in [1, 2] {
        let entry = subscription.clone().can_reply(true).wait_for_ack(true);
        let reply = send(index, DataChannelsRequest::new().data_channels([entry])).await.unwrap();
        assert_eq!(reply.data_channels[0].id, Some(1));
    }
    let can_reply = |index: usize| sfu.channel(&sessions[index], 1).unwrap().can_reply;
    assert_eq!([can_reply(1), can_reply(2)], [false, true], "the newest grant wins");
    for (grant, expected) in [(Some(true), true), (None, true), (Some(false), false)] {
        let mut entry = subscription.clone();
        entry.can_reply = grant;
        let body = DataChannelsRequest::new().data_channels([entry]);
        client.update_data_channels(&sessions[1], &body).send().await.unwrap();
        assert_eq!([can_reply(1), can_reply(2)], [expected, false]);
    }
    let both = channel(TrackLocation::Local, "x").max_retransmits(1).max_packet_life_time(1);
    let error = send(0, DataChannelsRequest::new().data_channels([both])).await.unwrap_err();
    assert_eq!(refusal(&error), (406, "invalid_params"));
    let ids = [DataChannel::new().id(1), DataChannel::new().id(1)];
    let body = CloseDataChannelsRequest::new().data_channels(ids);
    let reply = client.close_data_channels(&sessions[0], &body).send().await.unwrap();
    assert_eq!(reply.data_channels[0].data_channel_name.as_deref(), Some("chat"));
    assert_eq!(reply.data_channels[1].error_code, Some(ErrorCode::CloseTrackError));
    assert_eq!(
        (sfu.open_channels(&sessions[0]).len(), sfu.open_channels(&sessions[1]).len()),
        (0, 1)
    );
}

#[tokio::test]
async fn adapters_are_created_and_closed() {
    let sfu = Sfu::start().await;
    let client = sfu.client();
    let adapter = |endpoint: &str| {
        NewAdapter::new(endpoint, TrackLocation::Local, "tts").input_codec(InputCodec::Pcm)
    };
    let body =
        NewAdapterRequest::new([adapter("wss://e.example/in"), adapter("wss://fail.example")]);
    let reply = client.new_websocket_adapters(&body).send().await.unwrap();
    assert_eq!(reply.tracks[1].error_code, Some(ErrorCode::WebsocketHandshakeFailed));
    let (id, session) = (reply.tracks[0].adapter_id.clone(), reply.tracks[0].session_id.clone());
    let (id, session) = (id.unwrap(), session.unwrap());
    assert_eq!((sfu.open_adapters().len(), sfu.open_tracks(&session).len()), (1, 1));
    for count in [0, 5] {
        let body = NewAdapterRequest::new(vec![adapter("wss://e.example/in"); count]);
        let error = client.new_websocket_adapters(&body).send().await.unwrap_err();
        assert_eq!(error.status().unwrap().as_u16(), 406);
    }
    let body = NewAdapterRequest::new([adapter("wss://fail.example")]);
    let error = client.new_websocket_adapters(&body).send().await.unwrap_err();
    assert_eq!(error.status().unwrap().as_u16(), 503);

    let unknown = AdapterId::new("unknown").unwrap();
    let body = CloseAdapterRequest::new([id, unknown].map(CloseAdapter::new));
    for bytes in [Some(83_492), None] {
        let reply = client.close_websocket_adapters(&body).send().await.unwrap();
        assert_eq!((&reply.tracks[0].error_code, reply.tracks[0].bytes_processed), (&None, bytes));
        assert_eq!(reply.tracks[1].error_code, Some(ErrorCode::AdapterNotFound));
    }
    assert_eq!((sfu.open_adapters().len(), sfu.open_tracks(&session).len()), (0, 0));
}

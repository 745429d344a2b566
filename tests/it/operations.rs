//! All twelve operations, with their requests and replies.

use cloudflare_calls::types::*;
use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::{APP, SECRET, SESSION, client, session};

/// Server that gives one reply to all requests, and shows the one request that came.
struct Exchange {
    server: MockServer,
}

impl Exchange {
    async fn with(status: u16, reply: &Value) -> Self {
        let server = MockServer::start().await;
        Mock::given(any())
            .respond_with(ResponseTemplate::new(status).set_body_json(reply))
            .mount(&server)
            .await;
        Self { server }
    }

    fn client(&self) -> cloudflare_calls::Client {
        client(&format!("{}/v1", self.server.uri()))
    }

    /// Checks the common parts of every request, and the rest against the arguments.
    async fn sent(&self, method: &str, path: &str, body: Option<Value>) -> Request {
        let mut requests = self.server.received_requests().await.unwrap();
        assert_eq!(requests.len(), 1);
        let request = requests.remove(0);
        assert_eq!(request.method.as_str(), method);
        assert_eq!(request.url.path(), format!("/v1/apps/{APP}{path}"));
        assert_eq!(request.headers["authorization"], format!("Bearer {SECRET}"));
        assert_eq!(request.headers["accept"], "application/json");
        match body {
            Some(body) => {
                assert_eq!(request.headers["content-type"], "application/json");
                assert_eq!(serde_json::from_slice::<Value>(&request.body).unwrap(), body);
            }
            None => {
                assert!(request.body.is_empty());
                assert!(!request.headers.contains_key("content-type"));
            }
        }
        request
    }
}

fn offer() -> SessionDescription {
    SessionDescription::offer("v=0\r\n")
}

#[tokio::test]
async fn new_session_sends_no_body_and_no_query_unless_asked() {
    let exchange = Exchange::with(201, &json!({ "sessionId": SESSION })).await;
    let reply = exchange.client().new_session().send().await.unwrap();
    assert_eq!(reply.session_id.as_str(), SESSION);
    let request = exchange.sent("POST", "/sessions/new", None).await;
    assert_eq!(request.url.query(), None);
}

#[tokio::test]
async fn new_session_sends_what_was_asked_as_query() {
    let exchange = Exchange::with(201, &json!({ "sessionId": SESSION })).await;
    let client = exchange.client();
    client.new_session().thirdparty(false).correlation_id("a b&c=d").send().await.unwrap();
    let request = exchange.sent("POST", "/sessions/new", None).await;
    let query: Vec<_> = request.url.query_pairs().into_owned().collect();
    let expected = [("thirdparty", "false"), ("correlationId", "a b&c=d")];
    assert_eq!(query, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[tokio::test]
async fn new_tracks_publishes_with_an_offer() {
    let reply = json!({ "requiresImmediateRenegotiation": false, "tracks": [{ "mid": "4", "trackName": "mic" }],
        "sessionDescription": { "type": "answer", "sdp": "v=0\r\n" } });
    let exchange = Exchange::with(200, &reply).await;
    let track = Track::new().location(TrackLocation::Local).mid("4").track_name("mic");
    let body = TracksRequest::new().session_description(offer()).tracks([track]);
    let reply = exchange.client().new_tracks(&session(), &body).send().await.unwrap();
    assert_eq!(reply.session_description.unwrap().type_, Some(SdpType::Answer));
    assert_eq!(reply.tracks[0].track_name.as_deref(), Some("mic"));
    let body = json!({ "sessionDescription": { "type": "offer", "sdp": "v=0\r\n" },
        "tracks": [{ "location": "local", "mid": "4", "trackName": "mic" }] });
    exchange.sent("POST", &format!("/sessions/{SESSION}/tracks/new"), Some(body)).await;
}

#[tokio::test]
async fn new_tracks_subscribes_with_simulcast_preferences() {
    let exchange = Exchange::with(200, &json!({ "requiresImmediateRenegotiation": true })).await;
    let simulcast =
        Simulcast::new().preferred_rid("h").rid_not_available(SimulcastOrdering::Asciibetical);
    let track = Track::new()
        .location(TrackLocation::Remote)
        .session_id(session())
        .track_name("cam")
        .kind(TrackKind::Video)
        .simulcast(simulcast);
    let body = TracksRequest::new().tracks([track]);
    let reply = exchange.client().new_tracks(&session(), &body).send().await.unwrap();
    assert_eq!(reply.requires_immediate_renegotiation, Some(true));
    let body = json!({ "tracks": [{ "location": "remote", "sessionId": SESSION, "trackName": "cam", "kind": "video",
        "simulcast": { "preferredRid": "h", "ridNotAvailable": "asciibetical" } }] });
    exchange.sent("POST", &format!("/sessions/{SESSION}/tracks/new"), Some(body)).await;
}

#[tokio::test]
async fn renegotiate_sends_the_answer() {
    let exchange = Exchange::with(200, &json!({})).await;
    let body = RenegotiateRequest::new().session_description(SessionDescription::answer("v=0\r\n"));
    exchange.client().renegotiate(&session(), &body).send().await.unwrap();
    let body = json!({ "sessionDescription": { "type": "answer", "sdp": "v=0\r\n" } });
    exchange.sent("PUT", &format!("/sessions/{SESSION}/renegotiate"), Some(body)).await;
}

#[tokio::test]
async fn close_tracks_by_force_sends_no_description() {
    let reply = json!({ "requiresImmediateRenegotiation": false, "tracks": [
        { "mid": "0" }, { "mid": "1", "errorCode": "close_track_error", "errorDescription": "gone" }] });
    let exchange = Exchange::with(200, &reply).await;
    let body = CloseTracksRequest::forced(["0", "1"]);
    let reply = exchange.client().close_tracks(&session(), &body).send().await.unwrap();
    assert_eq!(reply.tracks[0].error_code, None);
    assert_eq!(reply.tracks[1].error_code, Some(ErrorCode::CloseTrackError));
    let body = json!({ "force": true, "tracks": [{ "mid": "0" }, { "mid": "1" }] });
    exchange.sent("PUT", &format!("/sessions/{SESSION}/tracks/close"), Some(body)).await;
}

#[tokio::test]
async fn close_tracks_by_negotiation_sends_the_offer() {
    let reply = json!({ "sessionDescription": { "type": "answer", "sdp": "v=0\r\n" }, "tracks": [{ "mid": "7" }] });
    let exchange = Exchange::with(200, &reply).await;
    let body = CloseTracksRequest::negotiated(["7"], "v=0\r\n");
    let reply = exchange.client().close_tracks(&session(), &body).send().await.unwrap();
    assert_eq!(reply.session_description.unwrap().type_, Some(SdpType::Answer));
    let body = json!({ "force": false, "tracks": [{ "mid": "7" }],
        "sessionDescription": { "type": "offer", "sdp": "v=0\r\n" } });
    exchange.sent("PUT", &format!("/sessions/{SESSION}/tracks/close"), Some(body)).await;
}

#[tokio::test]
async fn update_tracks_names_the_transceiver() {
    let reply = json!({ "requiresImmediateRenegotiation": false, "tracks": [{ "mid": "7" }] });
    let exchange = Exchange::with(200, &reply).await;
    let track =
        Track::new().location(TrackLocation::Remote).session_id(session()).track_name("b").mid("7");
    let body = UpdateTracksRequest::new().tracks([track]);
    let reply = exchange.client().update_tracks(&session(), &body).send().await.unwrap();
    assert_eq!(reply.tracks[0].mid.as_deref(), Some("7"));
    let body = json!({ "tracks": [{ "location": "remote", "sessionId": SESSION, "trackName": "b", "mid": "7" }] });
    exchange.sent("PUT", &format!("/sessions/{SESSION}/tracks/update"), Some(body)).await;
}

#[tokio::test]
async fn get_session_reads_resources() {
    let reply = json!({ "tracks": [{ "location": "local", "mid": "2", "trackName": "a", "status": "active" }],
        "dataChannels": [{ "location": "remote", "id": 2, "status": "initializing" }] });
    let exchange = Exchange::with(200, &reply).await;
    let reply = exchange.client().get_session(&session()).send().await.unwrap();
    assert_eq!(reply.tracks[0].status, Some(SessionResourceStatus::Active));
    assert_eq!(reply.data_channels[0].status, Some(SessionResourceStatus::Initializing));
    exchange.sent("GET", &format!("/sessions/{SESSION}"), None).await;
}

#[tokio::test]
async fn establish_data_channels_asks_for_server_events() {
    let reply = json!({ "requiresImmediateRenegotiation": true,
        "dataChannel": { "dataChannelName": "server-events", "id": 0 },
        "sessionDescription": { "type": "offer", "sdp": "v=0\r\n" } });
    let exchange = Exchange::with(200, &reply).await;
    let channel =
        DataChannel::new().location(TrackLocation::Remote).data_channel_name("server-events");
    let body = EstablishDataChannelsTransportRequest::new().data_channel(channel);
    let reply = exchange.client().establish_data_channels(&session(), &body).send().await.unwrap();
    assert_eq!(reply.data_channel.unwrap().id, Some(0));
    let body =
        json!({ "dataChannel": { "location": "remote", "dataChannelName": "server-events" } });
    exchange.sent("POST", &format!("/sessions/{SESSION}/datachannels/establish"), Some(body)).await;
}

#[tokio::test]
async fn new_data_channels_sends_the_policy() {
    let exchange =
        Exchange::with(200, &json!({ "dataChannels": [{ "dataChannelName": "s", "id": 3 }] }))
            .await;
    let channel = DataChannel::new()
        .location(TrackLocation::Local)
        .data_channel_name("s")
        .ordered(false)
        .max_packet_life_time(250);
    let body = DataChannelsRequest::new().data_channels([channel]);
    let reply = exchange.client().new_data_channels(&session(), &body).send().await.unwrap();
    assert_eq!(reply.data_channels[0].id, Some(3));
    let body = json!({ "dataChannels": [{ "location": "local", "dataChannelName": "s", "ordered": false,
        "maxPacketLifeTime": 250 }] });
    exchange.sent("POST", &format!("/sessions/{SESSION}/datachannels/new"), Some(body)).await;
}

#[tokio::test]
async fn update_data_channels_changes_only_what_is_set() {
    let exchange = Exchange::with(200, &json!({ "dataChannels": [] })).await;
    let channel = DataChannel::new()
        .location(TrackLocation::Remote)
        .session_id(session())
        .data_channel_name("s")
        .can_reply(false);
    let body = DataChannelsRequest::new().data_channels([channel]);
    exchange.client().update_data_channels(&session(), &body).send().await.unwrap();
    let body = json!({ "dataChannels": [{ "location": "remote", "sessionId": SESSION, "dataChannelName": "s",
        "canReply": false }] });
    exchange.sent("PUT", &format!("/sessions/{SESSION}/datachannels/update"), Some(body)).await;
}

#[tokio::test]
async fn close_data_channels_goes_by_id() {
    let exchange = Exchange::with(200, &json!({ "dataChannels": [{ "id": 2 }] })).await;
    let body = CloseDataChannelsRequest::new().data_channels([DataChannel::new().id(2)]);
    let reply = exchange.client().close_data_channels(&session(), &body).send().await.unwrap();
    assert_eq!(reply.data_channels[0].id, Some(2));
    let body = json!({ "dataChannels": [{ "id": 2 }] });
    exchange.sent("PUT", &format!("/sessions/{SESSION}/datachannels/close"), Some(body)).await;
}

#[tokio::test]
async fn new_websocket_adapters_sends_required_fields_from_the_constructor() {
    let reply = json!({ "tracks": [
        { "trackName": "tts", "adapterId": "ad1", "sessionId": SESSION, "endpoint": "wss://e.example/in" },
        { "trackName": "b", "errorCode": "websocket_handshake_failed", "errorDescription": "no" }] });
    let exchange = Exchange::with(200, &reply).await;
    let adapter = NewAdapter::new("wss://e.example/in", TrackLocation::Local, "tts")
        .input_codec(InputCodec::Pcm);
    let body = NewAdapterRequest::new([adapter]);
    let reply = exchange.client().new_websocket_adapters(&body).send().await.unwrap();
    assert_eq!(reply.tracks[0].adapter_id.as_ref().map(AdapterId::as_str), Some("ad1"));
    assert_eq!(reply.tracks[1].error_code, Some(ErrorCode::WebsocketHandshakeFailed));
    let body = json!({ "tracks": [{ "location": "local", "trackName": "tts", "endpoint": "wss://e.example/in",
        "inputCodec": "pcm" }] });
    exchange.sent("POST", "/adapters/websocket/new", Some(body)).await;
}

#[tokio::test]
async fn close_websocket_adapters_goes_by_adapter_id() {
    let exchange =
        Exchange::with(200, &json!({ "tracks": [{ "adapterId": "ad1", "bytesProcessed": 5 }] }))
            .await;
    let body = CloseAdapterRequest::new([CloseAdapter::new(AdapterId::new("ad1").unwrap())]);
    let reply = exchange.client().close_websocket_adapters(&body).send().await.unwrap();
    assert_eq!(reply.tracks[0].bytes_processed, Some(5));
    exchange
        .sent(
            "POST",
            "/adapters/websocket/close",
            Some(json!({ "tracks": [{ "adapterId": "ad1" }] })),
        )
        .await;
}

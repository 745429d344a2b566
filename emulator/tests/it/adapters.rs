//! WebSocket adapters against endpoints on this machine: sound goes out as PCM,
//! and PCM comes in as a track that others can receive.

use std::time::Duration;

use cloudflare_calls::adapters::{Adapter, CreatedAdapter};
use cloudflare_calls::tracks::RemoteTrack;
use cloudflare_calls::types::{ErrorCode, OutputCodec};
use cloudflare_calls::{Client, prelude::*};
use cloudflare_calls_emulator::Emulator;
use cloudflare_calls_emulator::agent::Source;
use cloudflare_calls_emulator::rules::{self, Snapshot};
use futures_util::{SinkExt, StreamExt};
use prost::Message as _;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::support::{client, join, pull};

const PATIENCE: Duration = Duration::from_secs(20);

/// 20 ms of PCM.
const PCM: usize = 3840;

#[derive(Clone, PartialEq, prost::Message)]
struct Packet {
    #[prost(uint32, tag = "1")]
    sequence_number: u32,
    #[prost(uint32, tag = "2")]
    timestamp: u32,
    #[prost(bytes = "vec", tag = "5")]
    payload: Vec<u8>,
}

/// A server that adapters connect to.
struct Endpoint(TcpListener);

impl Endpoint {
    async fn start() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    fn url(&self) -> String {
        format!("ws://{}/sound", self.0.local_addr().unwrap())
    }

    async fn accept(&self) -> WebSocketStream<TcpStream> {
        let (stream, _) = soon(self.0.accept()).await.unwrap();
        tokio_tungstenite::accept_async(stream).await.unwrap()
    }
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it takes too long")
}

/// Connects an adapter to its endpoint, and returns the endpoint's side of it.
async fn connect(
    client: &Client,
    endpoint: &Endpoint,
    adapter: Adapter,
) -> (CreatedAdapter, WebSocketStream<TcpStream>) {
    let (created, socket) = tokio::join!(client.create_adapters([adapter]), endpoint.accept());
    (created.unwrap().into_result().unwrap().remove(0), socket)
}

/// Creates an adapter for an endpoint's sound, and returns the endpoint's side of it.
async fn speak(client: &Client) -> (CreatedAdapter, WebSocketStream<TcpStream>) {
    let endpoint = Endpoint::start().await;
    let adapter = Adapter::ingest(endpoint.url(), "speech");
    connect(client, &endpoint, adapter).await
}

/// Returns the code of an adapter that is not created.
async fn failure(client: &Client, adapter: Adapter) -> Option<ErrorCode> {
    let created = soon(client.create_adapters([adapter])).await.unwrap();
    created.failed[0].error.code().cloned()
}

/// Returns the next packet, and skips other messages.
async fn packet(socket: &mut WebSocketStream<TcpStream>) -> (Packet, usize) {
    loop {
        if let Message::Binary(data) = soon(socket.next()).await.unwrap().unwrap() {
            return (Packet::decode(data.clone()).unwrap(), data.len());
        }
    }
}

fn is_hung_up(message: Option<Result<Message, Error>>) -> bool {
    matches!(message, None | Some(Ok(Message::Close(_)) | Err(_)))
}

/// Reads until the other side hangs up.
async fn until_hung_up(socket: &mut WebSocketStream<TcpStream>) {
    soon(async { while !is_hung_up(socket.next().await) {} }).await;
}

/// Waits until this many adapters are open.
async fn until_open(emulator: &Emulator, count: usize) {
    let is_open =
        |state: &Snapshot| state.adapters.iter().filter(|adapter| adapter.is_open).count() == count;
    until(emulator, is_open).await;
}

/// Waits until the first session's track sends.
async fn until_flowing(emulator: &Emulator) {
    until(emulator, |state| state.sessions[0].tracks[0].packets > 0).await;
}

async fn until(emulator: &Emulator, is_met: impl Fn(&Snapshot) -> bool) {
    soon(async {
        while !is_met(&emulator.snapshot().await.unwrap()) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

/// Returns 20 ms of a tone.
fn tone() -> Vec<u8> {
    let sample = |at: usize| ((at as f32 / 48.0 * std::f32::consts::TAU).sin() * 8000.0) as i16;
    (0..PCM / 4).flat_map(|at| [sample(at); 2]).flat_map(i16::to_le_bytes).collect()
}

fn message(payload: Vec<u8>) -> Message {
    Message::binary(Packet { sequence_number: 0, timestamp: 0, payload }.encode_to_vec())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_track_goes_to_an_endpoint_as_pcm_until_the_adapter_is_closed() {
    let emulator = Emulator::start().await.unwrap();
    let client = client(&emulator);
    let (_agent, session) = soon(join(&client, Source::Audio, "mic")).await;
    until_flowing(&emulator).await;
    let endpoint = Endpoint::start().await;
    let adapter = Adapter::egress(endpoint.url(), session.id().clone(), "mic", OutputCodec::Pcm);
    let (created, mut socket) = connect(&client, &endpoint, adapter).await;

    let (mut last, _) = packet(&mut socket).await;
    for _ in 0..25 {
        let (packet, length) = packet(&mut socket).await;
        assert_eq!(packet.payload.len(), PCM);
        assert!(length > PCM, "the number and the time are there, too");
        let numbers = packet.sequence_number.wrapping_sub(last.sequence_number) & 0xffff;
        let ticks = packet.timestamp.wrapping_sub(last.timestamp);
        assert!((1..50).contains(&numbers), "{numbers} further");
        assert_eq!(ticks, numbers * 960);
        last = packet;
    }
    client.close_adapters([created.id]).await.unwrap().into_result().unwrap();
    until_hung_up(&mut socket).await;
    until_open(&emulator, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pcm_of_an_endpoint_is_a_track_that_ends_when_the_endpoint_hangs_up() {
    let emulator = Emulator::start().await.unwrap();
    let client = client(&emulator);
    let (agent, session) = soon(join(&client, Source::Audio, "mic")).await;
    let (created, mut socket) = speak(&client).await;
    let speaker = created.session.unwrap();

    let speaking = tokio::spawn(async move {
        // Messages are not multiples of 20 ms: the adapter joins them.
        let sound = [tone(), tone(), tone()].concat();
        for part in sound.chunks(1000).cycle().take(600) {
            if socket.send(message(part.to_vec())).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        socket
    });
    let track = RemoteTrack::new(speaker.clone(), "speech");
    let mid = soon(pull(&agent, &session, track)).await.unwrap();
    let got = agent.until_received(mid.as_str(), PATIENCE, |got| got.packets >= 50).await.unwrap();
    assert_eq!((got.gaps, got.leaps, got.marker), (0, 0, None));
    assert!(got.bytes / got.packets > 20, "a tone is more than silence");

    let mut socket = speaking.await.unwrap();
    socket.close(None).await.unwrap();
    until_hung_up(&mut socket).await;
    until_open(&emulator, 0).await;
    let sessions = emulator.snapshot().await.unwrap().sessions;
    let ended = sessions.iter().find(|session| session.id == speaker.as_str()).unwrap();
    assert_eq!(ended.state, rules::SessionState::Expired);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_is_too_large_ends_the_adapter() {
    let emulator = Emulator::start().await.unwrap();
    let client = client(&emulator);
    let (_, mut socket) = speak(&client).await;
    socket.send(message(vec![0; 32 << 10])).await.unwrap();
    until_hung_up(&mut socket).await;
    until_open(&emulator, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_is_no_web_socket_is_an_item_that_failed() {
    let emulator = Emulator::start().await.unwrap();
    let client = client(&emulator);
    // The server speaks HTTP, and does not know the path.
    for scheme in ["ws", "wss"] {
        let url = emulator.base_url().replace("http", scheme);
        let code = failure(&client, Adapter::ingest(url, "speech")).await;
        assert_eq!(code, Some(ErrorCode::from("websocket_handshake_failed")), "{scheme}");
    }
    assert_eq!(emulator.snapshot().await.unwrap().sessions, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_does_not_answer_is_given_up() {
    let config =
        rules::Config { adapter_wait: Duration::from_millis(100), ..rules::Config::default() };
    let emulator = Emulator::builder().config(config).start().await.unwrap();
    let client = client(&emulator);
    let endpoint = Endpoint::start().await;
    let adapter = Adapter::ingest(endpoint.url(), "speech");
    let code = failure(&client, adapter).await;
    assert_eq!(code, Some(ErrorCode::from("websocket_connection_timeout")));
}

/// Observed of the original: a picture a second, as JPEG.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keyframes_of_a_track_go_to_an_endpoint_as_jpeg() {
    let emulator = Emulator::start().await.unwrap();
    let client = client(&emulator);
    let (_agent, session) = soon(join(&client, Source::Video, "camera")).await;
    until_flowing(&emulator).await;
    let endpoint = Endpoint::start().await;
    let adapter =
        Adapter::egress(endpoint.url(), session.id().clone(), "camera", OutputCodec::Jpeg);
    let (created, mut socket) = connect(&client, &endpoint, adapter).await;
    let (first, _) = packet(&mut socket).await;
    let (second, _) = packet(&mut socket).await;
    for picture in [&first, &second] {
        assert!(
            picture.payload.starts_with(&[0xff, 0xd8]) && picture.payload.ends_with(&[0xff, 0xd9])
        );
    }
    assert_eq!(second.sequence_number, first.sequence_number + 1);
    client.close_adapters([created.id]).await.unwrap().into_result().unwrap();
    until_hung_up(&mut socket).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pictures_of_other_codecs_are_refused_as_not_emulated() {
    let emulator = Emulator::start().await.unwrap();
    let client = client(&emulator);
    let (_agent, session) = soon(join(&client, Source::H265, "camera")).await;
    until_flowing(&emulator).await;
    let endpoint = Endpoint::start().await;
    let adapter =
        Adapter::egress(endpoint.url(), session.id().clone(), "camera", OutputCodec::Jpeg);
    let code = failure(&client, adapter).await;
    assert_eq!(code, Some(ErrorCode::from("backend_error")));
}

/// Documented: egress connects again, with a short backlog of sound.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sound_goes_on_after_its_connection_broke() {
    let emulator = Emulator::start().await.unwrap();
    let client = client(&emulator);
    let (_agent, session) = soon(join(&client, Source::Audio, "mic")).await;
    until_flowing(&emulator).await;
    let endpoint = Endpoint::start().await;
    let adapter = Adapter::egress(endpoint.url(), session.id().clone(), "mic", OutputCodec::Pcm);
    let (_, mut socket) = connect(&client, &endpoint, adapter).await;
    let (before, _) = packet(&mut socket).await;
    // The connection ends without a close frame.
    drop(socket);
    let mut socket = soon(endpoint.accept()).await;
    let (after, _) = packet(&mut socket).await;
    let numbers = after.sequence_number.wrapping_sub(before.sequence_number) & 0xffff;
    assert!((1..200).contains(&numbers), "{numbers} further");
    until_open(&emulator, 1).await;
}

/// Documented: the adapter is closed if connecting again does not succeed in time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_does_not_come_back_in_time_ends_the_adapter() {
    let egress_reconnect = Duration::from_millis(300);
    let config = rules::Config { egress_reconnect, ..rules::Config::default() };
    let emulator = Emulator::builder().config(config).start().await.unwrap();
    let client = client(&emulator);
    let (_agent, session) = soon(join(&client, Source::Audio, "mic")).await;
    until_flowing(&emulator).await;
    let endpoint = Endpoint::start().await;
    let adapter = Adapter::egress(endpoint.url(), session.id().clone(), "mic", OutputCodec::Pcm);
    let (_, socket) = connect(&client, &endpoint, adapter).await;
    until_open(&emulator, 1).await;
    drop((endpoint, socket));
    until_open(&emulator, 0).await;
}

/// Documented: ingest never connects again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_speaks_is_not_connected_again() {
    let emulator = Emulator::start().await.unwrap();
    let client = client(&emulator);
    let endpoint = Endpoint::start().await;
    let adapter = Adapter::ingest(endpoint.url(), "speech");
    let (_, socket) = connect(&client, &endpoint, adapter).await;
    drop(socket);
    until_open(&emulator, 0).await;
    let again = tokio::time::timeout(Duration::from_millis(500), endpoint.0.accept());
    assert!(again.await.is_err(), "it connects again");
}

/// Documented: redirects are not followed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_redirects_is_an_item_that_failed() {
    let emulator = Emulator::start().await.unwrap();
    let client = client(&emulator);
    let (elsewhere, redirects) = (Endpoint::start().await, Endpoint::start().await);
    let (url, to) = (redirects.url(), elsewhere.url());
    let serve = async {
        let (mut stream, _) = redirects.0.accept().await.unwrap();
        let mut request = [0; 2000];
        let _ = stream.read(&mut request).await.unwrap();
        let reply = format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n");
        stream.write_all(reply.as_bytes()).await.unwrap();
    };
    let (code, ()) = tokio::join!(failure(&client, Adapter::ingest(url, "speech")), serve);
    assert_eq!(code, Some(ErrorCode::from("websocket_handshake_failed")));
    let followed = tokio::time::timeout(Duration::from_millis(200), elsewhere.0.accept());
    assert!(followed.await.is_err(), "it follows");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_end_with_the_emulator() {
    let emulator = Emulator::start().await.unwrap();
    let client = client(&emulator);
    let (_, mut socket) = speak(&client).await;
    emulator.shutdown().await;
    until_hung_up(&mut socket).await;
}

//! Streams of adapters' connections.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use prost::Message as _;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::pcm::{FRAME_BYTES, Packer, Unpacker};
use super::picture::{Keyframes, jpeg};
use super::{Reporter, What};
use crate::media::Heard;
use crate::rules::OutputCodec;

/// The most PCM that waits to be played: a second. The rest stays in the socket.
const LONGEST_BUFFER: usize = FRAME_BYTES * 50;

/// Length of a packet of sound.
const FRAME_TIME: Duration = Duration::from_millis(20);

/// The most that a packet may be late. A larger delay counts as a pause.
const LATEST: Duration = Duration::from_millis(100);

/// The time between two pictures. Documented: a picture a second by default.
const PICTURE_TIME: Duration = Duration::from_secs(1);

/// The most packets of sound that wait while there is no connection: a second.
const LONGEST_BACKLOG: usize = 50;

/// A connection to an endpoint.
pub(super) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A stream in one direction.
pub(super) enum Stream {
    /// From the endpoint.
    Ingest,
    /// To the endpoint.
    Egress(Egress),
}

/// A stream to an endpoint. It can go on with another connection.
pub(super) struct Egress {
    codec: OutputCodec,
    heard: mpsc::Receiver<Heard>,
    /// Packets that came while there was no connection.
    backlog: VecDeque<Heard>,
    /// The picture that was sent last.
    picture: Packet,
    total: u64,
}

/// Reason for which a stream has ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The connection broke.
    Broke,
    /// The endpoint has hung up or sent an unreadable message, or there is nothing more to send.
    HungUp,
}

/// A message of adapters.
#[derive(Clone, PartialEq, prost::Message)]
struct Packet {
    #[prost(uint32, tag = "1")]
    sequence_number: u32,
    #[prost(uint32, tag = "2")]
    timestamp: u32,
    #[prost(bytes = "vec", tag = "5")]
    payload: Vec<u8>,
}

impl Stream {
    /// Runs until the connection or the stream ends.
    pub(super) async fn run(&mut self, socket: &mut Socket, reporter: &Reporter) -> End {
        let ended = match self {
            Self::Ingest => {
                ingest(socket, reporter).await;
                return End::HungUp;
            }
            Self::Egress(egress) if egress.codec == OutputCodec::Pcm => {
                egress.send_sound(socket, reporter).await
            }
            Self::Egress(egress) => egress.send_pictures(socket, reporter).await,
        };
        ended.err().unwrap_or(End::HungUp)
    }

    /// Waits for another connection. Sound is kept as far as it is of use.
    pub(super) async fn wait<T>(&mut self, other: impl Future<Output = T>) -> T {
        let Self::Egress(egress) = self else { return other.await };
        let mut other = std::pin::pin!(other);
        loop {
            tokio::select! {
                got = &mut other => return got,
                Some(heard) = egress.heard.recv() => egress.keep(heard),
            }
        }
    }
}

impl Egress {
    pub(super) fn new(codec: OutputCodec, heard: mpsc::Receiver<Heard>) -> Self {
        Self { codec, heard, backlog: VecDeque::new(), picture: Packet::default(), total: 0 }
    }

    fn keep(&mut self, heard: Heard) {
        if self.codec == OutputCodec::Pcm {
            self.backlog.push_back(heard);
        }
        if self.backlog.len() > LONGEST_BACKLOG {
            self.backlog.pop_front();
        }
    }

    async fn send_sound(&mut self, socket: &mut Socket, reporter: &Reporter) -> Result<(), End> {
        let mut unpacker = Unpacker::new().ok_or(End::HungUp)?;
        loop {
            let heard = self.next(socket).await?;
            for piece in unpacker.unpack(&heard) {
                let (sequence_number, timestamp) = (piece.number.into(), piece.time);
                let packet = Packet { sequence_number, timestamp, payload: piece.pcm };
                self.send(socket, reporter, &packet).await?;
            }
        }
    }

    async fn send_pictures(&mut self, socket: &mut Socket, reporter: &Reporter) -> Result<(), End> {
        if !self.picture.payload.is_empty() {
            let last = self.picture.clone();
            self.send(socket, reporter, &last).await?;
        }
        let mut keyframes = Keyframes::default();
        let mut is_due = false;
        let mut times = tokio::time::interval(PICTURE_TIME);
        times.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let heard = tokio::select! {
                _ = times.tick() => {
                    is_due = true;
                    reporter.report(What::KeyframeWanted).await;
                    continue;
                }
                heard = self.next(socket) => heard?,
            };
            let Some(keyframe) = keyframes.push(&heard).filter(|_| is_due) else { continue };
            // The conversion takes some milliseconds of a processor.
            let made = tokio::task::spawn_blocking(move || jpeg(&keyframe)).await;
            let Some(payload) = made.ok().flatten() else { continue };
            is_due = false;
            let sequence_number = self.picture.sequence_number.wrapping_add(1);
            self.picture = Packet { sequence_number, timestamp: heard.time, payload };
            let picture = self.picture.clone();
            self.send(socket, reporter, &picture).await?;
        }
    }

    /// Returns the next packet. Messages of the endpoint only show that it is alive.
    async fn next(&mut self, socket: &mut Socket) -> Result<Heard, End> {
        if let Some(heard) = self.backlog.pop_front() {
            return Ok(heard);
        }
        loop {
            tokio::select! {
                heard = self.heard.recv() => return heard.ok_or(End::HungUp),
                message = socket.next() => match message {
                    Some(Ok(Message::Close(_))) => return Err(End::HungUp),
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return Err(End::Broke),
                },
            }
        }
    }

    async fn send(
        &mut self,
        socket: &mut Socket,
        reporter: &Reporter,
        packet: &Packet,
    ) -> Result<(), End> {
        let data = packet.encode_to_vec();
        self.total += data.len() as u64;
        socket.send(Message::Binary(data.into())).await.map_err(|_| End::Broke)?;
        reporter.report(What::Bytes(self.total)).await;
        Ok(())
    }
}

/// Plays the endpoint's sound, no faster than real time.
async fn ingest(socket: &mut Socket, reporter: &Reporter) -> Option<()> {
    let mut packer = Packer::new()?;
    let mut buffer = VecDeque::new();
    let mut total = 0;
    let mut next = Instant::now();
    loop {
        tokio::select! {
            message = socket.next(), if buffer.len() < LONGEST_BUFFER => {
                let data = match message?.ok()? {
                    Message::Binary(data) => data,
                    Message::Close(_) => return None,
                    _ => continue,
                };
                total += data.len() as u64;
                buffer.extend(Packet::decode(data).ok()?.payload);
                reporter.report(What::Bytes(total)).await;
            }
            () = tokio::time::sleep_until(next), if buffer.len() >= FRAME_BYTES => {
                let late = next.elapsed();
                if late > LATEST {
                    next += late;
                    packer.skip((late.as_millis() * 48) as u32);
                }
                next += FRAME_TIME;
                let pcm: Vec<u8> = buffer.drain(..FRAME_BYTES).collect();
                reporter.report(What::Sound(packer.pack(&pcm)?)).await;
            }
        }
    }
}

//! What goes over an adapter's connection.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use prost::Message as _;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use super::pcm::{FRAME_BYTES, Packer, Unpacker};
use super::socket::Socket;
use super::{Reporter, What};
use crate::media::Sound;

/// How much PCM waits to be played: a second. More is left in the socket.
const LONGEST_BUFFER: usize = FRAME_BYTES * 50;

/// How long a packet of sound is.
const FRAME_TIME: Duration = Duration::from_millis(20);

/// How late a packet may be. After more than this there was a pause.
const LATEST: Duration = Duration::from_millis(100);

/// Which way sound goes.
pub(super) enum Stream {
    Ingest,
    Egress(mpsc::Receiver<Sound>),
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
    /// Ends when the endpoint hangs up or says what cannot be understood.
    pub(super) async fn run(self, socket: &mut Socket, reporter: &Reporter) {
        // Why does not matter: the connection ends.
        let _ended = match self {
            Self::Ingest => ingest(socket, reporter).await,
            Self::Egress(sounds) => egress(socket, reporter, sounds).await,
        };
    }
}

/// Plays what the endpoint sends, no faster than it is to be heard.
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

/// Sends what is heard.
async fn egress(
    socket: &mut Socket,
    reporter: &Reporter,
    mut sounds: mpsc::Receiver<Sound>,
) -> Option<()> {
    let mut unpacker = Unpacker::new()?;
    let mut total = 0;
    loop {
        let sound = tokio::select! {
            sound = sounds.recv() => sound?,
            // What an endpoint says is of no interest, only that it is there.
            message = socket.next() => match message?.ok()? {
                Message::Close(_) => return None,
                _ => continue,
            },
        };
        for piece in unpacker.unpack(&sound) {
            let (sequence_number, timestamp) = (piece.number.into(), piece.time);
            let packet = Packet { sequence_number, timestamp, payload: piece.pcm };
            let data = packet.encode_to_vec();
            total += data.len() as u64;
            socket.send(Message::Binary(data.into())).await.ok()?;
            reporter.report(What::Bytes(total)).await;
        }
    }
}

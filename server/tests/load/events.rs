//! Connection for events of a member, which is made again when it is lost.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::client::ClientRequestBuilder;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::view::View;
use crate::world::World;

/// Time of silence after which a connection counts as dead.
const SILENCE: Duration = Duration::from_secs(25);

/// Longest time without a connection.
const PATIENCE: Duration = Duration::from_secs(30);

/// Events that a member has received.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    pub(crate) view: View,
    pub(crate) ended: Option<Ended>,
}

/// Reason for which a connection has ended for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The server has closed it with this code.
    Closed(u16),
    /// The server knows no such member.
    Unauthorized,
    /// The connection could not be made.
    Lost,
}

/// Connection. It is cut when this is dropped.
pub(crate) struct Feed {
    pub(crate) heard: watch::Receiver<Heard>,
    blip: Arc<Notify>,
    task: JoinHandle<()>,
}

/// State of a connection's task.
struct Ear {
    world: Arc<World>,
    room: String,
    token: String,
    who: String,
    heard: watch::Sender<Heard>,
    blip: Arc<Notify>,
}

impl Feed {
    /// Connects to the process of this place, with the state that the member has.
    pub(crate) fn open(
        world: &Arc<World>,
        room: &str,
        (id, token): (&str, &str),
        view: View,
        place: usize,
    ) -> Self {
        let (sender, heard) = watch::channel(Heard { view, ended: None });
        let blip = Arc::new(Notify::new());
        let ear = Ear {
            world: Arc::clone(world),
            room: room.to_owned(),
            token: token.to_owned(),
            who: format!("{id} in {room}"),
            heard: sender,
            blip: Arc::clone(&blip),
        };
        Self { heard, blip, task: tokio::spawn(ear.listen(place)) }
    }

    /// Cuts the connection, as a bad network does. It is made again.
    pub(crate) fn blip(&self) {
        self.blip.notify_one();
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Ear {
    async fn listen(self, mut place: usize) {
        let mut lost = Instant::now();
        loop {
            let port = self.world.ports[place % self.world.ports.len()];
            match self.connect(port).await {
                Ok(socket) => {
                    let ended = self.hear(socket).await;
                    if let Some(ended) = ended {
                        return self.end(ended);
                    }
                    self.world.tally.count("connections for events made again");
                    lost = Instant::now();
                }
                Err(Error::Http(reply)) if reply.status() == 401 => {
                    return self.end(Ended::Unauthorized);
                }
                Err(error) => {
                    self.world.tally.repeated(format!("events: {error}"));
                    if lost.elapsed() > PATIENCE {
                        self.world.tally.fail("no events", format!("{}: {error}", self.who));
                        return self.end(Ended::Lost);
                    }
                }
            }
            place += 1;
            sleep(Duration::from_millis(fastrand::u64(100..400))).await;
        }
    }

    async fn connect(
        &self,
        port: u16,
    ) -> Result<WebSocketStream<MaybeTlsStream<TcpStream>>, Error> {
        let after = self.heard.borrow().view.seq;
        let url = format!("ws://127.0.0.1:{port}/calls/rooms/{}/events?after={after}", self.room);
        let request = ClientRequestBuilder::new(url.parse().unwrap());
        let request = request.with_sub_protocol("calls.v1");
        let request = request.with_sub_protocol(format!("calls.token.{}", self.token));
        match timeout(PATIENCE, connect_async(request)).await {
            Ok(connected) => connected.map(|(socket, _)| socket),
            Err(_) => Err(Error::ConnectionClosed),
        }
    }

    /// Takes messages until the connection ends. None if it is to be made again.
    async fn hear(&self, mut socket: WebSocketStream<MaybeTlsStream<TcpStream>>) -> Option<Ended> {
        let tally = &self.world.tally;
        loop {
            let message = tokio::select! {
                message = timeout(SILENCE, socket.next()) => message,
                () = self.blip.notified() => return None,
            };
            let text = match message {
                Ok(Some(Ok(Message::Text(text)))) => text,
                Ok(Some(Ok(Message::Close(frame)))) => {
                    let code = frame.map_or(0, |frame| u16::from(frame.code));
                    return (code / 1000 == 4).then_some(Ended::Closed(code));
                }
                Ok(Some(Ok(_))) => continue,
                Ok(Some(Err(_)) | None) => return None,
                Err(_) => {
                    tally.fail("silence", format!("{}: no event and no ping", self.who));
                    return None;
                }
            };
            let event: Value = serde_json::from_str(&text).unwrap_or_default();
            if event["type"] == "ping" {
                if socket.send(Message::text(r#"{"type":"pong"}"#)).await.is_err() {
                    return None;
                }
                continue;
            }
            tally.count("events heard");
            if event["type"] == "snapshot" {
                tally.count("snapshots heard");
            }
            self.heard.send_modify(|heard| {
                if let Err(wrong) = heard.view.hear(&event) {
                    tally.fail("events", format!("{}: {wrong}", self.who));
                }
            });
        }
    }

    fn end(&self, ended: Ended) {
        self.heard.send_modify(|heard| heard.ended = Some(ended));
    }
}

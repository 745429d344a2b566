//! Agent for tests: a browser's `RTCPeerConnection` without the browser.
//!
//! An agent has one UDP socket on this machine, sends synthetic packets on its published sections,
//! and counts the packets that it receives. For people who look and listen there are a tone and a
//! moving picture, which browsers decode. The agent runs in a task of its own, which stops when the
//! agent is dropped.

mod clip;
mod marker;
mod stream;
mod task;
mod vp8;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use str0m::format::Codec;
use tokio::net::UdpSocket;
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

pub use marker::Marker;
#[cfg(all(test, feature = "adapters"))]
pub(crate) use stream::KEYFRAME;
use task::Task;

use crate::media::{Delivery, Kind, Message};

/// The most commands that wait. Further callers wait for room.
const COMMANDS: usize = 64;

/// Number of the next agent in this process.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// Media that an agent publishes on one section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Opus, 50 packets of silence a second.
    Audio,
    /// VP8, 25 packets a second, each a frame.
    Video,
    /// H.265, 25 packets a second, each a frame.
    H265,
    /// VP8 in several layers, given by their RIDs, best first.
    SimulcastVideo(&'static [&'static str]),
    /// Opus, 50 packets a second, of two soft notes in turn. The packets have no marker.
    Tone(Voice),
    /// VP8, 25 frames a second of 320 by 180 pixels, of a shape that goes round. The packets have
    /// no marker. A keyframe comes each second, and as the next frame once one is requested.
    Picture(Scene),
}

/// Notes of a tone. They tell agents apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voice {
    /// 220 and 330 Hz.
    Low,
    /// 440 and 550 Hz.
    High,
}

/// Look of a picture. It tells agents apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scene {
    /// A disc on red and violet.
    Dusk,
    /// A diamond on blue and green.
    Sea,
}

/// Change that an agent offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Adds a section.
    Add(Source),
    /// Adds a section that receives media of this kind.
    Receive(Kind),
    /// Ends the section with this mid for good.
    Stop(String),
    /// Pauses the section with this mid: it carries nothing for now.
    Deactivate(String),
    /// Adds a section for data channels.
    Data,
}

/// Counts of the packets that were received on a section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// Packets.
    pub packets: u64,
    /// Bytes of payload.
    pub bytes: u64,
    /// Packets that begin a keyframe.
    pub keyframes: u64,
    /// Sequence numbers that were skipped and have not come since.
    pub gaps: u64,
    /// Times that the RTP time went back, or forward by more than two seconds.
    pub leaps: u64,
    /// Times that the picture number was neither the next nor the same one.
    pub picture_gaps: u64,
    /// Times that another origin's pictures began without a keyframe.
    pub blind_switches: u64,
    /// Origin of the last packet. None if it was not an agent's, or of a clip.
    pub marker: Option<Marker>,
}

/// Reason for which an agent could not do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AgentError {
    /// The agent is closed.
    Closed,
    /// The session description cannot be used, or not now.
    BadDescription,
    /// The agent has nothing to offer.
    NothingToOffer,
    /// The wait took too long.
    TimedOut,
}

/// Agent with one connection.
pub struct Agent {
    id: u64,
    address: SocketAddr,
    commands: mpsc::Sender<Command>,
    state: watch::Receiver<State>,
    messages: Mutex<mpsc::UnboundedReceiver<(u16, Message)>>,
    task: JoinHandle<()>,
}

type Command = Box<dyn FnOnce(&mut Task) + Send>;

/// State of an agent that is known outside its task.
#[derive(Clone, Debug, Default)]
struct State {
    is_connected: bool,
    received: BTreeMap<String, Received>,
    keyframe_requests: u64,
}

impl Source {
    fn codec(self) -> Codec {
        match self {
            Self::Audio | Self::Tone(_) => Codec::Opus,
            Self::Video | Self::SimulcastVideo(_) | Self::Picture(_) => Codec::Vp8,
            Self::H265 => Codec::H265,
        }
    }

    /// Returns the RIDs of its layers. None if it is one stream.
    fn layers(self) -> &'static [&'static str] {
        match self {
            Self::SimulcastVideo(layers) => layers,
            _ => &[],
        }
    }
}

impl Agent {
    /// Starts an agent on a free port of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// The system's error if no port is free.
    pub async fn start() -> io::Result<Self> {
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = socket.local_addr()?;
        let (state_sender, state) = watch::channel(State::default());
        let (message_sender, messages) = mpsc::unbounded_channel();
        let (commands, receiver) = mpsc::channel(COMMANDS);
        let task = Task::new(id, address, state_sender, message_sender);
        let task = tokio::spawn(task.run(socket, receiver));
        Ok(Self { id, address, commands, state, messages: Mutex::new(messages), task })
    }

    /// Returns the number that its packets carry as [`Marker::agent`].
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Returns the address that its packets come from.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Makes an offer that adds these sections. Returns it and their mids.
    ///
    /// # Errors
    ///
    /// [`AgentError::Closed`], or [`AgentError::NothingToOffer`].
    pub async fn offer(&self, add: &[Source]) -> Result<(String, Vec<String>), AgentError> {
        let changes: Vec<Change> = add.iter().copied().map(Change::Add).collect();
        self.offer_changes(&changes).await
    }

    /// Makes an offer with any changes. Returns it and the mids of the added sections.
    ///
    /// # Errors
    ///
    /// [`AgentError::Closed`], or [`AgentError::NothingToOffer`].
    pub async fn offer_changes(
        &self,
        changes: &[Change],
    ) -> Result<(String, Vec<String>), AgentError> {
        let changes = changes.to_vec();
        self.call(move |task| task.offer(&changes)).await?
    }

    /// Takes the answer to its last offer.
    ///
    /// # Errors
    ///
    /// [`AgentError::Closed`], or [`AgentError::BadDescription`] if it is no answer to the last
    /// offer.
    pub async fn accept_answer(&self, sdp: &str) -> Result<(), AgentError> {
        let sdp = sdp.to_owned();
        self.call(move |task| task.accept_answer(&sdp)).await?
    }

    /// Takes an offer and answers it. The agent sends on each section that the offer lets it use.
    ///
    /// # Errors
    ///
    /// [`AgentError::Closed`], or [`AgentError::BadDescription`].
    pub async fn answer(&self, sdp: &str) -> Result<String, AgentError> {
        let sdp = sdp.to_owned();
        self.call(move |task| task.answer(&sdp)).await?
    }

    /// Waits until ICE and DTLS are up.
    ///
    /// # Errors
    ///
    /// [`AgentError::Closed`], or [`AgentError::TimedOut`].
    pub async fn connected(&self, timeout: Duration) -> Result<(), AgentError> {
        self.until(timeout, |state| state.is_connected.then_some(())).await
    }

    /// Waits until the connection is lost.
    ///
    /// # Errors
    ///
    /// [`AgentError::Closed`] if the agent has ended by itself, or [`AgentError::TimedOut`].
    pub async fn disconnected(&self, timeout: Duration) -> Result<(), AgentError> {
        self.until(timeout, |state| (!state.is_connected).then_some(())).await
    }

    /// Returns the counts of a section.
    pub fn received(&self, mid: &str) -> Received {
        self.state.borrow().received.get(mid).cloned().unwrap_or_default()
    }

    /// Waits until the counts of a section meet a condition.
    ///
    /// # Errors
    ///
    /// [`AgentError::Closed`], or [`AgentError::TimedOut`].
    pub async fn until_received(
        &self,
        mid: &str,
        timeout: Duration,
        is_enough: impl Fn(&Received) -> bool,
    ) -> Result<Received, AgentError> {
        self.until(timeout, |state| {
            state.received.get(mid).filter(|received| is_enough(received)).cloned()
        })
        .await
    }

    /// Returns the number of keyframes that were requested of it.
    pub fn keyframe_requests(&self) -> u64 {
        self.state.borrow().keyframe_requests
    }

    /// Requests a keyframe from the sender of a section.
    ///
    /// # Errors
    ///
    /// [`AgentError::Closed`].
    pub async fn request_keyframe(&self, mid: &str) -> Result<(), AgentError> {
        let mid = mid.to_owned();
        self.call(move |task| task.request_keyframe(&mid)).await
    }

    /// Stops sending a section, or one layer of it, without a signal to the other side.
    ///
    /// # Errors
    ///
    /// [`AgentError::Closed`].
    pub async fn pause(&self, mid: &str, layer: Option<&str>) -> Result<(), AgentError> {
        let (mid, layer) = (mid.to_owned(), layer.map(str::to_owned));
        self.call(move |task| task.set_paused(&mid, layer.as_deref(), true)).await
    }

    /// Sends a paused section or layer again.
    ///
    /// # Errors
    ///
    /// [`AgentError::Closed`].
    pub async fn resume(&self, mid: &str, layer: Option<&str>) -> Result<(), AgentError> {
        let (mid, layer) = (mid.to_owned(), layer.map(str::to_owned));
        self.call(move |task| task.set_paused(&mid, layer.as_deref(), false)).await
    }

    /// Opens a data channel with `negotiated: true` and this id.
    ///
    /// # Errors
    ///
    /// [`AgentError::Closed`].
    pub async fn open_channel(&self, id: u16, delivery: Delivery) -> Result<(), AgentError> {
        self.call(move |task| task.open_channel(id, delivery)).await
    }

    /// Sends on a data channel, once it is open.
    ///
    /// # Errors
    ///
    /// [`AgentError::Closed`].
    pub async fn send(&self, id: u16, message: Message) -> Result<(), AgentError> {
        self.call(move |task| task.send(id, message)).await
    }

    /// Returns the next message of any data channel. None if the agent is closed.
    pub async fn recv(&self) -> Option<(u16, Message)> {
        self.messages.lock().await.recv().await
    }

    /// Closes the connection and stops.
    pub async fn close(mut self) {
        // An agent that is already closed needs no goodbye.
        let _ = self.call(Task::close).await;
        let _ = (&mut self.task).await;
    }

    async fn call<R: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Task) -> R + Send + 'static,
    ) -> Result<R, AgentError> {
        let (sender, receiver) = oneshot::channel();
        let command: Command = Box::new(move |task| {
            // A caller that has stopped waiting does not want the result.
            let _ = sender.send(f(task));
        });
        self.commands.send(command).await.map_err(|_| AgentError::Closed)?;
        receiver.await.map_err(|_| AgentError::Closed)
    }

    async fn until<R>(
        &self,
        timeout: Duration,
        mut f: impl FnMut(&State) -> Option<R>,
    ) -> Result<R, AgentError> {
        let mut state = self.state.clone();
        let wait = async {
            loop {
                if let Some(result) = f(&state.borrow_and_update()) {
                    return Ok(result);
                }
                state.changed().await.map_err(|_| AgentError::Closed)?;
            }
        };
        tokio::time::timeout(timeout, wait).await.unwrap_or(Err(AgentError::TimedOut))
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Agent").field("id", &self.id).finish_non_exhaustive()
    }
}

impl fmt::Display for AgentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "the agent is closed",
            Self::BadDescription => "the session description cannot be used",
            Self::NothingToOffer => "there is nothing to offer",
            Self::TimedOut => "the wait took too long",
        })
    }
}

impl std::error::Error for AgentError {}

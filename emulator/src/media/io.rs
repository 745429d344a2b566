//! Runs an [`Sfu`] on a socket.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::Event;
use super::sfu::{Config, Sfu};

/// How many datagrams are taken before those that came of them are sent.
const BATCH: usize = 64;

/// How many commands wait before who gives more has to wait.
const COMMANDS: usize = 64;

/// How long to wait if nothing is due.
const IDLE: Duration = Duration::from_secs(60);

/// Something to be done with an [`Sfu`].
pub type Command = Box<dyn FnOnce(&mut Sfu) + Send>;

/// An [`Sfu`] that runs in a task of its own, until this is dropped.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    commands: mpsc::Sender<Command>,
    events: mpsc::UnboundedReceiver<Event>,
    task: JoinHandle<()>,
}

impl Running {
    /// Starts on a UDP port of this address; port 0 is any.
    ///
    /// # Errors
    ///
    /// If the port is not to be had.
    pub async fn start(address: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind(address).await?;
        let address = socket.local_addr()?;
        let sfu = Sfu::new(Config { candidate: address, start: Instant::now() });
        let (commands, receiver) = mpsc::channel(COMMANDS);
        let (sender, events) = mpsc::unbounded_channel();
        let task = tokio::spawn(run(sfu, socket, receiver, sender));
        Ok(Self { address, commands, events, task })
    }

    /// Where agents reach it.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Does something with the SFU. None if it does not run any more.
    pub async fn call<R: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Sfu) -> R + Send + 'static,
    ) -> Option<R> {
        let (sender, receiver) = oneshot::channel();
        let command: Command = Box::new(move |sfu| {
            // Who has stopped waiting does not want the result.
            let _ = sender.send(f(sfu));
        });
        self.commands.send(command).await.ok()?;
        receiver.await.ok()
    }

    /// The next event. None if it does not run any more.
    pub async fn event(&mut self) -> Option<Event> {
        self.events.recv().await
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Moves datagrams between a socket and an SFU, and does commands, until nobody
/// can give any.
pub async fn run(
    mut sfu: Sfu,
    socket: UdpSocket,
    mut commands: mpsc::Receiver<Command>,
    events: mpsc::UnboundedSender<Event>,
) {
    let mut buffer = vec![0; 1 << 16];
    loop {
        while let Some(transmit) = sfu.poll_transmit() {
            // Lost like any datagram may be; what has to arrive is repeated.
            if let Err(error) = socket.send_to(&transmit.data, transmit.to).await {
                tracing::debug!(kind = ?error.kind(), "datagram not sent");
            }
        }
        while let Some(event) = sfu.poll_event() {
            // Nobody may be interested.
            let _ = events.send(event);
        }

        let now = Instant::now();
        let deadline = sfu.poll_timeout().map_or(now + IDLE, |at| at.min(now + IDLE));
        tokio::select! {
            command = commands.recv() => {
                let Some(command) = command else {
                    return;
                };
                sfu.handle_timeout(Instant::now());
                command(&mut sfu);
            }
            readable = socket.readable() => {
                if readable.is_ok() {
                    receive(&mut sfu, &socket, &mut buffer);
                }
            }
            () = tokio::time::sleep_until(deadline.into()) => {
                sfu.handle_timeout(Instant::now());
            }
        }
    }
}

fn receive(sfu: &mut Sfu, socket: &UdpSocket, buffer: &mut [u8]) {
    for _ in 0..BATCH {
        match socket.try_recv_from(buffer) {
            Ok((length, from)) => {
                sfu.handle_datagram(Instant::now(), from, &buffer[..length]);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            // Of an earlier datagram that did not arrive; no reason to stop.
            Err(error) => tracing::debug!(kind = ?error.kind(), "datagram not received"),
        }
    }
    // A stream of datagrams must not keep the clock from going on.
    sfu.handle_timeout(Instant::now());
}

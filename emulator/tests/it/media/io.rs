//! [`Sfu`] alone on a socket, without rules.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use cloudflare_calls_emulator::media::Event;
use cloudflare_calls_emulator::media::sfu::{Config, Route, Sfu};
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// Wait if nothing is due.
const IDLE: Duration = Duration::from_secs(60);

type Command = Box<dyn FnOnce(&mut Sfu) + Send>;

/// [`Sfu`] that runs in a task of its own, until this is dropped.
pub(crate) struct Running {
    address: SocketAddr,
    commands: mpsc::Sender<Command>,
    events: mpsc::UnboundedReceiver<Event>,
    task: JoinHandle<()>,
}

impl Running {
    /// Starts on a free port.
    pub(crate) async fn start() -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = socket.local_addr().unwrap();
        let sfu = Sfu::new(Config { candidates: vec![address], start: Instant::now() });
        let (commands, receiver) = mpsc::channel(64);
        let (sender, events) = mpsc::unbounded_channel();
        let task = tokio::spawn(run(sfu, socket, receiver, sender));
        Self { address, commands, events, task }
    }

    /// Returns the address at which agents reach it.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Runs a function on the SFU.
    pub(crate) async fn call<R: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Sfu) -> R + Send + 'static,
    ) -> R {
        let (sender, receiver) = oneshot::channel();
        let command: Command = Box::new(move |sfu| drop(sender.send(f(sfu))));
        self.commands.send(command).await.unwrap_or_else(|_| panic!("it has ended"));
        receiver.await.unwrap()
    }

    /// Returns the next event.
    pub(crate) async fn event(&mut self) -> Event {
        self.events.recv().await.unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Moves datagrams between a socket and an SFU, and carries out commands.
async fn run(
    mut sfu: Sfu,
    socket: UdpSocket,
    mut commands: mpsc::Receiver<Command>,
    events: mpsc::UnboundedSender<Event>,
) {
    let mut buffer = vec![0; 1 << 16];
    loop {
        while let Some(transmit) = sfu.poll_transmit() {
            socket.send_to(&transmit.data, transmit.route.agent).await.unwrap();
        }
        while let Some(event) = sfu.poll_event() {
            // A test may have no receiver.
            let _ = events.send(event);
        }
        let deadline = sfu.poll_timeout().unwrap_or_else(|| Instant::now() + IDLE);
        tokio::select! {
            command = commands.recv() => {
                let Some(command) = command else { return };
                sfu.handle_timeout(Instant::now());
                command(&mut sfu);
            }
            received = socket.recv_from(&mut buffer) => {
                // An error tells of an earlier datagram that did not arrive.
                if let Ok((length, from)) = received {
                    let route = Route { sfu: socket.local_addr().unwrap(), agent: from };
                    sfu.handle_datagram(Instant::now(), route, &buffer[..length]);
                }
            }
            () = tokio::time::sleep_until(deadline.into()) => {}
        }
        // A stream of datagrams must not stop the clock.
        sfu.handle_timeout(Instant::now());
    }
}

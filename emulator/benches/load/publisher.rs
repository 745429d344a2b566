//! Publisher that sends packets at a fixed rate, in a thread of its own.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use str0m::media::Mid;

use super::http::Http;
use super::peer::{PAYLOAD, Peer};

/// Longest wait before it reads its socket.
const LOOK: Duration = Duration::from_millis(1);

/// Bytes that RTP and SRTP add to a payload, roughly.
const OVERHEAD: usize = 50;

/// Name of its track.
pub(crate) const TRACK: &str = "video";

/// Publisher. It stops when this is dropped.
pub(crate) struct Publisher {
    pub(crate) session: String,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    start: Instant,
    /// Target of datagrams that do not pass the emulator.
    direct: SocketAddr,
    is_connected: AtomicBool,
    is_stopped: AtomicBool,
    /// Packets a second.
    rate: AtomicU64,
    /// True if direct datagrams go between them.
    is_direct: AtomicBool,
    sent: AtomicU64,
}

impl Publisher {
    /// Publishes, and waits until packets may be sent. Their times count from `start`. Direct ones
    /// go to `direct`.
    pub(crate) async fn start(http: &mut Http, start: Instant, direct: SocketAddr) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_nonblocking(true).unwrap();
        let mut peer = Peer::new(socket.local_addr().unwrap());
        let session = http.new_session().await;
        let (offer, mid) = peer.offer();
        let answer = http.publish(&session, &offer, &mid, TRACK).await;
        peer.accept_answer(&answer);
        let shared = Arc::new(Shared {
            start,
            direct,
            is_connected: AtomicBool::new(false),
            is_stopped: AtomicBool::new(false),
            rate: AtomicU64::new(50),
            is_direct: AtomicBool::new(false),
            sent: AtomicU64::new(0),
        });
        let thread = {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || run(&shared, &socket, peer, mid))
        };
        let publisher = Self { session, shared, thread: Some(thread) };
        super::until("the publisher is not connected", || {
            publisher.shared.is_connected.load(Relaxed)
        })
        .await;
        publisher
    }

    /// Sets the packets a second from now on, with as many direct ones between them, or none.
    pub(crate) fn set_rate(&self, rate: u64, is_direct: bool) {
        self.shared.rate.store(rate, Relaxed);
        self.shared.is_direct.store(is_direct, Relaxed);
    }

    /// Returns the number of packets that were sent so far.
    pub(crate) fn sent(&self) -> u64 {
        self.shared.sent.load(Relaxed)
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.shared.is_stopped.store(true, Relaxed);
        let result = self.thread.take().map(JoinHandle::join);
        if !std::thread::panicking() {
            assert!(matches!(result, Some(Ok(()))), "the publisher has failed");
        }
    }
}

fn run(shared: &Shared, socket: &UdpSocket, mut peer: Peer, mid: Mid) {
    let mut buffer = [0; 2000];
    let mut next = Instant::now();
    let mut is_direct_next = false;
    while !shared.is_stopped.load(Relaxed) {
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            peer.receive(from, &buffer[..length]);
        }
        let now = Instant::now();
        peer.tick(now);
        if peer.is_connected {
            shared.is_connected.store(true, Relaxed);
            if next <= now {
                let stamp = shared.start.elapsed().as_nanos() as u64;
                let is_direct = shared.is_direct.load(Relaxed);
                if is_direct && is_direct_next {
                    let mut data = [0; PAYLOAD + OVERHEAD];
                    data[..8].copy_from_slice(&stamp.to_be_bytes());
                    socket.send_to(&data, shared.direct).unwrap();
                } else {
                    peer.write(mid, stamp);
                    shared.sent.fetch_add(1, Relaxed);
                }
                is_direct_next = !is_direct_next;
                let sends = shared.rate.load(Relaxed) * (1 + u64::from(is_direct));
                next += Duration::from_nanos(1_000_000_000 / sends);
                // After a pause the missed packets are not made up for.
                next = next.max(now - LOOK);
            }
        }
        while let Some((to, data)) = peer.transmits.pop_front() {
            socket.send_to(&data, to).unwrap();
        }
        let wait = next.saturating_duration_since(Instant::now()).min(LOOK);
        if !wait.is_zero() {
            std::thread::sleep(wait);
        }
    }
}

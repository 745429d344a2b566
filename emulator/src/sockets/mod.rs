//! UDP sockets of media, and their permitted senders.

mod burst;

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::task::Poll;

use if_addrs::Interface;
use tokio::net::UdpSocket;

use crate::media::sfu::{Route, Transmit};

/// The UDP sockets of media.
///
/// A loopback address is joined by one of an interface: Firefox has no candidate of its own that
/// pairs with a loopback one. The second socket takes datagrams of this machine only, as the first
/// does.
pub(crate) struct Sockets {
    first: Socket,
    second: Option<Socket>,
}

struct Socket {
    socket: UdpSocket,
    address: SocketAddr,
    senders: Senders,
}

/// Senders whose datagrams are taken.
enum Senders {
    /// Every sender that the system lets through.
    All,
    /// From these addresses, which are this machine's.
    Own(Vec<IpAddr>),
}

impl Sockets {
    /// Binds the sockets for an address of media.
    ///
    /// # Errors
    /// The system's error about this address. The second socket is left out if it cannot be bound.
    pub(crate) async fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind(address).await?;
        let first = Socket { address: socket.local_addr()?, socket, senders: Senders::All };
        let mut second = None;
        if first.address.ip().is_loopback() {
            second = Socket::beside(first.address).await.unwrap_or_else(|error| {
                tracing::warn!(kind = ?error.kind(), "agents reach media at {address} only");
                None
            });
        }
        Ok(Self { first, second })
    }

    /// Returns their addresses, the best first.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.all().map(|socket| socket.address).collect()
    }

    /// Returns once datagrams may have come, or errors.
    pub(crate) async fn readable(&self) {
        poll_fn(|context| {
            // Each socket is polled, so that each can wake this task.
            let ready = self.all().filter(|s| s.socket.poll_recv_ready(context).is_ready()).count();
            if ready == 0 { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
    }

    /// Hands over the datagrams that have come, at most this many of each socket.
    pub(crate) fn receive(
        &self,
        most: usize,
        buffer: &mut [u8],
        mut take: impl FnMut(Route, &[u8]),
    ) {
        for socket in self.all() {
            for _ in 0..most {
                match socket.socket.try_recv_from(buffer) {
                    Ok((length, agent)) if socket.senders.include(agent.ip()) => {
                        take(Route { sfu: socket.address, agent }, &buffer[..length]);
                    }
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    // An earlier datagram did not arrive, which is no reason to stop.
                    Err(error) => tracing::debug!(kind = ?error.kind(), "no datagram"),
                }
            }
        }
    }

    /// Sends datagrams in their order, each from the address that its route says.
    pub(crate) async fn send(&self, datagrams: &[Transmit]) {
        for together in datagrams.chunk_by(|one, next| one.route.sfu == next.route.sfu) {
            let is_sender = |socket: &&Socket| {
                together.first().is_some_and(|first| first.route.sfu == socket.address)
            };
            let socket = self.all().find(is_sender).unwrap_or(&self.first);
            burst::send(&socket.socket, together).await;
        }
    }

    fn all(&self) -> impl Iterator<Item = &Socket> {
        std::iter::once(&self.first).chain(&self.second)
    }
}

impl Socket {
    /// Binds an address of an interface beside a loopback one. None if there is no
    /// such interface.
    async fn beside(loopback: SocketAddr) -> io::Result<Option<Self>> {
        let interfaces = if_addrs::get_if_addrs()?;
        let Some(ip) = address_beside(loopback.ip(), &interfaces) else {
            return Ok(None);
        };
        // The same port is easier for people. Another program may have it at this address.
        let socket = match UdpSocket::bind((ip, loopback.port())).await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                UdpSocket::bind((ip, 0)).await
            }
            bound => bound,
        }?;
        // A system drops datagrams from outside with a sender address of its own.
        let senders = Senders::Own(interfaces.iter().map(Interface::ip).collect());
        Ok(Some(Self { address: socket.local_addr()?, socket, senders }))
    }
}

impl Senders {
    fn include(&self, sender: IpAddr) -> bool {
        match self {
            Self::All => true,
            Self::Own(addresses) => addresses.contains(&sender),
        }
    }
}

/// Returns the first address of an interface that is up and has the IP version of the loopback
/// address.
fn address_beside(loopback: IpAddr, interfaces: &[Interface]) -> Option<IpAddr> {
    let is_usable = |at: &&Interface| at.is_oper_up() && !at.is_loopback() && !at.is_link_local();
    let mut usable: Vec<IpAddr> = interfaces.iter().filter(is_usable).map(Interface::ip).collect();
    usable.sort_by_key(|ip| ip.is_ipv4() != loopback.is_ipv4());
    usable.first().copied()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use if_addrs::{IfAddr, IfOperStatus, Ifv4Addr, Ifv6Addr};

    use super::*;

    const UP: IfOperStatus = IfOperStatus::Up;

    fn interface(ip: &str, oper_status: IfOperStatus) -> Interface {
        let addr = match ip.parse().unwrap() {
            IpAddr::V4(ip) => {
                let netmask = Ipv4Addr::new(255, 255, 255, 0);
                IfAddr::V4(Ifv4Addr { ip, netmask, prefixlen: 24, broadcast: None })
            }
            IpAddr::V6(ip) => {
                let netmask = ip;
                IfAddr::V6(Ifv6Addr { ip, netmask, prefixlen: 64, broadcast: None })
            }
        };
        Interface { name: "x".to_owned(), addr, index: None, oper_status, is_p2p: false }
    }

    #[test]
    fn the_address_beside_loopback_is_of_an_interface_that_is_up() {
        let all = [
            interface("127.0.0.1", UP),
            interface("::1", UP),
            interface("fe80::1", UP),
            interface("169.254.0.7", UP),
            interface("10.0.0.1", IfOperStatus::Down),
            interface("fd00::1", UP),
            interface("10.0.0.2", UP),
        ];
        let beside = |loopback: &str, interfaces: &[Interface]| {
            address_beside(loopback.parse().unwrap(), interfaces).map(|ip| ip.to_string())
        };
        assert_eq!(beside("127.0.0.1", &all).as_deref(), Some("10.0.0.2"));
        assert_eq!(beside("::1", &all).as_deref(), Some("fd00::1"));
        assert_eq!(beside("127.0.0.1", &all[..6]).as_deref(), Some("fd00::1"));
        assert_eq!(beside("127.0.0.1", &all[..5]), None);
        assert_eq!(beside("127.0.0.1", &[]), None);
    }

    #[tokio::test]
    async fn datagrams_of_other_machines_are_dropped_unread() {
        let loopback = (Ipv4Addr::LOCALHOST, 0);
        let socket = UdpSocket::bind(loopback).await.unwrap();
        let address = socket.local_addr().unwrap();
        // The sender's address is none of this machine's, as far as the socket knows.
        let senders = Senders::Own(vec![[192, 0, 2, 1].into()]);
        let mut sockets = Sockets { first: Socket { socket, address, senders }, second: None };
        let sender = UdpSocket::bind(loopback).await.unwrap();
        let mut taken = Vec::new();
        for data in [b"1", b"2"] {
            sender.send_to(data, address).await.unwrap();
            sockets.readable().await;
            sockets.receive(8, &mut [0; 8], |_, data| taken.push(data.to_vec()));
            sockets.first.senders = Senders::Own(vec![Ipv4Addr::LOCALHOST.into()]);
        }
        assert_eq!(taken, [b"2"]);
    }
}

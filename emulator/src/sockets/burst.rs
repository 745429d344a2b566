//! Datagrams that leave one socket together.

use std::io;

use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::UdpSocket;

use crate::media::sfu::Transmit;

/// Sends datagrams in their order, and waits while the socket has no room. One that cannot be sent
/// is dropped: media and signalling that matter are repeated.
pub(super) async fn send(socket: &UdpSocket, mut datagrams: &[Transmit]) {
    while let [_, others @ ..] = datagrams {
        match socket.async_io(Interest::WRITABLE, || send_some(socket, datagrams)).await {
            Ok(sent) => datagrams = datagrams.get(sent..).unwrap_or_default(),
            Err(error) => {
                tracing::debug!(kind = ?error.kind(), "a datagram was not sent");
                datagrams = others;
            }
        }
    }
}

/// Sends one datagram or more, as many as the system takes at once. Returns their number.
///
/// # Errors
/// The system's error about the first of them.
fn send_some(socket: &UdpSocket, datagrams: &[Transmit]) -> io::Result<usize> {
    match datagrams {
        [] => Ok(0),
        [only] => send_one(socket, only),
        #[cfg(target_os = "linux")]
        several => send_several(socket, several),
        #[cfg(not(target_os = "linux"))]
        [first, ..] => send_one(socket, first),
    }
}

fn send_one(socket: &UdpSocket, datagram: &Transmit) -> io::Result<usize> {
    SockRef::from(socket).send_to(&datagram.data, &datagram.route.agent.into())?;
    Ok(1)
}

/// Sends several datagrams by one system call.
#[cfg(target_os = "linux")]
fn send_several(socket: &UdpSocket, datagrams: &[Transmit]) -> io::Result<usize> {
    use std::io::IoSlice;

    use rustix::net::addr::SocketAddrArg;
    use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, sendmmsg};

    let agents: Vec<_> = datagrams.iter().map(|datagram| datagram.route.agent.as_any()).collect();
    let data: Vec<_> = datagrams.iter().map(|datagram| [IoSlice::new(&datagram.data)]).collect();
    let mut nothing: Vec<_> = datagrams.iter().map(|_| SendAncillaryBuffer::default()).collect();
    let headers = agents.iter().zip(&data).zip(&mut nothing);
    let mut headers: Vec<_> = headers
        .map(|((agent, data), nothing)| MMsgHdr::new_with_addr(agent, data, nothing))
        .collect();
    Ok(sendmmsg(socket, &mut headers, SendFlags::empty())?)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::media::sfu::Route;

    #[tokio::test]
    async fn datagrams_arrive_in_order_without_the_one_that_is_too_large() {
        let bind = || UdpSocket::bind((Ipv4Addr::LOCALHOST, 0));
        let (sender, receiver) = (bind().await.unwrap(), bind().await.unwrap());
        let (sfu, agent) = (sender.local_addr().unwrap(), receiver.local_addr().unwrap());
        let datagram = |data| Transmit { route: Route { sfu, agent }, data };
        let datagrams = [vec![1], vec![2; 1_000], vec![0; 1 << 16], vec![3], vec![]].map(datagram);

        send(&sender, &datagrams).await;
        send(&sender, &datagrams[..1]).await;

        let mut buffer = [0; 2_000];
        for expected in [0, 1, 3, 4, 0] {
            let length = receiver.recv(&mut buffer).await.unwrap();
            assert_eq!(buffer[..length], datagrams[expected].data);
        }
    }
}

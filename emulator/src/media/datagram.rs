//! Datagrams between the SFU and its agents.

use std::fmt;
use std::net::SocketAddr;

/// The two ends of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Address of the SFU: one of its candidates.
    pub sfu: SocketAddr,
    /// Address of the agent.
    pub agent: SocketAddr,
}

/// Datagram to send.
#[derive(Clone, PartialEq, Eq)]
pub struct Transmit {
    /// Sender and receiver.
    pub route: Route,
    /// Payload.
    pub data: Vec<u8>,
}

impl fmt::Debug for Transmit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transmit")
            .field("route", &self.route)
            .field("length", &self.data.len())
            .finish()
    }
}

//! Datagrams between the SFU and its agents.

use std::fmt;
use std::net::SocketAddr;

/// The two ends of a datagram's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The SFU's: one of its candidates.
    pub sfu: SocketAddr,
    /// The agent's.
    pub agent: SocketAddr,
}

/// A datagram to be sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Transmit {
    /// From where and to whom.
    pub route: Route,
    /// What.
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

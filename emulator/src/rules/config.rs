//! Times and limits, with the API's values as defaults.

use std::time::Duration;

/// What can be set. [`Config::default`] has the documented values, where there
/// are any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// How long a request waits for a session's transport. Documented: 5 s.
    pub connect_wait: Duration,
    /// After how long without a packet a published track is closed. Documented:
    /// 30 s.
    pub track_idle: Duration,
    /// For how long a session that lost its connection can come back.
    /// Documented: 30 s.
    pub reuse: Duration,
    /// After how long a session that never had a connection expires. Not
    /// documented: 60 s.
    pub unconnected: Duration,
    /// How long a pull waits for a track that has sent nothing. Observed: the
    /// refusal comes after 8.3 s, so 8 s.
    pub first_packet_wait: Duration,
    /// How long a subscriber that has to acknowledge its data channel may take.
    /// Documented: 30 s.
    pub ack_wait: Duration,
    /// How long a request waits for the endpoints of its adapters. Not
    /// documented: 10 s.
    pub adapter_wait: Duration,
    /// How many tracks one request may have. Documented: 64.
    pub max_tracks: usize,
    /// How many adapters one request may have. Documented: 4.
    pub max_adapters: usize,
    /// How many requests a session takes in a second. Documented: 50.
    pub requests_per_second: usize,
    /// How many bytes a body of `tracks/new` or `renegotiate` may have. Not
    /// documented: 1 MiB.
    pub max_body: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            connect_wait: Duration::from_secs(5),
            track_idle: Duration::from_secs(30),
            reuse: Duration::from_secs(30),
            unconnected: Duration::from_secs(60),
            first_packet_wait: Duration::from_secs(8),
            ack_wait: Duration::from_secs(30),
            adapter_wait: Duration::from_secs(10),
            max_tracks: 64,
            max_adapters: 4,
            requests_per_second: 50,
            max_body: 1 << 20,
        }
    }
}

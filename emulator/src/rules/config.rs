//! Times and limits, with the API's values as defaults.

use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;

/// Times and limits. [`Config::default`] has the documented values, where there
/// are any.
///
/// JSON for it: `{"trackIdleMs": 500, "maxTracks": 8}`. Missing fields have their defaults.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Config {
    /// Longest wait of a request for a session's transport. Documented: 5 s.
    #[serde(rename = "connectWaitMs", deserialize_with = "milliseconds")]
    pub connect_wait: Duration,
    /// Time without a packet after which a published track is closed. Documented: 30 s.
    #[serde(rename = "trackIdleMs", deserialize_with = "milliseconds")]
    pub track_idle: Duration,
    /// Time within which a session that lost its connection can come back. Documented: 30 s.
    #[serde(rename = "reuseMs", deserialize_with = "milliseconds")]
    pub reuse: Duration,
    /// Time after which a session that never had a connection expires. Not documented: 60 s.
    #[serde(rename = "unconnectedMs", deserialize_with = "milliseconds")]
    pub unconnected: Duration,
    /// Longest wait of a pull for a track that has sent nothing yet; then it fails with
    /// `not_found_track_error`. Observed: 0.3 s to a few seconds. Default: 1 s.
    #[serde(rename = "firstPacketWaitMs", deserialize_with = "milliseconds")]
    pub first_packet_wait: Duration,
    /// Longest wait of a pull for a track that has stopped sending, or whose section was closed by
    /// force; then it fails with `empty_track_error`. Observed: 8.25 s.
    #[serde(rename = "stoppedWaitMs", deserialize_with = "milliseconds")]
    pub stopped_wait: Duration,
    /// Time without a packet after which a track has stopped sending. Not documented: 5 s.
    #[serde(rename = "pauseMs", deserialize_with = "milliseconds")]
    pub pause: Duration,
    /// Time after a pull within which `tracks/update` fails with `update_track_error`. Observed by
    /// others: up to 10 s. Off by default: 0.
    #[serde(rename = "pullSettlesMs", deserialize_with = "milliseconds")]
    pub pull_settles: Duration,
    /// Time that a switch to another layer takes. Measured by one project: 8 to 13 s. Off by
    /// default: 0.
    #[serde(rename = "layerSwitchMs", deserialize_with = "milliseconds")]
    pub layer_switch: Duration,
    /// Longest wait for a subscriber's acknowledgement of its data channel. Documented: 30 s.
    #[serde(rename = "ackWaitMs", deserialize_with = "milliseconds")]
    pub ack_wait: Duration,
    /// Longest wait of a request for the endpoints of its adapters. Not documented: 10 s.
    #[serde(rename = "adapterWaitMs", deserialize_with = "milliseconds")]
    pub adapter_wait: Duration,
    /// Time within which an adapter connects again to an endpoint that it sends to, after the
    /// connection broke. Documented: 15 s.
    #[serde(rename = "egressReconnectMs", deserialize_with = "milliseconds")]
    pub egress_reconnect: Duration,
    /// The most tracks of one request. Documented: 64.
    pub max_tracks: usize,
    /// The most adapters of one request. Documented: 4.
    pub max_adapters: usize,
    /// The most requests of a session in a second. Documented: 50.
    pub requests_per_second: usize,
    /// The most bytes of a body of `tracks/new` or `renegotiate`. Not documented: 1 MiB.
    pub max_body: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            connect_wait: Duration::from_secs(5),
            track_idle: Duration::from_secs(30),
            reuse: Duration::from_secs(30),
            unconnected: Duration::from_secs(60),
            first_packet_wait: Duration::from_secs(1),
            stopped_wait: Duration::from_millis(8250),
            pause: Duration::from_secs(5),
            pull_settles: Duration::ZERO,
            layer_switch: Duration::ZERO,
            ack_wait: Duration::from_secs(30),
            adapter_wait: Duration::from_secs(10),
            egress_reconnect: Duration::from_secs(15),
            max_tracks: 64,
            max_adapters: 4,
            requests_per_second: 50,
            max_body: 1 << 20,
        }
    }
}

impl FromStr for Config {
    type Err = serde_json::Error;

    fn from_str(json: &str) -> Result<Self, Self::Err> {
        serde_json::from_str(json)
    }
}

fn milliseconds<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    u64::deserialize(from).map(Duration::from_millis)
}

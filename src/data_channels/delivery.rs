//! Delivery policies of data channels.

use serde::{Deserialize, Serialize};

use crate::generated::types::DataChannel;
use crate::invalid::{Invalid, Problem};

/// Delivery policy of a data channel's messages. The publisher chooses it. Every subscriber and
/// every agent that opens the channel repeats it.
///
/// As JSON it is a part of `RTCDataChannelInit` (`ordered`, `maxRetransmits`, `maxPacketLifeTime`),
/// without fields that have their defaults. Both retry limits at once cannot be expressed and are
/// refused when read.
///
/// ```
/// # use cloudflare_calls::data_channels::{Delivery, RetryLimit};
/// let state = Delivery::default().unordered().limit(RetryLimit::Retransmits(0));
/// assert_eq!(serde_json::to_string(&state)?, r#"{"ordered":false,"maxRetransmits":0}"#);
/// assert!(
///     serde_json::from_str::<Delivery>(r#"{"maxRetransmits":0,"maxPacketLifeTime":5}"#).is_err()
/// );
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Json", into = "Json")]
pub struct Delivery {
    is_ordered: bool,
    limit: Option<RetryLimit>,
}

/// Limit after which a message of an unreliable data channel is given up (RFC 8831 section 6.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RetryLimit {
    /// Retransmissions, 0 to 65535.
    Retransmits(u16),
    /// Time in milliseconds, 0 to 65535.
    LifeTime(u16),
}

impl Default for Delivery {
    /// Returns the ordered and reliable policy.
    fn default() -> Self {
        Self { is_ordered: true, limit: None }
    }
}

impl Delivery {
    /// Lets messages overtake each other.
    pub fn unordered(mut self) -> Self {
        self.is_ordered = false;
        self
    }

    /// Lets messages be lost beyond this limit.
    pub fn limit(mut self, limit: RetryLimit) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Returns whether messages arrive in the order in which they were sent.
    pub fn is_ordered(&self) -> bool {
        self.is_ordered
    }

    /// Returns the limit after which messages are given up. None: never.
    pub fn retry_limit(&self) -> Option<RetryLimit> {
        self.limit
    }

    /// Sets the fields without their defaults on a channel.
    pub(crate) fn apply(&self, mut channel: DataChannel) -> DataChannel {
        let json = Json::from(*self);
        channel.ordered = json.ordered;
        channel.max_retransmits = json.max_retransmits;
        channel.max_packet_life_time = json.max_packet_life_time;
        channel
    }
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Json {
    #[serde(skip_serializing_if = "Option::is_none")]
    ordered: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_retransmits: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_packet_life_time: Option<u16>,
}

impl From<Delivery> for Json {
    fn from(delivery: Delivery) -> Self {
        let mut json = Self { ordered: None, max_retransmits: None, max_packet_life_time: None };
        if !delivery.is_ordered {
            json.ordered = Some(false);
        }
        match delivery.limit {
            Some(RetryLimit::Retransmits(times)) => json.max_retransmits = Some(times),
            Some(RetryLimit::LifeTime(milliseconds)) => {
                json.max_packet_life_time = Some(milliseconds);
            }
            None => {}
        }
        json
    }
}

impl TryFrom<Json> for Delivery {
    type Error = Invalid;

    fn try_from(json: Json) -> Result<Self, Invalid> {
        let limit = match (json.max_retransmits, json.max_packet_life_time) {
            (Some(_), Some(_)) => {
                let problem = Problem::Excludes { other: "maxPacketLifeTime" };
                return Err(Invalid::new("maxRetransmits", problem));
            }
            (Some(times), None) => Some(RetryLimit::Retransmits(times)),
            (None, Some(milliseconds)) => Some(RetryLimit::LifeTime(milliseconds)),
            (None, None) => None,
        };
        Ok(Self { is_ordered: json.ordered.unwrap_or(true), limit })
    }
}

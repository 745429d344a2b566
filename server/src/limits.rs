//! Limits on agents.

use std::hash::Hash;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::name::{MemberId, RoomName};
use crate::refusal::Refused;

/// The most bytes of the name of a track or data channel. All members of a room receive it.
pub const MAX_PUBLICATION_NAME: usize = 128;

/// Limits on agents.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// The most members of a room: 100 if not set.
    pub members: usize,
    /// The most sessions of a member at a time: 4 if not set.
    pub sessions: usize,
    /// The most tracks and data channels that a member publishes: 32 if not set.
    pub publications: usize,
    /// The most bytes of a body: 256 KiB if not set.
    pub body: usize,
    /// The most bytes of a member's data: 2 KiB if not set.
    pub data: usize,
    /// The most requests of a member in a second: 30 if not set, and twice as many at once.
    pub requests: NonZeroU32,
    /// The most members that may enter one room in a second: 20 if not set, and twice as many at
    /// once.
    pub entrances: NonZeroU32,
    /// Time of silence after which a member expires: 30 s if not set.
    pub absence: Duration,
    /// Time between two signs of life on a connection for events: 10 s if not set. A connection
    /// that is silent for two and a half times as long is closed.
    pub heartbeat: Duration,
}

/// State of the rate limits.
pub(crate) struct Rates {
    members: DefaultKeyedRateLimiter<MemberId>,
    rooms: DefaultKeyedRateLimiter<RoomName>,
}

/// Checks the name of a publication.
pub(crate) fn check_name<'a>(field: &str, name: &'a str) -> Result<&'a str, Refused> {
    match name.len() <= MAX_PUBLICATION_NAME {
        true => Ok(name),
        false => Err(Refused::Invalid(format!(
            "{field}: up to {MAX_PUBLICATION_NAME} bytes are allowed"
        ))),
    }
}

const fn number(number: u32) -> NonZeroU32 {
    match NonZeroU32::new(number) {
        Some(number) => number,
        None => NonZeroU32::MIN,
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            members: 100,
            sessions: 4,
            publications: 32,
            body: 256 * 1024,
            data: 2 * 1024,
            requests: number(30),
            entrances: number(20),
            absence: Duration::from_secs(30),
            heartbeat: Duration::from_secs(10),
        }
    }
}

impl Rates {
    pub(crate) fn new(limits: &Limits) -> Self {
        let quota =
            |rate: NonZeroU32| Quota::per_second(rate).allow_burst(rate.saturating_mul(number(2)));
        Self {
            members: RateLimiter::keyed(quota(limits.requests)),
            rooms: RateLimiter::keyed(quota(limits.entrances)),
        }
    }

    /// Counts a request of a member.
    pub(crate) fn request(&self, member: &MemberId) -> Result<(), Refused> {
        check(&self.members, member)
    }

    /// Counts a request to enter a room.
    pub(crate) fn entrance(&self, room: &RoomName) -> Result<(), Refused> {
        check(&self.rooms, room)
    }

    /// Forgets members and rooms without recent requests.
    pub(crate) fn tidy(&self) {
        self.members.retain_recent();
        self.rooms.retain_recent();
    }
}

fn check<K: Hash + Eq + Clone>(limit: &DefaultKeyedRateLimiter<K>, key: &K) -> Result<(), Refused> {
    limit.check_key(key).map_err(|not_until| {
        let retry_after = not_until.wait_time_from(DefaultClock::default().now());
        Refused::TooMany { retry_after }
    })
}

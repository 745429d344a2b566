//! What UDP packets suffer on their way, by seed.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::faults::Network;
use crate::media::sfu::Route;

/// How many packets may be on their way in each direction. What comes beyond
/// is lost, as in a full queue.
const MAX_PACKETS: usize = 10_000;

/// Loses and delays packets in both directions.
#[derive(Debug, Default)]
pub(crate) struct Netem {
    network: Network,
    random: fastrand::Rng,
    sent: Way,
    received: Way,
}

/// The packets on their way in one direction, by when they arrive.
#[derive(Debug, Default)]
struct Way {
    packets: BTreeMap<(Instant, u64), (Route, Vec<u8>)>,
    count: u64,
}

impl Netem {
    /// From now on this happens. What is on its way stays there.
    pub(crate) fn set(&mut self, network: Network) {
        self.random = fastrand::Rng::with_seed(network.seed);
        self.network = network;
    }

    /// A packet that is sent: at once, later or not at all.
    pub(crate) fn sent(
        &mut self,
        now: Instant,
        route: Route,
        data: Vec<u8>,
    ) -> Option<(Route, Vec<u8>)> {
        match self.fate()? {
            Duration::ZERO => Some((route, data)),
            delay => {
                self.sent.push(now + delay, route, data);
                None
            }
        }
    }

    /// A packet that has come: at once, later or not at all.
    pub(crate) fn received<'d>(
        &mut self,
        now: Instant,
        route: Route,
        data: &'d [u8],
    ) -> Option<(Route, Cow<'d, [u8]>)> {
        match self.fate()? {
            Duration::ZERO => Some((route, Cow::Borrowed(data))),
            delay => {
                self.received.push(now + delay, route, data.to_vec());
                None
            }
        }
    }

    /// The next packet that is to be sent by now.
    pub(crate) fn poll_sent(&mut self, now: Instant) -> Option<(Route, Vec<u8>)> {
        self.sent.pop(now)
    }

    /// The next packet that has arrived by now.
    pub(crate) fn poll_received(&mut self, now: Instant) -> Option<(Route, Vec<u8>)> {
        self.received.pop(now)
    }

    /// When the next packet arrives in either direction.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        [&self.sent, &self.received].into_iter().filter_map(Way::next).min()
    }

    /// How much later a packet arrives; None if it does not.
    fn fate(&mut self) -> Option<Duration> {
        if self.network.is_perfect() {
            return Some(Duration::ZERO);
        }
        if self.random.f64() < self.network.loss {
            return None;
        }
        if self.random.f64() < self.network.reorder {
            return Some(Duration::ZERO);
        }
        let jitter = self.random.u64(..=self.network.jitter_ms);
        Some(Duration::from_millis(self.network.delay_ms.saturating_add(jitter)))
    }
}

impl Way {
    fn push(&mut self, at: Instant, route: Route, data: Vec<u8>) {
        if self.packets.len() < MAX_PACKETS {
            self.count += 1;
            self.packets.insert((at, self.count), (route, data));
        }
    }

    fn pop(&mut self, now: Instant) -> Option<(Route, Vec<u8>)> {
        let entry = self.packets.first_entry()?;
        (entry.key().0 <= now).then(|| entry.remove())
    }

    fn next(&self) -> Option<Instant> {
        self.packets.first_key_value().map(|((at, _), _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    const AT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9);
    const ROUTE: Route = Route { sfu: AT, agent: AT };

    /// The packets in the order of their arrival, and when each of them came, of
    /// 1,000 that are sent at 0 ms.
    fn arrivals(network: Network) -> Vec<(u128, usize)> {
        let start = Instant::now();
        let mut netem = Netem::default();
        netem.set(network);
        let mut arrived = Vec::new();
        for number in 0..1000_usize {
            if let Some((_, data)) = netem.sent(start, ROUTE, number.to_be_bytes().to_vec()) {
                arrived.push((0, data));
            }
        }
        while let Some(at) = netem.poll_timeout() {
            let (_, data) = netem.poll_sent(at).expect("it is due");
            arrived.push((at.duration_since(start).as_millis(), data));
        }
        let number = |data: Vec<u8>| usize::from_be_bytes(data.try_into().expect("as sent"));
        arrived.into_iter().map(|(at, data)| (at, number(data))).collect()
    }

    #[test]
    fn packets_are_lost_delayed_and_overtaken_as_ordered() {
        let all = arrivals(Network::default());
        assert_eq!(all, (0..1000).map(|number| (0, number)).collect::<Vec<_>>());

        let lossy = Network { loss: 0.2, seed: 1, ..Network::default() };
        let lost = 1000 - arrivals(lossy).len();
        assert!((150..250).contains(&lost), "{lost}");
        assert_eq!(arrivals(lossy), arrivals(lossy), "the same by the same seed");

        let late = arrivals(Network { delay_ms: 40, ..Network::default() });
        assert_eq!(late, (0..1000).map(|number| (40, number)).collect::<Vec<_>>());

        let jitter = arrivals(Network { delay_ms: 40, jitter_ms: 20, ..Network::default() });
        assert!(jitter.iter().all(|(at, _)| (40..=60).contains(at)));
        assert!(!jitter.is_sorted_by_key(|(_, number)| number), "none has overtaken another");

        let reordered = arrivals(Network { delay_ms: 40, reorder: 0.1, ..Network::default() });
        let ahead = reordered.iter().filter(|(at, _)| *at == 0).count();
        assert!((60..140).contains(&ahead), "{ahead}");
        assert_eq!(reordered.len(), 1000);
    }
}

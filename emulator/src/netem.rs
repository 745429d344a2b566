//! Loss, delay and disorder of UDP packets, by seed. The models are str0m-netem's:
//! one for each direction, for the packets of all agents together.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use str0m_netem::{
    Bitrate, DataSize, GilbertElliot, Input, LossModel, Netem as Model, NetemConfig, Output,
    Probability, RandomLoss,
};

use crate::faults::Network;

/// The most packets on their way in each direction. Further ones are lost, as in a full queue.
const MAX_PACKETS: usize = 10_000;

/// Longest wait of a packet before a link that is too slow. The link's buffer holds no more.
const LINK_QUEUE: Duration = Duration::from_millis(250);

/// Least buffer of a link in bytes: a few packets.
const LEAST_BUFFER: i64 = 15_000;

/// Loses and delays packets in both directions. Each has an address of any type.
pub(crate) struct Netem<A> {
    network: Network,
    sent: Way<A>,
    received: Way<A>,
}

/// One direction.
struct Way<A>(Model<Packet<A>>);

#[derive(Clone)]
struct Packet<A> {
    address: A,
    data: Vec<u8>,
}

impl<A: Clone> Default for Netem<A> {
    fn default() -> Self {
        let way = || Way(Model::new(NetemConfig::new()));
        Self { network: Network::default(), sent: way(), received: way() }
    }
}

impl<A: Clone> Netem<A> {
    /// Sets the conditions from now on. Packets that are already delayed stay so.
    pub(crate) fn set(&mut self, network: Network) {
        self.network = network;
        self.sent.0.set_config(config(&network, network.seed));
        self.received.0.set_config(config(&network, network.seed.wrapping_add(1)));
    }

    /// Sends a packet: returns it at once, or lets [`poll_sent`](Self::poll_sent) return it later
    /// unless it is lost.
    pub(crate) fn sent(&mut self, now: Instant, to: A, data: Vec<u8>) -> Option<(A, Vec<u8>)> {
        if self.network.is_perfect() {
            return Some((to, data));
        }
        self.sent.push(now, to, data);
        None
    }

    /// Receives a packet: returns it at once, or lets [`poll_received`](Self::poll_received) return
    /// it later unless it is lost.
    pub(crate) fn received<'d>(
        &mut self,
        now: Instant,
        from: A,
        data: &'d [u8],
    ) -> Option<(A, Cow<'d, [u8]>)> {
        if self.network.is_perfect() {
            return Some((from, Cow::Borrowed(data)));
        }
        self.received.push(now, from, data.to_vec());
        None
    }

    /// Returns the next packet that is to be sent by now.
    pub(crate) fn poll_sent(&mut self, now: Instant) -> Option<(A, Vec<u8>)> {
        self.sent.pop(now)
    }

    /// Returns the next packet that has arrived by now.
    pub(crate) fn poll_received(&mut self, now: Instant) -> Option<(A, Vec<u8>)> {
        self.received.pop(now)
    }

    /// Returns the time at which the next packet arrives in either direction.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        [&self.sent, &self.received].into_iter().filter_map(Way::next).min()
    }
}

impl<A: Clone> Way<A> {
    fn push(&mut self, now: Instant, address: A, data: Vec<u8>) {
        if self.0.queue_len() < MAX_PACKETS {
            self.0.handle_input(Input::Packet(now, Packet { address, data }));
        }
    }

    fn pop(&mut self, now: Instant) -> Option<(A, Vec<u8>)> {
        self.next().filter(|at| *at <= now)?;
        self.0.handle_input(Input::Timeout(now));
        match self.0.poll_output()? {
            Output::Packet(packet) => Some((packet.address, packet.data)),
            Output::Timeout(_) => None,
        }
    }

    fn next(&self) -> Option<Instant> {
        (!self.0.is_empty()).then(|| self.0.poll_timeout())
    }
}

/// Returns the settings in the model's terms.
fn config(network: &Network, seed: u64) -> NetemConfig {
    let (delay, jitter) =
        (Duration::from_millis(network.delay_ms), Duration::from_millis(network.jitter_ms));
    // The model's jitter is added to or taken from the delay. Ours is added only.
    let config = NetemConfig::new()
        .latency(delay + jitter / 2)
        .jitter(jitter / 2)
        .loss(loss(network))
        .seed(seed);
    let config = match network.rate_kbps {
        None => config,
        Some(kbps) => {
            // The model's buffer includes packets that are delayed.
            let bytes_per_ms = kbps / 8 + 1;
            let time = (delay + jitter + LINK_QUEUE).as_millis();
            let bytes = u128::from(bytes_per_ms).saturating_mul(time);
            let buffer = i64::try_from(bytes).unwrap_or(i64::MAX).max(LEAST_BUFFER);
            config.link(Bitrate::kbps(kbps), DataSize::bytes(buffer))
        }
    };
    if network.reorder <= 0.0 {
        return config;
    }
    // One packet in this many overtakes. At most every other one can, because those in between are
    // overtaken.
    let gap = (1.0 / network.reorder).round() as u32;
    config.reorder_gap(gap.max(2))
}
fn loss(network: &Network) -> LossModel {
    let (part, burst) = (network.loss, network.burst);
    if part <= 0.0 {
        return LossModel::None;
    }
    if burst <= 1.0 || part >= 1.0 {
        return RandomLoss::new(Probability::new(part as f32)).into();
    }
    // The mean number of packets between two bursts, which gives the wanted share of lost packets.
    let between = burst * (1.0 - part) / part;
    GilbertElliot::new().bad_duration(burst as f32).good_duration(between as f32).into()
}

impl<A> AsRef<[u8]> for Packet<A> {
    fn as_ref(&self) -> &[u8] {
        &self.data
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    const TO: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9);

    /// Returns the packets in the order of their arrival with their arrival times. 10,000 packets
    /// of 100 bytes are sent, one every `gap`.
    fn arrivals(network: Network, gap: Duration) -> Vec<(u128, usize)> {
        let start = Instant::now();
        let mut netem = Netem::default();
        netem.set(network);
        let mut arrived = Vec::new();
        let mut take = |netem: &mut Netem<SocketAddr>, until: Instant| {
            while let Some(at) = netem.poll_timeout().filter(|at| *at <= until) {
                let (_, data) = netem.poll_sent(at).expect("it is due");
                arrived.push((at.duration_since(start).as_millis(), data));
            }
        };
        let mut now = start;
        for number in 0..10_000_usize {
            let mut data = number.to_be_bytes().to_vec();
            data.resize(100, 0);
            if let Some((_, data)) = netem.sent(now, TO, data) {
                netem.sent.push(now, TO, data);
            }
            take(&mut netem, now);
            now += gap;
        }
        take(&mut netem, now + Duration::from_secs(600));
        let number = |data: Vec<u8>| usize::from_be_bytes(data[..8].try_into().expect("as sent"));
        arrived.into_iter().map(|(at, data)| (at, number(data))).collect()
    }

    const MS: Duration = Duration::from_millis(1);

    fn lost(network: Network) -> Vec<usize> {
        let arrived: std::collections::BTreeSet<usize> =
            arrivals(network, MS).into_iter().map(|(_, number)| number).collect();
        (0..10_000).filter(|number| !arrived.contains(number)).collect()
    }

    #[test]
    fn packets_are_lost_delayed_and_overtaken_as_ordered() {
        let late = arrivals(Network { delay_ms: 40, ..Network::default() }, MS);
        assert_eq!(
            late,
            (0..10_000).map(|number| (number as u128 + 40, number)).collect::<Vec<_>>()
        );

        let jitter = Network { delay_ms: 40, jitter_ms: 20, ..Network::default() };
        let jitter = arrivals(jitter, 30 * MS);
        let delays: Vec<u128> = jitter.iter().map(|(at, n)| at - 30 * *n as u128).collect();
        assert!(delays.iter().all(|delay| (40..=60).contains(delay)));
        assert!((40..60).all(|delay| delays.contains(&delay)), "as much one as another");
        assert!(jitter.is_sorted_by_key(|(_, number)| number));

        let reordered = Network { delay_ms: 40, reorder: 0.1, ..Network::default() };
        let reordered = arrivals(reordered, MS);
        let ahead = reordered.windows(2).filter(|pair| pair[0].1 > pair[1].1).count();
        assert_eq!((reordered.len(), ahead), (10_000, 1_000), "every tenth overtakes one");
    }

    #[test]
    fn losses_come_alone_or_in_bursts_the_same_ones_by_the_same_seed() {
        for (burst, mean) in [(0.0, 1.0..1.6), (10.0, 7.0..13.0)] {
            let network = Network { loss: 0.2, burst, seed: 1, ..Network::default() };
            let lost = lost(network);
            assert!((1_500..2_500).contains(&lost.len()), "{}", lost.len());
            let bursts = 1 + lost.windows(2).filter(|pair| pair[1] != pair[0] + 1).count();
            let length = lost.len() as f64 / bursts as f64;
            assert!(mean.contains(&length), "{length}");
            assert_eq!(lost, super::tests::lost(network));
        }
        assert_eq!(lost(Network { loss: 1.0, burst: 5.0, ..Network::default() }).len(), 10_000);
    }

    #[test]
    fn a_link_carries_no_more_than_its_rate_and_drops_what_its_buffer_cannot_hold() {
        // 100 bytes each ms are 800 kbit/s.
        let network = |kbps| Network { rate_kbps: Some(kbps), ..Network::default() };
        assert_eq!(arrivals(network(1_600), MS).len(), 10_000, "there is room for all");
        let arrived = arrivals(network(400), MS);
        assert!((4_950..5_400).contains(&arrived.len()), "{}", arrived.len());
        let waited = arrived.iter().map(|(at, number)| at - *number as u128).max();
        assert!(waited.is_some_and(|ms| (250..350).contains(&ms)), "{waited:?}");
    }

    #[test]
    fn a_perfect_network_is_passed_at_once_and_what_is_on_its_way_arrives() {
        let (mut netem, now) = (Netem::default(), Instant::now());
        assert_eq!(netem.sent(now, TO, vec![1]), Some((TO, vec![1])));
        netem.set(Network { delay_ms: 40, ..Network::default() });
        assert_eq!(netem.received(now, TO, &[2]), None);
        netem.set(Network::default());
        assert_eq!(netem.poll_timeout(), Some(now + 40 * MS));
        assert_eq!(netem.poll_received(now + 39 * MS), None);
        assert_eq!(netem.poll_received(now + 40 * MS), Some((TO, vec![2])));
    }
}

//! Addresses at which agents reach media.

use std::net::SocketAddr;
use std::time::Duration;

use cloudflare_calls::tracks::LocalTrack;
use cloudflare_calls::{Mid, Offer, prelude::*};
use cloudflare_calls_emulator::Emulator;
use cloudflare_calls_emulator::agent::{Agent, Source};

use crate::support::client;

/// Long enough for two busy cores.
const PATIENCE: Duration = Duration::from_secs(60);

/// Joins with only those candidates of the answer that are at this address. Returns the addresses
/// of media in the answer.
async fn join_at(emulator: &Emulator, address: SocketAddr) -> Vec<SocketAddr> {
    let (agent, session) =
        (Agent::start().await.unwrap(), client(emulator).join().send().await.unwrap());
    let (offer, mids) = agent.offer(&[Source::Audio]).await.unwrap();
    let track = LocalTrack::new(Mid::new(&*mids[0]).unwrap(), "sound");
    let published = session.publish(Offer::new(offer).unwrap(), [track]).await.unwrap();
    let (mut kept, mut candidates) = (String::new(), Vec::new());
    for line in published.answer.sdp().lines() {
        let words: Vec<&str> = line.split(' ').collect();
        if line.starts_with("a=candidate:") {
            let at = SocketAddr::new(words[4].parse().unwrap(), words[5].parse().unwrap());
            candidates.push(at);
            if at != address {
                continue;
            }
        }
        kept += &format!("{line}\r\n");
    }
    agent.accept_answer(&kept).await.unwrap();
    agent.connected(PATIENCE).await.unwrap();
    candidates
}

#[tokio::test]
async fn agents_of_this_machine_reach_each_candidate_there_is() {
    for ip in ["127.0.0.1", "::1"] {
        let media = SocketAddr::new(ip.parse().unwrap(), 0);
        let emulator = Emulator::builder().media(media).start().await.unwrap();
        let addresses = emulator.media_addresses();
        assert!(addresses.len() <= 2, "{addresses:?}");
        for (at, address) in addresses.iter().enumerate() {
            assert_eq!(address.ip().is_loopback(), at == 0, "{addresses:?}");
            // An agent has an address of version 4 only.
            if address.is_ipv4() {
                assert_eq!(join_at(&emulator, *address).await, addresses);
            }
        }
    }
}

#[tokio::test]
async fn an_interface_that_is_asked_for_is_the_only_candidate() {
    let local = Emulator::start().await.unwrap();
    for asked in local.media_addresses().iter().filter(|address| address.is_ipv4()) {
        let media = SocketAddr::new(asked.ip(), 0);
        let emulator = Emulator::builder().media(media).start().await.unwrap();
        let candidates = join_at(&emulator, emulator.media_addresses()[0]).await;
        assert_eq!(candidates, emulator.media_addresses());
        // A loopback address is for this machine only, which has others beside it.
        assert!(asked.ip().is_loopback() || candidates.len() == 1, "{candidates:?}");
        assert_eq!(candidates[0].ip(), asked.ip());
    }
}

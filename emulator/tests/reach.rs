//! Where agents reach media.

// A test fails by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::net::{Ipv4Addr, SocketAddr};

use cloudflare_calls::tracks::LocalTrack;
use cloudflare_calls::{Mid, Offer, prelude::*};
use cloudflare_calls_emulator::Emulator;
use cloudflare_calls_emulator::agent::{Agent, Send};

use support::{PATIENCE, client};

/// Joins, and takes only those candidates of the answer that are at this address. Returns
/// where the answer says that media is reached.
async fn join_at(emulator: &Emulator, address: SocketAddr) -> Vec<SocketAddr> {
    let (agent, session) = (Agent::start().await.unwrap(), client(emulator).join().send().await);
    let (offer, mids) = agent.offer(&[Send::Audio]).await.unwrap();
    let track = LocalTrack::new(Mid::new(&*mids[0]).unwrap(), "sound");
    let published = session.unwrap().publish(Offer::new(offer).unwrap(), [track]).await.unwrap();
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
async fn an_address_that_is_asked_for_is_the_only_candidate() {
    let local = Emulator::start().await.unwrap();
    // The last one is an interface's, if there is one.
    let asked = local.media_addresses().last().unwrap().ip();
    if asked.is_loopback() {
        eprintln!("this machine has no interface but the loopback one");
    }
    let emulator = Emulator::builder().media(SocketAddr::new(asked, 0)).start().await.unwrap();
    let addresses = emulator.media_addresses();
    assert_eq!(addresses.len(), 1);
    assert_eq!(join_at(&emulator, addresses[0]).await, addresses);
    assert_ne!(asked, Ipv4Addr::UNSPECIFIED);
}

//! Hostile callers, who must not harm others.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cloudflare_calls::reqwest::{self, StatusCode};
use cloudflare_calls::tracks::RemoteTrack;
use cloudflare_calls::{Offer, prelude::*};
use cloudflare_calls_emulator::Emulator;
use cloudflare_calls_emulator::agent::{Agent, Source};
use cloudflare_calls_emulator::rules::{Config, SessionState};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpStream, UdpSocket};
use tokio::task::JoinSet;

use super::alone;
use crate::support::{PATIENCE, client, join, pull};

/// Sessions that are created and never connected.
const HALF_OPEN: u64 = 10_000;
/// The sessions of these that make an offer, too.
const OFFERED: u64 = 1_000;
/// Connections that never send a request. Both ends are in this process, and many systems let one
/// have 1,024 files.
const SILENT: usize = 250;
/// The most memory of 10,000 sessions, in bytes: 20 kB each, and 200 kB more for those that have
/// made an offer.
const ALLOWED: u64 = HALF_OPEN * 20_000 + OFFERED * 200_000;

/// Returns the bytes that this process has in memory.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    kilobytes << 10
}

/// Lets one agent publish, and another one receive it.
async fn call(emulator: &Emulator) {
    let client = client(emulator);
    let (alice, alices) = join(&client, Source::Audio, "mic").await;
    let bob = Agent::start().await.unwrap();
    let bobs = client.join().send().await.unwrap();
    let mid = pull(&bob, &bobs, RemoteTrack::new(alices.id().clone(), "mic")).await.unwrap();
    let got = bob.until_received(mid.as_str(), PATIENCE, |got| got.packets >= 25).await.unwrap();
    assert_eq!(got.marker.unwrap().agent, alice.id());
    assert!(alices.leave().await.unwrap().is_complete());
    assert!(bobs.leave().await.unwrap().is_complete());
}

/// Sends datagrams that only look valid, until it is aborted.
async fn garbage(emulator: &Emulator, sent: Arc<AtomicU64>) {
    let to = emulator.media_addresses()[0];
    let mut random = fastrand::Rng::with_seed(5);
    loop {
        // Ports change with each datagram.
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        for _ in 0..20 {
            let mut datagram = vec![0; random.usize(1..1500)];
            random.fill(&mut datagram);
            // STUN, DTLS or SRTP (RFC 7983), then random bytes.
            datagram[0] = *random.choice(&[0, 1, 20, 22, 63, 128, 191]).unwrap();
            if datagram[0] < 2 && datagram.len() >= 20 {
                // The beginning of a check: the length, and the magic cookie.
                let length = u16::try_from(datagram.len() - 20).unwrap() & !3;
                datagram[2..4].copy_from_slice(&length.to_be_bytes());
                datagram[4..8].copy_from_slice(&[0x21, 0x12, 0xa4, 0x42]);
            }
            socket.send_to(&datagram, to).await.unwrap();
            sent.fetch_add(1, Ordering::Relaxed);
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[test]
fn ten_thousand_half_open_sessions_and_garbage_stop_nobody() {
    alone("hostile::ten_thousand_half_open_sessions_and_garbage_stop_nobody", async {
        // Sessions expire when the test says so, not while it goes on.
        let config = Config { unconnected: Duration::from_secs(3600), ..Config::default() };
        let emulator = Arc::new(Emulator::builder().config(config).start().await.unwrap());
        call(&emulator).await;

        let sent = Arc::new(AtomicU64::new(0));
        let mut attacks = JoinSet::new();
        let (target, count) = (Arc::clone(&emulator), Arc::clone(&sent));
        attacks.spawn(async move { garbage(&target, count).await });

        let address = emulator.base_url().trim_start_matches("http://").trim_end_matches("/v1");
        let mut silent = Vec::new();
        for _ in 0..SILENT {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(b"POST /v1/apps/").await.unwrap();
            silent.push(stream);
        }

        let before = resident();
        let agent = Agent::start().await.unwrap();
        let (offer, _) = agent.offer(&[Source::Audio, Source::Video]).await.unwrap();
        let mut clients = JoinSet::new();
        for part in 0..8 {
            let (client, offer) = (client(&emulator), Offer::new(offer.clone()).unwrap());
            clients.spawn(async move {
                for number in (part..HALF_OPEN).step_by(8) {
                    let session = client.join().send().await.unwrap();
                    if number < OFFERED {
                        let published = session.publish_all(offer.clone()).await.unwrap();
                        published.outcome.into_result().unwrap();
                    }
                }
            });
        }
        while let Some(done) = clients.join_next().await {
            done.unwrap();
        }
        let taken = resident().saturating_sub(before);
        let snapshot = emulator.snapshot().await.unwrap();
        let new = snapshot.sessions.iter().filter(|session| session.state == SessionState::New);
        assert_eq!(new.count() as u64, HALF_OPEN);
        println!("{} bytes for each session", taken / HALF_OPEN);
        assert!(taken < ALLOWED, "{taken} bytes");

        let sent_before = sent.load(Ordering::Relaxed);
        call(&emulator).await;
        assert!(sent.load(Ordering::Relaxed) > sent_before, "no garbage came during the call");

        for session in emulator.snapshot().await.unwrap().sessions {
            emulator.expire(&session.id).await;
        }
        assert!(emulator.is_media_empty().await, "media is left");
        attacks.abort_all();
        drop(silent);
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_without_an_end_are_cut_off() {
    let emulator = Emulator::start().await.unwrap();
    let app = &emulator.apps()[0];
    let url = format!("{}/apps/{}/sessions/new", emulator.base_url(), app.id());
    let post = |body: reqwest::Body| {
        reqwest::Client::new().post(&url).bearer_auth(app.expose_secret()).body(body).send()
    };
    let body = vec![b' '; 64 << 20];
    match post(body.into()).await {
        Ok(reply) => assert_eq!(reply.status(), StatusCode::PAYLOAD_TOO_LARGE),
        // The connection was closed before all was sent.
        Err(error) => assert!(error.is_request(), "{error}"),
    }
    let deep = "[".repeat(1 << 20);
    assert_eq!(post(deep.into()).await.unwrap().status(), StatusCode::BAD_REQUEST);
    call(&emulator).await;
}

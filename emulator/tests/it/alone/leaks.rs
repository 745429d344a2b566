//! Leaks: nothing is left once all agents have gone.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cloudflare_calls::tracks::RemoteTrack;
use cloudflare_calls::{Client, RetryPolicy, Session, prelude::*};
use cloudflare_calls_emulator::Emulator;
use cloudflare_calls_emulator::agent::{Agent, Source};
use cloudflare_calls_emulator::faults::{Fault, Network, Rule};
use cloudflare_calls_emulator::rules::{Config, SessionState};

use super::alone;
use crate::support::{PATIENCE, client, join, publish, pull};

/// Returns the number of file descriptors of this process.
fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

fn tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

/// Agents that are there at the same time, at first. There are fewer if hardly any of them receives
/// something, because the machine has other work.
const AT_ONCE: usize = 25;

async fn until(what: &str, is: impl AsyncFn() -> bool) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !is().await {
        assert!(tokio::time::Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Lets one agent come, publish, pull from the host or from another agent, past or present, and go,
/// politely or not.
async fn visit(
    number: u64,
    client: Client,
    host: Session,
    others: Arc<Mutex<Vec<Session>>>,
    pulled: Arc<AtomicUsize>,
) {
    let mut random = fastrand::Rng::with_seed(number);
    let policy = RetryPolicy::default().attempts(2).budget(Duration::from_millis(500));
    let Ok(session) = client.join().retry(policy).send().await else { return };
    let agent = Agent::start().await.unwrap();
    if publish(&agent, &session, Source::Audio, "mic").await.is_some()
        && agent.connected(Duration::from_secs(5)).await.is_ok()
    {
        others.lock().unwrap().push(session.clone());
        let other = match random.bool() {
            true => host,
            false => random.choice(others.lock().unwrap().iter()).unwrap().clone(),
        };
        let wanted = RemoteTrack::new(other.id().clone(), "mic");
        if let Some(mid) = pull(&agent, &session, wanted).await
            && agent
                .until_received(mid.as_str(), PATIENCE / 10, |got| got.packets > 0)
                .await
                .is_ok()
        {
            pulled.fetch_add(1, Ordering::Relaxed);
        }
    }
    tokio::time::sleep(Duration::from_millis(random.u64(..200))).await;
    if random.bool() {
        drop(session.leave().await);
    }
    if random.bool() {
        agent.close().await;
    }
}

#[test]
fn a_hundred_sessions_come_and_go_with_faults_and_nothing_is_left() {
    alone("leaks::a_hundred_sessions_come_and_go_with_faults_and_nothing_is_left", async {
        let config = Config {
            unconnected: Duration::from_secs(2),
            reuse: Duration::from_secs(1),
            connect_wait: Duration::from_millis(500),
            first_packet_wait: Duration::from_millis(500),
            ..Config::default()
        };
        let (descriptors_before, tasks_before) = (descriptors(), tasks());
        let emulator = Emulator::builder().config(config).start().await.unwrap();
        let client = client(&emulator);
        let (host_agent, host) = join(&client, Source::Audio, "mic").await;
        for (seed, fault) in [
            (1, Fault::DropReply),
            (2, Fault::DropRequest),
            (3, Fault::Html { status: 502 }),
            (4, Fault::ExpireSession),
            (5, Fault::Disconnect),
            (6, Fault::Delay { ms: 20 }),
        ] {
            emulator.fault(Rule::new(fault).probability(0.03, seed)).unwrap();
        }
        let network = Network {
            loss: 0.02,
            delay_ms: 1,
            jitter_ms: 5,
            reorder: 0.02,
            seed: 7,
            ..Network::default()
        };
        emulator.set_network(network).await.unwrap();
        {
            let (others, pulled) = (Arc::default(), Arc::new(AtomicUsize::new(0)));
            let received = || pulled.load(Ordering::Relaxed);
            let mut at_once = AT_ONCE;
            while received() <= 20 {
                assert!(at_once > 0, "only {} have received anything: too few", received());
                // All at once would keep two cores from connecting any.
                let room = Arc::new(tokio::sync::Semaphore::new(at_once));
                let visits = (0..100).map(|number| {
                    let (client, host) = (client.clone(), host.clone());
                    let visit =
                        visit(number, client, host, Arc::clone(&others), Arc::clone(&pulled));
                    let room = Arc::clone(&room);
                    tokio::spawn(async move {
                        let _place = room.acquire().await.unwrap();
                        visit.await;
                    })
                });
                for visit in visits.collect::<Vec<_>>() {
                    visit.await.unwrap();
                }
                println!("{} have received something, {at_once} at once", received());
                at_once /= 4;
            }
        }
        emulator.clear_faults();
        drop(host.leave().await);
        host_agent.close().await;
        drop((host, client));
        until("sessions are left", async || {
            let snapshot = emulator.snapshot().await.unwrap();
            snapshot.subscriptions.is_empty()
                && snapshot.sessions.iter().all(|session| session.state == SessionState::Expired)
        })
        .await;
        assert!(emulator.is_media_empty().await, "media is left");
        emulator.shutdown().await;
        until("tasks are left", async || tasks() <= tasks_before).await;
        until("descriptors are left", async || descriptors() <= descriptors_before).await;
    });
}

//! Futures that are dropped, and runtimes that end, in the middle of a request: every result is
//! known afterwards.

use std::time::Duration;

use cloudflare_calls::adapters::Adapter;
use cloudflare_calls::data_channels::LocalDataChannel;
use cloudflare_calls::session::{Negotiation, Status, Unfinished, Unusable};
use cloudflare_calls::tracks::RemoteTrack;
use cloudflare_calls::{Session, prelude::*};
use tokio::runtime::Runtime;

use super::sfu::{Fault, Operation, Sfu};
use super::{answer, data_offer, join, offer, publish};

#[tokio::test]
async fn adapters_that_nobody_waits_for_are_closed() {
    let sfu = Sfu::start().await;
    let client = sfu.client();
    let adapters = || ["a", "b"].map(|name| Adapter::ingest("ws://127.0.0.1:9/in", name));
    for hold in [Fault::Hold, Fault::HoldReply] {
        sfu.fault(Operation::NewWebsocketAdapters, hold);
        tokio::select! {
            biased;
            _ = client.create_adapters(adapters()) => panic!("it is held"),
            () = sfu.held(1) => {}
        }
        sfu.release();
        let closed = async {
            while sfu.count(Operation::CloseWebsocketAdapters) == 0
                || !sfu.open_adapters().await.is_empty()
            {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), closed).await.expect("they are open");
    }
    let created = client.create_adapters(adapters()).await.unwrap().into_result().unwrap();
    assert_eq!(sfu.open_adapters().await.len(), created.len(), "those that somebody has stay");
}

#[tokio::test]
async fn a_join_that_nobody_waits_for_goes_on_and_says_so() {
    super::logs::capture();
    let sfu = Sfu::start().await;
    let client = sfu.client();
    sfu.fault(Operation::NewSession, Fault::HoldReply);
    tokio::select! {
        biased;
        _ = client.join().send() => panic!("it is held"),
        () = sfu.held(1) => {}
    }
    sfu.release();
    let said = async {
        while !super::logs::checked().contains("nobody waited for it") {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), said).await.expect("nothing is logged");
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

/// Creates a session whose client works on a runtime of its own.
fn session_on(runtime: &Runtime, base_url: String) -> Session {
    runtime.block_on(async {
        super::client(&base_url).join().retry(super::quick()).send().await.unwrap()
    })
}

#[test]
fn the_deadline_of_an_answer_outlives_the_runtime_on_which_the_exchange_began() {
    let servers = runtime();
    let sfu = servers.block_on(Sfu::start());
    let publisher = session_on(&servers, sfu.base_url().to_owned());
    servers.block_on(publish(&publisher, &["mic"]));
    let first = runtime();
    let session = first.block_on(async {
        let client = super::client(sfu.base_url());
        client.join().answer_deadline(Duration::from_millis(50)).send().await.unwrap()
    });
    let track = RemoteTrack::new(publisher.id().clone(), "mic");
    let pending = first.block_on(async {
        match session.subscribe([track]).await.unwrap() {
            Negotiation::Offer(pending) => pending,
            _ => panic!("an offer"),
        }
    });
    first.shutdown_background();
    std::thread::sleep(Duration::from_millis(80));
    let late = Status::Unusable(Unusable::Unfinished(Unfinished::AnswerLate));
    assert_eq!(session.status(), late);
    let error = runtime().block_on(pending.answer(answer())).unwrap_err();
    assert!(error.to_string().contains("did not come in time"), "{error}");
    assert_eq!(sfu.count(Operation::Renegotiate), 0);
}

#[test]
fn a_change_that_is_cut_off_by_the_end_of_its_runtime_is_in_doubt() {
    let servers = runtime();
    let sfu = servers.block_on(Sfu::start());
    for step in ["publish_all", "publish_data_channels", "close"] {
        let first = runtime();
        let session = session_on(&first, sfu.base_url().to_owned());
        first.block_on(publish(&session, &["mic"]));
        first.block_on(async {
            let _ = session.establish_data_channels_with(data_offer("8")).await.unwrap();
        });
        let operation = match step {
            "publish_all" => Operation::NewTracks,
            "close" => Operation::CloseTracks,
            _ => Operation::NewDataChannels,
        };
        sfu.fault(operation, Fault::HoldReply);
        first.spawn({
            let session = session.clone();
            async move {
                match step {
                    "publish_all" => drop(session.publish_all(offer(&["7"])).await),
                    "close" => drop(session.close(super::mids(&["0"])).await),
                    _ => {
                        let channel = LocalDataChannel::new("chat");
                        drop(session.publish_data_channels([channel]).await);
                    }
                }
            }
        });
        servers.block_on(sfu.held(1));
        first.shutdown_timeout(Duration::from_secs(5));
        sfu.release();
        servers.block_on(sfu.idle());
        let (uncertain, status) = (session.uncertain(), session.status());
        match step {
            "publish_all" => {
                assert_eq!(uncertain[0].operation, "new_tracks");
                let lost = Unusable::Unfinished(Unfinished::ReplyLost);
                assert_eq!(status, Status::Unusable(lost));
            }
            "close" => assert_eq!(status, Status::Ready),
            _ => {
                assert_eq!(uncertain[0].names, ["chat"]);
                assert_eq!(status, Status::Ready);
            }
        }
        // Leaving finds the items that the request made or closed. The client's connections ended
        // with the runtime, so it needs a few tries.
        let departure = runtime().block_on(session.leave()).unwrap();
        assert!(departure.was_inspected && departure.is_complete(), "{step}: {departure:?}");
        assert!(servers.block_on(sfu.all_open_tracks()).is_empty(), "{step}");
        let channels = servers.block_on(sfu.open_channels(session.id()));
        assert!(channels.is_empty(), "{step}");
    }
}

#[tokio::test]
async fn doubts_are_bounded_and_the_state_settles_them() {
    let sfu = Sfu::start().await;
    let session = join(&sfu).await;
    let _ = session.establish_data_channels_with(data_offer("8")).await.unwrap();
    for number in 0..100 {
        sfu.fault(Operation::NewDataChannels, Fault::DropReply);
        let channel = LocalDataChannel::new(format!("c{number}"));
        session.publish_data_channels([channel]).await.unwrap_err();
    }
    assert_eq!(session.uncertain().len(), 64);
    assert_eq!(session.uncertain()[63].names, ["c99"], "the latest are listed");
    assert!(!session.is_empty());
    let there = session.state().await.unwrap().data_channels.len();
    assert_eq!(session.uncertain(), []);
    assert!(there >= 100, "{there}");
    // Leaving closes the channels that the state has shown.
    let departure = session.leave().await.unwrap();
    assert!(departure.is_complete() && !departure.was_inspected, "{departure:?}");
    assert!(departure.channels.done.len() >= 100);
    assert!(sfu.open_channels(session.id()).await.is_empty());
}

#[tokio::test]
async fn a_state_that_was_read_during_a_change_settles_nothing() {
    let sfu = Sfu::start().await;
    let session = join(&sfu).await;
    let _ = session.establish_data_channels_with(data_offer("8")).await.unwrap();
    sfu.fault(Operation::NewDataChannels, Fault::DropReply);
    session.publish_data_channels([LocalDataChannel::new("lost")]).await.unwrap_err();
    sfu.fault(Operation::NewDataChannels, Fault::Hold);
    let change = tokio::spawn({
        let session = session.clone();
        async move { session.publish_data_channels([LocalDataChannel::new("next")]).await }
    });
    sfu.held(1).await;
    session.state().await.unwrap();
    assert_eq!(session.uncertain().len(), 2, "the lost one, and the one that is under way");
    sfu.release();
    change.await.unwrap().unwrap().into_result().unwrap();
    assert_eq!(session.uncertain().len(), 1);
    session.state().await.unwrap();
    assert_eq!(session.uncertain(), []);
}

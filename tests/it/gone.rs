//! Sessions that have ended (410): every step that learns of it ends the session, unless another
//! session is meant.

use cloudflare_calls::data_channels::{Delivery, LocalDataChannel, RemoteDataChannel};
use cloudflare_calls::error::Remedy;
use cloudflare_calls::session::{Registry, Status, Unusable};
use cloudflare_calls::tracks::{RemoteTrack, TrackUpdate};
use cloudflare_calls::{Session, prelude::*};

use super::sfu::{Fault, Operation, Sfu, reply};
use super::{data_offer, join, mid, mids, offer, publish};

const GONE: Status = Status::Unusable(Unusable::Gone);

fn gone() -> Fault {
    Fault::refuse(410, "session_error")
}

/// Creates a session with a track, in a registry.
async fn registered(sfu: &Sfu) -> (Session, Registry) {
    let session = join(sfu).await;
    publish(&session, &["mic"]).await;
    let registry = Registry::new(1);
    registry.insert(session.clone()).await.unwrap();
    (session, registry)
}

#[tokio::test]
async fn the_obvious_health_check_frees_the_registry() {
    let sfu = Sfu::start().await;
    let (session, registry) = registered(&sfu).await;
    assert_eq!(registry.len(), 1);
    sfu.fault(Operation::GetSession, gone());
    let error = session.state().await.unwrap_err();
    assert!(error.is_session_gone());
    assert_eq!(error.remedy(), Remedy::Rejoin);
    assert_eq!(session.status(), GONE);
    assert_eq!(registry.len(), 0, "there is room again, without another call");
    assert!(registry.get(session.id()).await.unwrap().is_none());
}

#[tokio::test]
async fn leaving_a_session_that_is_gone_is_complete_whatever_was_lost_before() {
    let sfu = Sfu::start().await;
    let (session, registry) = registered(&sfu).await;
    // The reply is lost on the way, so the track may exist.
    let page = reply(502, "<html>".to_owned());
    sfu.fault(Operation::NewTracks, page);
    let error = session.publish_all(offer(&["9"])).await.unwrap_err();
    assert!(error.outcome_unknown());
    assert_eq!(session.uncertain().len(), 1);
    // Then the session has ended.
    sfu.fault(Operation::GetSession, gone());
    session.state().await.unwrap_err();
    let calls = sfu.calls().len();
    let departure = session.leave().await.unwrap();
    assert!(departure.is_complete(), "{departure:?}");
    assert_eq!(sfu.calls().len(), calls, "nothing is left to ask for");
    assert!(session.is_empty() && session.uncertain().is_empty());
    assert!(registry.is_empty());
}

#[tokio::test]
async fn leaving_finds_out_that_the_session_is_gone() {
    let sfu = Sfu::start().await;
    let (session, registry) = registered(&sfu).await;
    sfu.fault(Operation::NewTracks, Fault::DropReply);
    session.publish_all(offer(&["9"])).await.unwrap_err();
    sfu.fault(Operation::GetSession, gone());
    let departure = session.leave().await.unwrap();
    assert!(departure.is_complete() && departure.was_inspected, "{departure:?}");
    assert!(registry.is_empty());
}

#[tokio::test]
async fn a_pull_that_hears_410_because_of_the_publisher_does_not_end_the_own_session() {
    let sfu = Sfu::start().await;
    let publisher = join(&sfu).await;
    publish(&publisher, &["mic"]).await;
    let _ = publisher.establish_data_channels_with(data_offer("8")).await.unwrap();
    let channel = publisher.publish_data_channels([LocalDataChannel::new("chat")]).await.unwrap();
    let channel = RemoteDataChannel::from(&channel.into_result().unwrap()[0]);
    let (session, registry) = registered(&sfu).await;
    let _ = session.establish_data_channels_with(data_offer("8")).await.unwrap();
    let chat = session.subscribe_data_channels([channel]).await.unwrap().into_result().unwrap();
    let other = publisher.id().clone();
    for pull in ["subscribe", "update", "subscribe_data_channels", "grant_reply"] {
        let operation = match pull {
            "subscribe" => Operation::NewTracks,
            "update" => Operation::UpdateTracks,
            "subscribe_data_channels" => Operation::NewDataChannels,
            _ => Operation::UpdateDataChannels,
        };
        let pulled = || async {
            match pull {
                "subscribe" => {
                    session.subscribe([RemoteTrack::new(other.clone(), "mic")]).await.err()
                }
                "update" => {
                    let update = TrackUpdate::source(mid("0"), other.clone(), "mic");
                    session.update([update]).await.err()
                }
                "subscribe_data_channels" => {
                    let game = RemoteDataChannel::new(other.clone(), "x", Delivery::default());
                    session.subscribe_data_channels([game]).await.err()
                }
                _ => session.grant_reply(&chat[0]).await.err(),
            }
        };
        let reads = sfu.count(Operation::GetSession);
        sfu.fault(operation, gone());
        let error = pulled().await.unwrap_or_else(|| panic!("{pull}"));
        assert_eq!(error.status().map(|status| status.as_u16()), Some(410), "{pull}");
        assert!(!error.is_session_gone(), "{pull}");
        assert_eq!(error.remedy(), Remedy::Refused, "{pull}");
        assert_eq!(sfu.count(Operation::GetSession), reads + 1, "{pull}: it is looked at");
        assert_eq!(session.status(), Status::Ready, "{pull}");
        assert_eq!(session.mids(), mids(&["0"]), "{pull}");
    }
    assert_eq!(registry.len(), 1);
    // If the own session has ended as well, the handle ends.
    sfu.fault(Operation::NewTracks, gone());
    sfu.fault(Operation::GetSession, gone());
    let error = session.subscribe([RemoteTrack::new(other, "mic")]).await.unwrap_err();
    assert!(error.is_session_gone());
    assert_eq!(session.status(), GONE);
    assert!(registry.is_empty());
}

#[tokio::test]
async fn every_other_step_that_hears_410_ends_the_session() {
    for step in ["publish_all", "close", "leave", "establish_data_channels", "state"] {
        let sfu = Sfu::start().await;
        let (session, registry) = registered(&sfu).await;
        sfu.fault(super::sfu::Matcher::any(), gone());
        match step {
            "publish_all" => drop(session.publish_all(offer(&["9"])).await.unwrap_err()),
            "close" => {
                let closed = session.close(mids(&["0"])).await.unwrap().into_result().unwrap();
                assert_eq!(closed, mids(&["0"]), "gone is as good as closed");
            }
            "leave" => assert!(session.leave().await.unwrap().is_complete()),
            "state" => drop(session.state().await.unwrap_err()),
            _ => drop(session.establish_data_channels().await.unwrap_err()),
        }
        assert_eq!(session.status(), GONE, "{step}");
        assert!(session.is_empty() && registry.is_empty(), "{step}");
    }
}

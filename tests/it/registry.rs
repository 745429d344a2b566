//! Registry of live sessions.

use cloudflare_calls::prelude::*;
use cloudflare_calls::session::{Departure, Registry, Status, Unusable};
use cloudflare_calls::types::SessionId;

use super::sfu::{Fault, Operation, Sfu};
use super::{join, pass, publish};

#[tokio::test]
async fn a_session_is_found_until_it_has_ended() {
    let sfu = Sfu::start().await;
    let registry = Registry::new(10);
    let session = join(&sfu).await;
    let id = session.id().clone();
    publish(&session, &["mic"]).await;
    registry.insert(session.clone()).await.unwrap();
    registry.insert(session.clone()).await.unwrap();
    assert!(registry.get(&id).await.unwrap().unwrap().is_same(&session));
    assert_eq!(registry.len(), 1);

    sfu.fault(Operation::CloseTracks, Fault::refuse(406, "invalid_params"));
    assert!(!session.leave().await.unwrap().is_complete());
    assert!(
        registry.get(&id).await.unwrap().is_some(),
        "something is open, so it is needed to leave again"
    );
    assert!(registry.get(&id).await.unwrap().unwrap().leave().await.unwrap().is_complete());
    assert!(registry.get(&id).await.unwrap().is_none());
    assert!(registry.is_empty());
}

#[tokio::test]
async fn a_full_registry_hands_the_session_back() {
    let sfu = Sfu::start().await;
    let registry = Registry::new(2);
    let (first, second) = (join(&sfu).await, join(&sfu).await);
    registry.insert(first.clone()).await.unwrap();
    registry.insert(second).await.unwrap();
    let third = join(&sfu).await;
    let refused = registry.insert(third.clone()).await.unwrap_err();
    assert!(refused.session.is_same(&third));
    assert_eq!(refused.to_string(), "there are 2 sessions already");
    // A session that has ended makes room.
    assert!(first.leave().await.unwrap().is_complete());
    registry.insert(third.clone()).await.unwrap();
    assert_eq!(registry.len(), 2);
    assert!(registry.remove(third.id()).await.unwrap().is_some());
}

#[tokio::test]
async fn two_handles_of_one_session_are_refused() {
    let sfu = Sfu::start().await;
    let registry = Registry::new(2);
    let session = join(&sfu).await;
    let other = sfu.client().adopt(session.id().clone()).send().await.unwrap();
    registry.insert(session.clone()).await.unwrap();
    assert_eq!(registry.insert(other).await.unwrap_err().capacity, None);
    assert!(registry.get(session.id()).await.unwrap().unwrap().is_same(&session));
}

#[tokio::test]
async fn a_sweep_leaves_what_the_rule_picks_and_what_was_left_incompletely() {
    let sfu = Sfu::start().await;
    let registry = Registry::new(40);
    let mut sessions = Vec::new();
    for _ in 0..20 {
        let session = join(&sfu).await;
        publish(&session, &["mic"]).await;
        registry.insert(session.clone()).await.unwrap();
        sessions.push(session);
    }
    let mut ids = registry.ids();
    ids.sort();
    let mut expected: Vec<_> = sessions.iter().map(|session| session.id().clone()).collect();
    expected.sort();
    assert_eq!(ids, expected);
    // One session was left, and its track is still open.
    sfu.fault(Operation::CloseTracks, Fault::refuse(406, "invalid_params"));
    assert!(!sessions[0].leave().await.unwrap().is_complete());
    // The agent of another never answered.
    let offered = [cloudflare_calls::tracks::OfferedTrack::audio("x").bidirectional()];
    drop(sessions[1].publish_without_offer(offered).await.unwrap());
    let unfinished = |session: &cloudflare_calls::Session| {
        matches!(session.status(), Status::Unusable(Unusable::Unfinished(_)))
    };
    let mut swept = registry.sweep(unfinished).await;
    swept.sort_by(|(one, _), (other, _)| one.cmp(other));
    let mut picked = [sessions[0].id().clone(), sessions[1].id().clone()];
    picked.sort();
    assert_eq!(swept.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>(), picked);
    let first = swept.iter().find(|(id, _)| id == sessions[0].id()).unwrap();
    assert!(first.1.is_complete(), "{:?}", first.1);
    assert!(registry.get(sessions[0].id()).await.unwrap().is_none());
    // Sessions that nobody has used for a while.
    assert!(sessions[5].idle() < std::time::Duration::from_secs(3600));
    let swept = registry.sweep(|session| session.idle() >= std::time::Duration::ZERO).await;
    assert_eq!(swept.len(), 18);
    let is_complete = |(_, departure): &(SessionId, Departure)| departure.is_complete();
    assert!(swept.iter().all(is_complete), "{swept:?}");
    assert_eq!(registry.ids(), [sessions[1].id().clone()], "it is left again later");
}

#[tokio::test]
async fn a_session_with_an_unanswered_offer_is_left_again_after_longer_and_longer_pauses() {
    let sfu = Sfu::start().await;
    let registry = Registry::new(1);
    let session = join(&sfu).await;
    registry.insert(session.clone()).await.unwrap();
    let offered = [cloudflare_calls::tracks::OfferedTrack::audio("x").bidirectional()];
    drop(session.publish_without_offer(offered).await.unwrap());
    for pause in [0, 30, 60, 120, 240, 480, 600, 600] {
        if let Some(short) = u64::checked_sub(pause, 5) {
            pass(short).await;
            assert!(registry.sweep(|_| true).await.is_empty(), "before {pause} s");
            pass(5).await;
        }
        // The SFU closes nothing while it waits for an answer.
        let swept = registry.sweep(|_| true).await;
        assert!(swept.len() == 1 && !swept[0].1.is_complete(), "after {pause} s: {swept:?}");
    }
    sfu.fault(Operation::CloseTracks, Fault::refuse(410, "session_error"));
    assert!(session.leave().await.unwrap().is_complete(), "who leaves does not wait");
    assert!(registry.is_empty());
}

#[tokio::test]
async fn a_session_falls_out_as_soon_as_it_has_ended() {
    let sfu = Sfu::start().await;
    let registry = Registry::new(3);
    let (left, gone) = (join(&sfu).await, join(&sfu).await);
    publish(&left, &["mic"]).await;
    registry.insert(left.clone()).await.unwrap();
    registry.insert(gone.clone()).await.unwrap();
    assert_eq!(registry.len(), 2);
    assert!(left.leave().await.unwrap().is_complete());
    assert_eq!(registry.len(), 1);
    sfu.fault(Operation::GetSession, Fault::refuse(410, "session_error"));
    gone.state().await.unwrap_err();
    assert_eq!(registry.len(), 0);
    // A session that had ended before does not stay either.
    registry.insert(gone.clone()).await.unwrap();
    assert!(registry.is_empty());
}

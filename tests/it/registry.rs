//! The registry of live sessions.

use cloudflare_calls::prelude::*;
use cloudflare_calls::session::Registry;

use super::sfu::{Fault, Operation, Sfu};
use super::{join, publish};

#[tokio::test]
async fn a_session_is_found_until_it_has_ended() {
    let sfu = Sfu::start().await;
    let registry = Registry::new(10);
    let session = join(&sfu).await;
    let id = session.id().clone();
    publish(&session, &["mic"]).await;
    registry.insert(session.clone()).unwrap();
    registry.insert(session.clone()).unwrap();
    assert!(registry.get(&id).unwrap().is_same(&session));
    assert_eq!(registry.len(), 1);

    sfu.fault(Operation::CloseTracks, Fault::refuse(406, "invalid_params"));
    assert!(!session.leave().await.unwrap().is_complete());
    assert!(registry.get(&id).is_some(), "something is open, so it is needed to leave again");
    assert!(registry.get(&id).unwrap().leave().await.unwrap().is_complete());
    assert!(registry.get(&id).is_none());
    assert!(registry.is_empty());
}

#[tokio::test]
async fn a_full_registry_hands_the_session_back() {
    let sfu = Sfu::start().await;
    let registry = Registry::new(2);
    let (first, second) = (join(&sfu).await, join(&sfu).await);
    registry.insert(first.clone()).unwrap();
    registry.insert(second).unwrap();
    let third = join(&sfu).await;
    let refused = registry.insert(third.clone()).unwrap_err();
    assert!(refused.session.is_same(&third));
    assert_eq!(refused.to_string(), "there are 2 sessions already");
    // One that has ended makes room.
    assert!(first.leave().await.unwrap().is_complete());
    registry.insert(third.clone()).unwrap();
    assert_eq!(registry.len(), 2);
    assert!(registry.remove(third.id()).is_some());
}

#[tokio::test]
async fn two_handles_of_one_session_are_refused() {
    let sfu = Sfu::start().await;
    let registry = Registry::new(2);
    let session = join(&sfu).await;
    let other = sfu.client().adopt(session.id().clone()).send().await.unwrap();
    registry.insert(session.clone()).unwrap();
    assert_eq!(registry.insert(other).unwrap_err().capacity, None);
    assert!(registry.get(session.id()).unwrap().is_same(&session));
}

//! Turns over HTTP: one change of a session at a time, as the server sees it.

use std::sync::Arc;
use std::time::Duration;

use cloudflare_calls::session::{Negotiation, PendingAnswer};
use cloudflare_calls::tracks::{LocalTrack, RemoteTrack, Subscribed};
use cloudflare_calls::{Error, Session, prelude::*};
use futures_util::future::join_all;

use super::sfu::{Fault, Operation, Sfu};
use super::{answer, join, mid, offer, publish};

#[test]
fn values_kept_between_two_requests_are_send_and_static() {
    fn check<T: Send + 'static>() {}
    check::<PendingAnswer<Subscribed>>();
    check::<Negotiation<Subscribed>>();
    fn shared<T: Send + Sync + Clone + 'static>() {}
    shared::<Session>();
    check::<Error>();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_changes_of_one_session_never_overlap() {
    let sfu = Arc::new(Sfu::seeded(7).await);
    sfu.set_sleeps(3);
    let publisher = join(&sfu).await;
    let names: Vec<String> = (0..20).map(|index| format!("t{index}")).collect();
    publish(&publisher, &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let session = join(&sfu).await;
    let work = names.iter().enumerate().map(|(index, name)| {
        let (session, publisher) = (session.clone(), publisher.id().clone());
        let name = name.clone();
        tokio::spawn(async move {
            if index % 2 == 0 {
                let pulled = session.subscribe([RemoteTrack::new(publisher, name)]).await.unwrap();
                let Negotiation::Offer(pending) = pulled else { panic!("an offer") };
                tokio::time::sleep(Duration::from_millis(index as u64 % 3)).await;
                pending.answer(answer()).await.unwrap().into_result().unwrap();
            } else {
                let own = format!("own{index}");
                let track = LocalTrack::new(mid(&own), name);
                let published = session.publish(offer(&[&own]), [track]).await.unwrap();
                published.outcome.into_result().unwrap();
            }
        })
    });
    for done in join_all(work).await {
        done.unwrap();
    }
    assert_eq!(sfu.violations().await, []);
    assert_eq!(sfu.open_tracks(session.id()).await.len(), 20);
    // Each renegotiate follows its own offer.
    let calls = sfu.calls();
    let own: Vec<_> = calls
        .iter()
        .filter(|call| call.session.as_deref() == Some(session.id().as_str()))
        .collect();
    assert_eq!(own.len(), 30);
    for (index, call) in own.iter().enumerate() {
        let offers = call.operation == Operation::NewTracks
            && call.json().get("sessionDescription").is_none();
        let next = own.get(index + 1).map(|call| call.operation);
        assert_eq!(offers, next == Some(Operation::Renegotiate), "call {index} of the session");
    }
}

#[tokio::test]
async fn different_sessions_do_not_wait_for_each_other() {
    let sfu = Sfu::start().await;
    let (slow, quick) = (join(&sfu).await, join(&sfu).await);
    sfu.fault(Operation::NewTracks, Fault::Hold);
    let held = tokio::spawn({
        let slow = slow.clone();
        async move { slow.publish_all(offer(&["0"])).await }
    });
    sfu.held(1).await;
    // The other session's change is completed while the first is held.
    publish(&quick, &["mic"]).await;
    assert!(!held.is_finished());
    sfu.release();
    assert_eq!(held.await.unwrap().unwrap().outcome.done.len(), 1);
}

//! Sessions that are not connected yet, and sessions that have ended.

use std::time::Duration;

use cloudflare_calls::error::Stage;
use cloudflare_calls::session::{Registry, Status, Unusable};
use cloudflare_calls::{RetryPolicy, prelude::*};
use cloudflare_calls_emulator::agent::Source;
use cloudflare_calls_emulator::rules::{Config, SessionSnapshot, SessionState};

use super::room::{PATIENCE, Peer, Room, patient};

#[tokio::test]
async fn a_subscription_of_who_is_not_connected_yet_waits_at_the_server() {
    let room = Room::start().await;
    let alice = room.join(&[(Source::Audio, "mic")]).await;
    let bob = room.enter().await;
    let (offer, local) = bob.offer(&[(Source::Audio, "mic")]).await;
    let published = bob.session.publish(offer, local).await.unwrap();
    let connect = async {
        room.until(|state| state.sessions.iter().any(|session| session.is_waiting)).await;
        bob.accept(&published.answer).await;
    };
    let subscribe = bob.session.subscribe([alice.track("mic")]);
    let (subscribed, ()) = tokio::join!(subscribe, connect);
    let subscribed = bob.settle(subscribed.unwrap()).await;
    bob.hears(&subscribed.done[0].mid, &alice, "mic").await;
}

#[tokio::test]
async fn a_425_is_repeated_until_the_agent_is_connected() {
    let config = Config { connect_wait: Duration::from_millis(10), ..Config::default() };
    let room = Room::with(config).await;
    let alice = room.join(&[(Source::Audio, "mic")]).await;
    let bob = room.enter_with(RetryPolicy::never()).await;
    let (offer, local) = bob.offer(&[(Source::Audio, "mic")]).await;
    let published = bob.session.publish(offer, local).await.unwrap();
    let error = bob.session.subscribe([alice.track("mic")]).await.unwrap_err();
    assert!(error.is_not_connected() && error.is_retryable() && !error.outcome_unknown());
    assert_eq!(bob.session.status(), Status::Ready);

    let id = bob.session.id().clone();
    let session = room.client.adopt(id).retry(patient()).send().await.unwrap();
    let bob = bob.with_session(session);
    let subscribe = bob.session.subscribe([alice.track("mic")]);
    let (subscribed, ()) = tokio::join!(subscribe, bob.accept(&published.answer));
    let subscribed = bob.settle(subscribed.unwrap()).await;
    bob.hears(&subscribed.done[0].mid, &alice, "mic").await;
}

#[tokio::test]
async fn a_session_that_expired_says_so_and_a_new_one_takes_its_place() {
    let room = Room::start().await;
    let sessions = Registry::new(10);
    let alice = room.join(&[(Source::Audio, "mic")]).await;
    let bob = room.join(&[(Source::Audio, "mic")]).await;
    sessions.insert(bob.session.clone()).await.unwrap();
    let id = bob.session.id().clone();
    let at_alice = alice.pull(&bob, &["mic"]).await;
    alice.hears(&at_alice[0], &bob, "mic").await;

    assert!(room.emulator.expire(id.as_str()).await);
    bob.agent.disconnected(PATIENCE).await.unwrap();
    let error = bob.session.subscribe([alice.track("mic")]).await.unwrap_err();
    assert!(error.is_session_gone() && !error.is_retryable() && !error.outcome_unknown());
    assert_eq!(error.status().unwrap().as_u16(), 410);
    assert_eq!(bob.session.status(), Status::Unusable(Unusable::Gone));
    let asked = room.operations(Some(&bob.session)).await;
    let again = bob.session.subscribe([alice.track("mic")]).await.unwrap_err();
    assert!(again.is_session_gone() && again.stage() == Stage::Turn);
    assert!(sessions.get(&id).await.unwrap().is_none(), "fallen out");
    let departure = bob.session.leave().await.unwrap();
    assert!(departure.is_complete());
    assert_eq!(departure.tracks.done, [], "nothing was left to close");
    let asked_since = room.operations(Some(&bob.session)).await;
    assert_eq!(asked_since, asked, "it is known without a request");
    assert!(room.client.adopt(id).send().await.unwrap_err().is_session_gone());

    let again = room.join(&[(Source::Audio, "mic")]).await;
    let pulled = alice.pull(&again, &["mic"]).await;
    alice.hears(&pulled[0], &again, "mic").await;
    alice.hears_nothing(&at_alice[0], &pulled[0]).await;
}

#[tokio::test]
async fn an_agent_that_loses_the_connection_comes_back_and_continues() {
    let config = Config { connect_wait: Duration::from_millis(10), ..Config::default() };
    let room = Room::with(config).await;
    let alice = room.join(&[(Source::Audio, "mic")]).await;
    let bob = room.join(&[(Source::Audio, "mic")]).await;
    let carol = room.enter().await;
    let at = carol.pull(&alice, &["mic"]).await.remove(0);
    let control = carol.pull(&bob, &["mic"]).await.remove(0);
    carol.hears(&at, &alice, "mic").await;

    let id = alice.session.id().as_str();
    assert!(room.emulator.disconnect(id).await);
    carol.hears_nothing(&at, &control).await;
    let session = room.client.adopt(alice.session.id().clone()).retry(RetryPolicy::never());
    let session = session.send().await.unwrap();
    let error = session.subscribe([bob.track("mic")]).await.unwrap_err();
    assert_eq!(error.status().map(|status| status.as_u16()), Some(410), "{error}");
    assert_eq!(session.status(), Status::Ready, "it may come back");

    assert!(room.emulator.reconnect(id).await);
    carol.receives(&at, &alice, "mic", None).await;
    let pulled = alice.pull(&bob, &["mic"]).await;
    alice.hears(&pulled[0], &bob, "mic").await;
}

#[tokio::test]
async fn an_agent_that_hangs_up_and_stays_away_loses_its_session() {
    let config = Config {
        connect_wait: Duration::from_millis(10),
        reuse: Duration::from_millis(200),
        ..Config::default()
    };
    let room = Room::with(config).await;
    let alice = room.join(&[(Source::Audio, "mic")]).await;
    let Peer { agent, session, .. } = room.join(&[(Source::Audio, "mic")]).await;
    agent.close().await;
    let is_gone = |there: &SessionSnapshot| {
        there.id == session.id().as_str() && there.state == SessionState::Expired
    };
    room.until(|state| state.sessions.iter().any(is_gone)).await;
    let error = session.subscribe([alice.track("mic")]).await.unwrap_err();
    assert!(error.is_session_gone(), "{error}");
    assert!(session.leave().await.unwrap().is_complete());
}

//! Futures that are dropped while their request is at the server.

use cloudflare_calls::prelude::*;
use cloudflare_calls::session::{Status, Unfinished, Unusable};
use cloudflare_calls::tracks::TrackUpdate;
use cloudflare_calls_emulator::agent::Source;
use cloudflare_calls_emulator::faults::Fault;
use cloudflare_calls_emulator::rules::Operation;
use futures_util::FutureExt;

use super::room::{Room, mid, rid};

/// Long enough that no reply comes before the future is dropped.
const DELAY: Fault = Fault::Delay { ms: 100 };

/// Begins a step and stops waiting for it.
fn begin_and_drop<T>(future: impl Future<Output = T>) {
    assert!(future.now_or_never().is_none(), "it takes its time");
}

#[tokio::test]
async fn a_change_without_an_exchange_is_made_although_nobody_waits_for_it() {
    let room = Room::start().await;
    let alice = room.join(&[(Source::SimulcastVideo(&["h", "l"]), "camera")]).await;
    let bob = room.enter().await;
    let subscribed = bob.subscribe([alice.track("camera").simulcast(rid("h"))]).await;
    let at = subscribed.done[0].mid.clone();
    bob.hears_layer(&at, &alice, "camera", Some("h")).await;

    room.fault(&bob.session, Operation::UpdateTracks, DELAY);
    let low = TrackUpdate::layer(at.clone(), rid("l"));
    begin_and_drop(bob.session.update([low]));
    // The next change waits for it.
    let closed = bob.session.close([mid("77")]).await.unwrap();
    assert_eq!(closed.done, [mid("77")]);
    assert_eq!(bob.session.status(), Status::Ready);
    bob.hears_layer(&at, &alice, "camera", Some("l")).await;
}

#[tokio::test]
async fn an_offer_that_nobody_waited_for_makes_the_session_unusable_and_another_one_hears() {
    let room = Room::start().await;
    let alice = room.join(&[(Source::Audio, "mic"), (Source::Video, "camera")]).await;
    let bob = room.join(&[(Source::Audio, "mic")]).await;
    let pulled = bob.pull(&alice, &["mic"]).await;
    room.fault(&bob.session, Operation::NewTracks, DELAY);
    begin_and_drop(bob.session.subscribe([alice.track("camera")]));
    let error = bob.session.close(pulled.clone()).await.unwrap_err();
    let reason = Unusable::Unfinished(Unfinished::AnswerDropped);
    assert_eq!(bob.session.status(), Status::Unusable(reason), "{error}");
    assert!(room.session(&bob.session).await.open_exchange.is_some(), "the SFU waits");
    // Earlier media still flow, until bob has got a new session.
    bob.hears(&pulled[0], &alice, "mic").await;
    let departure = bob.session.leave().await.unwrap();
    assert!(!departure.is_complete(), "the SFU takes no close: {departure:?}");

    let again = room.join(&[(Source::Audio, "mic")]).await;
    let pulled = again.pull(&alice, &["mic", "camera"]).await;
    again.hears(&pulled[1], &alice, "camera").await;
}

#[tokio::test]
async fn an_answer_that_nobody_waits_for_still_reaches_the_sfu() {
    let room = Room::start().await;
    let alice = room.join(&[(Source::Audio, "mic"), (Source::Video, "camera")]).await;
    let bob = room.enter().await;
    let pending = bob.offered(alice.track("mic")).await;
    let mic = pending.outcome().done[0].mid.clone();
    let answer = bob.answer(pending.offer()).await;
    room.fault(&bob.session, Operation::Renegotiate, DELAY);
    begin_and_drop(pending.answer(answer));
    bob.hears(&mic, &alice, "mic").await;
    let camera = bob.pull(&alice, &["camera"]).await;
    bob.hears(&camera[0], &alice, "camera").await;
}

#[tokio::test]
async fn a_change_dropped_before_its_turn_is_never_sent() {
    let room = Room::start().await;
    let alice = room.join(&[(Source::Audio, "mic"), (Source::Video, "camera")]).await;
    let bob = room.enter().await;
    let first = bob.session.subscribe([alice.track("mic")]).await.unwrap();
    begin_and_drop(bob.session.subscribe([alice.track("camera")]));
    let mic = bob.settle(first).await.done.remove(0).mid;
    bob.hears(&mic, &alice, "mic").await;
    assert_eq!(bob.session.status(), Status::Ready);
    assert_eq!(room.open_mids(&bob.session).await, [mic]);
}

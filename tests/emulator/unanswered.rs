//! Offers of the SFU that get no answer.

use std::time::Duration;

use cloudflare_calls::error::{ItemError, Stage};
use cloudflare_calls::session::{Status, Unfinished, Unusable};
use cloudflare_calls::{Error, prelude::*};
use cloudflare_calls_emulator::agent::Source;

use super::room::{Peer, Room};

#[tokio::test]
async fn an_offer_that_is_answered_too_late_or_never_ends_the_session_and_not_what_flows() {
    let room = Room::start().await;
    let alice = room.join(&[(Source::Audio, "mic"), (Source::Video, "camera")]).await;
    for why in [Unfinished::AnswerLate, Unfinished::AnswerDropped] {
        let deadline = Duration::from_millis(300);
        let session = room.client.join().answer_deadline(deadline).send().await.unwrap();
        let bob = Peer::new(session).await;
        let mic = bob.pull(&alice, &["mic"]).await;
        let pending = bob.offered(alice.track("camera")).await;
        let kept = (why == Unfinished::AnswerLate).then_some(pending);
        let asked = room.operations(Some(&bob.session)).await;
        // The step waits for the turn, and does not get it when the exchange is given up.
        let error = bob.session.subscribe([alice.track("camera")]).await.unwrap_err();
        let reason = Unusable::Unfinished(why);
        assert!(matches!(&error, Error::Unusable { reason: got, .. } if *got == reason), "{error}");
        assert!(error.to_string().contains("has to be replaced"), "{error}");
        assert_eq!(bob.session.status(), Status::Unusable(reason));
        if let Some(pending) = kept {
            let answer = bob.answer(pending.offer()).await;
            let error = pending.answer(answer).await.unwrap_err();
            assert!(matches!(&error, Error::Unusable { reason: got, .. } if *got == reason));
        }
        let asked_since = room.operations(Some(&bob.session)).await;
        assert_eq!(asked_since, asked, "nothing is asked for that the SFU would refuse");
        assert!(bob.session.state().await.is_ok(), "reading goes on");
        bob.hears(&mic[0], &alice, "mic").await;
    }
    // Other sessions are not affected.
    let carol = room.enter().await;
    let pulled = carol.pull(&alice, &["camera"]).await;
    carol.hears(&pulled[0], &alice, "camera").await;
}

#[tokio::test]
async fn leaving_gives_up_an_offer_and_reports_what_the_sfu_did_not_close() {
    let room = Room::start().await;
    let alice = room.join(&[(Source::Audio, "mic")]).await;
    let bob = room.join(&[(Source::Audio, "mic")]).await;
    let pending = bob.offered(alice.track("mic")).await;
    let departure = bob.session.leave().await.unwrap();
    let errors: Vec<_> = departure.tracks.failed.iter().map(|open| &open.error).collect();
    assert_eq!(errors, [&ItemError::RequestFailed; 2], "the SFU waits for the answer");
    assert_eq!(bob.session.mids().len(), 2, "for another try");
    let answer = bob.answer(pending.offer()).await;
    let error = pending.answer(answer).await.unwrap_err();
    assert!(matches!(error, Error::Unusable { reason: Unusable::Left, .. }), "{error}");

    // In the end the SFU lets the session expire, which counts as closed.
    room.emulator.expire(bob.session.id().as_str()).await;
    let departure = bob.session.leave().await.unwrap();
    assert!(departure.is_complete(), "{departure:?}");
    assert_eq!(departure.tracks.done.len(), 2);
    assert!(bob.session.is_empty());
}

#[tokio::test]
async fn after_leaving_nothing_begins() {
    let room = Room::start().await;
    let alice = room.join(&[(Source::Audio, "mic")]).await;
    assert!(alice.session.leave().await.unwrap().is_complete());
    let asked = room.operations(None).await;
    let (offer, local) = alice.offer(&[(Source::Audio, "music")]).await;
    let error = alice.session.publish(offer, local).await.unwrap_err();
    assert!(matches!(error, Error::Unusable { reason: Unusable::Left, .. }), "{error}");
    assert_eq!(error.stage(), Stage::Turn);
    assert!(alice.session.close([alice.mid("mic")]).await.is_err());
    assert!(alice.session.subscribe([alice.track("mic")]).await.is_err());
    assert_eq!(room.operations(None).await, asked);
    assert_eq!(alice.session.status(), Status::Unusable(Unusable::Left));
    assert!(room.open_mids(&alice.session).await.is_empty());
}

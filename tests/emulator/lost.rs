//! Requests and replies that are lost, operation by operation.

use cloudflare_calls::types::Simulcast;
use cloudflare_calls::{
    Error, LocalDataChannel, Offer, OfferedTrack, RemoteDataChannel, Stage as How, Status,
    TrackUpdate, Unfinished, Unusable, prelude::*,
};
use cloudflare_calls_emulator::agent::{Change, Send};
use cloudflare_calls_emulator::faults::{Fault, Rule};

use super::stage::{Peer, Stage};

const LOST: [Fault; 2] = [Fault::DropRequest, Fault::DropReply];

const UNFINISHED: Status = Status::Unusable(Unusable::Unfinished(Unfinished::ReplyLost));

/// The error of a change that may have taken effect, and is not repeated.
fn assert_unknown(error: &Error, what: &str) {
    assert!(error.outcome_unknown() && !error.is_retryable(), "{what}: {error}");
    assert_eq!(error.stage(), How::Request, "{what}");
    assert!(error.to_string().contains("whether it took effect is unknown"), "{error}");
}

#[tokio::test]
async fn a_session_of_which_nobody_knows_is_in_nobodys_way() {
    for (fault, created) in LOST.into_iter().zip([0, 1]) {
        let stage = Stage::start().await;
        stage.emulator.fault(Rule::new(fault).operation("sessions/new").times(1)).unwrap();
        let error = stage.client.join().send().await.unwrap_err();
        assert_unknown(&error, "join");
        assert_eq!(stage.snapshot().await.sessions.len(), created);
        let alice = stage.join(&[(Send::Audio, "mic")]).await;
        let bob = stage.enter().await;
        let pulled = bob.pull(&alice, &["mic"]).await;
        bob.hears(&pulled[0], &alice, "mic").await;
    }
}

#[tokio::test]
async fn a_lost_reply_to_an_exchange_makes_the_session_unusable_and_leaving_finds_what_it_made() {
    let stage = Stage::start().await;
    let alice = stage.join(&[(Send::Audio, "mic")]).await;
    for what in ["publish", "publish_without_offer", "subscribe", "close_negotiated", "establish"] {
        for fault in LOST {
            lose_exchange(&stage, &alice, what, fault).await;
        }
    }
}

async fn lose_exchange(stage: &Stage, alice: &Peer, what: &str, fault: Fault) {
    let bob = stage.join(&[(Send::Audio, "mic"), (Send::Video, "camera")]).await;
    let operation = match what {
        "close_negotiated" => "tracks/close",
        "establish" => "datachannels/establish",
        _ => "tracks/new",
    };
    stage.fault(&bob.session, operation, fault);
    let error = match what {
        "publish" => {
            let (offer, local) = bob.offer(&[(Send::Audio, "music")]).await;
            bob.session.publish(offer, local).await.err()
        }
        "publish_without_offer" => {
            bob.session.publish_without_offer([OfferedTrack::audio("music")]).await.err()
        }
        "subscribe" => bob.session.subscribe([alice.track("mic")]).await.err(),
        "close_negotiated" => {
            let stop = [Change::Stop(bob.mid("camera").to_string())];
            let (offer, _) = bob.agent.offer_changes(&stop).await.unwrap();
            let offer = Offer::new(offer).unwrap();
            bob.session.close_negotiated(offer, [bob.mid("camera")]).await.err()
        }
        _ => bob.session.establish_data_channels().await.err(),
    };
    assert_unknown(&error.unwrap(), what);
    assert_eq!(bob.session.status(), UNFINISHED, "{what}");
    assert_eq!(bob.session.uncertain().len(), 1, "{what}");

    let waits = stage.session(&bob.session).await.open_exchange.is_some();
    let departure = bob.session.leave().await.unwrap();
    assert!(departure.was_inspected && departure.uncertain.len() == 1, "{what}");
    let open: Vec<_> = departure.open_tracks.iter().map(|open| open.item.clone()).collect();
    let mut there = stage.open_mids(&bob.session).await;
    there.sort_by(|one, other| one.as_str().cmp(other.as_str()));
    assert_eq!(there, open, "{what}: {departure:?}");
    assert_eq!(open.is_empty(), !waits, "{what}: a close is refused while the SFU waits");

    // The agent comes again with a new session.
    let again = stage.join(&[(Send::Audio, "mic")]).await;
    let pulled = again.pull(alice, &["mic"]).await;
    again.hears(&pulled[0], alice, "mic").await;
    let at_alice = alice.pull(&again, &["mic"]).await;
    alice.hears(&at_alice[0], &again, "mic").await;
}

#[tokio::test]
async fn a_lost_reply_to_an_answer_makes_the_session_unusable() {
    let stage = Stage::start().await;
    let alice = stage.join(&[(Send::Audio, "mic")]).await;
    for (fault, is_taken) in LOST.into_iter().zip([false, true]) {
        let bob = stage.join(&[(Send::Audio, "mic")]).await;
        let cloudflare_calls::Negotiation::Offer(pending) =
            bob.session.subscribe([alice.track("mic")]).await.unwrap()
        else {
            panic!("an offer");
        };
        let mic = pending.outcome().tracks[0].mid.clone();
        let answer = bob.answer(pending.offer()).await;
        stage.fault(&bob.session, "renegotiate", fault);
        assert_unknown(&pending.answer(answer).await.unwrap_err(), "answer");
        assert_eq!(bob.session.status(), UNFINISHED);
        let departure = match is_taken {
            true => {
                bob.hears(&mic, &alice, "mic").await;
                bob.session.leave().await.unwrap()
            }
            false => bob.session.leave().await.unwrap(),
        };
        assert_eq!(departure.is_complete(), is_taken, "{departure:?}");
        assert_eq!(stage.open_mids(&bob.session).await.is_empty(), is_taken);
    }
}

#[tokio::test]
async fn a_lost_reply_to_another_change_leaves_the_session_usable_and_media_flowing() {
    let stage = Stage::start().await;
    let alice = stage.join(&[(Send::SimulcastVideo(&["h", "l"]), "camera")]).await;
    alice.settle(alice.session.establish_data_channels().await.unwrap()).await;
    let channels = ["chat", "log"].map(LocalDataChannel::new);
    let channels = alice.session.publish_data_channels(channels).await.unwrap().channels;
    let [chat, log] = [&channels[0], &channels[1]].map(RemoteDataChannel::from);
    let rid = |rid| Simulcast::new().preferred_rid(rid);
    for (what, operation) in [
        ("update", "tracks/update"),
        ("publish_data_channels", "datachannels/new"),
        ("subscribe_data_channels", "datachannels/new"),
        ("grant_reply", "datachannels/update"),
    ] {
        for (fault, layer) in LOST.into_iter().zip(["h", "l"]) {
            let bob = stage.enter().await;
            let pulled = bob.subscribe([alice.track("camera").simulcast(rid("h"))]).await;
            let at = pulled.tracks[0].mid.clone();
            bob.settle(bob.session.establish_data_channels().await.unwrap()).await;
            let at_bob = bob.session.subscribe_data_channels([chat.clone()]).await.unwrap();
            bob.hears_layer(&at, &alice, "camera", Some("h")).await;
            stage.fault(&bob.session, operation, fault);
            let error = match what {
                "update" => {
                    bob.session.update([TrackUpdate::layer(at.clone(), rid("l"))]).await.err()
                }
                "publish_data_channels" => {
                    bob.session.publish_data_channels([LocalDataChannel::new("own")]).await.err()
                }
                "subscribe_data_channels" => {
                    bob.session.subscribe_data_channels([log.clone()]).await.err()
                }
                _ => bob.session.grant_reply(&at_bob.channels[0]).await.err(),
            };
            assert_unknown(&error.unwrap(), what);
            assert_eq!(bob.session.status(), Status::Ready, "{what}");
            assert_eq!(bob.session.uncertain().len(), 1, "{what}");
            let layer = if what == "update" { layer } else { "h" };
            bob.hears_layer(&at, &alice, "camera", Some(layer)).await;

            let departure = bob.session.leave().await.unwrap();
            assert!(departure.was_inspected && departure.is_complete(), "{what}: {departure:?}");
            let there = stage.session(&bob.session).await;
            assert!(there.tracks.iter().all(|track| !track.is_open), "{what}");
            assert!(there.channels.iter().all(|c| c.status == "inactive"), "{what}: {there:?}");
        }
    }
}

#[tokio::test]
async fn a_lost_reply_to_a_close_or_a_read_is_made_good_by_another_try() {
    let stage = Stage::start().await;
    let alice = stage.join(&[(Send::Audio, "mic"), (Send::Video, "camera")]).await;
    alice.settle(alice.session.establish_data_channels().await.unwrap()).await;
    for fault in LOST {
        let bob = stage.enter().await;
        let pulled = bob.pull(&alice, &["mic", "camera"]).await;
        bob.settle(bob.session.establish_data_channels().await.unwrap()).await;
        let chat = bob.session.publish_data_channels([LocalDataChannel::new("chat")]).await;
        let chat = chat.unwrap().channels.remove(0).id;
        for operation in ["sessions/{id}", "tracks/close", "datachannels/close"] {
            stage.fault(&bob.session, operation, fault.clone());
        }
        assert_eq!(bob.session.state().await.unwrap().tracks.len(), 2);
        let closed = bob.session.close([pulled[1].clone()]).await.unwrap();
        assert_eq!(closed.closed.len() + closed.gone.len(), 1);
        let closed = bob.session.close_data_channels([chat]).await.unwrap();
        assert_eq!(closed.closed.len() + closed.gone.len(), 1);
        bob.hears_nothing(&pulled[1], &pulled[0]).await;
        bob.hears(&pulled[0], &alice, "mic").await;
        assert_eq!(stage.open_mids(&bob.session).await, [pulled[0].clone()]);
    }
}

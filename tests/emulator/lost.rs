//! Requests and replies that are lost, operation by operation.

use cloudflare_calls::data_channels::{Delivery, LocalDataChannel, RemoteDataChannel};
use cloudflare_calls::error::Stage;
use cloudflare_calls::session::{Status, Unfinished, Unusable};
use cloudflare_calls::tracks::{OfferedTrack, TrackUpdate};
use cloudflare_calls::{Error, prelude::*};
use cloudflare_calls_emulator::agent::{Change, Source};
use cloudflare_calls_emulator::faults::{Fault, Rule};
use cloudflare_calls_emulator::rules::Operation;
use futures_util::future::join_all;

use super::room::{Peer, Room, rid};

const LOST: [Fault; 2] = [Fault::DropRequest, Fault::DropReply];

const UNFINISHED: Status = Status::Unusable(Unusable::Unfinished(Unfinished::ReplyLost));

/// Checks the error of a change that may have taken effect, and is not repeated.
fn assert_unknown(error: &Error, what: &str) {
    assert!(error.outcome_unknown() && !error.is_retryable(), "{what}: {error}");
    assert_eq!(error.stage(), Stage::Request, "{what}");
    assert!(error.to_string().contains("whether it took effect is unknown"), "{error}");
}

#[tokio::test]
async fn a_session_of_which_nobody_knows_is_in_nobodys_way() {
    for (fault, created) in LOST.into_iter().zip([0, 1]) {
        let room = Room::start().await;
        room.emulator.fault(Rule::new(fault).operation(Operation::NewSession).times(1)).unwrap();
        let error = room.client.join().send().await.unwrap_err();
        assert_unknown(&error, "join");
        assert_eq!(room.operations(None).await, ["new_session"], "it is not repeated");
        assert_eq!(room.snapshot().await.sessions.len(), created);
        let alice = room.join(&[(Source::Audio, "mic")]).await;
        let bob = room.enter().await;
        let pulled = bob.pull(&alice, &["mic"]).await;
        bob.hears(&pulled[0], &alice, "mic").await;
    }
}

#[tokio::test]
async fn a_lost_reply_to_an_exchange_makes_the_session_unusable_and_leaving_finds_what_it_made() {
    let room = Room::start().await;
    let alice = room.join(&[(Source::Audio, "mic")]).await;
    let all = ["publish", "publish_without_offer", "subscribe", "close_negotiated", "establish"];
    let all = all.into_iter().flat_map(|what| LOST.map(|fault| (what, fault)));
    join_all(all.map(|(what, fault)| lose_exchange(&room, &alice, what, fault))).await;
}

async fn lose_exchange(room: &Room, alice: &Peer, what: &str, fault: Fault) {
    let bob = room.join(&[(Source::Audio, "mic"), (Source::Video, "camera")]).await;
    let operation = match what {
        "close_negotiated" => Operation::CloseTracks,
        "establish" => Operation::EstablishDataChannels,
        _ => Operation::NewTracks,
    };
    room.fault(&bob.session, operation, fault);
    let before = room.operations(Some(&bob.session)).await.len();
    let error = match what {
        "publish" => {
            let (offer, local) = bob.offer(&[(Source::Audio, "music")]).await;
            bob.session.publish(offer, local).await.err()
        }
        "publish_without_offer" => {
            bob.session.publish_without_offer([OfferedTrack::audio("music")]).await.err()
        }
        "subscribe" => bob.session.subscribe([alice.track("mic")]).await.err(),
        "close_negotiated" => {
            let stop = [Change::Stop(bob.mid("camera").to_string())];
            let offer = bob.offer_changes(&stop).await;
            bob.session.close_negotiated(offer, [bob.mid("camera")]).await.err()
        }
        _ => bob.session.establish_data_channels().await.err(),
    };
    assert_unknown(&error.unwrap(), what);
    let asked = room.operations(Some(&bob.session)).await;
    assert_eq!(asked[before..], [operation.as_str()], "{what} is not repeated");
    assert_eq!(bob.session.status(), UNFINISHED, "{what}");
    assert_eq!(bob.session.uncertain().len(), 1, "{what}");

    let waits = room.session(&bob.session).await.open_exchange.is_some();
    let departure = bob.session.leave().await.unwrap();
    assert!(departure.was_inspected && departure.uncertain.len() == 1, "{what}");
    let open: Vec<_> = departure.tracks.failed.iter().map(|open| open.item.clone()).collect();
    let mut there = room.open_mids(&bob.session).await;
    there.sort_by(|one, other| one.as_str().cmp(other.as_str()));
    assert_eq!(there, open, "{what}: {departure:?}");
    assert_eq!(open.is_empty(), !waits, "{what}: a close is refused while the SFU waits");

    // The agent comes again with a new session.
    let again = room.join(&[(Source::Audio, "mic")]).await;
    let pulled = again.pull(alice, &["mic"]).await;
    again.hears(&pulled[0], alice, "mic").await;
    let at_alice = alice.pull(&again, &["mic"]).await;
    alice.hears(&at_alice[0], &again, "mic").await;
}

#[tokio::test]
async fn a_lost_reply_to_an_answer_makes_the_session_unusable() {
    let room = Room::start().await;
    let alice = room.join(&[(Source::Audio, "mic")]).await;
    for (fault, is_taken) in LOST.into_iter().zip([false, true]) {
        let bob = room.join(&[(Source::Audio, "mic")]).await;
        let pending = bob.offered(alice.track("mic")).await;
        let mic = pending.outcome().done[0].mid.clone();
        let answer = bob.answer(pending.offer()).await;
        room.fault(&bob.session, Operation::Renegotiate, fault);
        assert_unknown(&pending.answer(answer).await.unwrap_err(), "answer");
        assert_eq!(bob.session.status(), UNFINISHED);
        let asked = room.operations(Some(&bob.session)).await;
        assert_eq!(asked.iter().filter(|asked| *asked == "renegotiate").count(), 1);
        if is_taken {
            bob.hears(&mic, &alice, "mic").await;
        }
        let departure = bob.session.leave().await.unwrap();
        assert_eq!(departure.is_complete(), is_taken, "{departure:?}");
        assert_eq!(room.open_mids(&bob.session).await.is_empty(), is_taken);
    }
}

#[tokio::test]
async fn a_lost_reply_to_another_change_leaves_the_session_usable_and_media_flowing() {
    let room = Room::start().await;
    let alice = room.join(&[(Source::SimulcastVideo(&["h", "l"]), "camera")]).await;
    alice.establish().await;
    let channels = ["chat", "log"].map(LocalDataChannel::new);
    let published = alice.session.publish_data_channels(channels).await.unwrap();
    published.into_result().unwrap();
    let all = ["update", "publish_data_channels", "subscribe_data_channels", "grant_reply"];
    let all = all.into_iter().flat_map(|what| LOST.map(|fault| (what, fault)));
    join_all(all.map(|(what, fault)| lose_change(&room, &alice, what, fault))).await;
}

/// Loses a change of Alice, who publishes simulcast as `camera`, and the channels `chat` and `log`.
async fn lose_change(room: &Room, alice: &Peer, what: &str, fault: Fault) {
    let channel = |name| {
        let publisher = alice.session.id().clone();
        [RemoteDataChannel::new(publisher, name, Delivery::default())]
    };
    let bob = room.enter().await;
    let pulled = bob.subscribe([alice.track("camera").simulcast(rid("h"))]).await;
    let at = pulled.done[0].mid.clone();
    bob.establish().await;
    let chat = bob.session.subscribe_data_channels(channel("chat")).await.unwrap();
    bob.hears_layer(&at, alice, "camera", Some("h")).await;
    let operation = match what {
        "update" => Operation::UpdateTracks,
        "grant_reply" => Operation::UpdateDataChannels,
        _ => Operation::NewDataChannels,
    };
    room.fault(&bob.session, operation, fault.clone());
    let error = match what {
        "update" => bob.session.update([TrackUpdate::layer(at.clone(), rid("l"))]).await.err(),
        "publish_data_channels" => {
            bob.session.publish_data_channels([LocalDataChannel::new("own")]).await.err()
        }
        "subscribe_data_channels" => {
            bob.session.subscribe_data_channels(channel("log")).await.err()
        }
        _ => bob.session.grant_reply(&chat.done[0]).await.err(),
    };
    assert_unknown(&error.unwrap(), what);
    assert_eq!(bob.session.status(), Status::Ready, "{what}");
    assert_eq!(bob.session.uncertain().len(), 1, "{what}");
    let layer = if what == "update" && fault == Fault::DropReply { "l" } else { "h" };
    bob.hears_layer(&at, alice, "camera", Some(layer)).await;

    let departure = bob.session.leave().await.unwrap();
    assert!(departure.was_inspected && departure.is_complete(), "{what}: {departure:?}");
    let there = room.session(&bob.session).await;
    assert!(there.tracks.iter().all(|track| !track.is_open), "{what}");
    assert!(there.channels.iter().all(|channel| channel.status == "inactive"), "{what}");
}

#[tokio::test]
async fn a_lost_reply_to_a_close_or_a_read_is_made_good_by_another_try() {
    let room = Room::start().await;
    let alice = room.join(&[(Source::Audio, "mic"), (Source::Video, "camera")]).await;
    alice.establish().await;
    for fault in LOST {
        let bob = room.enter().await;
        let pulled = bob.pull(&alice, &["mic", "camera"]).await;
        bob.establish().await;
        let chat = bob.session.publish_data_channels([LocalDataChannel::new("chat")]).await;
        let chat = chat.unwrap().done.remove(0).id;
        for operation in
            [Operation::GetSession, Operation::CloseTracks, Operation::CloseDataChannels]
        {
            room.fault(&bob.session, operation, fault.clone());
        }
        assert_eq!(bob.session.state().await.unwrap().tracks.len(), 2);
        let closed = bob.session.close([pulled[1].clone()]).await.unwrap();
        assert_eq!((closed.done, closed.failed), (vec![pulled[1].clone()], vec![]));
        let closed = bob.session.close_data_channels([chat]).await.unwrap();
        assert_eq!((closed.done, closed.failed), (vec![chat], vec![]));
        bob.hears_nothing(&pulled[1], &pulled[0]).await;
        bob.hears(&pulled[0], &alice, "mic").await;
        assert_eq!(room.open_mids(&bob.session).await, [pulled[0].clone()]);
    }
}

#[tokio::test]
async fn if_every_reply_to_leaving_is_lost_everything_is_reported_for_another_try() {
    let room = Room::start().await;
    let alice = room.join(&[(Source::Audio, "mic"), (Source::Video, "camera")]).await;
    let lost = Rule::new(Fault::DropReply).operation(Operation::CloseTracks).times(4);
    room.emulator.fault(lost).unwrap();
    let departure = alice.session.leave().await.unwrap();
    assert_eq!(departure.tracks.failed.len(), 2);
    assert!(departure.error().is_some_and(Error::outcome_unknown));
    assert!(!departure.is_complete());
    assert!(room.open_mids(&alice.session).await.is_empty(), "they are closed");
    let departure = alice.session.leave().await.unwrap();
    assert!(departure.was_inspected && departure.is_complete(), "{departure:?}");
    assert!(alice.session.is_empty());
}

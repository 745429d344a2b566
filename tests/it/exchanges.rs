//! Exchanges that are kept with the session and answered by another request.

use std::time::Duration;

use cloudflare_calls::error::{Remedy, Unusable};
use cloudflare_calls::session::{
    ExchangeId, Exchanged, KeptOffer, Negotiation, Registry, Status, Unfinished,
};
use cloudflare_calls::token::Grant;
use cloudflare_calls::tracks::{OfferedTrack, RemoteTrack};
use cloudflare_calls::types::SessionId;
use cloudflare_calls::{Error, Session, prelude::*};
use serde_json::json;

use super::sfu::{Operation, Sfu};
use super::{answer, join, publish};

/// Pulls a track, and keeps the offer with the session.
async fn pulled(session: &Session, publisher: &Session, name: &str) -> KeptOffer {
    let track = RemoteTrack::new(publisher.id().clone(), name);
    match session.subscribe([track]).await.unwrap() {
        Negotiation::Offer(pending) => pending.keep(),
        _ => panic!("an offer"),
    }
}

fn reason(error: &Error) -> Option<Unusable> {
    match error {
        Error::Unusable { reason, .. } => Some(*reason),
        _ => None,
    }
}

#[tokio::test]
async fn another_request_finds_the_exchange_by_its_id_and_gets_the_outcome() {
    let sfu = Sfu::start().await;
    let publisher = join(&sfu).await;
    publish(&publisher, &["a", "b"]).await;
    let registry = Registry::new(1);
    let id: SessionId = {
        let session = join(&sfu).await;
        registry.insert(session.clone()).await.unwrap();
        session.id().clone()
    };
    // After the first request only the agent's copy remains.
    let for_agent = {
        let session = registry.get(&id).await.unwrap().unwrap();
        serde_json::to_value(pulled(&session, &publisher, "a").await).unwrap()
    };
    assert_eq!(for_agent["sessionDescription"]["type"], "offer");
    assert_eq!(registry.get(&id).await.unwrap().unwrap().status(), Status::AwaitingAnswer);
    // The second request.
    let exchange: ExchangeId = serde_json::from_value(for_agent["exchange"].clone()).unwrap();
    assert_eq!(exchange.to_string().len(), 16);
    let session = registry.get(&id).await.unwrap().unwrap();
    let exchanged = session.answer(exchange, answer()).await.unwrap();
    let json = serde_json::to_value(&exchanged).unwrap();
    assert_eq!(
        json,
        json!({ "kind": "subscribed", "outcome": { "step": "subscribe", "failed": [], "done": [
            { "sessionId": publisher.id(), "trackName": "a", "mid": json["outcome"]["done"][0]["mid"] },
        ] } })
    );
    // Another process reads the JSON.
    let read: Exchanged = serde_json::from_value(json.clone()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), json);
    assert_eq!(session.status(), Status::Ready);
    assert_eq!(session.mids().len(), 1);
    assert_eq!(sfu.violations().await, []);
}

#[tokio::test]
async fn an_answer_that_comes_twice_or_to_an_earlier_offer_is_told_from_one_that_is_awaited() {
    let sfu = Sfu::start().await;
    let publisher = join(&sfu).await;
    publish(&publisher, &["a", "b"]).await;
    let session = join(&sfu).await;
    let first = pulled(&session, &publisher, "a").await.exchange;
    assert!(matches!(session.answer(first, answer()).await, Ok(Exchanged::Subscribed(_))));
    let error = session.answer(first, answer()).await.unwrap_err();
    assert_eq!(reason(&error), Some(Unusable::NoSuchExchange));
    assert_eq!((error.remedy(), error.http_status().as_u16()), (Remedy::Refused, 409));
    let second = pulled(&session, &publisher, "b").await.exchange;
    assert_ne!(first, second);
    let error = session.answer(first, answer()).await.unwrap_err();
    assert_eq!(reason(&error), Some(Unusable::NoSuchExchange), "the browser sends it once more");
    assert!(session.answer(second, answer()).await.is_ok());
    assert_eq!(sfu.count(Operation::Renegotiate), 2);
    assert_eq!(sfu.violations().await, []);
}

#[tokio::test]
async fn a_kept_exchange_ends_at_its_deadline_and_when_the_session_is_left() {
    let sfu = Sfu::start().await;
    let publisher = join(&sfu).await;
    publish(&publisher, &["a"]).await;
    let client = sfu.client();
    let join = client.join().answer_deadline(Duration::from_millis(50));
    let session = join.send().await.unwrap();
    let exchange = pulled(&session, &publisher, "a").await.exchange;
    // A change that waits for the turn gets the reason.
    let error = session.close(super::mids(&["7"])).await.unwrap_err();
    let late = Unusable::Unfinished(Unfinished::AnswerLate);
    assert_eq!(reason(&error), Some(late));
    let error = session.answer(exchange, answer()).await.unwrap_err();
    assert_eq!(reason(&error), Some(late));
    assert_eq!(error.remedy(), Remedy::Rejoin);

    let session = super::join(&sfu).await;
    let exchange = pulled(&session, &publisher, "a").await.exchange;
    let _ = session.leave().await.unwrap();
    let error = session.answer(exchange, answer()).await.unwrap_err();
    assert_eq!(reason(&error), Some(Unusable::Left));
    assert_eq!(sfu.count(Operation::Renegotiate), 0);
}

#[tokio::test]
async fn the_session_tells_its_open_exchange_until_it_ends() {
    let sfu = Sfu::start().await;
    let publisher = join(&sfu).await;
    publish(&publisher, &["a", "b"]).await;
    let session = join(&sfu).await;
    assert_eq!(session.open_exchange(), None);
    let track = RemoteTrack::new(publisher.id().clone(), "a");
    let Negotiation::Offer(pending) = session.subscribe([track]).await.unwrap() else {
        panic!("an offer");
    };
    assert_eq!(session.open_exchange(), Some(pending.id()));
    let first = pending.keep().exchange;
    assert_eq!(session.open_exchange(), Some(first));
    let grant = Grant::new("user", session.id().clone(), Duration::from_secs(60));
    assert_eq!(session.granted(&grant).unwrap().open_exchange(), Some(first));
    let _ = session.answer(first, answer()).await.unwrap();
    assert_eq!(session.open_exchange(), None, "it has its answer");
    let second = pulled(&session, &publisher, "b").await.exchange;
    assert_eq!(session.open_exchange(), Some(second));
    let _ = session.leave().await.unwrap();
    assert_eq!(session.open_exchange(), None, "the session was left");

    let client = sfu.client();
    let join = client.join().answer_deadline(Duration::from_millis(50));
    let session = join.send().await.unwrap();
    let late = pulled(&session, &publisher, "a").await.exchange;
    assert_eq!(session.open_exchange(), Some(late));
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert_eq!(session.open_exchange(), None, "it is too late");
}

#[tokio::test]
async fn every_kind_of_exchange_can_be_kept() {
    let sfu = Sfu::start().await;
    let session = join(&sfu).await;
    let microphone = OfferedTrack::audio("mic").bidirectional();
    let Negotiation::Offer(pending) = session.publish_without_offer([microphone]).await.unwrap()
    else {
        panic!("an offer");
    };
    let exchange = pending.keep().exchange;
    let Exchanged::Published(published) = session.answer(exchange, answer()).await.unwrap() else {
        panic!("a publication");
    };
    assert_eq!(published.into_result().unwrap()[0].name, "mic");
    let Negotiation::Offer(pending) = session.establish_data_channels().await.unwrap() else {
        panic!("an offer");
    };
    let exchange = pending.keep().exchange;
    let exchanged = session.answer(exchange, answer()).await.unwrap();
    assert!(matches!(exchanged, Exchanged::Established(_)));
    assert_eq!(
        serde_json::to_value(&exchanged).unwrap(),
        json!({ "kind": "established", "outcome": null })
    );
}

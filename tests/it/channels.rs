//! Data channels.

use cloudflare_calls::data_channels::{
    ChannelId, Delivery, LocalDataChannel, RemoteDataChannel, RetryLimit, SubscribedChannels,
};
use cloudflare_calls::session::Negotiation;
use cloudflare_calls::{Error, Session, prelude::*};
use serde_json::{Value, json};

use super::sfu::{Operation, Sfu, fail_items, omit_item};
use super::{answer, join};

async fn with_transport(sfu: &Sfu) -> Session {
    let session = join(sfu).await;
    let Negotiation::Offer(pending) = session.establish_data_channels().await.unwrap() else {
        panic!("an offer");
    };
    pending.answer(answer()).await.unwrap();
    session
}

async fn subscribe(
    session: &Session,
    publisher: &Session,
    name: &str,
) -> Result<SubscribedChannels, Error> {
    let channel = RemoteDataChannel::new(publisher.id().clone(), name, Delivery::default());
    session.subscribe_data_channels([channel]).await
}

fn last_channel(sfu: &Sfu) -> Value {
    sfu.calls().last().unwrap().json()["dataChannels"][0].clone()
}

#[tokio::test]
async fn the_subscriber_repeats_the_publishers_delivery_policy() {
    let sfu = Sfu::start().await;
    let (publisher, subscriber) = (with_transport(&sfu).await, with_transport(&sfu).await);
    let policy = Delivery::default().unordered().limit(RetryLimit::LifeTime(0));
    let game = LocalDataChannel::new("game").delivery(policy);
    let published = publisher.publish_data_channels([game]).await.unwrap();
    let expected = json!({ "location": "local", "dataChannelName": "game", "ordered": false,
        "maxPacketLifeTime": 0 });
    assert_eq!(last_channel(&sfu), expected);
    let channel = &published.into_result().unwrap()[0];
    assert!(sfu.open_channels(publisher.id()).await.contains(&channel.id.get()));

    let subscribed =
        subscriber.subscribe_data_channels([RemoteDataChannel::from(channel)]).await.unwrap();
    let subscribed = subscribed.into_result().unwrap();
    let expected = json!({ "location": "remote", "dataChannelName": "game", "ordered": false,
        "maxPacketLifeTime": 0, "sessionId": publisher.id() });
    assert_eq!(last_channel(&sfu), expected, "and nothing that nobody set");
    assert_eq!(subscribed[0].delivery, policy);
}

#[tokio::test]
async fn a_channel_that_is_not_published_yet_is_asked_for_again_alone() {
    let sfu = Sfu::start().await;
    let (publisher, subscriber) = (with_transport(&sfu).await, with_transport(&sfu).await);
    let chat = publisher.publish_data_channels([LocalDataChannel::new("chat")]).await.unwrap();
    chat.into_result().unwrap();
    let id = publisher.id();
    let wanted =
        ["chat", "later"].map(|name| RemoteDataChannel::new(id.clone(), name, Delivery::default()));
    let subscribed = subscriber.subscribe_data_channels(wanted).await.unwrap();
    assert_eq!(subscribed.done.len(), 1);
    assert!(subscribed.into_result().unwrap_err().is_not_yet_published());
    let names: Vec<Value> = sfu
        .calls()
        .iter()
        .filter(|call| call.session.as_deref() == Some(subscriber.id().as_str()))
        .filter(|call| call.operation == Operation::NewDataChannels)
        .map(|call| {
            let body = call.json();
            let channels = body["dataChannels"].as_array().unwrap();
            channels.iter().map(|channel| channel["dataChannelName"].clone()).collect()
        })
        .collect();
    let later = json!(["later"]);
    assert_eq!(names, [json!(["chat", "later"]), later.clone(), later.clone(), later]);
    assert_eq!(sfu.open_channels(subscriber.id()).await.len(), 1);
}

#[tokio::test]
async fn channels_are_closed_by_id_and_by_leaving() {
    let sfu = Sfu::start().await;
    let (publisher, subscriber) = (with_transport(&sfu).await, with_transport(&sfu).await);
    let names = ["a", "b", "c"].map(LocalDataChannel::new);
    let published = publisher.publish_data_channels(names).await.unwrap();
    let channel = subscribe(&subscriber, &publisher, "a").await.unwrap().done.remove(0);
    let closed = subscriber.close_data_channels([channel.id]).await.unwrap();
    assert_eq!((closed.done, closed.failed), (vec![channel.id], vec![]));
    let closed = subscriber.close_data_channels([channel.id]).await.unwrap();
    assert_eq!(closed.done, [channel.id], "not there is as good as closed");

    let fault = vec![fail_items("internal_error", [0]), omit_item(1)];
    sfu.fault(Operation::CloseDataChannels, fault);
    let departure = publisher.leave().await.unwrap();
    let ids: Vec<ChannelId> = published.done.iter().map(|channel| channel.id).collect();
    let open: Vec<ChannelId> = departure.channels.failed.iter().map(|open| open.item).collect();
    assert_eq!((open, departure.channels.done.clone()), (ids[..2].to_vec(), ids[2..].to_vec()));
    assert!(!departure.is_complete());
    assert!(publisher.leave().await.unwrap().is_complete());
    assert!(sfu.open_channels(publisher.id()).await.is_empty());
}

//! Data channels.

use cloudflare_calls::types::ErrorCode;
use cloudflare_calls::{
    DataChannelsSubscribed, Delivery, Error, LocalDataChannel, Negotiation, RemoteDataChannel,
    RetryLimit, Session, Unusable, prelude::*,
};
use serde_json::{Value, json};

use super::sfu::{Fault, Operation, Sfu};
use super::{answer, join, offer};

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
) -> Result<DataChannelsSubscribed, Error> {
    let channel = RemoteDataChannel::new(publisher.id().clone(), name, Delivery::default());
    session.subscribe_data_channels([channel]).await
}

fn last_channel(sfu: &Sfu) -> Value {
    sfu.calls().last().unwrap().body["dataChannels"][0].clone()
}

#[tokio::test]
async fn the_transport_is_established_once() {
    let sfu = Sfu::start().await;
    let session = with_transport(&sfu).await;
    let sent = sfu.calls()[1].body.clone();
    let channel = json!({ "location": "remote", "dataChannelName": "server-events" });
    assert_eq!(sent, json!({ "dataChannel": channel }));
    let again = session.establish_data_channels().await.unwrap();
    assert!(matches!(again, Negotiation::Done(())));
    assert_eq!(session.establish_data_channels_with(offer(&["0"])).await.unwrap(), None);
    assert_eq!(sfu.count(Operation::EstablishDataChannels), 1);

    let session = join(&sfu).await;
    assert!(session.establish_data_channels_with(offer(&["0"])).await.unwrap().is_some());
    assert!(matches!(session.establish_data_channels().await.unwrap(), Negotiation::Done(())));
    assert_eq!(sfu.count(Operation::EstablishDataChannels), 2);
}

#[tokio::test]
async fn without_a_transport_no_channel_is_asked_for() {
    let sfu = Sfu::start().await;
    let session = join(&sfu).await;
    let error = session.publish_data_channels([LocalDataChannel::new("chat")]).await.unwrap_err();
    assert!(matches!(error, Error::Unusable { reason: Unusable::NoDataTransport, .. }));
    assert_eq!(sfu.count(Operation::NewDataChannels), 0);
    assert!(session.establish_data_channels_with(offer(&["0"])).await.is_ok(), "and it still can");
}

#[tokio::test]
async fn the_subscriber_repeats_the_publishers_delivery_policy() {
    let sfu = Sfu::start().await;
    let (publisher, subscriber) = (with_transport(&sfu).await, with_transport(&sfu).await);
    let policy = Delivery::default().unordered().limit(RetryLimit::LifeTime(0));
    let game = LocalDataChannel::new("game").delivery(policy);
    let published = publisher.publish_data_channels([game]).await.unwrap();
    published.complete().unwrap();
    let expected = json!({ "location": "local", "dataChannelName": "game", "ordered": false,
        "maxPacketLifeTime": 0 });
    assert_eq!(last_channel(&sfu), expected);
    let channel = &published.channels[0];
    assert!(sfu.open_channels(publisher.id()).contains(&channel.id));

    let subscribed =
        subscriber.subscribe_data_channels([RemoteDataChannel::from(channel)]).await.unwrap();
    subscribed.complete().unwrap();
    let expected = json!({ "location": "remote", "dataChannelName": "game", "ordered": false,
        "maxPacketLifeTime": 0, "sessionId": publisher.id() });
    assert_eq!(last_channel(&sfu), expected, "and nothing that nobody set");
    assert_eq!(subscribed.channels[0].delivery, policy);
}

#[tokio::test]
async fn the_right_to_reply_is_granted_and_revoked() {
    let sfu = Sfu::start().await;
    let publisher = with_transport(&sfu).await;
    let (one, two) = (with_transport(&sfu).await, with_transport(&sfu).await);
    publisher.publish_data_channels([LocalDataChannel::new("chat")]).await.unwrap();
    let chat = RemoteDataChannel::new(publisher.id().clone(), "chat", Delivery::default());
    let first = one
        .subscribe_data_channels([chat.clone().wait_for_ack().can_reply()])
        .await
        .unwrap()
        .channels
        .remove(0);
    let there = sfu.channel(one.id(), first.id).unwrap();
    assert!(there.can_reply && there.wait_for_ack);
    let second = two.subscribe_data_channels([chat]).await.unwrap().channels.remove(0);
    two.grant_reply(&second).await.unwrap();
    assert!(sfu.channel(two.id(), second.id).unwrap().can_reply);
    assert!(!sfu.channel(one.id(), first.id).unwrap().can_reply, "at most one may");
    two.revoke_reply(&second).await.unwrap();
    assert!(!sfu.channel(two.id(), second.id).unwrap().can_reply);
    assert_eq!(last_channel(&sfu)["canReply"], false);

    sfu.fault(Operation::UpdateDataChannels, Fault::fail_items("internal_error", [0]));
    let error = two.grant_reply(&second).await.unwrap_err();
    assert_eq!(error.items()[0].item, second.id.to_string());
    assert_eq!(error.code(), Some(&ErrorCode::InternalError));
}

#[tokio::test]
async fn a_channel_that_is_allocated_already_is_told_apart() {
    let sfu = Sfu::start().await;
    let session = with_transport(&sfu).await;
    session.publish_data_channels([LocalDataChannel::new("chat")]).await.unwrap();
    let both = [LocalDataChannel::new("chat"), LocalDataChannel::new("game")];
    let published = session.publish_data_channels(both).await.unwrap();
    assert_eq!(published.channels.len(), 1);
    assert_eq!(published.channels[0].name, "game");
    let code = published.failed[0].error.code();
    assert_eq!(code, Some(&ErrorCode::RepeatedLocalTrackError));
}

#[tokio::test]
async fn a_channel_that_is_not_published_yet_is_asked_for_again_alone() {
    let sfu = Sfu::start().await;
    let (publisher, subscriber) = (with_transport(&sfu).await, with_transport(&sfu).await);
    publisher.publish_data_channels([LocalDataChannel::new("chat")]).await.unwrap();
    let id = publisher.id();
    let wanted =
        ["chat", "later"].map(|name| RemoteDataChannel::new(id.clone(), name, Delivery::default()));
    let subscribed = subscriber.subscribe_data_channels(wanted).await.unwrap();
    assert_eq!(subscribed.channels.len(), 1);
    assert!(subscribed.complete().unwrap_err().is_not_yet_published());
    let names: Vec<Value> = sfu
        .calls()
        .iter()
        .filter(|call| call.session.as_deref() == Some(subscriber.id().as_str()))
        .filter(|call| call.operation == Operation::NewDataChannels)
        .map(|call| {
            let channels = call.body["dataChannels"].as_array().unwrap();
            channels.iter().map(|channel| channel["dataChannelName"].clone()).collect()
        })
        .collect();
    let later = json!(["later"]);
    assert_eq!(names, [json!(["chat", "later"]), later.clone(), later.clone(), later]);
    assert_eq!(sfu.open_channels(subscriber.id()).len(), 1);
}

#[tokio::test]
async fn channels_are_closed_by_id_and_by_leaving() {
    let sfu = Sfu::start().await;
    let (publisher, subscriber) = (with_transport(&sfu).await, with_transport(&sfu).await);
    let names = ["a", "b", "c"].map(LocalDataChannel::new);
    let published = publisher.publish_data_channels(names).await.unwrap();
    let channel = subscribe(&subscriber, &publisher, "a").await.unwrap().channels.remove(0);
    let closed = subscriber.close_data_channels([channel.id]).await.unwrap();
    assert_eq!((closed.closed, closed.gone, closed.failed), (vec![channel.id], vec![], vec![]));
    let closed = subscriber.close_data_channels([channel.id]).await.unwrap();
    assert_eq!(closed.gone, [channel.id], "not there is as good as closed");

    let fault =
        Fault::All(vec![Fault::fail_items("internal_error", [0]), Fault::OmitItems(vec![1])]);
    sfu.fault(Operation::CloseDataChannels, fault);
    let departure = publisher.leave().await.unwrap();
    let ids: Vec<u16> = published.channels.iter().map(|channel| channel.id).collect();
    let open: Vec<u16> = departure.open_channels.iter().map(|open| open.item).collect();
    assert_eq!((open, departure.closed_channels.clone()), (ids[..2].to_vec(), ids[2..].to_vec()));
    assert!(!departure.is_complete());
    assert!(publisher.leave().await.unwrap().is_complete());
    assert!(sfu.open_channels(publisher.id()).is_empty());
}

#[tokio::test]
async fn the_state_lists_channels_and_an_adopted_session_can_close_them() {
    let sfu = Sfu::start().await;
    let publisher = with_transport(&sfu).await;
    publisher.publish_data_channels([LocalDataChannel::new("chat")]).await.unwrap();
    let state = publisher.state().await.unwrap();
    assert_eq!(state.data_channels[0].name.as_deref(), Some("chat"));
    let adopted = sfu.client().adopt(publisher.id().clone()).send().await.unwrap();
    let again = adopted.publish_data_channels([LocalDataChannel::new("game")]).await.unwrap();
    assert_eq!(again.channels.len(), 1, "the transport is known");
    let departure = adopted.leave().await.unwrap();
    assert_eq!(departure.closed_channels.len(), 2);
    assert!(sfu.open_channels(publisher.id()).is_empty());
}

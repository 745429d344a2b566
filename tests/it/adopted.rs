//! Sessions that another process made.

use cloudflare_calls::data_channels::LocalDataChannel;
use cloudflare_calls::error::Unusable;
use cloudflare_calls::{Error, prelude::*};

use super::sfu::{Operation, Sfu};
use super::{data_offer, join, quick};

#[tokio::test]
async fn a_transport_without_an_open_channel_locks_no_data_channels_out() {
    let sfu = Sfu::start().await;
    let session = join(&sfu).await;
    let _ = session.establish_data_channels_with(data_offer("8")).await.unwrap();
    let chat = session.publish_data_channels([LocalDataChannel::new("chat")]).await.unwrap();
    let chat = chat.into_result().unwrap()[0].id;
    session.close_data_channels([chat]).await.unwrap().into_result().unwrap();
    // All listed tracks are inactive.
    let adopted = sfu.client().adopt(session.id().clone()).retry(quick()).send().await.unwrap();
    let establishes = sfu.count(Operation::EstablishDataChannels);
    let _ = adopted.establish_data_channels().await.unwrap();
    assert_eq!(sfu.count(Operation::EstablishDataChannels), establishes, "it is known to be there");
    let next = adopted.publish_data_channels([LocalDataChannel::new("next")]).await.unwrap();
    next.into_result().unwrap();
}

#[tokio::test]
async fn the_sfu_decides_about_an_unknown_transport() {
    let sfu = Sfu::start().await;
    let session = join(&sfu).await;
    let channel = || [LocalDataChannel::new("chat")];
    let error = session.publish_data_channels(channel()).await.unwrap_err();
    let reason = Unusable::NoDataTransport;
    assert!(matches!(error, Error::Unusable { reason: r, .. } if r == reason), "it has none");
    assert_eq!(sfu.count(Operation::NewDataChannels), 0);

    let adopted = sfu.client().adopt(session.id().clone()).send().await.unwrap();
    let error = adopted.publish_data_channels(channel()).await.unwrap_err();
    assert!(matches!(error, Error::Request { .. }), "the SFU was asked: {error}");
    assert_eq!(sfu.count(Operation::NewDataChannels), 1);
    let _ = adopted.establish_data_channels_with(data_offer("8")).await.unwrap();
    adopted.publish_data_channels(channel()).await.unwrap().into_result().unwrap();
}

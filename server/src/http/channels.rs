//! Data channels.

use axum::Json;
use cloudflare_calls::data_channels::{
    ChannelId, Delivery, LocalDataChannel, RemoteDataChannel, SubscribedDataChannel,
};
use cloudflare_calls::types::{
    CloseDataChannelsRequest, DataChannel, DataChannelsRequest,
    EstablishDataChannelsTransportRequest, SessionId, TrackLocation,
};
use cloudflare_calls::{Offer, prelude::*};
use serde_json::json;

use super::body::Json as Body;
use super::caller::Owner;
use super::shape::{Item, Reply, entries};
use crate::limits::check_name;
use crate::refusal::Refused;
use crate::room::types::Channel;

/// Name of the channel that establishes the transport.
const SERVER_EVENTS: &str = "server-events";

/// Establishes the transport of data channels (`POST datachannels/establish`).
pub(super) async fn establish(
    owner: Owner,
    Body(request): Body<EstablishDataChannelsTransportRequest>,
) -> Result<Json<Reply>, Refused> {
    request.check()?;
    let is_right = |channel: &DataChannel| {
        channel.location == Some(TrackLocation::Remote)
            && channel.data_channel_name.as_deref() == Some(SERVER_EVENTS)
    };
    if !request.data_channel.as_ref().is_some_and(is_right) {
        let problem = format!("dataChannel: the remote channel {SERVER_EVENTS} is needed");
        return Err(Refused::Invalid(problem));
    }
    let offer = request.session_description.map(Offer::try_from).transpose()?;
    let end = match offer {
        None => owner.session.establish_data_channels().await,
        Some(offer) => owner.session.establish_data_channels_with(offer).await,
    };
    let end = owner.checked(end).await?;
    let channel =
        Item { data_channel_name: Some(SERVER_EVENTS.to_owned()), id: Some(0), ..Item::default() };
    Ok(Json(Reply { data_channel: Some(channel), ..Reply::of(end) }))
}

/// Publishes data channels, or subscribes to those of others (`POST datachannels/new`).
pub(super) async fn new(
    owner: Owner,
    Body(request): Body<DataChannelsRequest>,
) -> Result<Json<Reply>, Refused> {
    let channels = request.data_channels;
    let is_remote = |channel: &DataChannel| channel.location == Some(TrackLocation::Remote);
    let is_local = |channel: &DataChannel| channel.location == Some(TrackLocation::Local);
    let entries = match &channels[..] {
        channels if !channels.is_empty() && channels.iter().all(is_local) => {
            publish(&owner, channels).await
        }
        channels if !channels.is_empty() && channels.iter().all(is_remote) => {
            subscribe(&owner, channels).await
        }
        _ => Err(Refused::Invalid(
            "dataChannels: at least one is needed, all local or all remote".to_owned(),
        )),
    };
    Ok(Json(Reply::default().data_channels(entries?)))
}

/// Permits or forbids a subscriber to send to the publisher (`PUT datachannels/update`).
pub(super) async fn update(
    owner: Owner,
    Body(request): Body<DataChannelsRequest>,
) -> Result<Json<Reply>, Refused> {
    if request.data_channels.is_empty() {
        return Err(Refused::Invalid("dataChannels: at least one is needed".to_owned()));
    }
    let mut entries = Vec::new();
    for channel in &request.data_channels {
        let subscribed = subscription(channel)?;
        let can_reply = channel.can_reply;
        let can_reply = can_reply.ok_or_else(|| missing("canReply"))?;
        let set = match can_reply {
            true => owner.session.grant_reply(&subscribed).await,
            false => owner.session.revoke_reply(&subscribed).await,
        };
        let item = remote(&subscribed.publisher, &subscribed.name);
        let done = Item { id: channel.id, can_reply: Some(can_reply), ..item.clone() };
        entries.push(match set {
            Err(cloudflare_calls::Error::Items { failures, .. }) => match failures.first() {
                Some(failure) => item.failed(&failure.error),
                None => done,
            },
            set => owner.checked(set).await.map(|()| done)?,
        });
    }
    Ok(Json(Reply::default().data_channels(entries)))
}

/// Closes data channels, published ones and subscriptions (`PUT datachannels/close`).
pub(super) async fn close(
    owner: Owner,
    Body(request): Body<CloseDataChannelsRequest>,
) -> Result<Json<Reply>, Refused> {
    let id = |channel: &DataChannel| match channel.id {
        Some(id) => Ok(ChannelId::new(id)?),
        None => Err(missing("id")),
    };
    let ids = request.data_channels.iter().map(id).collect::<Result<Vec<_>, _>>()?;
    if ids.is_empty() {
        return Err(Refused::Invalid("dataChannels: at least one is needed".to_owned()));
    }
    let closed = owner.checked(owner.session.close_data_channels(ids.clone()).await).await?;
    let named = |id: &ChannelId| (*id, Item { id: Some(id.get()), ..Item::default() });
    let entries = entries(&ids, &closed, named, named);
    let (member, session) = (&owner.caller.id, owner.id());
    let told =
        owner.caller.room.change(|record| record.unpublish_channels(member, session, &closed.done));
    told.await?;
    Ok(Json(Reply::default().data_channels(entries)))
}

async fn publish(owner: &Owner, channels: &[DataChannel]) -> Result<Vec<Item>, Refused> {
    owner.caller.require_place_for(channels.len())?;
    let local = |channel: &DataChannel| {
        Ok::<_, Refused>(
            LocalDataChannel::new(check_name("dataChannelName", name(channel)?)?)
                .delivery(delivery(channel)?),
        )
    };
    let channels = channels.iter().map(local).collect::<Result<Vec<_>, _>>()?;
    let asked: Vec<String> = channels.iter().map(|channel| channel.name().to_owned()).collect();
    let published = owner.session.publish_data_channels(channels).await;
    let published = owner.checked(published).await?;
    let item = |name: &str| Item {
        location: Some("local"),
        data_channel_name: Some(name.to_owned()),
        ..Item::default()
    };
    let entries = entries(
        &asked,
        &published,
        |channel| {
            (channel.name.clone(), Item { id: Some(channel.id.get()), ..item(&channel.name) })
        },
        |channel| (channel.name().to_owned(), item(channel.name())),
    );
    let told = owner.tell(|record| {
        let channels = published.done.iter().map(|channel| {
            let session = channel.session.clone();
            let (name, delivery) = (channel.name.clone(), channel.delivery);
            (Channel { session, name, delivery }, channel.id)
        });
        record.publish_channels(&owner.caller.id, owner.id(), channels.collect())
    });
    told.await?;
    Ok(entries)
}

async fn subscribe(owner: &Owner, channels: &[DataChannel]) -> Result<Vec<Item>, Refused> {
    let remote_channel = |channel: &DataChannel| {
        let publisher = publisher(channel)?;
        let mut remote = RemoteDataChannel::new(publisher, name(channel)?, delivery(channel)?);
        if channel.wait_for_ack == Some(true) {
            remote = remote.wait_for_ack();
        }
        if channel.can_reply == Some(true) {
            remote = remote.can_reply();
        }
        Ok::<_, Refused>(remote)
    };
    let channels = channels.iter().map(remote_channel).collect::<Result<Vec<_>, _>>()?;
    let key = |publisher: &SessionId, name: &str| (publisher.clone(), name.to_owned());
    let asked: Vec<_> = channels.iter().map(|one| key(one.publisher(), one.name())).collect();
    let subscribed = owner.session.subscribe_data_channels(channels).await;
    let subscribed = owner.checked(subscribed).await?;
    Ok(entries(
        &asked,
        &subscribed,
        |channel| {
            let item = remote(&channel.publisher, &channel.name);
            (key(&channel.publisher, &channel.name), Item { id: Some(channel.id.get()), ..item })
        },
        |channel| {
            let item = remote(channel.publisher(), channel.name());
            (key(channel.publisher(), channel.name()), item)
        },
    ))
}

fn remote(publisher: &SessionId, name: &str) -> Item {
    Item {
        location: Some("remote"),
        session_id: Some(publisher.to_string()),
        data_channel_name: Some(name.to_owned()),
        ..Item::default()
    }
}

/// Returns the subscription that an entry names. The client reads its publisher and name alone.
fn subscription(channel: &DataChannel) -> Result<SubscribedDataChannel, Refused> {
    let subscription = json!({
        "sessionId": publisher(channel)?,
        "dataChannelName": name(channel)?,
        "id": channel.id.unwrap_or_default(),
        "delivery": delivery(channel)?,
    });
    serde_json::from_value(subscription).map_err(|_| missing("id"))
}

fn delivery(channel: &DataChannel) -> Result<Delivery, Refused> {
    let delivery = json!({
        "ordered": channel.ordered,
        "maxRetransmits": channel.max_retransmits,
        "maxPacketLifeTime": channel.max_packet_life_time,
    });
    serde_json::from_value(delivery).map_err(|_| {
        Refused::Invalid("maxRetransmits: cannot be combined with maxPacketLifeTime".to_owned())
    })
}

fn name(channel: &DataChannel) -> Result<&str, Refused> {
    channel.data_channel_name.as_deref().ok_or_else(|| missing("dataChannelName"))
}

fn publisher(channel: &DataChannel) -> Result<SessionId, Refused> {
    channel.session_id.clone().ok_or_else(|| missing("sessionId"))
}

fn missing(field: &str) -> Refused {
    Refused::Invalid(format!("{field}: is missing"))
}

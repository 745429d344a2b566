//! Steps of data channels.

use std::collections::BTreeSet;
use std::fmt;

use super::id::ChannelId;
use super::types::{
    ClosedChannels, DataTransport, LocalDataChannel, PublishedChannels, PublishedDataChannel,
    RemoteDataChannel, SubscribedChannels, SubscribedDataChannel,
};
use crate::action::{Action, DATA};
use crate::check::{MAX_TRACKS, check_channels};
use crate::close::{Closer, End};
use crate::error::{Error, ItemError, ItemFailure};
use crate::generated::types::{
    CloseDataChannelsRequest, DataChannel, DataChannelResult, DataChannelsRequest,
    EstablishDataChannelsTransportRequest, SessionDescription, TrackLocation,
};
use crate::outcome::{Entry as _, Outcome, settle, text};
use crate::sdp::{Answer, Offer};
use crate::session::access::{Entry, Handle, report};
use crate::session::change::Change;
use crate::session::exchange::{Answered, Negotiation};
use crate::session::exchanged::OfExchange;
use crate::session::handle::Session;
use crate::session::ledger::{Key, Ledger, Transport};
use crate::session::repeat::until_published;
use crate::session::turns::Effect;
use crate::status::Unusable;
use crate::step::Step;
#[cfg(feature = "token")]
use crate::token::guard::GuardedSession;

/// Names of the generated client's methods.
const ESTABLISH: &str = "establish_data_channels";
const NEW: &str = "new_data_channels";
const UPDATE: &str = "update_data_channels";

/// Name of the channel that establishes the transport; its id is 0 (operation
/// `datachannels/establish`).
const SERVER_EVENTS: &str = "server-events";

/// Publishing data channels and subscribing to them.
pub trait DataChannelsExt: Handle {
    /// Establishes the transport of the session's data channels
    /// (`POST datachannels/establish`), which is needed once, before the first
    /// of them. The SFU makes the offer. On a session that has the transport
    /// nothing is sent.
    ///
    /// ```no_run
    /// # use cloudflare_calls::session::Negotiation;
    /// # use cloudflare_calls::{Answer, Error, Offer, Session, prelude::*};
    /// # async fn ask_agent(offer: &Offer) -> Answer { todo!() }
    /// # async fn example(session: Session) -> Result<(), Error> {
    /// if let Negotiation::Offer(pending) = session.establish_data_channels().await? {
    ///     let answer = ask_agent(pending.offer()).await;
    ///     pending.answer(answer).await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Unusable`]; [`Error::Request`]; [`Error::Contradiction`].
    fn establish_data_channels(
        &self,
    ) -> impl Future<Output = Result<Negotiation<DataTransport>, Error>> + Send {
        let entry = self.access().begin(Step::EstablishDataChannels, &DATA);
        async move { establish(entry?.counted(), None).await }
    }

    /// Establishes the transport with the agent's offer, which has an
    /// application section. The answer goes back to the agent. On a session that
    /// has the transport nothing is sent, and the agent rolls its offer back.
    ///
    /// ```no_run
    /// # use cloudflare_calls::session::Negotiation;
    /// # use cloudflare_calls::{Answer, Error, Offer, Session, prelude::*};
    /// # async fn example(session: Session, offer: Offer) -> Result<Option<Answer>, Error> {
    /// match session.establish_data_channels_with(offer).await? {
    ///     Negotiation::Answer(established) => Ok(Some(established.answer)),
    ///     _ => Ok(None),
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`establish_data_channels`](DataChannelsExt::establish_data_channels).
    fn establish_data_channels_with(
        &self,
        offer: Offer,
    ) -> impl Future<Output = Result<Negotiation<DataTransport>, Error>> + Send {
        let entry = self.access().begin(Step::EstablishDataChannelsWith, &DATA);
        async move { establish(entry?.counted(), Some(offer)).await }
    }

    /// Publishes data channels (`POST datachannels/new`). The agent opens each
    /// with `negotiated: true`, its id and its delivery policy.
    ///
    /// ```no_run
    /// # use cloudflare_calls::{Error, Session, data_channels::LocalDataChannel, prelude::*};
    /// # async fn example(session: Session) -> Result<(), Error> {
    /// let published = session.publish_data_channels([LocalDataChannel::new("chat")]).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Invalid`] for no channel or an empty name; [`Error::Unusable`], for example with
    /// [`Unusable::NoDataTransport`](crate::session::Unusable::NoDataTransport);
    /// [`Error::Request`].
    fn publish_data_channels(
        &self,
        channels: impl IntoIterator<Item = LocalDataChannel>,
    ) -> impl Future<Output = Result<PublishedChannels, Error>> + Send {
        let entry = self.access().begin(Step::PublishDataChannels, &[Action::PublishData]);
        let channels: Vec<LocalDataChannel> = channels.into_iter().collect();
        async move { publish(entry?.counted(), channels).await }
    }

    /// Subscribes to data channels of other sessions
    /// (`POST datachannels/new`), with the delivery policy of the publisher.
    /// Channels that are not published yet are asked for again, alone, as long
    /// as the session's [`RetryPolicy`](crate::RetryPolicy) allows.
    ///
    /// ```no_run
    /// # use cloudflare_calls::data_channels::{PublishedDataChannel, RemoteDataChannel};
    /// # use cloudflare_calls::{Error, Session, prelude::*};
    /// # async fn example(session: Session, chat: PublishedDataChannel) -> Result<(), Error> {
    /// let chat = RemoteDataChannel::from(&chat).wait_for_ack();
    /// let subscribed = session.subscribe_data_channels([chat]).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`publish_data_channels`](DataChannelsExt::publish_data_channels),
    /// and [`Error::Denied`].
    fn subscribe_data_channels(
        &self,
        channels: impl IntoIterator<Item = RemoteDataChannel>,
    ) -> impl Future<Output = Result<SubscribedChannels, Error>> + Send {
        let entry = self.access().begin(Step::SubscribeDataChannels, &[Action::SubscribeData]);
        let channels: Vec<RemoteDataChannel> = channels.into_iter().collect();
        async move {
            let entry = entry?.counted();
            channels.iter().try_for_each(|channel| entry.may_pull(&channel.publisher))?;
            if channels.iter().any(|channel| channel.can_reply) {
                entry.require(&[Action::GrantReply])?;
            }
            match until_published(&entry, channels, |missing, _| subscribe(&entry, missing)).await?
            {
                Negotiation::Done(subscribed) => Ok(subscribed),
                // Channels need no exchange of their own.
                Negotiation::Answer(answered) => Ok(answered.outcome),
                Negotiation::Offer(_) => Err(entry.unusable(Unusable::NoDataTransport)),
            }
        }
    }

    /// Lets this subscriber send to the publisher (`PUT datachannels/update`). At most one
    /// subscriber of a channel may send: the right is taken from the one who had it.
    ///
    /// ```no_run
    /// # use cloudflare_calls::{Error, Session, data_channels::SubscribedDataChannel, prelude::*};
    /// # async fn example(session: Session, chat: SubscribedDataChannel) -> Result<(), Error> {
    /// session.grant_reply(&chat).await?;
    /// session.revoke_reply(&chat).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Items`] if the API refuses it for this channel;
    /// [`Error::Unusable`]; [`Error::Request`].
    fn grant_reply(
        &self,
        channel: &SubscribedDataChannel,
    ) -> impl Future<Output = Result<(), Error>> + Send {
        let entry = self.access().begin(Step::GrantReply, &[Action::GrantReply]);
        let channel = channel.clone();
        async move { set_reply(entry?.counted(), channel, Reply::Granted).await }
    }

    /// Takes the right to send from this subscriber; see
    /// [`grant_reply`](DataChannelsExt::grant_reply).
    ///
    /// ```no_run
    /// # use cloudflare_calls::{Error, Session, data_channels::SubscribedDataChannel, prelude::*};
    /// # async fn example(session: Session, chat: SubscribedDataChannel) -> Result<(), Error> {
    /// session.revoke_reply(&chat).await
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`grant_reply`](DataChannelsExt::grant_reply).
    fn revoke_reply(
        &self,
        channel: &SubscribedDataChannel,
    ) -> impl Future<Output = Result<(), Error>> + Send {
        let entry = self.access().begin(Step::RevokeReply, &[Action::GrantReply]);
        let channel = channel.clone();
        async move { set_reply(entry?.counted(), channel, Reply::Revoked).await }
    }

    /// Closes data channels by their ids on this session
    /// (`PUT datachannels/close`), published ones as well as subscriptions.
    ///
    /// ```no_run
    /// # use cloudflare_calls::{Error, Session, data_channels::SubscribedDataChannel, prelude::*};
    /// # async fn example(session: Session, chat: SubscribedDataChannel) -> Result<(), Error> {
    /// session.close_data_channels([chat.id]).await?.into_result()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Unusable`]; [`Error::Request`] if nothing was closed.
    fn close_data_channels(
        &self,
        ids: impl IntoIterator<Item = ChannelId>,
    ) -> impl Future<Output = Result<ClosedChannels, Error>> + Send {
        let entry = self.access().begin(Step::CloseDataChannels, &[Action::Close]);
        let ids: BTreeSet<ChannelId> = ids.into_iter().collect();
        async move { entry?.counted().close(ids.into_iter().collect()).await }
    }
}

impl DataChannelsExt for Session {}
#[cfg(feature = "token")]
impl DataChannelsExt for GuardedSession {}

/// Right of a subscriber to send to the publisher.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reply {
    Granted,
    Revoked,
}

/// Establishes the transport with the agent's offer, or without one, so that the SFU makes it.
async fn establish(
    entry: Entry,
    offer: Option<Offer>,
) -> Result<Negotiation<DataTransport>, Error> {
    let is_offered = offer.is_some();
    let channel =
        DataChannel::new().location(TrackLocation::Remote).data_channel_name(SERVER_EVENTS);
    let mut request = EstablishDataChannelsTransportRequest::new().data_channel(channel);
    request.session_description = offer.map(SessionDescription::from);
    request.check().map_err(Error::invalid(entry.step()))?;
    let effect = Effect::exchange(ESTABLISH);
    let established = entry.exchange(effect, move |change| {
        Box::pin(async move {
            let session = change.session().clone();
            if session.ledger().transport == Transport::There {
                return Ok(Negotiation::Done(DataTransport));
            }
            let send = || session.client().establish_data_channels(session.id(), &request).send();
            let reply = change.call(send).await?;
            // The API names the field in several ways.
            let channel = reply.data_channel.as_ref().or(reply.data_channels.first());
            if let Some(error) = channel.and_then(DataChannelResult::error) {
                if reply.session_description.is_none() {
                    // The request has negotiated nothing.
                    change.turn.safe();
                }
                let failure = ItemFailure { item: SERVER_EVENTS.to_owned(), error };
                return Err(Error::Items { step: change.entry.step(), failures: vec![failure] });
            }
            // An exchange without its end makes the session unusable anyway.
            session.ledger().transport = Transport::There;
            let (description, requires) =
                (reply.session_description, reply.requires_immediate_renegotiation);
            if !is_offered {
                let text = OfExchange::text;
                return change.negotiated(description, requires, DataTransport, text);
            }
            let answer = change.answered(description.and_then(Answer::received))?;
            let answered = Answered { answer, outcome: DataTransport };
            Ok(Negotiation::Answer(answered))
        })
    });
    established.await
}

async fn publish(
    entry: Entry,
    channels: Vec<LocalDataChannel>,
) -> Result<PublishedChannels, Error> {
    let session = entry.session().id().clone();
    let request =
        DataChannelsRequest::new().data_channels(channels.iter().map(LocalDataChannel::request));
    let published = new_channels(
        &entry,
        Effect::change(NEW),
        channels,
        request,
        |channel: &LocalDataChannel, entry| {
            Some(entry.data_channel_name.as_ref()? == channel.name())
        },
        move |LocalDataChannel { name, delivery }, id| {
            let session = session.clone();
            PublishedDataChannel { session, name, id, delivery }
        },
        |PublishedDataChannel { name, id, delivery, .. }, ledger| {
            ledger.publish(*id, name.clone(), *delivery);
        },
    );
    let published = published.await?;
    report(&published);
    Ok(published)
}

async fn subscribe(
    entry: &Entry,
    channels: Vec<RemoteDataChannel>,
) -> Result<Negotiation<SubscribedChannels>, Error> {
    let request =
        DataChannelsRequest::new().data_channels(channels.iter().map(RemoteDataChannel::request));
    let subscribed = new_channels(
        entry,
        Effect::change(NEW).pulling(),
        channels,
        request,
        |channel: &RemoteDataChannel, entry| {
            let is_name = entry.data_channel_name.as_ref()? == channel.name();
            Some(is_name && entry.session_id.as_ref().is_none_or(|id| *id == channel.publisher))
        },
        |RemoteDataChannel { publisher, name, delivery, .. }, id| SubscribedDataChannel {
            publisher,
            name,
            id,
            delivery,
        },
        |SubscribedDataChannel { publisher, name, id, .. }, ledger| {
            ledger.open(*id, Some((publisher.clone(), name.clone())));
        },
    );
    subscribed.await.map(Negotiation::Done)
}

/// Allocates channels, and adds those that got an id to the ledger.
async fn new_channels<Q, D>(
    entry: &Entry,
    effect: Effect,
    asked: Vec<Q>,
    request: DataChannelsRequest,
    is_for: impl Fn(&Q, &DataChannelResult) -> Option<bool> + Send + 'static,
    made: impl Fn(Q, ChannelId) -> D + Send + 'static,
    hold: impl Fn(&D, &mut Ledger) + Send + 'static,
) -> Result<Outcome<D, Q>, Error>
where
    Q: fmt::Display + Send + 'static,
    D: Send + 'static,
{
    check_channels(&request.data_channels).map_err(Error::invalid(entry.step()))?;
    let effect = effect.names(asked.iter().map(ToString::to_string));
    let done = entry.change(effect, move |change| {
        Box::pin(async move {
            let session = change.session().clone();
            if session.ledger().transport == Transport::Missing {
                let reason = Unusable::NoDataTransport;
                return Err(Error::Unusable { step: change.entry.step(), reason });
            }
            let send = || session.client().new_data_channels(session.id(), &request).send();
            let reply = change.call(send).await?;
            let is_for = |item: &Q, entry: &DataChannelResult| {
                text(&entry.data_channel_name)?;
                is_for(item, entry)
            };
            let read = |_: &Q, entry: DataChannelResult| entry.read(id_of);
            let entries = reply.data_channels;
            let (outcome, unasked) =
                settle(change.entry.step(), asked, entries, is_for, read, made);
            let mut ledger = session.ledger();
            if !outcome.done.is_empty() {
                ledger.transport = Transport::There;
            }
            outcome.done.iter().for_each(|channel| hold(channel, &mut ledger));
            for id in unasked.into_iter().filter_map(|entry| entry.read(id_of).ok()) {
                ledger.open(id, None);
            }
            ledger.doubt_unreported(NEW, &outcome.failed);
            drop(ledger);
            Ok(outcome)
        })
    });
    done.await
}

/// Returns the channel that an entry names.
fn id_of(entry: DataChannelResult) -> Option<ChannelId> {
    ChannelId::new(entry.id?).ok()
}

async fn set_reply(
    entry: Entry,
    channel: SubscribedDataChannel,
    reply: Reply,
) -> Result<(), Error> {
    entry.may_pull(&channel.publisher)?;
    let update = DataChannel::new()
        .location(TrackLocation::Remote)
        .session_id(channel.publisher.clone())
        .data_channel_name(&channel.name)
        .can_reply(reply == Reply::Granted);
    let request = DataChannelsRequest::new().data_channels([update]);
    let effect = Effect::change(UPDATE).pulling().names([channel.name.clone()]);
    let updated = entry.change(effect, move |change| {
        Box::pin(async move {
            let session = change.session().clone();
            let send = || session.client().update_data_channels(session.id(), &request).send();
            let reply = change.call(send).await?;
            let entry = reply.data_channels.into_iter().next();
            let mut outcome = Outcome::<(), ChannelId>::new(change.entry.step());
            match entry.map_or(Some(ItemError::Unreported), |entry| entry.error()) {
                Some(error) => outcome.fail(channel.id, error),
                None => outcome.done.push(()),
            }
            Ok(outcome)
        })
    });
    let updated = updated.await?;
    report(&updated);
    updated.into_result().map(drop)
}

impl Closer<ChannelId> for Change {
    type Entry = DataChannelResult;

    const MAX: usize = MAX_TRACKS;

    fn step(&self) -> Step {
        self.entry.step()
    }

    fn is_gone(&self) -> bool {
        self.turn.is_gone()
    }

    async fn close(&mut self, batch: &[ChannelId]) -> Result<Vec<DataChannelResult>, Error> {
        let session = self.session().clone();
        let channels = batch.iter().map(|id| DataChannel::new().id(id.get()));
        let request = CloseDataChannelsRequest::new().data_channels(channels);
        let send = || session.client().close_data_channels(session.id(), &request).send();
        let keys = batch.iter().copied().map(Key::from);
        Ok(self.call_to_close(keys, send).await?.data_channels)
    }

    fn is_for(id: &ChannelId, entry: &DataChannelResult) -> Option<bool> {
        Some(entry.id? == id.get())
    }

    fn ended(&mut self, id: &ChannelId, end: End) -> bool {
        self.session().ledger().ended(*id, end)
    }
}

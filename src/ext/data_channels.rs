//! Data channels between sessions.

mod types;

use std::fmt;

pub use self::types::{
    DataChannelsClosed, DataChannelsPublished, DataChannelsSubscribed, LocalDataChannel,
    PublishedDataChannel, RemoteDataChannel, SubscribedDataChannel,
};
use super::close::is_gone_already;
use super::sealed::Handle;
use crate::action::Action;
use crate::check::check_channels;
use crate::negotiation::Negotiation;
use crate::outcome::{assign, complete};
use crate::session::{Effect, HeldChannel, Turn};
use crate::types::{
    CloseDataChannelsRequest, DataChannel, DataChannelResult, DataChannelsRequest, ErrorCode,
    EstablishDataChannelsTransportRequest, EstablishDataChannelsTransportResponse,
    SessionDescription, TrackLocation,
};
use crate::{Answer, Error, Failed, ItemError, MAX_TRACKS, Offer, Session, Unfinished, Unusable};

/// The names of the generated client's methods, for errors.
const ESTABLISH: &str = "establish_data_channels";
const NEW: &str = "new_data_channels";
const UPDATE: &str = "update_data_channels";
const CLOSE: &str = "close_data_channels";

/// The channel over which the transport is established; its id is 0
/// (operation `datachannels/establish`).
const SERVER_EVENTS: &str = "server-events";

/// Publishing data channels and subscribing to them.
pub trait DataChannelsExt: Handle {
    /// Establishes the transport of the session's data channels
    /// (`POST datachannels/establish`), which is needed once, before the first
    /// of them. The SFU makes the offer. On a session that has the transport
    /// nothing is sent.
    ///
    /// ```no_run
    /// # use cloudflare_calls::{Answer, Error, Negotiation, Offer, Session, prelude::*};
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
    ) -> impl Future<Output = Result<Negotiation<()>, Error>> + Send {
        let session = self
            .enter(ESTABLISH, Action::SubscribeData)
            .or_else(|_| self.enter(ESTABLISH, Action::PublishData));
        async move { session?.establish().await }
    }

    /// Establishes the transport with the agent's offer, which has an
    /// application section. The answer goes back to the agent. None if the
    /// session has the transport: the agent rolls its offer back.
    ///
    /// ```no_run
    /// # use cloudflare_calls::{Answer, Error, Offer, Session, prelude::*};
    /// # async fn example(session: Session, offer: Offer) -> Result<Option<Answer>, Error> {
    /// session.establish_data_channels_with(offer).await
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`establish_data_channels`](DataChannelsExt::establish_data_channels).
    fn establish_data_channels_with(
        &self,
        offer: Offer,
    ) -> impl Future<Output = Result<Option<Answer>, Error>> + Send {
        let session = self
            .enter(ESTABLISH, Action::SubscribeData)
            .or_else(|_| self.enter(ESTABLISH, Action::PublishData));
        async move { session?.establish_with(offer).await }
    }

    /// Publishes data channels (`POST datachannels/new`). The agent opens each
    /// with `negotiated: true`, its id and its delivery policy.
    ///
    /// ```no_run
    /// # use cloudflare_calls::{Error, LocalDataChannel, Session, prelude::*};
    /// # async fn example(session: Session) -> Result<(), Error> {
    /// let published = session.publish_data_channels([LocalDataChannel::new("chat")]).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Invalid`] for no channel or an empty name; [`Error::Unusable`],
    /// also with [`Unusable::NoDataTransport`]; [`Error::Request`].
    fn publish_data_channels(
        &self,
        channels: impl IntoIterator<Item = LocalDataChannel>,
    ) -> impl Future<Output = Result<DataChannelsPublished, Error>> + Send {
        let session = self.enter("publish_data_channels", Action::PublishData);
        let channels: Vec<LocalDataChannel> = channels.into_iter().collect();
        async move { session?.publish_channels(channels).await }
    }

    /// Subscribes to data channels of other sessions
    /// (`POST datachannels/new`), with the delivery policy of the publisher.
    /// Channels that are not published yet are asked for again, alone, as long
    /// as the session's [`RetryPolicy`](crate::RetryPolicy) allows.
    ///
    /// ```no_run
    /// # use cloudflare_calls::{Error, PublishedDataChannel, RemoteDataChannel, Session, prelude::*};
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
    ) -> impl Future<Output = Result<DataChannelsSubscribed, Error>> + Send {
        const OPERATION: &str = "subscribe_data_channels";
        let channels: Vec<RemoteDataChannel> = channels.into_iter().collect();
        let session = self.enter(OPERATION, Action::SubscribeData).and_then(|session| {
            channels.iter().try_for_each(|channel| self.may_pull(OPERATION, &channel.publisher))?;
            if channels.iter().any(|channel| channel.can_reply) {
                self.enter(OPERATION, Action::GrantReply)?;
            }
            Ok(session)
        });
        async move { session?.subscribe_channels(channels).await }
    }

    /// Lets this subscriber send to the publisher (`PUT datachannels/update`).
    /// At most one subscriber of a channel may: the grant is taken from the one
    /// who had it.
    ///
    /// ```no_run
    /// # use cloudflare_calls::{Error, Session, SubscribedDataChannel, prelude::*};
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
        let session = self.enter("grant_reply", Action::GrantReply);
        let channel = channel.clone();
        async move { session?.set_reply("grant_reply", channel, true).await }
    }

    /// Takes the right to send from this subscriber; see
    /// [`grant_reply`](DataChannelsExt::grant_reply).
    ///
    /// ```no_run
    /// # use cloudflare_calls::{Error, Session, SubscribedDataChannel, prelude::*};
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
        let session = self.enter("revoke_reply", Action::GrantReply);
        let channel = channel.clone();
        async move { session?.set_reply("revoke_reply", channel, false).await }
    }

    /// Closes data channels by their ids on this session
    /// (`PUT datachannels/close`), published ones as well as subscriptions.
    ///
    /// ```no_run
    /// # use cloudflare_calls::{Error, Session, SubscribedDataChannel, prelude::*};
    /// # async fn example(session: Session, chat: SubscribedDataChannel) -> Result<(), Error> {
    /// session.close_data_channels([chat.id]).await?.complete()
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Unusable`]; [`Error::Request`] if nothing was closed.
    fn close_data_channels(
        &self,
        ids: impl IntoIterator<Item = u16>,
    ) -> impl Future<Output = Result<DataChannelsClosed, Error>> + Send {
        let session = self.enter(CLOSE, Action::Close);
        let ids: std::collections::BTreeSet<u16> = ids.into_iter().collect();
        async move { session?.close_channels(ids.into_iter().collect()).await }
    }
}

impl<H: Handle> DataChannelsExt for H {}

impl Session {
    async fn establish(self) -> Result<Negotiation<()>, Error> {
        let done = self.change(ESTABLISH, |session, mut turn| async move {
            if session.ledger().has_transport {
                return Ok(Negotiation::Done(()));
            }
            let reply = session.establish_request(&mut turn, None).await?;
            let requires = reply.requires_immediate_renegotiation;
            let offer = reply.session_description;
            Negotiation::new(session, turn, ESTABLISH, offer, requires, ())
        });
        done.await
    }

    async fn establish_with(self, offer: Offer) -> Result<Option<Answer>, Error> {
        let work = |session: Self, mut turn: Turn| async move {
            if session.ledger().has_transport {
                return Ok((turn, None));
            }
            let reply = session.establish_request(&mut turn, Some(offer)).await?;
            let Some(answer) = reply.session_description.and_then(Answer::received) else {
                let problem = "there is no answer to the offer";
                return Err(Error::Contradiction { operation: ESTABLISH, problem });
            };
            turn.at_risk(Unfinished::ReplyDropped);
            Ok((turn, Some(answer)))
        };
        let (mut turn, answer) = self.change(ESTABLISH, work).await?;
        turn.safe();
        Ok(answer)
    }

    async fn establish_request(
        &self,
        turn: &mut Turn,
        offer: Option<Offer>,
    ) -> Result<EstablishDataChannelsTransportResponse, Error> {
        let channel =
            DataChannel::new().location(TrackLocation::Remote).data_channel_name(SERVER_EVENTS);
        let mut request = EstablishDataChannelsTransportRequest::new().data_channel(channel);
        request.session_description = offer.map(SessionDescription::from);
        request.check().map_err(Error::invalid(ESTABLISH))?;
        let send = || self.client().establish_data_channels(self.id(), &request).send();
        let reply = self.call(turn, Effect::Negotiates, Vec::new, send).await?;
        // If the exchange does not come to its end, the session is unusable.
        self.ledger().has_transport = true;
        Ok(reply)
    }

    async fn publish_channels(
        self,
        channels: Vec<LocalDataChannel>,
    ) -> Result<DataChannelsPublished, Error> {
        const OPERATION: &str = "publish_data_channels";
        let request = |channel: &LocalDataChannel| {
            let data_channel =
                DataChannel::new().location(TrackLocation::Local).data_channel_name(&channel.name);
            channel.delivery.apply(data_channel)
        };
        let request = DataChannelsRequest::new().data_channels(channels.iter().map(request));
        let results = self.new_channels(OPERATION, request).await?;
        let (got, failed) = Self::allocated(channels, results, |channel, result| {
            result.data_channel_name.as_ref() == Some(&channel.name)
        });
        let publish = |(LocalDataChannel { name, delivery }, id)| PublishedDataChannel {
            session: self.id().clone(),
            name,
            id,
            delivery,
        };
        Ok(DataChannelsPublished { channels: got.into_iter().map(publish).collect(), failed })
    }

    async fn subscribe_channels(
        self,
        channels: Vec<RemoteDataChannel>,
    ) -> Result<DataChannelsSubscribed, Error> {
        const OPERATION: &str = "subscribe_data_channels";
        let mut retries = self.settings().retry.start();
        let mut all = DataChannelsSubscribed::default();
        let mut missing = channels;
        let mut reasons = Vec::new();
        loop {
            let request = missing.iter().map(RemoteDataChannel::request);
            let request = DataChannelsRequest::new().data_channels(request);
            let results = match self.new_channels(OPERATION, request).await {
                Ok(results) => results,
                Err(error) if all.channels.is_empty() => return Err(error),
                Err(_) => {
                    // What there is must not be lost with what there is not.
                    all.failed.append(&mut reasons);
                    return Ok(all);
                }
            };
            let (got, failed) = Self::allocated(missing, results, |channel, result| {
                result.data_channel_name.as_ref() == Some(&channel.name)
                    && result.session_id.as_ref().is_none_or(|id| *id == channel.publisher)
            });
            all.channels.extend(got.into_iter().map(|(channel, id)| {
                let RemoteDataChannel { publisher, name, delivery, .. } = channel;
                SubscribedDataChannel { publisher, name, id, delivery }
            }));
            let (retryable, lasting): (Vec<_>, Vec<_>) =
                failed.into_iter().partition(|failed| failed.error.is_retryable());
            reasons = retryable;
            all.failed.extend(lasting);
            let Some(again) = retries.again(NEW, &reasons).await else {
                all.failed.append(&mut reasons);
                return Ok(all);
            };
            missing = again;
        }
    }

    async fn new_channels(
        &self,
        operation: &'static str,
        request: DataChannelsRequest,
    ) -> Result<Vec<DataChannelResult>, Error> {
        check_channels(&request.data_channels).map_err(Error::invalid(operation))?;
        self.change(operation, |session, mut turn| async move {
            if !session.ledger().has_transport {
                return Err(Self::unusable(operation, Unusable::NoDataTransport));
            }
            let name = |channel: &DataChannel| channel.data_channel_name.clone();
            let names = || request.data_channels.iter().filter_map(name).collect();
            let send = || session.client().new_data_channels(session.id(), &request).send();
            let reply = session.call(&mut turn, Effect::Changes, names, send).await?;
            let mut ledger = session.ledger();
            for result in reply.data_channels.iter().filter(|r| r.error_code.is_none()) {
                if let Some(id) = result.id {
                    ledger.channels.insert(id, HeldChannel::default());
                }
            }
            if reply.data_channels.len() < request.data_channels.len() {
                // Whether the others exist is unknown.
                let is_reported = |asked: &&DataChannel| {
                    reply
                        .data_channels
                        .iter()
                        .any(|r| r.data_channel_name == asked.data_channel_name)
                };
                let missing = request.data_channels.iter().filter(|asked| !is_reported(asked));
                ledger.uncertain(NEW, missing.filter_map(name).collect());
            }
            drop(ledger);
            Ok(reply.data_channels)
        })
        .await
    }

    /// What got an id, and what failed.
    #[allow(clippy::type_complexity)] // Not worth a type of its own.
    fn allocated<C: fmt::Display>(
        asked: Vec<C>,
        results: Vec<DataChannelResult>,
        is_for: impl Fn(&C, &DataChannelResult) -> bool,
    ) -> (Vec<(C, u16)>, Vec<Failed<C>>) {
        let is_anonymous = |result: &DataChannelResult| {
            result.data_channel_name.as_ref().is_none_or(|name| name.is_empty())
        };
        let (assigned, _) = assign(&asked, results, is_for, is_anonymous);
        let (mut got, mut failed) = (Vec::new(), Vec::new());
        for (channel, result) in asked.into_iter().zip(assigned) {
            let error = match result {
                None => ItemError::Unreported,
                Some(result) => {
                    let error = ItemError::of(&result.error_code, &result.error_description);
                    match (error, result.id) {
                        (Some(error), _) => error,
                        (None, None) => ItemError::Unnamed,
                        (None, Some(id)) => {
                            got.push((channel, id));
                            continue;
                        }
                    }
                }
            };
            failed.push(Failed::new(NEW, channel, error));
        }
        (got, failed)
    }

    async fn set_reply(
        self,
        operation: &'static str,
        channel: SubscribedDataChannel,
        can_reply: bool,
    ) -> Result<(), Error> {
        self.change(operation, |session, mut turn| async move {
            let update = DataChannel::new()
                .location(TrackLocation::Remote)
                .session_id(channel.publisher.clone())
                .data_channel_name(&channel.name)
                .can_reply(can_reply);
            let request = DataChannelsRequest::new().data_channels([update]);
            let send = || session.client().update_data_channels(session.id(), &request).send();
            let reply = session.call(&mut turn, Effect::Changes, Vec::new, send).await?;
            let result = reply.data_channels.first();
            let error =
                ItemError::of_reported(result.map(|r| (&r.error_code, &r.error_description)));
            let failed = error.map(|error| Failed::new(UPDATE, channel.id, error));
            complete(UPDATE, failed.as_slice())
        })
        .await
    }

    async fn close_channels(self, ids: Vec<u16>) -> Result<DataChannelsClosed, Error> {
        if ids.is_empty() {
            return Ok(DataChannelsClosed::default());
        }
        self.change(CLOSE, |session, mut turn| async move {
            let (closed, error) = session.force_close_channels(&mut turn, ids).await;
            match error {
                Some(error) if closed.closed.is_empty() && closed.gone.is_empty() => Err(error),
                _ => Ok(closed),
            }
        })
        .await
    }

    /// Closes in batches, as far as the API does it. The error is that of the
    /// last batch that was refused as a whole.
    pub(super) async fn force_close_channels(
        &self,
        turn: &mut Turn,
        ids: Vec<u16>,
    ) -> (DataChannelsClosed, Option<Error>) {
        let (mut all, mut last_error) = (DataChannelsClosed::default(), None);
        for batch in ids.chunks(MAX_TRACKS) {
            let channels = batch.iter().map(|&id| DataChannel::new().id(id));
            let request = CloseDataChannelsRequest::new().data_channels(channels);
            let send = || self.client().close_data_channels(self.id(), &request).send();
            let (result, was_lost) = self.call_to_close(turn, send).await;
            match result {
                Ok(reply) => {
                    if was_lost {
                        self.ledger().channels_may_be_closed(batch);
                    }
                    self.closed_channels(batch, reply.data_channels, &mut all);
                }
                Err(error) if is_gone_already(&error) => {
                    let mut ledger = self.ledger();
                    for id in batch {
                        ledger.channels.remove(id);
                    }
                    all.gone.extend(batch);
                }
                Err(error) => {
                    let mut ledger = self.ledger();
                    let is_in_doubt =
                        |id: &u16| ledger.channels.get(id).is_some_and(|c| c.in_doubt);
                    let failed = |id: &u16| {
                        Failed::new(CLOSE, *id, ItemError::of_failed_close(is_in_doubt(id)))
                    };
                    all.failed.extend(batch.iter().map(failed));
                    if error.outcome_unknown() {
                        ledger.channels_may_be_closed(batch);
                    }
                    last_error = Some(error);
                }
            }
        }
        (all, last_error)
    }

    fn closed_channels(
        &self,
        asked: &[u16],
        results: Vec<DataChannelResult>,
        all: &mut DataChannelsClosed,
    ) {
        let is_for = |id: &u16, result: &DataChannelResult| result.id == Some(*id);
        let is_anonymous = |result: &DataChannelResult| result.id.is_none();
        let (assigned, _) = assign(asked, results, is_for, is_anonymous);
        let mut ledger = self.ledger();
        for (&id, result) in asked.iter().zip(assigned) {
            let result = result.as_ref();
            let error =
                ItemError::of_reported(result.map(|r| (&r.error_code, &r.error_description)));
            match error {
                None => all.closed.push(id),
                Some(error) if is_channel_gone(&error) => all.gone.push(id),
                Some(error) => {
                    let was_in_doubt = ledger.channels.get(&id).is_some_and(|c| c.in_doubt);
                    let error = if was_in_doubt { ItemError::Unreported } else { error };
                    if error == ItemError::Unreported {
                        ledger.channels_may_be_closed([&id]);
                    }
                    all.failed.push(Failed::new(CLOSE, id, error));
                    continue;
                }
            }
            ledger.channels.remove(&id);
        }
    }
}

fn is_channel_gone(error: &ItemError) -> bool {
    matches!(error.code(), Some(ErrorCode::CloseTrackError | ErrorCode::NotFoundTrackError))
}

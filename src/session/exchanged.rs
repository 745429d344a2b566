//! Exchanges that are kept until their answers come.

use serde::{Deserialize, Serialize};

use super::turns::ExchangeId;
use crate::action::Action;
use crate::data_channels::types::DataTransport;
use crate::mid::Mid;
use crate::outcome::Outcome;
use crate::sdp::Offer;
use crate::tracks::types::{OfferedTrack, PublishedTrack, RemoteTrack, SubscribedTrack};

/// An offer for the agent, and the id of the exchange for its answer.
///
/// As JSON it is `{"exchange": …, "sessionDescription": {"type": "offer", "sdp": …}}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct KeptOffer {
    /// The id with which [`answer`](crate::session::AnswerExt::answer) finds the exchange.
    pub exchange: ExchangeId,
    /// The SFU's offer, for the agent's `setRemoteDescription`.
    #[serde(rename = "sessionDescription")]
    pub offer: Offer,
}

/// The outcome of the step that led to an exchange.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", content = "outcome", rename_all = "camelCase")]
#[non_exhaustive]
pub enum Exchanged {
    /// Of [`publish_without_offer`](crate::tracks::PublishExt::publish_without_offer).
    Published(Outcome<PublishedTrack, OfferedTrack>),
    /// Of [`subscribe`](crate::tracks::SubscribeExt::subscribe).
    Subscribed(Outcome<SubscribedTrack, RemoteTrack>),
    /// Of [`close_negotiated`](crate::tracks::CloseExt::close_negotiated).
    Closed(Outcome<Mid, Mid>),
    /// Of [`establish_data_channels`](crate::data_channels::DataChannelsExt::establish_data_channels).
    Established(DataTransport),
}

/// The part of an exchange that a session keeps until its answer comes.
pub(crate) struct Kept {
    pub(crate) outcome: Exchanged,
    /// The actions of which one permits the step that led to it.
    pub(crate) any_of: &'static [Action],
}

macro_rules! exchanged {
    ($($variant:ident $outcome:ty,)*) => {$(
        impl From<$outcome> for Exchanged {
            fn from(outcome: $outcome) -> Self {
                Self::$variant(outcome)
            }
        }
    )*};
}

exchanged! {
    Published Outcome<PublishedTrack, OfferedTrack>,
    Subscribed Outcome<SubscribedTrack, RemoteTrack>,
    Closed Outcome<Mid, Mid>,
    Established DataTransport,
}

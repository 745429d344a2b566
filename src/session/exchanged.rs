//! Exchanges that are kept until their answers come.

use serde::{Deserialize, Serialize};

use super::turns::id::ExchangeId;
use crate::action::{Action, DATA};
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

/// The outcome of a step that may lead to an exchange.
pub(crate) trait OfExchange: Serialize + Sized {
    /// The name of its kind.
    const KIND: &'static str;

    /// The text of [`Exchanged`], for a store.
    fn text(&self) -> Option<String> {
        #[derive(Serialize)]
        struct Text<'a, T> {
            kind: &'static str,
            outcome: &'a T,
        }
        serde_json::to_string(&Text { kind: Self::KIND, outcome: self }).ok()
    }
}

impl Exchanged {
    /// The actions of which one permits the step.
    pub(crate) fn any_of(&self) -> &'static [Action] {
        match self {
            Self::Published(_) => &[Action::Publish],
            Self::Subscribed(_) => &[Action::Subscribe],
            Self::Closed(_) => &[Action::Close],
            Self::Established(_) => &DATA,
        }
    }
}

macro_rules! exchanged {
    ($($variant:ident $kind:literal $outcome:ty,)*) => {$(
        impl From<$outcome> for Exchanged {
            fn from(outcome: $outcome) -> Self {
                Self::$variant(outcome)
            }
        }

        impl OfExchange for $outcome {
            const KIND: &'static str = $kind;
        }
    )*};
}

exchanged! {
    Published "published" Outcome<PublishedTrack, OfferedTrack>,
    Subscribed "subscribed" Outcome<SubscribedTrack, RemoteTrack>,
    Closed "closed" Outcome<Mid, Mid>,
    Established "established" DataTransport,
}

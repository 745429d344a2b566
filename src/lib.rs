#![doc = include_str!("../README.md")]

mod action;
mod check;
mod delivery;
mod error;
mod ext;
mod generated;
pub mod ice;
mod invalid;
mod meter;
mod mid;
#[cfg(doctest)]
mod misuse;
mod negotiation;
mod outcome;
mod registry;
mod requests;
mod retry;
mod sdp;
mod session;
#[cfg(feature = "token")]
pub mod token;

pub use check::{MAX_ADAPTERS, MAX_TRACKS};
pub use delivery::{Delivery, RetryLimit};
pub use error::{Error, ItemError, ItemFailure, Stage, Unusable};
pub use ext::{
    Adapter, AdaptersClosed, AdaptersCreated, AdaptersExt, Adopt, CloseExt, Closed, CreatedAdapter,
    DataChannelState, DataChannelsClosed, DataChannelsExt, DataChannelsPublished,
    DataChannelsSubscribed, Departure, Join, JoinExt, LeaveExt, LocalDataChannel, LocalTrack,
    OfferedTrack, Origin, PublishExt, Published, PublishedDataChannel, PublishedTrack,
    PublishedTracks, RemoteDataChannel, RemoteTrack, SessionState, StateExt, SubscribeExt,
    Subscribed, SubscribedDataChannel, SubscribedTrack, TrackState, TrackUpdate, UpdateExt,
    Updated,
};
pub use generated::{
    CONNECT_TIMEOUT, Client, ClientBuilder, ConfigError, DEFAULT_BASE_URL, DEFAULT_TIMEOUT,
    ErrorBody, InvalidId, InvalidRequest, OperationError, operations, types,
};
pub use invalid::{Invalid, Problem};
pub use mid::Mid;
pub use negotiation::{Negotiation, PendingAnswer};
pub use outcome::Failed;
pub use registry::{NotInserted, Registry};
/// The HTTP client in whose terms [`ClientBuilder::http_client`] and
/// [`OperationError`] speak.
pub use reqwest;
pub use retry::RetryPolicy;
pub use sdp::{Answer, Offer};
/// The type of the app secret.
pub use secrecy::SecretString;
pub use session::{ANSWER_DEADLINE, Session, Status, Uncertain, Unfinished};

#[doc = include_str!("../docs/guide.md")]
pub mod guide {}

/// The extension traits: `use cloudflare_calls::prelude::*`.
pub mod prelude {
    pub use crate::ext::{
        AdaptersExt, CloseExt, DataChannelsExt, JoinExt, LeaveExt, PublishExt, StateExt,
        SubscribeExt, UpdateExt,
    };
}

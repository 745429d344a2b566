//! Data channels: publishing, subscribing, closing.

pub(crate) mod delivery;
pub(crate) mod id;
mod steps;
pub(crate) mod types;

pub use self::delivery::{Delivery, RetryLimit};
pub use self::id::ChannelId;
pub use self::steps::DataChannelsExt;
pub use self::types::{
    ClosedChannels, DataTransport, LocalDataChannel, PublishedChannels, PublishedDataChannel,
    RemoteDataChannel, SubscribedChannels, SubscribedDataChannel,
};

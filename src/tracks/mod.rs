//! Tracks: publishing, subscribing, changing, closing.

pub(crate) mod close;
mod entry;
mod publish;
mod subscribe;
pub(crate) mod types;
mod update;

pub use self::close::CloseExt;
pub use self::publish::PublishExt;
pub use self::subscribe::SubscribeExt;
pub use self::types::{
    Closed, LocalTrack, OfferedTrack, Published, PublishedTrack, RemoteTrack, Subscribed,
    SubscribedTrack, TrackUpdate, Updated,
};
pub use self::update::UpdateExt;
pub use crate::check::MAX_TRACKS;

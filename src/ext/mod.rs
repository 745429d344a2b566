//! The lifecycle as extension traits, one file for each step.

mod adapters;
mod close;
mod data_channels;
mod join;
mod leave;
mod publish;
mod state;
mod subscribe;
mod update;

pub use adapters::{Adapter, AdaptersClosed, AdaptersCreated, AdaptersExt, CreatedAdapter};
pub use close::{CloseExt, Closed};
pub use data_channels::{
    DataChannelsClosed, DataChannelsExt, DataChannelsPublished, DataChannelsSubscribed,
    LocalDataChannel, PublishedDataChannel, RemoteDataChannel, SubscribedDataChannel,
};
pub use join::{Adopt, Join, JoinExt};
pub use leave::{Departure, LeaveExt};
pub use publish::{
    LocalTrack, OfferedTrack, PublishExt, Published, PublishedTrack, PublishedTracks,
};
pub use state::{DataChannelState, Origin, SessionState, StateExt, TrackState};
pub use subscribe::{RemoteTrack, SubscribeExt, Subscribed, SubscribedTrack};
pub use update::{TrackUpdate, UpdateExt, Updated};

pub(crate) mod sealed {
    //! What keeps others from implementing the traits, so that they can grow.

    use crate::action::Action;
    use crate::types::SessionId;
    use crate::{Client, Error, Session};

    /// Who can do something with a session.
    pub trait Handle: Sync {
        /// The session, if `action` is permitted.
        fn enter(&self, operation: &'static str, action: Action) -> Result<Session, Error>;

        /// Whether tracks and channels of `publisher` may be pulled.
        fn may_pull(&self, operation: &'static str, publisher: &SessionId) -> Result<(), Error>;
    }

    impl Handle for Session {
        fn enter(&self, _: &'static str, _: Action) -> Result<Session, Error> {
            Ok(self.clone())
        }

        fn may_pull(&self, _: &'static str, _: &SessionId) -> Result<(), Error> {
            Ok(())
        }
    }

    /// What only the client is.
    pub trait Root: Sync {
        /// The client itself.
        fn client(&self) -> &Client;
    }

    impl Root for Client {
        fn client(&self) -> &Client {
            self
        }
    }
}

//! What is open on a session.

use super::sealed::Handle;
use crate::action::Action;
use crate::retry::Repeat;
use crate::types::{
    GetSessionStateResponse, SessionId, SessionResourceStatus, Simulcast, TrackKind, TrackLocation,
};
use crate::{Error, Mid, Session};

/// Reading what is open on a session.
pub trait StateExt: Handle {
    /// Reads which tracks and data channels the session has
    /// (`GET sessions/{id}`). It waits for nobody's turn.
    ///
    /// What a change that is under way will do does not show.
    ///
    /// ```no_run
    /// # use cloudflare_calls::{Error, Session, prelude::*};
    /// # async fn example(session: Session) -> Result<(), Error> {
    /// for track in session.state().await?.tracks {
    ///     println!("{:?} {:?}", track.mid, track.status);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Request`].
    fn state(&self) -> impl Future<Output = Result<SessionState, Error>> + Send {
        let session = self.enter("state", Action::ReadState);
        async move { session?.read_state().await }
    }
}

impl<H: Handle> StateExt for H {}

/// What is open on a session, and what was.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SessionState {
    /// The tracks; closed ones may stay, as inactive.
    pub tracks: Vec<TrackState>,
    /// The data channels.
    pub data_channels: Vec<DataChannelState>,
}

/// A track of a session.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TrackState {
    /// Its media section on the session's connection.
    pub mid: Option<Mid>,
    /// The name that its publisher gave it.
    pub name: Option<String>,
    /// Whether the session publishes it or is subscribed to it.
    pub origin: Origin,
    /// Audio or video.
    pub kind: Option<TrackKind>,
    /// Which layers are wanted of it.
    pub simulcast: Option<Simulcast>,
    /// Whether it is open. It says nothing of packets arriving.
    pub status: Option<SessionResourceStatus>,
}

/// A data channel of a session.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct DataChannelState {
    /// Its id on this session, 0 to 65534.
    pub id: Option<u16>,
    /// The name that its publisher gave it.
    pub name: Option<String>,
    /// Whether the session publishes it or is subscribed to it.
    pub origin: Origin,
    /// Whether it is open.
    pub status: Option<SessionResourceStatus>,
}

/// Where a track or data channel comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// The session's own agent.
    Published,
    /// Another session.
    Subscribed(SessionId),
    /// The reply does not say.
    Unknown,
}

impl Origin {
    fn new(location: Option<TrackLocation>, publisher: Option<SessionId>) -> Self {
        match (location, publisher) {
            (Some(TrackLocation::Local), _) => Self::Published,
            (_, Some(publisher)) => Self::Subscribed(publisher),
            _ => Self::Unknown,
        }
    }
}

impl SessionState {
    pub(crate) fn new(reply: GetSessionStateResponse) -> Self {
        let track = |track: crate::types::SessionTrack| TrackState {
            mid: track.mid.and_then(|mid| Mid::new(mid).ok()),
            name: track.track_name,
            origin: Origin::new(track.location, track.session_id),
            kind: track.kind,
            simulcast: track.simulcast,
            status: track.status,
        };
        let channel = |channel: crate::types::SessionDataChannel| DataChannelState {
            id: channel.id,
            name: channel.data_channel_name,
            origin: Origin::new(channel.location, channel.session_id),
            status: channel.status,
        };
        Self {
            tracks: reply.tracks.into_iter().map(track).collect(),
            data_channels: reply.data_channels.into_iter().map(channel).collect(),
        }
    }
}

impl Session {
    pub(crate) async fn read_state(&self) -> Result<SessionState, Error> {
        let read = || self.client().get_session(self.id()).send();
        let reply = self.settings().retry.run(Repeat::Read, read).await?;
        Ok(SessionState::new(reply))
    }
}

//! Tracks: those that are asked for, and those that exist.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::generated::types::{SessionId, Simulcast, Track, TrackKind, TrackLocation};
use crate::mid::Mid;
use crate::outcome::Outcome;

/// Outcome of publishing tracks of an agent's offer.
pub type Published = Outcome<PublishedTrack, LocalTrack>;
/// Outcome of subscribing to tracks of other sessions.
pub type Subscribed = Outcome<SubscribedTrack, RemoteTrack>;
/// Outcome of changing subscriptions. The done ones are given by mid.
pub type Updated = Outcome<Mid, TrackUpdate>;
/// Outcome of closing tracks, by mid. Those that were closed already are done.
pub type Closed = Outcome<Mid, Mid>;

/// Track to be published, as the agent's offer has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LocalTrack {
    mid: Mid,
    #[serde(rename = "trackName")]
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    bidirectional: Option<TrackKind>,
}

impl LocalTrack {
    /// Creates a track of the media section `mid` of the offer, under a name that is not used yet
    /// on the session. Others find the track by that name and the session's id.
    pub fn new(mid: Mid, name: impl Into<String>) -> Self {
        Self { mid, name: name.into(), bidirectional: None }
    }

    /// Lets the transceiver carry a subscription as well; see
    /// [`RemoteTrack::on_transceiver_of`].
    pub fn bidirectional(mut self, kind: TrackKind) -> Self {
        self.bidirectional = Some(kind);
        self
    }

    /// Returns the media section of the offer.
    pub fn mid(&self) -> &Mid {
        &self.mid
    }

    /// Returns the name that the track is to have on the session.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn request(&self) -> Track {
        let track = Track::new()
            .location(TrackLocation::Local)
            .mid(self.mid.as_str())
            .track_name(&self.name);
        match &self.bidirectional {
            Some(kind) => track.bidirectional_media_stream(true).kind(kind.clone()),
            None => track,
        }
    }
}

/// Track to be published for which the SFU makes the offer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OfferedTrack {
    #[serde(rename = "trackName")]
    name: String,
    kind: TrackKind,
    #[serde(rename = "bidirectionalMediaStream", default)]
    is_bidirectional: bool,
}

impl OfferedTrack {
    /// Creates a track of sound, under a name that is not used yet on the session.
    pub fn audio(name: impl Into<String>) -> Self {
        Self { name: name.into(), kind: TrackKind::Audio, is_bidirectional: false }
    }

    /// Creates a track of pictures, under a name that is not used yet on the session.
    pub fn video(name: impl Into<String>) -> Self {
        Self { name: name.into(), kind: TrackKind::Video, is_bidirectional: false }
    }

    /// Lets the transceiver carry a subscription as well. Offers of the SFU
    /// have been seen to work with this only.
    pub fn bidirectional(mut self) -> Self {
        self.is_bidirectional = true;
        self
    }

    /// Returns the name that the track is to have on the session.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn request(&self) -> Track {
        let track = Track::new()
            .location(TrackLocation::Local)
            .track_name(&self.name)
            .kind(self.kind.clone());
        if self.is_bidirectional { track.bidirectional_media_stream(true) } else { track }
    }
}

/// Published track. Others find it by `session` and `name`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PublishedTrack {
    /// Session that publishes it.
    #[serde(rename = "sessionId")]
    pub session: SessionId,
    /// Name on that session.
    #[serde(rename = "trackName")]
    pub name: String,
    /// Media section on that session, which is needed to close it.
    pub mid: Mid,
}

/// Track of another session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RemoteTrack {
    #[serde(rename = "sessionId")]
    publisher: SessionId,
    #[serde(rename = "trackName")]
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    simulcast: Option<Simulcast>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transceiver: Option<(String, TrackKind)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mid: Option<Mid>,
}

impl RemoteTrack {
    /// Creates the request for the track that the session `publisher` publishes under `name`.
    pub fn new(publisher: SessionId, name: impl Into<String>) -> Self {
        Self { publisher, name: name.into(), simulcast: None, transceiver: None, mid: None }
    }

    /// Sets the layer of a simulcast track to receive.
    pub fn simulcast(mut self, simulcast: Simulcast) -> Self {
        self.simulcast = Some(simulcast);
        self
    }

    /// Uses the transceiver of a track that this session publishes under
    /// `name` as `bidirectional`, so that no media section is added.
    pub fn on_transceiver_of(mut self, name: impl Into<String>, kind: TrackKind) -> Self {
        self.transceiver = Some((name.into(), kind));
        self
    }

    /// Uses this media section of the agent's offer, in
    /// [`subscribe_with`](crate::tracks::SubscribeExt::subscribe_with) only.
    pub fn in_section(mut self, mid: Mid) -> Self {
        self.mid = Some(mid);
        self
    }

    /// Returns the session that publishes the track.
    pub fn publisher(&self) -> &SessionId {
        &self.publisher
    }

    /// Returns the track's name on the publisher's session.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the subscription on this media section.
    pub(super) fn subscribed(self, mid: Mid) -> SubscribedTrack {
        let Self { publisher, name, .. } = self;
        SubscribedTrack { publisher, name, mid }
    }

    pub(super) fn request(&self) -> Track {
        let mut track = Track::new()
            .location(TrackLocation::Remote)
            .session_id(self.publisher.clone())
            .track_name(&self.name);
        track.simulcast = self.simulcast.clone();
        match (&self.transceiver, &self.mid) {
            (Some((name, kind)), _) => track.mid(format!("#{name}")).kind(kind.clone()),
            (None, Some(mid)) => track.mid(mid.as_str()),
            (None, None) => track,
        }
    }
}

impl From<&PublishedTrack> for RemoteTrack {
    /// Returns the published track as others see it.
    fn from(track: &PublishedTrack) -> Self {
        Self::new(track.session.clone(), &track.name)
    }
}

/// Subscription to a track.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SubscribedTrack {
    /// Session that publishes the track.
    #[serde(rename = "sessionId")]
    pub publisher: SessionId,
    /// Name of the track on the publisher's session.
    #[serde(rename = "trackName")]
    pub name: String,
    /// Media section on the subscriber's session, which is needed to close or update it.
    pub mid: Mid,
}

/// Change of a subscription.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TrackUpdate {
    pub(super) mid: Mid,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) source: Option<(SessionId, String)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) simulcast: Option<Simulcast>,
}

impl TrackUpdate {
    /// Creates a change to another layer of the same simulcast track.
    pub fn layer(mid: Mid, simulcast: Simulcast) -> Self {
        Self { mid, source: None, simulcast: Some(simulcast) }
    }

    /// Creates a change to another track on the same media section.
    pub fn source(mid: Mid, publisher: SessionId, name: impl Into<String>) -> Self {
        Self { mid, source: Some((publisher, name.into())), simulcast: None }
    }

    /// Sets the layer of the other track to receive.
    pub fn simulcast(mut self, simulcast: Simulcast) -> Self {
        self.simulcast = Some(simulcast);
        self
    }

    /// Returns the media section of the subscription.
    pub fn mid(&self) -> &Mid {
        &self.mid
    }
}

macro_rules! shown_as {
    ($($name:ident $field:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.$field.fmt(f)
            }
        }
    )*};
}

shown_as!(LocalTrack name, OfferedTrack name, PublishedTrack name, RemoteTrack name, TrackUpdate mid);

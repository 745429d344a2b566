//! Limits of the API on requests, checked before the network.

use std::collections::HashSet;

use reqwest::Url;

use crate::generated::types::{
    CloseAdapterRequest, CloseTracksRequest, DataChannel, EstablishDataChannelsTransportRequest,
    NewAdapter, NewAdapterRequest, RenegotiateRequest, SdpType, SessionDescription, Track,
    TrackLocation, TracksRequest, UpdateTracksRequest,
};
use crate::invalid::{Invalid, Problem};
use crate::runtime::setup::is_loopback;
use crate::sdp::check_description;

/// The most tracks of one request (Cloudflare's limits).
pub const MAX_TRACKS: usize = 64;

/// The most adapters of one request (operations `adapters/websocket/new` and `close`).
pub const MAX_ADAPTERS: usize = 4;

/// Hosts that the SFU reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Hosts of the network, as Cloudflare's SFU.
    Network,
    /// Hosts of this machine as well, because the API itself runs on it.
    ThisMachine,
}

/// Permission for a list to be empty.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    Nothing,
    AnEntry,
}

impl TracksRequest {
    /// Checks the request for errors that the API would refuse: more than [`MAX_TRACKS`] entries,
    /// local and remote ones together, a missing `mid`, `trackName`, `kind` or `sessionId`, or a
    /// session description that is no complete offer.
    ///
    /// # Errors
    /// [`Invalid`] with the first field that is wrong.
    pub fn check(&self) -> Result<(), Invalid> {
        check_offer(self.session_description.as_ref())?;
        let discovers = self.auto_discover == Some(true);
        if discovers && self.session_description.is_none() {
            return Err(Invalid::new("sessionDescription", Problem::Missing));
        }
        let needs = if discovers { Needs::Nothing } else { Needs::AnEntry };
        check_count("tracks", self.tracks.len(), needs, MAX_TRACKS)?;
        check_locations("tracks", self.tracks.iter().map(|track| track.location.as_ref()))?;
        let mut mids = HashSet::new();
        for (index, track) in self.tracks.iter().enumerate() {
            let checked = match &track.location {
                Some(TrackLocation::Local) => self.check_local(track),
                _ => check_remote(track),
            };
            checked.map_err(|invalid| invalid.within(format_args!("tracks[{index}]")))?;
            if track.mid.as_ref().is_some_and(|mid| !mids.insert(mid)) {
                return Err(Invalid::new(format!("tracks[{index}].mid"), Problem::Duplicate));
            }
        }
        Ok(())
    }

    fn check_local(&self, track: &Track) -> Result<(), Invalid> {
        check_text("trackName", track.track_name.as_deref())?;
        if self.session_description.is_some() {
            check_text("mid", track.mid.as_deref())
        } else {
            // A track with a mid can use an existing section.
            let is_placed = track.mid.as_deref().is_some_and(|mid| !mid.starts_with('#'));
            match is_placed || track.kind.is_some() {
                true => Ok(()),
                false => Err(Invalid::new("kind", Problem::Missing)),
            }
        }
    }
}

impl UpdateTracksRequest {
    /// Checks the request for errors that the API would refuse: more than [`MAX_TRACKS`] entries, a
    /// missing `mid`, `trackName` or `sessionId`.
    ///
    /// # Errors
    /// [`Invalid`] with the first field that is wrong.
    pub fn check(&self) -> Result<(), Invalid> {
        check_offer(self.session_description.as_ref())?;
        check_count("tracks", self.tracks.len(), Needs::AnEntry, MAX_TRACKS)?;
        for (index, track) in self.tracks.iter().enumerate() {
            check_text("mid", track.mid.as_deref())
                .and_then(|()| check_remote(track))
                .map_err(|invalid| invalid.within(format_args!("tracks[{index}]")))?;
        }
        Ok(())
    }
}

impl CloseTracksRequest {
    /// Checks the request for errors that the API would refuse: no entry or more than
    /// [`MAX_TRACKS`], an empty `mid`, no offer without `force`.
    ///
    /// # Errors
    /// [`Invalid`] with the first field that is wrong.
    pub fn check(&self) -> Result<(), Invalid> {
        check_offer(self.session_description.as_ref())?;
        if !self.force && self.session_description.is_none() {
            return Err(Invalid::new("sessionDescription", Problem::Missing));
        }
        check_count("tracks", self.tracks.len(), Needs::AnEntry, MAX_TRACKS)?;
        for (index, track) in self.tracks.iter().enumerate() {
            check_text("mid", Some(&track.mid))
                .map_err(|invalid| invalid.within(format_args!("tracks[{index}]")))?;
        }
        Ok(())
    }
}

impl RenegotiateRequest {
    /// Checks that there is a complete answer.
    ///
    /// # Errors
    /// [`Invalid`] with the first field that is wrong.
    pub fn check(&self) -> Result<(), Invalid> {
        match &self.session_description {
            Some(answer) => check_description(answer, SdpType::Answer, "answer"),
            None => Err(Invalid::new("sessionDescription", Problem::Missing)),
        }
    }
}

impl EstablishDataChannelsTransportRequest {
    /// Checks the request for errors that the API would refuse: no channel, or a session
    /// description that is no complete offer.
    ///
    /// # Errors
    /// [`Invalid`] with the first field that is wrong.
    pub fn check(&self) -> Result<(), Invalid> {
        check_offer(self.session_description.as_ref())?;
        let channel = self.data_channel.as_ref();
        let channel = channel.ok_or(Invalid::new("dataChannel", Problem::Missing))?;
        check_text("dataChannelName", channel.data_channel_name.as_deref())
            .map_err(|invalid| invalid.within("dataChannel"))
    }
}

impl NewAdapterRequest {
    /// Checks the request for errors that the API would refuse: no entry or more than
    /// [`MAX_ADAPTERS`], an empty name, no session on a remote entry, an endpoint that is no
    /// WebSocket URL or on this machine.
    ///
    /// Only an API on this machine reaches an endpoint on it.
    ///
    /// # Errors
    /// [`Invalid`] with the first field that is wrong.
    pub fn check(&self, reach: Reach) -> Result<(), Invalid> {
        check_count("tracks", self.tracks.len(), Needs::AnEntry, MAX_ADAPTERS)?;
        for (index, adapter) in self.tracks.iter().enumerate() {
            check_adapter(adapter, reach)
                .map_err(|invalid| invalid.within(format_args!("tracks[{index}]")))?;
        }
        Ok(())
    }
}

impl CloseAdapterRequest {
    /// Checks that there is an entry, and no more than [`MAX_ADAPTERS`].
    ///
    /// # Errors
    /// [`Invalid`] with the field `tracks`.
    pub fn check(&self) -> Result<(), Invalid> {
        check_count("tracks", self.tracks.len(), Needs::AnEntry, MAX_ADAPTERS)
    }
}

/// Checks data channels to be published or subscribed to. Their types rule out all other errors.
pub(crate) fn check_channels(channels: &[DataChannel]) -> Result<(), Invalid> {
    check_count("dataChannels", channels.len(), Needs::AnEntry, usize::MAX)?;
    for (index, channel) in channels.iter().enumerate() {
        check_text("dataChannelName", channel.data_channel_name.as_deref())
            .map_err(|invalid| invalid.within(format_args!("dataChannels[{index}]")))?;
    }
    Ok(())
}

fn check_adapter(adapter: &NewAdapter, reach: Reach) -> Result<(), Invalid> {
    check_text("trackName", Some(&adapter.track_name))?;
    if adapter.location == TrackLocation::Remote && adapter.session_id.is_none() {
        return Err(Invalid::new("sessionId", Problem::Missing));
    }
    let url = Url::parse(&adapter.endpoint).ok();
    let url = url.filter(|url| matches!(url.scheme(), "ws" | "wss") && url.has_host());
    match url {
        None => Err(Invalid::new("endpoint", Problem::NotWebSocket)),
        Some(url) if reach == Reach::Network && is_loopback(&url) => {
            Err(Invalid::new("endpoint", Problem::Loopback))
        }
        Some(_) => Ok(()),
    }
}

fn check_remote(track: &Track) -> Result<(), Invalid> {
    if track.location.is_none() {
        return Err(Invalid::new("location", Problem::Missing));
    }
    check_text("trackName", track.track_name.as_deref())?;
    track.session_id.as_ref().map(drop).ok_or(Invalid::new("sessionId", Problem::Missing))
}

fn check_offer(description: Option<&SessionDescription>) -> Result<(), Invalid> {
    match description {
        Some(offer) => check_description(offer, SdpType::Offer, "offer"),
        None => Ok(()),
    }
}

fn check_text(field: &'static str, text: Option<&str>) -> Result<(), Invalid> {
    match text {
        None => Err(Invalid::new(field, Problem::Missing)),
        Some("") => Err(Invalid::new(field, Problem::Empty)),
        Some(_) => Ok(()),
    }
}

fn check_count(field: &'static str, given: usize, needs: Needs, max: usize) -> Result<(), Invalid> {
    match given {
        0 if needs == Needs::AnEntry => Err(Invalid::new(field, Problem::Empty)),
        _ if given > max => Err(Invalid::new(field, Problem::TooMany { max, given })),
        _ => Ok(()),
    }
}

fn check_locations<'a>(
    field: &'static str,
    mut locations: impl Iterator<Item = Option<&'a TrackLocation>>,
) -> Result<(), Invalid> {
    let first = locations.next();
    match locations.all(|location| Some(location) == first) {
        true => Ok(()),
        false => Err(Invalid::new(field, Problem::MixedLocations)),
    }
}

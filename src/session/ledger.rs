//! What a handle knows to be open on its session.

use std::collections::{BTreeMap, BTreeSet};

use crate::types::{SessionId, SessionResourceStatus};
use crate::{Mid, Origin, SessionState};

/// What was published and subscribed to and not closed yet.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) tracks: BTreeMap<Mid, HeldTrack>,
    pub(crate) channels: BTreeMap<u16, HeldChannel>,
    pub(crate) uncertain: Vec<Uncertain>,
    /// Whether data channels have their transport.
    pub(crate) has_transport: bool,
}

/// What is open on a media section.
#[derive(Clone, Debug, Default)]
pub(crate) struct HeldTrack {
    /// The publisher and the name of what is pulled there.
    pub(crate) source: Option<(SessionId, String)>,
    /// The reply that would have said whether it is open was lost.
    pub(crate) in_doubt: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct HeldChannel {
    /// As of a track.
    pub(crate) in_doubt: bool,
}

/// A change whose reply was lost: what it asked for may exist on the session.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Uncertain {
    /// The operation, as the generated client names it.
    pub operation: &'static str,
    /// The names of the tracks or channels that it asked for.
    pub names: Vec<String>,
}

impl Ledger {
    /// A track is open, whatever was known of its media section before.
    pub(crate) fn opened(&mut self, mid: Mid) {
        self.tracks.entry(mid).or_default().in_doubt = false;
    }

    pub(crate) fn subscribed(&mut self, mid: Mid, publisher: SessionId, name: impl Into<String>) {
        let source = Some((publisher, name.into()));
        self.tracks.insert(mid, HeldTrack { source, in_doubt: false });
    }

    /// A track may be open.
    pub(crate) fn may_be_open(&mut self, mid: Mid) {
        self.tracks.entry(mid).or_insert(HeldTrack { source: None, in_doubt: true });
    }

    pub(crate) fn uncertain(&mut self, operation: &'static str, names: Vec<String>) {
        self.uncertain.push(Uncertain { operation, names });
    }

    /// The tracks may be closed.
    pub(crate) fn may_be_closed<'a>(&mut self, mids: impl IntoIterator<Item = &'a Mid>) {
        for mid in mids {
            if let Some(track) = self.tracks.get_mut(mid) {
                track.in_doubt = true;
            }
        }
    }

    /// The channels may be closed.
    pub(crate) fn channels_may_be_closed<'a>(&mut self, ids: impl IntoIterator<Item = &'a u16>) {
        for id in ids {
            if let Some(channel) = self.channels.get_mut(id) {
                channel.in_doubt = true;
            }
        }
    }

    /// Whether only the session's state can tell what is open.
    pub(crate) fn is_in_doubt(&self) -> bool {
        !self.uncertain.is_empty()
            || self.tracks.values().any(|track| track.in_doubt)
            || self.channels.values().any(|channel| channel.in_doubt)
    }

    /// Takes over what the state says to be open, and settles all doubts.
    pub(crate) fn learn(&mut self, state: &SessionState) {
        let is_open = |status: &Option<SessionResourceStatus>| {
            *status != Some(SessionResourceStatus::Inactive)
        };
        let tracks = state.tracks.iter().filter(|track| is_open(&track.status));
        let open: BTreeSet<&Mid> = tracks.clone().filter_map(|track| track.mid.as_ref()).collect();
        self.tracks.retain(|mid, track| !track.in_doubt || open.contains(mid));
        for track in tracks {
            let Some(mid) = track.mid.clone() else { continue };
            match (&track.origin, &track.name) {
                (Origin::Subscribed(publisher), Some(name)) => {
                    self.subscribed(mid, publisher.clone(), name);
                }
                _ => self.opened(mid),
            }
        }
        let channels = state.data_channels.iter().filter(|channel| is_open(&channel.status));
        let open: BTreeSet<u16> = channels.filter_map(|channel| channel.id).collect();
        self.has_transport |= !open.is_empty();
        self.channels.retain(|id, channel| !channel.in_doubt || open.contains(id));
        // 0 is the transport's own channel.
        for id in open.into_iter().filter(|&id| id != 0) {
            self.channels.insert(id, HeldChannel::default());
        }
        self.uncertain.clear();
    }
}

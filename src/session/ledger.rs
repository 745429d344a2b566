//! What a handle knows to be open on its session.

use std::collections::BTreeMap;

use crate::Mid;
use crate::types::SessionId;

/// What was published and subscribed to and not closed yet.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) tracks: BTreeMap<Mid, HeldTrack>,
    pub(crate) channels: BTreeMap<u16, Option<String>>,
    pub(crate) uncertain: Vec<Uncertain>,
    /// Whether data channels have their transport.
    pub(crate) has_transport: bool,
}

/// What a media section carries: a published track, a subscription, or both
/// on a transceiver that is used in both directions.
#[derive(Clone, Debug, Default)]
pub(crate) struct HeldTrack {
    pub(crate) published: Option<String>,
    pub(crate) subscribed: Option<(SessionId, String)>,
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
    pub(crate) fn published(&mut self, mid: Mid, name: impl Into<String>) {
        self.tracks.entry(mid).or_default().published = Some(name.into());
    }

    pub(crate) fn subscribed(&mut self, mid: Mid, publisher: SessionId, name: impl Into<String>) {
        self.tracks.entry(mid).or_default().subscribed = Some((publisher, name.into()));
    }

    /// Something is open there; what exactly is not known.
    pub(crate) fn found(&mut self, mid: Mid) {
        self.tracks.entry(mid).or_default();
    }

    pub(crate) fn uncertain(&mut self, operation: &'static str, names: Vec<String>) {
        self.uncertain.push(Uncertain { operation, names });
    }
}

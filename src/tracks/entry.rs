//! Entries of the reply to `tracks/new`.

use crate::generated::types::TrackResult;
use crate::mid::Mid;

/// Name of the generated client's method.
pub(super) const NEW_TRACKS: &str = "new_tracks";

/// Returns the media section that an entry names.
pub(super) fn mid_of(entry: TrackResult) -> Option<Mid> {
    Mid::new(entry.mid?).ok()
}

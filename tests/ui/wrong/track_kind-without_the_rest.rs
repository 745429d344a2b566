//! Enums may grow, so a `match` has an arm for the rest.

use cloudflare_calls::types::TrackKind;

fn _number(kind: TrackKind) -> u8 {
    match kind {
        TrackKind::Audio => 1,
        TrackKind::Video => 2,
        TrackKind::Other(_) => 3,
    }
}

fn main() {}

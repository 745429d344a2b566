//! What an operation cannot do without cannot be forgotten.

use cloudflare_calls::types::{CloseTrack, CloseTracksRequest};

fn _request() -> CloseTracksRequest {
    CloseTracksRequest::new(true, [CloseTrack::new("0")])
}

fn main() {}

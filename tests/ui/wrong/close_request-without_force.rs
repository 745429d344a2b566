//! A required field of an operation cannot be forgotten.

use cloudflare_calls::types::{CloseTrack, CloseTracksRequest};

fn _request() -> CloseTracksRequest {
    CloseTracksRequest::new([CloseTrack::new("0")])
}

fn main() {}

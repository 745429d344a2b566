//! API's rules with a simulated clock and WebRTC.

// A test fails by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod adapters;
mod channels;
mod fake;
mod paging;
mod random;
mod requests;
mod sessions;
mod tracks;
mod violations;
mod waits;
mod world;

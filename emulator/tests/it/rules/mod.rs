//! API's rules with a simulated clock and WebRTC.

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

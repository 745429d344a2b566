//! Client against the emulator, with agents whose media really flows.

// A test fails by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod adapters;
mod bidirectional;
mod cancelling;
mod channels;
mod closing;
mod flows;
mod lifecycle;
mod lost;
mod network;
mod partial;
mod publishing;
mod refused;
mod room;
mod subscribing;
mod switching;
#[cfg(feature = "turn")]
mod turn;
mod turns;
mod unanswered;
mod waiting;

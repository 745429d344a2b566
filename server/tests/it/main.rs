//! Routes, as their users see them, over an emulator of the Calls API.

// A test fails by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod authorisation;
mod events;
mod gone;
mod hang_up;
mod hooks;
mod random;
mod readme;
mod scene;
mod secrets;
mod shape;
mod support;
mod whip;

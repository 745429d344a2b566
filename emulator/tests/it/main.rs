//! Tests of the emulator with agents or plain requests. A test that reads its process's memory,
//! files or logs has a program of its own instead.

// A test fails by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod account;
mod descriptions;
mod faults;
mod http;
mod load;
mod page;
mod reach;
#[path = "../support/mod.rs"]
mod support;

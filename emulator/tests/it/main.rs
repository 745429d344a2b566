//! Tests of the emulator: its rules, its media, and all of it with clients and agents. They are one
//! program, because the programs of a crate run one after another, and most tests wait.

// A test fails by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod account;
#[cfg(feature = "adapters")]
mod adapters;
mod alone;
mod canned;
#[cfg(feature = "adapters")]
mod conformance;
mod descriptions;
mod faults;
mod http;
mod load;
mod media;
mod page;
#[cfg(feature = "program")]
mod program;
mod reach;
mod rules;
mod support;
#[cfg(not(feature = "adapters"))]
mod without_adapters;

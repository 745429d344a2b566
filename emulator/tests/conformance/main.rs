//! All operations over HTTP, with every reply compared to the document.

// A test fails by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod adapters;
mod api;
mod channels;
mod contract;
mod coverage;
mod flows;
mod invalid;
mod refusals;
mod tracks;
mod waits;

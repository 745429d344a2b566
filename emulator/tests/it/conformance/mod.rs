//! All operations over HTTP, with every reply compared to the document.

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

//! Requests and replies, as they are read and written.

pub(crate) mod adapters;
pub(crate) mod body;
pub(crate) mod change;
pub(crate) mod channels;
pub(crate) mod endpoints;
pub(crate) mod operation;
pub(crate) mod reply;
pub(crate) mod request;
pub(crate) mod tracks;
